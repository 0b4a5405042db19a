//! W07: callers that speak HTTP so that a server would hold its places for them, or more than its places.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Server;
use crate::gate::{Gate, Mode};
use crate::inbox::client::connect;

/// Callers that only hold their places.
const IDLE: usize = 500;

/// What is answered to this, until the connection is closed.
async fn told(address: SocketAddr, parts: &[&[u8]]) -> String {
    let mut stream = connect(address).await;
    for part in parts {
        // It may be closed already.
        if stream.write_all(part).await.is_err() {
            break;
        }
    }
    let mut told = Vec::new();
    drop(stream.read_to_end(&mut told).await);
    String::from_utf8_lossy(&told).into_owned()
}

#[tokio::test]
async fn w07_who_speaks_to_no_end_keeps_nobody_out() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let address: SocketAddr = server.url.strip_prefix("http://").unwrap().parse().unwrap();
    // Each has begun, and says no more.
    let begun: &[&[u8]] = &[
        b"",
        b"GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ",
        b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
        b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
    ];
    let mut idle: Vec<TcpStream> = Vec::new();
    for begun in begun.iter().cycle().take(IDLE) {
        let mut stream = connect(address).await;
        stream.write_all(begun).await.unwrap();
        idle.push(stream);
    }
    let is_served = async || {
        let listed = server.told("GET", "/v1/notifications", Value::Null, 200);
        let listed = timeout(Duration::from_mins(1), listed).await;
        let listed = listed.expect("nobody else is served");
        assert_eq!(listed["notifications"], json!([]));
    };
    is_served().await;

    let head = |more: &str| format!("GET /livez HTTP/1.1\r\nhost: x\r\n{more}").into_bytes();
    let chunked = b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    let large = head(&format!("x-large: {}\r\n\r\n", "x".repeat(1 << 20)));
    let many = head(&"x-many: x\r\n".repeat(10_000));
    let extension = [b"1;".to_vec(), vec![b'x'; 1 << 20], b"\r\n".to_vec()].concat();
    let settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00".repeat(100);
    let both = b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    let flood = [&chunked[..], &b"1\r\nx\r\n".repeat(300 << 10)].concat();
    for (what, parts, statuses) in [
        ("a large head", &[&large[..]][..], &["431"][..]),
        ("many headers", &[&many], &["431"]),
        (
            "HTTP/2",
            &[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings],
            &["400", "505"],
        ),
        (
            "an extension of a chunk",
            &[chunked, &extension],
            &["400", "413"],
        ),
        ("a flood of chunks", &[&flood], &["413"]),
        ("two lengths", &[both], &["400", "415"]),
    ] {
        let told = told(address, parts).await;
        let status = told.get(9..12).unwrap_or_default();
        assert!(
            told.is_empty() || statuses.contains(&status),
            "{what}: {told}"
        );
        assert_eq!(
            told.matches("HTTP/1.1 ").count(),
            usize::from(!told.is_empty()),
            "{what}: {told}"
        );
        is_served().await;
    }
    drop(idle);
}
