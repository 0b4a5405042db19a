//! The command line: what authors of actions have in their hands.
//!
//! Cast: [`args`](Arguments) says what was typed; a `Project` is an action's folder, which it builds; the [`inbox`] plays
//! the providers; a `Stage` joins an action to it, so that the very action that goes to production is tried out, URL and
//! all; `Trace` shows what happened in a run. One file in `commands` for each command.
//!
//! One run in order: arguments are parsed; the command builds the project and loads it on a stage; it prints its result to
//! standard output, as text or with `--output json` as JSON, and talk to standard error; a [`Failure`] ends it with one
//! line, a hint and an exit code.
//!
//! What it refuses to do: decide anything about a delivery, which is the `phonebox` crate's; send anything to a real
//! provider.

mod args;
mod commands;
mod config;
mod dirs;
mod embedded;
mod failure;
mod fixture;
pub mod inbox;
mod output;
mod project;
mod stage;
mod trace;

use std::process::ExitCode;

use clap::Parser as _;

pub use args::Arguments;
use args::{Command, LogFormat};
pub use failure::{Code, Failure};
use output::Output;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.output);
    start_log(&arguments);
    let runtime = tokio::runtime::Runtime::new().expect("a process that starts can have threads");
    let result = runtime.block_on(commands::run(arguments.command, &output));
    // A thread that waits for a key would hold the process up.
    runtime.shutdown_background();
    match result {
        Ok(code) => code.into(),
        Err(failure) => {
            output.failure(&failure);
            failure.code.into()
        }
    }
}

/// The program's own log, on standard error: silent unless it is asked for.
fn start_log(arguments: &Arguments) {
    let level = match arguments.verbose {
        0 => "error",
        1 => "info",
        _ => "debug",
    };
    // Where actions run for real, every decision about a request is written down. What libraries would say of what they
    // read and write is not ours to print.
    let decisions = match arguments.command {
        Command::Run(_) => "info",
        _ => level,
    };
    let filter = format!(
        "error,phonebox={level},phonebox_cli={level},phonebox_egress={level},phonebox_runtime={level},\
         egress.decision={decisions}"
    );
    let log = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr);
    match arguments.log {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}
