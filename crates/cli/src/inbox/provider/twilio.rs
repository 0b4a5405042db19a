//! Twilio's Messages, Calls and Verify, as far as sending goes. Errors have Twilio's shape,
//! `{code, message, more_info, status}`, and its codes.

use http::{StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Exchange, Question, is_e164, new_id, twiml};
use crate::inbox::{Channel, Failure, Provider};

pub(super) fn exchange(question: &Question<'_>) -> Exchange {
    match (question.host, question.path.as_slice()) {
        ("api.twilio.com", ["2010-04-01", "Accounts", account, "Messages.json"]) => {
            messages(question, account)
        }
        ("api.twilio.com", ["2010-04-01", "Accounts", account, "Calls.json"]) => {
            calls(question, account)
        }
        ("verify.twilio.com", ["v2", "Services", service, "Verifications"]) => {
            verifications(question, service)
        }
        (_, path) => {
            let refusal = Refusal {
                status: StatusCode::NOT_FOUND,
                code: 20404,
                message: format!("The requested resource /{} was not found", path.join("/")),
            };
            Exchange::unread(Provider::Twilio, refusal.into())
        }
    }
}

fn messages(question: &Question<'_>, account: &str) -> Exchange {
    let to = question.field("To");
    let service = question.field("MessagingServiceSid");
    let from = question.field("From").or_else(|| service.clone());
    let body = question.field("Body");
    let decide = || {
        common_checks(question, || invalid_to(21211, to.as_deref()))?;
        let to = to
            .as_deref()
            .ok_or_else(|| bad(21604, "A 'To' phone number is required."))?;
        let from = from
            .as_deref()
            .ok_or_else(|| bad(21603, "A 'From' phone number is required."))?;
        let body = body
            .as_deref()
            .ok_or_else(|| bad(21602, "Message body is required."))?;
        if !is_e164(to.strip_prefix("whatsapp:").unwrap_or(to)) {
            return Err(invalid_to(21211, Some(to)));
        }
        if body.chars().count() > 1600 {
            return Err(bad(
                21617,
                "The concatenated message body exceeds the 1600 character limit",
            ));
        }
        let (sid, now) = (format!("SM{}", new_id()), rfc_2822());
        let path = format!("/2010-04-01/Accounts/{account}/Messages/{sid}");
        let message = json!({
            "account_sid": account,
            "api_version": "2010-04-01",
            "body": body,
            "date_created": now,
            "date_sent": null,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": null,
            "error_message": null,
            "from": if service.is_some() { Value::Null } else { json!(from) },
            "messaging_service_sid": service,
            "num_media": "0",
            "num_segments": "1",
            "price": null,
            "price_unit": "USD",
            "sid": sid,
            "status": if service.is_some() { "accepted" } else { "queued" },
            "subresource_uris": { "media": format!("{path}/Media.json") },
            "to": to,
            "uri": format!("{path}.json"),
        });
        Ok(created(&message, sid))
    };
    let answer = decide().unwrap_or_else(Answer::from);
    let (provider, channel) = (Provider::Twilio, Channel::Text);
    Exchange {
        provider,
        channel,
        to,
        from,
        text: body,
        code: None,
        answer,
    }
}

fn calls(question: &Question<'_>, account: &str) -> Exchange {
    let to = question.field("To");
    let from = question.field("From");
    let twiml = question.field("Twiml");
    let spoken = twiml.as_deref().map(twiml::spoken);
    let decide = || {
        common_checks(question, || invalid_to(21211, to.as_deref()))?;
        let to = to
            .as_deref()
            .ok_or_else(|| bad(21201, "No 'To' number is specified"))?;
        let from = from
            .as_deref()
            .ok_or_else(|| bad(21213, "Caller phone number is required"))?;
        // Twilio also takes an address or an application to fetch instructions from. The inbox
        // fetches nothing, so a call without inline instructions is silent.
        let has_instructions = ["Twiml", "Url", "ApplicationSid"]
            .iter()
            .any(|name| question.field(name).is_some());
        if !has_instructions {
            return Err(bad(21205, "Url parameter is required."));
        }
        if !is_e164(to) {
            return Err(invalid_to(21211, Some(to)));
        }
        // Twilio takes the call and lets it fail when it is answered, with this code. Here the
        // author is told at once.
        if let Some(Err(invalid)) = &spoken {
            return Err(bad(12100, &format!("Document parse failure: {invalid}")));
        }
        let (sid, now) = (format!("CA{}", new_id()), rfc_2822());
        let path = format!("/2010-04-01/Accounts/{account}/Calls/{sid}");
        let call = json!({
            "account_sid": account,
            "annotation": null,
            "answered_by": null,
            "api_version": "2010-04-01",
            "caller_name": null,
            "date_created": now,
            "date_updated": now,
            "direction": "outbound-api",
            "duration": null,
            "end_time": null,
            "forwarded_from": null,
            "from": from,
            "from_formatted": from,
            "group_sid": null,
            "parent_call_sid": null,
            "phone_number_sid": null,
            "price": null,
            "price_unit": "USD",
            "queue_time": "0",
            "sid": sid,
            "start_time": null,
            "status": "queued",
            "subresource_uris": { "recordings": format!("{path}/Recordings.json") },
            "to": to,
            "to_formatted": to,
            "trunk_sid": null,
            "uri": format!("{path}.json"),
        });
        Ok(created(&call, sid))
    };
    let answer = decide().unwrap_or_else(Answer::from);
    let text = spoken.and_then(Result::ok).filter(|said| !said.is_empty());
    let (provider, channel) = (Provider::TwilioVoice, Channel::Voice);
    Exchange {
        provider,
        channel,
        to,
        from,
        text,
        code: None,
        answer,
    }
}

fn verifications(question: &Question<'_>, service: &str) -> Exchange {
    let to = question.field("To");
    let way = question.field("Channel");
    let code = question.field("CustomCode");
    let decide = || {
        common_checks(question, || invalid_to(60200, to.as_deref()))?;
        let missing = |name| bad(60200, &format!("Missing required parameter {name}"));
        let to = to.as_deref().ok_or_else(|| missing("To"))?;
        let way = way.as_deref().ok_or_else(|| missing("Channel"))?;
        if !matches!(way, "sms" | "call" | "whatsapp") {
            return Err(bad(60200, &format!("Invalid parameter `Channel`: {way}")));
        }
        if !is_e164(to) {
            return Err(invalid_to(60200, Some(to)));
        }
        if code
            .as_ref()
            .is_some_and(|code| !(4..=10).contains(&code.chars().count()))
        {
            return Err(bad(
                60200,
                "Invalid parameter `CustomCode`: 4 to 10 characters",
            ));
        }
        let account = question
            .basic()
            .map(|(user, _)| user)
            .filter(|user| user.starts_with("AC"));
        let (sid, now) = (
            format!("VE{}", new_id()),
            Timestamp::now().strftime("%FT%TZ").to_string(),
        );
        let verification = json!({
            "account_sid": account,
            "amount": null,
            "channel": way,
            "date_created": now,
            "date_updated": now,
            "lookup": {},
            "payee": null,
            "send_code_attempts": [
                { "attempt_sid": format!("VL{}", new_id()), "channel": way, "time": now },
            ],
            "service_sid": service,
            "sid": sid,
            "sna": null,
            "status": "pending",
            "to": to,
            "url": format!("https://verify.twilio.com/v2/Services/{service}/Verifications/{sid}"),
            "valid": false,
        });
        Ok(created(&verification, sid))
    };
    let answer = decide().unwrap_or_else(Answer::from);
    // Twilio writes the text itself, with the name of the service in it, and from a number of its
    // own. Without a custom code it makes one up, and then nobody here knows the text.
    let text = code
        .as_ref()
        .map(|code| format!("Your verification code is: {code}"));
    let channel = if way.as_deref() == Some("call") {
        Channel::Voice
    } else {
        Channel::Text
    };
    Exchange {
        provider: Provider::TwilioVerify,
        channel,
        to,
        from: None,
        text,
        code,
        answer,
    }
}

/// What every endpoint looks at before the fields.
fn common_checks(
    question: &Question<'_>,
    wrong_number: impl FnOnce() -> Refusal,
) -> Result<(), Refusal> {
    if question.method() != "POST" {
        let message = "The inbox only takes messages: POST".to_owned();
        return Err(Refusal {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: 20004,
            message,
        });
    }
    if question.basic().is_none() {
        let message = "Authenticate".to_owned();
        return Err(Refusal {
            status: StatusCode::UNAUTHORIZED,
            code: 20003,
            message,
        });
    }
    match question.failure {
        Failure::None | Failure::Timeout => Ok(()),
        Failure::ServerError => Err(Refusal {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: 20500,
            message: "Internal Server Error".to_owned(),
        }),
        Failure::TooManyRequests => Err(Refusal {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: 20429,
            message: "Too Many Requests".to_owned(),
        }),
        Failure::WrongNumber => Err(wrong_number()),
    }
}

/// Twilio's shape of an error.
struct Refusal {
    status: StatusCode,
    code: u32,
    message: String,
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let Refusal {
            status,
            code,
            message,
        } = refusal;
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        let status_number = status.as_u16();
        let answer = Self::json(
            status,
            &json!({ "code": code, "message": message, "more_info": more_info, "status": status_number }),
        );
        match status {
            StatusCode::TOO_MANY_REQUESTS => answer.retry_later(),
            StatusCode::UNAUTHORIZED => {
                answer.with(header::WWW_AUTHENTICATE, "Basic realm=\"Twilio API\"")
            }
            _ => answer,
        }
    }
}

fn bad(code: u32, message: &str) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        code,
        message: message.to_owned(),
    }
}

fn invalid_to(code: u32, to: Option<&str>) -> Refusal {
    let to = to.unwrap_or_default();
    match code {
        60200 => bad(code, &format!("Invalid parameter `To`: {to}")),
        _ => bad(code, &format!("Invalid 'To' Phone Number: {to}")),
    }
}

fn created(resource: &Value, sid: String) -> Answer {
    Answer::json(StatusCode::CREATED, resource).accepting(Some(sid))
}

/// Now, as the 2010 API writes it.
fn rfc_2822() -> String {
    Timestamp::now()
        .strftime("%a, %d %b %Y %H:%M:%S +0000")
        .to_string()
}
