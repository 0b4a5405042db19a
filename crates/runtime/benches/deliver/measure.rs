//! CPU time, cores and memory of this process.

use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// What a number of equal operations took together.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    /// Of all threads of this process.
    pub(crate) cpu: Duration,
    pub(crate) operations: u64,
}

/// A sample that has begun.
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu_time(),
        }
    }

    pub(crate) fn stop(self, operations: u64) -> Sample {
        Sample {
            wall: self.wall.elapsed(),
            cpu: cpu_time().saturating_sub(self.cpu),
            operations,
        }
    }
}

impl Sample {
    pub(crate) fn wall_us(&self) -> f64 {
        self.wall.as_secs_f64() * 1e6 / self.operations as f64
    }

    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.operations as f64
    }

    pub(crate) fn a_second(&self) -> f64 {
        self.operations as f64 / self.wall.as_secs_f64()
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Where client and provider run.
pub(crate) struct Cores {
    pub(crate) client: usize,
    pub(crate) provider: usize,
}

/// Pins this thread, and with it all that it will start, to the first core there is; the provider is for the last.
pub(crate) fn pin_to_one_core() -> Cores {
    let allowed = sched_getaffinity(None).expect("a thread may ask where it runs");
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|core| allowed.is_set(*core))
        .collect();
    let (Some(&client), Some(&provider)) = (cores.first(), cores.last()) else {
        unreachable!("a thread runs somewhere")
    };
    pin(client);
    Cores { client, provider }
}

/// Pins this thread to a core.
pub(crate) fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).expect("the core is one that this thread may use");
}

/// Anonymous memory of this process, in KiB: what cannot be had back from a file.
pub(crate) fn anonymous_memory() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux has it");
    rollup
        .lines()
        .find_map(|line| {
            line.strip_prefix("Anonymous:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .expect("it tells anonymous memory in kB")
}
