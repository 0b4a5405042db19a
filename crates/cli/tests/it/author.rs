//! An author's way: new, build, check, test, and cargo's own tests, in a folder outside the repository.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::program::{Desk, Ran, repository};

#[test]
fn an_action_in_javascript_is_made_built_and_tested() {
    let desk = Desk::new();
    let ran = desk.run(&["new", "acme-sms", "--lang", "javascript"]);
    assert!(
        ran.code == 0 && ran.stdout.contains("acme-sms/action.js"),
        "{ran:?}"
    );
    let (code, tested) = desk.json(&["test", "acme-sms"]);
    assert!(code == 0 && tested["passed"] == 5, "{tested:#}");
    let ran = desk.run(&["check", "acme-sms/target/acme-sms.wasm"]);
    assert_eq!(ran.code, 0, "{ran:?}");

    let source = std::fs::read_to_string(desk.path().join("acme-sms/action.js")).unwrap();
    for (from, to, message) in [
        (
            "exports.onExecuteCustomPhoneProvider",
            "exports.onExecute",
            "does not export onExecuteCustomPhoneProvider",
        ),
        (
            "const BUSY",
            "const BUSY = ;\nconst",
            "(line 14, column 14)",
        ),
    ] {
        desk.write("acme-sms/action.js", source.replacen(from, to, 1));
        let ran = desk.run(&["build", "acme-sms"]);
        assert!(
            ran.code != 0 && ran.stderr.contains(message),
            "{message}: {ran:?}"
        );
    }
    let ran = desk.run(&[
        "new",
        "other",
        "--lang",
        "javascript",
        "--template",
        "twilio-verify",
    ]);
    assert!(
        ran.code == 2 && ran.stderr.contains("only the template twilio"),
        "{ran:?}"
    );
}

#[test]
fn every_template_can_be_built_checked_and_tested() {
    for template in ["twilio", "twilio-verify", "generic-http"] {
        let desk = Desk::new();
        let ran = desk.run(&["new", "acme-new", "--template", template]);
        assert!(
            ran.code == 0 && ran.stdout.contains("cd acme-new && phonebox dev"),
            "{ran:?}"
        );

        let (code, built) = desk.json(&["build", "acme-new"]);
        assert_eq!(
            (code, &built["manifest"]["name"]),
            (0, &json!("acme-new")),
            "{built}"
        );
        let component = built["path"].as_str().unwrap();
        let (code, checked) = desk.json(&["check", component]);
        assert_eq!(code, 0, "{checked}");
        assert_eq!(checked["digest"], built["digest"]);
        let imports = checked["component"]["imports"].to_string();
        assert!(imports.contains("phonebox:action/http@1.0.0"), "{imports}");

        let ran = desk.run(&["test", "acme-new", "--filter", "sms"]);
        assert!(
            ran.code == 0 && ran.stdout.starts_with("1 passed, 0 failed"),
            "{ran:?}"
        );
    }
}

#[test]
fn an_authors_own_tests_run_by_plain_cargo() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["new", "acme-cargo"]).code, 0);
    assert_cargo_tests(&desk.path().join("acme-cargo"), "8 passed");
}

/// Runs a project's own tests.
fn assert_cargo_tests(folder: &Path, passed: &str) {
    let output = Command::new("cargo")
        .args(["test", "--quiet"])
        .current_dir(folder)
        .env(
            "CARGO_TARGET_DIR",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/../guests"),
        )
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && stdout.contains(&format!("test result: ok. {passed}")),
        "{output:?}"
    );
}

/// Not Twilio's, which `phonebox dev` builds outside of the repository in the tests of `dev`.
#[test]
fn each_example_can_be_copied_out_and_built_alone() {
    let desk = Desk::new();
    for example in ["generic-http", "kannel", "routing", "twilio-verify"] {
        let folder = format!("{example}-rust");
        let from = repository().join("examples/actions").join(&folder);
        copy(&from, &desk.path().join(&folder));
        let ran = desk.run(&["test", &folder]);
        assert!(
            ran.code == 0 && ran.stdout.contains(" passed, 0 failed"),
            "{example}: {ran:?}"
        );
    }
    // Plain cargo has been shown where the SDK is.
    assert_cargo_tests(&desk.path().join("kannel-rust"), "7 passed");

    // What leads to a copy of the SDK that is no longer there is written anew; what an author wrote is not.
    let settings = "kannel-rust/.cargo/config.toml";
    let ours = std::fs::read_to_string(desk.path().join(settings)).unwrap();
    desk.write(settings, ours.replace("sdk-", "gone-"));
    assert_eq!(desk.run(&["build", "kannel-rust"]).code, 0);
    let again = std::fs::read_to_string(desk.path().join(settings)).unwrap();
    assert_eq!(again, ours);
    desk.write(settings, "[alias]\nb = \"build\"\n");
    assert_eq!(desk.run(&["build", "kannel-rust"]).code, 0);
    let theirs = std::fs::read_to_string(desk.path().join(settings)).unwrap();
    assert_eq!(theirs, "[alias]\nb = \"build\"\n");
}

/// Copies a folder, without what was built in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (
            entry.as_ref().unwrap().path(),
            to.join(entry.as_ref().unwrap().file_name()),
        );
        if from.is_dir() && !from.ends_with("target") {
            copy(&from, &to);
        } else if from.is_file() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

#[test]
fn a_mistake_in_the_source_is_shown_as_the_compiler_says_it() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["new", "acme-broken"]).code, 0);
    desk.write(
        "acme-broken/src/lib.rs",
        "#[phonebox_sdk::custom_phone_provider]\nasync fn deliver(_: phonebox_sdk::Event) {}\n",
    );
    let Ran { code, stderr, .. } = desk.run(&["build", "acme-broken"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("src/lib.rs:2:1"), "{stderr}");
    let end = "error: the action does not compile\n hint: mend what the compiler says above\n";
    assert!(stderr.ends_with(end), "{stderr}");
}

#[test]
fn check_says_what_an_action_asks_for() {
    let desk = Desk::new();
    assert_eq!(
        desk.run(&["new", "acme-check", "--template", "generic-http"])
            .code,
        0
    );
    let ran = desk.run(&["check", "acme-check"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for line in [
        "acme-check  sha256:",
        "  weighs    ",
        "  imports   ",
        "  reaches   POST https://",
        "  reads     ",
        "  may use   10000 ms, 64 MiB",
        "  nothing would be refused",
    ] {
        assert!(ran.stdout.contains(line), "{line}: {ran:?}");
    }
}
