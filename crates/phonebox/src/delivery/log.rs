//! What a tenant's log says, in the types and words of Auth0's: what failed, what was refused, what was asked. What is sent is not
//! in it: that is with the notifications.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use lru::LruCache;
use phonebox_contract::{Event, NotificationId, Outcome, RetryRequest, Status, truncate_reason};
use phonebox_runtime::{Report, RunError};
use phonebox_store::{About, Leased, LogEntry, Time};
use serde_json::{Map, Value, json};

use super::abuse::Refused;
use super::engine::lock;
use super::error::CannotLoad;
use super::schedule::Next;

/// The trigger that all actions here have.
const TRIGGER: &str = "custom-phone-provider";
/// How long after an entry about refusals those of the same tenant and kind are only counted, for the next one: who pumps
/// messages is not to fill the log.
const REFUSALS: Duration = Duration::from_secs(10);
/// Tenants' kinds of refusals that are counted.
const COUNTED: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");

/// How an attempt came out.
pub(super) type Ran<'a> = Result<&'a Report, &'a CannotLoad>;

/// What the log is to say of an attempt, and of what follows it.
pub(super) fn of_attempt(
    leased: &Leased,
    event: Option<&Event>,
    ran: Option<Ran<'_>>,
    next: Next,
) -> Vec<LogEntry> {
    let failure = ran.and_then(Failure::of);
    let said = match ran.map(|ran| ran.map(|report| &report.result)) {
        Some(Ok(Ok(Outcome::Retry(RetryRequest { reason, .. }) | Outcome::Drop { reason }))) => {
            Some(&**reason)
        }
        _ => None,
    };
    let mut log = Vec::new();
    if let Some(failure) = &failure {
        log.push(failure.entry(leased));
    }
    match next {
        Next::Settled(Status::Sent) => {}
        Next::Settled(status) => {
            let error = failure.as_ref().map(|failure| &*failure.message).or(said);
            log.push(failed(leased.id, &leased.action, event, status, error));
        }
        Next::RetryAfter(wait) => {
            if let Some(reason) = said {
                log.push(retry(leased, event, reason, wait));
            }
        }
    }
    log
}

/// A notification that was not sent.
pub(super) fn failed(
    id: NotificationId,
    action: &str,
    event: Option<&Event>,
    status: Status,
    error: Option<&str>,
) -> LogEntry {
    let error = match (status, error) {
        (Status::Exhausted, Some(error)) => format!("it was tried as often as it is: {error}"),
        (Status::Exhausted, None) => "its process ended as often as it may".to_owned(),
        (Status::Expired, Some(error)) => format!("no time was left to try again: {error}"),
        (Status::Expired, None) => "what it says was no longer true when its turn came".to_owned(),
        (_, error) => error.unwrap_or_default().to_owned(),
    };
    let mut details = about(event);
    details.insert("error".to_owned(), json!(error));
    details.insert("status".to_owned(), json!(status.as_str()));
    details.extend(of_run(id, action));
    entry("fn", Some(id), &error, &details)
}

fn retry(leased: &Leased, event: Option<&Event>, reason: &str, wait: Duration) -> LogEntry {
    let mut details = about(event);
    if let Some(method) = details.get("delivery_method").cloned() {
        details.insert("notification_channel".to_owned(), method);
    }
    details.insert("warning".to_owned(), json!(reason));
    details.insert("attempt".to_owned(), json!(leased.attempt));
    details.insert(
        "retry_after_seconds".to_owned(),
        json!(wait.as_secs_f64().ceil()),
    );
    details.extend(of_run(leased.id, &leased.action));
    entry("wn", Some(leased.id), reason, &details)
}

/// Why an attempt has no outcome.
struct Failure {
    class: &'static str,
    code: &'static str,
    message: String,
}

impl Failure {
    fn of(ran: Ran<'_>) -> Option<Self> {
        let (class, code, message) = match ran {
            Ok(report) => {
                let error = report.result.as_ref().err()?;
                let class = match error {
                    RunError::Host => "platform_error",
                    RunError::CpuExceeded { .. } | RunError::DeadlineExceeded { .. } => {
                        "action_timeout"
                    }
                    _ => "action_error",
                };
                let message = match error {
                    RunError::Returned { message } => message.clone(),
                    other => other.to_string(),
                };
                (class, error.kind(), message)
            }
            Err(error) => ("platform_error", error.kind(), error.to_string()),
        };
        Some(Self {
            class,
            code,
            message: truncate_reason(message),
        })
    }

    fn entry(&self, leased: &Leased) -> LogEntry {
        let (name, message) = thrown(&self.message);
        let error = json!({ "name": name, "message": message, "code": self.code });
        let mut details = of_run(leased.id, &leased.action);
        details.insert("attempt".to_owned(), json!(leased.attempt));
        details.insert("error_class".to_owned(), json!(self.class));
        details.insert("action_error".to_owned(), error);
        entry(
            "actions_execution_failed",
            Some(leased.id),
            message,
            &details,
        )
    }
}

/// The name and the message of what JavaScript throws, as it is written there.
fn thrown(text: &str) -> (&str, &str) {
    let is_name = |name: &str| {
        name.ends_with("Error") && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let named = text.split_once(": ").filter(|(name, _)| is_name(name));
    named.unwrap_or(("Error", text))
}

/// What was to be sent, without what it says and to whom.
fn about(event: Option<&Event>) -> Map<String, Value> {
    let mut about = Map::new();
    if let Some(event) = event {
        let notification = &event.notification;
        about.insert(
            "notification_type".to_owned(),
            json!(notification.message_type),
        );
        about.insert(
            "delivery_method".to_owned(),
            json!(notification.delivery_method),
        );
        // It shows itself masked.
        about.insert(
            "to".to_owned(),
            json!(format!("{:?}", notification.recipient)),
        );
    }
    about
}

fn of_run(id: NotificationId, action: &str) -> Map<String, Value> {
    let run = json!({ "trigger_id": TRIGGER, "execution_id": id.to_uuid(), "action_name": action });
    match run {
        Value::Object(run) => run,
        _ => Map::new(),
    }
}

fn entry(
    kind: &'static str,
    notification: Option<NotificationId>,
    description: &str,
    details: &Map<String, Value>,
) -> LogEntry {
    LogEntry {
        about: About::Delivery,
        kind,
        notification,
        text: json!({ "description": description, "details": details }).to_string(),
    }
}

/// When an entry was last made of each kind of refusal of a tenant's, and how many there were since.
pub(super) struct Refusals(Mutex<LruCache<(String, &'static str), Counted>>);

/// When that was, and how many.
type Counted = (Time, u64);

impl Refusals {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(COUNTED)))
    }

    /// What the log is to say of one, if it is to say something now.
    pub(super) fn entry(
        &self,
        tenant: &str,
        event: &Event,
        refused: Refused,
        now: Time,
    ) -> Option<LogEntry> {
        let count = {
            let mut counted = lock(&self.0);
            let (said, since) =
                counted.get_or_insert_mut((tenant.to_owned(), refused.code()), Default::default);
            *since += 1;
            if now.since(*said) < REFUSALS {
                return None;
            }
            *said = now;
            std::mem::take(since)
        };
        let mut details = about(Some(event));
        details.insert("type".to_owned(), json!(refused.code()));
        details.insert("count".to_owned(), json!(count));
        details.insert("trigger_time".to_owned(), json!(timestamp(now)));
        if let Some(after) = refused.after() {
            details.insert("reset_time".to_owned(), json!(timestamp(now + after)));
        }
        Some(entry("limit_phone", None, &refused.to_string(), &details))
    }
}

fn timestamp(time: Time) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(time.as_millis()).ok()?).ok()
}
