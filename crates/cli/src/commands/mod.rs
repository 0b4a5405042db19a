//! One file for each command.

mod build;
mod check;
mod dev;
mod inbox;
mod new;
mod run;
mod serve;
mod test;

use crate::args::Command;
use crate::failure::{Code, Failure};
use crate::output::Output;

/// Carries a command out. Its result is printed; the code says how it went.
pub(crate) async fn run(command: Command, output: &Output) -> Result<Code, Failure> {
    let output = *output;
    match command {
        Command::Build(arguments) => build::run(&arguments, output),
        Command::Check(arguments) => check::run(&arguments, output),
        Command::Dev(arguments) => dev::run(arguments, output).await,
        Command::Inbox(arguments) => inbox::run(arguments, output).await,
        Command::New(arguments) => new::run(&arguments, output),
        Command::Run(arguments) => run::run(arguments, output).await,
        Command::Serve(arguments) => serve::run(arguments, output).await,
        Command::Test(arguments) => test::run(arguments, output).await,
    }
}
