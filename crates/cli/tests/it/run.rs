//! `phonebox run`, as the program on the other end meets it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use phonebox::Action;
use phonebox_test_guests::PROBE;
use serde_json::{Value, json};

const MANIFEST: &str = r#"
    name = "probe"
    trigger = "custom-phone-provider"
    [secrets.TOKEN]
"#;

struct Host {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
}

impl Host {
    fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("phonebox.toml");
        std::fs::write(&path, config).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_phonebox"))
            .args(["run", "--config"])
            .arg(path)
            .env("PHONEBOX_HOME", folder.path().join("home"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self {
            stdin: child.stdin.take(),
            child,
            stdout,
            folder,
        }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    fn ask(&mut self, line: &Value) -> Value {
        self.say(&line.to_string());
        self.hear()
    }

    /// Closes its standard input; gives its exit code and what it said on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.stdin.take());
        let output = self.child.wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    fn probe(&self) -> std::path::PathBuf {
        let path = self.folder.path().join("probe.wasm");
        let action = Action::assemble(PROBE.bytes, MANIFEST).unwrap();
        std::fs::write(&path, action.component()).unwrap();
        path
    }
}

fn event(text: &str) -> Value {
    json!({ "notification": { "recipient": "+14155550100", "code": "492016", "as_text": text } })
}

#[test]
fn actions_run_for_another_program() {
    let mut host = Host::start("[runtime]\nplaces = 4\n");
    let component = host.probe();
    let deploy = |secrets: Value| json!({ "id": "d", "deploy": { "tenant": "acme", "component": component, "secrets": secrets } });
    let answer = host.ask(&deploy(
        json!({ "TOKEN": { "value": "hunter22", "mode": "revealed" } }),
    ));
    assert_eq!(answer["deployed"]["action"], "probe", "{answer}");
    assert_eq!(answer["deployed"]["origin"], "compiled", "{answer}");

    let answer = host.ask(&json!({ "id": 2, "attempt": { "tenant": "acme", "event": event("say 492016 hunter22\nsent p m1") } }));
    assert_eq!(answer["id"], 2, "{answer}");
    assert_eq!(
        answer["report"]["outcome"]["receipt"]["message_id"], "m1",
        "{answer}"
    );
    assert_eq!(
        answer["report"]["log"][0]["message"], "[code] [secret:TOKEN]",
        "{answer}"
    );
    let answer = host.ask(
        &json!({ "id": 3, "deliver": { "tenant": "acme", "event": event("drop no thanks") } }),
    );
    assert_eq!(answer["delivery"]["status"], "dropped", "{answer}");
    let answer = host.ask(&json!({ "id": 4, "status": {} }));
    assert_eq!(
        answer["status"],
        json!({ "places": 4, "places_free": 4, "compiling": 0, "deployments": 1 })
    );

    // What is refused leaves what is deployed alone.
    let answer = host.ask(&json!({ "id": 7, "attempt": {
        "tenant": "acme", "event": { "notification": { "recipient": "555 0100" } },
    } }));
    assert_eq!(
        answer["error"],
        json!({
            "message": "notification.recipient is not a telephone number: the number does not begin with `+` \
                        and a country code, as in +14155550100",
            "hint": "an event is Auth0's JSON; only notification.recipient is needed",
            "fault": "platform",
        })
    );
    let answer = host.ask(&deploy(json!({})));
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("needs the secret TOKEN"),
        "{answer}"
    );
    assert_eq!(answer["error"]["fault"], "action", "{answer}");
    let answer = host.ask(&json!({ "id": 5, "withdraw": { "tenant": "acme" } }));
    assert_eq!(answer["withdrawn"], true, "{answer}");
    let answer = host.ask(&json!({ "id": 6, "attempt": { "tenant": "acme", "event": event("") } }));
    assert_eq!(answer["id"], 6, "{answer}");
    assert_eq!(
        answer["error"]["message"], "nothing is deployed for the tenant `acme`",
        "{answer}"
    );
    assert_eq!(host.end(), (Some(0), String::new()));
}

#[test]
fn what_was_begun_is_finished() {
    let mut host = Host::start("");
    let component = host.probe();
    host.ask(&json!({ "id": 1, "deploy": { "tenant": "acme", "component": component, "secrets": { "TOKEN": "x" } } }));
    host.say(
        &json!({ "id": 2, "attempt": { "tenant": "acme", "event": event("sleep 300\nsent") } })
            .to_string(),
    );
    drop(host.stdin.take());
    let answer = host.hear();
    assert_eq!(answer["report"]["outcome"]["kind"], "sent", "{answer}");
    assert_eq!(host.end().0, Some(0));
}

#[test]
fn a_line_that_cannot_be_read_says_where_and_quotes_nothing() {
    let mut host = Host::start("");
    for (line, expected) in [
        ("hunter22", "the line is not JSON at column 1"),
        (
            r#"{"id":1,"deploy":{"tenant":"a","component":"x","secrets":{"A":["hunter22"]}}}"#,
            "a value of the wrong type",
        ),
        (r#"{"id":1,"deplyo":{}}"#, "an unknown key"),
        (r#"{"id":1}"#, "exactly one command"),
        (
            r#"{"id":1,"status":{},"withdraw":{"tenant":"hunter22"}}"#,
            "exactly one command",
        ),
    ] {
        host.say(line);
        let answer = host.hear().to_string();
        assert!(answer.contains(expected), "{line}: {answer}");
        assert!(!answer.contains("hunter22"), "{answer}");
    }
    host.say(&format!("\"{}\"", "x".repeat(2 << 20)));
    let answer = host.hear();
    assert_eq!(
        answer["error"]["message"],
        "a line has more than 1048576 bytes"
    );
    // It goes on.
    assert!(host.ask(&json!({ "id": 1, "status": {} }))["status"].is_object());
}

#[test]
fn a_mistake_in_the_operators_document_is_told() {
    for (config, expected) in [
        (
            "[egres]",
            "unknown field `egres`, expected one of `abuse`, `compile`, `delivery`, `egress`, `keys`, `runtime`, `server`, `store`",
        ),
        ("[egress]\nreachable = [\"127.0.0.1/99\"]", "reachable"),
        (
            "[egress]\nplain_http = [\"http://localhost\"]",
            "egress.plain_http",
        ),
        (
            "[egress]\ntrust = [\"/nowhere/ca.pem\"]",
            "cannot read /nowhere/ca.pem",
        ),
    ] {
        let (code, said) = Host::start(config).end();
        assert!(code.is_some_and(|code| code != 0), "{config}: {said}");
        assert!(
            said.starts_with("error: ") && said.contains(expected),
            "{config}: {said}"
        );
    }
}

#[test]
fn the_readmes_document_is_read() {
    let readme = include_str!("../../../../README.md");
    let document = readme
        .split("```toml\n")
        .find(|block| block.starts_with("[egress]"))
        .and_then(|block| block.split("```").next())
        .unwrap();
    // There is no such certificate here.
    let document: Vec<&str> = document
        .lines()
        .filter(|line| !line.starts_with("trust"))
        .collect();
    let mut host = Host::start(&document.join("\n"));
    let answer = host.ask(&json!({ "id": 1, "status": {} }));
    assert_eq!(answer["status"]["places"], 256, "{answer}");
    let answer = host.ask(&json!({ "id": 2, "block": { "origin": "https://api.twilio.com" } }));
    assert_eq!(answer["blocked"], true, "{answer}");
    let answer = host.ask(&json!({ "id": 3, "unblock": { "origin": "https://api.twilio.com" } }));
    assert_eq!(answer["blocked"], false, "{answer}");
    let answer = host.ask(&json!({ "id": 4, "block": { "origin": "ftp://x" } }));
    assert!(answer["error"]["hint"].is_string(), "{answer}");
}
