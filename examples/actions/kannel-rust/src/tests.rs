use phonebox_sdk::Outcome;
use phonebox_sdk::http::Error;
use phonebox_sdk::log::Level;
use phonebox_sdk::test::{Answer, Host, event};

use super::deliver;

fn host() -> Host {
    Host::new()
        .secret("KANNEL_USERNAME", "phonebox")
        .secret("KANNEL_PASSWORD", "p&ss")
        .secret("KANNEL_FROM", "Acme")
}

fn accepted() -> Answer {
    Answer::text(202, "0: Accepted for delivery")
}

#[test]
fn a_text_goes_to_sendsms() {
    let host = host().answer(accepted());

    let outcome = host.run(deliver, event()).unwrap();

    assert_eq!(outcome, Outcome::sent());
    let request = &host.requests()[0];
    assert_eq!(request.method, "POST");
    assert_eq!(request.url, "http://kannel.example:13013/cgi-bin/sendsms");
    for (name, value) in [
        ("x-kannel-username", "phonebox"),
        ("x-kannel-password", "p&ss"),
        ("x-kannel-from", "Acme"),
        ("x-kannel-to", "+12065550100"),
        ("x-kannel-coding", "0"),
        ("content-type", "text/plain; charset=UTF-8"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name} of {request:#?}");
    }
    assert_eq!(request.body, b"Your Acme code is 123456");
}

#[test]
fn what_gsm7_cannot_write_goes_as_ucs2() {
    for (text, coding) in [
        ("Ihr Code für 5 €: 123456", "0"),
        ("Twój kod: 123456", "2"),
        ("コード 123456 📱", "2"),
    ] {
        let host = host().answer(accepted());
        let mut event = event().build();
        event.notification.as_text = text.to_owned();
        host.run(deliver, event).unwrap();
        let request = &host.requests()[0];
        assert_eq!(
            request.header("x-kannel-coding"),
            Some(coding),
            "for {text}"
        );
        assert_eq!(request.body, text.as_bytes(), "for {text}");
    }
}

#[test]
fn the_templates_sender_comes_first() {
    let host = host().answer(accepted());
    let mut event = event().build();
    event.notification.from = Some("Globex".to_owned());
    host.run(deliver, event).unwrap();
    assert_eq!(host.requests()[0].header("x-kannel-from"), Some("Globex"));
}

#[test]
fn a_call_is_dropped_unasked() {
    let host = host();
    let outcome = host.run(deliver, event().voice()).unwrap();
    assert_eq!(outcome, Outcome::drop("kannel sends texts and cannot call"));
    assert!(host.requests().is_empty());
}

#[test]
fn kannels_answers_say_what_to_do() {
    let queued = "3: Queued for later delivery";
    for (status, line, outcome) in [
        (202, queued, Outcome::sent()),
        (
            202,
            "Sent.",
            Outcome::drop("kannel answered 202 Accepted without accepting it"),
        ),
        (
            403,
            "Authorization failed for sendsms",
            Outcome::drop("kannel: the credentials are wrong"),
        ),
        (
            403,
            "Not routable. Do not try again.",
            Outcome::drop("kannel answered 403 Forbidden"),
        ),
        (
            400,
            "Missing receiver number, rejected",
            Outcome::drop("kannel answered 400 Bad Request"),
        ),
        (
            503,
            "Temporal failure, try again later.",
            Outcome::retry("kannel answered 503 Service Unavailable"),
        ),
    ] {
        let host = host().answer(Answer::text(status, line));
        assert_eq!(
            host.run(deliver, event()).unwrap(),
            outcome,
            "for {status} {line}"
        );
    }
}

#[test]
fn wrong_credentials_are_logged_without_them() {
    let host = host().answer(Answer::text(403, "Authorization failed for sendsms"));
    host.run(deliver, event()).unwrap();
    let logs = host.logs();
    assert_eq!(logs.len(), 1, "{logs:?}");
    assert_eq!(logs[0].0, Level::Error);
    assert!(!logs[0].1.contains("p&ss"), "{logs:?}");
}

#[test]
fn a_stopped_gateway_is_tried_again() {
    let outcome = host()
        .fail(Error::ConnectionRefused)
        .run(deliver, event())
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::retry("the provider refused the connection")
    );
}
