//! Notifications: sending them, and what became of them.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use phonebox::store::{self, Attempt, Filter, Item, Notification, Received, Time};
use phonebox::{
    Event, LeftAlone, NotificationId, RECEIPTS, Scope, Send, SendError, Sent, Status, Tenant,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::timeout;
use utoipa::{IntoParams, ToSchema};

use crate::caller::Asking;
use crate::openapi::{EventShape, ReportShape, StatusName};
use crate::problem::Path;
use crate::{App, Problem};

/// Longest idempotency key, in bytes.
const KEY: usize = 255;
/// Longest word of a provider's in a receipt, in bytes.
const WORD: usize = 64;
/// Longest that a caller may wait for the outcome.
const WAIT: Duration = Duration::from_secs(30);
/// Longest that a code may be valid.
const VALID: Duration = Duration::from_hours(24);
/// Notifications in one list, unless the caller says, and at the most.
const LISTED: [usize; 2] = [50, 200];

/// What is to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Send)]
pub(crate) struct Asked {
    /// The event of Auth0's `custom-phone-provider` trigger, without secrets.
    #[schema(value_type = EventShape)]
    event: Box<RawValue>,
    /// How long the code in it is valid. Default: 300.
    #[schema(minimum = 1, maximum = 86400)]
    valid_seconds: Option<u64>,
}

/// What is to be sent again.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Replay)]
pub(crate) struct Again {
    /// How long the code in it is valid once more. Default: as long as it still is.
    #[schema(minimum = 1, maximum = 86400)]
    valid_seconds: Option<u64>,
}

/// What a provider said of a message that it had accepted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Receipt {
    status: ReceiptStatus,
    /// The same in the provider's word: 1 to 64 letters, digits, blanks and `-_.:/`.
    #[schema(pattern = "^[A-Za-z0-9 _.:/-]{1,64}$")]
    provider_status: Option<String>,
    /// The provider's code for what went wrong, as `provider_status`.
    #[schema(pattern = "^[A-Za-z0-9 _.:/-]{1,64}$")]
    error_code: Option<String>,
    /// When it happened, as the provider says.
    at: Option<Timestamp>,
}

/// What became of a message, by the provider's word.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ReceiptStatus {
    /// It is on its way still.
    Pending,
    /// The telephone has it.
    Delivered,
    /// The telephone will not get it.
    Undelivered,
    /// Nobody knows, nor will.
    Unknown,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only those in this status.
    #[param(value_type = Option<StatusName>)]
    status: Option<String>,
    /// Only those accepted before this one.
    #[param(value_type = Option<String>)]
    before: Option<NotificationId>,
    /// Most of them: 50 unless said, and no more than 200.
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Notifications)]
struct Listed {
    notifications: Vec<Shown>,
    /// Give it as `before` for what came before these.
    #[schema(value_type = Option<String>, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NotificationId>,
}

/// A notification, as it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = Notification)]
struct Shown {
    #[schema(value_type = String, example = "ntf_019a7c3e5b7d7c1a8f0e2d4c6b8a0f1e")]
    id: NotificationId,
    #[schema(value_type = StatusName)]
    status: Status,
    action: String,
    /// Attempts that have begun.
    attempts_begun: u32,
    accepted_at: Timestamp,
    /// Of one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_attempt_at: Option<Timestamp>,
    /// What keeps one from being tried that waits, if it is not its turn alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    waits_for: Option<WaitsFor>,
    expires_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    settled_at: Option<Timestamp>,
    /// The notification that this one repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    replay_of: Option<NotificationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempts: Option<Vec<ShownAttempt>>,
    /// What the provider is reported to have said later, in the order that it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    receipts: Option<Vec<ShownReceipt>>,
}

/// What a notification waits for: as far as the process knows that is asked, and since it started.
#[derive(Serialize, ToSchema)]
pub(crate) struct WaitsFor {
    reason: WaitsReason,
    /// The origin at which attempts fail.
    origin: String,
    /// When the next attempt tries there, unless one does already and ends before.
    until: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum WaitsReason {
    /// Attempts of the action keep failing at one origin. It is left alone, but for one attempt at a time.
    ProviderFailing,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KeptReceipt)]
struct ShownReceipt {
    #[schema(value_type = ReceiptStatus)]
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    provider_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    at: Option<Timestamp>,
    received_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct ShownAttempt {
    number: u32,
    began_at: Timestamp,
    ended_at: Timestamp,
    /// Outcome or error, log lines, requests with their decisions, and what it used.
    #[schema(value_type = Option<ReportShape>)]
    report: Option<Box<RawValue>>,
}

#[utoipa::path(post, path = "/v1/notifications", operation_id = "send_notification", tag = "notifications",
    request_body = Asked, params(
        ("idempotency-key" = Option<String>, Header, description = "Names the request: the same again is the same notification"),
        ("prefer" = Option<String>, Header, description = "`wait=N` answers with the outcome, after N seconds at the latest, of 30", example = "wait=10"),
    ),
    responses(
        (status = 200, description = "It is settled, or was accepted before", body = Shown),
        (status = 202, description = "It is on disk, and will be tried until it is settled", body = Shown),
    ))]
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
    accept(tenant.send(event), asked.valid_seconds, &headers).await
}

/// Sends what a settled notification was to send once more, as a new one, until what it says has been erased.
#[utoipa::path(post, path = "/v1/notifications/{id}/replay", operation_id = "replay_notification", tag = "notifications",
    request_body = Option<Again>, params(
        ("id" = String, Path, description = "The notification's id"),
        ("idempotency-key" = Option<String>, Header, description = "Names the request: the same again is the same notification"),
        ("prefer" = Option<String>, Header, description = "`wait=N` answers with the outcome, after N seconds at the latest, of 30", example = "wait=10"),
    ),
    responses(
        (status = 200, description = "It is settled, or was accepted before", body = Shown),
        (status = 202, description = "It is on disk, and will be tried until it is settled", body = Shown),
    ))]
pub(crate) async fn replay(
    State(app): State<App>,
    asking: Asking,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::NotificationsSend)?;
    let id = id.parse().map_err(|_| unknown())?;
    let body = body?;
    let again = if body.is_empty() {
        Again::default()
    } else {
        let Json(again) = Json::<Again>::from_bytes(&body)?;
        again
    };
    accept(tenant.replay(id), again.valid_seconds, &headers).await
}

async fn accept(
    mut send: Send,
    valid_seconds: Option<u64>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if let Some(seconds) = valid_seconds {
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
    let status = match wait(headers) {
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

#[utoipa::path(get, path = "/v1/notifications", operation_id = "list_notifications", tag = "notifications", params(Wanted),
    responses((status = 200, description = "The latest first, without attempts and receipts", body = Listed)))]
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
        notifications: items
            .into_iter()
            .map(|item| Shown::item(item).of(&tenant))
            .collect(),
    })
    .into_response())
}

#[utoipa::path(get, path = "/v1/notifications/{id}", operation_id = "show_notification", tag = "notifications",
    params(("id" = String, Path, description = "The notification's id")), responses((status = 200, description = "With its attempts and receipts", body = Shown)))]
pub(crate) async fn show(
    State(app): State<App>,
    asking: Asking,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::NotificationsRead)?;
    let id = id.parse().map_err(|_| unknown())?;
    let found = tenant.notification(id).await?.ok_or_else(unknown)?;
    Ok(Json(Shown::whole(found).of(&tenant)).into_response())
}

/// Takes one back that waits.
#[utoipa::path(post, path = "/v1/notifications/{id}/cancel", operation_id = "cancel_notification", tag = "notifications",
    params(("id" = String, Path, description = "The notification's id")), responses((status = 200, description = "It will not be sent", body = Shown)))]
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

/// Keeps what a provider said later of a message that it had accepted. The same again is kept once.
#[utoipa::path(post, path = "/v1/notifications/{id}/receipt", operation_id = "receive_receipt", tag = "notifications",
    request_body = Receipt, params(("id" = String, Path, description = "The notification's id")), responses((status = 200, description = "It is on disk", body = Shown)))]
pub(crate) async fn receive(
    State(app): State<App>,
    asking: Asking,
    Path(id): Path<String>,
    body: Result<Json<Receipt>, JsonRejection>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ReceiptsWrite)?;
    let id = id.parse().map_err(|_| unknown())?;
    let Json(receipt) = body?;
    for (name, text) in [
        ("provider_status", &receipt.provider_status),
        ("error_code", &receipt.error_code),
    ] {
        if text.as_deref().is_some_and(|text| !is_word(text)) {
            return Err(Problem::invalid(format!(
                "{name} is not 1 to {WORD} letters, digits, blanks and -_.:/"
            )));
        }
    }
    let at = receipt.at.map(|at| u64::try_from(at.as_millisecond()));
    let at = at.transpose().map_err(|_| {
        Problem::invalid("at is before there were telephones that could get a message")
    })?;
    let receipt = store::Receipt {
        status: receipt.status.as_str().to_owned(),
        provider_status: receipt.provider_status,
        error_code: receipt.error_code,
        at: at.map(Time::from_millis),
    };
    match tenant.receive(id, receipt).await? {
        Received::Kept => {
            let found = tenant.notification(id).await?.ok_or_else(unknown)?;
            Ok(Json(Shown::whole(found)).into_response())
        }
        Received::NotSent(status) => Err(Problem::new(
            StatusCode::CONFLICT,
            "not_sent",
            format!("it is {status}: no provider has accepted it"),
        )),
        Received::TooMany => Err(Problem::new(
            StatusCode::CONFLICT,
            "too_many_receipts",
            format!("it has {RECEIPTS} receipts, and more are not kept"),
        )),
        Received::Unknown => Err(unknown()),
    }
}

fn is_word(text: &str) -> bool {
    (1..=WORD).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b" -_.:/".contains(&byte))
}

impl ReceiptStatus {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Unknown => "unknown",
        }
    }
}

fn unknown() -> Problem {
    SendError::Unknown.into()
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
            waits_for: None,
            expires_at: stamp(item.expires_at),
            settled_at: item.settled_at.map(stamp),
            replay_of: item.replay_of,
            attempts: None,
            receipts: None,
        }
    }

    fn whole(notification: Notification) -> Self {
        let attempts = notification.attempts.into_iter();
        let attempts = attempts.map(ShownAttempt::new);
        let receipts = notification.receipts.into_iter();
        let receipts = receipts.map(|(received, receipt)| ShownReceipt {
            status: receipt.status,
            provider_status: receipt.provider_status,
            error_code: receipt.error_code,
            at: receipt.at.map(stamp),
            received_at: stamp(received),
        });
        Self {
            attempts: Some(attempts.collect()),
            receipts: Some(receipts.collect()),
            ..Self::item(notification.item)
        }
    }
}

impl Shown {
    /// With what it waits for.
    fn of(self, tenant: &Tenant) -> Self {
        let left = match self.status {
            Status::Queued => tenant.left_alone(&self.action),
            _ => None,
        };
        Self {
            waits_for: left.as_ref().map(WaitsFor::from),
            ..self
        }
    }
}

impl From<&LeftAlone> for WaitsFor {
    fn from(left: &LeftAlone) -> Self {
        Self {
            reason: WaitsReason::ProviderFailing,
            origin: left.origin.to_string(),
            until: stamp(left.until),
        }
    }
}

impl ShownAttempt {
    pub(crate) fn new(attempt: Attempt) -> Self {
        Self {
            number: attempt.number,
            began_at: stamp(attempt.began),
            ended_at: stamp(attempt.ended),
            report: RawValue::from_string(attempt.report).ok(),
        }
    }
}

pub(crate) fn stamp(time: Time) -> Timestamp {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}
