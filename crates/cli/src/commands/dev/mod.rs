//! `phonebox dev`: an action, a server, an inbox, and nothing to configure.

mod bubble;
mod keys;
mod server;
mod watch;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use phonebox::jail::Bounds;
use phonebox::store::Attempt;
use phonebox::{CannotLoad, Event, Happened, NotificationId, Secrets, Status};
use serde_json::{Value, json};

use super::notifications;
use crate::api::{all, part};
use crate::args;
use crate::config;
use crate::dirs;
use crate::embedded;
use crate::failure::{Code, Failure};
use crate::fixture::read_event;
use crate::inbox::{Failure as Failing, Inbox};
use crate::output::{BOLD, DIM, Output};
use crate::project::{Project, example_secrets};
use crate::stage;

use keys::Keys;
use server::Server;
use watch::Changes;

/// Where the Twilio example is in a copy of phonebox's own repository.
const EXAMPLE: &str = "examples/actions/twilio-rust";
const KEYS: &str = "s send again   v send by voice   f fail in another way   q quit";

/// For Auth0's clients, at the end of the variables.
const AUTH0: &str = "\
# Auth0's clients want these, exported, with the two before the secrets:
# AUTH0_DOMAIN=\"$PHONEBOX_DOMAIN\" AUTH0_CLIENT_ID=\"$PHONEBOX_CLIENT_ID\" AUTH0_CLIENT_SECRET=\"$PHONEBOX_CLIENT_SECRET\"
";

struct Dev {
    output: Output,
    /// None: nothing is deployed from here.
    project: Option<Project>,
    inbox: Arc<Inbox>,
    server: Server,
    event: Option<PathBuf>,
    /// Whether it stays up.
    stays: bool,
}

/// What has been built and deployed.
#[derive(Default)]
struct Deployed {
    /// Those that it has.
    secrets: Secrets,
    /// The files that it was read from, where the build knows.
    sources: Vec<PathBuf>,
}

pub(super) async fn run(arguments: args::Dev, output: Output) -> Result<Code, Failure> {
    let project = if arguments.empty {
        None
    } else {
        Some(find(arguments.folder.as_deref(), output)?)
    };
    let working = async {
        let inbox = Arc::new(Inbox::start(super::inbox::options(arguments.ports)).await?);
        let jail = config::jail(Bounds::default(), output)?;
        let dev = Dev {
            output,
            project,
            server: Server::start(arguments.server_port, &inbox, jail).await?,
            inbox,
            event: arguments.event,
            stays: !arguments.once,
        };
        let deployed = dev.deploy().await?;
        if let Some(path) = &arguments.env_file {
            write_env(path, &dev, &deployed.secrets)?;
        }
        if arguments.once {
            dev.once().await
        } else {
            dev.stay(deployed.sources).await
        }
    };
    // Told to stop, in the middle of a build say, it still removes the folder that all is kept in.
    tokio::select! {
        ended = working => ended,
        () = stopped() => Ok(if arguments.once { Code::Failed } else { Code::Ok }),
    }
}

impl Dev {
    /// Builds the action, if there is one, and deploys it to the server.
    async fn deploy(&self) -> Result<Deployed, Failure> {
        let Some(project) = self.project.clone() else {
            return Ok(Deployed::default());
        };
        let output = self.output;
        let built = stage::blocking(move || project.build(output)).await?;
        let action = built.action;
        let secrets = || example_secrets(action.manifest(), &BTreeMap::new());
        let deployed = self.server.tenant().deploy(&action, secrets()).await;
        let deployed = deployed.map_err(|error| match error {
            CannotLoad::Deploy(error) => stage::not_deployed(error),
            error => error.into(),
        })?;
        let (name, version) = (&action.manifest().name, deployed.version.number);
        output.step("deployed", format!("{name}, version {version}"));
        for note in deployed.notes {
            output.step("note", note);
        }
        Ok(Deployed {
            secrets: secrets(),
            sources: built.sources,
        })
    }

    /// Sends one code and says what became of it.
    async fn once(&self) -> Result<Code, Failure> {
        let tenant = self.server.tenant();
        let mut tail = tenant.tail().map_err(Failure::new)?;
        let sent = tenant.send(self.event(false)?).await?;
        while let Some(happened) = tail.next().await {
            if self.tell(&happened).await? {
                break;
            }
        }
        let mut once = self.delivery(sent.id()).await?;
        let last = all(&once, "attempts").last();
        let outcome = last.map(|attempt| part(part(attempt, "report"), "outcome").clone());
        let message = self.inbox.messages().pop();
        let arrived = message.as_ref().is_some_and(|message| message.accepted);
        let was_sent = part(&once, "status") == Status::Sent.as_str();
        if let Some(once) = once.as_object_mut() {
            once.insert("outcome".to_owned(), outcome.into());
            once.insert("message".to_owned(), json!(message));
        }
        self.output.json(&once);
        Ok(if arrived && was_sent {
            Code::Ok
        } else {
            Code::Failed
        })
    }

    /// Stays up until its user has had enough.
    async fn stay(&self, sources: Vec<PathBuf>) -> Result<Code, Failure> {
        let output = self.output;
        output.step(
            "inbox",
            format!("{} shows what arrives", self.inbox.page_url()),
        );
        output.step(
            "server",
            format!(
                "https://{} is this tenant's API; --env-file FILE writes how to ask it",
                self.server.domain
            ),
        );
        let mut arrivals = self.inbox.subscribe();
        let mut tail = self.server.tenant().tail().map_err(Failure::new)?;
        let folder = self.project.as_ref().map(|project| &*project.folder);
        let mut changes = folder.map(|folder| Changes::new(folder, sources));
        let greet = || {
            output.say(format!("\n{DIM}{KEYS}{DIM:#}"));
            if let Some(folder) = folder {
                output.say(format!("{DIM}watching {}{DIM:#}\n", folder.display()));
            }
        };
        let mut greeted = self.project.is_none();
        if greeted {
            greet();
        } else {
            self.send(false).await;
        }
        let mut keys = Keys::new();
        loop {
            tokio::select! {
                () = changed(changes.as_mut()) => match self.deploy().await {
                    Ok(deployed) => {
                        if let Some(changes) = &mut changes {
                            changes.include(deployed.sources);
                        }
                        self.send(false).await;
                    }
                    // The version before goes on; its author is looking at the editor.
                    Err(failure) => output.failure(&failure),
                },
                Ok(message) = arrivals.recv() => output.say(bubble::bubble(&message)),
                Some(happened) = tail.next() => if self.tell(&happened).await? && !greeted {
                    greeted = true;
                    greet();
                },
                key = keys.next() => match key {
                    b's' => self.send(false).await,
                    b'v' => self.send(true).await,
                    b'f' => {
                        let failure = next(self.inbox.failure());
                        self.inbox.set_failure(failure);
                        output.step("inbox", format!("failure mode is now {BOLD}{}{BOLD:#}", failure.as_str()));
                    }
                    b'q' => break,
                    b'\n' | b'\r' => {}
                    _ => output.say(format!("{DIM}{KEYS}{DIM:#}")),
                },
            }
        }
        Ok(Code::Ok)
    }

    /// Sends a code by whatever is deployed. What becomes of it is told as it happens.
    async fn send(&self, voice: bool) {
        let sending = async {
            let event = self.event(voice)?;
            let method = if voice { "a call" } else { "a text" };
            let number = event.notification.recipient.as_e164();
            let text = format!("{method} with a code to {number}");
            self.output.step("sending", text);
            self.server.tenant().send(event).await?;
            Ok(())
        };
        if let Err(failure) = sending.await {
            self.output.failure(&failure);
        }
    }

    /// Tells what happened to a notification, whoever sent it. Whether it is settled now.
    async fn tell(&self, happened: &Happened) -> Result<bool, Failure> {
        let output = self.output;
        match happened {
            Happened::Attempt(_, attempt) => output.say(attempt_text(&as_json(attempt))),
            Happened::Status(id, status) if status.is_settled() => {
                output.step(&status.to_string(), format!("{DIM}{id}{DIM:#}"));
                if !output.is_human() && self.stays {
                    output.json(&self.delivery(*id).await?);
                }
                return Ok(true);
            }
            Happened::Status(id, Status::Queued) => {
                let found = self.server.tenant().notification(*id).await?;
                let at = found.map(|found| SystemTime::from(found.item.run_at));
                let wait = at.and_then(|at| at.duration_since(SystemTime::now()).ok());
                let wait = wait.unwrap_or_default().as_secs_f64();
                output.say(format!(
                    "            the next attempt follows in {wait:.1} s"
                ));
            }
            Happened::PutOff(_, left) => output.say(format!(
                "            it waits: attempts keep failing at {}",
                left.origin
            )),
            _ => {}
        }
        Ok(false)
    }

    /// A notification and its attempts, each with how long it was until the next, in seconds.
    async fn delivery(&self, id: NotificationId) -> Result<Value, Failure> {
        let found = self.server.tenant().notification(id).await?;
        let found = found.ok_or_else(|| Failure::new("what was sent is not there any more"))?;
        let next = found.attempts.iter().skip(1).map(Some).chain([None]);
        let attempts = found.attempts.iter().zip(next).map(|(attempt, next)| {
            let wait = next.map(|next| next.began.since(attempt.ended).as_secs_f64());
            let mut attempt = as_json(attempt);
            if let Some(attempt) = attempt.as_object_mut() {
                attempt.insert("retry_after_seconds".to_owned(), json!(wait));
            }
            attempt
        });
        let attempts: Vec<_> = attempts.collect();
        Ok(
            json!({ "id": id.to_string(), "status": found.item.status.as_str(), "attempts": attempts }),
        )
    }

    fn event(&self, voice: bool) -> Result<Event, Failure> {
        if let Some(path) = &self.event {
            let text = fs::read_to_string(path)
                .map_err(|error| Failure::file("cannot read", path, &error))?;
            let event = read_event(&path.display().to_string(), &text)?;
            for violation in event.check().err().into_iter().flatten() {
                self.output.step(
                    "note",
                    format!("Auth0 would not send this event: {violation}"),
                );
            }
            return Ok(event);
        }
        let code = rand::random_range(100_000..1_000_000).to_string();
        let spoken: Vec<String> = code.chars().map(String::from).collect();
        let event = serde_json::json!({
            "client": { "client_id": "dev", "name": "phonebox dev", "metadata": {} },
            "notification": {
                "as_text": format!("Your phonebox code is {code}"),
                "as_voice": format!("Your phonebox code is {0}. Again: {0}", spoken.join(". ")),
                "code": code,
                "delivery_method": if voice { "voice" } else { "text" },
                "locale": "en-US",
                "message_type": "otp_verify",
                "recipient": "+14155550100",
            },
            "request": {
                "ip": "203.0.113.7", "method": "POST", "language": "en",
                "geoip": { "countryCode": "US" },
            },
            "tenant": { "id": "dev", "friendly_name": "phonebox dev" },
            "user": {
                "user_id": "auth0|dev", "email_verified": false, "app_metadata": {},
                "user_metadata": {}, "created_at": "2026-01-01T00:00:00Z",
                "updated_at": "2026-01-01T00:00:00Z",
            },
        });
        let event = Event::from_json(&event.to_string()).expect("it has a recipient");
        event.check().expect("it is within the contract");
        Ok(event)
    }
}

/// Waits for a change; for ever where nothing is watched.
async fn changed(changes: Option<&mut Changes>) {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

/// The action's folder: the one named, this one, the example of the repository, or the example in the program.
fn find(folder: Option<&Path>, output: Output) -> Result<Project, Failure> {
    if let Some(folder) = folder {
        return Project::open(folder);
    }
    let here = [".", EXAMPLE]
        .map(Path::new)
        .into_iter()
        .find_map(|path| Project::open(path).ok());
    if let Some(project) = here {
        return Ok(project);
    }
    let example = embedded::twilio_example()?;
    output.step(
        "no action",
        "here, so this is the Twilio example; make your own with `phonebox new NAME`",
    );
    Project::open(&example)
}

fn as_json(attempt: &Attempt) -> Value {
    let report: Value = serde_json::from_str(&attempt.report).unwrap_or_default();
    json!({ "number": attempt.number, "report": report })
}

fn attempt_text(attempt: &Value) -> String {
    let text = notifications::attempt(attempt);
    let (heading, rest) = text.split_once("  ").unwrap_or((&text, ""));
    let rest = rest.replace("\n    ", "\n            ");
    format!("{BOLD}{heading:>10}{BOLD:#}  {rest}")
}

fn next(failure: Failing) -> Failing {
    let mut modes = Failing::ALL
        .iter()
        .copied()
        .cycle()
        .skip_while(|mode| *mode != failure)
        .skip(1);
    modes.next().expect("a cycle never ends")
}

/// Writes shell variables for everything that was started, for its owner alone. The file appears whole, once all of it answers,
/// so that a script may wait for it.
fn write_env(path: &Path, dev: &Dev, secrets: &Secrets) -> Result<(), Failure> {
    let failed = |error| Failure::file("cannot write", path, &error);
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let Dev { inbox, server, .. } = dev;
    let certificate = beside(".ca.pem");
    fs::write(&certificate, inbox.certificate_pem()).map_err(failed)?;
    let certificate = certificate.canonicalize().map_err(failed)?;
    let certificate = certificate.display().to_string();
    let mut text = String::new();
    let mut set = |name: &str, value: &str| {
        writeln!(text, "{name}='{}'", value.replace('\'', r"'\''")).expect("a String");
    };
    set("PHONEBOX_INBOX_URL", &inbox.page_url());
    set(
        "PHONEBOX_PROVIDER_ADDRESS",
        &inbox.provider_address().to_string(),
    );
    set("PHONEBOX_CA", &certificate);
    set("PHONEBOX_URL", &format!("https://{}", server.domain));
    set("PHONEBOX_DOMAIN", &server.domain);
    set("PHONEBOX_CLIENT_ID", &server.client_id);
    // A client's secret is a key.
    set("PHONEBOX_CLIENT_SECRET", server.client_secret.reveal());
    set("PHONEBOX_API_KEY", server.client_secret.reveal());
    set("PHONEBOX_TOKEN", server.token.reveal());
    // Node.js and Python trust whom these name.
    set("NODE_EXTRA_CA_CERTS", &certificate);
    set("SSL_CERT_FILE", &certificate);
    for name in secrets.names() {
        if let Some(secret) = secrets.get(name) {
            set(name, secret.value().reveal());
        }
    }
    text.push_str(AUTH0);
    let temporary = beside(".tmp");
    dirs::write_private(&temporary, &text)
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(failed)
}

/// Waits until the program is told to stop: ctrl-c, or SIGTERM.
pub(super) async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).expect("signals can be listened to");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
    #[cfg(not(unix))]
    let _interrupted = tokio::signal::ctrl_c().await;
}
