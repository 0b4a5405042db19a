//! Kannel's `sendsms`: by GET everything in the query, by POST in headers and the body; short words in return.

use http::StatusCode;

use super::{Answer, Exchange, Question, is_international, new_id};
use crate::inbox::{Channel, Failure, Provider};

pub(super) fn exchange(question: &Question<'_>) -> Exchange {
    let posted = question.method() == "POST";
    let given = |name: &str| {
        if posted {
            question.header(&format!("x-kannel-{name}"))
        } else {
            question.query(name)
        }
    };
    let either = |one, other| given(one).or_else(|| given(other));
    let (to, from) = (given("to"), given("from"));
    let text = if posted {
        Some(question.request.body.clone()).filter(|body| !body.is_empty())
    } else {
        question.query("text")
    };
    let decide = || {
        if !posted && question.method() != "GET" {
            return refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                "The inbox takes sendsms by GET and POST",
            );
        }
        let content_type = question.header("content-type").unwrap_or_default();
        if posted && !content_type.starts_with("text/plain") {
            return refuse(StatusCode::BAD_REQUEST, "Invalid content-type");
        }
        if either("username", "user").is_none() || either("password", "pass").is_none() {
            return refuse(StatusCode::FORBIDDEN, "Authorization failed for sendsms");
        }
        let try_again = "Temporal failure, try again later.";
        match question.failure {
            Failure::None | Failure::Timeout => {}
            // Kannel knows no 429: too much at once and a fault of its own look alike.
            Failure::ServerError => return refuse(StatusCode::SERVICE_UNAVAILABLE, try_again),
            Failure::TooManyRequests => {
                return refuse(StatusCode::SERVICE_UNAVAILABLE, try_again).retry_later();
            }
            Failure::WrongNumber => {
                return refuse(StatusCode::FORBIDDEN, "Not routable. Do not try again.");
            }
        }
        let Some(to) = to.as_deref() else {
            return refuse(StatusCode::BAD_REQUEST, "Missing receiver number, rejected");
        };
        if !is_international(to.strip_prefix(['+', ' ']).unwrap_or(to)) {
            return refuse(StatusCode::BAD_REQUEST, "Garbage 'to' field, rejected.");
        }
        Answer::text(StatusCode::ACCEPTED, "0: Accepted for delivery".to_owned())
            .accepting(Some(new_id()))
    };
    let answer = decide();
    let (provider, channel) = (Provider::Kannel, Channel::Text);
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

fn refuse(status: StatusCode, words: &str) -> Answer {
    Answer::text(status, words.to_owned())
}
