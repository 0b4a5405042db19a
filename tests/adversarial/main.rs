//! The sandbox holds: every attack of the catalogue that has to do with uploads, computing, calls, requests, answers,
//! neighbours and the queue, made against the shipped binary.
//!
//! Cast: each area of the catalogue is a file. It starts one `phonebox run` ([`host`]) with an evil provider and a good one
//! around it ([`provider`]), and makes its attacks one after the other ([`area`]). The attackers are the probe of
//! `tests/guests`, which does what a line of text tells it, core modules written by hand where no compiler would write
//! them so ([`core`]), and actions in JavaScript ([`javascript`], with ids of its own). The queue's attacks are made against `phonebox serve` ([`queue`]).
//!
//! One attack in order: what the process holds is counted; the attack is made, and meanwhile another tenant sends messages,
//! each of which must arrive; then the process must live, its places be free, its descriptors and memory be back, the log
//! have exactly one record of each request that a guest made, and nothing that it said show a canary ([`canary`]): the
//! code, the number, or a secret, in any spelling.
//!
//! Attacks on the store and the server need more around them, and are tests of `crates/cli/tests/it` and
//! `crates/phonebox/tests/it` whose names begin with their ids: Q01, Q07, Q10, S07, S09, S11,
//! W01, W02, W04, W05, W07, W08, W15, W17, W18.
//!
//! `cargo test -p phonebox-cli --test adversarial -- B02 D` makes only the attacks whose ids contain one of these; ids begin
//! with a capital letter, so a filter that is meant for other tests makes none.

#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has found something"
)]
#![allow(clippy::print_stdout, reason = "it prints a table")]
#![allow(clippy::format_collect, reason = "small texts, made once")]

mod answers;
mod area;
mod artifacts;
mod calls;
mod canary;
mod computing;
mod core;
mod egress;
#[allow(dead_code, reason = "these attacks use a part of it")]
#[path = "../../crates/phonebox/tests/it/gate.rs"]
mod gate;
mod host;
#[path = "../../crates/componentize/tests/it/hostile.rs"]
mod hostile;
mod javascript;
mod limits;
mod logs;
mod neighbours;
mod provider;
mod queue;
mod secrets;
mod uploads;

use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use area::Row;
use futures_util::StreamExt as _;

/// Areas at once. What each of them measures is its own process's.
const AT_ONCE: usize = 2;

/// Options of cargo's own harness that take a value.
const OPTIONS: &[&str] = &[
    "--color",
    "--format",
    "--logfile",
    "--skip",
    "--test-threads",
];

/// Attacks that the filter has kept from being made.
pub(crate) static FILTERED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Where and why this thread panicked last.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

type Attack<'a> = Pin<Box<dyn Future<Output = Vec<Row>> + 'a>>;

#[tokio::main]
async fn main() -> ExitCode {
    let mut filter = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if OPTIONS.contains(&argument.as_str()) {
            arguments.next();
        } else if !argument.starts_with('-') {
            filter.push(argument);
        }
    }
    let began = Instant::now();
    let others_only = |word: &String| !word.starts_with(|first: char| first.is_ascii_uppercase());
    if std::env::args().any(|argument| argument == "--list")
        || !filter.is_empty() && filter.iter().all(others_only)
    {
        return close(&[], began);
    }
    std::panic::set_hook(Box::new(note_panic));
    let areas: Vec<Attack<'_>> = vec![
        Box::pin(neighbours::attack(&filter)),
        Box::pin(secrets::attack(&filter)),
        Box::pin(calls::attack(&filter)),
        Box::pin(egress::attack(&filter)),
        Box::pin(answers::attack(&filter)),
        Box::pin(computing::attack(&filter)),
        Box::pin(uploads::attack(&filter)),
        Box::pin(artifacts::attack(&filter)),
        Box::pin(logs::attack(&filter)),
        Box::pin(limits::attack(&filter)),
        Box::pin(queue::attack(&filter)),
        Box::pin(javascript::attack(&filter)),
    ];
    let rows: Vec<Vec<Row>> = futures_util::stream::iter(areas)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    close(&rows, began)
}

/// Ends the output in the words of cargo's own harness, so that what reads those understands it.
fn close(rows: &[Row], began: Instant) -> ExitCode {
    let failed: Vec<&str> = rows
        .iter()
        .filter(|row| row.outcome.is_err())
        .map(|row| row.id.as_str())
        .collect();
    if !failed.is_empty() {
        println!("\nattacks with success: {}", failed.join(", "));
    }
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        if failed.is_empty() { "ok" } else { "FAILED" },
        rows.len() - failed.len(),
        failed.len(),
        FILTERED.load(Ordering::Relaxed),
        began.elapsed().as_secs_f64(),
    );
    ExitCode::from(u8::from(!failed.is_empty()))
}

fn note_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(String::new, |place| {
        let file = place.file().rsplit('/').next().unwrap_or_default();
        format!("{file}:{}: ", place.line())
    });
    let what = message(panic.payload());
    PANIC.set(format!("{place}{what}"));
}

/// What a panic that was just caught on this thread said, and where.
pub(crate) fn what_panicked(payload: &(dyn Any + Send)) -> String {
    let noted = PANIC.take();
    if noted.is_empty() {
        message(payload).to_owned()
    } else {
        noted
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}
