//! As `examples/actions/twilio-rust`.

use phonebox_bare_guests::phonebox::action::types::DeliveryMethod;
use phonebox_bare_guests::{
    Answer, Event, Guest, Outcome, basic, escape_xml, export, form, log_error, request, retry,
    secret, sent,
};

struct Twilio;

impl Guest for Twilio {
    fn deliver(event: Event) -> Result<Outcome, String> {
        let message = event.notification;
        let account = secret("TWILIO_ACCOUNT_SID")?;
        let is_text = message.delivery_method == DeliveryMethod::Text;
        let (sender, from) = match message.from {
            Some(from) if from.starts_with('+') => (
                "From",
                from.replace(|c| c != '+' && !char::is_ascii_digit(&c), ""),
            ),
            Some(from) => ("From", from),
            None => match secret("TWILIO_MESSAGING_SERVICE_SID") {
                Ok(service) if is_text => ("MessagingServiceSid", service),
                _ => ("From", secret("TWILIO_FROM")?),
            },
        };
        let (resource, name, content) = match message.delivery_method {
            DeliveryMethod::Text => ("Messages", "Body", message.as_text),
            DeliveryMethod::Voice => {
                let locale = message.locale.unwrap_or_default().replace('_', "-");
                let language = if locale.contains('-') {
                    format!(" language=\"{}\"", escape_xml(&locale))
                } else {
                    String::new()
                };
                let text = escape_xml(&message.as_voice);
                let twiml = format!("<Response><Say loop=\"2\"{language}>{text}</Say></Response>");
                ("Calls", "Twiml", twiml)
            }
        };
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
            form(&[
                ("To", &message.recipient),
                (sender, &from),
                (name, &content),
            ]),
            None,
        )?;
        Ok(match answered {
            Ok(response) => outcome(&response.into()),
            Err(outcome) => outcome,
        })
    }
}

fn outcome(answer: &Answer) -> Outcome {
    let json = answer.json();
    if answer.is_success() {
        return sent("twilio", &json["sid"]);
    }
    let status = answer.status;
    let Some(code) = json["code"].as_u64() else {
        return answer.failure(format!("twilio answered {status}"));
    };
    let refused = |why| Outcome::Drop(format!("twilio: {why} ({code})"));
    match code {
        13223 | 13224 | 21211 | 21214 | 21217 => refused("the number is not valid"),
        21215 | 21408 => refused("the account may not reach this country"),
        21606 | 21659 => refused("the sender is not a number of the account"),
        21610 => refused("the recipient opted out"),
        21614 => refused("the number is not a mobile number"),
        20429 | 20500 | 20503 | 30001 => {
            retry(format!("twilio is busy ({code})"), answer.retry_after)
        }
        20003 => {
            log_error("twilio refused the credentials");
            refused("the credentials are wrong")
        }
        _ => answer.failure(format!("twilio answered {status} ({code})")),
    }
}

export!(Twilio);
