//! What a guest sees of the world.

use phonebox_contract::{Fault, Outcome, Receipt, RetryRequest};
use phonebox_egress::Verdict;
use phonebox_runtime::{Level, LogLine, RunError};
use phonebox_test_guests::{NOOP, POST, POST_WASI};

use crate::harness::{CODE, Host, NUMBER, lines, load, provider};

#[tokio::test]
async fn every_outcome_arrives() {
    let host = Host::new();
    let sent = |receipt| Ok(Outcome::Sent { receipt });
    let receipt = Receipt {
        provider: "twilio".to_owned(),
        message_id: "SM1".to_owned(),
    };
    for (command, expected) in [
        ("sent", sent(None)),
        ("sent twilio SM1", sent(Some(receipt))),
        (
            "retry 7 it is busy",
            Ok(Outcome::Retry(RetryRequest {
                reason: "it is busy".to_owned(),
                after: Some(7),
            })),
        ),
        (
            "retry - it is busy",
            Ok(Outcome::Retry(RetryRequest {
                reason: "it is busy".to_owned(),
                after: None,
            })),
        ),
        (
            "drop no such number",
            Ok(Outcome::Drop {
                reason: "no such number".to_owned(),
            }),
        ),
        (
            "fail bad luck",
            Err(RunError::Returned {
                message: "bad luck".to_owned(),
            }),
        ),
    ] {
        let report = host.probe(command).await;
        assert_eq!(report.result, expected, "{command}: {report:?}");
        let fault = (!command.starts_with("sent")).then_some(Fault::Action);
        assert_eq!(report.fault(), fault, "{command}");
    }
}

#[tokio::test]
async fn reasons_are_cut_and_free_of_secrets() {
    let host = Host::new().secrets(&[("TOKEN", "hunter22")]);
    let report = host
        .probe(&format!(
            "drop {NUMBER} {CODE} hunter22 {}",
            "x".repeat(2000)
        ))
        .await;
    let Ok(Outcome::Drop { reason }) = &report.result else {
        panic!("{report:?}")
    };
    assert!(
        reason.starts_with("[number] [code] [secret:TOKEN] xxx"),
        "{reason}"
    );
    assert_eq!(reason.chars().count(), 1024);

    let report = host.probe(&format!("sent hunter22 {CODE}")).await;
    let Ok(Outcome::Sent {
        receipt: Some(receipt),
    }) = &report.result
    else {
        panic!("{report:?}")
    };
    assert_eq!(
        (receipt.provider.as_str(), receipt.message_id.as_str()),
        ("[secret:TOKEN]", "[code]")
    );
}

#[tokio::test]
async fn an_instance_is_never_used_again() {
    let host = Host::new();
    for _ in 0..3 {
        let report = host.probe("runs\nruns").await;
        assert_eq!(
            lines(&report),
            ["run 1 of this instance", "run 2 of this instance"]
        );
    }
}

#[tokio::test]
async fn the_event_is_whole() {
    let report = Host::new().probe("attempt\nevent-json\nevent").await;
    let [attempt, json, event] = lines(&report)[..] else {
        panic!("{report:?}")
    };
    assert!(
        attempt.starts_with("ntf_") && attempt.ends_with(" 1"),
        "{attempt}"
    );
    assert!(json.contains(r#""message_type":"otp_verify""#) && json.contains(r#""secrets":{}"#));
    assert!(
        event.contains("OtpVerify") && event.contains(r#"id: "acme""#),
        "{event}"
    );
}

#[tokio::test]
async fn secrets_are_found_by_their_exact_name() {
    let host = Host::new().secrets(&[("ONE", "first-value"), ("TWO", "second-value")]);
    let report = host
        .probe("secrets\nsecret ONE\nsecret one\nsecret THREE\nsecret one")
        .await;
    let expected = ["ONE TWO", r#"Some("[secret:ONE]")"#, "None", "None", "None"];
    assert_eq!(lines(&report), expected);
    assert_eq!(report.missing_secrets, ["one", "THREE"]);
}

#[tokio::test]
async fn there_is_no_environment_and_clocks_are_coarse() {
    let report = Host::new().probe("environment\nclock").await;
    assert_eq!(lines(&report), ["0 variables, 0 arguments", "0 0"]);
}

#[tokio::test]
async fn standard_streams_are_log_lines() {
    let report = Host::new()
        .probe("print hello there\ncomplain without end")
        .await;
    let line = |level, message: &str| LogLine {
        level,
        message: message.to_owned(),
    };
    assert_eq!(
        report.log,
        [
            line(Level::Info, "hello there"),
            line(Level::Info, "printed"),
            line(Level::Info, "complained"),
            line(Level::Error, "without end"),
        ]
    );
}

#[tokio::test]
async fn logs_are_bounded() {
    let report = Host::new().probe("flood 100 x").await;
    assert_eq!(
        (report.log.len(), report.log_lines_dropped),
        (64, 37),
        "{report:?}"
    );
    let report = Host::new()
        .probe(&format!("flood 20 {}", "x".repeat(3000)))
        .await;
    let bytes: usize = report.log.iter().map(|line| line.message.len()).sum();
    assert_eq!(
        (bytes, report.log_lines_dropped),
        (16 << 10, 5),
        "{report:?}"
    );
}

#[tokio::test]
async fn the_cache_outlives_a_run_and_bounds_its_changes() {
    let host = Host::new();
    let report = host
        .probe("cache-set token abc\ncache-get token\ncache-delete other")
        .await;
    let [kept, got, error] = lines(&report)[..] else {
        panic!("{report:?}")
    };
    assert_eq!((kept, got), ("kept abc", r#"Some("abc")"#));
    assert!(error.contains("cache-key-does-not-exist"), "{error}");
    assert_eq!(
        lines(&host.probe("cache-get token").await),
        [r#"Some("abc")"#]
    );
    let report = host.probe(&"cache-set k v\n".repeat(21)).await;
    let [.., last, beyond] = lines(&report)[..] else {
        panic!("{report:?}")
    };
    assert!(
        last == "kept v" && beyond.contains("max-side-effects-exceeded"),
        "{report:?}"
    );
    assert_eq!(lines(&Host::new().probe("cache-get token").await), ["None"]);
}

#[tokio::test]
async fn requests_take_the_one_road() {
    let host = Host::with_provider(provider(r#"{"id":"1"}"#).await);
    let report = host
        .probe(
            "send POST http://provider.example/messages\n\
             send POST http://elsewhere.example/messages\n\
             send GET http://provider.example/messages",
        )
        .await;
    let expected = [
        r#"201 {"id":"1"}"#,
        "Error::RequestDenied",
        "Error::RequestDenied",
    ];
    assert_eq!(lines(&report), expected, "{report:?}");
    let verdicts: Vec<_> = report
        .exchanges
        .iter()
        .map(|e| e.decision.verdict)
        .collect();
    assert_eq!(
        verdicts,
        [Verdict::Allowed, Verdict::Denied, Verdict::Denied],
        "{report:?}"
    );
}

#[tokio::test]
async fn an_action_that_passes_a_denial_on_is_not_to_blame() {
    let report = Host::new()
        .probe("send POST https://api.example.com/\nfail denied")
        .await;
    assert_eq!(report.fault(), Some(Fault::Policy), "{report:?}");
}

#[tokio::test]
async fn both_kinds_of_http_reach_the_provider() {
    let provider = provider(r#"{"id":"abc"}"#).await;
    let host = Host::with_provider(provider)
        .secrets(&[("ORIGIN", "http://provider.example"), ("TOKEN", "hunter22")]);
    for guest in [POST, POST_WASI] {
        let report = host.run(&load(guest), "Your code").await;
        let Ok(Outcome::Sent {
            receipt: Some(receipt),
        }) = &report.result
        else {
            panic!("{guest:?}: {report:?}")
        };
        assert_eq!(receipt.message_id, "abc");
        let [exchange] = &report.exchanges[..] else {
            panic!("{guest:?}: {report:?}")
        };
        assert_eq!(
            (exchange.status, exchange.bytes_down),
            (Some(201), 12),
            "{guest:?}"
        );
    }
}

#[tokio::test]
async fn the_guests_stack_is_deep_enough() {
    // As deep as serde_json goes before it refuses. The templates give a guest 64 KiB of stack.
    let deep = format!(
        r#"{{"deep":{}{},"id":"abc"}}"#,
        "[".repeat(126),
        "]".repeat(126)
    );
    let host = Host::with_provider(provider(&deep).await)
        .secrets(&[("ORIGIN", "http://provider.example"), ("TOKEN", "hunter22")]);
    for guest in [POST, POST_WASI] {
        let report = host.run(&load(guest), "Your code").await;
        assert!(
            matches!(report.result, Ok(Outcome::Sent { .. })),
            "{guest:?}: {report:?}"
        );
    }
}

#[tokio::test]
async fn usage_is_told() {
    let report = Host::new().run(&load(NOOP), "").await;
    let usage = report.usage;
    assert!(
        usage.cpu <= usage.wall && usage.instantiate <= usage.wall,
        "{usage:?}"
    );
    assert!(
        (64 << 10..1 << 20).contains(&usage.peak_memory),
        "{usage:?}"
    );
    let report = Host::new().probe("say one\nsay two").await;
    assert_eq!(report.usage.host_calls, 2, "{report:?}");
}
