//! What happens to a tenant's notifications, as it happens, for whoever watches. Where nobody does, nothing is done.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use phonebox_contract::{NotificationId, Status};
use phonebox_store::Attempt;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};
use tokio::sync::watch;

use super::circuit::LeftAlone;
use super::engine::{Engine, Phase, reached};

/// Tails open at once, of one tenant and in all.
const OPEN: [usize; 2] = [8, 128];
/// What is kept for who reads slowly.
const KEPT: usize = 128;

/// Something that happened to a notification.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Happened {
    /// An attempt ended.
    Attempt(NotificationId, Attempt),
    /// It stands elsewhere from now on.
    Status(NotificationId, Status),
    /// It is put off, and so waits again, because attempts keep failing at its provider.
    PutOff(NotificationId, LeftAlone),
    /// Whoever reads was too slow, and so many are missing here.
    Missed(u64),
}

/// As many tails are open as there may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("as many tails are open as there may be")]
pub struct TooManyTails;

/// What happens to one tenant's notifications from now on. Who reads it slowly misses some, and is told; nobody waits for it.
pub struct Tail {
    engine: Arc<Engine>,
    tenant: Arc<str>,
    happened: Receiver<Arc<Happened>>,
    phase: watch::Receiver<Phase>,
}

#[derive(Default)]
pub(super) struct Tails {
    count: AtomicUsize,
    of: Mutex<HashMap<Arc<str>, Sender<Arc<Happened>>>>,
}

impl Tails {
    /// Tells who watches this tenant.
    pub(super) fn tell(&self, tenant: &str, happened: impl FnOnce() -> Happened) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        if let Some(tail) = self.of().get(tenant) {
            // Who watched may be gone.
            drop(tail.send(Arc::new(happened())));
        }
    }

    fn of(&self) -> MutexGuard<'_, HashMap<Arc<str>, Sender<Arc<Happened>>>> {
        // Each change is whole.
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    pub(crate) fn open(engine: &Arc<Engine>, tenant: &Arc<str>) -> Result<Self, TooManyTails> {
        let tails = &engine.tails;
        let [of_tenant, in_all] = OPEN;
        let mut of = tails.of();
        if tails.count.load(Ordering::Relaxed) >= in_all {
            return Err(TooManyTails);
        }
        let tail = of
            .entry(tenant.clone())
            .or_insert_with(|| Sender::new(KEPT));
        if tail.receiver_count() >= of_tenant {
            return Err(TooManyTails);
        }
        tails.count.fetch_add(1, Ordering::Relaxed);
        Ok(Self {
            engine: engine.clone(),
            tenant: tenant.clone(),
            happened: tail.subscribe(),
            phase: engine.phase.subscribe(),
        })
    }

    /// Waits for the next thing that happens. None: nothing is delivered any more, for phonebox has been shut down.
    pub async fn next(&mut self) -> Option<Arc<Happened>> {
        tokio::select! {
            biased;
            happened = self.happened.recv() => match happened {
                Ok(happened) => Some(happened),
                Err(RecvError::Lagged(missed)) => Some(Arc::new(Happened::Missed(missed))),
                Err(RecvError::Closed) => None,
            },
            () = reached(&mut self.phase, Phase::Ending) => None,
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let tails = &self.engine.tails;
        let mut of = tails.of();
        tails.count.fetch_sub(1, Ordering::Relaxed);
        // This one is still among them.
        if of
            .get(&self.tenant)
            .is_some_and(|tail| tail.receiver_count() <= 1)
        {
            of.remove(&self.tenant);
        }
    }
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tail").field(&self.tenant).finish()
    }
}
