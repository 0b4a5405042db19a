//! D: requests that must not leave, or not so.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use phonebox_test_guests::PROBE;
use serde_json::json;

use crate::area::{Area, Case, RULES, Settings, clipped, ended, ending, log, with_manifest};
use crate::canary::TOKEN;
use crate::provider::{Authority, Provider};

/// Ranges that may not be reached: §2.3 of the specification, in its order.
const DENIED: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "168.63.129.16/32",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "3ffe::/16",
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// Addresses inside of them that are worth a name of their own.
const NOTORIOUS: &[&str] = &[
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.100.100.200",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.169.253",
    "192.0.0.192",
    "168.63.129.16",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::10.0.0.1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2a00:1450::5efe:10.0.0.1",
    "2a00:1450::200:5efe:127.0.0.1",
];

/// So many origins an action may ask for in vain.
const DENIED_ORIGINS: usize = 300;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(5);

/// An address that is denied, to stand beside one that may not be.
const SENTINEL: &str = "10.99.99.99";

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    let authority = Authority::new();
    let evil = Provider::tls(authority.server(&["*.ok.com", "ok.com"]));
    let port = evil.address.port();
    // Where a rebinding name leads the second time: nobody may arrive.
    let rebound = Provider::tripwire((Ipv4Addr::LOCALHOST, port).into());

    let boundaries = boundaries();
    let mut names = Vec::new();
    let at = |address: &str| SocketAddr::new(address.parse().unwrap(), port);
    for (index, address) in NOTORIOUS.iter().enumerate() {
        names.push((format!("n{index}.d04.ok.com"), vec![at(address)]));
    }
    for (index, (address, _)) in boundaries.iter().enumerate() {
        names.push((
            format!("n{index}.d06.ok.com"),
            vec![SocketAddr::new(*address, port), at(SENTINEL)],
        ));
    }
    for (name, addresses) in [
        ("good-first.d07.ok.com", ["93.184.216.34", "10.0.0.1"]),
        ("bad-first.d07.ok.com", ["10.0.0.1", "93.184.216.34"]),
        ("v6-last.d07.ok.com", ["127.77.0.1", "::1"]),
        ("here-first.d07.ok.com", ["127.77.0.1", "127.0.0.1"]),
    ] {
        names.push((name.to_owned(), addresses.map(at).to_vec()));
    }
    let scratch = tempfile::tempdir().unwrap();
    let (library, asked) = (
        scratch.path().join("names.so"),
        scratch.path().join("asked"),
    );
    compile_names(&library);
    let lines = "fine.ok.com.=127.77.0.1;rebind.ok.com.=127.77.0.1,127.0.0.1;twice.ok.com.=127.77.0.1+127.0.0.1";
    let settings = Settings {
        names,
        // Smaller, and larger, than they are, so that a scan is over sooner.
        limits: format!("tenant_rate = 100000\ndenied_origins = {DENIED_ORIGINS}"),
        environment: vec![
            ("LD_PRELOAD".to_owned(), library.display().to_string()),
            ("NAMES".to_owned(), lines.to_owned()),
            ("NAMES_LOG".to_owned(), asked.display().to_string()),
        ],
        ..Settings::default()
    };
    let names_asked = || std::fs::read_to_string(&asked).unwrap_or_default();
    let area = Area::start_with(filter, settings, authority, evil).await;
    let anywhere = format!(
        "{RULES}\n[[egress]]\norigin = \"https://*.d04.ok.com\"\n[[egress]]\norigin = \"https://*.d06.ok.com\"\n\
         [[egress]]\norigin = \"https://*.d07.ok.com\"\n"
    );

    area.case(
        "D01",
        "loopback, private and metadata addresses in the URL",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let tripwire = case.area.tripwire.address.port();
            let mut hosts: Vec<String> = NOTORIOUS
                .iter()
                .map(|address| match address.parse().unwrap() {
                    IpAddr::V4(v4) => v4.to_string(),
                    IpAddr::V6(v6) => format!("[{v6}]"),
                })
                .collect();
            hosts.push(format!("127.0.0.1:{tripwire}"));
            hosts.push(format!("[::ffff:127.0.0.1]:{tripwire}"));
            hosts.push("93.184.216.34".to_owned());
            hosts.push("localhost".to_owned());
            hosts.push(format!("localhost:{tripwire}"));
            hosts.push("metadata.google.internal".to_owned());
            hosts.push("instance-data".to_owned());
            hosts.push("[fe80::1%25eth0]".to_owned());
            let told = deny_all(
                case,
                &tenant,
                hosts
                    .iter()
                    .map(|host| format!("https://{host}/latest/meta-data")),
            )
            .await;
            assert_eq!(names_asked(), "", "names that were looked up");
            told
        },
    )
    .await;

    area.case(
        "D02",
        "other spellings of addresses: decimal, octal, hexadecimal, short (RUSTSEC-2024-0421)",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let told = deny_all(
                case,
                &tenant,
                [
                    "2130706433",
                    "0x7f000001",
                    "0x7f.1",
                    "0177.0.0.1",
                    "127.1",
                    "127.0.1",
                    "127.0.0.1.",
                    "0",
                    "00",
                    "0x",
                    "0.0.0.0",
                    "4294967295",
                    "4294967296",
                    "127.0.0.256",
                    "1.2.3.4.5",
                    "127.0.0.0x1",
                    "127.0.0.1%00",
                    "127%2e0%2e0%2e1",
                    "%31%32%37.0.0.1",
                    "１２７.0.0.1",
                    "127。0。0。1",
                    "ⓛocalhost",
                    "evil｡ok.com",
                    "evil.ok.com\u{ad}",
                    "xn--n3h.ok.com",
                    "[::127.0.0.1]",
                    "[0:0:0:0:0:ffff:7f00:1]",
                    "[::ffff:7f00:0001]",
                    "[::1",
                    "[v1.fe80::]",
                    "[::1].ok.com",
                ]
                .iter()
                .map(|host| format!("https://{host}/")),
            )
            .await;
            assert_eq!(names_asked(), "", "names that were looked up");
            told
        },
    )
    .await;

    area.case(
        "D04",
        "an allowed name that leads to a forbidden address",
        async |case| {
            let tenant = case.deploy_probe(&anywhere).await;
            let lines: Vec<String> = (0..NOTORIOUS.len())
                .map(|index| format!("send POST https://n{index}.d04.ok.com/"))
                .collect();
            let told = case.probe_each(&tenant, &lines).await;
            for (address, told) in NOTORIOUS.iter().zip(&told) {
                assert!(
                    told == "Error::DestinationIpProhibited",
                    "sent a request to a name that is {address}\nreceived {told}"
                );
            }
            // Through wasi:http the same, and nowhere a word about the address but in the operator's log.
            let wasi: Vec<String> = (0..5)
                .map(|index| format!(r#"wasi {{"authority":"n{index}.d04.ok.com"}}"#))
                .collect();
            for told in case.probe_each(&tenant, &wasi).await {
                assert!(told.contains("DestinationIpProhibited"), "received {told}");
            }
            let report = case
                .probe(&tenant, &["send POST https://n7.d04.ok.com/".to_owned()])
                .await;
            assert!(
                !report.to_string().contains("169.254.169.254"),
                "the report tells the address: {report:#}"
            );
            format!("destination-ip-prohibited for {}", NOTORIOUS.len())
        },
    )
    .await;

    area.case(
        "D06",
        "the ends of each forbidden range, and their neighbours",
        async |case| {
            let tenant = case.deploy_probe(&anywhere).await;
            let lines: Vec<String> = (0..boundaries.len())
                .map(|index| format!("send POST https://n{index}.d06.ok.com/"))
                .collect();
            let told = case.probe_each(&tenant, &lines).await;
            let records = case.host().decided(&tenant, lines.len()).await;
            for (index, (address, denied)) in boundaries.iter().enumerate() {
                assert_eq!(told[index], "Error::DestinationIpProhibited", "{address}");
                // The first address of an answer that is forbidden is the one that the record names. So an address that may be
                // reached is told from one that may not, and nobody is asked.
                let origin = json!(format!("https://n{index}.d06.ok.com"));
                let record = records.iter().find(|record| record["origin"] == origin);
                let told = record.map_or("", |record| {
                    let prohibited = record["prohibited"].as_str().unwrap_or_default();
                    prohibited.split(' ').next().unwrap_or_default()
                });
                let expected = if *denied {
                    address.to_string()
                } else {
                    SENTINEL.to_owned()
                };
                assert_eq!(
                    told, expected,
                    "sent a request to a name that is {address} and {SENTINEL}\nreceived {record:?}"
                );
            }
            let denied = boundaries.iter().filter(|(_, denied)| *denied).count();
            format!(
                "{denied} addresses forbidden, {} not",
                boundaries.len() - denied
            )
        },
    )
    .await;

    area.case(
        "D07",
        "answers that mix public and private addresses",
        async |case| {
            let tenant = case.deploy_probe(&anywhere).await;
            let lines: Vec<String> = ["good-first", "bad-first", "v6-last", "here-first"]
                .iter()
                .map(|name| format!("send POST https://{name}.d07.ok.com/"))
                .collect();
            for told in case.probe_each(&tenant, &lines).await {
                assert_eq!(told, "Error::DestinationIpProhibited");
            }
            "all of the answer is refused".to_owned()
        },
    )
    .await;

    area.case("D08", "DNS rebinding: public first, 127.0.0.1 the second time", async |case| {
        let rules = format!(
            "[[egress]]\norigin = \"https://rebind.ok.com:{port}\"\n[[egress]]\norigin = \"https://twice.ok.com:{port}\"\n"
        );
        let tenant = case.deploy_probe(&rules).await;
        let ask = format!("send POST https://rebind.ok.com:{port}/rebind");
        let began = Instant::now();
        let first = case.probe(&tenant, std::slice::from_ref(&ask)).await;
        assert!(
            log(&first)[0].starts_with("201"),
            "sent {ask}\nreceived {first:#}\nlooked up: {}",
            names_asked()
        );
        assert_eq!(names_asked(), "rebind.ok.com.\n", "names that were looked up for one request");
        // What was looked up is kept for a moment, for this tenant alone.
            let again = case.probe(&tenant, std::slice::from_ref(&ask)).await;
            if began.elapsed() < KEPT {
                assert!(log(&again)[0].starts_with("201"), "received {again:#}");
                assert_eq!(names_asked(), "rebind.ok.com.\n", "names that were looked up");
            }
            let other = case.tenant("-other");
            case.deploy(&other, PROBE.bytes, &rules).await;
            let report = case.probe(&other, std::slice::from_ref(&ask)).await;
            assert_eq!(
                log(&report),
                ["Error::DestinationIpProhibited"],
                "received {report:#}\nlooked up: {}",
                names_asked()
            );
            // Then it is looked up anew: a connection to the first address lies idle, and the second answer forbids it.
            let mut told = String::new();
            while !told.contains("DestinationIpProhibited") {
                let report = case.probe(&tenant, std::slice::from_ref(&ask)).await;
                told = log(&report).concat();
                assert!(
                    told.starts_with("201") || told == "Error::DestinationIpProhibited",
                    "received {report:#}"
                );
            }
            assert_eq!(names_asked().lines().count(), 3, "looked up: {}", names_asked());
            let twice = format!("send POST https://twice.ok.com:{port}/rebind");
        let report = case.probe(&tenant, &[twice]).await;
        assert_eq!(log(&report), ["Error::DestinationIpProhibited"], "received {report:#}");
        let missing = format!("send POST https://nowhere.rebind.ok.com:{port}/");
        let report = case.probe(&tenant, &[missing]).await;
        assert_eq!(log(&report), ["Error::RequestDenied"], "received {report:#}");
        assert_eq!(rebound.connections(), 0, "connections to 127.0.0.1");
        "one look-up, loopback never reached".to_owned()
    })
    .await;

    area.case("D10", "redirects to metadata, elsewhere and http", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        let tripwire = case.area.tripwire.address;
        let mut lines = Vec::new();
        for status in [301, 302, 303, 307, 308, 300, 305] {
            for to in [
                "http://169.254.169.254/latest/meta-data/".to_owned(),
                "https://other.ok.com/redirected".to_owned(),
                format!("http://{tripwire}/"),
                "//other.ok.com/redirected".to_owned(),
                "/redirected".to_owned(),
            ] {
                lines.push(format!(
                    "http {}",
                    json!({ "method": "GET", "url": format!("https://evil.ok.com/redirect?{status}&{to}"), "show_headers": true })
                ));
            }
        }
        let told = case.probe_each(&tenant, &lines).await;
        for (line, told) in lines.iter().zip(&told) {
            assert!(
                told.starts_with('3') && told.contains("location: "),
                "sent {line}\nreceived {told}"
            );
        }
        let met = &case.area.evil.met;
        let followed = met.with("GET /redirected").len() + met.with("POST /redirected").len();
        assert_eq!(followed, 0, "requests that followed");
        format!("{} returned as they are", lines.len())
    })
    .await;

    area.case(
        "D11",
        "user names, fragments, backslashes, spaces, missing slashes",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let before = case.area.evil.met.requests().len();
            let urls = [
                "https://evil.ok.com@other.ok.com/",
                "https://user:pass@evil.ok.com/",
                "https://@evil.ok.com/",
                "https://other.ok.com#@evil.ok.com/",
                "https://evil.ok.com#@other.ok.com/",
                "https://evil.ok.com/#fragment",
                "https://evil.ok.com\\@other.ok.com/",
                "https://other.ok.com\\.evil.ok.com/",
                "https:\\\\evil.ok.com/",
                "https:///evil.ok.com/",
                "https:/evil.ok.com/",
                "https:evil.ok.com",
                "https:////evil.ok.com/",
                "https://",
                "https://:443/",
                "https://evil.ok.com:0/",
                "https://evil.ok.com:65536/",
                "https://evil.ok.com:0443/",
                "https://evil.ok.com:+443/",
                "https://evil.ok.com:/",
                "https://evil.ok.com:443:443/",
                "https://evil_.ok.com/",
                "https://evil..ok.com/",
                "https://.evil.ok.com/",
                "https://evil.ok.com../",
                "https://-evil.ok.com/",
                "https://*.ok.com/",
                "https://evil.ok.com\t.other.ok.com/",
                " https://evil.ok.com/",
                "https://evil.ok.com/ ",
                "https://evil.ok.com/\u{0}",
                "https://evil.ok.com/\u{7f}",
                "https://evil.ok.com/é",
                "HTTPS://evil.ok.com@other.ok.com/",
                "https://%65vil.ok.com/",
                "https://evil.ok.com%2f@other.ok.com/",
                "//evil.ok.com/",
                "/evil",
                "",
            ];
            let lines: Vec<String> = urls
                .iter()
                .map(|url| format!("http {}", json!({ "url": url })))
                .collect();
            let told = case.probe_each(&tenant, &lines).await;
            let mut wrong = Vec::new();
            for (url, told) in urls.iter().zip(&told) {
                if told != "Error::RequestUriInvalid" {
                    wrong.push(format!("sent {url:?}, received {told}"));
                }
            }
            assert!(
                wrong.is_empty(),
                "{}\nexpected RequestUriInvalid",
                wrong.join("\n")
            );
            let long = format!("https://evil.ok.com/{}", "a".repeat(4096));
            let told = case
                .probe_each(&tenant, &[format!("http {}", json!({ "url": long }))])
                .await;
            assert_eq!(
                told,
                ["Error::RequestUriInvalid"],
                "sent a URL of 4,116 bytes"
            );
            assert_eq!(
                case.area.evil.met.requests().len(),
                before,
                "requests that left"
            );
            format!("request-uri-invalid for {}", urls.len() + 1)
        },
    )
    .await;

    area.case(
        "D13",
        "headers that are the host's, in every spelling",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let names = [
                "host",
                "Host",
                "hOsT",
                "content-length",
                "Transfer-Encoding",
                "te",
                "trailer",
                "connection",
                "keep-alive",
                "upgrade",
                "expect",
                "proxy-authorization",
                "proxy-connection",
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
                "Metadata-Flavor",
                "Metadata",
                ":authority",
                ":path",
                "host ",
                " host",
                "host:",
                "",
                "a b",
                "a\tb",
                "ho\u{0}st",
                "hést",
                "x\r\nhost",
            ];
            let lines: Vec<String> = names
                .iter()
                .map(|name| {
                    let headers = json!([["x-first", "1"], [name, "other.ok.com"]]);
                    format!(
                        "http {}",
                        json!({ "url": "https://evil.ok.com/d13", "headers": headers })
                    )
                })
                .collect();
            let told = case.probe_each(&tenant, &lines).await;
            for (name, told) in names.iter().zip(&told) {
                assert!(
                    told.contains("HeaderForbidden"),
                    "sent the header {name:?}\nreceived {told}"
                );
            }
            let values = [
                "a\r\nhost: other.ok.com",
                "a\nb",
                "a\rb",
                "a\u{0}b",
                "a\u{7f}b",
                "é",
            ];
            let lines: Vec<String> = values
                .iter()
                .map(|value| {
                    format!(
                        "http {}",
                        json!({ "url": "https://evil.ok.com/d13", "headers": [["x", value]] })
                    )
                })
                .collect();
            let told = case.probe_each(&tenant, &lines).await;
            for (value, told) in values.iter().zip(&told) {
                assert!(
                    told.contains("HeaderForbidden"),
                    "sent the value {value:?}\nreceived {told}"
                );
            }
            assert_eq!(
                case.area.evil.met.with("d13").len(),
                0,
                "requests that left"
            );
            format!("header-forbidden for {}", names.len() + values.len())
        },
    )
    .await;

    area.case("D14", "names that look like an allowed one", async |case| {
        let tenant = case
            .deploy_probe("[[egress]]\norigin = \"https://api.ok.com\"\n")
            .await;
        let tries = [
            ("https://api.ok.com.evil.net/", "RequestDenied"),
            ("https://xapi.ok.com/", "RequestDenied"),
            ("https://api.ok.com./", "201"),
            ("https://API.OK.COM/", "201"),
            ("https://api.ok.com:8443/", "RequestDenied"),
            ("https://api.ok.com:443/", "201"),
            ("https://ok.com/", "RequestDenied"),
            ("https://x.api.ok.com/", "RequestDenied"),
            ("https://api-ok.com/", "RequestDenied"),
            ("https://apiXok.com/", "RequestDenied"),
            ("https://api.ok.comm/", "RequestDenied"),
            ("https://api.ok.com.:443/", "201"),
            ("https://api.ok.co/", "RequestDenied"),
            ("https://other.ok.com/?https://api.ok.com/", "RequestDenied"),
        ];
        let lines: Vec<String> = tries
            .iter()
            .map(|(url, _)| format!("send POST {url}"))
            .collect();
        let told = case.probe_each(&tenant, &lines).await;
        for ((url, expected), told) in tries.iter().zip(&told) {
            assert!(
                told.contains(expected),
                "sent {url}\nreceived {told}\nexpected {expected}"
            );
        }
        for request in case.area.evil.met.with("POST / ") {
            assert!(
                request.to_lowercase().contains("host: api.ok.com\r\n"),
                "the provider received {request:?}"
            );
        }
        "canonical spellings only".to_owned()
    })
    .await;

    area.case("D16", "schemes that are not https", async |case| {
        let tenant = case
            .deploy_probe(&format!(
                "{RULES}\n[[egress]]\norigin = \"http://evil.ok.com\"\n"
            ))
            .await;
        let urls: Vec<String> = [
            "http://evil.ok.com/",
            "HTTP://evil.ok.com/",
            "http://evil.ok.com:443/",
            "ftp://evil.ok.com/",
            "file:///etc/passwd",
            "file://evil.ok.com/etc/passwd",
            "ws://evil.ok.com/",
            "wss://evil.ok.com/",
            "data:text/plain,x",
            "unix:/run/x.sock",
            "http+unix://x/",
            "javascript:1",
            "gopher://evil.ok.com/",
            "httpss://evil.ok.com/",
            "h ttps://evil.ok.com/",
            "blob:https://evil.ok.com/",
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        let told = deny_all(case, &tenant, urls.into_iter()).await;
        // wasi:http has a field for it.
        for scheme in ["http", "ftp", "ws", "file", "HTTPS+x"] {
            let line = format!(
                "wasi {}",
                json!({ "authority": "evil.ok.com", "scheme": scheme })
            );
            let report = case.attempt(&tenant, &line, 0).await;
            case.count(&tenant, report["exchanges"].as_array().map_or(0, Vec::len));
            assert!(
                !log(&report)[0].starts_with('2'),
                "sent {line}\nreceived {report:#}"
            );
        }
        told
    })
    .await;

    area.case("D17", "a proxy in the environment", async |case| {
        // Every host of this test is started with one. So it is enough that requests went through, and none through it.
        let tenant = case.deploy_probe(RULES).await;
        let report = case
            .probe(&tenant, &["send POST https://evil.ok.com/".to_owned()])
            .await;
        assert!(log(&report)[0].starts_with("201"), "received {report:#}");
        assert_eq!(
            case.area.tripwire.connections(),
            0,
            "connections to the proxy"
        );
        "ignored".to_owned()
    })
    .await;

    area.case("D19", "paths that are read in two ways", async |case| {
        let rules =
            "[[egress]]\norigin = \"https://paths.ok.com\"\npaths = [\"/allowed/*\", \"/exact\"]\n";
        let tenant = case.deploy_probe(rules).await;
        let tries = [
            ("/allowed/x", true),
            ("/exact", true),
            ("/%61llowed/x", true),
            ("/exact?../admin", true),
            ("/allowed/../admin", false),
            ("/allowed/..", false),
            ("/allowed/./x", false),
            ("/allowed/%2e%2e/admin", false),
            ("/allowed/%2E%2e", false),
            ("/allowed/.%2e/admin", false),
            ("/allowed%2Fx", false),
            ("/allowed/x%2f..%2fadmin", false),
            ("/allowed/x%5c..%5cadmin", false),
            ("/allowed/%00", false),
            ("/allowed/x%", false),
            ("/allowed/x%zz", false),
            ("/allowed/%252e%252e", true),
            ("//allowed/x", false),
            ("/allowed//x", false),
            ("/allowed/", false),
            ("/allowed", false),
            ("/allowed/x/y", false),
            ("/allowed;x/y", false),
            ("/exact;param", false),
            ("/Exact", false),
            ("/exact/", false),
            ("/exact/.", false),
            ("/exact%20", false),
            ("/exactly", false),
            ("/", false),
            ("", false),
            ("/admin?/allowed/x", false),
            ("/admin", false),
        ];
        let lines: Vec<String> = tries
            .iter()
            .map(|(path, _)| {
                format!(
                    "http {}",
                    json!({ "url": format!("https://paths.ok.com{path}") })
                )
            })
            .collect();
        let told = case.probe_each(&tenant, &lines).await;
        let mut wrong = Vec::new();
        for ((path, allowed), told) in tries.iter().zip(&told) {
            let denied =
                ["Error::RequestDenied", "Error::RequestUriInvalid"].contains(&told.as_str());
            if *allowed != told.starts_with("201") || *allowed == denied {
                wrong.push(format!(
                    "sent {path:?}, received {told}, allowed: {allowed}"
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        for request in case.area.evil.met.with("host: paths.ok.com") {
            let path = request.split([' ', '?']).nth(1).unwrap_or_default();
            assert!(!path.contains("admin"), "the provider received {request:?}");
        }
        format!("{} tried", tries.len())
    })
    .await;

    area.case("D20", "a port scan: 1,005 ports and hosts", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        let open = case.area.tripwire.address.port();
        let here = case.area.evil.address.port();
        let lines: Vec<String> = (0..335_u16)
            .flat_map(|n| {
                let port = match n {
                    0 => open,
                    1 => here,
                    _ => 1024 + n,
                };
                [
                    format!("send POST https://evil.ok.com:{port}/"),
                    format!("send POST https://host-{n}.ok.com/"),
                    format!("send POST https://other.ok.com:{port}/"),
                ]
            })
            .collect();
        let told = case.probe_each(&tenant, &lines).await;
        for (line, told) in lines.iter().zip(&told) {
            assert!(
                ["Error::RequestDenied", "Error::BudgetExceeded"].contains(&told.as_str()),
                "sent {line}\nreceived {told}"
            );
        }
        let asked: Vec<_> = names_asked().lines().filter(|name| name.starts_with("host-")).map(ToOwned::to_owned).collect();
        assert!(asked.is_empty(), "looked up: {asked:?}");
        // E27: a thousand denied targets, and the deployment is suspended.
        let report = case
            .probe(&tenant, &["send POST https://evil.ok.com/after".to_owned()])
            .await;
        let after = log(&report).join("\n");
        assert!(
            !after.starts_with("201"),
            "sent {} requests to targets that are denied, and then one to an allowed one\nreceived {after}\n\
             expected the tenant to be held up after {DENIED_ORIGINS} (E27)",
            lines.len()
        );
        format!("request-denied {} times; then {after}", lines.len())
    })
    .await;

    area.case(
        "D22",
        "methods: CONNECT, TRACE, PRI, lower case, with spaces",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let methods = [
                "CONNECT",
                "TRACE",
                "OPTIONS",
                "PRI",
                "PROPFIND",
                "post",
                "Post",
                "POST ",
                " POST",
                "PO ST",
                "POST\r\nX: y",
                "",
                "GET\u{0}",
                "ＰＯＳＴ",
                "*",
                "M-SEARCH",
            ];
            let lines: Vec<String> = methods
                .iter()
                .map(|method| {
                    format!(
                        "http {}",
                        json!({ "method": method, "url": "https://evil.ok.com/d22" })
                    )
                })
                .collect();
            let told = case.probe_each(&tenant, &lines).await;
            for (method, told) in methods.iter().zip(&told) {
                assert_eq!(told, "Error::RequestMethodInvalid", "sent {method:?}");
            }
            for method in ["CONNECT", "TRACE", "OPTIONS", "PRI", "post", "PO ST"] {
                let line = format!(
                    "wasi {}",
                    json!({ "method": method, "authority": "evil.ok.com", "path": "/d22" })
                );
                let report = case.attempt(&tenant, &line, 0).await;
                case.count(&tenant, report["exchanges"].as_array().map_or(0, Vec::len));
                assert!(
                    !log(&report)[0].starts_with('2'),
                    "sent {line}\nreceived {report:#}"
                );
            }
            // A GET with a body, and one that a rule does not grant.
            let line = json!({ "method": "GET", "url": "https://evil.ok.com/d22", "body": "x" });
            let report = case.probe(&tenant, &[format!("http {line}")]).await;
            assert!(
                log(&report)[0].contains("RequestBodySize"),
                "received {report:#}"
            );
            assert_eq!(
                case.area.evil.met.with("d22").len(),
                0,
                "requests that left"
            );
            format!("request-method-invalid for {}", methods.len())
        },
    )
    .await;

    area.case("D24", "manifests that ask for too much", async |case| {
        let rule = |origin: &str| format!("[[egress]]\norigin = \"{origin}\"\n");
        let mut manifests: Vec<String> = [
            "https://*.com",
            "https://*.co.uk",
            "https://*.github.io",
            "https://*",
            "*",
            "https://*.*.ok.com",
            "https://api.*.com",
            "https://ev*.ok.com",
            "https://10.0.0.0/8",
            "https://93.184.216.34",
            "https://[::1]",
            "https://169.254.169.254",
            "https://2130706433",
            "https://localhost",
            "https://metadata.google.internal",
            "https://single",
            "https://user@evil.ok.com",
            "https://evil.ok.com/path",
            "https://evil.ok.com?query",
            "https://EVIL.ok.com",
            "https://evil.ok.com:22",
            "https://evil.ok.com:6379",
            "https://evil.ok.com:0",
            "https://evil.ok.com ",
            "https://évil.ok.com",
            "ftp://evil.ok.com",
            "evil.ok.com",
            "",
        ]
        .iter()
        .map(|origin| rule(origin))
        .collect();
        manifests.push(
            (0..21)
                .map(|n| rule(&format!("https://n{n}.ok.com")))
                .collect(),
        );
        manifests.push(format!(
            "{}methods = [\"CONNECT\"]\n",
            rule("https://evil.ok.com")
        ));
        manifests.push(format!(
            "{}methods = [\"*\"]\n",
            rule("https://evil.ok.com")
        ));
        manifests.push(format!(
            "{}paths = [\"/a/../b\"]\n",
            rule("https://evil.ok.com")
        ));
        manifests.push(format!(
            "{}paths = [\"/a*b\"]\n",
            rule("https://evil.ok.com")
        ));
        manifests.push(format!(
            "{}mode = \"report\"\n",
            rule("https://evil.ok.com")
        ));
        manifests.push("[limits]\nmemory_mib = 4096\n".to_owned());
        manifests.push("[limits]\ndeadline_ms = 3600000\n".to_owned());
        manifests.push("[egress_all]\n".to_owned());
        let tenant = case.tenant("");
        let mut taken = Vec::new();
        for manifest in &manifests {
            let answer = case
                .upload(&tenant, &with_manifest(PROBE.bytes, manifest))
                .await;
            if answer["deployed"].is_object() {
                taken.push(manifest.clone());
            } else {
                assert!(
                    answer["error"]["message"].is_string() && answer["error"]["fault"] == "action",
                    "sent {manifest}\nreceived {}",
                    clipped(&answer.to_string())
                );
            }
        }
        assert!(taken.is_empty(), "taken, and should be refused: {taken:#?}");
        // Two manifests in one component: which of them is it?
        let path = case.area.write(&tenant, &two_manifests());
        let answer = case
            .upload_file(&tenant, &path, json!({ "TOKEN": TOKEN }))
            .await;
        if answer["deployed"].is_object() {
            let report = case
                .attempt(&tenant, "send POST https://other.ok.com/", 1)
                .await;
            ended("a component with two manifests", &report, "sent");
            panic!("sent a component with two manifests\nreceived {answer}\nand then {report:#}");
        }
        // Nothing asked for, nothing granted.
        case.deploy(&tenant, PROBE.bytes, "").await;
        let report = case
            .probe(&tenant, &["send POST https://evil.ok.com/".to_owned()])
            .await;
        assert_eq!(
            log(&report),
            ["Error::RequestDenied"],
            "received {report:#}"
        );
        format!("{} refused", manifests.len() + 1)
    })
    .await;

    area.case("F10", "names that are never resolved: of one tenant, of 150", async |case| {
        // In a process of its own: what is asked for stays asked for.
        let host = crate::host::Host::start(case.area.folder.path(), &case.area.start).await;
        let stuck = "[[egress]]\norigin = \"https://*.stuck.ok.com\"\n[limits]\ndeadline_ms = 20000\n".to_owned();
        let fine = format!("[[egress]]\norigin = \"https://fine.ok.com:{port}\"\n");
        let deploy = async |tenant: &str, rules: &str| {
            let component = with_manifest(PROBE.bytes, rules);
            let path = case.area.write(&format!("f10-{}", rules.len()), &component);
            let body = json!({ "tenant": tenant, "component": path, "secrets": {} });
            let answer = host.ask("deploy", body).await;
            assert!(answer["deployed"].is_object(), "received {answer}");
        };
        let attempt = |tenant: &str, text: &str| {
            let body = json!({ "tenant": tenant, "event": crate::area::event(tenant, text) });
            async { host.asked("attempt", body).await.await }
        };
        let mut wrong = Vec::new();
        // More names than one tenant may look up at a time, and than all may.
        for (tenants, names) in [(1, 12), (150, 4)] {
            // Before anything is stuck: then only looking up is left to do.
            let other = format!("fine-{tenants}");
            deploy(&other, &fine).await;
            for number in 0..tenants {
                deploy(&format!("stuck-{number}"), &stuck).await;
            }
            let mut runs = Vec::new();
            for number in 0..tenants {
                for name in 0..names {
                    let text = format!("send POST https://n{name}.stuck.ok.com/");
                    runs.push(attempt(&format!("stuck-{number}"), &text));
                }
            }
            for run in futures_util::future::join_all(runs).await {
                let report = run["report"].clone();
                // Where the machine is so busy that the guest is not told in time, the clock ends it.
                assert!(
                    log(&report) == ["Error::DnsTimeout"] || ending(&report) == "deadline_exceeded",
                    "received {report:#}"
                );
            }
            let text = format!("send POST https://fine.ok.com:{port}/");
            let report = attempt(&other, &text).await;
            if log(&report["report"]).first().is_none_or(|told| !told.starts_with("201")) {
                wrong.push(format!(
                    "sent {} names that are never resolved, of {tenants} tenants, and then another tenant's request\n\
                     received {}",
                    tenants * names,
                    clipped(&report.to_string())
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        "dns-timeout for them, 201 for another tenant".to_owned()
    })
    .await;

    area.finish("D").await
}

/// Sees that none of these URLs is asked for, and says how often each error came.
async fn deny_all(case: &Case<'_>, tenant: &str, urls: impl Iterator<Item = String>) -> String {
    let before = case.area.evil.met.requests().len();
    let urls: Vec<String> = urls.collect();
    let lines: Vec<String> = urls
        .iter()
        .map(|url| format!("http {}", json!({ "url": url })))
        .collect();
    let told = case.probe_each(tenant, &lines).await;
    let mut wrong = Vec::new();
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for (url, told) in urls.iter().zip(&told) {
        let expected = [
            "Error::RequestDenied",
            "Error::DestinationIpProhibited",
            "Error::RequestUriInvalid",
        ];
        if !expected.contains(&told.as_str()) {
            wrong.push(format!("sent {url:?}, received {told}"));
        }
        *counts
            .entry(told.trim_start_matches("Error::"))
            .or_default() += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let after = case.area.evil.met.requests().len();
    assert_eq!(after, before, "requests that left");
    let counts: Vec<String> = counts
        .iter()
        .map(|(told, count)| format!("{count} {told}"))
        .collect();
    counts.join(", ")
}

/// The ends of each denied range and what lies beside them, and whether each is denied.
fn boundaries() -> Vec<(IpAddr, bool)> {
    let ranges: Vec<(IpAddr, IpAddr)> = DENIED.iter().map(|range| ends(range)).collect();
    let denied = |address: IpAddr| {
        let outside = match address {
            IpAddr::V4(_) => false,
            IpAddr::V6(v6) => v6.segments()[0] >> 13 != 1,
        };
        outside
            || ranges.iter().any(|(first, last)| {
                first.is_ipv4() == address.is_ipv4() && *first <= address && address <= *last
            })
    };
    let mut boundaries = Vec::new();
    for (first, last) in &ranges {
        let beside = [
            step(*first, false),
            Some(*first),
            Some(*last),
            step(*last, true),
        ];
        for address in beside.into_iter().flatten() {
            // The hosts of this test may reach the providers' network, which lies in the middle of its range.
            if !boundaries.iter().any(|(seen, _)| *seen == address) {
                boundaries.push((address, denied(address)));
            }
        }
    }
    boundaries
}

fn ends(range: &str) -> (IpAddr, IpAddr) {
    let (address, length) = range.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    match address.parse().unwrap() {
        IpAddr::V4(v4) => {
            let first = u32::from(v4);
            let rest = u32::MAX.checked_shr(length).unwrap_or(0);
            (IpAddr::V4(first.into()), IpAddr::V4((first | rest).into()))
        }
        IpAddr::V6(v6) => {
            let first = u128::from(v6);
            let rest = u128::MAX.checked_shr(length).unwrap_or(0);
            (IpAddr::V6(first.into()), IpAddr::V6((first | rest).into()))
        }
    }
}

fn step(address: IpAddr, up: bool) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => {
            let number = u32::from(v4);
            let next = if up {
                number.checked_add(1)
            } else {
                number.checked_sub(1)
            };
            next.map(|number| IpAddr::V4(number.into()))
        }
        IpAddr::V6(v6) => {
            let number = u128::from(v6);
            let next = if up {
                number.checked_add(1)
            } else {
                number.checked_sub(1)
            };
            next.map(|number| IpAddr::V6(number.into()))
        }
    }
}

/// A component with a strict manifest, and a generous one after it.
fn two_manifests() -> Vec<u8> {
    let mut component = with_manifest(PROBE.bytes, RULES);
    let other = with_manifest(
        &crate::hostile::harmless(),
        &format!("{RULES}\n[[egress]]\norigin = \"https://other.ok.com\"\n"),
    );
    // The last section of the other component is its manifest.
    let sections = crate::core::sections(&other);
    let from = sections[sections.len() - 2].1;
    component.extend_from_slice(&other[from..]);
    component
}

fn compile_names(library: &std::path::Path) {
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/adversarial/names.c"
    );
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(library)
        .arg(source)
        .output()
        .expect("there is a C compiler: the cryptography needs one, too");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
