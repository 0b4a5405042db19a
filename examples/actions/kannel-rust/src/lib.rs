//! Sends SMS through Kannel, the open-source gateway in front of GSM modems and SMPP carriers.
//!
//! `sendsms` is asked by POST, which has the credentials and the number in headers and the text in
//! the body: a URL ends up in logs. Kannel's own access log has number and text either way, and
//! there is no TLS here: keep the gateway and its logs in a private network.
//!
//! <https://www.kannel.org/download/1.4.5/userguide-1.4.5/userguide.html#AEN4623>

use phonebox_sdk::event::DeliveryMethod;
use phonebox_sdk::http::{Response, StatusCode};
use phonebox_sdk::{Event, Outcome, Result, custom_phone_provider, http, log, secrets, text};

/// Also stands in action.toml, which decides what may be reached.
const SENDSMS: &str = "http://kannel.example:13013/cgi-bin/sendsms";

#[custom_phone_provider]
fn deliver(event: Event) -> Result<Outcome> {
    let message = &event.notification;
    if message.delivery_method == DeliveryMethod::Voice {
        return Ok(Outcome::drop("kannel sends texts and cannot call"));
    }
    let from = match &message.from {
        Some(from) => from.clone(),
        None => secrets::get("KANNEL_FROM")?,
    };
    // GSM-7 where it can write the text, else UCS-2: 160 or 70 characters a part.
    let coding = if text::is_gsm7(&message.as_text) {
        "0"
    } else {
        "2"
    };
    let response = http::post(SENDSMS)
        .header("x-kannel-username", secrets::get("KANNEL_USERNAME")?)
        .header("x-kannel-password", secrets::get("KANNEL_PASSWORD")?)
        .header("x-kannel-from", from)
        .header("x-kannel-to", &message.recipient)
        .header("x-kannel-coding", coding)
        .body("text/plain; charset=UTF-8", message.as_text.as_str())
        .send()?; // What the network does to the request is retried.

    Ok(outcome(&response))
}

/// What Kannel's answer means: a status, and a line such as `0: Accepted for delivery`.
fn outcome(response: &Response) -> Outcome {
    let status = response.status();
    let line = response.text();
    if status.is_success() {
        // 3: stored while the carrier is away, and sent when it is back.
        return match line.split(':').next() {
            Some("0" | "3") => Outcome::sent(),
            _ => Outcome::drop(format!("kannel answered {status} without accepting it")),
        };
    }
    if status == StatusCode::FORBIDDEN && line.starts_with("Authorization failed") {
        log::error!("kannel refused the credentials: check KANNEL_USERNAME and KANNEL_PASSWORD");
        return Outcome::drop("kannel: the credentials are wrong");
    }
    response.failure(format!("kannel answered {status}"))
}

#[cfg(test)]
mod tests;
