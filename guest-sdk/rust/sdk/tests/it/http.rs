//! Requests as they are made, and answers as they are understood.

use std::time::Duration;

use phonebox_sdk::http::{Error, Method, Request, Response};
use phonebox_sdk::test::{self, Answer, Host, event};
use phonebox_sdk::{Outcome, Result, http};

/// Makes one request, and gives what the provider saw.
fn seen(request: Request) -> test::Request {
    let host = Host::new().answer(Answer::text(200, ""));
    let send = |_event| -> Result<Outcome> {
        request.send()?;
        Ok(Outcome::sent())
    };
    host.run(send, event()).unwrap();
    host.requests().remove(0)
}

/// Gets this answer.
fn received(answer: Answer) -> Response {
    let host = Host::new().answer(answer);
    let mut received = None;
    let ask = |_event| {
        received = Some(http::get("https://gateway.example/").send()?);
        Ok(Outcome::sent())
    };
    host.run(ask, event()).unwrap();
    received.unwrap()
}

/// What `send` says to a request that cannot be made.
fn refused(request: Request) -> Error {
    let host = Host::new();
    let mut refused = None;
    let send = |_event| {
        refused = request.send().err();
        Ok(Outcome::sent())
    };
    host.run(send, event()).unwrap();
    assert!(host.requests().is_empty(), "it was sent all the same");
    refused.unwrap()
}

#[test]
fn each_kind_of_body_says_what_it_is() {
    let form = seen(http::post("https://gateway.example/").form([("a b", "ü&="), ("c", "")]));
    assert_eq!(
        form.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(form.body, b"a+b=%C3%BC%26%3D&c=");

    let json = seen(http::post("https://gateway.example/").json(&["ü", "\""]));
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(json.json(), serde_json::json!(["ü", "\""]));

    let xml = seen(http::post("https://gateway.example/").body("text/xml", "<sms/>"));
    assert_eq!(xml.header("content-type"), Some("text/xml"));
    assert_eq!(xml.body, b"<sms/>");
}

#[test]
fn credentials_go_into_the_header() {
    let basic = seen(http::post("https://gateway.example/").basic("Aladdin", "open sesame"));
    // RFC 7617 §2.
    assert_eq!(
        basic.header("authorization"),
        Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    );

    let bearer = seen(
        http::post("https://gateway.example/")
            .basic("a", "b")
            .bearer("token"),
    );
    assert_eq!(bearer.header("authorization"), Some("Bearer token"));
}

#[test]
fn parameters_join_those_of_the_url() {
    for (url, whole) in [
        (
            "https://gateway.example/send",
            "https://gateway.example/send?to=%2B1&text=a+b",
        ),
        (
            "https://gateway.example/?v=2",
            "https://gateway.example/?v=2&to=%2B1&text=a+b",
        ),
        (
            "https://gateway.example/?",
            "https://gateway.example/?to=%2B1&text=a+b",
        ),
    ] {
        let request = seen(http::get(url).query("to", "+1").query("text", "a b"));
        assert_eq!(request.url, whole);
        assert_eq!(request.query()["to"], "+1");
    }
}

#[test]
fn methods_and_timeouts_reach_the_host() {
    let request = Request::new(Method::PUT, "https://gateway.example/")
        .timeout(Duration::from_secs(3))
        .header(http::header::ACCEPT, "application/json");
    let request = seen(request);
    assert_eq!(request.method, Method::PUT);
    assert_eq!(request.timeout, Some(Duration::from_secs(3)));
    assert_eq!(request.header("accept"), Some("application/json"));
}

#[test]
fn a_mistake_is_told_by_send_without_its_value() {
    let broken = http::post("https://gateway.example/")
        .header("x-key", "a\r\nb")
        .bearer("c\n");
    assert_eq!(refused(broken), Error::HeaderForbidden("x-key".to_owned()));
    let broken = http::post("https://gateway.example/").bearer("token\n");
    assert_eq!(
        refused(broken),
        Error::HeaderForbidden("authorization".to_owned())
    );
    let broken = http::post("https://gateway.example/").header("no such name", "a");
    assert_eq!(
        refused(broken),
        Error::HeaderForbidden("no such name".to_owned())
    );

    let no_keys = std::collections::BTreeMap::from([(vec![1], 2)]);
    let broken = http::post("https://gateway.example/").json(&no_keys);
    assert_eq!(refused(broken), Error::RequestBodyInvalid);
}

#[test]
fn retry_after_is_seconds() {
    let after =
        |value: &str| received(Answer::text(429, "").header("Retry-After", value)).retry_after();
    assert_eq!(after("7"), Some(Duration::from_secs(7)));
    assert_eq!(after(" 0 "), Some(Duration::ZERO));
    for other in ["", "soon", "-1", "Sun, 06 Nov 1994 08:49:37 GMT"] {
        assert_eq!(after(other), None, "for {other:?}");
    }
    assert_eq!(received(Answer::text(429, "")).retry_after(), None);
}

#[test]
fn an_answer_can_be_the_http_crates() {
    let answer = Answer::text(302, "elsewhere")
        .header("x-a", "1")
        .header("x-a", "2");
    let response = received(answer);
    assert_eq!(response.header("X-A"), Some("1"));
    let response = ::http::Response::from(response);
    assert_eq!(response.status(), http::StatusCode::FOUND);
    assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
    assert_eq!(response.body(), b"elsewhere");
}

#[test]
fn the_status_decides_by_the_general_rule() {
    for status in [408, 425, 429, 500, 502, 503, 504, 599] {
        let outcome = received(Answer::text(status, "")).failure("why");
        assert_eq!(outcome, Outcome::retry("why"), "for {status}");
    }
    for status in [300, 302, 400, 401, 403, 404, 409, 422, 451] {
        let outcome = received(Answer::text(status, "")).failure("why");
        assert_eq!(outcome, Outcome::drop("why"), "for {status}");
    }
    let busy = received(Answer::text(503, "").header("retry-after", "9")).failure("why");
    assert_eq!(busy, Outcome::retry_after("why", Duration::from_secs(9)));
}

#[test]
fn text_is_read_as_utf8() {
    assert_eq!(
        received(Answer::text(200, "0: Ångström")).text(),
        "0: Ångström"
    );
}

#[test]
fn every_error_is_somebodys() {
    for (error, transient, may_have_been_sent) in [
        (Error::BudgetExceeded, false, false),
        (Error::ConnectionRefused, true, false),
        (Error::ConnectionTerminated, true, true),
        (Error::ConnectionTimeout, true, false),
        (Error::DestinationIpProhibited, false, false),
        (Error::DnsError, true, false),
        (Error::DnsTimeout, true, false),
        (Error::HeaderForbidden("host".to_owned()), false, false),
        (Error::HttpProtocolError, true, true),
        (Error::InternalError, true, true),
        (Error::RequestBodyInvalid, false, false),
        (Error::RequestBodySize(1), false, false),
        (Error::RequestDenied, false, false),
        (Error::RequestHeaderSectionSize, false, false),
        (Error::RequestMethodInvalid, false, false),
        (Error::RequestUriInvalid, false, false),
        (Error::ResponseBodySize(1), false, true),
        (Error::ResponseContentCoding, false, true),
        (Error::ResponseHeaderSectionSize, false, true),
        (Error::ResponseTimeout, true, true),
        (Error::TlsCertificateError, false, false),
        (Error::TlsProtocolError, true, false),
    ] {
        assert_eq!(error.is_transient(), transient, "{error:?}");
        assert_eq!(error.may_have_been_sent(), may_have_been_sent, "{error:?}");
        let retried = matches!(error.outcome(), Some(Outcome::Retry { .. }));
        assert_eq!(retried, transient, "{error:?}");
    }
}
