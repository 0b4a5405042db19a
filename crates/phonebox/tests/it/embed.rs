//! The platform of `examples/embed`, as somebody who logs in meets it.

use std::net::SocketAddr;

use phonebox::Action;
use phonebox_test_guests::KANNEL_RUST;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

#[allow(dead_code, reason = "its main is for whoever starts it")]
#[path = "../../../../examples/embed/axum-platform/main.rs"]
mod axum_platform;

const MANIFEST: &str = include_str!("../../../../examples/actions/kannel-rust/action.toml");

#[expect(clippy::disallowed_methods, reason = "a test asks what it started")]
async fn ask(server: SocketAddr, path: &str, body: Value) -> (u16, Value) {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: platform\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    (status, body)
}

#[tokio::test]
async fn whoever_has_the_telephone_logs_in() {
    let dir = tempfile::tempdir().unwrap();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let arrive =
        move |to: &str, text: &str| arrived.send((to.to_owned(), text.to_owned())).unwrap();
    let gateway = axum_platform::stand_in(arrive).await.unwrap();
    let action = Action::assemble(KANNEL_RUST.bytes, MANIFEST).unwrap();
    let started = axum_platform::platform(&action, gateway, dir.path()).await;
    let (platform, deliveries) = started.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, platform).await });

    let (status, begun) = ask(server, "/login", json!({ "number": "+12065550100" })).await;
    assert_eq!(status, 202, "{begun}");
    let (to, text) = arrivals.recv().await.unwrap();
    assert_eq!(to, "+12065550100");
    let code = text.strip_prefix("Your Acme code is ").unwrap();
    let login = format!("/login/{}", begun["login"].as_str().unwrap());
    let wrong = if code == "000000" { "1" } else { "000000" };
    let (status, said) = ask(server, &login, json!({ "code": wrong })).await;
    assert_eq!(status, 401, "{said}");
    let (status, said) = ask(server, &login, json!({ "code": code })).await;
    assert!(status == 200 && said["session"].is_string(), "{said}");
    // Once.
    let (status, said) = ask(server, &login, json!({ "code": code })).await;
    assert_eq!(status, 401, "{said}");

    // The number gets one in half a minute; a code is not guessed for ever.
    let (status, said) = ask(server, "/login", json!({ "number": "+12065550100" })).await;
    assert_eq!(status, 429, "{said}");
    let (status, said) = ask(server, "/login", json!({ "number": "12345" })).await;
    assert_eq!(status, 422, "{said}");
    let (_, begun) = ask(server, "/login", json!({ "number": "+12065550177" })).await;
    let (_, text) = arrivals.recv().await.unwrap();
    let code = text.strip_prefix("Your Acme code is ").unwrap();
    let login = format!("/login/{}", begun["login"].as_str().unwrap());
    for _ in 0..5 {
        ask(server, &login, json!({ "code": "no" })).await;
    }
    let (status, said) = ask(server, &login, json!({ "code": code })).await;
    assert_eq!(status, 401, "{said}");
    serving.abort();
    deliveries.shutdown().await;
}
