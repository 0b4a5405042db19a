//! `phonebox doctor`: what `phonebox serve` would find on this machine.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use phonebox::store::{Clock, Sqlite};
use phonebox::{Jail, Keys};
use serde::Serialize;

use super::serve::{DATABASE, IN_THE_CLEAR, KEYS, configured_keys};
use crate::api::ADDRESS;
use crate::args;
use crate::config::Config;
use crate::failure::{Code, Failure};
use crate::output::{BAD, GOOD, NOTE, Output};

/// Least room on the disk to go on with, and to be at ease with, in bytes.
const ROOM: [u64; 2] = [64 << 20, 1 << 30];
/// A name that every way out can find.
const NAME: &str = "api.twilio.com";

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    Warn,
    Fail,
}

#[derive(Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    says: String,
    hint: Option<String>,
}

#[derive(Serialize)]
struct Findings {
    findings: Vec<Finding>,
}

impl Findings {
    fn add(
        &mut self,
        what: &'static str,
        state: State,
        says: impl Into<String>,
        hint: Option<&str>,
    ) {
        self.findings.push(Finding {
            what,
            state,
            says: says.into(),
            hint: hint.map(ToOwned::to_owned),
        });
    }

    fn ok(&mut self, what: &'static str, says: impl Into<String>) {
        self.add(what, State::Ok, says, None);
    }

    fn warn(&mut self, what: &'static str, says: impl Into<String>, hint: &str) {
        self.add(what, State::Warn, says, Some(hint));
    }

    fn fail(&mut self, what: &'static str, failure: &Failure) {
        self.add(
            what,
            State::Fail,
            &*failure.message,
            failure.hint.as_deref(),
        );
    }
}

pub(super) async fn run(arguments: &args::Doctor, output: Output) -> Result<Code, Failure> {
    let mut found = Findings {
        findings: Vec::new(),
    };
    let data = &arguments.data;
    let config = match Config::read(arguments.config.as_deref()) {
        Ok(config) => {
            let says = match &arguments.config {
                Some(path) => format!("{} is understood", path.display()),
                None => "the defaults".to_owned(),
            };
            found.ok("configuration", says);
            config
        }
        Err(failure) => {
            found.fail("configuration", &failure);
            Config::default()
        }
    };
    folder(data, &mut found);
    room(data, &mut found);
    let keys = root_keys(&config, data, &mut found).await;
    store(data, keys.as_ref(), &mut found).await;
    port(arguments.listen, data, &mut found);
    match arguments.tls.read() {
        Ok(Some(_)) => found.ok("TLS", "the certificate and its key are good"),
        Ok(None) if arguments.listen.ip().is_loopback() => {
            found.ok("TLS", "none: this machine alone is listened to");
        }
        Ok(None) => found.warn("TLS", IN_THE_CLEAR[0], IN_THE_CLEAR[1]),
        Err(error) => found.fail("TLS", &error.into()),
    }
    kernel(&mut found);
    match config.start(&[], output) {
        Ok(_) => found.ok(
            "sandbox",
            "the engine starts, and the way out is as configured",
        ),
        Err(failure) => found.fail("sandbox", &failure),
    }
    names(&mut found).await;

    let lines = found.findings.iter().map(|finding| {
        let (style, state) = match finding.state {
            State::Ok => (GOOD, "ok"),
            State::Warn => (NOTE, "warn"),
            State::Fail => (BAD, "fail"),
        };
        let Finding { what, says, .. } = finding;
        let hint = finding.hint.as_ref();
        let hint = hint.map(|hint| format!("\n{:21}{NOTE}hint{NOTE:#}: {hint}", ""));
        format!(
            "{style}{state:<4}{style:#}  {what:<13}  {says}{}",
            hint.unwrap_or_default()
        )
    });
    output.result(lines.collect::<Vec<_>>().join("\n"), &found);
    let fails = found
        .findings
        .iter()
        .any(|finding| finding.state == State::Fail);
    Ok(if fails { Code::Failed } else { Code::Ok })
}

/// Whether others than its owner may look at it.
fn is_exposed(path: &Path) -> io::Result<bool> {
    let metadata = fs::metadata(path)?;
    #[cfg(unix)]
    let exposed = std::os::unix::fs::MetadataExt::mode(&metadata) & 0o077 != 0;
    #[cfg(not(unix))]
    let exposed = !metadata.is_dir() && !metadata.is_file();
    Ok(exposed)
}

fn folder(data: &Path, found: &mut Findings) {
    const WHAT: &str = "data folder";
    match is_exposed(data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            found.ok(
                WHAT,
                format!("{} is made at the first start", data.display()),
            );
        }
        Err(error) => found.fail(WHAT, &Failure::file("cannot look at", data, &error)),
        Ok(true) => found.warn(
            WHAT,
            format!("others may look into {}", data.display()),
            "make its mode 0700",
        ),
        Ok(false) => {
            let probe = data.join(".doctor");
            match fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)) {
                Ok(()) => found.ok(WHAT, format!("{} is its owner's alone", data.display())),
                Err(error) => {
                    let failure = Failure::file("cannot write to", data, &error);
                    found.fail(WHAT, &failure.hint("run this as the user that serves"));
                }
            }
        }
    }
}

#[cfg(unix)]
fn room(data: &Path, found: &mut Findings) {
    const WHAT: &str = "disk";
    let there = data.ancestors().find(|path| path.is_dir());
    let Ok(disk) = rustix::fs::statvfs(there.unwrap_or(Path::new("."))) else {
        return found.warn(WHAT, "how much room there is cannot be told", "see `df`");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let says = format!("{} MiB are free", free >> 20);
    let [least, ease] = ROOM;
    match free {
        free if free < least => {
            found.fail(
                WHAT,
                &Failure::new(says).hint("make room: nothing could be accepted"),
            );
        }
        free if free < ease => found.warn(WHAT, says, "make room, or set [store] largest_mib"),
        _ => found.ok(WHAT, says),
    }
}

#[cfg(not(unix))]
fn room(_: &Path, _: &mut Findings) {}

async fn root_keys(config: &Config, data: &Path, found: &mut Findings) -> Option<Keys> {
    const WHAT: &str = "root keys";
    let beside = data.join(KEYS);
    let keys = match configured_keys(config.keys()).await {
        Ok(Some(keys)) => {
            found.ok(WHAT, format!("{} of them", keys.ids().len()));
            return Some(keys);
        }
        Ok(None) if !beside.exists() => {
            found.warn(
                WHAT,
                "they are made beside the store at the first start",
                "name a file elsewhere, or a command, in [keys]",
            );
            return None;
        }
        Ok(None) => Keys::from_file(&beside).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match keys {
        Ok(keys) => {
            found.warn(
                WHAT,
                format!("they lie beside the store, in {}", beside.display()),
                "move them elsewhere, and name the file in [keys]",
            );
            Some(keys)
        }
        Err(failure) => {
            found.fail(WHAT, &failure);
            None
        }
    }
}

async fn store(data: &Path, keys: Option<&Keys>, found: &mut Findings) {
    const WHAT: &str = "store";
    let path = data.join(DATABASE);
    if !path.exists() {
        return found.ok(WHAT, "it is made at the first start");
    }
    match is_exposed(&path) {
        Ok(false) => {}
        _ => found.warn(
            WHAT,
            format!("others may read {}", path.display()),
            "make its mode 0600",
        ),
    }
    let inspected = match Sqlite::inspect(&path).await {
        Ok(inspected) => inspected,
        Err(error) => return found.fail(WHAT, &error.into()),
    };
    match (keys, &inspected.mark) {
        (Some(keys), Some(mark)) if !keys.can_read(mark) => found.fail(
            WHAT,
            &Failure::new("none of the root keys is the one that it was encrypted with")
                .hint("give the keys that it was made with; new ones stand before those"),
        ),
        (None, Some(_)) => found.warn(
            WHAT,
            "whether it can be decrypted is not known without root keys",
            "see to those first",
        ),
        _ => found.ok(
            WHAT,
            format!("version {}, and can be decrypted", inspected.version),
        ),
    }
    let behind = inspected.latest.since(Clock::real().now()).as_secs();
    if behind > 0 {
        found.warn(
            "clock",
            format!("it is {behind} s behind the latest time in the store"),
            "set it: until then codes live longer than they should",
        );
    } else {
        found.ok("clock", "it is not behind the latest time in the store");
    }
}

fn port(listen: SocketAddr, data: &Path, found: &mut Findings) {
    const WHAT: &str = "port";
    let ours = fs::read_to_string(data.join(ADDRESS)).ok();
    let ours = ours.filter(|url| url.trim() == format!("http://{listen}"));
    match TcpListener::bind(listen) {
        Ok(_) => found.ok(WHAT, format!("{listen} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && ours.is_some() => {
            found.ok(
                WHAT,
                format!("{listen} is that of the server that runs from here"),
            );
        }
        Err(error) => found.fail(
            WHAT,
            &Failure::new(format!("cannot listen on {listen}: {error}"))
                .hint("stop the other one, or give another address with --listen"),
        ),
    }
}

/// What holds a compiler in.
fn kernel(found: &mut Findings) {
    const WHAT: &str = "jail";
    match Jail::this_program().and_then(|jail| jail.probe()) {
        Ok(missing) if missing.is_empty() => {
            found.ok(WHAT, "components are compiled where nothing can be reached");
        }
        Ok(missing) => {
            for missing in missing {
                found.warn(
                    WHAT,
                    format!("while components are compiled, {missing}"),
                    "a later kernel has it, or a container with fewer restrictions",
                );
            }
        }
        Err(error) => found.fail(WHAT, &Failure::new(format!("there is none: {error}"))),
    }
}

async fn names(found: &mut Findings) {
    const WHAT: &str = "names";
    #[expect(
        clippy::disallowed_methods,
        reason = "whether the system answers is asked, and nothing is reached"
    )]
    let answers = tokio::net::lookup_host((NAME, 443)).await;
    if answers.is_ok_and(|mut answers| answers.next().is_some()) {
        found.ok(WHAT, format!("the system finds {NAME}"));
    } else {
        found.warn(
            WHAT,
            format!("the system does not find {NAME}"),
            "see to its name servers, or name the answers in [egress] resolve",
        );
    }
}
