//! Root keys that are replaced while the server runs, and when it is killed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::gate::{Gate, Mode};
use crate::serve::{Server, event};

/// How many are sent before a key is replaced, so that it takes a while.
const MANY: usize = 1500;

fn keys(told: &Value) -> Vec<(String, u64)> {
    let keys = told["root_keys"].as_array().unwrap().iter();
    keys.map(|key| {
        let id = key["id"].as_str().unwrap().to_owned();
        (id, key["needed_by"].as_u64().unwrap())
    })
    .collect()
}

/// Whoever sends, one after the other, until it is told to stop or the server is gone. What was accepted is counted.
struct Load {
    going: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    senders: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn on(server: &Server, accepted: &Arc<AtomicUsize>) -> Self {
        let going = Arc::new(AtomicBool::new(true));
        let send = |_| {
            let (url, key) = (server.url.clone(), server.key.clone());
            let (going, accepted) = (going.clone(), accepted.clone());
            tokio::spawn(async move {
                let client = Client::builder(TokioExecutor::new()).build_http();
                while going.load(Ordering::SeqCst) {
                    let number = accepted.load(Ordering::SeqCst);
                    let request = http::Request::post(format!("{url}/v1/notifications"))
                        .header("authorization", format!("Bearer {key}"))
                        .header("phonebox-tenant", "acme")
                        .header("content-type", "application/json")
                        .body(Full::new(bytes::Bytes::from(
                            event(&format!("message {number}")).to_string(),
                        )))
                        .unwrap();
                    let Ok(response) = client.request(request).await else {
                        return;
                    };
                    let status = response.status();
                    let Ok(body) = response.into_body().collect().await else {
                        return;
                    };
                    assert_eq!(status, 202, "{:?}", body.to_bytes());
                    accepted.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        Self {
            going: going.clone(),
            accepted: accepted.clone(),
            senders: (0..16).map(send).collect(),
        }
    }

    async fn until(&self, many: usize) {
        while self.accepted.load(Ordering::SeqCst) < many {
            assert!(
                !self
                    .senders
                    .iter()
                    .all(tokio::task::JoinHandle::is_finished)
            );
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }

    async fn end(self) {
        self.going.store(false, Ordering::SeqCst);
        for sender in self.senders {
            sender.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_root_keys_are_replaced_under_load_and_through_kills() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let told = server.json(&["root-key", "list"], "").await;
    let [(first, _)] = &keys(&told)[..] else {
        panic!("{told}")
    };
    let first = first.clone();
    let once = [
        "send",
        "+12065550199",
        "--code",
        "7",
        "--idempotency-key",
        "a",
    ];
    let before = server.json(&once, "").await;

    let accepted = Arc::new(AtomicUsize::new(0));
    let mut cut_short = 0;
    for round in 1..=8 {
        let load = Load::on(&server, &accepted);
        load.until(MANY * round).await;
        let added = server.json(&["root-key", "add"], "").await;
        let new = added["id"].as_str().unwrap().to_owned();
        let begun = server.ask("POST", "/v1/root-keys/rotate", json!({})).await;
        assert_eq!(begun.status, 202, "{begun:?}");
        // Killed as soon as it is seen in the middle.
        loop {
            let told = server.ask("GET", "/v1/root-keys", json!({})).await;
            let keys = keys(&told.body);
            assert_eq!(keys[0].0, new, "{told:?}");
            let others: u64 = keys[1..].iter().map(|(_, needed)| needed).sum();
            // The mark alone, or nothing: it has ended.
            if others <= 1 {
                break;
            }
            if keys[0].1 > 200 {
                cut_short += 1;
                break;
            }
        }
        server.kill();
        load.end().await;
        server.start();
        if cut_short == 2 {
            break;
        }
    }
    assert_eq!(cut_short, 2, "it was too fast to be cut short");

    // It goes on without being told to; to be told waits for it, and a second time changes nothing.
    let load = Load::on(&server, &accepted);
    let told = server.json(&["root-key", "rotate"], "").await;
    let again = server.json(&["root-key", "rotate"], "").await;
    load.end().await;
    assert_eq!(keys(&told)[0].0, keys(&again)[0].0);
    let [(active, _), old @ ..] = &keys(&again)[..] else {
        panic!("{again}")
    };
    assert!(old.iter().all(|(_, needed)| *needed == 0), "{again}");
    assert!(old.iter().any(|(id, _)| *id == first), "{again}");
    server
        .fails(
            &["root-key", "remove", active],
            5,
            &["is the one that encrypts"],
        )
        .await;
    for (id, _) in old {
        server.json(&["root-key", "remove", id], "").await;
    }
    server
        .fails(&["root-key", "remove", &first], 4, &["no root key"])
        .await;

    // With the new key alone, all that was accepted is sent, secrets are readable, and what was sent once is known.
    server.kill();
    server.start();
    let told = server.json(&["root-key", "list"], "").await;
    assert_eq!(keys(&told).len(), 1, "{told}");
    assert_eq!(server.json(&once, "").await["id"], before["id"]);
    let last = server.json(&["send", "+12065550100", "--wait"], "").await;
    assert_eq!(last["status"], "sent", "{last}");
    let mut waited = 0;
    loop {
        let metrics = server.text("/metrics").await;
        let unsettled = |status: &str| {
            let line = format!("phonebox_notifications_unsettled{{status=\"{status}\"}} 0");
            metrics.lines().any(|told| told == line)
        };
        if unsettled("queued") && unsettled("leased") {
            break;
        }
        waited += 1;
        assert!(waited < 3000, "{metrics}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for status in ["dropped", "exhausted", "expired"] {
        let failed = ["notifications", "list", "--status", status];
        let failed = server.json(&failed, "").await;
        assert_eq!(failed["notifications"], json!([]), "{failed}");
    }
    println!(
        "{} accepted; the first key was {first}",
        accepted.load(Ordering::SeqCst)
    );
}

#[tokio::test]
async fn a_root_key_that_is_needed_stays() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.deploy().await;
    let file = server.folder.path().join("phonebox-data/phonebox.keys");
    let old = std::fs::read_to_string(&file).unwrap();
    let told = server.json(&["root-key", "list"], "").await;
    let id = keys(&told)[0].0.clone();
    // The mark and three secrets: those that run, the draft's and the version's.
    assert_eq!(keys(&told), [(id.clone(), 10)]);

    // Somebody replaces the file, instead of adding to it.
    let other = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n";
    std::fs::write(&file, other).unwrap();
    let says = [&*id, "which encrypts now, is not among them"];
    server.fails(&["root-key", "rotate"], 5, &says).await;
    std::fs::write(&file, "hunter22\n").unwrap();
    server
        .fails(
            &["root-key", "rotate"],
            5,
            &["line 1 of the keys is no key"],
        )
        .await;
    // Behind the one that encrypts it waits for its turn.
    std::fs::write(&file, format!("{old}{other}")).unwrap();
    let told = server.json(&["root-key", "rotate"], "").await;
    let [(first, 10), (waiting, 0)] = &keys(&told)[..] else {
        panic!("{told}")
    };
    assert_eq!(*first, id);
    // In front of it, it encrypts; the one before is not to be had out while it is needed.
    std::fs::write(&file, format!("{other}{old}")).unwrap();
    server
        .fails(
            &["root-key", "remove", &id],
            5,
            &["is the one that encrypts"],
        )
        .await;
    server.json(&["root-key", "rotate"], "").await;
    server.kill();
    // Now it can do without.
    std::fs::write(&file, other).unwrap();
    server.start();
    let told = server.json(&["root-key", "list"], "").await;
    assert_eq!(keys(&told), [(waiting.clone(), 10)]);
    let sent = server.json(&["send", "+12065550100", "--wait"], "").await;
    assert_eq!(sent["status"], "sent", "{sent}");

    // From a command, which is run again.
    server.kill();
    let config = server.folder.path().join("phonebox.toml");
    let mut text = std::fs::read_to_string(&config).unwrap();
    text.push_str("[keys]\ncommand = [\"cat\", \"phonebox-data/elsewhere\"]\n");
    std::fs::write(&config, text).unwrap();
    let elsewhere = server.folder.path().join("phonebox-data/elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    server.start();
    let add = ["root-key", "add", "--config", "phonebox.toml"];
    server.fails(&add, 2, &["from a command"]).await;
    std::fs::write(&elsewhere, format!("{old}{other}")).unwrap();
    let told = server.json(&["root-key", "rotate"], "").await;
    assert_eq!(keys(&told)[0].0, id);
    std::fs::remove_file(&elsewhere).unwrap();
    server
        .fails(
            &["root-key", "rotate"],
            5,
            &["cat, which prints the keys, ended with exit status: 1"],
        )
        .await;
    std::fs::write(&elsewhere, &old).unwrap();
    let told = server.json(&["root-key", "rotate"], "").await;
    assert_eq!(keys(&told).len(), 1, "{told}");
    let sent = server.json(&["send", "+12065550101", "--wait"], "").await;
    assert_eq!(sent["status"], "sent", "{sent}");
}
