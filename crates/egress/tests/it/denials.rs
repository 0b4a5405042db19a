//! What is never asked: each refusal is proved by a listener that saw no connection.

use std::net::SocketAddr;
use std::sync::Arc;

use phonebox_contract::Fault;
use phonebox_egress::{Egress, Error, Exchange, Policy, Reason, Request, Response, Rule, Verdict};

use crate::support::{HOST, OK, Provider, begin, code, get, limits, policy, post, rule, say};

async fn send(
    provider: &Provider,
    policy: Policy,
    request: Request,
) -> (Exchange, Result<Response, Error>) {
    let egress = provider.door().build().unwrap();
    begin(&egress.outbound("acme", Arc::new(policy)))
        .send(request)
        .await
}

async fn refused(provider: &Provider, policy: Policy, request: Request, wanted: &str) -> Exchange {
    let url = request.url.clone();
    let (exchange, result) = send(provider, policy, request).await;
    assert_eq!(code(&result), wanted, "{url:?}: {exchange:?}");
    assert_eq!(
        exchange.decision.verdict,
        Verdict::Denied,
        "{url:?}: {exchange:?}"
    );
    assert_eq!(exchange.connection, None, "{url:?}: {exchange:?}");
    exchange
}

#[tokio::test]
async fn d01_address_literals_are_not_dialled() {
    let provider = Provider::tls(|_| say(OK)).await;
    let port = provider.address.port();
    for host in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "8.8.8.8",
        "[::1]",
        "[fd00:ec2::254]",
        "[::ffff:7f00:1]",
    ] {
        for url in [
            format!("https://{host}/"),
            format!("https://{host}:{port}/"),
        ] {
            refused(
                &provider,
                policy(&[&provider.base()]),
                post(&url),
                "destination-ip-prohibited",
            )
            .await;
        }
    }
    assert_eq!(provider.connections().await, 0);
}

#[tokio::test]
async fn d02_other_spellings_of_addresses_are_not_names() {
    let provider = Provider::tls(|_| say(OK)).await;
    for host in [
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "0",
        "0.0.0.0.",
        "4294967296",
        "127.0.0.256",
        "1.2.3.4.5",
        "0x",
        "127.0.0.0x1",
        "[::127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "[::1%25lo]",
        "[::1",
        "%31%32%37.0.0.1",
    ] {
        let (exchange, result) = send(
            &provider,
            policy(&[&provider.base()]),
            post(&format!("https://{host}/")),
        )
        .await;
        assert_eq!(code(&result), "request-uri-invalid", "{host}: {exchange:?}");
        assert_eq!(exchange.timings.resolve, None, "{host} was resolved");
    }
    assert_eq!(provider.connections().await, 0);
}

#[tokio::test]
async fn d04_a_name_that_leads_to_a_special_address_is_not_dialled() {
    for address in [
        "0.0.0.0",
        "10.0.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.7",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2620:4f:8000::1",
        "3ffe::1",
        "3fff::1",
        "5f00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2a00::5efe:10.0.0.1",
    ] {
        let answer = SocketAddr::new(address.parse().unwrap(), 443);
        let egress = Egress::builder()
            .limits(limits())
            .resolve(HOST, vec![answer])
            .build()
            .unwrap();
        let trip = begin(&egress.outbound("acme", Arc::new(policy(&["https://api.ok.com"]))));
        let (exchange, result) = trip.send(post("https://api.ok.com/")).await;
        assert_eq!(
            code(&result),
            "destination-ip-prohibited",
            "{address}: {exchange:?}"
        );
        assert_eq!(exchange.decision.reason, Reason::Address);
        assert_eq!(exchange.timings.connect, None, "{address} was dialled");
        let told = format!(
            "{exchange:?} {} {result:?}",
            serde_json::to_string(&exchange).unwrap()
        );
        // `::` stands in every Rust path, and in no JSON of ours.
        assert!(
            address == "::" || !told.contains(address),
            "{address} is told: {told}"
        );
    }
}

#[tokio::test]
async fn d07_one_bad_answer_spoils_all_in_either_order() {
    let provider = Provider::tls(|_| say(OK)).await;
    let inside: SocketAddr = "10.0.0.1:443".parse().unwrap();
    for answers in [
        vec![provider.address, inside],
        vec![inside, provider.address],
    ] {
        let egress = provider.door().resolve(HOST, answers).build().unwrap();
        let trip = begin(&provider.outbound(&egress, "acme"));
        let (exchange, result) = trip.send(post(&provider.base())).await;
        assert_eq!(code(&result), "destination-ip-prohibited", "{exchange:?}");
    }
    assert_eq!(provider.connections().await, 0);
}

#[tokio::test]
async fn d11_urls_that_two_readers_read_differently() {
    let provider = Provider::tls(|_| say(OK)).await;
    for url in [
        "https://api.ok.com@evil.com/",
        "https://evil.com#@api.ok.com",
        "https://api.ok.com\\@evil.com",
        "https:///api.ok.com",
        "https:api.ok.com",
        "//api.ok.com/",
        "/messages",
        "",
        "https://",
        "https://:443/",
        "https://api.ok.com:0/",
        "https://api.ok.com:/",
        "https://api.ok.com:99999/",
        "https://api.ok.com:0443/",
        "https://api.ok.com:+443/",
        "https://api..ok.com/",
        "https://.api.ok.com/",
        "https://api.ok.com../",
        "https://api_x.ok.com/",
        "https://-api.ok.com/",
        "https://ａpi.ok.com/",
        "https://api%2eok.com/",
        " https://api.ok.com/",
        "https://api.ok.com/a b",
        "https://api.ok.com/\r\nx: y",
        "https://api.ok.com/\u{0}",
        "https://api.ok.com/{x}",
        "https://xn--a.ok.com/",
        "https://user:pw@api.ok.com/",
    ] {
        let (exchange, result) = send(&provider, policy(&[&provider.base()]), post(url)).await;
        assert_eq!(
            code(&result),
            "request-uri-invalid",
            "{url:?}: {exchange:?}"
        );
        assert_eq!(result.unwrap_err().fault(), Fault::Action);
    }
    let long = format!("https://api.ok.com/{}", "a".repeat(4096));
    refused(
        &provider,
        policy(&[&provider.base()]),
        post(&long),
        "request-uri-invalid",
    )
    .await;
    assert_eq!(provider.connections().await, 0);
}

#[tokio::test]
async fn d14_only_the_very_origin_is_allowed() {
    let provider = Provider::tls(|_| say(OK)).await;
    for (url, wanted) in [
        ("https://api.ok.com.evil.net/", "request-denied"),
        ("https://xapi.ok.com/", "request-denied"),
        ("https://ok.com/", "request-denied"),
        ("https://api.ok.com:8443/", "request-denied"),
        ("https://api.ok.com./", "ok"),
        ("https://API.OK.COM/", "ok"),
        ("https://api.ok.com:443/", "ok"),
        ("HTTPS://api.ok.com", "ok"),
        ("https://api.ok.com?a=b", "ok"),
    ] {
        let (exchange, result) = send(&provider, policy(&["https://api.ok.com"]), get(url)).await;
        assert_eq!(code(&result), wanted, "{url}: {exchange:?}");
    }
    let requests = provider.requests();
    assert_eq!(requests.len(), 5, "{requests:?}");
    for request in requests {
        assert!(request.contains("\r\nhost: api.ok.com\r\n"), "{request}");
        assert!(
            request.starts_with("GET / ") || request.starts_with("GET /?a=b "),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_wildcard_stands_for_one_label() {
    let provider = Provider::tls(|_| say(OK)).await;
    for (url, wanted) in [
        ("https://api.ok.com/", "ok"),
        ("https://ok.com/", "request-denied"),
        ("https://a.api.ok.com/", "request-denied"),
        ("https://api.ok.com.evil.net/", "request-denied"),
        ("https://apiok.com/", "request-denied"),
    ] {
        let (exchange, result) = send(&provider, policy(&["https://*.ok.com"]), get(url)).await;
        assert_eq!(code(&result), wanted, "{url}: {exchange:?}");
    }
}

#[tokio::test]
async fn d16_other_schemes_are_denied() {
    let provider = Provider::tls(|_| say(OK)).await;
    for url in [
        "http://api.ok.com/",
        "HTTP://api.ok.com/",
        "ftp://api.ok.com/",
        "file:///etc/passwd",
        "ws://api.ok.com/",
        "wss://api.ok.com/",
        "data:text/plain,x",
        "unix:/run/x.sock",
        "javascript:1",
    ] {
        let exchange = refused(
            &provider,
            policy(&["https://api.ok.com", "http://api.ok.com"]),
            post(url),
            "request-denied",
        )
        .await;
        assert_eq!(exchange.decision.reason, Reason::Scheme, "{url}");
    }
    assert_eq!(provider.connections().await, 0);
}

#[tokio::test]
async fn d19_paths_match_literally() {
    let provider = Provider::tls(|_| say(OK)).await;
    for (path, wanted) in [
        ("/allowed", "ok"),
        ("/%61llowed", "ok"),
        ("/allowed?to=admin/..", "ok"),
        ("/v1/x/send", "ok"),
        ("/v1/%E2%82%AC/send", "ok"),
        ("/deep/a/b", "ok"),
        ("/deep/", "ok"),
        ("/deep", "request-denied"),
        ("/v1//send", "request-denied"),
        ("/v1/x/y/send", "request-denied"),
        ("/allowed/", "request-denied"),
        ("/Allowed", "request-denied"),
        ("/allowed;x", "request-denied"),
        ("/allowed/../admin", "request-denied"),
        ("/allowed/%2e%2e/admin", "request-denied"),
        ("/deep/../admin", "request-denied"),
        ("/deep/.%2E/admin", "request-denied"),
        ("/deep/./a", "request-denied"),
        ("/deep/%2F..", "request-denied"),
        ("/deep/a%5cb", "request-denied"),
        ("/deep/a%00", "request-denied"),
        ("/deep/a%zz", "request-denied"),
        ("/deep/a%2", "request-denied"),
        ("//allowed", "request-denied"),
        ("/", "request-denied"),
    ] {
        let policy = Policy::new(vec![rule(
            "https://api.ok.com",
            &["/allowed", "/v1/*/send", "/deep/**"],
        )])
        .unwrap();
        let (exchange, result) =
            send(&provider, policy, get(&format!("https://api.ok.com{path}"))).await;
        assert_eq!(code(&result), wanted, "{path}: {exchange:?}");
    }
    assert_eq!(provider.connections().await, 7);
}

#[tokio::test]
async fn d22_other_methods_are_refused() {
    let provider = Provider::tls(|_| say(OK)).await;
    for (method, wanted) in [
        ("CONNECT", "request-method-invalid"),
        ("TRACE", "request-method-invalid"),
        ("OPTIONS", "request-method-invalid"),
        ("PRI", "request-method-invalid"),
        ("post", "request-method-invalid"),
        ("POST ", "request-method-invalid"),
        ("POST / HTTP/1.1\r\nx: y", "request-method-invalid"),
        ("", "request-method-invalid"),
        ("DELETE", "request-denied"),
    ] {
        let request = Request {
            method: method.to_owned(),
            ..post("https://api.ok.com/")
        };
        refused(&provider, policy(&[&provider.base()]), request, wanted).await;
    }
    assert_eq!(provider.connections().await, 0);
}

#[tokio::test]
async fn e05_special_names_and_e07_ports_are_denied() {
    let provider = Provider::tls(|_| say(OK)).await;
    for (url, reason) in [
        ("https://localhost/", Reason::SpecialName),
        ("https://metadata.google.internal/", Reason::SpecialName),
        ("https://instance-data/", Reason::SpecialName),
        ("https://printer.local/", Reason::SpecialName),
        ("https://x.home.arpa./", Reason::SpecialName),
        ("https://api.ok.com:22/", Reason::Port),
        ("https://api.ok.com:6379/", Reason::Port),
    ] {
        let exchange = refused(
            &provider,
            policy(&["https://api.ok.com"]),
            post(url),
            "request-denied",
        )
        .await;
        assert_eq!(exchange.decision.reason, reason, "{url}");
    }
    assert_eq!(provider.connections().await, 0);
}

#[tokio::test]
async fn a_ceiling_bounds_every_policy() {
    let provider = Provider::tls(|_| say(OK)).await;
    let ceiling = Policy::new(vec![
        Rule::new("https://api.ok.com", &["POST"], &["/v1/**"]).unwrap(),
    ])
    .unwrap();
    let egress = provider.door().ceiling(ceiling).build().unwrap();
    let outbound = egress.outbound(
        "acme",
        Arc::new(policy(&["https://api.ok.com", "https://other.ok.com"])),
    );
    let trip = begin(&outbound);
    for (request, wanted) in [
        (post("https://api.ok.com/v1/messages"), "ok"),
        (post("https://api.ok.com/v2/messages"), "request-denied"),
        (get("https://api.ok.com/v1/messages"), "request-denied"),
        (post("https://other.ok.com/v1/messages"), "request-denied"),
    ] {
        let (exchange, result) = trip.send(request).await;
        assert_eq!(code(&result), wanted, "{exchange:?}");
        if let Err(error) = result {
            assert_eq!(exchange.decision.reason, Reason::Ceiling, "{exchange:?}");
            assert!(
                error.hint().unwrap().contains("operator"),
                "{:?}",
                error.hint()
            );
        }
    }
}

#[tokio::test]
async fn without_a_rule_nothing_is_allowed_and_the_hint_is_a_rule() {
    let provider = Provider::tls(|_| say(OK)).await;
    let (_, result) = send(
        &provider,
        Policy::deny_all(),
        post("https://api.ok.com/messages?code=1"),
    )
    .await;
    let error = result.unwrap_err();
    assert_eq!(error.fault(), Fault::Policy);
    assert_eq!(
        error.hint().unwrap(),
        "no rule allows POST https://api.ok.com/messages; allow it in action.toml:\n[[egress]]\norigin = \
         \"https://api.ok.com\"\nmethods = [\"POST\"]"
    );
    assert_eq!(provider.connections().await, 0);
}
