//! What the host signs is what its provider would accept: held against signers that nobody here wrote.

use std::path::Path;
use std::sync::Arc;

use phonebox::egress::{Egress, Origin};
use phonebox::{Action, Event, NotificationId, Outcome, Phonebox};
use phonebox_test_guests::PROBE;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::inbox::oracles::clients;
use crate::readme::block;

const AWS: &str = "http://sns.example:8000";
const AZURE: &str = "http://azure.example";
const KEY_ID: &str = "AKIDEXAMPLE12345";
const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// Answers one request, whose body ends so, and gives it.
async fn answer_one(listener: TcpListener, end: &str) -> String {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(end) {
        assert_ne!(connection.read_buf(&mut seen).await.unwrap(), 0);
    }
    connection
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    String::from_utf8(seen).unwrap()
}

/// Has the probe make this request by the rules that the README shows, and gives it as it came, headers by name.
async fn signed(
    request: &Value,
    secrets: &[(&str, &str)],
    end: &str,
) -> (String, Map<String, Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut rules = block("toml", "sigv4").to_owned();
    let mut egress = Egress::builder().reachable("127.0.0.0/8".parse().unwrap());
    for (shown, here) in [
        ("https://sns.eu-central-1.amazonaws.com", AWS),
        ("https://acme.communication.azure.com", AZURE),
    ] {
        assert!(rules.contains(shown), "{rules}");
        rules = rules.replace(shown, here);
        let origin = Origin::parse(here).unwrap();
        egress = egress.resolve(origin.host(), vec![listener.local_addr().unwrap()]);
        egress = egress.dangerous_plain_http(origin);
    }
    let phonebox = Phonebox::builder().egress(egress.build().unwrap());
    let phonebox = phonebox.build().unwrap();
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_KEY"];
    let specs = names.map(|name| format!("[secrets.{name}]\noptional = true\n"));
    let manifest = format!(
        "name = \"signing\"\ntrigger = \"custom-phone-provider\"\n{rules}\n{}",
        specs.concat()
    );
    let action = Action::assemble(PROBE.bytes, &manifest).unwrap();
    let deployment = phonebox
        .deploy("acme", &action, secrets.iter().copied().collect())
        .unwrap();
    let text = format!("http {request}\nsent sns m1");
    let event = json!({ "notification": { "recipient": "+12065550100", "code": "492016", "as_text": text } });
    let event = Arc::new(Event::from_json(&event.to_string()).unwrap());
    let attempt = deployment.attempt(event, NotificationId::new(), 1);
    let (report, wire) = tokio::join!(attempt, answer_one(listener, end));
    assert!(
        matches!(report.result, Ok(Outcome::Sent { .. })),
        "{report:#?}"
    );
    for (_, value) in secrets {
        assert!(!format!("{report:?}").contains(value), "{report:#?}");
    }
    let (head, body) = wire.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, request["body"].as_str().unwrap());
    let mut headers = Map::new();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        let twice = headers.insert(name.to_owned(), value.into());
        assert!(twice.is_none(), "{head}");
    }
    let path = head.split(' ').nth(1).unwrap();
    (path.to_owned(), headers)
}

/// What one of the scripts says of a request.
async fn oracle(clients: &Path, script: &str, described: &Value) -> Value {
    let output = Command::new("node")
        .arg(clients.join(script))
        .arg(described.to_string())
        .output()
        .await
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{output:?}"))
}

#[tokio::test]
async fn aws_would_accept_what_the_host_signs() {
    let Some(clients) = clients().await else {
        return;
    };
    // A signature of the action's own is replaced: libraries that insist on signing need no change.
    let body = "Action=Publish&PhoneNumber=%2B12065550100&Message=a%20b+c%7E%2A&end=1";
    let request = json!({
        "url": format!("{AWS}/a%20path/{{{{AWS_ACCESS_KEY_ID}}}}/?b=2&k={{{{AWS_SECRET_ACCESS_KEY}}}}&a=%C3%BC&c"),
        "headers": [
            ["content-type", "application/x-www-form-urlencoded; charset=utf-8"], ["x-amz-target", "a  b"],
            ["Authorization", "AWS4-HMAC-SHA256 Credential=its-own"], ["X-Amz-Date", "20200101T000000Z"],
        ],
        "body": body,
    });
    let secrets = [
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", KEY),
    ];
    let (path, mut headers) = signed(&request, &secrets, "&end=1").await;
    let expected =
        "/a%20path/AKIDEXAMPLE12345/?b=2&k=wJalrXUtnFEMI%2FK7MDENG%2BbPxRfiCYEXAMPLEKEY&a=%C3%BC&c";
    assert_eq!(path, expected);
    let signature = headers.remove("authorization").unwrap();
    for ours in ["accept-encoding", "phonebox-hop", "content-length"] {
        headers.remove(ours);
    }
    let described = json!({
        "host": headers["host"], "service": "sns", "region": "eu-central-1", "method": "POST", "path": path, "headers": headers,
        "body": body, "credentials": { "accessKeyId": KEY_ID, "secretAccessKey": KEY },
    });
    let expected = oracle(clients, "sign-aws.mjs", &described).await;
    assert_eq!(signature, expected, "{headers:#?}");
}

#[tokio::test]
async fn azure_would_accept_what_the_host_signs() {
    let Some(clients) = clients().await else {
        return;
    };
    let body = r#"{"from":"Acme","message":"Your code is 492016, grüße","end":1}"#;
    let url = format!("{AZURE}/sms?api-version=2026-01-23&b=%2B1&key={{{{AZURE_KEY}}}}");
    let request =
        json!({ "url": url, "headers": [["content-type", "application/json"]], "body": body });
    let key = "c2lnbiB3aXRoIHRoaXMga2V5IGFuZCBubyBvdGhlcg==";
    let (path, headers) = signed(&request, &[("AZURE_KEY", key)], "\"end\":1}").await;
    assert!(
        path.ends_with("&key=c2lnbiB3aXRoIHRoaXMga2V5IGFuZCBubyBvdGhlcg%3D%3D"),
        "{path}"
    );
    let described = json!({
        "key": key, "date": headers["x-ms-date"], "method": "POST", "url": format!("{AZURE}{path}"), "body": body
    });
    let expected = oracle(clients, "sign-azure.mjs", &described).await;
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&headers[name], value, "{name} of {headers:#?}");
    }
    assert_eq!(expected.as_object().unwrap().len(), 4, "{expected}");
}
