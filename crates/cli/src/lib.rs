//! The command line: what authors of actions have in their hands.
//!
//! Cast: [`args`](Arguments) says what was typed; a `Project` is an action's folder, which it builds; a `Bundle` is one source made of many; the [`inbox`] plays
//! the providers; a `Stage` joins an action to it, so that the very action that goes to production is tried out, URL and
//! all; `Trace` shows what happened in a run; `Api` is a server that other commands speak to. One file in `commands` for each command.
//!
//! One run in order: arguments are parsed; the command builds the project and loads it on a stage; it prints its result to
//! standard output, as text or with `--output json` as JSON, and talk to standard error; a [`Failure`] ends it with one
//! line, a hint and an exit code.
//!
//! What it refuses to do: decide anything about a delivery, which is the `phonebox` crate's; send anything to a real
//! provider.

mod api;
mod args;
mod bundle;
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
use args::{Command, Format, LogFormat};
pub use failure::{Code, Failure};
use output::Output;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return unread(&error),
    };
    let output = Output::new(arguments.format());
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

/// Prints help, the version, or what is wrong with the arguments: to who asked for JSON, as JSON too.
fn unread(error: &clap::Error) -> ExitCode {
    let typed: Vec<_> = std::env::args_os().collect();
    let wants_json = typed
        .iter()
        .any(|word| word == "--json" || word == "--output=json")
        || typed
            .windows(2)
            .any(|words| words[..] == ["--output", "json"]);
    if wants_json && error.use_stderr() {
        // Clap says what is wrong, perhaps a tip, and how it is written: a paragraph each.
        let said = error.render().to_string();
        let mut said = said
            .split("\n\n")
            .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
        let message = said.next().unwrap_or_default();
        let tip = said.find_map(|part| Some(part.strip_prefix("tip: ")?.to_owned()));
        let failure = Failure::new(message.trim_start_matches("error: "))
            .hint(tip.unwrap_or_else(|| "see --help".to_owned()))
            .code(Code::Usage);
        Output::new(Format::Json).failure(&failure);
        return Code::Usage.into();
    }
    // Nobody is there to be told, if it cannot be printed.
    let _unprinted = error.print();
    if error.use_stderr() {
        Code::Usage
    } else {
        Code::Ok
    }
    .into()
}

/// The program's own log, on standard error: silent unless it is asked for, but that of a server.
fn start_log(arguments: &Arguments) {
    let level = match (arguments.verbose, &arguments.command) {
        (0 | 1, Command::Serve(_)) | (1, _) => "info",
        (0, _) => "error",
        _ => "debug",
    };
    // Where actions run for real, every decision about a request is written down. What libraries would say of what they
    // read and write is not ours to print.
    let decisions = match arguments.command {
        Command::Run(_) | Command::Serve(_) => "info",
        _ => level,
    };
    let filter = format!(
        "error,phonebox={level},phonebox_cli={level},phonebox_egress={level},phonebox_runtime={level},\
         phonebox_server={level},phonebox_store={level},\
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
