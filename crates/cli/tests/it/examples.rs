//! The examples: each on all its fixtures, built with the SDK and built without one; and beside Twilio's own client.

use std::fs;

use phonebox_test_guests::{
    BARE_KANNEL, BARE_ROUTING, BARE_TWILIO, BARE_TWILIO_VERIFY, GENERIC_HTTP_RUST, Guest,
    KANNEL_RUST, ROUTING_RUST, TWILIO_RUST, TWILIO_VERIFY_RUST,
};
use serde_json::{Value, json};

use crate::inbox::client::start;
use crate::inbox::oracles;
use crate::program::{Desk, repository};

/// Runs all fixtures of an example on a component.
fn fixtures(example: &str, guest: Guest) -> Value {
    let desk = Desk::new();
    let component = desk.write("action.wasm", guest.bytes);
    let folder = repository().join("examples/actions").join(example);
    let (folder, component) = (folder.to_str().unwrap(), component.to_str().unwrap());
    let (code, json) = desk.json(&["test", folder, "--component", component]);
    let failed: Vec<_> = json["fixtures"].as_array().into_iter().flatten().collect();
    let failed: Vec<_> = failed
        .into_iter()
        .filter(|fixture| fixture["passed"] != true)
        .collect();
    assert!(
        code == 0 && failed.is_empty(),
        "{example} as {guest:?}: {failed:#?}\n{json}"
    );
    json
}

#[test]
fn twilio() {
    assert_eq!(fixtures("twilio-rust", TWILIO_RUST)["passed"], 9);
    assert_eq!(fixtures("twilio-rust", BARE_TWILIO)["passed"], 9);
}

#[test]
fn twilio_verify() {
    assert_eq!(
        fixtures("twilio-verify-rust", TWILIO_VERIFY_RUST)["passed"],
        8
    );
    assert_eq!(
        fixtures("twilio-verify-rust", BARE_TWILIO_VERIFY)["passed"],
        8
    );
}

#[test]
fn kannel() {
    assert_eq!(fixtures("kannel-rust", KANNEL_RUST)["passed"], 8);
    assert_eq!(fixtures("kannel-rust", BARE_KANNEL)["passed"], 8);
}

#[test]
fn routing() {
    assert_eq!(fixtures("routing-rust", ROUTING_RUST)["passed"], 11);
    assert_eq!(fixtures("routing-rust", BARE_ROUTING)["passed"], 11);
}

#[test]
fn generic_http() {
    assert_eq!(
        fixtures("generic-http-rust", GENERIC_HTTP_RUST)["passed"],
        6
    );
}

#[test]
fn a_component_on_another_actions_fixtures_fails() {
    let desk = Desk::new();
    let component = desk.write("action.wasm", KANNEL_RUST.bytes);
    let folder = repository().join("examples/actions/twilio-rust");
    let (folder, component) = (folder.to_str().unwrap(), component.to_str().unwrap());
    let (code, json) = desk.json(&["test", folder, "--component", component, "--filter", "sms"]);
    assert_eq!((code, &json["failed"]), (1, &json!(1)), "{json}");
}

/// What makes a recorded request what it is: method, URL, authentication and form.
fn essence(message: &Value) -> Value {
    let request = &message["request"];
    let headers = request["headers"].as_array().unwrap();
    let authorization = headers.iter().find(|header| header[0] == "authorization");
    let mut form: Vec<_> = request["form"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    form.sort();
    json!([request["method"], request["url"], authorization, form])
}

/// The requests that our examples send and those that Twilio's client for Node sends for the same wish are the same.
#[tokio::test]
async fn our_requests_are_those_of_twilios_own_client() {
    let Some(clients) = oracles::clients().await else {
        return;
    };
    let account = "AC00000000000000000000000000000000";
    let token = "0123456789abcdef0123456789abcdef";
    let (to, from) = ("+14155550100", "+15005550006");
    let text = "Ihr Code für 5 € & mehr: 492016 👋";

    let ours = |example: &str, guest: Guest, method: &str| -> Value {
        let desk = Desk::new();
        let event = json!({ "notification": {
            "recipient": to, "as_text": text, "as_voice": "4. 9 & <2>", "code": "492016", "from": from,
            "delivery_method": method, "message_type": "otp_verify", "locale": "de",
        } });
        let folder = repository().join("examples/actions").join(example);
        desk.write("action.toml", fs::read(folder.join("action.toml")).unwrap());
        desk.write("action.wasm", guest.bytes);
        desk.write("fixtures/one/event.json", event.to_string());
        desk.write("fixtures/one/expect.toml", "[expect]\noutcome = \"sent\"\n");
        let (code, json) = desk.json(&["test", "--component", "action.wasm"]);
        assert_eq!(code, 0, "{json}");
        json["fixtures"][0]["requests"][0].clone()
    };
    let (sms, call) = (
        ours("twilio-rust", TWILIO_RUST, "text"),
        ours("twilio-rust", TWILIO_RUST, "voice"),
    );
    let verification = ours("twilio-verify-rust", TWILIO_VERIFY_RUST, "text");

    let inbox = start().await;
    let service = verification["request"]["url"]
        .as_str()
        .unwrap()
        .split('/')
        .nth(5)
        .unwrap();
    let form = call["request"]["form"].as_array().unwrap();
    let twiml = &form.iter().find(|field| field[0] == "Twiml").unwrap()[1];
    let wish = json!({
        "accountSid": account, "authToken": token, "serviceSid": service, "to": to, "from": from,
        "body": text, "twiml": twiml, "code": "492016", "locale": "de",
    });
    oracles::run(
        clients,
        &inbox,
        "record-twilio.mjs",
        &wish.to_string(),
        "30000",
    )
    .await;
    let theirs = inbox.messages();
    assert_eq!(theirs.len(), 3, "{theirs:?}");
    for (ours, theirs) in [&sms, &call, &verification].into_iter().zip(&theirs) {
        let theirs = serde_json::to_value(theirs).unwrap();
        assert_eq!(
            essence(ours),
            essence(&theirs),
            "\nours: {ours:#}\ntheirs: {theirs:#}"
        );
    }
}
