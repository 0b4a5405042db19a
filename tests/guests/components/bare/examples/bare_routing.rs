//! As `examples/actions/routing-rust`.

use phonebox_bare_guests::phonebox::action::cache;
use phonebox_bare_guests::phonebox::action::types::{DeliveryMethod, Notification};
use phonebox_bare_guests::{
    Answer, Event, Guest, Outcome, basic, escape_xml, export, form, log_error, request, retry,
    secret, sent,
};
use serde_json::json;

/// Prefix, whether Vonage comes first, the sender at Twilio and at Vonage, whether names are allowed.
const COUNTRIES: &[(&str, bool, &str, &str, bool)] = &[
    ("+1876", true, "+15005550006", "18335550100", false),
    ("+44", true, "Acme", "Acme", true),
    ("+49", true, "Acme", "Acme", true),
    ("+1", false, "+15005550006", "18335550100", false),
    ("+", false, "+15005550006", "18335550100", true),
];

const TIMEOUT_MS: Option<u32> = Some(4500);

/// Whether the other provider would say the same, and the outcome.
type Asked = Result<(bool, Outcome), String>;

struct Routing;

impl Guest for Routing {
    fn deliver(event: Event) -> Result<Outcome, String> {
        let message = &event.notification;
        let (_, mut vonage_first, mut twilio_from, mut vonage_from, names) = *COUNTRIES
            .iter()
            .find(|country| message.recipient.starts_with(country.0))
            .ok_or("the number does not begin with `+`")?;
        if event.client.client_id == "hE5aG0cNyTZ1xY4uWQkV7sJ2mB9pR3dL" {
            vonage_first = true;
        }
        let organization = event
            .organization
            .as_ref()
            .map(|theirs| theirs.name.as_str());
        let own = match organization {
            Some("globex") => Some("Globex"),
            Some("initech") => Some("Initech"),
            _ => None,
        };
        if let Some(name) = own.filter(|_| names) {
            (twilio_from, vonage_from) = (name, name);
        }

        if message.delivery_method == DeliveryMethod::Voice {
            let text = escape_xml(&message.as_voice);
            let twiml = format!("<Response><Say loop=\"2\">{text}</Say></Response>");
            return Ok(twilio("Calls", message, twilio_from, ("Twiml", &twiml))?.1);
        }
        let failed = |name: &str| cache::get(name).is_some();
        if failed(name(vonage_first)) && !failed(name(!vonage_first)) {
            vonage_first = !vonage_first;
        }
        let ask = |use_vonage: bool| -> Asked {
            let (settled, outcome) = if use_vonage {
                vonage(message, vonage_from)?
            } else {
                twilio("Messages", message, twilio_from, ("Body", &message.as_text))?
            };
            if let (false, Outcome::Retry(_)) = (settled, &outcome) {
                let expiry = cache::Expiry {
                    ttl: Some(30_000.0),
                    expires_at: None,
                };
                cache::set(name(use_vonage), "failed", expiry)
                    .map_err(|error| format!("cannot note the failure: {error:?}"))?;
            }
            Ok((settled, outcome))
        };
        let (settled, first) = ask(vonage_first)?;
        if settled {
            return Ok(first);
        }
        let (_, second) = ask(!vonage_first)?;
        Ok(match (first, second) {
            (Outcome::Retry(first), Outcome::Drop(_)) => Outcome::Retry(first),
            (_, second) => second,
        })
    }
}

fn name(vonage: bool) -> &'static str {
    if vonage { "vonage" } else { "twilio" }
}

fn twilio(resource: &str, message: &Notification, from: &str, content: (&str, &str)) -> Asked {
    let account = secret("TWILIO_ACCOUNT_SID")?;
    let answered = request(
        "POST",
        format!("https://api.twilio.com/2010-04-01/Accounts/{account}/{resource}.json"),
        &[
            (
                "authorization",
                &basic(&account, &secret("TWILIO_AUTH_TOKEN")?),
            ),
            ("content-type", "application/x-www-form-urlencoded"),
        ],
        form(&[("To", &message.recipient), ("From", from), content]),
        TIMEOUT_MS,
    )?;
    let answer: Answer = match answered {
        Ok(response) => response.into(),
        Err(outcome) => return Ok((false, outcome)),
    };
    let json = answer.json();
    if answer.is_success() {
        return Ok((true, sent("twilio", &json["sid"])));
    }
    let code = json["code"].as_u64().unwrap_or_default();
    let refused = |why| Outcome::Drop(format!("twilio: {why} ({code})"));
    Ok(match code {
        13223 | 13224 | 21211 | 21214 | 21217 => (true, refused("the number is not valid")),
        21610 => (true, refused("the recipient opted out")),
        21614 => (true, refused("the number is not a mobile number")),
        20429 | 20500 | 20503 | 30001 => (
            false,
            retry(format!("twilio is busy ({code})"), answer.retry_after),
        ),
        20003 => {
            log_error("twilio refused the credentials");
            (false, refused("the credentials are wrong"))
        }
        21215 | 21408 => (false, refused("the account may not reach this country")),
        21606 | 21659 => (false, refused("the sender is not a number of the account")),
        _ => (
            false,
            answer.failure(format!("twilio answered {} ({code})", answer.status)),
        ),
    })
}

fn vonage(message: &Notification, from: &str) -> Asked {
    let body = json!({
        "message_type": "text",
        "channel": "sms",
        "to": message.recipient.trim_start_matches('+'),
        "from": from,
        "text": message.as_text,
    });
    let answered = request(
        "POST",
        "https://api.nexmo.com/v1/messages".to_owned(),
        &[
            (
                "authorization",
                &basic(&secret("VONAGE_API_KEY")?, &secret("VONAGE_API_SECRET")?),
            ),
            ("content-type", "application/json"),
        ],
        body.to_string(),
        TIMEOUT_MS,
    )?;
    let answer: Answer = match answered {
        Ok(response) => response.into(),
        Err(outcome) => return Ok((false, outcome)),
    };
    let json = answer.json();
    if answer.is_success() {
        return Ok((true, sent("vonage", &json["message_uuid"])));
    }
    let code = json["type"]
        .as_str()
        .and_then(|kind| kind.rsplit('#').next())
        .unwrap_or_default();
    let refused = |why| Outcome::Drop(format!("vonage: {why} ({code})"));
    Ok(match code {
        "1010" | "1020" => (true, refused("the number or the text is not valid")),
        "1040" => (true, refused("the recipient opted out")),
        "1050" | "1120" => (false, refused("the sender may not reach this number")),
        "1000" | "1030" | "1100" => (
            false,
            retry(format!("vonage is busy ({code})"), answer.retry_after),
        ),
        "1060" | "1070" | "unauthorized" | "forbidden" | "low-balance" => {
            log_error("vonage refused the account");
            (false, refused("the account cannot send"))
        }
        _ => (
            false,
            answer.failure(format!("vonage answered {}", answer.status)),
        ),
    })
}

export!(Routing);
