//! The table: what things cost, how many times the native client's cost that is, and whether that is within the goal.

use crate::measure::{Cores, Sample, Stopwatch, anonymous_memory};
use crate::workload::{CONCURRENCY, Client, Component, Workload};

/// How often each cell has its turn.
const ROUNDS: usize = 7;
/// Operations of one turn.
const OPERATIONS: u64 = 4000;
/// Loads of one turn, and copies loaded at once to see what one weighs.
const LOADS: u64 = 200;

// The goals.
const LOAD_US: f64 = 400.0;
const IDLE_KIB: f64 = 100.0;
const NOOP_US: f64 = 15.0;
/// CPU of a POST, as a multiple of the native client's; by client and concurrency.
const RATIOS: [(&str, usize, f64); 2] = [("buffered", 16, 4.0), ("wasi:http", 16, 7.0)];
const A_SECOND: [(&str, usize, f64); 1] = [("buffered", 16, 15_000.0)];

/// Anonymous KiB of one copy of each component. To be asked first of all: memory that was freed before, and is used again,
/// would not be seen.
pub(crate) fn idle(workload: &Workload) -> [f64; 2] {
    let mut kept = Vec::new();
    workload.components.each_ref().map(|component| {
        let before = anonymous_memory();
        kept.extend((0..LOADS).map(|_| component.load()));
        anonymous_memory().saturating_sub(before) as f64 / LOADS as f64
    })
}

pub(crate) fn print(workload: &Workload, idle: [f64; 2], cores: &Cores) {
    println!(
        "\nClient on core {}, provider on core {}. Best (median) of {ROUNDS} rounds; goals are held against the best.\n",
        cores.client, cores.provider
    );
    for (component, idle) in workload.components.iter().zip(idle) {
        let name = component.guest.name;
        let what = format!("one idle {name}, anonymous KiB");
        row(&what, (idle, idle), IDLE_KIB);
        let loads = rounds(|| load(component));
        row(&format!("load {name} from the cache, µs"), loads, LOAD_US);
    }
    let noop = rounds(|| workload.noop(OPERATIONS).wall_us());
    row("instantiate and no-op deliver, µs", noop, NOOP_US);

    println!(
        "\n{:<18} {:>7}  {:>15}  {:>16}  {:>18}",
        "POST by", "at once", "CPU each, µs", "times native", "a second"
    );
    for concurrency in CONCURRENCY {
        let mut samples = workload.clients.each_ref().map(|_| Vec::new());
        for _ in 0..ROUNDS {
            for (client, samples) in workload.clients.iter().zip(&mut samples) {
                samples.push(workload.post(client, concurrency, OPERATIONS));
            }
        }
        let [native, ..] = &samples;
        let native = best_and_median(native.iter().map(Sample::cpu_us));
        for (client, samples) in workload.clients.iter().zip(&samples) {
            post_row(client, concurrency, samples, native);
        }
    }
}

fn load(component: &Component) -> f64 {
    let stopwatch = Stopwatch::start();
    for _ in 0..LOADS {
        drop(component.load());
    }
    stopwatch.stop(LOADS).wall_us()
}

fn rounds(turn: impl Fn() -> f64) -> (f64, f64) {
    best_and_median((0..ROUNDS).map(|_| turn()))
}

fn row(what: &str, (best, median): (f64, f64), goal: f64) {
    let verdict = verdict(best <= goal);
    println!("{what:<36} {best:>7.1} ({median:.1})  goal ≤ {goal}: {verdict}");
}

fn post_row(client: &Client, concurrency: usize, samples: &[Sample], native: (f64, f64)) {
    let cpu = best_and_median(samples.iter().map(Sample::cpu_us));
    let ratio = (cpu.0 / native.0, cpu.1 / native.1);
    let fastest = samples.iter().map(Sample::a_second).fold(0.0, f64::max);
    let goal = |goals: &[(&str, usize, f64)]| {
        let mine = |goal: &&(&str, usize, f64)| (goal.0, goal.1) == (client.name, concurrency);
        goals.iter().find(mine).map(|goal| goal.2)
    };
    let cost = goal(&RATIOS).map_or_else(String::new, |goal| {
        format!("  goal ≤ {goal}×: {}", verdict(ratio.0 <= goal))
    });
    let rate = goal(&A_SECOND).map_or_else(String::new, |goal| {
        format!("  goal ≥ {goal} a second: {}", verdict(fastest >= goal))
    });
    println!(
        "{:<18} {concurrency:>7}  {:>6.1} ({:>6.1})  {:>6.2}× ({:>5.2}×)  {fastest:>18.0}{cost}{rate}",
        client.name, cpu.0, cpu.1, ratio.0, ratio.1,
    );
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// The smallest and the middle one.
fn best_and_median(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    (at(0), at(values.len() / 2))
}
