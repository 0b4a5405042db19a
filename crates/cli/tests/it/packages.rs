//! The packages that come with the engine, beside those of the same names under Node: an action that requires one logs the
//! same and asks for the same there.

use std::fs;

use serde_json::{Value, json};

use crate::inbox::client::start;
use crate::inbox::oracles::{self, Node};
use crate::program::{Desk, repository};

const EGRESS: &str = r#"
name = "packages"
trigger = "custom-phone-provider"
[[egress]]
origin = "https://api.twilio.com"
methods = ["GET", "POST"]
[[egress]]
origin = "https://verify.twilio.com"
[[egress]]
origin = "https://sns.eu-central-1.amazonaws.com"
[[egress]]
origin = "https://gateway.example"
"#;

/// What a request asks for, without what every client says in its own way.
pub(crate) fn essence(request: &Value) -> Value {
    let request = &request["request"];
    let header = |name: &str| {
        let headers = request["headers"].as_array().unwrap();
        let found = headers.iter().find(|header| header[0] == name);
        found.map_or("", |header| header[1].as_str().unwrap())
    };
    // What a signature of SNS is made of is the client's to choose; in whose name it is, and for what, is not.
    let signed = header("authorization");
    let is_sns = request["url"].as_str().unwrap().contains("//sns.");
    let authorization = signed.split_once(',').filter(|_| is_sns);
    let authorization = authorization.map_or(signed, |(credential, _)| credential);
    let mut form = request["form"].as_array().unwrap().clone();
    form.sort_by_key(Value::to_string);
    let body = request["body"].as_str().unwrap();
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let media_type = header("content-type").split(';').next();
    json!([
        request["method"],
        request["url"],
        authorization,
        media_type,
        form,
        json
    ])
}

async fn compare(package: &str) {
    let Some(clients) = oracles::clients().await else {
        return;
    };
    let action = repository().join(format!("tests/oracles/packages/{package}.js"));
    let event = "examples/actions/twilio-javascript/fixtures/sms/event.json";
    let event = fs::read(repository().join(event)).unwrap();
    let mut event: Value = serde_json::from_slice(&event).unwrap();
    event["notification"]["as_text"] = json!("Ihr Code für 5 € & mehr: 492016 👋");

    let desk = Desk::new();
    desk.write("action.toml", EGRESS);
    desk.write("action.js", fs::read(&action).unwrap());
    desk.write("fixtures/one/event.json", event.to_string());
    desk.write("fixtures/one/expect.toml", "[expect]\noutcome = \"sent\"\n");
    let (code, ours) = desk.json(&["test"]);
    let ours = &ours["fixtures"][0];
    let report = &ours["report"];
    assert_eq!(
        code, 0,
        "{} {} {report:#}",
        ours["differences"], ours["violations"]
    );

    let inbox = start().await;
    let theirs = Node::start(clients, &inbox).run(&action, &event).await;
    let lines = |log: &Value| {
        let lines = log.as_array().unwrap().iter();
        let lines: Vec<_> = lines
            .map(|line| line.as_str().or(line["message"].as_str()).unwrap())
            .collect();
        // What phonebox shows of a number and of a code.
        let lines = lines.join("\n").replace(
            event["notification"]["recipient"].as_str().unwrap(),
            "[number]",
        );
        lines.replace(event["notification"]["code"].as_str().unwrap(), "[code]")
    };
    let (logged, expected) = (lines(&report["log"]), lines(&theirs["log"]));
    assert!(!expected.is_empty());
    assert_eq!(logged, expected, "{report:#}");
    let asked: Vec<_> = ours["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(essence)
        .collect();
    let expected = inbox.messages();
    let expected = expected
        .iter()
        .map(|message| essence(&serde_json::to_value(message).unwrap()));
    let expected: Vec<_> = expected.collect();
    assert!(!expected.is_empty());
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn twilio() {
    compare("twilio").await;
}

#[tokio::test]
async fn twilio_errors() {
    compare("twilio-errors").await;
}

#[tokio::test]
async fn sns() {
    compare("sns").await;
}

#[tokio::test]
async fn jsonwebtoken() {
    compare("jsonwebtoken").await;
}

#[tokio::test]
async fn aws4_axios_and_uuid() {
    compare("small").await;
}
