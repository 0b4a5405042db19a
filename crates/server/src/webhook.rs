//! The webhook by which a platform is told what becomes of its notifications.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use phonebox::store::Webhook;
use phonebox::{Scope, Tenant, Topic};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::caller::Asking;
use crate::notifications::stamp;
use crate::{App, Problem};

/// Longest address, in bytes.
const URL: usize = 2048;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutWebhook)]
pub(crate) struct Wanted {
    /// Where to: https, a name of the public DNS, and what the operator allows.
    #[schema(max_length = 2048, example = "https://acme.example.com/phonebox")]
    url: String,
    /// What it is told. Default: everything.
    events: Option<Vec<EventName>>,
}

#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
enum EventName {
    #[serde(rename = "notification.settled")]
    Settled,
    #[serde(rename = "notification.receipt")]
    Receipt,
}

/// A webhook, as it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
struct Shown {
    url: String,
    events: Vec<EventName>,
    changed_at: Timestamp,
    /// Messages that wait.
    waiting: u64,
    /// Since when nothing arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failing_since: Option<Timestamp>,
    /// Why the latest message did not arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    failure: Option<String>,
    /// Since when it is told nothing, because nothing arrived for a day. Put it again to begin anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    disabled_at: Option<Timestamp>,
    /// What messages are signed with. Only in the answer to whoever put it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
}

/// Sets it, in place of what was there. Its secret is in the answer, and nowhere else, ever; for a day, the one before it signs
/// beside it.
#[utoipa::path(put, path = "/v1/webhook", operation_id = "put_webhook", tag = "webhook", request_body = Wanted,
    responses((status = 200, description = "It is told from now on", body = Shown)))]
pub(crate) async fn put(
    State(app): State<App>,
    asking: Asking,
    body: Result<Json<Wanted>, JsonRejection>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::WebhookWrite)?;
    let Json(Wanted { url, events }) = body?;
    if url.len() > URL {
        return Err(Problem::invalid(format!("url is longer than {URL} bytes")));
    }
    let topics: Vec<_> = match events {
        None => Topic::ALL.to_vec(),
        Some(events) => events.into_iter().map(EventName::topic).collect(),
    };
    let secret = tenant.put_webhook(&url, &topics).await?;
    let shown = Shown {
        secret: Some(secret.reveal().to_owned()),
        ..shown(&tenant).await?
    };
    Ok(Json(shown).into_response())
}

#[utoipa::path(get, path = "/v1/webhook", operation_id = "show_webhook", tag = "webhook",
    responses((status = 200, description = "How it does", body = Shown)))]
pub(crate) async fn show(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::WebhookWrite)?;
    Ok(Json(shown(&tenant).await?).into_response())
}

#[utoipa::path(delete, path = "/v1/webhook", operation_id = "remove_webhook", tag = "webhook",
    responses((status = 204, description = "It is told nothing more")))]
pub(crate) async fn remove(State(app): State<App>, asking: Asking) -> Result<StatusCode, Problem> {
    let tenant = asking.tenant(&app, Scope::WebhookWrite)?;
    if tenant.remove_webhook().await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(none())
    }
}

async fn shown(tenant: &Tenant) -> Result<Shown, Problem> {
    let webhook = tenant.webhook().await?;
    webhook.map(Shown::new).ok_or_else(none)
}

fn none() -> Problem {
    Problem::not_found("the tenant has no webhook")
}

impl EventName {
    const fn topic(self) -> Topic {
        match self {
            Self::Settled => Topic::Settled,
            Self::Receipt => Topic::Receipt,
        }
    }
}

impl Shown {
    fn new(webhook: Webhook) -> Self {
        let told = [
            (webhook.on_settled, EventName::Settled),
            (webhook.on_receipt, EventName::Receipt),
        ];
        Self {
            url: webhook.hook.url,
            events: told
                .into_iter()
                .filter_map(|(told, event)| told.then_some(event))
                .collect(),
            changed_at: stamp(webhook.hook.changed_at),
            waiting: webhook.waiting,
            failing_since: webhook.hook.failing_since.map(stamp),
            failure: webhook.failure,
            disabled_at: webhook.disabled_at.map(stamp),
            secret: None,
        }
    }
}
