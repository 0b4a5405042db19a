use phonebox_sdk::Outcome;
use phonebox_sdk::http::Error;
use phonebox_sdk::test::{Answer, EventBuilder, Host, Request, event};
use serde_json::{Value, json};

use super::{TIMEOUT, deliver};

/// A member of the call centre's application: see `routes`.
const CALL_CENTRE: &str = "hE5aG0cNyTZ1xY4uWQkV7sJ2mB9pR3dL";

fn host() -> Host {
    Host::new()
        .secret("TWILIO_ACCOUNT_SID", "AC1")
        .secret("TWILIO_AUTH_TOKEN", "t0ken")
        .secret("VONAGE_API_KEY", "key")
        .secret("VONAGE_API_SECRET", "secret")
}

fn to_twilio(request: &Request) -> bool {
    request.url.starts_with("https://api.twilio.com/")
}

fn to_vonage(request: &Request) -> bool {
    request.url == "https://api.nexmo.com/v1/messages"
}

fn twilio_accepts(host: Host) -> Host {
    host.answer_when(to_twilio, Answer::json(201, &json!({ "sid": "SM1" })))
}

fn vonage_accepts(host: Host) -> Host {
    host.answer_when(
        to_vonage,
        Answer::json(202, &json!({ "message_uuid": "v-1" })),
    )
}

fn vonage_refuses(code: &str) -> Answer {
    let kind = format!("https://developer.vonage.com/api-errors/messages#{code}");
    Answer::json(422, &json!({ "type": kind, "title": "no" }))
}

/// Sends it with both providers well: who got it, and the sender.
fn route(event: EventBuilder) -> (&'static str, String) {
    let host = vonage_accepts(twilio_accepts(host()));
    host.run(deliver, event).unwrap();
    let requests = host.requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    if to_twilio(&requests[0]) {
        ("twilio", requests[0].form()["From"].clone())
    } else {
        let sender = requests[0].json()["from"].as_str().map(str::to_owned);
        ("vonage", sender.unwrap())
    }
}

fn at(provider: &'static str, sender: &str) -> (&'static str, String) {
    (provider, sender.to_owned())
}

#[test]
fn the_longest_prefix_of_the_number_decides() {
    assert_eq!(
        route(event().to("+12125550100")),
        at("twilio", "+15005550006")
    );
    assert_eq!(
        route(event().to("+18765550100")),
        at("vonage", "18335550100")
    );
    assert_eq!(route(event().to("+447700900123")), at("vonage", "Acme"));
    assert_eq!(
        route(event().to("+33700900123")),
        at("twilio", "+15005550006")
    );
}

#[test]
fn an_organization_shows_its_name_where_names_are_allowed() {
    assert_eq!(
        route(event().to("+447700900123").organization("globex")),
        at("vonage", "Globex")
    );
    assert_eq!(
        route(event().to("+12125550100").organization("globex")),
        at("twilio", "+15005550006")
    );
    assert_eq!(
        route(event().to("+447700900123").organization("hooli")),
        at("vonage", "Acme")
    );
}

#[test]
fn an_application_chooses_its_provider() {
    assert_eq!(
        route(event().client(CALL_CENTRE)),
        at("vonage", "18335550100")
    );
}

#[test]
fn each_provider_gets_what_it_wants() {
    let host = vonage_accepts(host());
    let outcome = host.run(deliver, event().to("+447700900123")).unwrap();
    assert_eq!(outcome, Outcome::sent_with("vonage", "v-1"));
    let requests = host.requests();
    assert_eq!(
        requests[0].header("authorization"),
        Some("Basic a2V5OnNlY3JldA==")
    );
    assert_eq!(requests[0].timeout, Some(TIMEOUT));
    assert_eq!(
        requests[0].json(),
        json!({
            "message_type": "text",
            "channel": "sms",
            "to": "447700900123",
            "from": "Acme",
            "text": "Your Acme code is 123456",
        })
    );

    let host = twilio_accepts(self::host());
    let outcome = host.run(deliver, event().to("+12125550100")).unwrap();
    assert_eq!(outcome, Outcome::sent_with("twilio", "SM1"));
    let form = host.requests()[0].form();
    assert_eq!(form["To"], "+12125550100");
    assert_eq!(form["Body"], "Your Acme code is 123456");
}

#[test]
fn calls_go_through_twilio() {
    let host = twilio_accepts(host());
    let outcome = host
        .run(deliver, event().to("+18765550100").voice())
        .unwrap();
    assert_eq!(outcome, Outcome::sent_with("twilio", "SM1"));
    let requests = host.requests();
    assert!(requests[0].url.ends_with("/Calls.json"), "{requests:#?}");
    let twiml = &requests[0].form()["Twiml"];
    assert!(
        twiml.starts_with("<Response><Say loop=\"2\">Your Acme code is: 1. 2."),
        "{twiml}"
    );
}

#[test]
fn a_provider_that_fails_is_replaced_and_rests() {
    let host = vonage_accepts(host()).fail(Error::ResponseTimeout);

    let outcome = host.run(deliver, event()).unwrap();

    assert_eq!(outcome, Outcome::sent_with("vonage", "v-1"));
    assert_eq!(host.requests().len(), 2);
    assert_eq!(host.cache()["twilio"], "failed");
    // The next message spares Twilio, and costs one request.
    host.run(deliver, event()).unwrap();
    assert_eq!(host.requests().len(), 3);
}

#[test]
fn failover_goes_both_ways() {
    let host = twilio_accepts(host()).answer(vonage_refuses("1030"));
    let outcome = host.run(deliver, event().to("+447700900123")).unwrap();
    assert_eq!(outcome, Outcome::sent_with("twilio", "SM1"));
    let requests = host.requests();
    assert!(
        to_vonage(&requests[0]) && to_twilio(&requests[1]),
        "{requests:#?}"
    );
}

#[test]
fn a_wrong_account_is_the_other_providers_chance() {
    let refused = Answer::json(401, &json!({ "code": 20003 }));
    let host = vonage_accepts(host()).answer(refused);
    let outcome = host.run(deliver, event()).unwrap();
    assert_eq!(outcome, Outcome::sent_with("vonage", "v-1"));
    assert!(
        host.cache().is_empty(),
        "wrong credentials are not a failure that passes"
    );
}

#[test]
fn a_wrong_number_is_wrong_everywhere() {
    let host = host().answer(Answer::json(400, &json!({ "code": 21211 })));
    let outcome = host.run(deliver, event()).unwrap();
    assert_eq!(
        outcome,
        Outcome::drop("twilio: the number is not valid (21211)")
    );
    assert_eq!(host.requests().len(), 1);

    let host = self::host().answer(vonage_refuses("1020"));
    let outcome = host.run(deliver, event().to("+447700900123")).unwrap();
    assert_eq!(
        outcome,
        Outcome::drop("vonage: the number or the text is not valid (1020)")
    );
}

#[test]
fn if_both_fail_the_one_that_may_come_back_decides() {
    let busy = || Answer::json(429, &json!({ "code": 20429 })).header("retry-after", "7");
    let after = std::time::Duration::from_secs(7);

    let host = host().answer(busy()).answer(vonage_refuses("1070"));
    let outcome = host.run(deliver, event()).unwrap();
    assert_eq!(
        outcome,
        Outcome::retry_after("twilio is busy (20429)", after)
    );

    let host = self::host().answer(vonage_refuses("1070")).answer(busy());
    let outcome = host.run(deliver, event().to("+447700900123")).unwrap();
    assert_eq!(
        outcome,
        Outcome::retry_after("twilio is busy (20429)", after)
    );
}

#[test]
fn nothing_secret_is_logged() {
    let told: Value = json!({ "code": 20003, "message": "+12065550100 123456 t0ken" });
    let host = vonage_accepts(host()).answer(Answer::json(401, &told));
    host.run(deliver, event()).unwrap();
    let logs = format!("{:?}", host.logs());
    assert!(logs.contains("twilio refused the credentials"), "{logs}");
    for secret in ["+12065550100", "123456", "t0ken", "AC1"] {
        assert!(!logs.contains(secret), "{logs}");
    }
}
