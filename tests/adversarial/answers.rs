//! P: what a provider answers, and how.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::area::{Area, RULES, Settings, clipped, ending, log, name, nowhere};
use crate::provider::{Authority, Provider, params, self_signed_server};

/// What an ordinary answer's body may be, with what is read beyond it, in bytes.
const READ: u64 = 300 << 10;

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    let authority = Authority::new();
    let evil = Provider::tls(authority.server(&["*.ok.com", "ok.com"]));
    let expired = {
        let mut params = params(&["expired.ok.com"]);
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        params
    };
    let early = {
        let mut params = params(&["early.ok.com"]);
        params.not_before = rcgen::date_time_ymd(4001, 1, 1);
        params.not_after = rcgen::date_time_ymd(4002, 1, 1);
        params
    };
    let alert = |level: u8, what: u8| vec![0x15, 3, 1, 0, 2, level, what];
    // A ServerHello of TLS 1.0 that takes TLS_RSA_WITH_AES_128_CBC_SHA.
    let tls_1_0 = [
        &[0x16, 3, 1, 0, 0x2a, 2, 0, 0, 0x26, 3, 1][..],
        &[7; 32],
        &[0, 0, 0x2f, 0],
    ]
    .concat();
    let servers = [
        ("expired", Provider::tls(authority.server_with(&expired))),
        ("early", Provider::tls(authority.server_with(&early))),
        (
            "self-signed",
            Provider::tls(self_signed_server(&["self-signed.ok.com"])),
        ),
        (
            "wrong-name",
            Provider::tls(authority.server(&["somebody-else.ok.com"])),
        ),
        (
            "stranger",
            Provider::tls(Authority::new().server(&["stranger.ok.com"])),
        ),
        (
            "parent",
            Provider::tls(authority.server(&["parent.ok.com.evil.net", "*.parent.ok.com"])),
        ),
        (
            "chain",
            Provider::tls(authority.server_with_chain(&["chain.ok.com"], 100)),
        ),
        (
            "asks",
            Provider::tls(authority.server_that_asks(&["asks.ok.com"])),
        ),
        ("tls-1-0", Provider::raw(tls_1_0)),
        ("refuses", Provider::raw(alert(2, 70))),
        ("warns", Provider::raw(alert(1, 112).repeat(10_000))),
        (
            "plain",
            Provider::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()),
        ),
        ("noise", Provider::raw(crate::hostile::noise(1 << 16, 9))),
        (
            "huge-record",
            Provider::raw([&[0x16, 3, 3, 0xff, 0xff][..], &vec![0; 1 << 16]].concat()),
        ),
        ("silent", Provider::raw(Vec::new())),
    ];
    let mut names: Vec<_> = servers
        .iter()
        .map(|(host, server)| name(&format!("{host}.ok.com"), server))
        .collect();
    names.push(("nobody.ok.com".to_owned(), vec![nowhere()]));
    let settings = Settings {
        names,
        limits: "tenant_rate = 100000".to_owned(),
        ..Settings::default()
    };
    let area = Area::start_with(filter, settings, authority, evil).await;

    area.case(
        "P01",
        "bodies of 10 GiB, without an end, in chunks, in trailers",
        async |case| {
            let tenant = case
                .deploy_probe(&format!("{RULES}[limits]\ndeadline_ms = 5000\n"))
                .await;
            let mut told = Vec::new();
            for kind in [
                "bomb",
                "bomb-to-the-end",
                "bomb-in-chunks",
                "bomb-in-crumbs",
                "bomb-in-trailers",
            ] {
                for import in ["http", "wasi"] {
                    let written = case.area.evil.met.written.load(Ordering::SeqCst);
                    let line = match import {
                        "http" => format!("http {{\"url\":\"https://evil.ok.com/{kind}\"}}"),
                        _ => format!("wasi {{\"authority\":\"evil.ok.com\",\"path\":\"/{kind}\"}}"),
                    };
                    let report = case.probe(&tenant, std::slice::from_ref(&line)).await;
                    let answer = log(&report).join("\n");
                    // The excess may be in the framing and not in the body.
                    let expected: &[&str] = match kind {
                        "bomb-in-crumbs" => &[
                            "ResponseBodySize",
                            "HttpProtocolError",
                            "HttpResponseBodySize",
                        ],
                        "bomb-in-trailers" => &[
                            "ResponseHeaderSectionSize",
                            "HttpProtocolError",
                            "HttpResponseHeaderSectionSize",
                        ],
                        _ => &["ResponseBodySize"],
                    };
                    assert!(
                        expected.iter().any(|expected| answer.contains(expected)),
                        "sent {line}\nreceived {report:#}\nexpected one of {expected:?}"
                    );
                    let down = report["exchanges"][0]["bytes_down"].as_u64().unwrap();
                    assert!(down <= READ, "sent {line}\nread {down} bytes");
                    let closed = crate::host::eventually(|| {
                        (case.area.evil.met.open.load(Ordering::SeqCst) == 0).then_some(())
                    });
                    assert!(
                        closed.await.is_some(),
                        "sent {line}\nthe connection stays open"
                    );
                    let written = case.area.evil.met.written.load(Ordering::SeqCst) - written;
                    assert!(
                        written < 1 << 20,
                        "sent {line}\n{written} bytes left the provider"
                    );
                    told.push(written >> 10);
                }
            }
            format!("cut off after at most {} KiB", told.iter().max().unwrap())
        },
    )
    .await;

    area.case(
        "P02",
        "answers in codings that nobody asked for, and wrong labels",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let codings = [
                "gzip",
                "GZIP",
                "x-gzip",
                "br",
                "zstd",
                "deflate",
                "compress",
                "identity,%20gzip",
                "gzip,%20gzip",
                "gzip,br,zstd",
                "aes128gcm",
                "exi",
                "%20gzip",
                ",",
                "identity;q=1",
                "nonsense",
            ];
            let lines: Vec<String> = codings
                .iter()
                .map(|coding| format!("http {{\"url\":\"https://evil.ok.com/coded?{coding}\"}}"))
                .collect();
            let told = case.probe_each(&tenant, &lines).await;
            for (coding, told) in codings.iter().zip(&told) {
                assert_eq!(
                    told, "Error::ResponseContentCoding",
                    "sent content-encoding: {coding}"
                );
            }
            let whole = ["coded?identity", "coded?IDENTITY", "unlabelled"]
                .map(|path| format!("http {{\"url\":\"https://evil.ok.com/{path}\"}}"));
            let report = case.probe(&tenant, &whole).await;
            for told in log(&report) {
                assert!(told.starts_with("200"), "received {report:#}");
            }
            let line = "http {\"url\":\"https://evil.ok.com/transfer-gzip\"}".to_owned();
            let report = case.probe(&tenant, &[line]).await;
            assert_eq!(
                log(&report),
                ["Error::HttpProtocolError"],
                "received {report:#}"
            );
            // Nothing was asked for.
            for request in case.area.evil.met.with("/coded") {
                assert!(
                    request.contains("accept-encoding: identity\r\n"),
                    "the provider received {request:?}"
                );
            }
            format!("response-content-coding for {}", codings.len())
        },
    )
    .await;

    area.case(
        "P04",
        "10,000 headers, 1 MiB of one, 1,000 interim answers",
        async |case| {
            let tenant = case
                .deploy_probe(&format!("{RULES}[limits]\ndeadline_ms = 5000\n"))
                .await;
            for (kind, expected) in [
                ("many-headers", "ResponseHeaderSectionSize"),
                ("fields-101", "ResponseHeaderSectionSize"),
                ("long-header", "ResponseHeaderSectionSize"),
                ("endless-header", "ResponseHeaderSectionSize"),
                ("endless-status", "ResponseHeaderSectionSize"),
                ("interim-1000", "HttpProtocolError"),
                ("interim-endless", "HttpProtocolError"),
                ("early-hints-large", "ResponseHeaderSectionSize"),
                ("switching", "HttpProtocolError"),
            ] {
                let written = case.area.evil.met.written.load(Ordering::SeqCst);
                let line = format!("http {{\"url\":\"https://evil.ok.com/{kind}\"}}");
                let report = case.probe(&tenant, &[line]).await;
                let told = log(&report).join("\n");
                // Which of the two limits is met first is the reader's affair; that one is, is not.
                let either = [
                    "Error::ResponseHeaderSectionSize",
                    "Error::HttpProtocolError",
                ];
                assert!(
                    told.contains(expected) || either.contains(&told.as_str()),
                    "sent {kind}\nreceived {report:#}\nexpected {expected}"
                );
                let written = case.area.evil.met.written.load(Ordering::SeqCst) - written;
                assert!(
                    written < 1 << 20,
                    "sent {kind}\n{written} bytes left the provider"
                );
            }
            "header-section-size, protocol-error".to_owned()
        },
    )
    .await;

    area.case(
        "P06",
        "certificates and handshakes of every wrong kind",
        async |case| {
            let hosts: Vec<&str> = servers.iter().map(|(host, _)| *host).collect();
            let rules: String = hosts
                .iter()
                .map(|host| format!("[[egress]]\norigin = \"https://{host}.ok.com\"\n"))
                .collect();
            let tenant = case
                .deploy_probe(&format!("{rules}[limits]\ndeadline_ms = 6000\n"))
                .await;
            let lines: Vec<String> = hosts
                .iter()
                .map(|host| format!("send POST https://{host}.ok.com/"))
                .collect();
            let told = case.probe_each(&tenant, &lines).await;
            let mut wrong = Vec::new();
            for (host, told) in hosts.iter().zip(&told) {
                let expected: &[&str] = match *host {
                    "expired" | "early" | "self-signed" | "wrong-name" | "stranger" | "parent" => {
                        &["TlsCertificateError"]
                    }
                    // It may be taken for too long, or passed over.
                    "chain" => &["TlsCertificateError", "TlsProtocolError", "201"],
                    // In TLS 1.3 the server says so after the handshake.
                    "asks" => &[
                        "TlsProtocolError",
                        "TlsCertificateError",
                        "ConnectionTerminated",
                    ],
                    "silent" => &["ConnectionTimeout", "TlsProtocolError"],
                    _ => &["TlsProtocolError"],
                };
                if !expected.iter().any(|expected| told.contains(expected)) {
                    wrong.push(format!(
                        "{host}: received {told}, expected one of {expected:?}"
                    ));
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            // Nothing was said to any of them.
            for (host, server) in &servers {
                let requests = server.met.requests().len();
                assert!(
                    requests == 0 || *host == "chain",
                    "{host} received {requests} requests"
                );
            }
            format!("certificate-error, protocol-error for {}", hosts.len())
        },
    )
    .await;

    area.case("P08", "cookies, Alt-Svc, HSTS, and a second request", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        for import in ["http", "wasi"] {
            let line = |path: &str| match import {
                "http" => format!("http {{\"url\":\"https://evil.ok.com/{path}\",\"show_headers\":true}}"),
                _ => format!("wasi {{\"authority\":\"evil.ok.com\",\"path\":\"/{path}\",\"show_headers\":true}}"),
            };
            let report = case.probe(&tenant, &[line("cookie"), line("echo")]).await;
            let told = log(&report);
            let hidden = ["set-cookie", "alt-svc", "strict-transport", "server-timing", "session=evil"];
            assert!(
                told[0].contains("x-kept: yes") && hidden.iter().all(|hidden| !told[0].contains(hidden)),
                "received {report:#}"
            );
            let echo = told[1..].concat();
            assert!(
                echo.contains("host: evil.ok.com") && !echo.to_lowercase().contains("cookie:"),
                "received {report:#}"
            );
        }
        "neither seen nor sent".to_owned()
    })
    .await;

    area.case(
        "P09",
        "connections reset, closed, half closed at every point, 1,000 times",
        async |case| {
            let tenant = case
                .deploy_probe(&format!("{RULES}[limits]\ndeadline_ms = 8000\n"))
                .await;
            let kinds = [
                "reset",
                "reset-mid-head",
                "close",
                "close-mid-head",
                "close-mid-body",
                "close-mid-chunk",
                "half-close",
            ];
            let lines: Vec<String> = (0..1001)
                .map(|n| format!("send POST https://evil.ok.com/{}", kinds[n % kinds.len()]))
                .collect();
            let told = case.probe_each(&tenant, &lines).await;
            let expected = ["Error::ConnectionTerminated", "Error::HttpProtocolError"];
            for (line, told) in lines.iter().zip(&told) {
                assert!(
                    expected.contains(&told.as_str()),
                    "sent {line}\nreceived {told}\nexpected one of {expected:?}"
                );
            }
            // A POST that may have been taken is not sent again.
            let arrived = kinds
                .iter()
                .map(|kind| case.area.evil.met.with(&format!("/{kind} HTTP")).len());
            assert_eq!(arrived.sum::<usize>(), lines.len(), "requests that arrived");
            "connection-terminated, each sent once".to_owned()
        },
    )
    .await;

    area.case(
        "P-slow",
        "answers that come a byte at a time, or never",
        async |case| {
            let tenant = case
                .deploy_probe(&format!("{RULES}[limits]\ndeadline_ms = 4000\n"))
                .await;
            let mut runs = Vec::new();
            for kind in ["never", "never-after-head", "drip-head", "drip-body"] {
                for line in [
                    format!("http {{\"url\":\"https://evil.ok.com/{kind}\"}}"),
                    format!("wasi {{\"authority\":\"evil.ok.com\",\"path\":\"/{kind}\"}}"),
                ] {
                    runs.push((line.clone(), case.attempting(&tenant, &line, 1).await));
                }
            }
            for (line, report) in runs {
                let report = report.await;
                let told = log(&report).join("\n");
                assert!(
                    told.contains("ResponseTimeout") && ending(&report) == "sent",
                    "sent {line}\nreceived {report:#}"
                );
            }
            "response-timeout, in time for an outcome".to_owned()
        },
    )
    .await;

    area.case(
        "P-framing",
        "answers that two readers end at different places",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let kinds = [
                "both",
                "two-lengths",
                "list",
                "signed",
                "huge",
                "chunked-twice",
                "folded",
                "space",
                "nul",
                "bad-chunk",
            ];
            let mut lines: Vec<String> = kinds
                .iter()
                .map(|kind| format!("http {{\"url\":\"https://evil.ok.com/framing?{kind}\"}}"))
                .collect();
            lines.push("http {\"url\":\"https://evil.ok.com/not-http\"}".to_owned());
            let told = case.probe_each(&tenant, &lines).await;
            let mut wrong = Vec::new();
            for (line, told) in lines.iter().zip(&told) {
                if told != "Error::HttpProtocolError" {
                    wrong.push(format!("sent {line}, received {told}"));
                }
            }
            assert!(
                wrong.is_empty(),
                "{}\nexpected HttpProtocolError",
                wrong.join("\n")
            );
            // A second answer that nobody asked for is nobody's: not the next request's of this tenant, nor another's.
            for _ in 0..10 {
                let report = case
                    .probe(
                        &tenant,
                        &[
                            "send POST https://evil.ok.com/one-too-many".to_owned(),
                            "send POST https://evil.ok.com/after".to_owned(),
                        ],
                    )
                    .await;
                let told = log(&report);
                assert!(
                    !report.to_string().contains("smuggled") && told[1].contains("SM"),
                    "received {report:#}"
                );
            }
            format!("http-protocol-error for {}", lines.len())
        },
    )
    .await;

    area.case(
        "P-poison",
        "answers that steer terminals and log readers; nobody there",
        async |case| {
            let tenant = case
                .deploy_probe(&format!(
                    "{RULES}[[egress]]\norigin = \"https://nobody.ok.com\"\n"
                ))
                .await;
            let line = json!({ "url": "https://evil.ok.com/poison", "show_headers": true });
            let report = case
                .probe(
                    &tenant,
                    &[
                        format!("http {line}"),
                        "send POST https://nobody.ok.com/".to_owned(),
                    ],
                )
                .await;
            let said: Vec<Value> = report["log"].as_array().cloned().unwrap_or_default();
            let steering = |character: char| {
                (character.is_control() && character != '\t')
                    || ('\u{202a}'..='\u{202e}').contains(&character)
            };
            assert!(
                !said.iter().any(|line| line["message"]
                    .as_str()
                    .unwrap_or_default()
                    .chars()
                    .any(steering)),
                "received {}",
                clipped(&report.to_string())
            );
            assert_eq!(
                log(&report).last().map(String::as_str),
                Some("Error::ConnectionRefused"),
                "received {report:#}"
            );
            "escaped; connection-refused".to_owned()
        },
    )
    .await;

    area.finish("P").await
}
