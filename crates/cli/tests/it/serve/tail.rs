//! `/v1/tail`: what happens, as it happens.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Server, event};
use crate::gate::{Gate, Mode};

/// Longer than anything here takes; only a failure waits so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A tail that is read.
pub(super) struct Tail {
    body: Incoming,
    read: String,
}

impl Tail {
    pub(super) async fn open(server: &Server, query: &str) -> Result<Self, Value> {
        let request = http::Request::get(format!("{}/v1/tail{query}", server.url))
            .header("authorization", format!("Bearer {}", server.key))
            .header("phonebox-tenant", &server.tenant)
            .body(Full::default());
        let response = server.client.request(request.unwrap()).await.unwrap();
        let status = response.status();
        let (head, body) = response.into_parts();
        if status == 200 {
            assert_eq!(head.headers["content-type"], "text/event-stream");
            let read = String::new();
            return Ok(Self { body, read });
        }
        let problem = body.collect().await.unwrap().to_bytes();
        Err(serde_json::from_slice(&problem).unwrap())
    }

    /// The next event and its data. None at the end.
    pub(super) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let lines = event.lines().filter_map(|line| line.split_once(": "));
                let line = |wanted| lines.clone().find(|line| line.0 == wanted);
                let (name, data) = (line("event").unwrap().1, line("data").unwrap().1);
                let event = (name.to_owned(), serde_json::from_str(data).unwrap());
                let read = self.read.len() - rest.len();
                self.read.drain(..read);
                return Some(event);
            }
            let frame = timeout(PATIENCE, self.body.frame()).await;
            let frame = frame.unwrap_or_else(|_| panic!("only {:?} came", self.read))?;
            let data = frame.unwrap().into_data().unwrap();
            self.read.push_str(std::str::from_utf8(&data).unwrap());
        }
    }

    /// The events up to one that settles something.
    async fn until_settled(&mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await.expect("it ended");
            let settles = matches!(event.1["status"].as_str(), Some("sent" | "canceled"));
            events.push(event);
            if settles {
                return events;
            }
        }
    }
}

#[tokio::test]
async fn who_watches_sees_what_is_kept_as_it_happens() {
    let gate = Gate::open(Mode::Busy).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let other = Server::beside(&server, "other");
    other.deploy().await;

    let mut tail = Tail::open(&server, "").await.unwrap();
    let foreign = other.ask("POST", "/v1/notifications", event("no")).await;
    assert_eq!(foreign.status, 202, "{foreign:?}");
    let sent = server.ask("POST", "/v1/notifications", event("once")).await;
    let id = sent.body["id"].as_str().unwrap();
    let mut of_one = Tail::open(&server, &format!("?notification={id}"))
        .await
        .unwrap();
    gate.wait_for(2).await;
    gate.set(Mode::Accept);
    let events = tail.until_settled().await;
    let path = format!("/v1/notifications/{id}");
    let found = server.ask("GET", &path, json!({})).await;
    let attempts = found.body["attempts"].as_array().unwrap();
    let status = |status| {
        (
            "status".to_owned(),
            json!({ "notification": id, "status": status }),
        )
    };
    let attempt = |number: usize| {
        let mut attempt = attempts[number - 1].clone();
        attempt["notification"] = json!(id);
        ("attempt".to_owned(), attempt)
    };
    let expected = [
        status("leased"),
        attempt(1),
        status("queued"),
        status("leased"),
        attempt(2),
        status("sent"),
    ];
    assert_eq!(events, expected, "{found:?}");
    let all = format!("{events:?}");
    assert!(
        !all.contains("492016") && !all.contains("2065550100"),
        "{all}"
    );

    // Who asked for one notification sees no other.
    gate.set(Mode::Busy);
    let waits = server
        .ask("POST", "/v1/notifications", event("later"))
        .await;
    let waits = waits.body["id"].as_str().unwrap();
    loop {
        let cancel = format!("/v1/notifications/{waits}/cancel");
        if server.ask("POST", &cancel, json!({})).await.status == 200 {
            break;
        }
    }
    let events = tail.until_settled().await;
    assert_eq!(events.last().unwrap().1["status"], "canceled", "{events:?}");
    let events = of_one.until_settled().await;
    assert_eq!(events.last(), Some(&status("sent")), "{events:?}");

    // A tenant has eight, and another tenant's are its own.
    let mut more = Vec::new();
    for _ in 0..6 {
        more.push(Tail::open(&server, "").await.unwrap());
    }
    let refused = Tail::open(&server, "").await.map(drop).unwrap_err();
    assert_eq!(refused["code"], "too_many_tails", "{refused}");
    more.push(Tail::open(&other, "").await.unwrap());

    // They hold up no end.
    server.terminate();
    for tail in more.iter_mut().chain([&mut of_one]) {
        // The other tenant's may be tried again meanwhile.
        while tail.next().await.is_some() {}
    }
    assert!(server.ended().success());
}

#[tokio::test]
async fn what_waits_for_a_failing_provider_says_so() {
    let gate = Gate::open(Mode::Busy).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let mut tail = Tail::open(&server, "").await.unwrap();
    for number in 0..6 {
        let sent = server
            .ask("POST", "/v1/notifications", event(&number.to_string()))
            .await;
        assert_eq!(sent.status, 202, "{sent:?}");
    }
    let (id, told) = loop {
        let (_, data) = tail.next().await.expect("it ended");
        if data.get("waits_for").is_some() {
            break (data["notification"].clone(), data["waits_for"].clone());
        }
    };
    assert_eq!(told["reason"], "provider_failing", "{told}");
    assert_eq!(told["origin"], "http://kannel.example:13013", "{told}");
    // Each of them waits for the same, until one is tried.
    let list = server.ask("GET", "/v1/notifications", json!({})).await;
    let shown = list.body["notifications"].as_array().unwrap();
    let waits = shown.iter().find(|shown| shown["status"] == "queued");
    let waits = waits.unwrap_or_else(|| panic!("none waits: {list:?}"));
    assert_eq!(waits["waits_for"]["origin"], told["origin"], "{list:?}");

    gate.set(Mode::Accept);
    let path = format!("/v1/notifications/{}", id.as_str().unwrap());
    loop {
        let found = server.ask("GET", &path, json!({})).await.body;
        match found["status"].as_str() {
            Some("sent") => {
                assert!(found.get("waits_for").is_none(), "{found}");
                break;
            }
            Some("queued" | "leased") => tokio::time::sleep(Duration::from_millis(20)).await,
            _ => panic!("{found}"),
        }
    }
}
