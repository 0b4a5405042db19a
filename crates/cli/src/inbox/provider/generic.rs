//! Any host that is not known: everything is taken with `200 {}`, and the usual names are looked
//! for in whatever came.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Exchange, Question, scalar};
use crate::inbox::{Channel, Failure, Provider};

/// Names in small letters and without `_` or `-`, the likeliest first.
const TO: &[&str] = &[
    "to",
    "recipient",
    "recipients",
    "phonenumber",
    "phone",
    "destination",
    "destinations",
    "dst",
    "msisdn",
    "mobile",
    "receiver",
    "number",
];
const FROM: &[&str] = &["from", "sender", "senderid", "originator", "source", "src"];
const TEXT: &[&str] = &["text", "body", "message", "content", "msg"];
const CODE: &[&str] = &["code", "otp", "passcode", "verificationcode", "customcode"];

pub(super) fn exchange(question: &Question<'_>) -> Exchange {
    let answer = match question.failure {
        Failure::None | Failure::Timeout => {
            Answer::json(StatusCode::OK, &json!({})).accepting(None)
        }
        Failure::ServerError => refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        Failure::TooManyRequests => {
            refuse(StatusCode::TOO_MANY_REQUESTS, "too_many_requests").retry_later()
        }
        Failure::WrongNumber => refuse(StatusCode::UNPROCESSABLE_ENTITY, "invalid_phone_number"),
    };
    let find = |names: &[&str]| {
        names.iter().find_map(|name| {
            let pairs = question.request.form.iter().chain(&question.query);
            let in_json = question.json.as_ref().and_then(|json| search(json, name));
            in_json.or_else(|| {
                let named =
                    |(key, value): &&(String, String)| is_named(key, name) && !value.is_empty();
                pairs.clone().find(named).map(|(_, value)| value.clone())
            })
        })
    };
    let no_fields = question.json.is_none() && question.request.form.is_empty();
    let raw = || {
        let body = question.request.body.trim();
        (no_fields && !body.is_empty()).then(|| body.to_owned())
    };
    Exchange {
        provider: Provider::Generic,
        channel: Channel::Text,
        to: find(TO),
        from: find(FROM),
        text: find(TEXT).or_else(raw),
        code: find(CODE),
        answer,
    }
}

fn refuse(status: StatusCode, error: &str) -> Answer {
    Answer::json(status, &json!({ "error": error }))
}

fn is_named(key: &str, name: &str) -> bool {
    let letters = key
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase);
    letters.eq(name.chars())
}

/// The first text or number under that name, the outermost first. A name may hold a list, or an
/// object that says it again further down (`{"content": {"text": ..}}` is found by `text`).
fn search(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(members) => {
            let here = members.iter().find_map(|(key, member)| match member {
                Value::Array(items) if is_named(key, name) => items.first().and_then(scalar),
                member if is_named(key, name) => scalar(member),
                _ => None,
            });
            here.or_else(|| members.values().find_map(|member| search(member, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| search(item, name)),
        _ => None,
    }
}
