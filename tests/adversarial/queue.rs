//! Q: what is done to a queue by those who ask it, by a provider, and by whoever pulls the plug. Against `phonebox serve`, and a
//! provider whose answers an attack decides.
//!
//! Q12, a clock that jumps, is in `crates/phonebox/tests/it/deliveries.rs`: the machine's clock is not a test's to set, and a
//! process reads it once. So is Q06 with ten thousand.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use phonebox::Action;
use phonebox_test_guests::KANNEL_RUST;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::area::{Row, caught};
use crate::canary::{CODE, NUMBER};
use crate::gate::{Gate, Mode};

const MANIFEST: &str = include_str!("../../examples/actions/kannel-rust/action.toml");

pub(crate) async fn attack(filter: &[String]) -> Vec<Row> {
    let rows = Rows {
        filter,
        rows: RefCell::default(),
    };

    rows.case(
        "Q01",
        "the same request 50 times at once, after a kill, and another one",
        async || {
            let (gate, mut server) = loose(Mode::Accept).await;
            server.deploy("acme").await;
            let key = [("idempotency-key", "login-7")];
            let one = || server.send_with("acme", "one", &key);
            let all = futures_util::future::join_all((0..50).map(|_| one())).await;
            let mut ids: HashSet<String> = all.iter().map(id).collect();
            gate.wait_for(1).await;
            server.restart();
            ids.insert(id(&server.send_with("acme", "one", &key).await));
            assert_eq!(ids.len(), 1, "{ids:?}");
            let other = server.send_with("acme", "two", &key).await;
            assert_eq!(refusal(&other), (409, "idempotency_key_used"), "{other:?}");
            let texts: HashSet<_> = gate.texts().into_iter().collect();
            assert_eq!(texts, HashSet::from(["one".to_owned()]));
            "one id; another body under its key is refused".to_owned()
        },
    )
    .await;

    rows.case(
        "Q02",
        "a kill between the provider's yes and the end",
        async || {
            let (gate, mut server) = loose(Mode::Hold).await;
            server.deploy("acme").await;
            let sent = id(&server.send("acme", "one").await);
            gate.wait_for(1).await;
            server.restart();
            gate.set(Mode::Accept);
            let found = server.settled("acme", &sent).await;
            assert_eq!(found["status"], "sent", "{found}");
            assert_eq!(found["attempts_begun"], 2, "{found}");
            assert_eq!(gate.texts(), ["one", "one"]);
            "the same notification, tried once more".to_owned()
        },
    )
    .await;

    rows.case("Q04", "a busy provider with Retry-After 0, 10^9, -5, a date in the past, a list", async || {
        let mut told = Vec::new();
        for (what, answer) in [
            ("0", "HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"),
            ("10^9", "HTTP/1.1 429 Busy\r\nretry-after: 1000000000\r\ncontent-length: 0\r\n\r\n"),
            ("-5", "HTTP/1.1 503 Busy\r\nretry-after: -5\r\ncontent-length: 0\r\n\r\n"),
            (
                "a date",
                "HTTP/1.1 503 Busy\r\nretry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\ncontent-length: 0\r\n\r\n",
            ),
            ("a list", "HTTP/1.1 503 Busy\r\nretry-after: 1, 2\r\ncontent-length: 0\r\n\r\n"),
        ] {
            let (gate, server) = loose(Mode::Say(answer)).await;
            server.deploy("acme").await;
            let sent = id(&server.send("acme", "one").await);
            let tried = |found: &Value| found["status"] != "leased";
            let found = server.eventually("acme", &sent, tried).await;
            if what == "10^9" {
                // Longer than the code is valid: there is nothing to wait for.
                assert_eq!(found["status"], "expired", "{found}");
            } else {
                assert_eq!(found["status"], "queued", "{what}: {found}");
                // Nobody asks at once, and nobody more than six times.
                let began = Instant::now();
                gate.wait_for(2).await;
                assert!(began.elapsed() > Duration::from_millis(500), "{what}");
            }
            told.push(what);
        }
        format!("{}: each waits its step, or is not tried again", told.join("; "))
    })
    .await;

    rows.case(
        "Q06",
        "1,000 of one tenant to a provider that hangs, and one of another",
        async || {
            let (gate, server) = loose(Mode::Hold).await;
            for tenant in ["loud", "quiet"] {
                server.deploy(tenant).await;
            }
            let loud = (0..1000).map(|_| server.send("loud", "loud"));
            for sent in futures_util::future::join_all(loud).await {
                id(&sent);
            }
            let before = gate.wait_for(20).await.len();
            id(&server.send("quiet", "quiet").await);
            let texts = gate.wait_for(before + 1).await;
            assert_eq!(texts.iter().filter(|text| **text == "quiet").count(), 1);
            format!("it is at the provider while {before} of the other's are, and 980 wait")
        },
    )
    .await;

    rows.case("Q07", "numbers that are none", async || {
        let (gate, server) = loose(Mode::Accept).await;
        server.deploy("acme").await;
        let numbers = [
            "",
            "+0",
            "+1234567890123456",
            "+dwPAA;phone-context=AA",
            "+\u{0664}\u{0661}791234567",
            "\u{202e}+14155550100",
            "+1415555\r\n0100",
            "tel:+14155550100",
            "+14155550100;ext=5",
            "12345",
        ];
        for number in numbers {
            let refused = server.send_to("acme", number, "text").await;
            assert_eq!(refused.0, 422, "{number:?}: {refused:?}");
            let said = refused.1.to_string();
            assert!(number.len() < 3 || !said.contains(number), "{said}");
        }
        id(&server.send("acme", "it goes on").await);
        assert_eq!(gate.wait_for(1).await, ["it goes on"]);
        format!("{} refused, none repeated", numbers.len())
    })
    .await;

    rows.case(
        "Q08",
        "200 numbers in a row, 200 side by side, a new country, a premium number",
        async || {
            let (gate, server) = strict(
                "countries = [\"+1\", \"+41\"]\n[abuse.tenants.german]\ncountries = [\"+49\"]\n",
            )
            .await;
            for tenant in ["acme", "gappy", "german"] {
                server.deploy(tenant).await;
            }
            let mut accepted = Vec::new();
            for (tenant, step) in [("acme", 1), ("gappy", 5)] {
                let mut refused = HashSet::new();
                let before = accepted.len();
                for last in 0..200 {
                    let number = format!("+4179123{:04}", 1000 + last * step % 1000);
                    let answer = server.send_to(tenant, &number, "text").await;
                    if answer.0 == 202 {
                        accepted.push(number);
                        continue;
                    }
                    let said = answer.1.to_string();
                    assert!(!said.contains("600") && !said.contains(&number), "{said}");
                    refused.insert(answer.1["code"].as_str().unwrap().to_owned());
                }
                let expected = if step == 1 {
                    "number_sequence"
                } else {
                    "number_block_limit"
                };
                assert!(refused.contains(expected), "{refused:?}");
                assert!(accepted.len() - before <= 5, "{accepted:?}");
            }
            for (tenant, number, expected) in [
                ("acme", "+4915112345678", (403, "country_not_allowed")),
                ("acme", "+99912345678", (403, "country_unknown")),
                ("acme", "+19005550100", (403, "number_not_allowed")),
                ("german", "+41791234567", (403, "country_not_allowed")),
                ("german", "+4915112345678", (202, "")),
            ] {
                let answer = server.send_to(tenant, number, "text").await;
                assert_eq!(refusal(&answer), expected, "{number}: {answer:?}");
            }
            gate.wait_for(accepted.len() + 1).await;
            let metrics = server.text("/metrics").await;
            for reason in [
                "number_sequence",
                "number_block_limit",
                "country_not_allowed",
            ] {
                assert!(
                    metrics.contains(&format!("reason=\"{reason}\"")),
                    "{metrics}"
                );
            }
            assert!(!metrics.contains("79123"), "{metrics}");
            format!(
                "{} of 400 accepted; countries and premium numbers refused, each by name",
                accepted.len()
            )
        },
    )
    .await;

    rows.case("Q10", "one number, of 25 tenants, and called", async || {
        let (gate, server) = strict("block = []\n").await;
        let mut answers = Vec::new();
        for number in 0..25 {
            let tenant = format!("tenant-{number}");
            server.deploy(&tenant).await;
            answers.push(server.send_to(&tenant, NUMBER, "text").await);
        }
        let accepted = answers.iter().filter(|answer| answer.0 == 202).count();
        assert_eq!(accepted, 20, "{answers:?}");
        let last = answers.last().unwrap();
        assert_eq!(refusal(last), (429, "number_limit"), "{last:?}");
        let again = server.send_to("tenant-0", NUMBER, "text").await;
        assert_eq!(refusal(&again), (429, "number_limit"), "{again:?}");
        let mut calls = Vec::new();
        for number in 0..4 {
            calls.push(
                server
                    .send_to(&format!("tenant-{number}"), "+14155550199", "voice")
                    .await,
            );
        }
        assert_eq!(refusal(&calls[3]), (429, "voice_limit"), "{calls:?}");
        assert_eq!(gate.wait_for(20).await.len(), 20);
        "20 in a day over all tenants, and three calls".to_owned()
    })
    .await;

    rows.rows.into_inner()
}

type Answer = (u16, Value);

/// The id of what was accepted.
fn id(answer: &Answer) -> String {
    assert!(matches!(answer.0, 200 | 202), "{answer:?}");
    answer.1["id"].as_str().unwrap().to_owned()
}

fn refusal(answer: &Answer) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

struct Rows<'a> {
    filter: &'a [String],
    rows: RefCell<Vec<Row>>,
}

impl Rows<'_> {
    async fn case(&self, id: &str, attack: &str, body: impl AsyncFnOnce() -> String) {
        if !self.filter.is_empty()
            && !self
                .filter
                .iter()
                .any(|wanted| id.contains(wanted.as_str()))
        {
            crate::FILTERED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return;
        }
        let began = Instant::now();
        let row = Row {
            id: id.to_owned(),
            attack: attack.to_owned(),
            outcome: caught(body()).await,
        };
        row.print(began.elapsed());
        self.rows.borrow_mut().push(row);
    }
}

/// A server without limits on how much, and its provider.
async fn loose(mode: Mode) -> (Gate, Server) {
    let gate = Gate::open(mode).await;
    let server = Server::start(&gate, "number = []\nnumber_overall = []\nblock = []\n");
    (gate, server)
}

/// A server with the limits that it has by itself, and with these.
async fn strict(abuse: &str) -> (Gate, Server) {
    let gate = Gate::open(Mode::Accept).await;
    let server = Server::start(&gate, abuse);
    (gate, server)
}

/// `phonebox serve` in a folder of its own.
struct Server {
    folder: TempDir,
    child: Child,
    url: String,
    key: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Server {
    fn start(gate: &Gate, abuse: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[egress]\nplain_http = [\"http://kannel.example:13013\"]\nreachable = [\"127.0.0.0/8\"]\n\
             [egress.resolve]\n\"kannel.example\" = [\"{}\"]\n[abuse]\n{abuse}",
            gate.address
        );
        std::fs::write(folder.path().join("phonebox.toml"), config).unwrap();
        let (child, url) = serve(&folder);
        let key = folder.path().join("phonebox-data/operator.key");
        let key = std::fs::read_to_string(key).unwrap().trim().to_owned();
        Self {
            folder,
            child,
            url,
            key,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Kills it with SIGKILL, and starts it again.
    fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.url) = serve(&self.folder);
    }

    async fn ask(
        &self,
        tenant: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .header("phonebox-tenant", tenant)
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.request(request.body(Full::new(body)).unwrap());
        let response = response.await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn text(&self, path: &str) -> String {
        let request = http::Request::get(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key))
            .body(Full::default());
        let response = self.client.request(request.unwrap()).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    async fn deploy(&self, tenant: &str) {
        for (name, value, mode) in [
            ("KANNEL_USERNAME", "phonebox", "sealed"),
            ("KANNEL_PASSWORD", "a-horse-of-another-colour", "sealed"),
            ("KANNEL_FROM", "Acme", "revealed"),
        ] {
            let path = format!("/v1/actions/kannel/secrets/{name}");
            let secret = json!({ "value": value, "mode": mode }).to_string();
            let answer = self.ask(tenant, "PUT", &path, &[], secret.into()).await;
            assert_eq!(answer.0, 200, "{answer:?}");
        }
        let action = Action::assemble(KANNEL_RUST.bytes, MANIFEST).unwrap();
        let component = action.component().to_vec().into();
        let answer = self
            .ask(tenant, "POST", "/v1/actions", &[], component)
            .await;
        assert_eq!(answer.0, 201, "{answer:?}");
    }

    async fn send(&self, tenant: &str, text: &str) -> Answer {
        self.send_with(tenant, text, &[]).await
    }

    async fn send_with(&self, tenant: &str, text: &str, headers: &[(&str, &str)]) -> Answer {
        let body = event(NUMBER, text, "text");
        self.ask(tenant, "POST", "/v1/notifications", headers, body)
            .await
    }

    async fn send_to(&self, tenant: &str, number: &str, method: &str) -> Answer {
        let body = event(number, "one", method);
        self.ask(tenant, "POST", "/v1/notifications", &[], body)
            .await
    }

    /// A notification, once it is like this.
    async fn eventually(&self, tenant: &str, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let path = format!("/v1/notifications/{id}");
        let mut found = Value::Null;
        for _ in 0..3000 {
            (_, found) = self.ask(tenant, "GET", &path, &[], Bytes::new()).await;
            if wanted(&found) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it stays like this: {found}")
    }

    async fn settled(&self, tenant: &str, id: &str) -> Value {
        let unsettled = ["queued", "leased"].map(Value::from);
        let settled = |found: &Value| !unsettled.contains(&found["status"]);
        self.eventually(tenant, id, settled).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn serve(folder: &TempDir) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_phonebox"))
        .args(["--output", "json", "serve", "--config", "phonebox.toml"])
        .args(["--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env("PHONEBOX_HOME", folder.path().join("home"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let started: Value = serde_json::from_str(&line).unwrap();
    (child, started["url"].as_str().unwrap().to_owned())
}

fn event(number: &str, text: &str, method: &str) -> Bytes {
    let event = json!({ "event": { "notification": {
        "recipient": number, "code": CODE, "as_text": text, "as_voice": text, "delivery_method": method,
    } } });
    event.to_string().into()
}
