//! How many attempts may be under way at once, in all and of each tenant.
//!
//! What an attempt costs here is the time for which it holds its slot. So tenants are not weighed by how many attempts they
//! begin but by how many slots they hold: one may hold [`TIMES`] as many as are free, whoever else there is. With a provider that
//! takes ten seconds a tenant then begins fewer attempts than one with a quick provider, and holds as many slots. And a part is
//! kept for tenants that hold none, so that the next that comes need not wait until somebody's provider answers. What computing
//! costs is shared out by turns in the runtime.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A tenant holds at most this many times what is free. The more, the fewer stay unused while there is only one, and the fewer
/// are free when another one comes.
const TIMES: usize = 4;
/// One slot of so many is for tenants that hold none.
const KEPT: usize = 16;

pub(super) struct Slots {
    of_tenant: usize,
    /// For tenants that hold none.
    kept: usize,
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
            kept: all / KEPT,
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
        if own >= self.most(taken.free) {
            return None;
        }
        taken.free -= 1;
        taken.by.insert(tenant.to_owned(), own + 1);
        Some(Slot {
            slots: self.clone(),
            tenant: tenant.to_owned(),
        })
    }

    /// Most that a tenant may hold and take one more, of so many that are free.
    fn most(&self, free: usize) -> usize {
        let shared = free.saturating_sub(self.kept).saturating_mul(TIMES);
        shared.clamp(free.min(1), self.of_tenant)
    }

    /// How many may be taken now, and up to how many a tenant may hold for each of these to be had. None: there is none.
    pub(super) fn to_take(&self) -> Option<(usize, usize)> {
        let free = self.taken().free;
        let take = free.div_ceil(2);
        let left = free.checked_sub(take)?;
        (take > 0).then(|| (take, self.most(left + 1)))
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
        assert_eq!(slots.to_take(), Some((1, 2)));
        let again = slots.take("acme").unwrap();
        let ((), ()) = tokio::join!(slots.all_free(), async {
            drop((two, other));
            tokio::task::yield_now().await;
            drop(again);
        });
        assert_eq!(slots.taken().free, 3);
    }

    #[test]
    fn there_is_a_slot_for_the_next_that_comes() {
        let slots = Slots::new(256, 20);
        let mut taken = Vec::new();
        for number in 1..=28 {
            let tenant = number.to_string();
            let first = slots.take(&tenant);
            assert!(first.is_some(), "there is none for tenant {number}");
            taken.extend(first);
            while let Some(slot) = slots.take(&tenant) {
                taken.push(slot);
            }
        }
        // As many as it is told that it may take are there to be taken, whoever takes them.
        taken.truncate(150);
        let (take, of_tenant) = slots.to_take().unwrap();
        let holds = |tenant: &str| slots.taken().by.get(tenant).copied().unwrap_or(0);
        for _ in 0..take {
            let tenant = (1..=28)
                .map(|tenant| tenant.to_string())
                .find(|tenant| holds(tenant) < of_tenant);
            taken.push(slots.take(&tenant.unwrap()).unwrap());
        }
    }
}
