//! What providers answer, and how much of it reaches the guest.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use phonebox_egress::{Connection, Egress, Error, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{
    Answer, OK, ParseOrigin, Provider, Run, begin, code, get, limits, policy, post, say,
};

fn close(text: &str) -> Answer {
    Answer::Close(text.as_bytes().to_vec())
}

#[tokio::test]
async fn d10_redirects_are_returned_and_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        for location in [
            "https://169.254.169.254/",
            "http://api.ok.com/",
            "https://other.ok.com/",
            "/next",
        ] {
            let answer = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
            );
            let provider = Provider::tls(move |_| say(&answer)).await;
            let (exchange, result) = provider.ask().await;
            let response = result.unwrap();
            assert_eq!(response.status, status, "{exchange:?}");
            assert_eq!(
                response.headers,
                [
                    ("location".to_owned(), location.as_bytes().to_vec()),
                    ("content-length".to_owned(), b"0".to_vec())
                ]
            );
            assert_eq!(
                provider.requests().len(),
                1,
                "{location}: {:?}",
                provider.requests()
            );
        }
    }
}

#[tokio::test]
async fn p01_endless_bodies_are_not_read() {
    let piece = vec![b'x'; 16 * 1024];
    let chunk = [&b"4000\r\n"[..], &piece, b"\r\n"].concat();
    for (head, piece) in [
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            chunk,
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", piece.clone()),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n",
            piece,
        ),
    ] {
        let script = move |_| Answer::Flood(head.as_bytes().to_vec(), piece.clone());
        let provider = Provider::plain(script).await;
        let (exchange, result) = provider.ask().await;
        assert_eq!(
            result,
            Err(Error::ResponseBodySize(256 * 1024)),
            "{head:?}: {exchange:?}"
        );
        assert!(exchange.bytes_down <= 300 * 1024, "{head:?}: {exchange:?}");
        // The flood ends when the connection does.
        provider.endings.lock().await.recv().await.unwrap();
        assert!(
            provider.written() < 64 * 1024 * 1024,
            "{} bytes taken in",
            provider.written()
        );
    }
}

#[tokio::test]
async fn bodies_up_to_the_limit_are_whole() {
    let answer = [
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 256 * 1024).into_bytes(),
        vec![b'x'; 256 * 1024],
    ]
    .concat();
    let provider = Provider::tls(move |_| Answer::Say(answer.clone())).await;
    let (exchange, result) = provider.ask().await;
    assert_eq!(result.unwrap().body.len(), 256 * 1024);
    assert_eq!(exchange.bytes_down, 256 * 1024);
}

#[tokio::test]
async fn p02_compressed_answers_are_errors() {
    for coding in ["gzip", "br", "zstd", "identity, gzip", "GZIP", "x"] {
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: 2\r\n\r\nok");
        let provider = Provider::plain(move |_| say(&answer)).await;
        let (exchange, result) = provider.ask().await;
        assert_eq!(
            result,
            Err(Error::ResponseContentCoding),
            "{coding}: {exchange:?}"
        );
        assert_eq!(exchange.bytes_down, 0, "{coding}");
    }
    let provider = Provider::plain(|_| {
        say("HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-length: 2\r\n\r\nok")
    })
    .await;
    assert_eq!(code(&provider.ask().await.1), "ok");
}

#[tokio::test]
async fn p04_heads_have_limits() {
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        "x: y\r\n".repeat(10_000)
    );
    let more = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        "x: y\r\n".repeat(100)
    );
    let full = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        "x: y\r\n".repeat(99)
    );
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1024 * 1024));
    // Little enough to arrive at once.
    let large = format!(
        "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
        "y".repeat(33_000)
    );
    let interim = format!("{}{OK}", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000));
    let fourth = format!("{}{OK}", "HTTP/1.1 100 Continue\r\n\r\n".repeat(4));
    let third = format!("{}{OK}", "HTTP/1.1 100 Continue\r\n\r\n".repeat(3));
    for (name, answer, wanted) in [
        ("many", many, "response-header-section-size"),
        ("more", more, "response-header-section-size"),
        ("full", full, "ok"),
        ("long", long, "response-header-section-size"),
        ("large", large, "response-header-section-size"),
        ("interim", interim, "response-header-section-size"),
        ("fourth", fourth, "response-header-section-size"),
        ("third", third, "ok"),
    ] {
        let provider = Provider::plain(move |_| say(&answer)).await;
        let (exchange, result) = provider.ask().await;
        assert_eq!(code(&result), wanted, "{name}: {exchange:?}");
    }
}

#[tokio::test]
async fn ambiguous_framing_is_an_error() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nok\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 99999 OK\r\n\r\n",
    ] {
        let provider = Provider::plain(move |_| close(answer)).await;
        let (exchange, result) = provider.ask().await;
        assert_eq!(
            result,
            Err(Error::HttpProtocolError),
            "{answer:?}: {exchange:?}"
        );
    }
}

#[tokio::test]
async fn p09_connections_that_break_off() {
    for answer in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
    ] {
        let provider = Provider::tls(move |_| close(answer)).await;
        let (exchange, result) = provider.ask().await;
        assert_eq!(
            result,
            Err(Error::ConnectionTerminated),
            "{answer:?}: {exchange:?}"
        );
        assert_eq!(
            provider.requests().len(),
            1,
            "{answer:?} was asked for again"
        );
    }
}

/// With a reset, a close in the middle of the head, and half a close, over and over.
#[tokio::test]
async fn p09_a_thousand_connections_that_break_off() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let breaking = tokio::spawn(async move {
        for nth in 0..1000 {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"hello") {
                tcp.read_buf(&mut asked).await.unwrap();
            }
            match nth % 3 {
                0 => tcp.set_zero_linger().unwrap(),
                1 => tcp
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-le")
                    .await
                    .unwrap(),
                _ => tcp.shutdown().await.unwrap(),
            }
        }
    });
    let patient = Limits {
        tenant_rate: 1_000_000,
        ..limits()
    };
    let egress = Egress::builder()
        .limits(patient)
        .resolve("api.ok.com", vec![address])
        .reachable("127.0.0.0/8".parse().unwrap())
        .dangerous_plain_http("http://api.ok.com".parse_origin())
        .build()
        .unwrap();
    let outbound = egress.outbound("acme", Arc::new(policy(&["http://api.ok.com"])));
    for nth in 0..1000 {
        let (exchange, result) = begin(&outbound).send(post("http://api.ok.com/")).await;
        assert_eq!(
            result,
            Err(Error::ConnectionTerminated),
            "{nth}: {exchange:?}"
        );
        assert_eq!(
            exchange.connection,
            Some(Connection::New),
            "{nth}: {exchange:?}"
        );
    }
    breaking.await.unwrap();
}

#[tokio::test]
async fn other_ways_to_end_a_body() {
    for (answer, body) in [
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end"),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nx: trailer\r\n\r\n",
            "ok",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
    ] {
        let provider = Provider::tls(move |_| close(answer)).await;
        let (exchange, result) = provider.ask().await;
        assert_eq!(
            result.map(|r| r.body),
            Ok(body.into()),
            "{answer:?}: {exchange:?}"
        );
    }
}

#[tokio::test]
async fn p08_cookies_and_connection_headers_stay_outside() {
    let answer = "HTTP/1.1 200 OK\r\nset-cookie: a=b\r\nalt-svc: h3=\":443\"\r\nconnection: x-hop\r\nx-hop: 1\r\n\
                  strict-transport-security: max-age=1\r\nserver-timing: db\r\nkeep-alive: timeout=5\r\n\
                  X-Kept: caf\u{e9}\r\nx-kept: two\r\ncontent-length: 2\r\n\r\nok";
    let provider = Provider::tls(move |_| say(answer)).await;
    let trip = provider.trip();
    for _ in 0..2 {
        let (_, result) = trip.send(post("https://api.ok.com/")).await;
        let headers: Vec<_> = result
            .unwrap()
            .headers
            .into_iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8(value).unwrap()))
            .collect();
        assert_eq!(
            headers,
            ["x-kept: café", "x-kept: two", "content-length: 2"]
        );
    }
    assert!(
        !provider.requests()[1].contains("cookie"),
        "{}",
        provider.requests()[1]
    );
}

#[tokio::test]
async fn values_that_are_not_text_are_made_text() {
    let provider = Provider::plain(|_| {
        Answer::Say(b"HTTP/1.1 200 OK\r\nx: \xff!\r\ncontent-length: 0\r\n\r\n".to_vec())
    })
    .await;
    let (_, result) = provider.ask().await;
    let (_, value) = result.unwrap().headers.remove(0);
    assert_eq!(String::from_utf8(value).unwrap(), "\u{fffd}!");
}

#[tokio::test]
async fn a_head_request_announces_a_body_and_has_none() {
    let provider =
        Provider::plain(|_| say("HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n")).await;
    let mut request = get(&provider.base());
    request.method = "HEAD".to_owned();
    let (exchange, result) = provider.trip().send(request).await;
    assert_eq!(result.unwrap().body.len(), 0, "{exchange:?}");
}

#[tokio::test]
async fn b10_a_provider_that_hangs_is_given_up() {
    let (brief, long) = (Duration::from_millis(50), Duration::from_mins(1));
    for (answer, first_byte, between_bytes, total) in [
        ("", brief, long, long),
        ("HTTP/1.1 200 OK\r\nx:", brief, long, long),
        ("HTTP/1.1 100 Continue\r\n\r\n", brief, long, long),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",
            long,
            brief,
            long,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok",
            long,
            long,
            4 * brief,
        ),
    ] {
        let change = |limits| Limits {
            first_byte,
            between_bytes,
            total,
            rate_after: long,
            ..limits
        };
        let provider = Provider::tls(move |_| Answer::Hang(answer.as_bytes().to_vec())).await;
        let (exchange, result) = provider
            .trip_with(change)
            .send(post("https://api.ok.com/"))
            .await;
        assert_eq!(
            result,
            Err(Error::ResponseTimeout),
            "{answer:?}: {exchange:?}"
        );
        // Given up means closed.
        provider.endings.lock().await.recv().await.unwrap();
    }
}

#[tokio::test]
async fn the_request_and_the_run_may_shorten_the_time_but_not_to_nothing() {
    let provider = Provider::tls(|_| Answer::Hang(Vec::new())).await;
    for timeout in [Duration::ZERO, Duration::from_millis(50)] {
        let mut request = post("https://api.ok.com/");
        request.timeout = Some(timeout);
        let (exchange, result) = provider.trip().send(request).await;
        let code = code(&result);
        assert!(
            matches!(code, "response-timeout" | "connection-timeout"),
            "{code}: {exchange:?}"
        );
    }
    let egress = provider.door().build().unwrap();
    let trip = provider
        .outbound(&egress, "acme")
        .trip(tokio::time::Instant::now(), Arc::new(Run));
    let mut request = post("https://api.ok.com/");
    request.timeout = Some(Duration::MAX);
    let (exchange, result) = trip.send(request).await;
    let code = code(&result);
    assert!(
        matches!(code, "response-timeout" | "connection-timeout"),
        "{code}: {exchange:?}"
    );
}

#[tokio::test]
async fn a_trickle_is_given_up() {
    let answer = || {
        let mut pieces = vec![b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n".to_vec()];
        pieces.extend(std::iter::repeat_n(b"x".to_vec(), 40));
        Answer::Drip(pieces, Duration::from_millis(10))
    };
    // Never 5 s between two bytes, never 12 s in all: only the rate can be what ends it.
    let provider = Provider::plain(move |_| answer()).await;
    let hasty = |limits| Limits {
        rate: 1024,
        rate_after: Duration::from_millis(20),
        ..limits
    };
    let (exchange, result) = provider
        .trip_with(hasty)
        .send(post("http://api.ok.com/"))
        .await;
    assert_eq!(result, Err(Error::ResponseTimeout), "{exchange:?}");
    let (exchange, result) = provider.ask().await;
    assert_eq!(code(&result), "ok", "{exchange:?}");
}
