//! Twilio, for texts and calls. The codes: <https://www.twilio.com/docs/api/errors>.

use phonebox_sdk::event::Notification;
use phonebox_sdk::text::escape_xml;
use phonebox_sdk::{Outcome, Result, http, log, secrets};
use serde::Deserialize;

use crate::routes::Route;
use crate::{Answer, TIMEOUT};

pub fn text(message: &Notification, route: &Route) -> Result<Answer> {
    create("Messages", message, route, ("Body", &message.as_text))
}

pub fn call(message: &Notification, route: &Route) -> Result<Answer> {
    let text = escape_xml(&message.as_voice);
    let twiml = format!("<Response><Say loop=\"2\">{text}</Say></Response>");
    create("Calls", message, route, ("Twiml", &twiml))
}

fn create(
    resource: &str,
    message: &Notification,
    route: &Route,
    content: (&str, &str),
) -> Result<Answer> {
    let account = secrets::get("TWILIO_ACCOUNT_SID")?;
    let response = http::post(format!(
        "https://api.twilio.com/2010-04-01/Accounts/{account}/{resource}.json"
    ))
    .basic(&account, secrets::get("TWILIO_AUTH_TOKEN")?)
    .form([
        ("To", message.recipient.as_str()),
        ("From", route.twilio),
        content,
    ])
    .timeout(TIMEOUT)
    .send()?;

    if response.status().is_success() {
        return Ok(Answer::Settled(match response.json() {
            Ok(Accepted { sid }) => Outcome::sent_with("twilio", sid),
            Err(_) => Outcome::sent(),
        }));
    }
    let status = response.status().as_u16();
    let code = response.json().map_or(0, |Refused { code }| code);
    let refused = |why| Outcome::drop(format!("twilio: {why} ({code})"));
    Ok(match code {
        13223 | 13224 | 21211 | 21214 | 21217 => {
            Answer::Settled(refused("the number is not valid"))
        }
        21610 => Answer::Settled(refused("the recipient opted out")),
        21614 => Answer::Settled(refused("the number is not a mobile number")),
        20429 | 20500 | 20503 | 30001 => {
            Answer::Elsewhere(response.retry(format!("twilio is busy ({code})")))
        }
        20003 => {
            log::error!("twilio refused the credentials: check TWILIO_ACCOUNT_SID and its token");
            Answer::Elsewhere(refused("the credentials are wrong"))
        }
        21215 | 21408 => Answer::Elsewhere(refused("the account may not reach this country")),
        21606 | 21659 => Answer::Elsewhere(refused("the sender is not a number of the account")),
        _ => Answer::Elsewhere(response.failure(format!("twilio answered {status} ({code})"))),
    })
}

#[derive(Deserialize)]
struct Accepted {
    sid: String,
}

#[derive(Deserialize)]
struct Refused {
    code: u32,
}
