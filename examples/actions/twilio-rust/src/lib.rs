//! Sends SMS and calls through Twilio.
//!
//! SMS: <https://www.twilio.com/docs/messaging/api/message-resource>.
//! Calls: <https://www.twilio.com/docs/voice/api/call-resource>; the text is spoken by TwiML.

use phonebox_sdk::event::{DeliveryMethod, Notification};
use phonebox_sdk::http::Response;
use phonebox_sdk::text::escape_xml;
use phonebox_sdk::{Event, Outcome, Result, custom_phone_provider, http, log, secrets};
use serde::Deserialize;

const NO_SENDER: &str =
    "no sender is set: give TWILIO_FROM, or, for texts, TWILIO_MESSAGING_SERVICE_SID";

#[custom_phone_provider]
fn deliver(event: Event) -> Result<Outcome> {
    let message = &event.notification;
    let account = secrets::get("TWILIO_ACCOUNT_SID")?;
    let token = secrets::get("TWILIO_AUTH_TOKEN")?;
    let (resource, content) = match message.delivery_method {
        DeliveryMethod::Text => ("Messages", ("Body", message.as_text.clone())),
        DeliveryMethod::Voice => ("Calls", ("Twiml", twiml(message))),
    };
    let Some(sender) = sender(message) else {
        return Ok(Outcome::drop(NO_SENDER));
    };
    let response = http::post(format!(
        "https://api.twilio.com/2010-04-01/Accounts/{account}/{resource}.json"
    ))
    .basic(&account, token)
    .form([("To", message.recipient.clone()), sender, content])
    .send()?; // What the network does to the request is retried.

    Ok(outcome(&response))
}

/// What Twilio's answer means. The codes: <https://www.twilio.com/docs/api/errors>.
fn outcome(response: &Response) -> Outcome {
    #[derive(Deserialize)]
    struct Accepted {
        sid: String,
    }
    #[derive(Deserialize)]
    struct Refused {
        code: u32,
    }

    if response.status().is_success() {
        return match response.json() {
            Ok(Accepted { sid }) => Outcome::sent_with("twilio", sid),
            Err(_) => Outcome::sent(),
        };
    }
    let status = response.status().as_u16();
    let Ok(Refused { code }) = response.json() else {
        return response.failure(format!("twilio answered {status}"));
    };
    let refused = |why| Outcome::drop(format!("twilio: {why} ({code})"));
    match code {
        13223 | 13224 | 21211 | 21214 | 21217 => refused("the number is not valid"),
        21215 | 21408 => refused("the account may not reach this country"),
        21606 | 21659 => refused("the sender is not a number of the account"),
        21610 => refused("the recipient opted out"),
        21614 => refused("the number is not a mobile number"),
        20429 | 20500 | 20503 | 30001 => response.retry(format!("twilio is busy ({code})")),
        20003 => {
            log::error!("twilio refused the credentials: check TWILIO_ACCOUNT_SID and its token");
            refused("the credentials are wrong")
        }
        _ => response.failure(format!("twilio answered {status} ({code})")),
    }
}

/// The template's sender comes first; then, for a text, the messaging service, which chooses one of its own.
fn sender(message: &Notification) -> Option<(&'static str, String)> {
    let service = || match message.delivery_method {
        DeliveryMethod::Text => secrets::optional("TWILIO_MESSAGING_SERVICE_SID"),
        DeliveryMethod::Voice => None,
    };
    let from = message.from.as_deref().map(|from| ("From", dialable(from)));
    from.or_else(|| Some(("MessagingServiceSid", service()?)))
        .or_else(|| Some(("From", secrets::optional("TWILIO_FROM")?)))
}

/// The number without the spaces and dashes that people write, or the sender's name as it is.
fn dialable(from: &str) -> String {
    if from.starts_with('+') {
        from.chars()
            .filter(|c| *c == '+' || c.is_ascii_digit())
            .collect()
    } else {
        from.to_owned()
    }
}

/// Reads the message aloud, twice. A language without a region is left to Twilio's default.
fn twiml(message: &Notification) -> String {
    let locale = message.locale.as_deref().unwrap_or_default();
    let language = match locale.replace('_', "-") {
        region if region.contains('-') => format!(" language=\"{}\"", escape_xml(&region)),
        _ => String::new(),
    };
    let text = escape_xml(&message.as_voice);
    format!("<Response><Say loop=\"2\"{language}>{text}</Say></Response>")
}

#[cfg(test)]
mod tests;
