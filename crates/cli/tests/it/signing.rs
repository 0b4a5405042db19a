//! What the host signs is what its provider would accept: held against a signer that nobody here wrote.

use std::sync::Arc;

use phonebox::egress::{Egress, Origin};
use phonebox::{Action, Event, NotificationId, Outcome, Phonebox};
use phonebox_test_guests::PROBE;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::inbox::oracles::clients;

const MANIFEST: &str = r#"
name = "sns"
trigger = "custom-phone-provider"

[[egress]]
origin = "http://sns.example:8000"
auth = { type = "sigv4", access_key_id = "{AWS_ACCESS_KEY_ID}", secret_access_key = "{AWS_SECRET_ACCESS_KEY}", session_token = "{AWS_SESSION_TOKEN}", region = "eu-central-1", service = "sns" }

[secrets.AWS_ACCESS_KEY_ID]
[secrets.AWS_SECRET_ACCESS_KEY]
[secrets.AWS_SESSION_TOKEN]
"#;
const KEY_ID: &str = "AKIDEXAMPLE12345";
const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "a-session's/token+==";

/// Answers one request, and gives it.
async fn answer_one(listener: TcpListener) -> String {
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("&end=1") {
        assert_ne!(connection.read_buf(&mut seen).await.unwrap(), 0);
    }
    connection
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .await
        .unwrap();
    String::from_utf8(seen).unwrap()
}

#[tokio::test]
async fn aws_would_accept_what_the_host_signs() {
    let Some(clients) = clients().await else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let egress = Egress::builder()
        .dangerous_plain_http(Origin::parse("http://sns.example:8000").unwrap())
        .resolve("sns.example", vec![listener.local_addr().unwrap()])
        .reachable("127.0.0.0/8".parse().unwrap())
        .build()
        .unwrap();
    let phonebox = Phonebox::builder().egress(egress).build().unwrap();
    let action = Action::assemble(PROBE.bytes, MANIFEST).unwrap();
    let secrets = [
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", KEY),
        ("AWS_SESSION_TOKEN", SESSION),
    ];
    let deployment = phonebox
        .deploy("acme", &action, secrets.into_iter().collect())
        .unwrap();
    // A signature of the action's own is replaced: libraries that insist on signing need no change.
    let body = "Action=Publish&PhoneNumber=%2B12065550100&Message=a%20b+c%7E%2A&end=1";
    let request = json!({
        "url": "http://sns.example:8000/a%20path/?b=2&a=%C3%BC&c",
        "headers": [
            ["content-type", "application/x-www-form-urlencoded; charset=utf-8"], ["x-amz-target", "a  b"],
            ["Authorization", "AWS4-HMAC-SHA256 Credential=its-own"], ["X-Amz-Date", "20200101T000000Z"],
        ],
        "body": body,
    });
    let text = format!("http {request}\nsent sns m1");
    let event = json!({ "notification": { "recipient": "+12065550100", "code": "492016", "as_text": text } });
    let event = Arc::new(Event::from_json(&event.to_string()).unwrap());
    let attempt = deployment.attempt(event, NotificationId::new(), 1);
    let (report, wire) = tokio::join!(attempt, answer_one(listener));
    assert!(
        matches!(report.result, Ok(Outcome::Sent { .. })),
        "{report:#?}"
    );

    let (head, sent) = wire.split_once("\r\n\r\n").unwrap();
    assert_eq!(sent, body);
    let mut headers = serde_json::Map::new();
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        let twice = headers.insert(name.to_owned(), value.into());
        assert!(twice.is_none(), "{head}");
    }
    assert_eq!(headers["x-amz-security-token"], SESSION, "{head}");
    let signature = headers.remove("authorization").unwrap();
    for ours in ["accept-encoding", "phonebox-hop", "content-length"] {
        headers.remove(ours);
    }
    let path = head.split(' ').nth(1).unwrap();
    let described = json!({
        "host": "sns.example:8000", "service": "sns", "region": "eu-central-1", "method": "POST", "path": path, "headers": headers,
        "body": body,
        "credentials": { "accessKeyId": KEY_ID, "secretAccessKey": KEY, "sessionToken": SESSION },
    });
    let output = Command::new("node")
        .arg(clients.join("sign-aws.mjs"))
        .arg(described.to_string())
        .output()
        .await
        .unwrap();
    let expected: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{output:?}"));
    assert_eq!(signature, expected, "{head}");
    assert!(!format!("{report:?}").contains(KEY), "{report:#?}");
}
