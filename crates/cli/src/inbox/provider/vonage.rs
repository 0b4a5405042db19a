//! Vonage's SMS API, which says `200` to everything and the truth in the body, and its Messages
//! API, which answers with problem documents (RFC 7807).

use http::StatusCode;
use serde_json::json;

use super::{Answer, Exchange, Question, is_international, new_id};
use crate::inbox::{Channel, Failure, Provider};

pub(super) fn exchange(question: &Question<'_>) -> Exchange {
    match (question.host, question.path.as_slice()) {
        ("rest.nexmo.com", ["sms", "json"]) => sms(question),
        ("api.nexmo.com", ["v1", "messages"]) => messages(question),
        _ => Exchange::unread(Provider::VonageMessages, Problem::NOT_FOUND.into()),
    }
}

fn sms(question: &Question<'_>) -> Exchange {
    // The fields may stand in a form, in JSON or in the query.
    let field = |name: &str| {
        question
            .field(name)
            .or_else(|| question.member(name))
            .or_else(|| question.query(name))
    };
    let (to, from, text) = (field("to"), field("from"), field("text"));
    let decide = || {
        let has_key = field("api_key").is_some() && field("api_secret").is_some();
        if question.basic().is_none() && !has_key {
            return Err(SmsStatus("2", "Missing api_key"));
        }
        match question.failure {
            Failure::None | Failure::Timeout => {}
            Failure::ServerError => return Err(SmsStatus("5", "Internal Error")),
            Failure::TooManyRequests => return Err(SmsStatus::THROTTLED),
            Failure::WrongNumber => return Err(SmsStatus::INVALID_TO),
        }
        let to = to.as_deref().ok_or(SmsStatus("2", "Missing to param"))?;
        from.as_deref()
            .ok_or(SmsStatus("2", "Missing from param"))?;
        text.as_deref()
            .ok_or(SmsStatus("2", "Missing text param"))?;
        let digits = to.strip_prefix('+').unwrap_or(to);
        if !is_international(digits) {
            return Err(SmsStatus::INVALID_TO);
        }
        let id = uuid::Uuid::now_v7().to_string();
        let sent = json!({
            "message-count": "1",
            "messages": [{
                "to": digits,
                "message-id": id,
                "status": "0",
                "remaining-balance": "10.00000000",
                "message-price": "0.03330000",
                "network": "00000",
            }],
        });
        Ok(Answer::json(StatusCode::OK, &sent).accepting(Some(id)))
    };
    let answer = decide().unwrap_or_else(Answer::from);
    let (provider, channel) = (Provider::Vonage, Channel::Text);
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

/// Why the SMS API did not take a message: its status, which is a text, and its words.
struct SmsStatus(&'static str, &'static str);

impl SmsStatus {
    const INVALID_TO: Self = Self("3", "Invalid value for param: to");
    const THROTTLED: Self = Self(
        "1",
        "Throughput Rate Exceeded - please wait [ 2000 ] and retry",
    );
}

impl From<SmsStatus> for Answer {
    fn from(SmsStatus(status, words): SmsStatus) -> Self {
        let messages = json!([{ "status": status, "error-text": words }]);
        let answer = Self::json(
            StatusCode::OK,
            &json!({ "message-count": "1", "messages": messages }),
        );
        if status == SmsStatus::THROTTLED.0 {
            answer.retry_later()
        } else {
            answer
        }
    }
}

fn messages(question: &Question<'_>) -> Exchange {
    let (to, from) = (question.member("to"), question.member("from"));
    let text = question.member("text");
    let decide = || {
        if question.method() != "POST" {
            return Err(Problem::METHOD);
        }
        if question.basic().is_none() && !question.has_bearer() {
            return Err(Problem::UNAUTHORIZED);
        }
        match question.failure {
            Failure::None | Failure::Timeout => {}
            Failure::ServerError => return Err(Problem::INTERNAL),
            Failure::TooManyRequests => return Err(Problem::THROTTLED),
            Failure::WrongNumber => return Err(Problem::invalid("Invalid `to` number")),
        }
        if question.json.is_none() {
            return Err(Problem::invalid("The body is not a JSON object"));
        }
        for (name, detail) in [
            ("message_type", "Missing `message_type`"),
            ("channel", "Missing `channel`"),
            ("to", "Missing `to`"),
            ("from", "Missing `from`"),
            ("text", "Missing `text`"),
        ] {
            if question.member(name).is_none() {
                return Err(Problem {
                    detail,
                    ..Problem::MISSING
                });
            }
        }
        if question.member("message_type").as_deref() != Some("text") {
            return Err(Problem::invalid("The inbox only takes `message_type` text"));
        }
        let to = to.as_deref().unwrap_or_default();
        if !is_international(to.strip_prefix('+').unwrap_or(to)) {
            return Err(Problem::invalid("Invalid `to` number"));
        }
        let id = uuid::Uuid::now_v7().to_string();
        let accepted = json!({ "message_uuid": id });
        Ok(Answer::json(StatusCode::ACCEPTED, &accepted).accepting(Some(id)))
    };
    let answer = decide().unwrap_or_else(Answer::from);
    let (provider, channel) = (Provider::VonageMessages, Channel::Text);
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

/// A problem document of the Messages API.
struct Problem {
    status: StatusCode,
    /// What follows `https://developer.vonage.com/api-errors` in the problem's type.
    kind: &'static str,
    title: &'static str,
    detail: &'static str,
}

impl Problem {
    const INTERNAL: Self = Self {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        kind: "/messages#1030",
        title: "Internal error",
        detail: "There was an error processing your request in the Platform.",
    };
    const METHOD: Self = Self {
        status: StatusCode::METHOD_NOT_ALLOWED,
        kind: "#method-not-allowed",
        title: "Method Not Allowed",
        detail: "The inbox only takes messages: POST",
    };
    const MISSING: Self = Self {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        kind: "/messages#1010",
        title: "Missing params",
        detail: "",
    };
    const NOT_FOUND: Self = Self {
        status: StatusCode::NOT_FOUND,
        kind: "#not-found",
        title: "Not Found",
        detail: "There is no such resource here",
    };
    const THROTTLED: Self = Self {
        status: StatusCode::TOO_MANY_REQUESTS,
        kind: "/messages#1000",
        title: "Throttled",
        detail: "You have exceeded the submission capacity allowed on this account. \
                 Please wait and retry.",
    };
    const UNAUTHORIZED: Self = Self {
        status: StatusCode::UNAUTHORIZED,
        kind: "#unauthorized",
        title: "Unauthorized",
        detail: "You did not provide correct credentials.",
    };

    const fn invalid(detail: &'static str) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            kind: "/messages#1020",
            title: "Invalid params",
            detail,
        }
    }
}

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        let Problem {
            status,
            kind,
            title,
            detail,
        } = problem;
        let document = json!({
            "type": format!("https://developer.vonage.com/api-errors{kind}"),
            "title": title,
            "detail": detail,
            "instance": new_id(),
        });
        let answer = Self::new(status, "application/problem+json", document.to_string());
        if status == StatusCode::TOO_MANY_REQUESTS {
            answer.retry_later()
        } else {
            answer
        }
    }
}
