use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

use crate::RunError;
use crate::sandbox::lock;

/// How often the clock interrupts what runs.
pub(crate) const TICK: Duration = Duration::from_millis(5);

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
    /// Points for calls into the host: 1 a call, 5 more a log line, 500 more a request. Default: 20,000.
    pub host_calls: u64,
    /// Random bytes. Default: 64 KiB.
    pub random: u64,
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
            random: 64 << 10,
        }
    }
}

/// Sums the time that a thread computes while it polls a run. Shared between the future that polls and the epoch callback,
/// which runs inside such a poll and so on the same thread.
///
/// What the system takes away meanwhile (another process, a quota of its container) is not the action's to pay, so long
/// polls are charged by the thread's own clock. Asking it is a system call, and most polls take some microseconds: up to
/// its first tick a poll is charged by the wall clock, and for no more than the tick that it did not reach.
#[derive(Clone, Default)]
pub(crate) struct CpuMeter(Arc<Meter>);

#[derive(Default)]
struct Meter {
    /// Nanoseconds summed over the polls that ended.
    spent: AtomicU64,
    under_way: Mutex<Option<Poll>>,
}

/// A poll under way.
#[derive(Clone, Copy)]
struct Poll {
    began: Instant,
    /// From its first tick on: what was charged until then, and the thread's clock at that moment.
    ticked: Option<(Duration, Duration)>,
}

impl CpuMeter {
    /// Runs one poll and charges for it. Gives what it cost, too.
    pub(crate) fn charge<T>(&self, poll: impl FnOnce() -> T) -> (T, Duration) {
        let began = Instant::now();
        *lock(&self.0.under_way) = Some(Poll {
            began,
            ticked: None,
        });
        let result = poll();
        let ended = lock(&self.0.under_way).take();
        let cost = ended.map_or(Duration::ZERO, Poll::cost);
        let nanos = u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX);
        self.0.spent.fetch_add(nanos, Ordering::Relaxed);
        (result, cost)
    }

    /// Time charged for polls that ended.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.0.spent.load(Ordering::Relaxed))
    }

    /// At a tick: time charged, with the poll under way. None where that poll has only begun: the clock ticked while the
    /// run was waiting.
    pub(crate) fn tick(&self) -> Option<Duration> {
        let mut under_way = lock(&self.0.under_way);
        let poll = under_way.as_mut()?;
        if poll.ticked.is_none() {
            let until_now = poll.began.elapsed();
            if until_now < TICK / 2 {
                return None;
            }
            poll.ticked = Some((until_now.min(TICK), thread_time()));
        }
        Some(self.spent() + poll.cost())
    }
}

impl Poll {
    fn cost(self) -> Duration {
        match self.ticked {
            None => self.began.elapsed().min(TICK),
            Some((before, since)) => before + thread_time().saturating_sub(since),
        }
    }
}

/// How long this thread has computed.
#[cfg(unix)]
fn thread_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}

/// Where threads have no clock of their own: the time by the clock.
#[cfg(not(unix))]
fn thread_time() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed()
}

/// Grants or refuses growth within one store, and remembers the peak.
pub(crate) struct Growth {
    limits: Limits,
    memory: usize,
    table_elements: usize,
    pub(crate) peak_memory: usize,
    /// Whether memory was ever refused: a trap after that is most likely a failed allocation.
    pub(crate) memory_refused: bool,
    /// How often the guest asked for it. The engine takes each for a call into the host. What is there from the start grows
    /// from nothing, and nobody asked.
    pub(crate) asked: u64,
}

impl Growth {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            memory: 0,
            table_elements: 0,
            peak_memory: 0,
            memory_refused: false,
            asked: 0,
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
        self.asked += u64::from(current > 0);
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
        self.asked += u64::from(current > 0);
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
    /// Whether the guest asks if it has computed for as long as it may: it will end by itself then.
    pub(crate) asks: bool,
    /// Whether it has.
    pub(crate) exhausted: bool,
}

impl HostCalls {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit,
            points: 0,
            calls: 0,
            asks: false,
            exhausted: false,
        }
    }

    /// Whether the guest has computed for as long as it may.
    pub(crate) fn exhausted(&mut self) -> bool {
        self.asks = true;
        self.exhausted
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
