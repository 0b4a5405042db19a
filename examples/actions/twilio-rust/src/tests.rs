use std::time::Duration;

use phonebox_sdk::http::Error;
use phonebox_sdk::log::Level;
use phonebox_sdk::test::{Answer, Host, event};
use phonebox_sdk::{Event, Outcome};
use serde_json::json;

use super::{NO_SENDER, deliver};

fn host() -> Host {
    Host::new()
        .secret("TWILIO_ACCOUNT_SID", "AC1")
        .secret("TWILIO_AUTH_TOKEN", "token")
        .secret("TWILIO_FROM", "+15005550006")
}

fn accepted(sid: &str) -> Answer {
    Answer::json(201, &json!({ "sid": sid, "status": "queued" }))
}

#[test]
fn a_text_goes_to_messages() {
    let host = host().answer(accepted("SM1"));

    let outcome = host.run(deliver, event()).unwrap();

    assert_eq!(outcome, Outcome::sent_with("twilio", "SM1"));
    let requests = host.requests();
    let request = &requests[0];
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.url,
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"
    );
    assert_eq!(request.header("authorization"), Some("Basic QUMxOnRva2Vu"));
    let form = request.form();
    assert_eq!(form["To"], "+12065550100");
    assert_eq!(form["From"], "+15005550006");
    assert_eq!(form["Body"], "Your Acme code is 123456");
}

#[test]
fn a_call_speaks_the_text() {
    let host = host().answer(accepted("CA1"));
    let mut event: Event = event().voice().build();
    event.notification.as_voice = "Tom & Jerry's code: 1. 2.".to_owned();
    event.notification.locale = Some("en_GB".to_owned());

    let outcome = host.run(deliver, event).unwrap();

    assert_eq!(outcome, Outcome::sent_with("twilio", "CA1"));
    let requests = host.requests();
    assert!(
        requests[0].url.ends_with("/Accounts/AC1/Calls.json"),
        "{requests:#?}"
    );
    assert_eq!(
        requests[0].form()["Twiml"],
        "<Response><Say loop=\"2\" language=\"en-GB\">\
         Tom &amp; Jerry&apos;s code: 1. 2.</Say></Response>"
    );
}

#[test]
fn the_templates_sender_comes_first() {
    for (from, expected) in [
        ("+1-808-555-2222", "+18085552222"),
        ("Acme Shop", "Acme Shop"),
    ] {
        let host = host().answer(accepted("SM1"));
        let mut event = event().build();
        event.notification.from = Some(from.to_owned());
        host.run(deliver, event).unwrap();
        assert_eq!(host.requests()[0].form()["From"], expected);
    }
}

#[test]
fn a_messaging_service_sends_texts_and_no_calls() {
    let account = Host::new()
        .secret("TWILIO_ACCOUNT_SID", "AC1")
        .secret("TWILIO_AUTH_TOKEN", "token")
        .secret("TWILIO_MESSAGING_SERVICE_SID", "MG1");
    let host = account.answer(accepted("SM1"));
    host.run(deliver, event()).unwrap();
    let form = host.requests()[0].form();
    assert_eq!(form["MessagingServiceSid"], "MG1");
    assert!(!form.contains_key("From"), "{form:?}");

    let outcome = host.run(deliver, event().voice()).unwrap();
    assert_eq!(outcome, Outcome::drop(NO_SENDER));
    assert_eq!(host.requests().len(), 1);
}

#[test]
fn twilios_codes_say_what_to_do() {
    for (status, code, outcome) in [
        (
            400,
            21211,
            Outcome::drop("twilio: the number is not valid (21211)"),
        ),
        (
            400,
            21614,
            Outcome::drop("twilio: the number is not a mobile number (21614)"),
        ),
        (
            400,
            21610,
            Outcome::drop("twilio: the recipient opted out (21610)"),
        ),
        (
            401,
            20003,
            Outcome::drop("twilio: the credentials are wrong (20003)"),
        ),
        (400, 30001, Outcome::retry("twilio is busy (30001)")),
        (500, 20500, Outcome::retry("twilio is busy (20500)")),
        (400, 99999, Outcome::drop("twilio answered 400 (99999)")),
        (500, 99999, Outcome::retry("twilio answered 500 (99999)")),
    ] {
        let host = host().answer(Answer::json(
            status,
            &json!({ "code": code, "status": status }),
        ));
        assert_eq!(host.run(deliver, event()).unwrap(), outcome, "code {code}");
    }
}

#[test]
fn a_busy_twilio_says_how_long_to_wait() {
    let busy = Answer::json(429, &json!({ "code": 20429 })).header("retry-after", "7");
    let outcome = host().answer(busy).run(deliver, event()).unwrap();
    assert_eq!(
        outcome,
        Outcome::retry_after("twilio is busy (20429)", Duration::from_secs(7))
    );
}

#[test]
fn the_network_is_tried_again() {
    let outcome = host()
        .fail(Error::ResponseTimeout)
        .run(deliver, event())
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::retry("the provider did not answer in time")
    );
    let gateway = Answer::text(502, "<html>Bad Gateway</html>");
    let outcome = host().answer(gateway).run(deliver, event()).unwrap();
    assert_eq!(outcome, Outcome::retry("twilio answered 502"));
}

#[test]
fn nothing_secret_is_logged_or_given_as_reason() {
    let answer = json!({ "code": 20003, "message": "token +12065550100 123456" });
    let host = host().answer(Answer::json(401, &answer));
    let outcome = host.run(deliver, event()).unwrap();
    let logs = host.logs();
    assert_eq!(logs[0].0, Level::Error);
    let told = format!("{outcome:?} {logs:?}");
    for secret in ["+12065550100", "123456", "AC1"] {
        assert!(!told.contains(secret), "{told}");
    }
}
