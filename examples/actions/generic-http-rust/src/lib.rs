//! Hands every message to a gateway of your own, as JSON.

use phonebox_sdk::event::DeliveryMethod;
use phonebox_sdk::{Event, Outcome, Result, custom_phone_provider, http, log, secrets};
use serde::{Deserialize, Serialize};

/// Also stands in action.toml, which decides what may be reached.
const GATEWAY: &str = "https://gateway.example/messages";

#[custom_phone_provider]
fn deliver(event: Event) -> Result<Outcome> {
    let message = &event.notification;
    let text = match message.delivery_method {
        DeliveryMethod::Text => &message.as_text,
        DeliveryMethod::Voice => &message.as_voice,
    };
    let response = http::post(GATEWAY)
        .bearer(secrets::get("GATEWAY_TOKEN")?)
        .header("idempotency-key", &event.notification_id)
        .json(&Message {
            to: &message.recipient,
            from: message.from.as_deref(),
            channel: message.delivery_method.as_str(),
            kind: message.message_type.as_str(),
            locale: message.locale.as_deref(),
            text,
            code: message.code.as_deref(),
            tenant: &event.tenant.id,
            client_id: &event.client.client_id,
            organization_id: event.organization.as_ref().map(|theirs| theirs.id.as_str()),
        })
        .send()?; // What the network does to the request is retried.

    let status = response.status();
    if status.is_success() {
        return Ok(match response.json() {
            Ok(Accepted { id }) => Outcome::sent_with("gateway", id),
            Err(_) => Outcome::sent(),
        });
    }
    if matches!(status.as_u16(), 401 | 403) {
        log::error!("the gateway refused the credentials: check GATEWAY_TOKEN");
    }
    Ok(response.failure(format!("the gateway answered {status}")))
}

/// What the gateway gets. Members that this message does not have are left out.
#[derive(Serialize)]
struct Message<'a> {
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    /// `text` or `voice`.
    channel: &'a str,
    /// What it is for, such as `otp_verify`: see `MessageType`.
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    /// The whole message, ready to be sent or read aloud.
    text: &'a str,
    /// The code alone, for a gateway with a wording of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    tenant: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'a str>,
}

/// What the gateway may answer, so that its delivery reports find their message.
#[derive(Deserialize)]
struct Accepted {
    id: String,
}

#[cfg(test)]
mod tests;
