//! `phonebox logs`: what actions did and said, and what else a tenant is to be told of.

use std::collections::HashSet;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::notifications;
use crate::api::{Api, Ask, Events, all, number, part, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::{BAD, BOLD, DIM, GOOD, NOTE, Output};

/// Where the tenant's log is.
const LOGS: [&str; 1] = ["logs"];
/// Entries of it at once: the most that are given.
const ENTRIES: u32 = 100;
/// How often it is looked at for more.
const LOOK: Duration = Duration::from_secs(2);

struct Logs<'a> {
    api: &'a Api,
    output: Output,
    /// Whether only what failed is told.
    failures: bool,
    /// The attempts that were told: notification and number.
    told: HashSet<(String, String)>,
    /// The latest entry of the log that is known.
    latest: Option<String>,
}

/// The attempts at the latest notifications and the latest entries of the log, the earliest first; and then those that follow. As
/// JSON, each is a line. Who may see only one of the two sees that.
pub(super) async fn run(arguments: &args::Logs, output: Output) -> Result<Code, Failure> {
    let api = Api::new(&arguments.server, output)?;
    let mut logs = Logs {
        api: &api,
        output,
        failures: arguments.failures,
        told: HashSet::new(),
        latest: None,
    };
    // Before the others are asked for: between the two none is missed, and what is in both is told once.
    let mut tail = None;
    if arguments.follow {
        tail = logs.allowed("attempts", api.events(Ask::get(&["tail"])).await)?;
    }
    let attempts = logs.attempts(arguments.limit).await;
    let entries = logs.entries(arguments.limit).await;
    let attempts = logs.allowed("attempts", attempts)?;
    let entries = logs.allowed("the tenant's log", entries)?;
    let (attempts, entries) = match (attempts, entries) {
        (None, None) => {
            return Err(
                Failure::new("neither attempts nor the log may be seen by this key")
                    .hint("ask for one that is good for notifications:read or read:logs")
                    .code(Code::Auth),
            );
        }
        (attempts, entries) => (attempts, entries),
    };
    let follows_log = entries.is_some();
    let mut both = attempts.unwrap_or_default();
    both.extend(entries.unwrap_or_default());
    both.sort_by_key(at);
    for one in &both {
        logs.tell(one);
    }
    if arguments.follow {
        return logs.follow(tail, follows_log).await;
    }
    let failed = both.iter().filter(|one| is_failure(one)).count();
    if failed > 0 && !arguments.failures && output.is_human() {
        output.say(format!(
            "{DIM}{failed} of these failed: --failures shows them alone{DIM:#}"
        ));
    }
    Ok(Code::Ok)
}

impl Logs<'_> {
    /// None where this key may not see it.
    fn allowed<T>(&self, what: &str, seen: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match seen {
            Ok(seen) => Ok(Some(seen)),
            Err(failure) if failure.code == Code::Auth => {
                self.output
                    .step("left out", format!("{what}: {}", failure.message));
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Those at the latest notifications.
    async fn attempts(&mut self, limit: u32) -> Result<Vec<Value>, Failure> {
        let ask = Ask::get(&["notifications"]).query("limit", Some(limit));
        let listed = self.api.ask(ask).await?;
        let mut attempts = Vec::new();
        for item in all(&listed, "notifications") {
            let id = text(item, "id");
            let notification = self.api.ask(Ask::get(&["notifications", &id])).await?;
            for attempt in all(&notification, "attempts") {
                self.told.insert((id.clone(), number(attempt, "number")));
                let mut with_id = json!({ "notification": id });
                if let (Some(with_id), Some(attempt)) =
                    (with_id.as_object_mut(), attempt.as_object())
                {
                    with_id.extend(attempt.clone());
                }
                attempts.push(with_id);
            }
        }
        attempts.retain(|attempt| !self.failures || is_failure(attempt));
        Ok(attempts)
    }

    /// The latest of the log.
    async fn entries(&mut self, limit: u32) -> Result<Vec<Value>, Failure> {
        let ask = Ask::management(Method::GET, &LOGS);
        let listed = self
            .api
            .ask(ask.query("per_page", Some(limit.min(ENTRIES))))
            .await?;
        Ok(self.news(&listed))
    }

    /// What follows what is known of the log.
    async fn more(&mut self) -> Result<Vec<Value>, Failure> {
        let ask = Ask::management(Method::GET, &LOGS).query("from", self.latest.as_ref());
        let listed = self.api.ask(ask.query("take", Some(ENTRIES))).await?;
        let mut news = self.news(&listed);
        news.sort_by_key(at);
        Ok(news)
    }

    /// What of the log no attempt tells that is told.
    fn news(&mut self, listed: &Value) -> Vec<Value> {
        let entries = listed.as_array().map_or(&[][..], Vec::as_slice);
        let ids = entries.iter().map(|entry| text(entry, "log_id"));
        self.latest = ids.chain(self.latest.take()).max();
        let is_news = |entry: &&Value| {
            let of_attempt = matches!(
                part(entry, "type").as_str(),
                Some("actions_execution_failed" | "wn")
            );
            let details = part(entry, "details");
            let attempt = (notification(details), number(details, "attempt"));
            !(of_attempt && self.told.contains(&attempt)) && (!self.failures || is_failure(entry))
        };
        entries.iter().filter(is_news).cloned().collect()
    }

    fn tell(&self, one: &Value) {
        let text = if part(one, "log_id").is_string() {
            entry(one)
        } else {
            let id = text(one, "notification");
            format!("{BOLD}{id}{BOLD:#}  {}", notifications::attempt(one))
        };
        self.output.result(text, one);
    }

    async fn follow(
        mut self,
        mut tail: Option<Events<'_>>,
        follows_log: bool,
    ) -> Result<Code, Failure> {
        let stopped = super::dev::stopped();
        let mut stopped = std::pin::pin!(stopped);
        let mut look = interval_at(Instant::now() + LOOK, LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = async {
                match &mut tail {
                    Some(tail) => tail.next().await,
                    None => std::future::pending().await,
                }
            };
            let (kind, event) = tokio::select! {
                event = next => event?,
                _ = look.tick(), if follows_log => {
                    for entry in self.more().await? {
                        self.tell(&entry);
                    }
                    continue;
                }
                () = &mut stopped => return Ok(Code::Ok),
            };
            let id = text(&event, "notification");
            match &*kind {
                "attempt" => {
                    let is_new = self.told.insert((id, number(&event, "number")));
                    if is_new && (!self.failures || is_failure(&event)) {
                        self.tell(&event);
                    }
                }
                "status" if !self.failures => {
                    let why = notifications::waits(&event)
                        .map_or_else(String::new, |why| format!(": {why}"));
                    let status = text(&event, "status");
                    self.output
                        .say(format!("{DIM}{id} is {status}{why}{DIM:#}"));
                }
                "missed" => self.output.step(
                    "warning",
                    format!(
                        "{} events came too fast, and are not shown",
                        number(&event, "count")
                    ),
                ),
                _ => {}
            }
        }
    }
}

/// When it was.
fn at(one: &Value) -> Option<Timestamp> {
    let at = part(one, "ended_at")
        .as_str()
        .or(part(one, "date").as_str());
    at?.parse().ok()
}

/// Whether something went wrong: an attempt that was not sent, or an entry of the log but for what was changed.
fn is_failure(one: &Value) -> bool {
    match part(one, "type").as_str() {
        Some(kind) => kind != "sapi",
        None => part(part(part(one, "report"), "outcome"), "kind") != "sent",
    }
}

/// The notification that an entry of the log is about.
fn notification(details: &Value) -> String {
    match part(details, "execution_id").as_str() {
        Some(id) => format!("ntf_{}", id.replace('-', "")),
        None => String::new(),
    }
}

/// An entry of the log, as a line.
fn entry(entry: &Value) -> String {
    let kind = text(entry, "type");
    let (style, what) = match &*kind {
        "sapi" => (GOOD, "changed"),
        "fapi" => (BAD, "not changed"),
        "fn" => (BAD, "not sent"),
        "limit_phone" => (BAD, "refused"),
        "wn" => (NOTE, "to be tried again"),
        "actions_execution_failed" => (BAD, "failed"),
        other => (NOTE, other),
    };
    let details = part(entry, "details");
    let about = [
        notification(details),
        text(entry, "client_id"),
        text(entry, "ip"),
        text(entry, "date"),
    ];
    let about = about.iter().filter(|about| !about.is_empty());
    format!(
        "{style}{what}{style:#}: {}  {DIM}{kind}  {}{DIM:#}",
        text(entry, "description"),
        about.map(|about| &**about).collect::<Vec<_>>().join("  "),
    )
}
