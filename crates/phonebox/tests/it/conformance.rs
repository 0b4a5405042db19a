//! The folders of `tests/conformance`: an action each, and what happens with it, in phonebox and in Node alike.
//!
//! A folder has `action.js`, `expect.json`, and where it differs from the one beside the folders `event.json`, whose secrets are
//! the action's; `answers.json` has what the provider answers, each once, to the path `to` if there is one, and else 200 to
//! whatever is asked; to `/hold` there is never an answer. `expect.json` says what Node does, and `ours`, beside `because`, where phonebox does not do the same.
//! `node tests/conformance/node.js --write FOLDER…` writes what Node does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use phonebox::egress::{Egress, Limits, Origin, Rule};
use phonebox::{
    Action, CompiledCache, Deployment, Event, InvalidAction, JavascriptOptions, LoadError,
    NotificationId, Outcome, Phonebox, Report, RunError, Secret,
};
use phonebox_test_guests::CONFORMANCE;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const ORIGINS: &[&str] = &[
    "http://provider.example:8000",
    "http://other.example:8000",
    "http://closed.example:8001",
];
/// Where there is never an answer. Whether a request has come there by when it is given up is nobody's to say, and not told.
const HELD: &str = "/hold";
/// The manifest of the action in Rust.
const IN_RUST: &str = r#"
name = "conformance"
trigger = "custom-phone-provider"
[[egress]]
origin = "http://provider.example:8000"
methods = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
[secrets.ACCOUNT]
[secrets.TOKEN]
[secrets.FOLDER]
reveal = true
"#;
/// What a client says of itself, which is no two clients' same.
const UNSAID: &[&str] = &[
    "accept-encoding",
    "accept-language",
    "connection",
    "content-length",
    "host",
    "phonebox-hop",
    "sec-fetch-mode",
    "transfer-encoding",
    "user-agent",
];

/// What the provider does with one request.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Answer {
    to: Option<String>,
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    body: String,
    json: Option<Box<RawValue>>,
    /// Ends the connection before the body is whole.
    cut: bool,
}

/// What is to be answered, and what was asked.
#[derive(Default)]
struct Script {
    answers: Vec<Answer>,
    requests: Vec<Value>,
}

type Provider = Arc<Mutex<Script>>;

#[tokio::test]
async fn phonebox_does_what_node_does() {
    let folders = folders();
    assert!(folders.len() >= 40, "there are {} folders", folders.len());
    let provider = Provider::default();
    let phonebox = phonebox(provider.clone()).await;
    let mut wrong = Vec::new();
    for folder in &folders {
        let mut expected = read(folder, "expect.json").unwrap();
        if let Some(Value::Object(mut ours)) = expected.as_object_mut().unwrap().remove("ours") {
            let because = ours.remove("because");
            assert!(
                because.is_some_and(|because| because.is_string()),
                "{folder:?} does not say why"
            );
            expected.as_object_mut().unwrap().append(&mut ours);
        }
        let found = run(&phonebox, &provider, folder).await;
        if found != expected {
            wrong.push(differ(folder, &expected, &found));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Folders in which an action in Rust, `tests/guests/components/probe/examples/conformance.rs`, does the same as the one in
/// JavaScript.
const SAME_IN_RUST: &[&str] = &[
    "cache",
    "cache-expiry",
    "cache-refusals",
    "drop-awaited",
    "drop-returned",
    "event",
    "fetch-form-basic",
    "last-word-counts",
    "reason-is-cut",
    "retry-not-awaited",
    "throw-string",
    "top-level-state",
];
/// Where it comes to the same and asks for the same, and what is logged is what JavaScript has around an answer.
const SAME_BUT_FOR_THE_LOG: &[&str] = &[
    "answer-cut-short",
    "fetch-abort",
    "fetch-json",
    "fetch-methods",
    "response-body",
];
/// What the others are about, which an action in Rust does not have.
const NOT_IN_RUST: &[(&str, &[&str])] = &[
    (
        "a build of JavaScript, with its exports and its syntax",
        &[
            "export-arrow",
            "export-function",
            "export-function-object",
            "export-missing",
            "export-module",
            "export-not-async",
            "export-null",
            "export-other-trigger",
            "export-two-handlers",
            "require-absent",
            "syntax-await",
            "syntax-error",
            "syntax-module",
            "top-level-throw",
        ],
    ),
    (
        "lines of action.js, which an error names",
        &[
            "error-stack",
            "fetch-errors",
            "reject",
            "rejected-not-awaited",
            "throw-after-drop",
            "throw-error",
            "throw-object",
            "throw-subclass",
            "throw-undefined",
        ],
    ),
    (
        "methods of `api`, which are functions",
        &["api-detached", "reason-of-other-types"],
    ),
    (
        "fetch, which follows redirects and has several requests under way",
        &["fetch-overlap", "fetch-redirects", "headers", "request"],
    ),
    (
        "styles that people write JavaScript in",
        &[
            "as-aws-by-hand",
            "as-azure",
            "as-clicksend",
            "as-infobip",
            "as-messagebird",
            "as-plivo",
            "as-sinch",
            "as-telnyx",
            "as-twilio",
            "as-vonage",
            "as-whatsapp",
        ],
    ),
    (
        "how console shows values",
        &[
            "console-errors",
            "console-layout",
            "console-methods",
            "console-objects",
            "console-table",
            "console-values",
        ],
    ),
    (
        "the language, and what comes with it in Node and in browsers",
        &[
            "buffer",
            "crypto-node",
            "crypto-pss",
            "crypto-sign",
            "crypto-web",
            "crypto-web-sign",
            "date-json",
            "events-assert",
            "events-dom",
            "intl",
            "intl-elsewhere",
            "language",
            "legacy-url",
            "process",
            "promises",
            "querystring",
            "regexp",
            "structured-clone",
            "text-encoding",
            "timers-order",
            "url",
            "url-idn",
            "url-search-params",
            "util",
        ],
    ),
];

#[tokio::test]
async fn an_action_in_rust_does_the_same_where_it_can() {
    let applies = [SAME_IN_RUST, SAME_BUT_FOR_THE_LOG].concat();
    let not = NOT_IN_RUST.iter().flat_map(|(_, names)| *names);
    let mut listed: Vec<_> = applies
        .iter()
        .chain(not)
        .copied()
        .map(OsString::from)
        .collect();
    listed.sort();
    let there: Vec<_> = folders()
        .iter()
        .map(|folder| folder.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(listed, there, "each folder is in one list of this file");

    let provider = Provider::default();
    let phonebox = phonebox(provider.clone()).await;
    let action = Action::assemble(CONFORMANCE.bytes, IN_RUST).unwrap();
    let mut wrong = Vec::new();
    for name in applies {
        let folder = root().join(name);
        let mut expected = read(&folder, "expect.json").unwrap();
        assert_eq!(expected.get("ours"), None, "{name}");
        let (event, mut secrets) = prepare(&provider, &folder);
        let which = json!({ "value": name, "mode": "revealed" });
        secrets.insert("FOLDER".to_owned(), serde_json::from_value(which).unwrap());
        let deployment = phonebox.deploy("acme", &action, secrets.into_iter().collect());
        let mut found = attempt(&deployment.unwrap(), event, &provider).await;
        if SAME_BUT_FOR_THE_LOG.contains(&name) {
            expected["log"].take();
            found["log"].take();
        }
        if found != expected {
            wrong.push(differ(&folder, &expected, &found));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn node_does_what_the_folders_say() {
    let output = Command::new("node")
        .arg(root().join("node.js"))
        .args(folders())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if !in_continuous_integration() => {
            eprintln!("skipped: node does not start ({error})");
            return;
        }
        Err(error) => panic!("node does not start: {error}"),
    };
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told.len(), folders().len());
    let mut wrong = Vec::new();
    for (folder, told) in folders().iter().zip(told) {
        let mut expected = read(folder, "expect.json").unwrap();
        expected.as_object_mut().unwrap().remove("ours");
        if told != expected {
            wrong.push(differ(folder, &expected, &told));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one question that the tests ask the environment"
)]
fn in_continuous_integration() -> bool {
    std::env::var_os("CI").is_some()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conformance")
}

fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn read(folder: &Path, name: &str) -> Option<Value> {
    let text = fs::read_to_string(folder.join(name)).ok()?;
    Some(
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{} {name}: {error}", folder.display())),
    )
}

async fn phonebox(provider: Provider) -> Phonebox {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let router = Router::new().fallback(answer).with_state(provider);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut limits = Limits::default();
    (limits.requests, limits.tenant_rate) = (32, 10_000);
    let mut egress = Egress::builder()
        .reachable("127.0.0.0/8".parse().unwrap())
        .limits(limits);
    for origin in ORIGINS {
        let origin = Origin::parse(origin).unwrap();
        let leads_to = if origin.host() == "closed.example" {
            closed
        } else {
            address
        };
        egress = egress
            .resolve(origin.host(), vec![leads_to])
            .dangerous_plain_http(origin);
    }
    // Compiling the engine takes seconds: one of this crate's tests does it for all.
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine");
    let compiled = CompiledCache::open(&compiled, [7; 32]).unwrap();
    let phonebox = Phonebox::builder().egress(egress.build().unwrap());
    phonebox.compiled(compiled).build().unwrap()
}

async fn answer(State(provider): State<Provider>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let path = head.uri.to_string();
    let headers = head
        .headers
        .iter()
        .filter(|(name, _)| !UNSAID.contains(&name.as_str()));
    let headers: BTreeMap<_, _> = headers
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let host = head.headers.get(header::HOST).unwrap().to_str().unwrap();
    let seen = json!({
        "method": head.method.as_str(), "url": format!("http://{host}{path}"), "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    if path == HELD {
        return std::future::pending().await;
    }
    let answer = {
        let mut script = provider.lock().unwrap();
        script.requests.push(seen);
        let fits = |answer: &Answer| answer.to.as_ref().is_none_or(|to| *to == path);
        let at = script.answers.iter().position(fits);
        at.map(|at| script.answers.remove(at)).unwrap_or_default()
    };
    let body = answer
        .json
        .as_ref()
        .map_or(answer.body, ToString::to_string);
    let mut response = Response::builder().status(answer.status.unwrap_or(200));
    if answer.json.is_some() {
        response = response.header(header::CONTENT_TYPE, "application/json");
    }
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let body = if answer.cut {
        let parts = [Ok(Bytes::from(body)), Err(std::io::Error::other("cut"))];
        Body::from_stream(futures_util::stream::iter(parts))
    } else {
        Body::from(body)
    };
    response.body(body).unwrap().into_response()
}

/// A folder's event and secrets. The provider answers from now on as the folder says.
fn prepare(provider: &Provider, folder: &Path) -> (Event, BTreeMap<String, Secret>) {
    let mut event =
        read(folder, "event.json").unwrap_or_else(|| read(&root(), "event.json").unwrap());
    let secrets = event.as_object_mut().unwrap().remove("secrets").unwrap();
    let answers = fs::read_to_string(folder.join("answers.json"));
    let answers = answers.map(|answers| serde_json::from_str(&answers).unwrap());
    *provider.lock().unwrap() = Script {
        answers: answers.unwrap_or_default(),
        requests: Vec::new(),
    };
    let event = Event::from_json(&event.to_string()).unwrap();
    (event, serde_json::from_value(secrets).unwrap())
}

/// What happens with a folder's action in phonebox, as `expect.json` has it.
async fn run(phonebox: &Phonebox, provider: &Provider, folder: &Path) -> Value {
    let (event, secrets) = prepare(provider, folder);
    let mut options = JavascriptOptions::new("conformance");
    let any_path: [&str; 0] = [];
    let methods = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
    options.egress = ORIGINS
        .iter()
        .map(|origin| Rule::new(origin, &methods, &any_path).unwrap())
        .collect();
    let source = fs::read_to_string(folder.join("action.js")).unwrap();
    let built = |error: phonebox::BuildError| json!({ "outcome": { "build": error.id, "message": error.message, "line": error.line } });
    let action = match Action::from_javascript(&source, options) {
        Ok(action) => action,
        Err(InvalidAction::Source(mut errors)) => return built(errors.remove(0)),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    let deployment = match phonebox.deploy("acme", &action, secrets.into_iter().collect()) {
        Ok(deployment) => deployment,
        Err(phonebox::DeployError::Load(LoadError::Source(error))) => return built(error),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    attempt(&deployment, event, provider).await
}

async fn attempt(deployment: &Deployment, event: Event, provider: &Provider) -> Value {
    let report = deployment
        .attempt(Arc::new(event), NotificationId::new(), 1)
        .await;
    let requests = std::mem::take(&mut provider.lock().unwrap().requests);
    json!({ "outcome": outcome(&report), "log": log(&report), "requests": requests })
}

fn outcome(report: &Report) -> Value {
    let message = match &report.result {
        Ok(Outcome::Sent { .. }) => return json!("sent"),
        Ok(Outcome::Drop { reason }) => return json!({ "drop": reason }),
        Ok(Outcome::Retry(request)) => return json!({ "retry": request.reason }),
        Err(RunError::Returned { message }) => message,
        Err(error) => return json!({ "error": error.to_string() }),
    };
    // `Error: what, at helper (action.js:2:10) < action.js:6:10`
    let Some((what, place)) = message
        .rsplit_once(", at ")
        .filter(|(_, at)| at.contains("action.js:"))
    else {
        return json!({ "error": message });
    };
    let (_, line) = place.split_once("action.js:").unwrap();
    let (line, _) = line.split_once(':').unwrap();
    json!({ "error": what, "line": line.parse::<u32>().unwrap() })
}

/// The lines, without the frames of stacks, of which every engine has its own, and without the error that ended the run, which
/// phonebox itself logs.
fn log(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in &report.log {
        let level = serde_json::to_value(line.level).unwrap();
        let message = &line.message;
        let line = format!("{}: {message}", level.as_str().unwrap());
        match lines.last_mut() {
            Some(last) if message.trim_start().starts_with("at ") => {
                let after = [" {", ",", "]"]
                    .iter()
                    .find(|after| message.ends_with(**after));
                last.push_str(after.unwrap_or(&""));
            }
            _ => lines.push(line),
        }
    }
    if let Err(RunError::Returned { message }) = &report.result {
        let is_head = |line: &String| {
            let logged = line.strip_prefix("error: ");
            logged.is_some_and(|logged| message.starts_with(logged.trim_end_matches(" {")))
        };
        if let Some(at) = lines.iter().rposition(is_head) {
            lines.truncate(at);
        }
    }
    lines
}

/// What of the one is not as in the other.
fn differ(folder: &Path, expected: &Value, found: &Value) -> String {
    let name = folder.file_name().unwrap().to_string_lossy();
    let mut lines = vec![format!("{name}:")];
    let mut unlike = |what: String, expected: Option<&Value>, found: Option<&Value>| {
        let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), ToString::to_string);
        if expected != found {
            lines.push(format!("  {what}: expected {}", shown(expected)));
            lines.push(format!("  {what}: received {}", shown(found)));
        }
    };
    for key in ["outcome", "log", "requests"] {
        let (expected, found) = (expected.get(key), found.get(key));
        match (
            expected.and_then(Value::as_array),
            found.and_then(Value::as_array),
        ) {
            (Some(expected), Some(found)) => {
                for at in 0..expected.len().max(found.len()) {
                    unlike(format!("{key} {at}"), expected.get(at), found.get(at));
                }
            }
            _ => unlike(key.to_owned(), expected, found),
        }
    }
    lines.join("\n")
}
