use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use phonebox_server::{Tls, TlsError};

/// Runs phone provider actions in a sandbox: make one, try it against a local inbox, serve it, watch it.
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
    /// The same as `--output json`.
    #[arg(long, global = true, conflicts_with = "output")]
    pub(crate) json: bool,
    /// Say more about what happens inside; twice for more still.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How the program's own log, on standard error, is written.
    #[arg(long, visible_alias = "log-format", global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Arguments {
    /// How results are printed.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
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
    /// Try an action out: start a local inbox and a server, send a code through the action, and again when its source changes.
    /// With `--output json`, each delivery is a line of JSON when it is settled.
    Dev(Dev),
    /// Run actions for another program: commands on standard input, results on standard output, in lines of JSON.
    Run(Run),
    /// Run actions for platforms: an HTTP API, and notifications that are kept on disk until they are settled.
    Serve(Serve),
    /// Send a notification by a server: a code to a number, or an event.
    Send(Send),
    /// Notifications of a server: where they stand, with every attempt.
    #[command(subcommand)]
    Notifications(Notifications),
    /// Print what actions did and said, the attempts at a server's latest notifications, and the tenant's log: what was not sent and
    /// why, what was refused, what was changed.
    Logs(Logs),
    /// Deploy an action to a server, which sends by it from then on.
    Deploy(Deploy),
    /// Actions of a server, and their versions.
    #[command(subcommand)]
    Actions(Actions),
    /// Who delivers what a tenant sends: Twilio, or an action of its own.
    #[command(subcommand)]
    Provider(Provider),
    /// What is said where a notification comes without words, by its type.
    #[command(subcommand)]
    Templates(Templates),
    /// Take over what is kept elsewhere.
    #[command(subcommand)]
    Import(Import),
    /// Print the address of a server's page.
    Open(Open),
    /// Secrets of a server's actions. Values can be set, and never be read.
    #[command(subcommand)]
    Secrets(Secrets),
    /// Keys to a server's API.
    #[command(subcommand)]
    Keys(Keys),
    /// The root keys that a server's store is encrypted with: not to be confused with `keys`, which are shown to its API.
    #[command(subcommand)]
    RootKey(RootKey),
    /// Tenants of a server, with how much waits for each. For the operator's key.
    Tenants(Tenants),
    /// Look over what `phonebox serve` would find on this machine: configuration, folders, keys, store, kernel. Ends with 1 if
    /// it would not run.
    Doctor(Doctor),
    /// Copy all that a server on this machine has kept into one file, while it runs. The root keys are not in it.
    Backup(Backup),
    /// Start the inbox alone: a local stand-in for Twilio, Vonage and other providers.
    Inbox(Inbox),
    /// Print the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write the manual pages.
    Man {
        /// Into this folder, which is there.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct New {
    /// The action's name, and that of its folder.
    pub(crate) name: String,
    /// What to start from.
    #[arg(long, value_enum, default_value_t = Template::Twilio)]
    pub(crate) template: Template,
    /// The language to write it in.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    pub(crate) lang: Language,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, compiled to a component.
    Rust,
    /// JavaScript, as Auth0's actions are written. From the template twilio.
    Javascript,
    /// TypeScript, which needs esbuild, from npm, to be built. From the template twilio.
    Typescript,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
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
    /// Start with no action: to deploy one to the server that this starts, by Auth0's clients, say.
    #[arg(long, conflicts_with_all = ["folder", "once"])]
    pub(crate) empty: bool,
    /// Send one code, print one line of JSON with what became of it, and exit: 0 if it arrived, otherwise 1.
    #[arg(long)]
    pub(crate) once: bool,
    /// The event to send, as Auth0's JSON, instead of a made-up one with a random code.
    #[arg(long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// Write the addresses and credentials of everything that was started to this file, as shell variables.
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// The port of the server (TLS), on 127.0.0.1. 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub(crate) server_port: u16,
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
    /// Print a phonebox.toml with every key, what it means and its default, and end.
    #[arg(long)]
    pub(crate) print_config: bool,
    /// The operator's settings. Without it: the defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder of all that is kept. Made if it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "phonebox-data")]
    pub(crate) data: PathBuf,
    /// Where the API listens. Where others than this machine speak to it, give it a certificate, or put a proxy with TLS before it.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) tls: TlsFiles,
}

/// What the API speaks TLS with.
#[derive(Args, Debug)]
pub(crate) struct TlsFiles {
    /// The certificate to speak TLS with, and after it those that vouch for it (PEM). Read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM), mode 0600.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl TlsFiles {
    /// TLS, where there is to be any.
    pub(crate) fn read(&self) -> Result<Option<Tls>, TlsError> {
        let files = self.tls_cert.as_ref().zip(self.tls_key.as_ref());
        files
            .map(|(certificate, key)| Tls::from_files(certificate, key))
            .transpose()
    }
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

/// Which server, and by what right.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub(crate) struct Server {
    /// Its address. Otherwise `PHONEBOX_URL`, or that of the server that runs from --data.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The file of the key or token to show. Otherwise `PHONEBOX_TOKEN`, `PHONEBOX_API_KEY`, the file in `PHONEBOX_API_KEY_FILE`, a client's token, or on the server's own machine the operator's key in --data.
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
    /// The client that asks, by a token that it gets for its secret. Otherwise `PHONEBOX_CLIENT_ID`.
    #[arg(
        long,
        value_name = "ID",
        allow_hyphen_values = true,
        conflicts_with = "api_key_file"
    )]
    pub(crate) client_id: Option<String>,
    /// The file of the client's secret. Otherwise `PHONEBOX_CLIENT_SECRET`.
    #[arg(long, value_name = "FILE", conflicts_with = "api_key_file")]
    pub(crate) client_secret_file: Option<PathBuf>,
    /// For which tenant, with the operator's key. Otherwise `PHONEBOX_TENANT`.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// The folder of a server on this machine.
    #[arg(long, value_name = "FOLDER", default_value = "phonebox-data")]
    pub(crate) data: PathBuf,
    /// A file of root certificates (PEM) to trust beside Mozilla's. Otherwise `PHONEBOX_CA`.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Send {
    /// The number, as in +14155550100.
    #[arg(required_unless_present = "event")]
    pub(crate) number: Option<String>,
    /// The code. Without one: six random digits.
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// What the message says. Without it, a sentence with the code.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// How.
    #[arg(long, value_enum, default_value_t = Channel::Text)]
    pub(crate) channel: Channel,
    /// The event to send instead, as Auth0's JSON; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["number", "code", "text", "channel"])]
    pub(crate) event: Option<PathBuf>,
    /// Names this request: the same name again sends nothing again.
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
    /// How long the code is valid. It is not sent after that.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) valid_seconds: Option<u64>,
    /// Wait until it is settled; the program ends with 1 if it was not sent.
    #[arg(long)]
    pub(crate) wait: bool,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Channel {
    /// An SMS.
    Text,
    /// A call.
    Voice,
}

impl Channel {
    /// As an event has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Voice => "voice",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Notifications {
    /// List them, the latest first.
    List {
        /// Only those in this status.
        #[arg(long)]
        status: Option<String>,
        /// Only those before this one.
        #[arg(long, value_name = "ID")]
        before: Option<String>,
        /// How many at the most.
        #[arg(long)]
        limit: Option<u32>,
        #[command(flatten)]
        server: Server,
    },
    /// Show one, with every attempt.
    Show(Notification),
    /// Take one back that waits.
    Cancel(Notification),
    /// Send what one said again, as a notification of its own.
    Replay(Notification),
}

#[derive(Args, Debug)]
pub(crate) struct Notification {
    /// Its id, as in `ntf_01a2…`.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Args, Debug)]
pub(crate) struct Logs {
    /// Of how many notifications at the most, and how many entries of the tenant's log.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
    /// Only what failed, or was refused.
    #[arg(long)]
    pub(crate) failures: bool,
    /// Stay, and print what happens as it happens.
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Args, Debug)]
pub(crate) struct Deploy {
    /// The action's folder, which is built; or a component, or a file of JavaScript as Auth0's actions are written (.js).
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// What the action is called. Without it: as in action.toml, or as the file of JavaScript or its folder.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A package of npm that the JavaScript asks for; may be repeated.
    #[arg(long = "dependency", value_name = "NAME@VERSION")]
    pub(crate) dependencies: Vec<String>,
    /// A file of secrets to set with it, a line NAME=VALUE each; `-` is standard input. Others stay as they are.
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Actions {
    /// List them.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Show one: what is deployed, what is not yet, why it cannot be built, its secrets' names.
    Show {
        /// Its name.
        action: String,
        /// Print its code instead.
        #[arg(long)]
        code: bool,
        #[command(flatten)]
        server: Server,
    },
    /// List the versions of one, the latest first.
    Versions {
        /// Its name.
        action: String,
        #[command(flatten)]
        server: Server,
    },
    /// Deploy an earlier version again, with the secrets that it had.
    Rollback {
        /// The action's name.
        action: String,
        /// The version's number.
        #[arg(id = "number", value_name = "VERSION")]
        version: u32,
        #[command(flatten)]
        server: Server,
    },
    /// Delete one, with its versions and secrets.
    Delete {
        /// Its name.
        action: String,
        /// Though it is bound to the trigger.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Run what is not deployed yet of one on an event, and show what it did.
    Test {
        /// Its name.
        action: String,
        /// The event, as Auth0's JSON; `-` is standard input. Without it: one with a code to +14155550100.
        #[arg(long, value_name = "FILE")]
        event: Option<PathBuf>,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Provider {
    /// Show it.
    Show {
        #[command(flatten)]
        server: Server,
    },
    /// Have this one deliver. What is not said stays as it is.
    #[command(subcommand)]
    Set(SetProvider),
    /// Have nothing sent until it is enabled.
    Disable {
        #[command(flatten)]
        server: Server,
    },
    /// Have it deliver again.
    Enable {
        #[command(flatten)]
        server: Server,
    },
    /// Forget it, and its credentials. What is sent goes to the tenant's action then, if it has one.
    Remove {
        #[command(flatten)]
        server: Server,
    },
    /// Send a message with a made-up code by it.
    Test {
        /// To whom, as in +14155550100.
        number: String,
        /// How.
        #[arg(long, value_enum, default_value_t = Channel::Text)]
        channel: Channel,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SetProvider {
    /// The built-in one, by an account at Twilio.
    Twilio(Twilio),
    /// The tenant's own action, which is deployed.
    Custom {
        /// What it delivers; may be repeated. Without one: both, or what it does already.
        #[arg(long = "channel", value_enum, value_name = "CHANNEL")]
        channels: Vec<Channel>,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Twilio {
    /// The account's SID.
    #[arg(long, value_name = "SID")]
    pub(crate) sid: Option<String>,
    /// The number that sends where a template names none.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) from: Option<String>,
    /// The SID of the messaging service that chooses who sends texts.
    #[arg(long, value_name = "SID")]
    pub(crate) messaging_service: Option<String>,
    /// The file that the account's auth token is in; `-` is standard input. Without it, and for an account that is new, it is typed,
    /// or comes from standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) auth_token_file: Option<PathBuf>,
    /// What it delivers; may be repeated. Without one: both, or what it does already.
    #[arg(long = "channel", value_enum, value_name = "CHANNEL")]
    pub(crate) channels: Vec<Channel>,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum MessageType {
    /// A code, to log in.
    OtpVerify,
    /// A code, to enrol the number.
    OtpEnroll,
    /// A password is to be changed.
    ChangePassword,
    /// The account was blocked.
    BlockedAccount,
    /// The password was found where it should not be.
    PasswordBreach,
}

impl MessageType {
    /// As an event has it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::OtpVerify => "otp_verify",
            Self::OtpEnroll => "otp_enroll",
            Self::ChangePassword => "change_password",
            Self::BlockedAccount => "blocked_account",
            Self::PasswordBreach => "password_breach",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Templates {
    /// List them.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Show one, with what it says.
    Show {
        /// Of which type of message.
        #[arg(id = "type", value_name = "TYPE", value_enum)]
        of: MessageType,
        #[command(flatten)]
        server: Server,
    },
    /// Change one. What is not given stays as it is.
    Set(SetTemplate),
    /// Have one say again what phonebox says by itself.
    Reset {
        /// Of which type of message.
        #[arg(id = "type", value_name = "TYPE", value_enum)]
        of: MessageType,
        #[command(flatten)]
        server: Server,
    },
    /// Send one, with a made-up code.
    Test {
        /// Of which type of message.
        #[arg(id = "type", value_name = "TYPE", value_enum)]
        of: MessageType,
        /// To whom, as in +14155550100.
        number: String,
        /// How.
        #[arg(long, value_enum, default_value_t = Channel::Text)]
        channel: Channel,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("change").required(true).multiple(true)))]
pub(crate) struct SetTemplate {
    /// Of which type of message.
    #[arg(id = "type", value_name = "TYPE", value_enum)]
    pub(crate) of: MessageType,
    /// The file of what a text says, in Liquid; `-` is standard input.
    #[arg(long, value_name = "FILE", group = "change")]
    pub(crate) text: Option<PathBuf>,
    /// The file of what a call says, in Liquid; `-` is standard input.
    #[arg(long, value_name = "FILE", group = "change")]
    pub(crate) voice: Option<PathBuf>,
    /// The number that sends.
    #[arg(long, value_name = "NUMBER", group = "change")]
    pub(crate) from: Option<String>,
    /// Have messages of this type sent.
    #[arg(long, group = "change")]
    pub(crate) enable: bool,
    /// Have no messages of this type sent.
    #[arg(long, group = "change", conflicts_with = "enable")]
    pub(crate) disable: bool,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// What auth0-deploy-cli has exported of a tenant: its phone provider with the action, its templates, and what phonebox has of
    /// its settings. What has nothing to do with these is left out, which is said. The same again changes nothing.
    Auth0(ImportAuth0),
}

#[derive(Args, Debug)]
pub(crate) struct ImportAuth0 {
    /// The export: its folder, or its file of YAML.
    pub(crate) path: PathBuf,
    /// Print what would be done, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// A file of the secrets that no export has, a line NAME=VALUE each; `-` is standard input. Those that are missing are typed.
    #[arg(long, value_name = "FILE")]
    pub(crate) secrets: Option<PathBuf>,
    /// A file of what `##NAME##` and `@@NAME@@` stand for: an object of JSON, or auth0-deploy-cli's own settings.
    #[arg(long, value_name = "FILE")]
    pub(crate) mappings: Option<PathBuf>,
    /// Let them stand for variables of the environment, too.
    #[arg(long)]
    pub(crate) env: bool,
    /// Which action, where the export has several for phone providers.
    #[arg(long, value_name = "NAME")]
    pub(crate) action: Option<String>,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Args, Debug)]
pub(crate) struct Open {
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secrets {
    /// Set one. Its value is typed, or comes from standard input or a file, and is never an argument.
    Set {
        /// The action's name. It need not be there yet.
        action: String,
        /// The secret's name.
        name: String,
        /// The file that its value is in. An end of line at its end is not part of it.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Let the action's code have the value. Otherwise it has what stands for it, and the value goes on the wire alone.
        #[arg(long)]
        revealed: bool,
        /// An origin that it may go to; may be repeated. Without one, those that the deployed action asks for.
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
        #[command(flatten)]
        server: Server,
    },
    /// List all but their values.
    List {
        /// The action's name.
        action: String,
        #[command(flatten)]
        server: Server,
    },
    /// Forget one.
    Remove {
        /// The action's name.
        action: String,
        /// The secret's name.
        name: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make one for a tenant. It is printed once; the server keeps a hash of it. To Auth0's clients, its id is a client id and
    /// it is that client's secret.
    Create {
        /// What it is good for: `notifications:send`, `notifications:read`, `actions:read`, `actions:write`; of Auth0's,
        /// `read:actions`, `create:phone_providers` and the like; without a tenant `metrics:read`.
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        #[command(flatten)]
        server: Server,
    },
    /// List a tenant's.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Make one worthless, and the tokens that were issued for it.
    Revoke {
        /// Its id, not the key itself.
        #[arg(allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        server: Server,
    },
    /// Have the server sign tokens with a new key from now on. What the one before signed is good for a day more; done twice, no
    /// token of before is.
    RotateSigning {
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Tenants {
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// The file to make.
    pub(crate) file: PathBuf,
    /// The folder of the server's data.
    #[arg(long, value_name = "FOLDER", default_value = "phonebox-data")]
    pub(crate) data: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RootKey {
    /// List their ids, which encrypts, and how much cannot be read without each.
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Put a new one before the others in the file of keys. It encrypts from the next `rotate` or start.
    Add {
        #[command(flatten)]
        file: KeyFile,
        /// The folder of the server's data.
        #[arg(long, value_name = "FOLDER", default_value = "phonebox-data")]
        data: PathBuf,
    },
    /// Have the server read its keys again and encrypt everything with the first of them, while it delivers. Waits for that;
    /// it goes on without anybody waiting, and after a crash. To do it again changes nothing.
    Rotate {
        #[command(flatten)]
        server: Server,
    },
    /// Take one that nothing needs any more out of the file of keys, and have the server forget it.
    Remove {
        /// Its id.
        id: String,
        #[command(flatten)]
        file: KeyFile,
        #[command(flatten)]
        server: Server,
    },
}

/// Which file of keys.
#[derive(Args, Debug)]
pub(crate) struct KeyFile {
    /// The operator's settings, which the server was started with. Without it: the defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The file itself, instead.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The operator's settings. Without it: the defaults.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder of the server's data.
    #[arg(long, value_name = "FOLDER", default_value = "phonebox-data")]
    pub(crate) data: PathBuf,
    /// Where the API is to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) tls: TlsFiles,
}
