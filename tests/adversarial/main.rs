//! The sandbox holds: every attack of the catalogue that has to do with uploads, computing, calls, requests, answers and
//! neighbours, made against the shipped binary.
//!
//! Cast: each area of the catalogue is a file. It starts one `phonebox run` ([`host`]) with an evil provider and a good one
//! around it ([`provider`]), and makes its attacks one after the other ([`area`]). The attackers are the probe of
//! `tests/guests`, which does what a line of text tells it, and core modules written by hand where no compiler would write
//! them so ([`core`]).
//!
//! One attack in order: what the process holds is counted; the attack is made, and meanwhile another tenant sends messages,
//! each of which must arrive; then the process must live, its places be free, its descriptors and memory be back, the log
//! have exactly one record of each request that a guest made, and nothing that it said show a canary ([`canary`]): the
//! code, the number, or a secret, in any spelling.
//!
//! `cargo test -p phonebox-cli --test adversarial -- B02 D` makes only the attacks whose ids contain one of these.

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
mod host;
#[path = "../../crates/componentize/tests/it/hostile.rs"]
mod hostile;
mod logs;
mod neighbours;
mod provider;
mod uploads;

use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Instant;

use area::Row;
use futures_util::StreamExt as _;

/// Areas at once. What each of them measures is its own process's.
const AT_ONCE: usize = 2;

thread_local! {
    /// Where and why this thread panicked last.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

type Attack<'a> = Pin<Box<dyn Future<Output = Vec<Row>> + 'a>>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    std::panic::set_hook(Box::new(note_panic));
    let began = Instant::now();
    let areas: Vec<Attack<'_>> = vec![
        Box::pin(neighbours::attack(&filter)),
        Box::pin(calls::attack(&filter)),
        Box::pin(egress::attack(&filter)),
        Box::pin(answers::attack(&filter)),
        Box::pin(computing::attack(&filter)),
        Box::pin(uploads::attack(&filter)),
        Box::pin(artifacts::attack(&filter)),
        Box::pin(logs::attack(&filter)),
    ];
    let rows: Vec<Vec<Row>> = futures_util::stream::iter(areas)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    let failed: Vec<&str> = rows
        .iter()
        .filter(|row| row.outcome.is_err())
        .map(|row| row.id.as_str())
        .collect();
    println!(
        "\n{} attacks in {:.0} s, {} of them with success: {}",
        rows.len(),
        began.elapsed().as_secs_f64(),
        failed.len(),
        failed.join(" ")
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
