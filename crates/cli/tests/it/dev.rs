//! `phonebox dev`: once, and staying up.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::inbox::client;
use crate::program::Desk;

/// Longer than anything here takes; only a failure waits so long.
const PATIENCE: Duration = Duration::from_mins(3);

#[test]
fn once_sends_a_code_and_prints_one_line() {
    let desk = Desk::new();
    let ran = desk.run(&["dev", "--once", "--env-file", "dev.env"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 1), "{ran:?}");
    let once: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&once["status"], &once["outcome"]["kind"]),
        (&json!("sent"), &json!("sent"))
    );
    let message = &once["message"];
    assert_eq!(
        (&message["provider"], &message["to"]),
        (&json!("twilio"), &json!("+14155550100"))
    );
    let text = message["text"].as_str().unwrap();
    assert!(text.starts_with("Your phonebox code is "), "{text}");
    assert_eq!(message["request"]["form"][2], json!(["Body", text]));
    // The code is shown by the inbox alone.
    let code = text.rsplit(' ').next().unwrap();
    assert!(!once["attempts"].to_string().contains(code), "{once}");
    assert!(!ran.stderr.contains(code), "{ran:?}");
    // The example asks for a messaging service's SID, and works without.
    let attempt = &once["attempts"][0];
    assert_eq!(attempt["report"]["missing_secrets"], json!([]), "{once}");
    assert_eq!(attempt["retry_after_seconds"], json!(null), "{once}");

    let variables = fs::read_to_string(desk.path().join("dev.env")).unwrap();
    for name in [
        "PHONEBOX_INBOX_URL='http://127.0.0.1:",
        "PHONEBOX_PROVIDER_ADDRESS='127.0.0.1:",
        "PHONEBOX_CA='",
        "PHONEBOX_URL='https://localhost:",
        "TWILIO_ACCOUNT_SID='AC",
    ] {
        assert!(variables.contains(name), "{name}: {variables}");
    }
    let pem = fs::read_to_string(desk.path().join("dev.env.ca.pem")).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "{pem}");
}

#[test]
fn once_fails_when_the_message_does_not_arrive() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["new", "acme-drop"]).code, 0);
    let source = "use phonebox_sdk::{Event, Outcome, Result, custom_phone_provider};\n\
        #[custom_phone_provider]\nfn deliver(_: Event) -> Result<Outcome> { Ok(Outcome::drop(\"not today\")) }\n";
    desk.write("acme-drop/src/lib.rs", source);
    let ran = desk.run(&["dev", "acme-drop", "--once"]);
    let once: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(
        (ran.code, &once["status"], &once["message"]),
        (1, &json!("dropped"), &json!(null))
    );
    assert_eq!(once["outcome"]["reason"], "not today", "{once}");
}

#[tokio::test]
async fn empty_has_a_server_for_clients_and_whatever_they_send_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let mut dev = Staying::start(&desk, &["dev", "--empty", "--env-file", "dev.env"]);
    let path = desk.path().join("dev.env");
    dev.wait_for("q quit");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let variable = |name: &str| variable(&path, name);
    let domain = variable("PHONEBOX_DOMAIN");
    assert_eq!(variable("PHONEBOX_URL"), format!("https://{domain}"));
    let certificate = fs::read(variable("PHONEBOX_CA")).unwrap();
    let certificate = CertificateDer::from_pem_slice(&certificate).unwrap();
    let port = domain.strip_prefix("localhost:").unwrap().parse().unwrap();
    let ask = async |method: &str, path: &str, headers: &[(&str, &str)], body: String| {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        let stream = client::tls(address, "localhost", certificate.clone()).await;
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("https://{domain}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client::send(stream.unwrap(), request.body(body).unwrap())
            .await
            .unwrap()
    };
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&audience=https://{domain}/api/v2/",
        variable("PHONEBOX_CLIENT_ID"),
        variable("PHONEBOX_CLIENT_SECRET"),
    );
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let issued = ask("POST", "/oauth/token", &kind, form).await;
    let issued = issued.json()["access_token"].as_str().unwrap().to_owned();
    for token in [issued, variable("PHONEBOX_TOKEN")] {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", &*bearer)];
        let listed = ask(
            "GET",
            "/api/v2/branding/phone/providers",
            &headers,
            String::new(),
        )
        .await;
        assert_eq!(
            (listed.status.as_u16(), listed.json()),
            (200, json!({ "providers": [] }))
        );
    }
    // The other commands ask it by the same variables.
    assert_eq!(desk.run(&["new", "acme-empty"]).code, 0);
    let typed = |arguments: &[&str], stdin: &str| {
        let mut command = desk.command(arguments);
        for name in ["PHONEBOX_URL", "PHONEBOX_CA", "PHONEBOX_API_KEY"] {
            command.env(name, variable(name));
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(stdin.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    let secrets = "TWILIO_ACCOUNT_SID=AC00000000000000000000000000000000\nTWILIO_AUTH_TOKEN=0123456789abcdef\nTWILIO_FROM=+15005550006\n";
    let deployed = typed(&["deploy", "acme-empty", "--secrets", "-"], secrets);
    assert!(deployed.status.success(), "{deployed:?}");
    let sent = typed(&["send", "+14155550100", "--code", "492016", "--wait"], "");
    assert!(sent.status.success(), "{sent:?}");
    dev.wait_for("sent by twilio as SM");
    assert_eq!(dev.stop().0, Some(0));
}

/// A program that stays up, its standard error line by line.
pub(crate) struct Staying {
    child: Child,
    lines: mpsc::Receiver<String>,
    seen: Vec<String>,
}

impl Staying {
    pub(crate) fn start(desk: &Desk, arguments: &[&str]) -> Self {
        let temporary = desk.path().join("temporary");
        fs::create_dir_all(&temporary).unwrap();
        let mut command = desk.command(arguments);
        command
            .env("TMPDIR", temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {text:?} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Ends it as a service manager would, and gives its exit code and what it printed.
    fn stop(self) -> (Option<i32>, String) {
        self.signal("TERM")
    }

    fn signal(mut self, name: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
        let mut stdout = String::new();
        let mut pipe = self.child.stdout.take().unwrap();
        pipe.read_to_string(&mut stdout).unwrap();
        (self.child.wait().unwrap().code(), stdout)
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn variable(path: &Path, name: &str) -> String {
    let variables = fs::read_to_string(path).unwrap();
    let line = variables
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}='")));
    line.unwrap_or_else(|| panic!("no {name} in {variables}"))
        .trim_end_matches('\'')
        .to_owned()
}

#[tokio::test]
async fn it_stays_up_retries_and_reloads() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["new", "acme-stay"]).code, 0);
    let arguments = [
        "dev",
        "acme-stay",
        "--env-file",
        "dev.env",
        "--output",
        "json",
    ];
    let mut dev = Staying::start(&desk, &arguments);
    dev.wait_for("watching");
    for text in ["Your phonebox code is", "sent by twilio as SM"] {
        assert!(
            dev.seen.iter().any(|line| line.contains(text)),
            "{text}: {:#?}",
            dev.seen
        );
    }

    // A provider that fails: the next code is retried until it arrives.
    let url = variable(&desk.path().join("dev.env"), "PHONEBOX_INBOX_URL");
    client::put_failure(&url, "500").await;
    let source = desk.path().join("acme-stay/src/lib.rs");
    let original = fs::read_to_string(&source).unwrap();
    fs::write(&source, format!("{original}\n// changed\n")).unwrap();
    dev.wait_for("built");
    dev.wait_for("attempt 1  retry: twilio is busy (20500)");
    dev.wait_for("the next attempt follows in");
    client::put_failure(&url, "none").await;
    dev.wait_for("sent by twilio as SM");

    // A mistake leaves the version before in place, and its mend brings the next.
    fs::write(&source, "this is no Rust").unwrap();
    dev.wait_for("error: the action does not compile");
    let changed = original.replace("message.as_text.clone()", "\"Changed\".to_owned()");
    assert_ne!(changed, original);
    fs::write(&source, changed).unwrap();
    dev.wait_for("│ Changed");

    let (code, stdout) = dev.stop();
    assert_eq!(code, Some(0));
    let lines = stdout.lines().map(serde_json::from_str::<Value>);
    let lines: Vec<_> = lines.collect::<Result<_, _>>().unwrap();
    assert_eq!(lines[0]["status"], "sent", "{stdout}");
    let attempts = lines[1]["attempts"].as_array().unwrap();
    let outcome = &attempts[0]["report"]["outcome"]["kind"];
    assert_eq!((attempts.len(), outcome), (2, &json!("retry")), "{stdout}");
    let waits = attempts
        .iter()
        .map(|attempt| attempt["retry_after_seconds"].as_f64());
    let waits: Vec<_> = waits.collect();
    assert!(
        waits[0].is_some_and(|wait| wait > 0.0) && waits[1].is_none(),
        "{stdout}"
    );
    let missing = &attempts[0]["report"]["missing_secrets"];
    assert_eq!(missing, &json!([]), "{stdout}");
    assert_eq!(
        lines[2]["error"]["message"], "the action does not compile",
        "{stdout}"
    );
}

#[test]
fn whoever_tells_it_to_stop_finds_no_folder_left() {
    let desk = Desk::new();
    let manifest = "name = \"slow\"\ntrigger = \"custom-phone-provider\"\n";
    let source = "exports.onExecuteCustomPhoneProvider = async () => {
        await new Promise((resolve) => setTimeout(resolve, 15000));
    };";
    desk.write("slow/action.toml", manifest);
    desk.write("slow/action.js", source);
    for (arguments, signal, ends) in [
        (&["dev", "slow"][..], "TERM", 0),
        (&["dev", "slow"], "INT", 0),
        // In the middle of its one delivery.
        (&["dev", "slow", "--once"], "TERM", 1),
    ] {
        let mut dev = Staying::start(&desk, arguments);
        dev.wait_for("slow, version 1");
        let temporary = || fs::read_dir(desk.path().join("temporary")).unwrap().count();
        assert_ne!(temporary(), 0, "{arguments:?}");
        let (code, stdout) = dev.signal(signal);
        assert_eq!(
            (code, temporary()),
            (Some(ends), 0),
            "{arguments:?} {stdout}"
        );
    }
}
