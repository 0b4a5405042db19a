//! A provider that takes its time, on a thread of its own.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long it takes.
const TAKES: Duration = Duration::from_millis(20);
const ANSWER: &[u8] = b"HTTP/1.1 201 Created\r\ncontent-length: 16\r\n\r\n{\"id\":\"SM00001\"}";

/// Starts it. It ends with the process.
pub(crate) fn start() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    listener
        .set_nonblocking(true)
        .expect("a listener can be made so");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a thread can have a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("it is nonblocking");
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection));
            }
        });
    });
    address
}

async fn serve(mut connection: TcpStream) {
    let mut seen = Vec::new();
    while connection
        .read_buf(&mut seen)
        .await
        .is_ok_and(|count| count > 0)
    {
        let text = String::from_utf8_lossy(&seen);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        if body.len() < length.unwrap_or(0) || head.starts_with("POST /hang") {
            continue;
        }
        seen.clear();
        tokio::time::sleep(TAKES).await;
        if connection.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}
