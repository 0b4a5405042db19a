//! Notifications: sending them, and what became of them.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use phonebox::store::{Filter, Item, Notification, Time};
use phonebox::{Event, NotificationId, Scope, Sent, Status};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::caller::Asking;
use crate::{App, Problem};

/// Longest idempotency key, in bytes.
const KEY: usize = 255;
/// Longest that a caller may wait for the outcome.
const WAIT: Duration = Duration::from_secs(30);
/// Longest that a code may be valid.
const VALID: Duration = Duration::from_hours(24);
/// Notifications in one list, unless the caller says, and at the most.
const LISTED: [usize; 2] = [50, 200];

/// What is to be sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The event of Auth0's `custom-phone-provider` trigger, without secrets.
    event: Box<RawValue>,
    /// How long the code in it is valid. Default: 300.
    valid_seconds: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    status: Option<String>,
    before: Option<NotificationId>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Listed {
    notifications: Vec<Shown>,
    /// Give it as `before` for what came before these.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NotificationId>,
}

/// A notification, as it is shown.
#[derive(Serialize)]
struct Shown {
    id: NotificationId,
    status: Status,
    action: String,
    /// Attempts that have begun.
    attempts_begun: u32,
    accepted_at: Timestamp,
    /// Of one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<ShownAttempt>>,
}

#[derive(Serialize)]
struct ShownAttempt {
    number: u32,
    began_at: Timestamp,
    ended_at: Timestamp,
    /// Outcome or error, log lines, requests with their decisions, and what it used.
    report: Option<Box<RawValue>>,
}

pub(crate) async fn send(
    State(app): State<App>,
    asking: Asking,
    headers: HeaderMap,
    body: Result<Json<Asked>, JsonRejection>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::NotificationsSend)?;
    let Json(asked) = body?;
    let event = Event::from_json(asked.event.get())
        .map_err(|invalid| Problem::invalid(invalid.to_string()))?;
    let mut send = tenant.send(event);
    if let Some(seconds) = asked.valid_seconds {
        let valid = Duration::from_secs(seconds);
        if valid.is_zero() || valid > VALID {
            let most = VALID.as_secs();
            return Err(Problem::invalid(format!(
                "valid_seconds is {seconds}, and may be 1 to {most}"
            )));
        }
        send = send.valid_for(valid);
    }
    if let Some(key) = headers.get("idempotency-key") {
        let key = key
            .to_str()
            .ok()
            .filter(|key| (1..=KEY).contains(&key.len()));
        send = send.idempotency_key(key.ok_or_else(|| {
            Problem::invalid(format!(
                "idempotency-key is not 1 to {KEY} printable characters"
            ))
        })?);
    }
    let accepted = send.await?;
    let status = match wait(&headers) {
        None => None,
        Some(wait) => timeout(wait, accepted.settled()).await.ok().transpose()?,
    };
    let shown = shown(&accepted).await?;
    let code = match (status, accepted.was_repeated()) {
        (Some(status), _) if status.is_settled() => StatusCode::OK,
        (_, true) => StatusCode::OK,
        (_, false) => StatusCode::ACCEPTED,
    };
    let location = [(
        header::LOCATION,
        format!("/v1/notifications/{}", accepted.id()),
    )];
    Ok((code, location, Json(shown)).into_response())
}

/// How long the caller would wait for the outcome (RFC 7240, 4.3).
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let preferences = headers.get_all("prefer").iter();
    let seconds = preferences
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|preference| preference.trim().strip_prefix("wait=")?.parse().ok())?;
    Some(Duration::from_secs(seconds).min(WAIT))
}

async fn shown(sent: &Sent) -> Result<Shown, Problem> {
    let notification = sent.notification().await?;
    notification.map(Shown::whole).ok_or_else(unknown)
}

pub(crate) async fn list(
    State(app): State<App>,
    asking: Asking,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::NotificationsRead)?;
    let Query(wanted) = wanted?;
    let [usual, most] = LISTED;
    let most = wanted.limit.unwrap_or(usual).clamp(1, most);
    let named = |name: String| {
        let known = Status::ALL
            .into_iter()
            .find(|status| status.as_str() == name);
        let all = || Status::ALL.map(Status::as_str).join(", ");
        known.ok_or_else(|| Problem::invalid(format!("status is none of {}", all())))
    };
    let filter = Filter {
        status: wanted.status.map(named).transpose()?,
        before: wanted.before,
        most,
    };
    let items = tenant.notifications(filter).await?;
    let next = items.last().filter(|_| items.len() == most);
    Ok(Json(Listed {
        next: next.map(|item| item.id),
        notifications: items.into_iter().map(Shown::item).collect(),
    })
    .into_response())
}

pub(crate) async fn show(
    State(app): State<App>,
    asking: Asking,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::NotificationsRead)?;
    let id = id.parse().map_err(|_| unknown())?;
    let found = tenant.notification(id).await?.ok_or_else(unknown)?;
    Ok(Json(Shown::whole(found)).into_response())
}

pub(crate) async fn cancel(
    State(app): State<App>,
    asking: Asking,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::NotificationsSend)?;
    let id = id.parse().map_err(|_| unknown())?;
    let canceled = tenant.cancel(id).await?;
    let found = tenant.notification(id).await?.ok_or_else(unknown)?;
    if canceled || found.item.status == Status::Canceled {
        return Ok(Json(Shown::whole(found)).into_response());
    }
    let status = found.item.status;
    Err(Problem::new(
        StatusCode::CONFLICT,
        "not_waiting",
        format!("it is {status}: only what waits can be canceled"),
    ))
}

fn unknown() -> Problem {
    Problem::not_found("the tenant has no notification of this id")
}

impl Shown {
    fn item(item: Item) -> Self {
        let waits = item.status == Status::Queued;
        Self {
            id: item.id,
            status: item.status,
            action: item.action,
            attempts_begun: item.attempts,
            accepted_at: stamp(item.accepted_at),
            next_attempt_at: waits.then(|| stamp(item.run_at)),
            expires_at: stamp(item.expires_at),
            settled_at: item.settled_at.map(stamp),
            attempts: None,
        }
    }

    fn whole(notification: Notification) -> Self {
        let attempts = notification.attempts.into_iter();
        let attempts = attempts.map(|attempt| ShownAttempt {
            number: attempt.number,
            began_at: stamp(attempt.began),
            ended_at: stamp(attempt.ended),
            report: RawValue::from_string(attempt.report).ok(),
        });
        Self {
            attempts: Some(attempts.collect()),
            ..Self::item(notification.item)
        }
    }
}

pub(crate) fn stamp(time: Time) -> Timestamp {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}
