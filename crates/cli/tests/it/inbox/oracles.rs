//! The official clients of the providers, driven against the inbox: they must believe it.
//!
//! They come from npm, at the versions that `tests/oracles` pins, into a folder under the target
//! directory. Names are mapped and certificates trusted inside node; nothing else is reached.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use phonebox_cli::inbox::{Channel, Failure, Inbox, Message, Provider};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::OnceCell,
};

use super::client::{FROM, TO, start};

/// How long a client waits for an answer, in milliseconds. Only the timeout mode waits it out.
const PATIENCE: &str = "5000";

#[tokio::test]
async fn the_official_clients_are_believed_and_kept() {
    let Some(clients) = clients().await else {
        return;
    };
    let inbox = start().await;
    let returned = drive(clients, &inbox, "30000").await;
    let messages = inbox.messages();
    let kept = |provider| -> &Message {
        let found = messages.iter().find(|message| message.provider == provider);
        found.unwrap_or_else(|| panic!("no {provider:?} in {messages:?}; returned {returned}"))
    };
    let ok = |step: &str| &returned[step]["ok"];

    let greeting = "Your code is 123456 & counting — grüße 👋";
    let sms = kept(Provider::Twilio);
    let id = sms.message_id.as_deref();
    assert_eq!(
        *ok("twilio"),
        json!({ "sid": id, "status": "queued", "to": TO, "body": greeting })
    );
    let call = kept(Provider::TwilioVoice);
    let id = call.message_id.as_deref();
    assert_eq!(
        *ok("twilioVoice"),
        json!({ "sid": id, "status": "queued", "to": TO })
    );
    let verification = kept(Provider::TwilioVerify);
    let id = verification.message_id.as_deref();
    assert_eq!(
        *ok("twilioVerify"),
        json!({ "sid": id, "status": "pending", "to": TO })
    );
    let vonage = kept(Provider::Vonage);
    let id = vonage.message_id.as_deref();
    assert_eq!(
        *ok("vonage"),
        json!({ "id": id, "status": "0", "to": "4915112345678" })
    );
    let vonage_messages = kept(Provider::VonageMessages);
    let id = vonage_messages.message_id.as_deref();
    assert_eq!(*ok("vonageMessages"), json!({ "id": id }));

    let (number, code) = ("4915112345678", "Your code is 123456");
    let verify_text = "Your verification code is: 123456";
    let expected = [
        (
            sms,
            Channel::Text,
            [Some(TO), Some(FROM), Some(greeting), None],
        ),
        (
            call,
            Channel::Voice,
            [Some(TO), Some(FROM), Some("Your code is 1, 2, 3 & 4"), None],
        ),
        (
            verification,
            Channel::Text,
            [Some(TO), None, Some(verify_text), Some("123456")],
        ),
        (
            vonage,
            Channel::Text,
            [Some(number), Some("phonebox"), Some(code), None],
        ),
        (
            vonage_messages,
            Channel::Text,
            [Some(number), Some("phonebox"), Some(code), None],
        ),
    ];
    for (message, channel, read) in expected {
        let Message {
            to,
            from,
            text,
            code,
            ..
        } = message;
        let found = [to, from, text, code].map(Option::as_deref);
        assert_eq!(
            (message.accepted, message.channel, found),
            (true, channel, read),
            "{message:?}"
        );
    }
    assert_eq!(messages.len(), expected.len(), "{messages:?}");
}

#[tokio::test]
async fn the_official_clients_tell_each_failure() {
    let Some(clients) = clients().await else {
        return;
    };
    // What the clients tell an error by: Twilio's status and code, the status of Vonage's first
    // message (its client throws for a 200), the status and title of Vonage's problem.
    let modes = [
        (
            Failure::TooManyRequests,
            (429, 20429, 20429),
            "1",
            (429, "Throttled"),
        ),
        (
            Failure::ServerError,
            (500, 20500, 20500),
            "5",
            (500, "Internal error"),
        ),
        (
            Failure::WrongNumber,
            (400, 21211, 60200),
            "3",
            (422, "Invalid params"),
        ),
    ];
    for (failure, (status, code, verify_code), vonage, (problem_status, title)) in modes {
        let inbox = start().await;
        inbox.set_failure(failure);
        let returned = drive(clients, &inbox, "30000").await;
        let error = |step: &str| &returned[step]["error"];
        for (step, code) in [
            ("twilio", code),
            ("twilioVoice", code),
            ("twilioVerify", verify_code),
        ] {
            let told = (&error(step)["status"], &error(step)["code"]);
            assert_eq!(
                told,
                (&json!(status), &json!(code)),
                "{failure:?} {step}: {returned}"
            );
        }
        assert_eq!(
            error("vonage")["failed"],
            json!([vonage]),
            "{failure:?}: {returned}"
        );
        let problem = error("vonageMessages");
        let told = (&problem["status"], &problem["problem"]["title"]);
        assert_eq!(
            told,
            (&json!(problem_status), &json!(title)),
            "{failure:?}: {returned}"
        );
        let messages = inbox.messages();
        assert_eq!(messages.len(), 5, "{failure:?}: {messages:?}");
        assert!(
            messages.iter().all(|message| !message.accepted),
            "{failure:?}: {messages:?}"
        );
    }
}

#[tokio::test]
async fn the_official_clients_give_up_on_silence() {
    let Some(clients) = clients().await else {
        return;
    };
    let inbox = start().await;
    inbox.set_failure(Failure::Timeout);
    let returned = drive(clients, &inbox, PATIENCE).await;
    let steps = returned.as_object().unwrap();
    assert_eq!(steps.len(), 5, "{returned}");
    assert!(
        steps.values().all(|step| step.get("error").is_some()),
        "{returned}"
    );
    let silent = |message: &Message| !message.accepted && message.answer.status.is_none();
    let messages = inbox.messages();
    assert_eq!(messages.len(), 5, "{messages:?}");
    assert!(
        messages.iter().all(|message| silent(message)),
        "{messages:?}"
    );
}

#[tokio::test]
async fn the_recorder_makes_the_official_client_send_what_it_is_told() {
    let Some(clients) = clients().await else {
        return;
    };
    let inbox = start().await;
    let settings = json!({
        "accountSid": "AC00000000000000000000000000000002", "authToken": "token",
        "serviceSid": "VA00000000000000000000000000000002", "to": TO, "from": FROM,
        "body": "Code 123456", "twiml": "<Response><Say>1 2 3</Say></Response>", "code": "123456",
    });
    let returned = run(
        clients,
        &inbox,
        "record-twilio.mjs",
        &settings.to_string(),
        "30000",
    )
    .await;
    for (kind, status) in [
        ("sms", "queued"),
        ("call", "queued"),
        ("verification", "pending"),
    ] {
        assert_eq!(returned[kind]["status"], status, "{returned}");
    }
    let messages = inbox.messages();
    let forms: Vec<_> = messages
        .iter()
        .map(|message| json!(message.request.form))
        .collect();
    let expected = [
        json!([["To", TO], ["From", FROM], ["Body", "Code 123456"]]),
        json!([
            ["To", TO],
            ["From", FROM],
            ["Twiml", "<Response><Say>1 2 3</Say></Response>"]
        ]),
        json!([["To", TO], ["Channel", "sms"], ["CustomCode", "123456"]]),
    ];
    assert_eq!(forms, expected, "{messages:?}");
}

async fn drive(clients: &Path, inbox: &Inbox, patience: &str) -> Value {
    run(clients, inbox, "drive-inbox.mjs", "", patience).await
}

/// Runs one of the scripts against the inbox and reads the JSON line that it prints.
pub(crate) async fn run(
    clients: &Path,
    inbox: &Inbox,
    script: &str,
    settings: &str,
    patience: &str,
) -> Value {
    let folder = tempfile::tempdir().expect("a folder for the certificate");
    let authority = authority(&folder, inbox);
    let output = node(clients, script, inbox.provider_address(), &authority)
        .args(Some(settings).filter(|settings| !settings.is_empty()))
        .env("ORACLE_TIMEOUT_MS", patience)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("node runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{script}: {}\n{printed}\n{complained}",
        output.status
    );
    serde_json::from_str(&printed)
        .unwrap_or_else(|error| panic!("{script}: {error}\n{printed}\n{complained}"))
}

/// Node, which runs actions one after another, and whose every request leads to an inbox.
pub(crate) struct Node {
    process: Child,
    answers: Lines<BufReader<ChildStdout>>,
    _authority: tempfile::TempDir,
}

impl Node {
    pub(crate) fn start(clients: &Path, inbox: &Inbox) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the certificate");
        let mut command = node(
            clients,
            "run-action.mjs",
            inbox.provider_address(),
            &authority(&folder, inbox),
        );
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("node runs");
        let stdout = process.stdout.take().expect("it is piped");
        Self {
            process,
            answers: BufReader::new(stdout).lines(),
            _authority: folder,
        }
    }

    /// What an action logs, and what comes of it.
    pub(crate) async fn run(&mut self, action: &Path, event: &Value) -> Value {
        let line = json!({ "action": action, "event": event }).to_string() + "\n";
        let stdin = self.process.stdin.as_mut().expect("it is piped");
        let written = stdin.write_all(line.as_bytes()).await;
        written.unwrap_or_else(|error| panic!("{}: {error}", action.display()));
        let answer = self.answers.next_line().await.expect("text");
        let answer = answer.unwrap_or_else(|| panic!("{}: node ended", action.display()));
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}

/// The inbox's authority, as a file.
fn authority(folder: &tempfile::TempDir, inbox: &Inbox) -> PathBuf {
    let path = folder.path().join("authority.pem");
    std::fs::write(&path, inbox.certificate_pem()).expect("the certificate is written");
    path
}

/// One of the scripts, with the address that its requests go to. It ends with its handle.
fn node(clients: &Path, script: &str, address: SocketAddr, authority: &Path) -> Command {
    let mut command = Command::new("node");
    command
        .arg(clients.join(script))
        .arg(address.to_string())
        .env("NODE_EXTRA_CA_CERTS", authority)
        .env("NODE_NO_WARNINGS", "1")
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy")
        .env_remove("TWILIO_CA_BUNDLE")
        .kill_on_drop(true);
    command
}

/// The folder in which the scripts and the clients are, or `None` where node is missing and no
/// continuous integration insists on it.
pub(crate) async fn clients() -> Option<&'static Path> {
    static INSTALLED: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    INSTALLED.get_or_init(install).await.as_deref()
}

async fn install() -> Option<PathBuf> {
    for tool in ["node", "npm"] {
        let found = Command::new(tool)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .await;
        if !found.is_ok_and(|output| output.status.success()) {
            assert!(
                !in_continuous_integration(),
                "{tool} is missing: install Node.js 20 or later"
            );
            // Past the test harness, which would keep the line of a passing test to itself.
            let _unseen = writeln!(
                std::io::stderr(),
                "skipped: the official clients need {tool}, which is not installed"
            );
            return None;
        }
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracles");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracles");
    std::fs::create_dir_all(&folder).expect("the target directory is writable");
    for entry in std::fs::read_dir(&source).expect("tests/oracles is in the repository") {
        let entry = entry.expect("tests/oracles is readable");
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let copied = std::fs::copy(entry.path(), folder.join(entry.file_name()));
            copied.expect("the scripts are copied");
        }
    }
    // The lock file as it was installed, written last: a half-done installation starts again.
    let wanted = std::fs::read(source.join("package-lock.json")).expect("a lock file");
    let stamp = folder.join("installed-lock.json");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Some(folder);
    }
    let output = Command::new("npm")
        .arg("ci")
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("npm runs");
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "npm ci: {}\n{complained}",
        output.status
    );
    std::fs::write(&stamp, wanted).expect("the target directory is writable");
    Some(folder)
}

/// The Python for which the clients of `tests/oracles/requirements.txt` are installed, or `None` where there is no Python and
/// no continuous integration insists on it.
pub(crate) async fn python() -> Option<&'static Path> {
    static INSTALLED: OnceCell<Option<PathBuf>> = OnceCell::const_new();
    INSTALLED.get_or_init(install_python).await.as_deref()
}

async fn install_python() -> Option<PathBuf> {
    let run = async |program: &Path, arguments: &[&str]| {
        let running = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output();
        running
            .await
            .map_err(|error| error.to_string())
            .and_then(|ended| {
                let said = String::from_utf8_lossy(&ended.stderr).into_owned();
                ended.status.success().then_some(()).ok_or(said)
            })
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracles-python");
    let wanted = include_str!("../../../../../tests/oracles/requirements.txt");
    let (python, stamp) = (folder.join("bin/python"), folder.join("installed.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Some(python);
    }
    let path = folder.display().to_string();
    if let Err(error) = run(Path::new("python3"), &["-m", "venv", "--clear", &path]).await {
        assert!(
            !in_continuous_integration(),
            "python3 -m venv: {error}: install Python 3.11 or later, with its venv"
        );
        let _unseen = writeln!(
            std::io::stderr(),
            "skipped: Auth0's client for Python needs python3 and its venv, which are not installed"
        );
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracles/requirements.txt");
    let source = source.display().to_string();
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "-r",
        &source,
    ];
    let installed = run(&python, &install).await;
    installed.unwrap_or_else(|error| panic!("{install:?}: {error}"));
    // Written last: a half-done installation starts again.
    std::fs::write(&stamp, wanted).expect("the target directory is writable");
    Some(python)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one question that the tests ask the environment"
)]
fn in_continuous_integration() -> bool {
    std::env::var_os("CI").is_some()
}
