use std::time::Duration;

use phonebox_sdk::Outcome;
use phonebox_sdk::http::Error;
use phonebox_sdk::test::{Answer, Host, event};
use serde_json::json;

use super::{deliver, supported};

fn host() -> Host {
    Host::new()
        .secret("TWILIO_ACCOUNT_SID", "AC1")
        .secret("TWILIO_AUTH_TOKEN", "token")
        .secret("TWILIO_VERIFY_SERVICE_SID", "VA1")
}

fn accepted() -> Answer {
    Answer::json(201, &json!({ "sid": "VE1", "status": "pending" }))
}

#[test]
fn verify_sends_our_code() {
    let host = host().answer(accepted());

    let outcome = host.run(deliver, event().code("901234")).unwrap();

    assert_eq!(outcome, Outcome::sent_with("twilio-verify", "VE1"));
    let requests = host.requests();
    assert_eq!(
        requests[0].url,
        "https://verify.twilio.com/v2/Services/VA1/Verifications"
    );
    assert_eq!(
        requests[0].header("authorization"),
        Some("Basic QUMxOnRva2Vu")
    );
    let form = requests[0].form();
    assert_eq!(form["To"], "+12065550100");
    assert_eq!(form["Channel"], "sms");
    assert_eq!(form["CustomCode"], "901234");
    assert_eq!(form["Locale"], "en");
}

#[test]
fn a_voice_code_is_a_call() {
    let host = host().answer(accepted());
    host.run(deliver, event().voice()).unwrap();
    assert_eq!(host.requests()[0].form()["Channel"], "call");
}

#[test]
fn an_unknown_language_is_left_to_verify() {
    assert_eq!(supported("pt_BR"), Some("pt-BR"));
    assert_eq!(supported("de-AT"), Some("de"));
    assert_eq!(supported("eo"), None);
    assert_eq!(supported(""), None);

    let host = host().answer(accepted());
    let mut event = event().build();
    event.notification.locale = Some("eo".to_owned());
    host.run(deliver, event).unwrap();
    assert!(!host.requests()[0].form().contains_key("Locale"));
}

#[test]
fn a_notice_without_a_code_is_dropped() {
    let host = host();
    let outcome = host
        .run(deliver, event().text("Your password was changed"))
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::drop("twilio verify sends codes, not change_password")
    );
    assert!(host.requests().is_empty());
}

#[test]
fn twilios_codes_say_what_to_do() {
    for (status, code, outcome) in [
        (
            400,
            60200,
            Outcome::drop("twilio verify: the number or the code is not valid (60200)"),
        ),
        (
            403,
            60205,
            Outcome::drop("twilio verify: the number is a landline (60205)"),
        ),
        (
            429,
            60203,
            Outcome::drop("twilio verify: too many codes for this number (60203)"),
        ),
        (
            403,
            60410,
            Outcome::drop("twilio verify: fraud guard blocks the number's prefix (60410)"),
        ),
        (429, 60212, Outcome::retry("twilio verify is busy (60212)")),
        (
            503,
            20503,
            Outcome::retry("twilio verify answered 503 (20503)"),
        ),
        (
            418,
            99999,
            Outcome::drop("twilio verify answered 418 (99999)"),
        ),
    ] {
        let host = host().answer(Answer::json(status, &json!({ "code": code })));
        assert_eq!(host.run(deliver, event()).unwrap(), outcome, "code {code}");
    }
}

#[test]
fn a_busy_twilio_says_how_long_to_wait() {
    let busy = Answer::json(429, &json!({ "code": 20429 })).header("retry-after", "7");
    let outcome = host().answer(busy).run(deliver, event()).unwrap();
    let expected = Outcome::retry_after("twilio verify is busy (20429)", Duration::from_secs(7));
    assert_eq!(outcome, expected);
}

#[test]
fn the_network_is_tried_again() {
    let outcome = host()
        .fail(Error::ConnectionRefused)
        .run(deliver, event())
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::retry("the provider refused the connection")
    );
}
