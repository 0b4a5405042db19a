//! What a sandbox costs: `cargo bench -p phonebox-runtime`. Reported, never asserted. Linux only.
//!
//! This process is pinned to one core and the provider, a process of its own, to another. So the process's CPU time is the
//! client's alone, and a rate is that of one core. First criterion, then one table: figures of several rounds in which the
//! cells take turns, because a machine's speed changes from minute to minute; ratios are to the native client of the same
//! rounds. `cargo bench -p phonebox-runtime -- --no-criterion` prints the table alone.

#![expect(
    clippy::print_stdout,
    reason = "a benchmark speaks to whoever started it"
)]
#![expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]

mod measure;
mod provider;
mod table;
mod workload;

use criterion::{BenchmarkId, Criterion, Throughput};

use crate::provider::Provider;
use crate::workload::{CONCURRENCY, Workload};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = |argument: &str| arguments.iter().any(|given| given == argument);
    if asked(provider::ARGUMENT) {
        return provider::serve();
    }
    let cores = measure::pin_to_one_core();
    let provider = Provider::start(cores.provider);
    let workload = Workload::new(provider.address);
    let idle = table::idle(&workload);
    if !asked("--no-criterion") {
        let mut criterion = Criterion::default().configure_from_args();
        load(&mut criterion, &workload);
        deliver(&mut criterion, &workload);
        criterion.final_summary();
    }
    // `cargo test --benches` only wants to see that it runs.
    if asked("--bench") {
        table::print(&workload, idle, &cores);
    }
}

fn load(criterion: &mut Criterion, workload: &Workload) {
    let mut group = criterion.benchmark_group("load-from-cache");
    for component in &workload.components {
        group.bench_function(component.guest.name, |bench| {
            bench.iter(|| component.load());
        });
    }
    group.finish();
}

fn deliver(criterion: &mut Criterion, workload: &Workload) {
    let mut group = criterion.benchmark_group("deliver");
    group.throughput(Throughput::Elements(1));
    group.bench_function("noop", |bench| {
        bench.iter_custom(|runs| workload.noop(runs).wall);
    });
    for client in &workload.clients {
        for concurrency in CONCURRENCY {
            group.bench_function(BenchmarkId::new(client.name, concurrency), |bench| {
                bench.iter_custom(|posts| workload.post(client, concurrency, posts).wall);
            });
        }
    }
    group.finish();
}
