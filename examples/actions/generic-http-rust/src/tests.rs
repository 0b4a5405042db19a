use std::time::Duration;

use phonebox_sdk::http::Error;
use phonebox_sdk::log::Level;
use phonebox_sdk::test::{Answer, Host, event};
use phonebox_sdk::{Event, Outcome};
use serde_json::json;

use super::deliver;

fn host() -> Host {
    Host::new().secret("GATEWAY_TOKEN", "t0ken")
}

#[test]
fn the_gateway_gets_the_whole_message() {
    let host = host().answer(Answer::json(202, &json!({ "id": "m-1" })));
    let event: Event = event().organization("globex").build();
    let id = event.notification_id.clone();

    let outcome = host.run(deliver, event).unwrap();

    assert_eq!(outcome, Outcome::sent_with("gateway", "m-1"));
    let requests = host.requests();
    assert_eq!(requests[0].url, "https://gateway.example/messages");
    assert_eq!(requests[0].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(requests[0].header("idempotency-key"), Some(id.as_str()));
    assert_eq!(
        requests[0].json(),
        json!({
            "to": "+12065550100",
            "channel": "text",
            "type": "otp_verify",
            "locale": "en-US",
            "text": "Your Acme code is 123456",
            "code": "123456",
            "tenant": "acme",
            "client_id": "gmOWNgklfRm4tyl5YYnl3JDSJy19h1bR",
            "organization_id": "org_globex",
        })
    );
}

#[test]
fn a_call_gets_the_text_to_be_spoken() {
    let host = host().answer(Answer::text(204, ""));
    let outcome = host.run(deliver, event().voice()).unwrap();
    assert_eq!(outcome, Outcome::sent());
    let json = host.requests()[0].json();
    assert_eq!(json["channel"], "voice");
    assert!(
        json["text"].as_str().unwrap().contains("1. 2. 3. 4. 5. 6"),
        "{json}"
    );
}

#[test]
fn the_status_says_what_to_do() {
    let busy = Answer::text(429, "").header("retry-after", "7");
    let outcome = host().answer(busy).run(deliver, event()).unwrap();
    let why = "the gateway answered 429 Too Many Requests";
    assert_eq!(outcome, Outcome::retry_after(why, Duration::from_secs(7)));

    let outcome = host()
        .answer(Answer::text(500, ""))
        .run(deliver, event())
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::retry("the gateway answered 500 Internal Server Error")
    );

    let outcome = host()
        .answer(Answer::text(422, ""))
        .run(deliver, event())
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::drop("the gateway answered 422 Unprocessable Entity")
    );

    let outcome = host().fail(Error::DnsError).run(deliver, event()).unwrap();
    assert_eq!(
        outcome,
        Outcome::retry("the provider's name cannot be resolved")
    );
}

#[test]
fn refused_credentials_are_logged() {
    let host = host().answer(Answer::text(401, ""));
    let outcome = host.run(deliver, event()).unwrap();
    assert_eq!(
        outcome,
        Outcome::drop("the gateway answered 401 Unauthorized")
    );
    assert_eq!(host.logs()[0].0, Level::Error);
}
