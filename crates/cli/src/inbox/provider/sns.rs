//! Amazon SNS's `Publish` to a number, in AWS's query protocol: a form, and answers in XML. The signature has to be there, and
//! nobody checks it.

use http::StatusCode;

use super::{Answer, Exchange, Question, is_e164};
use crate::inbox::{Channel, Failure, Provider};

/// Whether this host is SNS's, in any region.
pub(super) fn is_host(host: &str) -> bool {
    let region = host.strip_prefix("sns.");
    region.is_some_and(|region| region.ends_with(".amazonaws.com"))
}

pub(super) fn exchange(question: &Question<'_>) -> Exchange {
    let (to, text) = (question.field("PhoneNumber"), question.field("Message"));
    let decide = || {
        let signed = question.header("authorization");
        if !signed.is_some_and(|signed| signed.starts_with("AWS4-HMAC-SHA256 ")) {
            return Err(Refused::UNSIGNED);
        }
        match question.failure {
            Failure::None | Failure::Timeout => {}
            Failure::ServerError => return Err(Refused::INTERNAL),
            Failure::TooManyRequests => return Err(Refused::THROTTLED),
            Failure::WrongNumber => return Err(Refused::NUMBER),
        }
        if question.method() != "POST" || question.field("Action").as_deref() != Some("Publish") {
            return Err(Refused::ACTION);
        }
        let to = to.as_deref().ok_or(Refused::NOBODY)?;
        text.as_deref().ok_or(Refused::EMPTY)?;
        if !is_e164(to) {
            return Err(Refused::NUMBER);
        }
        let id = uuid::Uuid::now_v7().to_string();
        let inside = format!(
            "<PublishResult><MessageId>{id}</MessageId></PublishResult>\
             <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata>",
            uuid::Uuid::now_v7()
        );
        Ok(xml(StatusCode::OK, "PublishResponse", &inside).accepting(Some(id)))
    };
    let answer = decide().unwrap_or_else(Answer::from);
    Exchange {
        provider: Provider::Sns,
        channel: Channel::Text,
        to,
        from: None,
        text,
        code: None,
        answer,
    }
}

fn xml(status: StatusCode, name: &str, inside: &str) -> Answer {
    let body =
        format!("<{name} xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">{inside}</{name}>");
    Answer::new(status, "text/xml", body)
}

/// Why SNS does not publish: its code and its words.
struct Refused(StatusCode, &'static str, &'static str);

impl Refused {
    const ACTION: Self = Self(
        StatusCode::BAD_REQUEST,
        "InvalidAction",
        "The inbox only takes Publish to a PhoneNumber, as a form: POST",
    );
    const EMPTY: Self = Self::parameter("Invalid parameter: Empty message");
    const INTERNAL: Self = Self(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalError",
        "The request processing has failed because of an unknown error, exception or failure.",
    );
    const NOBODY: Self = Self::parameter(
        "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
    );
    const NUMBER: Self =
        Self::parameter("Invalid parameter: PhoneNumber Reason: it is not valid to publish to");
    const THROTTLED: Self = Self(StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded");
    const UNSIGNED: Self = Self(
        StatusCode::FORBIDDEN,
        "MissingAuthenticationToken",
        "Request is missing Authentication Token",
    );

    const fn parameter(words: &'static str) -> Self {
        Self(StatusCode::BAD_REQUEST, "InvalidParameter", words)
    }
}

impl From<Refused> for Answer {
    fn from(Refused(status, code, words): Refused) -> Self {
        let kind = if status.is_server_error() {
            "Receiver"
        } else {
            "Sender"
        };
        let inside = format!(
            "<Error><Type>{kind}</Type><Code>{code}</Code><Message>{words}</Message></Error>\
             <RequestId>{}</RequestId>",
            uuid::Uuid::now_v7()
        );
        xml(status, "ErrorResponse", &inside)
    }
}
