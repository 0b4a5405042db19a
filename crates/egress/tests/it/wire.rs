//! What is written to the provider, and what is not.

use phonebox_egress::{Error, HeaderFlaw, Request};

use crate::support::{OK, Provider, code, get, post, say};

fn with_header(url: &str, name: &str, value: &[u8]) -> Request {
    Request {
        headers: vec![(name.to_owned(), value.to_vec())],
        ..post(url)
    }
}

#[tokio::test]
async fn the_request_is_framed_by_the_host_in_origin_form() {
    let provider = Provider::tls(|_| say(OK)).await;
    let request = Request {
        headers: vec![
            ("Content-Type".to_owned(), b" text/plain\t".to_vec()),
            ("x-key".to_owned(), b"a\tb".to_vec()),
            ("x-key".to_owned(), b"c".to_vec()),
        ],
        ..post("https://api.ok.com/messages?to=1&x=%20")
    };
    let trip = provider.trip();
    assert_eq!(code(&trip.send(request).await.1), "ok");
    let empty = Request {
        body: "".into(),
        headers: Vec::new(),
        ..post("https://api.ok.com")
    };
    assert_eq!(code(&trip.send(empty).await.1), "ok");
    assert_eq!(code(&trip.send(get("https://api.ok.com/?a")).await.1), "ok");
    assert_eq!(
        provider.requests(),
        [
            "POST /messages?to=1&x=%20 HTTP/1.1\r\nhost: api.ok.com\r\naccept-encoding: identity\r\nphonebox-hop: 1\r\n\
             content-length: 5\r\ncontent-type: text/plain\r\nx-key: a\tb\r\nx-key: c\r\n\r\nhello",
            "POST / HTTP/1.1\r\nhost: api.ok.com\r\naccept-encoding: identity\r\nphonebox-hop: 1\r\ncontent-length: 0\r\n\r\n",
            "GET /?a HTTP/1.1\r\nhost: api.ok.com\r\naccept-encoding: identity\r\nphonebox-hop: 1\r\n\r\n",
        ]
    );
}

#[tokio::test]
async fn d13_headers_of_the_host_are_refused_before_anything_is_dialled() {
    let provider = Provider::tls(|_| say(OK)).await;
    for name in [
        "host",
        "hOsT",
        "Content-Length",
        "transfer-encoding",
        "TE",
        "trailer",
        "connection",
        "keep-alive",
        "upgrade",
        "expect",
        "proxy-authorization",
        "Proxy-Connection",
        "http2-settings",
        "forwarded",
        "x-forwarded-for",
        "X-Forwarded-Host",
        "via",
        "x-real-ip",
        "cookie",
        "accept-encoding",
        "x-aws-ec2-metadata-token",
        "x-aws-ec2-metadata-token-ttl-seconds",
        "metadata-flavor",
        "metadata",
        "Phonebox-Hop",
    ] {
        let (exchange, result) = provider
            .trip()
            .send(with_header(&provider.base(), name, b"x"))
            .await;
        let flaw = HeaderFlaw::HostOwned;
        assert_eq!(
            result,
            Err(Error::HeaderForbidden {
                name: name.to_owned(),
                flaw
            }),
            "{name}: {exchange:?}"
        );
    }
    for name in [":authority", "", "a b", "a:", "é", "x\r\ny", "x\0"] {
        let (exchange, result) = provider
            .trip()
            .send(with_header(&provider.base(), name, b"x"))
            .await;
        match result {
            Err(Error::HeaderForbidden {
                flaw: HeaderFlaw::Name,
                name: told,
            }) => {
                assert!(!told.contains(char::is_control), "{told:?}");
            }
            other => panic!("{name:?}: {other:?} {exchange:?}"),
        }
    }
    assert_eq!(provider.connections().await, 0);
}

#[tokio::test]
async fn hostile_header_values_never_become_a_second_request() {
    let provider = Provider::tls(|_| say(OK)).await;
    for value in [
        &b"a\r\nx: y"[..],
        b"a\nx: y",
        b"a\rx",
        b"a\r\n\r\nGET /admin HTTP/1.1\r\nhost: api.ok.com\r\n\r\n",
        b"a\0",
        b"\x7f",
        b"caf\xe9",
        "é".as_bytes(),
        b"a\x0b",
        b"\r\n",
        b"a\r\n b",
    ] {
        let (exchange, result) = provider
            .trip()
            .send(with_header(&provider.base(), "x-key", value))
            .await;
        let flaw = HeaderFlaw::Value;
        assert_eq!(
            result,
            Err(Error::HeaderForbidden {
                name: "x-key".to_owned(),
                flaw
            }),
            "{value:?}: {exchange:?}"
        );
    }
    assert_eq!(provider.connections().await, 0);
    let (_, result) = provider
        .trip()
        .send(with_header(&provider.base(), "x-key", b"plain"))
        .await;
    assert_eq!(code(&result), "ok");
    assert_eq!(provider.requests().len(), 1, "{:?}", provider.requests());
}

#[tokio::test]
async fn c06_too_many_or_too_large_headers() {
    let provider = Provider::tls(|_| say(OK)).await;
    let headers = |count: usize, name: usize, value: usize| -> Vec<(String, Vec<u8>)> {
        (0..count)
            .map(|index| (format!("{index:0>name$}"), vec![b'v'; value]))
            .collect()
    };
    for (headers, wanted) in [
        (headers(64, 4, 4), "ok"),
        (headers(65, 4, 4), "request-header-section-size"),
        (headers(40_000, 4, 4), "request-header-section-size"),
        (headers(1, 128, 8192), "ok"),
        (headers(1, 129, 1), "request-header-section-size"),
        (headers(1, 4, 8193), "request-header-section-size"),
        (headers(2, 4, 8188), "ok"),
        (headers(2, 4, 8189), "request-header-section-size"),
    ] {
        let shown = (headers.len(), headers[0].0.len(), headers[0].1.len());
        let (_, result) = provider
            .trip()
            .send(Request {
                headers,
                ..post(&provider.base())
            })
            .await;
        assert_eq!(code(&result), wanted, "{shown:?}");
    }
}

#[tokio::test]
async fn bodies_have_a_limit_and_get_has_none() {
    let provider = Provider::tls(|_| say(OK)).await;
    let body = |size: usize| Request {
        body: vec![b'b'; size].into(),
        ..post("https://api.ok.com/")
    };
    assert_eq!(code(&provider.trip().send(body(256 * 1024)).await.1), "ok");
    let (_, result) = provider.trip().send(body(256 * 1024 + 1)).await;
    assert_eq!(result, Err(Error::RequestBodySize(256 * 1024)));
    let (_, result) = provider
        .trip()
        .send(Request {
            body: "x".into(),
            ..get("https://api.ok.com/")
        })
        .await;
    assert_eq!(result, Err(Error::RequestBodySize(0)));
    assert_eq!(provider.requests().len(), 1);
}
