//! Requests that end in the middle: nothing of them is kept, and the server goes on.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::manage::{ACTIONS, at, code, probe};
use super::{Server, event};
use crate::gate::{Gate, Mode};
use crate::inbox::client;

/// How a caller goes away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Leaves {
    /// It says no more, and would still listen.
    Silent,
    /// It is gone.
    Gone,
}

impl Server {
    /// Sends half of a body, and leaves. Gives what was answered, as far as there is somebody to listen.
    async fn half(&self, method: &str, path: &str, body: &[u8], leaves: Leaves) -> String {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = client::connect(host.parse().unwrap()).await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\nphonebox-tenant: acme\r\n\
             content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            self.key,
            body.len(),
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // It is being read.
        let mut goes_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut goes_on).await.unwrap();
        let (half, _) = body.split_at(body.len() / 2);
        stream.write_all(half).await.unwrap();
        let mut told = String::new();
        if leaves == Leaves::Silent {
            stream.shutdown().await.unwrap();
            stream.read_to_string(&mut told).await.unwrap();
        }
        told
    }

    /// What there is of the tenant's actions, and of its versions.
    async fn stands(&self, action: &Value) -> [Value; 4] {
        let versions = at(action, "/versions");
        let paths = [&*at(action, ""), ACTIONS, &versions, "/v1/actions"];
        let mut all = [const { Value::Null }; 4];
        for (told, path) in all.iter_mut().zip(paths) {
            *told = self.told("GET", path, Value::Null, 200).await;
        }
        all
    }
}

/// All files in there.
fn files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.insert(path.display().to_string());
        }
    }
}

#[tokio::test]
async fn half_of_a_request_changes_nothing() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let component = probe("");
    let action = server
        .made("probe", json!({ "code": code(&component) }))
        .await;
    server
        .told("POST", &at(&action, "/deploy"), Value::Null, 200)
        .await;
    let is_there = || {
        let mut found = BTreeSet::new();
        files(server.folder.path(), &mut found);
        found
    };
    assert_eq!(server.sends("sent p m1").await["status"], "sent");
    let before = (server.stands(&action).await, is_there());
    let triggers = json!([{ "id": "custom-phone-provider", "version": "v1" }]);
    // JSON whose half is JSON, too.
    let blanks = format!("{}{}", json!({ "code": "another" }), " ".repeat(1 << 16));
    let another = json!({ "name": "another", "supported_triggers": triggers }).to_string();
    let change = json!({ "code": "another".repeat(1 << 12) }).to_string();
    let module = at(&action, "/module");
    let path = at(&action, "");
    for (method, path, body) in [
        ("PUT", &*module, &component[..]),
        ("PATCH", &path, change.as_bytes()),
        ("PATCH", &path, blanks.as_bytes()),
        ("POST", ACTIONS, another.as_bytes()),
        ("POST", "/v1/actions", &component),
    ] {
        for leaves in [Leaves::Gone, Leaves::Silent] {
            let told = server.half(method, path, body, leaves).await;
            assert!(
                told.is_empty() || told.starts_with("HTTP/1.1 400 "),
                "{method} {path} {leaves:?}: {told}"
            );
        }
        let after = (server.stands(&action).await, is_there());
        assert_eq!(before, after, "{method} {path}");
    }
    // All of it is taken, and the server goes on.
    let sent = event("sent p m2").to_string();
    server
        .half("POST", "/v1/notifications", sent.as_bytes(), Leaves::Silent)
        .await;
    assert_eq!(server.sends("sent p m3").await["status"], "sent");
    let list = server
        .told("GET", "/v1/notifications", Value::Null, 200)
        .await;
    let list = list["notifications"].as_array().unwrap();
    assert_eq!(list.len(), 2, "{list:#?}");
    let put = server.try_ask("PUT", &module, &[], component.into()).await;
    assert_eq!(put.unwrap().status, 200);
    let now = server.is_built(&action).await;
    assert_eq!(now["status"], "built", "{now:#}");
}
