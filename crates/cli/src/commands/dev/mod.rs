//! `phonebox dev`: an action, an inbox, and nothing to configure.

mod bubble;
mod keys;
mod watch;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use phonebox::jail::Bounds;
use phonebox::{Attempt, Delivery, Deployment, Event, Jail, Origin, Outcome, Secrets, Status};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::args;
use crate::config;
use crate::dirs;
use crate::embedded;
use crate::failure::{Code, Failure};
use crate::fixture::read_event;
use crate::inbox::{Failure as Failing, Inbox, Message};
use crate::output::{BOLD, DIM, Output};
use crate::project::{Project, example_secrets};
use crate::stage;
use crate::trace::{Trace, decision};

use keys::Keys;
use watch::Changes;

/// Where the Twilio example is in a copy of phonebox's own repository.
const EXAMPLE: &str = "examples/actions/twilio-rust";
/// How many deliveries may be under way at once.
const PLACES: u32 = 16;
const KEYS: &str = "s send again   v send by voice   f fail in another way   q quit";

/// What `--once` prints.
#[derive(Serialize)]
struct Once<'a> {
    #[serde(flatten)]
    delivery: &'a Delivery,
    outcome: Option<&'a Outcome>,
    message: Option<Arc<Message>>,
}

struct Dev {
    output: Output,
    project: Project,
    inbox: Arc<Inbox>,
    event: Option<PathBuf>,
    jail: Arc<Jail>,
}

pub(super) async fn run(arguments: args::Dev, output: Output) -> Result<Code, Failure> {
    let project = find(arguments.folder.as_deref(), output)?;
    let inbox = Arc::new(Inbox::start(super::inbox::options(arguments.ports)).await?);
    let dev = Dev {
        output,
        project,
        inbox,
        event: arguments.event,
        jail: config::jail(Bounds::default(), output)?,
    };
    let deployment = dev.deploy().await?;
    if let Some(path) = &arguments.env_file {
        write_env(path, &dev.inbox, deployment.secrets())?;
    }
    if arguments.once {
        return dev.once(&deployment).await;
    }
    dev.stay(deployment).await
}

impl Dev {
    /// Builds the action and puts it on the stage.
    async fn deploy(&self) -> Result<Deployment, Failure> {
        let (project, inbox, output) = (self.project.clone(), self.inbox.clone(), self.output);
        let jail = self.jail.clone();
        stage::blocking(move || {
            let (action, _) = project.build(output)?;
            let secrets = example_secrets(action.manifest(), &BTreeMap::new());
            let deployment =
                stage::deploy(&inbox, &action, secrets, dirs::compiled()?, jail, PLACES)?;
            let name = &action.manifest().name;
            let how = match deployment.origin() {
                Origin::Cache => "from the cache of compiled code",
                Origin::Compiled => "compiled to machine code",
            };
            output.step("loaded", format!("{name}, {how}"));
            Ok(deployment)
        })
        .await
    }

    /// Sends one code and says what became of it.
    async fn once(&self, deployment: &Deployment) -> Result<Code, Failure> {
        let output = self.output;
        let observe = |attempt: &Attempt| output.say(attempt_text(attempt));
        let delivery = deployment.deliver(self.event(false)?, observe).await;
        let last = delivery.attempts.last();
        let message = self.inbox.messages().pop();
        let once = Once {
            delivery: &delivery,
            outcome: last.and_then(|attempt| attempt.report.result.as_ref().ok()),
            message: message.clone(),
        };
        output.json(&once);
        let arrived = message.is_some_and(|message| message.accepted);
        Ok(if arrived && delivery.status == Status::Sent {
            Code::Ok
        } else {
            Code::Failed
        })
    }

    /// Stays up until it is told to stop.
    async fn stay(&self, mut deployment: Deployment) -> Result<Code, Failure> {
        let output = self.output;
        output.step(
            "inbox",
            format!("{} shows what arrives", self.inbox.page_url()),
        );
        let mut arrivals = self.inbox.subscribe();
        let mut changes = Changes::new(&self.project.folder);
        let mut deliveries = JoinSet::new();
        self.send(&deployment, &mut deliveries, false);
        let mut keys = Keys::new();
        let mut greeted = false;
        // Once, and not anew in every round: a signal that comes during a build must not be lost.
        let mut stopped = pin!(stopped());
        loop {
            tokio::select! {
                () = &mut stopped => break,
                () = changes.next() => match self.deploy().await {
                    Ok(rebuilt) => {
                        deployment = rebuilt;
                        self.send(&deployment, &mut deliveries, false);
                    }
                    // The version before goes on; its author is looking at the editor.
                    Err(failure) => output.failure(&failure),
                },
                Ok(message) = arrivals.recv() => output.say(bubble::bubble(&message)),
                Some(_ended) = deliveries.join_next() => if !greeted {
                    greeted = true;
                    output.say(format!("\n{DIM}{KEYS}{DIM:#}"));
                    output.say(format!("{DIM}watching {}{DIM:#}\n", self.project.folder.display()));
                },
                key = keys.next() => match key {
                    b's' => self.send(&deployment, &mut deliveries, false),
                    b'v' => self.send(&deployment, &mut deliveries, true),
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

    /// Begins a delivery, which goes on beside everything else, retries and all.
    fn send(&self, deployment: &Deployment, deliveries: &mut JoinSet<()>, voice: bool) {
        let output = self.output;
        let event = match self.event(voice) {
            Ok(event) => event,
            Err(failure) => return output.failure(&failure),
        };
        let deployment = deployment.clone();
        let method = if voice { "a call" } else { "a text" };
        output.step(
            "sending",
            format!(
                "{method} with a code to {}",
                event.notification.recipient.as_e164()
            ),
        );
        deliveries.spawn(async move {
            let observe = |attempt: &Attempt| output.say(attempt_text(attempt));
            let delivery = deployment.deliver(event, observe).await;
            output.step(
                &delivery.status.to_string(),
                format!("{DIM}{}{DIM:#}", delivery.id),
            );
            if !output.is_human() {
                output.json(&delivery);
            }
        });
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

fn attempt_text(attempt: &Attempt) -> String {
    let heading = format!("attempt {}", attempt.number);
    let mut text = format!(
        "{BOLD}{heading:>10}{BOLD:#}  {}\n{}",
        decision(&attempt.report),
        Trace(&attempt.report)
    );
    if let Some(wait) = attempt.retry_after {
        write!(
            text,
            "\n            the next attempt follows in {:.1} s",
            wait.as_secs_f64()
        )
        .expect("a String");
    }
    text
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

/// Writes shell variables for everything that was started. The file appears whole, so that a script may wait for it.
fn write_env(path: &Path, inbox: &Inbox, secrets: &Secrets) -> Result<(), Failure> {
    let failed = |error| Failure::file("cannot write", path, &error);
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let certificate = beside(".ca.pem");
    fs::write(&certificate, inbox.certificate_pem()).map_err(failed)?;
    let certificate = certificate.canonicalize().map_err(failed)?;
    let mut variables = vec![
        ("PHONEBOX_INBOX_URL".to_owned(), inbox.page_url()),
        (
            "PHONEBOX_PROVIDER_ADDRESS".to_owned(),
            inbox.provider_address().to_string(),
        ),
        ("PHONEBOX_CA".to_owned(), certificate.display().to_string()),
    ];
    let secret = |name: &str| {
        Some((
            name.to_owned(),
            secrets.get(name)?.value().reveal().to_owned(),
        ))
    };
    variables.extend(secrets.names().filter_map(secret));
    let mut text = String::new();
    for (name, value) in variables {
        writeln!(text, "{name}='{}'", value.replace('\'', r"'\''")).expect("a String");
    }
    let temporary = beside(".tmp");
    fs::write(&temporary, text)
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
