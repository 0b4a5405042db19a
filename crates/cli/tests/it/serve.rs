//! `phonebox serve`, as a platform meets it: over HTTP, and when it is killed.

mod cut;
mod faults;
mod logs;
mod manage;
mod modules;
mod openapi;
mod phone;
mod readback;
mod settings;
mod sweep;
mod tail;
mod tls;
mod tokens;
mod webhook;
mod wire;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use phonebox::Action;
use phonebox_test_guests::KANNEL_RUST;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::gate::{Gate, Mode};
use crate::gateway::{Alphabet, Gateway, PASSWORD, USERNAME};

pub(crate) const MANIFEST: &str =
    include_str!("../../../../examples/actions/kannel-rust/action.toml");
const NUMBER: &str = "+12065550100";

/// A folder of data, and the process that serves it, while there is one.
pub(crate) struct Server {
    pub(crate) folder: Arc<TempDir>,
    child: Option<Child>,
    /// What it is started with beside the usual.
    arguments: Vec<String>,
    pub(crate) url: String,
    pub(crate) key: String,
    /// For whom it asks.
    tenant: String,
    client: Client<HttpConnector, Full<bytes::Bytes>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Server {
    pub(crate) fn new(gateway: SocketAddr) -> Self {
        Self::with_hosts(gateway, &[])
    }

    /// That reaches these, too, as `http://NAME.example`.
    fn with_hosts(gateway: SocketAddr, hosts: &[(&str, SocketAddr)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut plain_http = vec!["http://kannel.example:13013".to_owned()];
        let mut resolve = format!("\"kannel.example\" = [\"{gateway}\"]\n");
        for (name, address) in hosts {
            plain_http.push(format!("http://{name}.example"));
            writeln!(resolve, "\"{name}.example\" = [\"{address}\"]").unwrap();
        }
        let config = format!(
            "[abuse]\nnumber = []\nnumber_overall = []\nblock = []\n\
             [egress]\nplain_http = {plain_http:?}\nreachable = [\"127.0.0.0/8\"]\n[egress.resolve]\n{resolve}"
        );
        std::fs::write(folder.path().join("phonebox.toml"), config).unwrap();
        Self {
            folder: Arc::new(folder),
            child: None,
            arguments: Vec::new(),
            url: String::new(),
            key: String::new(),
            tenant: "acme".to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The same one, asked for another tenant.
    fn beside(server: &Self, tenant: &str) -> Self {
        Self {
            folder: server.folder.clone(),
            child: None,
            arguments: Vec::new(),
            url: server.url.clone(),
            key: server.key.clone(),
            tenant: tenant.to_owned(),
            client: server.client.clone(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phonebox"));
        command
            .args(["--output", "json", "-vv", "--log", "json"])
            .args(["serve", "--config", "phonebox.toml"])
            .args(["--listen", "127.0.0.1:0"])
            .args(&self.arguments)
            .current_dir(self.folder.path())
            .env("PHONEBOX_HOME", self.folder.path().join("home"));
        command
    }

    pub(crate) fn start(&mut self) {
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let started: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("it did not start: {error}: {line:?}"));
        self.child = Some(child);
        started["url"].as_str().unwrap().clone_into(&mut self.url);
        let key = self.folder.path().join("phonebox-data/operator.key");
        std::fs::read_to_string(key)
            .unwrap()
            .trim()
            .clone_into(&mut self.key);
    }

    /// With SIGKILL: nothing is said and nothing is written any more.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// With SIGTERM: it ends what it is at.
    fn terminate(&self) {
        let id = self.child.as_ref().unwrap().id();
        let id = rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    }

    /// How it ended.
    fn ended(&mut self) -> ExitStatus {
        self.child.take().unwrap().wait().unwrap()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = body.to_string();
        self.try_ask(method, path, &[], body.into()).await.unwrap()
    }

    /// None where it went away meanwhile.
    async fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: bytes::Bytes,
    ) -> Option<Answer> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("phonebox-tenant", &self.tenant)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.request(request.body(Full::new(body)).unwrap());
        let response = response.await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?.to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let answer = Answer { status, body };
        openapi::expect(method, path, &answer);
        Some(answer)
    }

    /// What a GET answers that is not JSON.
    pub(crate) async fn text(&self, path: &str) -> String {
        let request = http::Request::get(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .body(Full::default());
        let response = self.client.request(request.unwrap()).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    /// Has the Kannel action deployed, with its secrets.
    pub(crate) async fn deploy(&self) {
        for (name, value) in [
            ("KANNEL_USERNAME", json!({ "value": USERNAME })),
            ("KANNEL_PASSWORD", json!({ "value": PASSWORD })),
            (
                "KANNEL_FROM",
                json!({ "value": "Acme", "mode": "revealed" }),
            ),
        ] {
            let path = format!("/v1/actions/kannel/secrets/{name}");
            let answer = self.ask("PUT", &path, value).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let action = Action::assemble(KANNEL_RUST.bytes, MANIFEST).unwrap();
        let component = action.component().to_vec().into();
        let answer = self.try_ask("POST", "/v1/actions", &[], component).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.body["name"], "kannel", "{answer:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

pub(crate) fn event(text: &str) -> Value {
    json!({ "event": { "notification": {
        "recipient": NUMBER, "code": "492016", "as_text": text, "delivery_method": "text",
    } } })
}

#[tokio::test]
async fn a_platform_sends_and_sees_what_became_of_it() {
    let Some(mut gateway) = Gateway::start().await else {
        return;
    };
    let mut server = Server::new(gateway.sendsms);
    server.start();
    assert_eq!(server.ask("GET", "/readyz", json!({})).await.status, 200);
    let answer = server
        .ask("POST", "/v1/notifications", event("too early"))
        .await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (409, &json!("no_action"))
    );
    server.deploy().await;

    let wait = [("prefer", "wait=30"), ("idempotency-key", "login-7")];
    let post = async |text: &str| {
        let body = event(text).to_string().into();
        let sent = server.try_ask("POST", "/v1/notifications", &wait, body);
        sent.await.unwrap()
    };
    let answer = post("Your Acme code is 492016").await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (200, &json!("sent")),
        "{answer:?}"
    );
    let sms = gateway.handset.receive(Alphabet::Gsm7).await;
    assert_eq!(sms.text, "Your Acme code is 492016");
    let id = answer.body["id"].as_str().unwrap();
    let again = post("Your Acme code is 492016").await;
    assert_eq!(
        (again.status, again.body["id"].as_str()),
        (200, Some(id)),
        "{again:?}"
    );
    let other = post("another").await;
    assert_eq!(other.body["code"], "idempotency_key_used", "{other:?}");

    let found = server
        .ask("GET", &format!("/v1/notifications/{id}"), json!({}))
        .await;
    let attempt = &found.body["attempts"][0];
    assert_eq!(attempt["report"]["outcome"]["kind"], "sent", "{found:?}");
    assert_eq!(
        attempt["report"]["exchanges"][0]["status"], 202,
        "{found:?}"
    );
    let list = server
        .ask("GET", "/v1/notifications?status=sent", json!({}))
        .await;
    assert_eq!(
        list.body["notifications"][0]["id"].as_str(),
        Some(id),
        "{list:?}"
    );
    let cancel = format!("/v1/notifications/{id}/cancel");
    assert_eq!(server.ask("POST", &cancel, json!({})).await.status, 409);
    for answer in [answer, again, found, list] {
        let said = answer.body.to_string();
        assert!(
            !said.contains("492016") && !said.contains("2065550100"),
            "{said}"
        );
    }

    let watcher = server
        .ask("POST", "/v1/keys", json!({ "scopes": ["metrics:read"] }))
        .await;
    let operator = server.key.clone();
    watcher.body["key"]
        .as_str()
        .unwrap()
        .clone_into(&mut server.key);
    let list = server.ask("GET", "/v1/notifications", json!({})).await;
    assert_eq!(list.status, 403, "{list:?}");
    let metrics = server.text("/metrics").await;
    for line in [
        "phonebox_notifications_accepted_total 1",
        "phonebox_notifications_repeated_total 1",
        "phonebox_attempts_total{outcome=\"sent\"} 1",
        "phonebox_notifications_settled_total{status=\"sent\"} 1",
        "phonebox_delivery_latency_seconds_count 1",
        "phonebox_notifications_unsettled{status=\"queued\"} 0",
        "# EOF",
    ] {
        assert!(
            metrics.lines().any(|told| told == line),
            "{line}: {metrics}"
        );
    }
    assert!(
        !metrics.contains("acme") && !metrics.contains("5550100"),
        "{metrics}"
    );
    server.key = operator;

    l06_nothing_is_told(&server);

    // A key of the tenant's is good for what it was made for, and for no other tenant.
    let wanted = json!({ "tenant": "acme", "scopes": ["notifications:send"] });
    let made = server.ask("POST", "/v1/keys", wanted).await;
    assert_eq!(made.status, 201, "{made:?}");
    let operator = std::mem::replace(
        &mut server.key,
        made.body["key"].as_str().unwrap().to_owned(),
    );
    let sent = server
        .ask("POST", "/v1/notifications", event("by the tenant"))
        .await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let list = server.ask("GET", "/v1/notifications", json!({})).await;
    assert_eq!(
        (list.status, &list.body["code"]),
        (403, &json!("scope_missing"))
    );
    let header = [("phonebox-tenant", "other")];
    let body = event("no").to_string().into();
    let other = server
        .try_ask("POST", "/v1/notifications", &header, body)
        .await;
    // Named twice, and then alone.
    assert_eq!(other.as_ref().unwrap().status, 422, "{other:?}");
    let foreign = json!({ "tenant": "other", "scopes": ["notifications:send"] });
    let own = std::mem::replace(&mut server.key, operator.clone());
    let foreign = server.ask("POST", "/v1/keys", foreign).await;
    server.key = foreign.body["key"].as_str().unwrap().to_owned();
    let other = server.ask("POST", "/v1/notifications", event("no")).await;
    assert_eq!(
        (other.status, &other.body["code"]),
        (403, &json!("another_tenant"))
    );
    server.key = own;
    server.key = operator;
    let key = format!("/v1/keys/{}", made.body["id"].as_str().unwrap());
    assert_eq!(server.ask("DELETE", &key, json!({})).await.status, 204);
    server.key = made.body["key"].as_str().unwrap().to_owned();
    let sent = server
        .ask("POST", "/v1/notifications", event("revoked"))
        .await;
    assert_eq!(sent.status, 401, "{sent:?}");
}

#[tokio::test]
async fn what_is_settled_can_be_sent_again_as_another_message() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let post = async |path: &str, headers: &[(&str, &str)], body: Value| {
        let sent = server.try_ask("POST", path, headers, body.to_string().into());
        sent.await.unwrap()
    };
    let wait = [("prefer", "wait=30")];
    let mut asked = event("once");
    asked["valid_seconds"] = json!(1);
    let first = post("/v1/notifications", &wait, asked).await;
    assert_eq!(first.body["status"], "sent", "{first:?}");
    let replay = format!(
        "/v1/notifications/{}/replay",
        first.body["id"].as_str().unwrap()
    );
    let key = [("prefer", "wait=30"), ("idempotency-key", "again-1")];
    let again = post(&replay, &key, json!({ "valid_seconds": 1 })).await;
    assert_eq!(
        (again.status, &again.body["status"]),
        (200, &json!("sent")),
        "{again:?}"
    );
    assert_eq!(again.body["replay_of"], first.body["id"], "{again:?}");
    assert_ne!(again.body["id"], first.body["id"], "{again:?}");
    assert_eq!(gate.wait_for(2).await, ["once", "once"]);

    // What it says expires, and is erased then. What was asked for before is still known.
    loop {
        let answer = server
            .try_ask("POST", &replay, &[], bytes::Bytes::new())
            .await;
        let answer = answer.unwrap();
        match (answer.status, answer.body["code"].as_str()) {
            (202, _) | (409, Some("expired")) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            (410, Some("erased")) => break,
            _ => panic!("{answer:?}"),
        }
    }
    let same = post(&replay, &key, json!({})).await;
    assert_eq!(
        (same.status, &same.body["id"]),
        (200, &again.body["id"]),
        "{same:?}"
    );
    let other = post("/v1/notifications", &key, event("once")).await;
    assert_eq!(other.body["code"], "idempotency_key_used", "{other:?}");

    gate.set(Mode::Busy);
    let waits = post("/v1/notifications", &[], event("later")).await;
    let path = format!("/v1/notifications/{}", waits.body["id"].as_str().unwrap());
    let early = post(&format!("{path}/replay"), &[], json!({})).await;
    assert_eq!(
        (early.status, &early.body["code"]),
        (409, &json!("not_settled")),
        "{early:?}"
    );
    let unknown = "/v1/notifications/ntf_0190163d8694739b8b9c01a2b3c4d5e6/replay";
    let unknown = post(unknown, &[], json!({})).await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
}

#[tokio::test]
async fn what_a_provider_says_later_is_shown() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let wait = [("prefer", "wait=30")];
    let body = event("once").to_string().into();
    let sent = server
        .try_ask("POST", "/v1/notifications", &wait, body)
        .await;
    let path = format!(
        "/v1/notifications/{}",
        sent.unwrap().body["id"].as_str().unwrap()
    );
    let receipt = format!("{path}/receipt");
    let report = json!({
        "status": "undelivered", "provider_status": "undelivered", "error_code": "30008", "at": "2026-05-01T12:00:00Z",
    });
    for report in [json!({ "status": "pending" }), report.clone(), report] {
        let answer = server.ask("POST", &receipt, report).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let found = server.ask("GET", &path, json!({})).await;
    assert_eq!(found.body["status"], "sent", "{found:?}");
    let receipts = found.body["receipts"].as_array().unwrap();
    assert_eq!(receipts.len(), 2, "{found:?}");
    assert_eq!(receipts[1]["error_code"], "30008", "{found:?}");
    assert_eq!(receipts[1]["at"], "2026-05-01T12:00:00Z", "{found:?}");

    for (report, status) in [
        (json!({ "status": "read" }), 422),
        (json!({ "status": "delivered", "to": NUMBER }), 422),
        (
            json!({ "status": "delivered", "error_code": "x".repeat(65) }),
            422,
        ),
        (json!({ "status": "delivered", "error_code": "a\nb" }), 422),
        (
            json!({ "status": "delivered", "at": "1960-01-01T00:00:00Z" }),
            422,
        ),
    ] {
        let answer = server.ask("POST", &receipt, report.clone()).await;
        assert_eq!(answer.status, status, "{report}: {answer:?}");
        assert!(!answer.body.to_string().contains(NUMBER), "{answer:?}");
    }
    gate.set(Mode::Busy);
    let waits = server
        .ask("POST", "/v1/notifications", event("later"))
        .await;
    let waits = waits.body["id"].as_str().unwrap();
    loop {
        let report = json!({ "status": "delivered" });
        let path = format!("/v1/notifications/{waits}/receipt");
        let answer = server.ask("POST", &path, report).await;
        if answer.status != 200 {
            assert_eq!(answer.body["code"], "not_sent", "{answer:?}");
            break;
        }
        // While its attempt is under way, the provider may know more than phonebox.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn s07_what_makes_no_sense_is_refused_and_not_repeated() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    for value in ["", "a\r\nX: y", "a\0b", &"x".repeat(4097)] {
        let path = "/v1/actions/kannel/secrets/KANNEL_FROM";
        let answer = server.ask("PUT", path, json!({ "value": value })).await;
        assert_eq!(answer.status, 422, "{value:?}: {answer:?}");
    }
    for (path, body, status) in [
        (
            "/v1/actions/kannel/secrets/lower",
            json!({ "value": "x" }),
            422,
        ),
        (
            "/v1/actions/kannel/secrets/TOKEN",
            json!({ "valeu": "hunter22" }),
            422,
        ),
        ("/v1/actions/kannel/deployed", json!({ "version": 7 }), 404),
        (
            "/v1/actions/kannel/deployed",
            json!({ "version": "hunter22" }),
            422,
        ),
    ] {
        let answer = server.ask("PUT", path, body).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!answer.body.to_string().contains("hunter22"), "{answer:?}");
    }
    let sent = server
        .ask("POST", "/v1/notifications", event("it goes on"))
        .await;
    assert_eq!(sent.status, 202, "{sent:?}");
    assert_eq!(gate.wait_for(1).await, ["it goes on"]);
}

/// All that there is to be read of it, without a key: its log, which it was asked to write at length, and its files.
fn l06_nothing_is_told(server: &Server) {
    let log = std::fs::read(server.folder.path().join("log")).unwrap();
    assert!(
        log.windows(15).any(|window| window == b"egress.decision"),
        "there is no log"
    );
    let mut all = vec![("the log".to_owned(), log)];
    for file in std::fs::read_dir(server.folder.path().join("phonebox-data")).unwrap() {
        let path = file.unwrap().path();
        all.push((path.display().to_string(), std::fs::read(path).unwrap()));
    }
    for line in ["a notification is settled", "a request was refused"] {
        let mut windows = all[0].1.windows(line.len());
        assert!(windows.any(|window| window == line.as_bytes()), "{line}");
    }
    let canaries = [
        "492016",
        "2065550100",
        "206 555 0100",
        "Your Acme code",
        PASSWORD,
    ];
    expect_none_of(&canaries, &all);
}

/// Fails if one of these is in a text, in any spelling.
fn expect_none_of(canaries: &[&str], texts: &[(String, Vec<u8>)]) {
    let spellings: Vec<_> = canaries
        .iter()
        .flat_map(|canary| spellings(canary))
        .collect();
    for (name, text) in texts {
        let text = String::from_utf8_lossy(text);
        for spelling in &spellings {
            if let Some(at) = text.find(spelling) {
                let around = text.floor_char_boundary(at.saturating_sub(200))
                    ..text.ceil_char_boundary(at + 200);
                panic!("{spelling} is in {name}: … {} …", &text[around]);
            }
        }
    }
}

/// A value as it is, in hexadecimal, percent-encoded wholly and where it has to be, escaped as JSON and as Rust have it, as a
/// list of bytes, and in both kinds of base64 wherever in a longer text it stands.
fn spellings(value: &str) -> Vec<String> {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    let each = |format: fn(u8) -> String| value.bytes().map(format).collect::<String>();
    let list: Vec<_> = value.bytes().map(|byte| byte.to_string()).collect();
    let json = serde_json::to_string(value).unwrap();
    let needed: String = utf8_percent_encode(value, NON_ALPHANUMERIC).collect();
    let mut spellings = vec![
        value.to_owned(),
        json.trim_matches('"').to_owned(),
        needed.replace("%20", "+"),
        needed,
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| format!("%{byte:02X}")),
        each(|byte| format!("\\u{byte:04x}")),
        each(|byte| format!("\\x{byte:02x}")),
        list.join(","),
        list.join(", "),
    ];
    for engine in [STANDARD, URL_SAFE] {
        for before in 0..3 {
            let text = engine.encode([&[b' '; 2][..before], value.as_bytes()].concat());
            let (skipped, whole) = ([0, 2, 3][before], (before + value.len()) * 8 / 6);
            spellings.push(text[skipped..whole].to_owned());
        }
    }
    spellings
}

/// How often the server is killed: `PHONEBOX_TEST_KILLS=200` for a longer run.
#[expect(clippy::disallowed_methods, reason = "a test reads what it is to do")]
fn kills() -> usize {
    let asked = std::env::var("PHONEBOX_TEST_KILLS").ok();
    asked.map_or(40, |asked| {
        asked.parse().expect("PHONEBOX_TEST_KILLS is a number")
    })
}

/// The server is killed at random moments under load. What it accepted arrives; again only what was under way at a kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_arrives_though_it_is_killed_again_and_again() {
    let kills = kills();
    let Some(mut gateway) = Gateway::start().await else {
        return;
    };
    let mut server = Server::new(gateway.sendsms);
    server.start();
    server.deploy().await;

    // By text, with their ids.
    let accepted = Arc::new(Mutex::new(HashMap::<String, String>::new()));
    let mut number = 0;
    for _ in 0..kills {
        let going = Arc::new(AtomicBool::new(true));
        let mut sending = Vec::new();
        for _ in 0..4 {
            number += 1;
            let (server_url, key, client) = (
                server.url.clone(),
                server.key.clone(),
                server.client.clone(),
            );
            let (going, accepted) = (going.clone(), accepted.clone());
            let first = number;
            sending.push(tokio::spawn(async move {
                let mut each = 0;
                while going.load(Ordering::SeqCst) {
                    each += 1;
                    let text = format!("message {first}.{each}.");
                    let request = http::Request::post(format!("{server_url}/v1/notifications"))
                        .header("authorization", format!("Bearer {key}"))
                        .header("phonebox-tenant", "acme")
                        .header("content-type", "application/json")
                        .body(Full::new(bytes::Bytes::from(event(&text).to_string())))
                        .unwrap();
                    let Ok(response) = client.request(request).await else {
                        return;
                    };
                    assert_eq!(response.status(), 202, "{text}");
                    let Ok(body) = response.into_body().collect().await else {
                        return;
                    };
                    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap();
                    let id = body["id"].as_str().unwrap().to_owned();
                    accepted.lock().unwrap().insert(text, id);
                }
            }));
        }
        let enough = accepted.lock().unwrap().len() + 1 + rand::random_range(0..40);
        while accepted.lock().unwrap().len() < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        going.store(false, Ordering::SeqCst);
        for task in sending {
            task.await.unwrap();
        }
        server.start();
    }

    let accepted = accepted.lock().unwrap().clone();
    // All of them are settled as sent.
    for (text, id) in &accepted {
        loop {
            let found = server
                .ask("GET", &format!("/v1/notifications/{id}"), json!({}))
                .await;
            match found.body["status"].as_str() {
                Some("sent") => break,
                Some("queued" | "leased") => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => panic!("{text} was accepted and is lost: {found:?}"),
            }
        }
    }
    let mut arrived = HashMap::<String, usize>::new();
    while accepted.keys().any(|text| !arrived.contains_key(text)) {
        let sms = gateway.handset.receive(Alphabet::Gsm7).await;
        *arrived.entry(sms.text).or_default() += 1;
    }
    // As often as it was tried, and not more: twice came only what was at the gateway when its server was killed.
    let mut again = 0;
    for (text, id) in &accepted {
        let found = server
            .ask("GET", &format!("/v1/notifications/{id}"), json!({}))
            .await;
        let tried = found.body["attempts_begun"].as_u64().unwrap();
        assert!(
            arrived[text] as u64 <= tried,
            "{text} arrived {} times: {found:?}",
            arrived[text]
        );
        again += usize::from(arrived[text] > 1);
    }
    let unheard = arrived.len() - accepted.len();
    println!(
        "{} accepted, and {unheard} of which that was not heard; {kills} kills; {again} arrived again",
        accepted.len()
    );
}
