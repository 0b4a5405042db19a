//! How many attempts may be under way at once, in all and of each tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub(super) struct Slots {
    of_tenant: usize,
    taken: Mutex<Taken>,
    /// Told whenever one becomes free.
    pub(super) freed: Notify,
}

struct Taken {
    free: usize,
    by: HashMap<String, usize>,
}

/// One attempt's. Free again when it is dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    tenant: String,
}

impl Slots {
    pub(super) fn new(all: usize, of_tenant: usize) -> Arc<Self> {
        Arc::new(Self {
            of_tenant: of_tenant.max(1),
            taken: Mutex::new(Taken {
                free: all.max(1),
                by: HashMap::new(),
            }),
            freed: Notify::new(),
        })
    }

    /// One, if there is one for this tenant.
    pub(super) fn take(self: &Arc<Self>, tenant: &str) -> Option<Slot> {
        let mut taken = self.taken();
        let own = taken.by.get(tenant).copied().unwrap_or(0);
        if taken.free == 0 || own >= self.of_tenant {
            return None;
        }
        taken.free -= 1;
        taken.by.insert(tenant.to_owned(), own + 1);
        Some(Slot {
            slots: self.clone(),
            tenant: tenant.to_owned(),
        })
    }

    pub(super) fn free(&self) -> usize {
        self.taken().free
    }

    pub(super) const fn of_tenant(&self) -> usize {
        self.of_tenant
    }

    /// Waits for all of them to be free.
    pub(super) async fn all_free(&self) {
        loop {
            let freed = self.freed.notified();
            if self.taken().by.is_empty() {
                return;
            }
            freed.await;
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Each change is whole.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        taken.free += 1;
        if let Some(own) = taken.by.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                taken.by.remove(&self.tenant);
            }
        }
        drop(taken);
        self.slots.freed.notify_one();
        self.slots.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tenant_has_its_share_and_no_more() {
        let slots = Slots::new(3, 2);
        let one = slots.take("acme").unwrap();
        let two = slots.take("acme").unwrap();
        assert!(slots.take("acme").is_none());
        let other = slots.take("other").unwrap();
        assert!(slots.take("third").is_none());
        drop(one);
        assert_eq!(slots.free(), 1);
        let again = slots.take("acme").unwrap();
        let ((), ()) = tokio::join!(slots.all_free(), async {
            drop((two, other));
            tokio::task::yield_now().await;
            drop(again);
        });
        assert_eq!(slots.free(), 3);
    }
}
