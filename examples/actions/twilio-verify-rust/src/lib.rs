//! Sends codes by SMS and call through Twilio Verify, which brings its own senders and wording.
//!
//! The code is ours (`CustomCode`): enable custom verification codes on the Verify service. Twilio
//! also asks to be told which codes were entered; a phone provider is not told that itself, so
//! Twilio's conversion figures stay at zero.
//!
//! <https://www.twilio.com/docs/verify/api/verification>

use phonebox_sdk::event::DeliveryMethod;
use phonebox_sdk::http::Response;
use phonebox_sdk::{Event, Outcome, Result, custom_phone_provider, http, log, secrets};
use serde::Deserialize;

/// The languages of Verify's own template: <https://www.twilio.com/docs/verify/supported-languages>.
/// It answers 404 to any other, and goes by the number's country when it is given none.
const LOCALES: &str = "af ar ca cs da de el en en-GB es et fi fr he hi hr hu id it ja kn ko lt mr \
                       ms nb nl pl pt pt-BR ro ru sk sv te th tl tr uk vi zh zh-CN zh-HK";

#[custom_phone_provider]
fn deliver(event: Event) -> Result<Outcome> {
    let message = &event.notification;
    let Some(code) = &message.code else {
        let kind = message.message_type.as_str();
        return Ok(Outcome::drop(format!(
            "twilio verify sends codes, not {kind}"
        )));
    };
    let service = secrets::get("TWILIO_VERIFY_SERVICE_SID")?;
    let channel = match message.delivery_method {
        DeliveryMethod::Text => "sms",
        DeliveryMethod::Voice => "call",
    };
    let mut form = vec![
        ("To", message.recipient.as_str()),
        ("Channel", channel),
        ("CustomCode", code),
    ];
    let locale = message.locale.as_deref().and_then(supported);
    form.extend(locale.map(|locale| ("Locale", locale)));

    let response = http::post(format!(
        "https://verify.twilio.com/v2/Services/{service}/Verifications"
    ))
    .basic(
        secrets::get("TWILIO_ACCOUNT_SID")?,
        secrets::get("TWILIO_AUTH_TOKEN")?,
    )
    .form(form)
    .send()?; // What the network does to the request is retried: Verify knows the same code again.

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
            Ok(Accepted { sid }) => Outcome::sent_with("twilio-verify", sid),
            Err(_) => Outcome::sent(),
        };
    }
    let status = response.status().as_u16();
    let Ok(Refused { code }) = response.json() else {
        return response.failure(format!("twilio verify answered {status}"));
    };
    let refused = |why| Outcome::drop(format!("twilio verify: {why} ({code})"));
    match code {
        60200 | 21211 => refused("the number or the code is not valid"),
        60202 | 60203 => refused("too many codes for this number"),
        60205 => refused("the number is a landline"),
        60410 => refused("fraud guard blocks the number's prefix"),
        20429 | 60212 => response.retry(format!("twilio verify is busy ({code})")),
        20003 | 20404 => {
            log::error!("twilio refused: check the account, its token and the verify service");
            refused("the credentials or the service are wrong")
        }
        _ => response.failure(format!("twilio verify answered {status} ({code})")),
    }
}

/// The language as Verify spells it, without the region if Verify does not know that.
fn supported(locale: &str) -> Option<&'static str> {
    let whole = locale.replace('_', "-");
    let language = whole.split('-').next().unwrap_or_default();
    let find = |wanted: &str| LOCALES.split(' ').find(|known| *known == wanted);
    find(&whole).or_else(|| find(language))
}

#[cfg(test)]
mod tests;
