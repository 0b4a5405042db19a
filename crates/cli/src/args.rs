use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Runs phone provider actions in a sandbox: make one, try it against a local inbox, test it.
#[derive(Debug, Parser)]
#[command(
    name = "phonebox",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[non_exhaustive]
pub struct Arguments {
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub(crate) output: Format,
    /// Say more about what happens inside; twice for more still.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How the program's own log, on standard error, is written.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// As text for people.
    Human,
    /// As JSON, one document a line.
    Json,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum LogFormat {
    /// As text for people.
    Text,
    /// As JSON, one object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the folder of a new action.
    New(New),
    /// Build an action into one component, with its action.toml in it.
    Build(Project),
    /// Say what an action imports, asks for and weighs, and what would be refused.
    Check(Check),
    /// Run an action on the events in its folder `fixtures` and compare what it did.
    Test(Test),
    /// Try an action out: start a local inbox, send a code through the action, and again when its source changes.
    /// With `--output json`, each delivery is a line of JSON when it is settled.
    Dev(Dev),
    /// Run actions for another program: commands on standard input, results on standard output, in lines of JSON.
    Run(Run),
    /// Run actions for platforms: an HTTP API, and notifications that are kept on disk until they are settled.
    Serve(Serve),
    /// Start the inbox alone: a local stand-in for Twilio, Vonage and other providers.
    Inbox(Inbox),
}

#[derive(Args, Debug)]
pub(crate) struct New {
    /// The action's name, and that of its folder.
    pub(crate) name: String,
    /// What to start from.
    #[arg(long, value_enum, default_value_t = Template::Twilio)]
    pub(crate) template: Template,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Template {
    /// SMS and calls through Twilio.
    Twilio,
    /// Twilio Verify, with the code that comes with the event.
    TwilioVerify,
    /// A POST of JSON to a gateway of your own.
    GenericHttp,
}

#[derive(Args, Debug)]
pub(crate) struct Project {
    /// The action's folder.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The action's folder, which is built, or a component.
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Print every limit that uploads are held against, and how near this one comes.
    #[arg(long)]
    pub(crate) limits: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Test {
    /// The action's folder.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Only the fixtures whose name contains this.
    #[arg(long)]
    pub(crate) filter: Option<String>,
    /// Test this component, with the folder's action.toml and fixtures, instead of building the folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) component: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Dev {
    /// The action's folder. Without one: this folder if it has an action.toml, otherwise the Twilio example.
    pub(crate) folder: Option<PathBuf>,
    /// Send one code, print one line of JSON with what became of it, and exit: 0 if it arrived, otherwise 1.
    #[arg(long)]
    pub(crate) once: bool,
    /// The event to send, as Auth0's JSON, instead of a made-up one with a random code.
    #[arg(long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// Write the addresses and credentials of everything that was started to this file, as shell variables.
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ports: Inbox,
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The operator's settings. Without it: the defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The operator's settings. Without it: the defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder of all that is kept. Made if it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "phonebox-data")]
    pub(crate) data: PathBuf,
    /// Where the API listens. Put a proxy with TLS before it where others than this machine speak to it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
}

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Inbox {
    /// The port of the inbox's page, on 127.0.0.1. 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) page_port: u16,
    /// The port on which the inbox plays the providers, on 127.0.0.1. 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) provider_port: u16,
}
