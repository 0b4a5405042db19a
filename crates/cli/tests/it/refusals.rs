//! What bad input gets: a line that names the fault, a line with the mend, a fault class, an exit code.

use phonebox_test_guests::{NOOP, PROBE};

use crate::program::Desk;

const MANIFEST: &str = r#"
    name = "probe"
    trigger = "custom-phone-provider"
    [limits]
    deadline_ms = 4000
    memory_mib = 8
    [secrets.TOKEN]
    example = "hunter22"
    [[egress]]
    origin = "https://provider.example.com"
"#;

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn what_is_no_action_is_refused() {
    let too_large = [NOOP.bytes, &vec![0; 10 << 20]].concat();
    for (bytes, message, hint) in [
        (
            b"hello".to_vec(),
            "this is not WebAssembly",
            "give the component",
        ),
        (
            component("(module)"),
            "this is a core WebAssembly module",
            "build for the target",
        ),
        (
            NOOP.bytes[..2000].to_vec(),
            "the component is not valid: ",
            "build it again",
        ),
        (too_large, "the limit is 10485760", "build in release mode"),
        (
            component(r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)))"#),
            "the component imports what actions may not use: wasi:sockets/tcp@0.2.0",
            "there are no sockets",
        ),
        (
            component(r#"(component (import "phonebox:action/http@2.0.0" (instance)))"#),
            "the component was built for phonebox:action@2.0.0, and this is 1.0.0",
            "build it with the SDK",
        ),
        (
            component("(component)"),
            "does not export the function `deliver`",
            "put #[custom",
        ),
        (
            NOOP.bytes.to_vec(),
            "the component has no action.toml in it",
            "build it with `phonebox",
        ),
    ] {
        let desk = Desk::new();
        desk.write("a.wasm", bytes);
        let ran = desk.run(&["check", "a.wasm"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let [error, mend] = ran.stderr.lines().collect::<Vec<_>>()[..] else {
            panic!("{ran:?}")
        };
        assert!(
            error.starts_with("error: ") && error.contains(message),
            "{message}: {ran:?}"
        );
        assert!(
            mend.starts_with(" hint: ") && mend.contains(hint),
            "{hint}: {ran:?}"
        );
        let (code, json) = desk.json(&["check", "a.wasm"]);
        assert_eq!(
            (code, &json["error"]["fault"], &json["exit_code"]),
            (1, &"action".into(), &1.into())
        );
    }
}

#[test]
fn what_does_not_exist_or_is_in_the_way_has_codes_of_its_own() {
    let desk = Desk::new();
    desk.write("there/file", "");
    for (arguments, code, message) in [
        (
            &["check", "nothing.wasm"][..],
            4,
            "there is nothing called nothing.wasm",
        ),
        (&["build"], 4, "it has no action.toml"),
        (&["dev", "there"], 4, "it has no action.toml"),
        (&["test", "there"], 4, "it has no action.toml"),
        (&["new", "there"], 5, "there is something called there"),
        (&["new", "No Such"], 2, "is not a name for an action"),
        (&["new"], 2, "required arguments"),
        (&["deploy-everything"], 2, "unrecognized subcommand"),
    ] {
        let ran = desk.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(message), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn what_was_typed_wrong_is_told_as_json_to_who_asked_for_it() {
    let desk = Desk::new();
    for (arguments, message, hint) in [
        (
            &["new"][..],
            "the following required arguments were not provided: <NAME>",
            "see --help",
        ),
        (
            &["test", "--filtre", "sms"],
            "unexpected argument '--filtre' found",
            "a similar argument exists: '--filter'",
        ),
        (
            &["dev", "--page-port", "70000"],
            "invalid value '70000' for '--page-port <PAGE_PORT>': 70000 is not in 0..=65535",
            "see --help",
        ),
    ] {
        let (code, json) = desk.json(arguments);
        assert_eq!((code, &json["exit_code"]), (2, &2.into()), "{json}");
        assert_eq!(json["error"]["message"], message, "{json}");
        assert_eq!(json["error"]["hint"], hint, "{json}");
    }
}

#[test]
fn a_machine_without_rust_is_told_what_is_missing() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["new", "acme-bare"]).code, 0);
    let output = desk
        .command(&["build", "acme-bare"])
        .env("PATH", "")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{stderr}");
    let end = "error: cargo cannot be started: No such file or directory (os error 2)\n \
               hint: install Rust with rustup, and see that `cargo` is on the PATH\n";
    assert!(stderr.ends_with(end), "{stderr}");
}

#[test]
fn a_mistake_in_the_manifest_is_found_before_anything_is_built() {
    for (from, to, message, hint) in [
        (
            "[[egress]]",
            "[[egres]]",
            "the unknown key `egres`",
            "did you mean `egress`?",
        ),
        (
            "https://provider.example.com",
            "https://10.0.0.1",
            "egress rule 1",
            "",
        ),
        (
            "custom-phone-provider",
            "post-login",
            "the trigger `post-login`",
            "custom-phone-provider",
        ),
        (
            "deadline_ms = 4000",
            "deadline_ms = 30000",
            "may be 100 to 20000",
            "",
        ),
    ] {
        let desk = Desk::new();
        desk.write("action.toml", MANIFEST.replace(from, to));
        let ran = desk.run(&["build"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.stderr.contains(message) && ran.stderr.contains(hint),
            "{ran:?}"
        );
        assert!(!ran.stderr.contains("building"), "{ran:?}");
    }
}

/// Runs the probe on one event under `phonebox test`, which expects an error.
fn probe(commands: &str) -> serde_json::Value {
    let desk = Desk::new();
    desk.write("action.toml", MANIFEST);
    desk.write("probe.wasm", PROBE.bytes);
    let event = serde_json::json!({
        "notification": { "recipient": "+14155550100", "code": "492016", "as_text": commands }
    });
    desk.write("fixtures/one/event.json", event.to_string());
    desk.write(
        "fixtures/one/expect.toml",
        "[expect]\noutcome = \"error\"\n",
    );
    let (code, json) = desk.json(&["test", "--component", "probe.wasm"]);
    assert_eq!(code, 0, "{commands}: {json}");
    let report = json["fixtures"][0]["report"].clone();
    let text = report.to_string();
    for secret in ["hunter22", "492016", "4155550100"] {
        assert!(!text.contains(secret), "{commands}: {secret} in {text}");
    }
    report
}

#[test]
fn what_a_guest_does_wrong_is_told_apart() {
    let url = "https://elsewhere.example.com/v1?to=+14155550100";
    for (commands, kind, fault) in [
        ("spin".to_owned(), "cpu_exceeded", "action"),
        ("sleep 60000".to_owned(), "deadline_exceeded", "action"),
        ("grow".to_owned(), "memory_exceeded", "action"),
        (
            "panic secret TOKEN is hunter22".to_owned(),
            "trapped",
            "action",
        ),
        ("recurse".to_owned(), "trapped", "action"),
        ("exit 1".to_owned(), "exited", "action"),
        (
            "poll-clock 100000000".to_owned(),
            "host_calls_exceeded",
            "action",
        ),
        (
            "fail 492016 for +14155550100".to_owned(),
            "returned",
            "action",
        ),
        (
            format!("send POST {url}\nfail denied"),
            "returned",
            "policy",
        ),
        (
            "secret TOKNE\nfail no token".to_owned(),
            "returned",
            "action",
        ),
    ] {
        let report = probe(&commands);
        assert_eq!(report["error"]["kind"], kind, "{commands}: {report}");
        assert_eq!(report["fault"], fault, "{commands}: {report}");
        assert!(report["error"]["hint"].is_string(), "{commands}: {report}");
    }
}

#[test]
fn a_denied_request_says_how_to_allow_it() {
    let report = probe("send POST https://elsewhere.example.com/v1\nfail denied");
    let error = &report["exchanges"][0]["error"];
    let hint = error["hint"].as_str().unwrap();
    assert_eq!(error["code"], "request-denied", "{report}");
    assert!(
        hint.contains(r#"origin = "https://elsewhere.example.com""#),
        "{hint}"
    );
}

#[test]
fn a_misspelt_secret_is_named() {
    let report = probe("secret TOKNE\nfail no token");
    assert_eq!(report["missing_secrets"], serde_json::json!(["TOKNE"]));
}

#[test]
fn fixtures_that_cannot_be_read_name_their_file() {
    for (file, content, message) in [
        (
            "event.json",
            "{",
            "event.json: the event is not JSON: line 1, column 1",
        ),
        (
            "event.json",
            r#"{"notification": {"recipient": "12"}}"#,
            "does not begin with `+`",
        ),
        (
            "expect.toml",
            "[expect]\noutcome = \"delivered\"",
            "unknown variant `delivered`",
        ),
        (
            "expect.toml",
            "[expect]\noutcme = \"sent\"",
            "unknown field `outcme`",
        ),
        (
            "expect.toml",
            "[[answer]]\n[expect]\noutcome = \"sent\"",
            "answer 1: write status",
        ),
    ] {
        let desk = Desk::new();
        desk.write("action.toml", MANIFEST);
        desk.write("probe.wasm", PROBE.bytes);
        let recipient = r#"{"notification": {"recipient": "+14155550100"}}"#;
        desk.write("fixtures/one/event.json", recipient);
        desk.write("fixtures/one/expect.toml", "[expect]\noutcome = \"sent\"");
        desk.write(&format!("fixtures/one/{file}"), content);
        let ran = desk.run(&["test", "--component", "probe.wasm"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains(message), "{message}: {ran:?}");
    }
}

#[test]
fn a_fixture_that_does_not_hold_says_what_differs() {
    let desk = Desk::new();
    desk.write("action.toml", MANIFEST);
    desk.write("probe.wasm", PROBE.bytes);
    let event = serde_json::json!({
        "notification": {
            "recipient": "+14155550100",
            "as_text": "send POST https://provider.example.com/v1\nretry 3 it is busy",
        }
    });
    desk.write("fixtures/one/event.json", event.to_string());
    let expect = "[expect]\noutcome = \"drop\"\nreason = \"gone\"\nafter = 4\n\
                  [[expect.request]]\nmethod = \"PUT\"\nurl = \"https://provider.example.com/v1\"\n";
    desk.write("fixtures/one/expect.toml", expect);
    let ran = desk.run(&["test", "--component", "probe.wasm"]);
    assert_eq!(
        (ran.code, ran.stdout.starts_with("0 passed, 1 failed")),
        (1, true),
        "{ran:?}"
    );
    for difference in [
        "Auth0 would not send this event: client.client_id is empty",
        "outcome: expected Drop, was Retry",
        r#"reason: expected something with "gone", was "it is busy""#,
        "after: expected Some(4), was Some(3)",
        r#"request 1: method: expected "PUT", was "POST""#,
    ] {
        assert!(ran.stderr.contains(difference), "{difference}: {ran:?}");
    }
}
