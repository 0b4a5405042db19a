//! One POST of JSON through the buffered import, by the SDK: what an ordinary action costs.

use phonebox_sdk::{Event, Outcome, Result, custom_phone_provider, http, secrets};

#[derive(serde::Deserialize)]
struct Answer {
    id: String,
}

#[custom_phone_provider]
fn deliver(event: Event) -> Result<Outcome> {
    let message = &event.notification;
    let response = http::post(format!("{}/messages", secrets::get("ORIGIN")?))
        .bearer(secrets::get("TOKEN")?)
        .json(&serde_json::json!({ "to": message.recipient, "text": message.as_text }))
        .send()?;
    Ok(Outcome::sent_with("mock", response.json::<Answer>()?.id))
}
