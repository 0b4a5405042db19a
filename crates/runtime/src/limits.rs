use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::RunError;

/// What one run may use. The defaults are meant for production.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Time by the clock, from the start of the run. At most [`Limits::LONGEST_DEADLINE`]. Default: 10 s.
    pub deadline: Duration,
    /// Time spent computing, summed; waiting is free. Checked every 5 ms. Default: 200 ms.
    pub cpu: Duration,
    /// Bytes of linear memory, summed over all memories. Default: 64 MiB.
    pub memory: usize,
    /// Table elements, summed over all tables. Default: 20,000.
    pub table_elements: usize,
    /// Core instances in the component. Default: 20.
    pub instances: usize,
    /// Points for calls into the host: 1 a call, 5 more a log line. Default: 20,000.
    pub host_calls: u64,
}

impl Limits {
    /// The longest that a run may take: what Auth0 allows.
    pub const LONGEST_DEADLINE: Duration = Duration::from_secs(20);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            cpu: Duration::from_millis(200),
            memory: 64 << 20,
            table_elements: 20_000,
            instances: 20,
            host_calls: 20_000,
        }
    }
}

/// Sums the time that a thread computes while it polls a run: what the system takes away meanwhile (another process, a
/// quota of its container) is not the action's to pay. Shared between the future that polls and the epoch callback, which
/// runs inside such a poll and so on the same thread.
#[derive(Clone, Default)]
pub(crate) struct CpuMeter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Nanoseconds summed over the polls that ended.
    spent: AtomicU64,
    /// The thread's clock at the beginning of the poll under way, in nanoseconds.
    polled_at: AtomicU64,
}

impl CpuMeter {
    /// Runs one poll and charges for it.
    pub(crate) fn charge<T>(&self, poll: impl FnOnce() -> T) -> T {
        self.0.polled_at.store(thread_time(), Ordering::Relaxed);
        let result = poll();
        self.0
            .spent
            .fetch_add(self.since_polled(), Ordering::Relaxed);
        result
    }

    /// Time charged for polls that ended.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.0.spent.load(Ordering::Relaxed))
    }

    /// Time charged, with the poll under way.
    pub(crate) fn spent_now(&self) -> Duration {
        self.spent() + Duration::from_nanos(self.since_polled())
    }

    fn since_polled(&self) -> u64 {
        thread_time().saturating_sub(self.0.polled_at.load(Ordering::Relaxed))
    }
}

/// How long this thread has computed, in nanoseconds.
#[cfg(unix)]
fn thread_time() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds.unwrap_or(0))
}

/// Where threads have no clock of their own: the time by the clock.
#[cfg(not(unix))]
fn thread_time() -> u64 {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Grants or refuses growth within one store, and remembers the peak.
pub(crate) struct Growth {
    limits: Limits,
    memory: usize,
    table_elements: usize,
    pub(crate) peak_memory: usize,
    /// Whether memory was ever refused: a trap after that is most likely a failed allocation.
    pub(crate) memory_refused: bool,
}

impl Growth {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            memory: 0,
            table_elements: 0,
            peak_memory: 0,
            memory_refused: false,
        }
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add(desired.saturating_sub(current));
        if total > self.limits.memory || maximum.is_some_and(|maximum| desired > maximum) {
            self.memory_refused = true;
            return Ok(false);
        }
        self.memory = total;
        self.peak_memory = self.peak_memory.max(total);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self
            .table_elements
            .saturating_add(desired.saturating_sub(current));
        if total > self.limits.table_elements || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }
}

/// Points for calls into the host.
pub(crate) struct HostCalls {
    limit: u64,
    pub(crate) points: u64,
    pub(crate) calls: u64,
}

impl HostCalls {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            points: 0,
            calls: 0,
        }
    }

    /// Charges for one call.
    pub(crate) fn call(&mut self) -> Result<(), RunError> {
        self.calls += 1;
        self.charge(1)
    }

    /// Charges points beyond the one for the call.
    pub(crate) fn charge(&mut self, points: u64) -> Result<(), RunError> {
        self.points = self.points.saturating_add(points);
        if self.points > self.limit {
            return Err(RunError::HostCallsExceeded { limit: self.limit });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_summed_over_memories() {
        let mut growth = Growth::new(Limits {
            memory: 100,
            ..Limits::default()
        });
        assert!(growth.memory_growing(0, 60, None).unwrap());
        assert!(!growth.memory_growing(0, 41, None).unwrap());
        assert!(growth.memory_refused);
        assert!(growth.memory_growing(0, 40, None).unwrap());
        assert!(!growth.memory_growing(60, 61, None).unwrap());
        assert_eq!(growth.peak_memory, 100);
    }

    #[test]
    fn host_calls_end_at_their_limit() {
        let mut calls = HostCalls::new(3);
        assert_eq!((calls.call(), calls.charge(2)), (Ok(()), Ok(())));
        assert_eq!(calls.call(), Err(RunError::HostCallsExceeded { limit: 3 }));
    }
}
