//! Vonage's Messages API, for texts. The codes: <https://developer.vonage.com/api-errors/messages>.

use phonebox_sdk::event::Notification;
use phonebox_sdk::{Outcome, Result, http, log, secrets};
use serde::{Deserialize, Serialize};

use crate::routes::Route;
use crate::{Answer, TIMEOUT};

pub fn text(message: &Notification, route: &Route) -> Result<Answer> {
    let response = http::post("https://api.nexmo.com/v1/messages")
        .basic(
            secrets::get("VONAGE_API_KEY")?,
            secrets::get("VONAGE_API_SECRET")?,
        )
        .json(&Text {
            message_type: "text",
            channel: "sms",
            to: message.recipient.trim_start_matches('+'),
            from: route.vonage,
            text: &message.as_text,
        })
        .timeout(TIMEOUT)
        .send()?;

    let status = response.status().as_u16();
    if response.status().is_success() {
        return Ok(Answer::Settled(match response.json() {
            Ok(Accepted { message_uuid }) => Outcome::sent_with("vonage", message_uuid),
            Err(_) => Outcome::sent(),
        }));
    }
    // A problem's type is a URL that ends in `#` and the code.
    let problem = response.json().unwrap_or(Problem {
        kind: String::new(),
    });
    let code = problem.kind.rsplit('#').next().unwrap_or_default();
    let refused = |why| Outcome::drop(format!("vonage: {why} ({code})"));
    Ok(match code {
        "1010" | "1020" => Answer::Settled(refused("the number or the text is not valid")),
        "1040" => Answer::Settled(refused("the recipient opted out")),
        "1050" | "1120" => Answer::Elsewhere(refused("the sender may not reach this number")),
        "1000" | "1030" | "1100" => {
            Answer::Elsewhere(response.retry(format!("vonage is busy ({code})")))
        }
        "1060" | "1070" | "unauthorized" | "forbidden" | "low-balance" => {
            log::error!(
                "vonage refused the account ({code}): check its credit and the credentials"
            );
            Answer::Elsewhere(refused("the account cannot send"))
        }
        _ => Answer::Elsewhere(response.failure(format!("vonage answered {status}"))),
    })
}

#[derive(Serialize)]
struct Text<'a> {
    message_type: &'a str,
    channel: &'a str,
    to: &'a str,
    from: &'a str,
    text: &'a str,
}

#[derive(Deserialize)]
struct Accepted {
    message_uuid: String,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
}
