//! One file for each command.

mod actions;
mod backup;
mod build;
mod change;
mod check;
mod deploy;
mod dev;
mod doctor;
mod import;
mod inbox;
mod keys;
mod logs;
mod manual;
mod new;
mod notifications;
mod open;
mod provider;
mod root_key;
mod run;
mod secrets;
mod send;
mod serve;
mod templates;
mod tenants;
mod test;

use crate::args::Command;
use crate::failure::{Code, Failure};
use crate::output::Output;

/// Carries a command out. Its result is printed; the code says how it went.
pub(crate) async fn run(command: Command, output: &Output) -> Result<Code, Failure> {
    let output = *output;
    match command {
        Command::Actions(arguments) => actions::run(arguments, output).await,
        Command::Backup(arguments) => backup::run(&arguments, output).await,
        Command::Build(arguments) => build::run(&arguments, output),
        Command::Check(arguments) => check::run(&arguments, output),
        Command::Completions { shell } => manual::completions(shell),
        Command::Deploy(arguments) => deploy::run(&arguments, output).await,
        Command::Dev(arguments) => dev::run(arguments, output).await,
        Command::Doctor(arguments) => doctor::run(&arguments, output).await,
        Command::Import(arguments) => import::run(arguments, output).await,
        Command::Inbox(arguments) => inbox::run(arguments, output).await,
        Command::Keys(arguments) => keys::run(arguments, output).await,
        Command::Logs(arguments) => logs::run(&arguments, output).await,
        Command::Man { out } => manual::pages(&out),
        Command::New(arguments) => new::run(&arguments, output),
        Command::Notifications(arguments) => notifications::run(arguments, output).await,
        Command::Open(arguments) => open::run(&arguments, output),
        Command::Provider(arguments) => provider::run(arguments, output).await,
        Command::RootKey(arguments) => root_key::run(arguments, output).await,
        Command::Run(arguments) => run::run(arguments, output).await,
        Command::Secrets(arguments) => secrets::run(arguments, output).await,
        Command::Send(arguments) => send::run(&arguments, output).await,
        Command::Serve(arguments) => serve::run(arguments, output).await,
        Command::Templates(arguments) => templates::run(arguments, output).await,
        Command::Tenants(arguments) => tenants::run(&arguments, output).await,
        Command::Test(arguments) => test::run(arguments, output).await,
    }
}
