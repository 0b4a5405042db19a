//! What the actions of one tenant share.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::limits::Limits;
use crate::names::Names;

pub(crate) struct Tenant {
    pub(crate) names: Names,
    pub(crate) running: AtomicU32,
    /// Tells the requests under way that a block was added.
    pub(crate) blocks: Notify,
    /// When the next request would be due if they came evenly, in nanoseconds after `since`.
    due: AtomicU64,
    since: Instant,
}

impl Tenant {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            names: Names::new(limits.lookups, limits.answers_kept),
            running: AtomicU32::new(0),
            blocks: Notify::new(),
            due: AtomicU64::new(0),
            since: Instant::now(),
        }
    }

    /// Takes one of the requests that may be made in a second, if there is one. What was not used for a second is lost.
    pub(crate) fn is_due(&self, now: Instant, a_second: u32) -> bool {
        const SECOND: u64 = 1_000_000_000;
        let step = SECOND / u64::from(a_second.max(1));
        let now = now.saturating_duration_since(self.since).as_nanos();
        // Half of what fits is two centuries.
        let now = u64::try_from(now).unwrap_or(u64::MAX / 2);
        let take = |due: u64| {
            let due = due.max(now);
            (due - now <= SECOND - step).then_some(due + step)
        };
        self.due
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_come_at_a_rate_after_a_burst() {
        let tenant = Tenant::new(&Limits::default());
        let take = |count: usize| {
            let due = (0..count).filter(|_| tenant.is_due(Instant::now(), 100));
            due.count()
        };
        assert_eq!(take(500), 100);
        tokio::time::advance(Duration::from_millis(50)).await;
        assert_eq!(take(500), 5);
        tokio::time::advance(Duration::from_mins(5)).await;
        assert_eq!(take(500), 100);
    }
}
