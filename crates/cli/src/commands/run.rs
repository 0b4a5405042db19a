//! `phonebox run`: a host of actions for another program, which speaks to it in lines of JSON.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use phonebox::egress::{self, Block};
use phonebox::{
    Action, Delivery, Deployment, Digest, Event, NotificationId, Occupancy, Origin, Phonebox,
    Report, Secrets,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::task::JoinSet;

use crate::args;
use crate::config::Config;
use crate::failure::Code;
use crate::failure::Failure;
use crate::output::Output;
use crate::stage;

/// The longest line, in bytes.
const LINE: u64 = 1 << 20;
const COMMANDS: &str = "a line is one JSON object: an `id`, and one of `deploy`, `withdraw`, `attempt`, \
                        `deliver`, `block`, `unblock` and `status`";

/// A line of the other program's: an id of its choice and one command.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Line {
    id: Value,
    deploy: Option<Deploy>,
    withdraw: Option<Withdraw>,
    attempt: Option<Notify>,
    deliver: Option<Notify>,
    block: Option<Stop>,
    unblock: Option<Stop>,
    status: Option<Empty>,
}

enum Command {
    Deploy(Deploy),
    Withdraw(Withdraw),
    Attempt(Notify),
    Deliver(Notify),
    Block(Stop),
    Unblock(Stop),
    Status(Empty),
}

/// What requests are to be stopped: one of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Stop {
    All(bool),
    Origin(String),
    Tenant(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deploy {
    tenant: String,
    component: PathBuf,
    #[serde(default)]
    secrets: BTreeMap<String, phonebox::Secret>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdraw {
    tenant: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notify {
    tenant: String,
    event: Box<serde_json::value::RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// The answer to one line.
#[derive(Serialize)]
struct Answer {
    id: Value,
    #[serde(flatten)]
    said: Said,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Deployed {
        action: String,
        digest: Digest,
        origin: &'static str,
    },
    Withdrawn(bool),
    Blocked(bool),
    Report(Box<Report>),
    Delivery(Delivery),
    Status {
        #[serde(flatten)]
        occupancy: Occupancy,
        deployments: usize,
    },
    Error(Failure),
}

struct Host {
    phonebox: Phonebox,
    /// By tenant.
    deployments: Mutex<HashMap<String, Deployment>>,
}

pub(super) async fn run(arguments: args::Run, output: Output) -> Result<Code, Failure> {
    let config = Config::read(arguments.config.as_deref())?;
    let host = Arc::new(Host {
        phonebox: config.start(&[], output)?,
        deployments: Mutex::default(),
    });
    let mut lines = BufReader::new(tokio::io::stdin());
    let mut running = JoinSet::new();
    while let Some(line) = next(&mut lines).await? {
        let host = host.clone();
        running.spawn(async move {
            let (id, said) = match line.and_then(|line| read(&line)) {
                Ok(line) => (line.id.clone(), host.obey(line).await),
                Err(failure) => (Value::Null, Err(failure)),
            };
            let said = said.unwrap_or_else(Said::Error);
            output.json(&Answer { id, said });
        });
        while running.try_join_next().is_some() {}
    }
    // What was begun is finished.
    while running.join_next().await.is_some() {}
    Ok(Code::Ok)
}

/// The next line that is not empty; none at the end. The inner error is about this line alone.
async fn next(
    lines: &mut (impl AsyncBufRead + Unpin),
) -> Result<Option<Result<Vec<u8>, Failure>>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new(format!("cannot read standard input: {error}"));
    loop {
        let mut line = Vec::new();
        let read = (&mut *lines).take(LINE).read_until(b'\n', &mut line).await;
        if read.map_err(unreadable)? == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == LINE {
            // The rest of it is passed over.
            while line.last() != Some(&b'\n') {
                line.clear();
                let more = (&mut *lines).take(LINE).read_until(b'\n', &mut line).await;
                if more.map_err(unreadable)? == 0 {
                    break;
                }
            }
            return Ok(Some(Err(Failure::new(format!(
                "a line has more than {LINE} bytes"
            )))));
        }
        if !line.trim_ascii().is_empty() {
            return Ok(Some(Ok(line)));
        }
    }
}

/// Reads a line. An error says where it is wrong and quotes nothing: there are secrets and codes in it.
fn read(line: &[u8]) -> Result<Line, Failure> {
    serde_json::from_slice(line).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "has an unknown key or a value of the wrong type",
            _ => "is not JSON",
        };
        Failure::new(format!("the line {what} at column {}", error.column())).hint(COMMANDS)
    })
}

impl Stop {
    fn read(self) -> Result<Block, Failure> {
        Ok(match self {
            Self::All(true) => Block::All,
            Self::All(false) => {
                return Err(Failure::new("`all` is not true").hint("write {\"all\": true}"));
            }
            Self::Tenant(tenant) => Block::Tenant(tenant),
            Self::Origin(origin) => Block::Origin(
                egress::Origin::parse(&origin)
                    .map_err(|invalid| Failure::new(&invalid).hint(invalid.hint()))?,
            ),
        })
    }
}

impl Line {
    /// Its one command.
    fn command(self) -> Result<Command, Failure> {
        let mut commands = [
            self.deploy.map(Command::Deploy),
            self.withdraw.map(Command::Withdraw),
            self.attempt.map(Command::Attempt),
            self.deliver.map(Command::Deliver),
            self.block.map(Command::Block),
            self.unblock.map(Command::Unblock),
            self.status.map(Command::Status),
        ]
        .into_iter()
        .flatten();
        match (commands.next(), commands.next()) {
            (Some(command), None) => Ok(command),
            _ => Err(Failure::new("a line has exactly one command").hint(COMMANDS)),
        }
    }
}

impl Host {
    async fn obey(&self, line: Line) -> Result<Said, Failure> {
        Ok(match line.command()? {
            Command::Deploy(deploy) => self.deploy(deploy).await?,
            Command::Withdraw(Withdraw { tenant }) => {
                Said::Withdrawn(self.deployments().remove(&tenant).is_some())
            }
            Command::Attempt(notify) => {
                let (deployment, event) = self.prepare(&notify)?;
                let report = deployment.attempt(Arc::new(event), NotificationId::new(), 1);
                Said::Report(Box::new(report.await))
            }
            Command::Deliver(notify) => {
                let (deployment, event) = self.prepare(&notify)?;
                Said::Delivery(deployment.deliver(event, |_| {}).await)
            }
            Command::Block(stop) => {
                self.phonebox.block(stop.read()?);
                Said::Blocked(true)
            }
            Command::Unblock(stop) => {
                self.phonebox.unblock(&stop.read()?);
                Said::Blocked(false)
            }
            Command::Status(Empty {}) => Said::Status {
                occupancy: self.phonebox.occupancy(),
                deployments: self.deployments().len(),
            },
        })
    }

    async fn deploy(&self, deploy: Deploy) -> Result<Said, Failure> {
        let phonebox = self.phonebox.clone();
        let deployment = stage::blocking(move || {
            let Deploy {
                tenant,
                component: path,
                secrets,
            } = deploy;
            let component = Failure::or_component(&path)?;
            let action = Action::from_component(component)?;
            let secrets: Secrets = secrets.into_iter().collect();
            let deployment = phonebox.deploy(&tenant, &action, secrets)?;
            Ok((tenant, deployment))
        });
        let (tenant, deployment) = deployment.await?;
        let action = deployment.action();
        let said = Said::Deployed {
            action: action.manifest().name.clone(),
            digest: action.digest(),
            origin: match deployment.origin() {
                Origin::Cache => "cache",
                Origin::Compiled => "compiled",
            },
        };
        self.deployments().insert(tenant, deployment);
        Ok(said)
    }

    fn prepare(&self, notify: &Notify) -> Result<(Deployment, Event), Failure> {
        let deployment = self.deployments().get(&notify.tenant).cloned();
        let deployment = deployment.ok_or_else(|| {
            Failure::new(format!(
                "nothing is deployed for the tenant `{}`",
                notify.tenant
            ))
            .hint("send a line with `deploy` first, and wait for its answer")
            .code(Code::NotFound)
        })?;
        Ok((deployment, Event::from_json(notify.event.get())?))
    }

    fn deployments(&self) -> std::sync::MutexGuard<'_, HashMap<String, Deployment>> {
        self.deployments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
