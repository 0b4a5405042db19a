//! What must not be printed, is not.

use phonebox_sdk::test::{Answer, Host, event};
use phonebox_sdk::{Event, Outcome, http};

/// Stands wherever a person's number, code, text or profile may stand.
const CANARY: &str = "9f8c7e";

fn event_full_of_canaries() -> Event {
    let mut event = event().build();
    let canary = || CANARY.to_owned();
    let notification = &mut event.notification;
    notification.as_text = canary();
    notification.as_voice = canary();
    notification.code = Some(canary());
    notification.from = Some(canary());
    notification.recipient = canary();
    let user = &mut event.user;
    user.phone_number = Some(canary());
    user.email = Some(canary());
    user.name = Some(canary());
    user.app_metadata = canary().into();
    user.user_metadata = canary().into();
    for identity in &mut user.identities {
        identity.profile_data = Some(canary().into());
    }
    event.request.ip = canary();
    event.request.geoip.city_name = Some(canary());
    event
}

#[test]
fn an_event_hides_who_gets_what() {
    let event = event_full_of_canaries();
    for shown in [
        format!("{event:?}"),
        format!("{event:#?}"),
        format!("{:?}", event.notification),
        format!("{:?}", event.user),
        format!("{:?}", event.user.identities),
        format!("{:?}", event.user.app_metadata),
        format!("{:?}", event.request),
        format!("{:?}", event.request.geoip),
    ] {
        assert!(!shown.contains(CANARY), "{shown}");
    }
    assert!(
        format!("{event:?}").contains("OtpVerify"),
        "something is left to see"
    );
}

#[test]
fn requests_and_answers_hide_their_content() {
    let request = http::post(format!("https://gateway.example/{CANARY}"))
        .query("to", CANARY)
        .basic(CANARY, CANARY)
        .form([("code", CANARY)]);
    let shown = format!("{request:?}");
    assert!(shown.contains("POST") && !shown.contains(CANARY), "{shown}");

    let answer = Answer::text(400, CANARY).header("x-number", CANARY);
    let shown = format!("{answer:?}");
    assert!(shown.contains("400") && !shown.contains(CANARY), "{shown}");
}

#[test]
fn a_scripted_host_hides_its_secrets() {
    let host = Host::new().secret("TOKEN", CANARY);
    let shown = format!("{host:?}");
    assert!(
        shown.contains("TOKEN") && !shown.contains(CANARY),
        "{shown}"
    );
    let error = host.run(
        |_event| Ok(Outcome::sent_with("a", phonebox_sdk::secrets::get("TOKN")?)),
        event(),
    );
    let shown = error.unwrap_err().to_string();
    assert!(
        shown.contains("TOKEN") && !shown.contains(CANARY),
        "{shown}"
    );
}
