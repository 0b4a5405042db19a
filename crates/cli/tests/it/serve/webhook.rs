//! A platform is told what becomes of its notifications, wherever phonebox dies meanwhile.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;

use super::{NUMBER, Server, event};
use crate::gate::{Gate, Mode};
use crate::inbox::oracles;

/// What a platform listens with.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    /// With which status it answers; none: not at all until there is one.
    answer: watch::Sender<Option<u16>>,
    came: Arc<Mutex<Vec<Came>>>,
}

#[derive(Clone, Debug)]
pub(super) struct Came {
    headers: HashMap<String, String>,
    body: String,
}

impl Receiver {
    pub(super) async fn open(answer: Option<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = watch::Sender::new(answer);
        let came = Arc::<Mutex<Vec<Came>>>::default();
        let (answers, all) = (answer.clone(), came.clone());
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer_all(connection, answers.subscribe(), all.clone()));
            }
        });
        Self {
            address,
            answer,
            came,
        }
    }

    fn answer(&self, status: Option<u16>) {
        self.answer.send_replace(status);
    }

    fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    pub(super) async fn wait_for(&self, wanted: impl Fn(&[Came]) -> bool) -> Vec<Came> {
        for _ in 0..6000 {
            let came = self.came();
            if wanted(&came) {
                return came;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("only this came: {:#?}", self.came());
    }
}

async fn answer_all(
    mut connection: TcpStream,
    mut answers: watch::Receiver<Option<u16>>,
    all: Arc<Mutex<Vec<Came>>>,
) {
    let mut seen = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&seen).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lines = head
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(": "));
            let headers: HashMap<_, _> = lines
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers["content-length"].parse().unwrap();
            if body.len() >= length {
                let body = body.to_owned();
                all.lock().unwrap().push(Came { headers, body });
                let Ok(answer) = answers
                    .wait_for(Option::is_some)
                    .await
                    .map(|answer| *answer)
                else {
                    return;
                };
                let answer = format!(
                    "HTTP/1.1 {} Said\r\ncontent-length: 0\r\n\r\n",
                    answer.unwrap()
                );
                if connection.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
                seen.clear();
                continue;
            }
        }
        if !connection
            .read_buf(&mut seen)
            .await
            .is_ok_and(|read| read > 0)
        {
            return;
        }
    }
}

impl Came {
    fn body(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// What the library of Standard Webhooks says of it.
    async fn verified(&self, secret: &str) -> Result<Value, String> {
        let Some(clients) = oracles::clients().await else {
            return Ok(self.body());
        };
        let asked = json!({ "secret": secret, "headers": self.headers, "body": self.body });
        let node = Command::new("node")
            .arg(clients.join("verify-webhook.mjs"))
            .arg(asked.to_string())
            .output();
        let said = node.await.unwrap();
        if said.status.success() {
            return Ok(serde_json::from_slice(&said.stdout).unwrap());
        }
        Err(String::from_utf8_lossy(&said.stderr).into_owned())
    }
}

async fn put(server: &Server, host: &str) -> String {
    let wanted = json!({ "url": format!("http://{host}.example/hook-7c1d") });
    let answer = server.ask("PUT", "/v1/webhook", wanted).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["secret"].as_str().unwrap().to_owned()
}

async fn send(server: &Server, text: &str) -> String {
    let sent = server.ask("POST", "/v1/notifications", event(text)).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    sent.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_platform_is_told_and_can_check_who_says_so() {
    let gate = Gate::open(Mode::Accept).await;
    let receiver = Receiver::open(Some(500)).await;
    let mut server = Server::with_hosts(gate.address, &[("hooks", receiver.address)]);
    server.start();
    server.deploy().await;
    assert_eq!(
        server.ask("GET", "/v1/webhook", json!({})).await.status,
        404
    );
    let secret = put(&server, "hooks").await;

    // It is told again, under the same id, of what it did not take.
    let id = send(&server, "once").await;
    receiver.wait_for(|came| !came.is_empty()).await;
    let seen = async |wanted: &dyn Fn(&Value) -> bool| loop {
        let shown = server.ask("GET", "/v1/webhook", json!({})).await.body;
        assert!(shown["secret"].is_null(), "{shown}");
        if wanted(&shown) {
            return shown;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let shown = seen(&|shown| !shown["failing_since"].is_null()).await;
    assert_eq!(
        (&shown["failure"], &shown["waiting"]),
        (&json!("status-500"), &json!(1))
    );
    receiver.answer(Some(204));
    let came = receiver.wait_for(|came| came.len() == 2).await;
    assert_eq!(came[0].id(), came[1].id());
    assert_eq!(came[0].body, came[1].body);
    seen(&|shown| shown["failing_since"].is_null() && shown["waiting"] == 0).await;

    let told = came[1].verified(&secret).await.unwrap();
    assert_eq!(told["type"], "notification.settled", "{told}");
    let data = &told["data"];
    assert_eq!(
        (&data["id"], &data["status"], &data["tenant"]),
        (&json!(id), &json!("sent"), &json!("acme")),
        "{told}"
    );
    let found = server
        .ask("GET", &format!("/v1/notifications/{id}"), json!({}))
        .await;
    for time in ["accepted_at", "settled_at", "expires_at"] {
        assert_eq!(data[time], found.body[time], "{told}: {found:?}");
    }

    // Another secret is none; for a day, the one before is one still.
    let mut stranger = secret.clone().into_bytes();
    stranger[10] = if stranger[10] == b'A' { b'B' } else { b'A' };
    let stranger = String::from_utf8(stranger).unwrap();
    if oracles::clients().await.is_some() {
        let refused = came[1].verified(&stranger).await.unwrap_err();
        assert!(refused.contains("No matching signature"), "{refused}");
    }
    let later = put(&server, "hooks").await;
    assert_ne!(later, secret);
    let report = json!({ "status": "undelivered", "error_code": "30008" });
    let path = format!("/v1/notifications/{id}/receipt");
    let answer = server.ask("POST", &path, report).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let came = receiver.wait_for(|came| came.len() == 3).await;
    for secret in [&secret, &later] {
        let told = came[2].verified(secret).await.unwrap();
        assert_eq!(told["type"], "notification.receipt", "{told}");
        let receipt = &told["data"]["receipt"];
        assert_eq!(
            (&receipt["number"], &receipt["error_code"]),
            (&json!(1), &json!("30008")),
            "{told}"
        );
    }
    assert_ne!(came[2].id(), came[1].id());
    for came in came {
        let all = format!("{came:?}");
        let hidden = ["492016", &NUMBER[1..], "once"];
        assert!(!hidden.iter().any(|hidden| all.contains(hidden)), "{all}");
    }

    assert_eq!(
        server.ask("DELETE", "/v1/webhook", json!({})).await.status,
        204
    );
    assert_eq!(
        server.ask("DELETE", "/v1/webhook", json!({})).await.status,
        404
    );
    let all = std::fs::read(server.folder.path().join("log")).unwrap();
    let log = String::from_utf8_lossy(&all);
    assert!(!log.contains("7c1d") && !log.contains(&secret), "{log}");
}

#[tokio::test]
async fn an_address_that_nobody_may_reach_is_refused() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    for (url, status) in [
        ("http://example.com/hook", 403),
        ("https://127.0.0.1/hook", 422),
        ("https://metadata.google.internal/", 422),
        ("https://localhost/hook", 422),
        ("https://user:secret@example.com/", 422),
        ("ftp://example.com/", 422),
        ("https://example.com:25/", 422),
        ("https://example.com/a/../b", 403),
        ("example.com", 422),
        ("", 422),
    ] {
        let answer = server
            .ask("PUT", "/v1/webhook", json!({ "url": url }))
            .await;
        assert_eq!(answer.status, status, "{url}: {answer:?}");
        assert!(answer.body["hint"].is_string(), "{url}: {answer:?}");
    }
    for events in [json!([]), json!(["notification.opened"])] {
        let wanted = json!({ "url": "https://example.com/", "events": events });
        let answer = server.ask("PUT", "/v1/webhook", wanted).await;
        assert_eq!(answer.status, 422, "{answer:?}");
    }
    assert_eq!(
        server.ask("GET", "/v1/webhook", json!({})).await.status,
        404
    );
}

#[tokio::test]
async fn what_a_name_leads_to_is_vetted_too() {
    let gate = Gate::open(Mode::Accept).await;
    // Not within what the operator declared reachable.
    let inside: SocketAddr = "10.1.2.3:80".parse().unwrap();
    let mut server = Server::with_hosts(gate.address, &[("inside", inside)]);
    server.start();
    server.deploy().await;
    put(&server, "inside").await;
    send(&server, "once").await;
    loop {
        let shown = server.ask("GET", "/v1/webhook", json!({})).await.body;
        if !shown["failure"].is_null() {
            assert_eq!(shown["failure"], "destination-ip-prohibited", "{shown}");
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One tenant's receiver takes messages and never answers, and so does another's; the third's is told at once.
#[tokio::test]
async fn no_webhook_waits_for_another() {
    let gate = Gate::open(Mode::Accept).await;
    let (hangs, answers) = (Receiver::open(None).await, Receiver::open(Some(200)).await);
    let hosts = [("hangs", hangs.address), ("answers", answers.address)];
    let mut server = Server::with_hosts(gate.address, &hosts);
    server.start();
    let other = Server::beside(&server, "other");
    for server in [&server, &other] {
        server.deploy().await;
    }
    put(&server, "hangs").await;
    put(&other, "answers").await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(send(&server, &number.to_string()).await);
    }
    // So many at once and no more.
    hangs.wait_for(|came| came.len() >= 8).await;
    let id = send(&other, "once").await;
    let came = answers.wait_for(|came| !came.is_empty()).await;
    assert_eq!(came[0].body()["data"]["id"], json!(id));
    assert_eq!(hangs.came().len(), 8);
    // Deliveries do not wait either.
    gate.wait_for(21).await;
}

/// Killed whenever: each settled notification is told at least once, under one id.
#[tokio::test]
async fn what_was_settled_is_told_though_the_process_dies() {
    let gate = Gate::open(Mode::Accept).await;
    let receiver = Receiver::open(None).await;
    let mut server = Server::with_hosts(gate.address, &[("hooks", receiver.address)]);
    server.start();
    server.deploy().await;
    put(&server, "hooks").await;
    let mut ids = Vec::new();
    for number in 0..12 {
        ids.push(send(&server, &number.to_string()).await);
    }
    receiver.wait_for(|came| !came.is_empty()).await;
    server.kill();
    receiver.answer(Some(200));
    server.start();
    let came = receiver
        .wait_for(|came| {
            let told = |id: &String| came.iter().any(|came| came.body()["data"]["id"] == **id);
            ids.iter().all(told)
        })
        .await;
    let mut under = HashMap::new();
    for came in &came {
        let id = came.body()["data"]["id"].as_str().unwrap().to_owned();
        let first = under.entry(id).or_insert_with(|| came.id().to_owned());
        assert_eq!(first, came.id(), "{came:?}");
    }
    assert_eq!(under.len(), 12, "{under:?}");
}
