//! The operator's proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use phonebox_egress::{Connection, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{OK, Provider, begin, code, connect, post, say};

/// A proxy that keeps the heads of its requests, says something to each, and then leads to an address.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(answer: &'static str, to: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(tcp.read_u8().await.unwrap());
                    }
                    kept.lock().unwrap().push(String::from_utf8(head).unwrap());
                    tcp.write_all(answer.as_bytes()).await.unwrap();
                    if answer.starts_with("HTTP/1.1 200") {
                        let mut provider = connect(to).await;
                        drop(tokio::io::copy_bidirectional(&mut tcp, &mut provider).await);
                    }
                });
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

const ACCEPTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

#[tokio::test]
async fn e26_the_proxy_is_asked_for_the_vetted_address_and_sees_nothing() {
    let provider = Provider::tls(|_| say(OK)).await;
    let proxy = Proxy::start(ACCEPTED, provider.address).await;
    let egress = provider.door().proxy(proxy.address).build().unwrap();
    let outbound = provider.outbound(&egress, "acme");
    for wanted in [Connection::New, Connection::Reused] {
        let (exchange, result) = begin(&outbound).send(post("https://api.ok.com/")).await;
        assert_eq!(code(&result), "ok", "{exchange:?}");
        assert_eq!(exchange.connection, Some(wanted));
    }
    let to = provider.address;
    assert_eq!(
        proxy.heads(),
        [format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n")]
    );
    assert!(
        provider.requests()[0].contains("\r\nhost: api.ok.com\r\n"),
        "{:?}",
        provider.requests()
    );
}

/// E28: a public address may be told to the action's author; an inner one is not.
#[tokio::test]
async fn a_public_address_stands_in_the_record() {
    let provider = Provider::tls(|_| say(OK)).await;
    let proxy = Proxy::start(ACCEPTED, provider.address).await;
    let public: SocketAddr = "93.184.216.34:443".parse().unwrap();
    for (answer, told) in [(public, Some(public)), (provider.address, None)] {
        let door = provider.door().resolve("api.ok.com", vec![answer]);
        let egress = door.proxy(proxy.address).build().unwrap();
        let trip = begin(&provider.outbound(&egress, "acme"));
        let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
        assert_eq!(code(&result), "ok", "{exchange:?}");
        assert_eq!(exchange.address, told);
    }
    assert!(
        proxy.heads()[0].starts_with("CONNECT 93.184.216.34:443 "),
        "{:?}",
        proxy.heads()
    );
}

#[tokio::test]
async fn e26_a_proxy_loosens_nothing() {
    let provider = Provider::tls(|_| say(OK)).await;
    let proxy = Proxy::start(ACCEPTED, provider.address).await;
    let door = || provider.door().proxy(proxy.address);
    let inside = vec!["10.0.0.1:443".parse().unwrap()];
    for (egress, url, wanted) in [
        (door(), "https://no.ok.com/", "request-denied"),
        (
            door().resolve("api.ok.com", inside),
            "https://api.ok.com/",
            "destination-ip-prohibited",
        ),
    ] {
        let egress = egress.build().unwrap();
        let trip = begin(&provider.outbound(&egress, "acme"));
        let (exchange, result) = trip.send(post(url)).await;
        assert_eq!(code(&result), wanted, "{exchange:?}");
    }
    assert!(proxy.heads().is_empty(), "{:?}", proxy.heads());
}

#[tokio::test]
async fn e26_a_proxy_that_does_not_connect() {
    let provider = Provider::tls(|_| say(OK)).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let ask = async |proxy| {
        let egress = provider.door().proxy(proxy).build().unwrap();
        let trip = begin(&provider.outbound(&egress, "acme"));
        trip.send(post("https://api.ok.com/")).await
    };
    for (answer, wanted) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", Error::ConnectionRefused),
        (
            "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
            Error::ConnectionRefused,
        ),
        ("SSH-2.0-OpenSSH\r\n\r\n", Error::ConnectionRefused),
        (
            "HTTP/1.1 200 OK\r\n\r\nand more\r\n\r\n",
            Error::InternalError,
        ),
    ] {
        let proxy = Proxy::start(answer, provider.address).await;
        let (exchange, result) = ask(proxy.address).await;
        assert_eq!(result, Err(wanted), "{answer:?}: {exchange:?}");
    }
    let (exchange, result) = ask(closed).await;
    assert_eq!(result, Err(Error::InternalError), "{exchange:?}");
    assert_eq!(provider.requests().len(), 0);
}
