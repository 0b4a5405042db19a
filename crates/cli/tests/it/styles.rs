//! Actions as people write them for Auth0, one in each style that they have, in `tests/styles`: they run unmodified, and deliver
//! through the inbox, a Kannel and an AWS that checks signatures.
//!
//! A folder has `action.js` and `cases.json`: its secrets, what it may reach beside the origins that stand in its source, the
//! packages that it was written for, and cases by name. A case says what differs in the event, what the provider does
//! (`failure`, or `answers` one after another), what comes of it, and what arrives. Each runs in phonebox and under Node with
//! the real packages, and there must be no difference between the two.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use phonebox::egress::{Egress, Rule};
use phonebox::{
    Action, BuildError, CompiledCache, DeployError, Deployment, Event, Fault, InvalidAction,
    JavascriptOptions, LoadError, NotificationId, Outcome, Phonebox, Report, RunError, Secret,
};
use phonebox_cli::inbox::{Failure, Fault as AnswerFault, Inbox, ScriptedAnswer};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::gateway::{Alphabet, Gateway, PASSWORD, Sms, USERNAME};
use crate::inbox::client::start;
use crate::inbox::oracles::{self, Node};
use crate::packages::essence;
use crate::program::repository;

const KANNEL: &str = "kannel.example";
const SNS: &str = "sns.eu-central-1.amazonaws.com";
const TO: &str = "+12065550100";
/// The code, as `as_voice` has it.
const SPELT: &str = "4. 9. 2. 0. 1. 6";

/// A folder.
struct Style {
    name: String,
    action: PathBuf,
    source: String,
    about: About,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    secrets: BTreeMap<String, Value>,
    #[serde(default)]
    egress: Vec<String>,
    #[serde(default)]
    dependencies: Vec<String>,
    cases: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    notification: Map<String, Value>,
    #[serde(default)]
    failure: Failure,
    #[serde(default)]
    answers: Vec<Answer>,
    /// `sent`, or what of the action's: `drop`, `retry`, `error`.
    outcome: Value,
    /// Of each that arrives, what is told of it here.
    messages: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    json: Option<Value>,
    #[serde(default)]
    fault: AnswerFault,
}

impl Answer {
    fn script(&self) -> ScriptedAnswer {
        let headers = self.headers.iter().map(|(name, value)| {
            (
                HeaderName::try_from(name).unwrap(),
                HeaderValue::try_from(value).unwrap(),
            )
        });
        let mut headers: HeaderMap = headers.collect();
        let body = match &self.json {
            Some(json) => {
                let kind = HeaderValue::from_static("application/json");
                headers.insert(http::header::CONTENT_TYPE, kind);
                json.to_string()
            }
            None => self.body.clone(),
        };
        ScriptedAnswer {
            status: StatusCode::from_u16(self.status).unwrap(),
            headers,
            body: body.into(),
            fault: self.fault,
        }
    }
}

impl Style {
    /// All whose name begins so.
    fn all(prefix: &str) -> Vec<Self> {
        let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.path().is_dir());
        let mut names: Vec<_> = folders
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.retain(|name| name.contains(prefix));
        names.sort();
        assert!(!names.is_empty(), "{prefix}");
        names.into_iter().map(Self::read).collect()
    }

    fn read(name: String) -> Self {
        let folder = root().join(&name);
        let action = folder.join("action.js");
        let cases = fs::read_to_string(folder.join("cases.json")).unwrap();
        Self {
            source: fs::read_to_string(&action).unwrap(),
            about: serde_json::from_str(&cases).unwrap_or_else(|error| panic!("{name}: {error}")),
            action,
            name,
        }
    }

    /// With other values for some of its secrets.
    fn deploy(&self, phonebox: &Phonebox, given: &[(&str, &str)]) -> Deployment {
        let mut options = JavascriptOptions::new(&self.name);
        let (any_path, methods): ([&str; 0], _) = ([], ["GET", "POST"]);
        let rule = |origin: &String| Rule::new(origin, &methods, &any_path).unwrap();
        options.egress = self.about.egress.iter().map(rule).collect();
        options.dependencies.clone_from(&self.about.dependencies);
        let action = Action::from_javascript(&self.source, options);
        let action = action.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let mut secrets = self.about.secrets.clone();
        for (name, value) in given {
            match secrets.get_mut(*name).unwrap() {
                Value::Object(secret) => secret.insert("value".to_owned(), json!(value)),
                secret => Some(std::mem::replace(secret, json!(value))),
            };
        }
        let secrets: BTreeMap<String, Secret> = serde_json::from_value(json!(secrets)).unwrap();
        let deployed = phonebox.deploy("acme", &action, secrets.into_iter().collect());
        deployed.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The event of one of its cases, with the secrets as Node has them.
    fn event(&self, case: &Case) -> Value {
        let mut event = event();
        let notification = event["notification"].as_object_mut().unwrap();
        notification.extend(case.notification.clone());
        let secrets = self.about.secrets.iter();
        let secrets = secrets.map(|(name, secret)| (name.clone(), value(secret).clone()));
        event["secrets"] = Value::Object(secrets.collect());
        event
    }
}

fn root() -> PathBuf {
    repository().join("tests/styles")
}

fn event() -> Value {
    serde_json::from_slice(&fs::read(root().join("event.json")).unwrap()).unwrap()
}

fn value(secret: &Value) -> &Value {
    secret.get("value").unwrap_or(secret)
}

/// A host from which nothing leads to anywhere but these.
fn phonebox(lead: impl FnOnce(phonebox::egress::Builder) -> phonebox::egress::Builder) -> Phonebox {
    let egress = lead(Egress::builder().reachable("127.0.0.1/32".parse().unwrap()));
    // Compiling the engine takes seconds: one of these tests does it for all.
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("engine");
    let compiled = CompiledCache::open(&compiled, [7; 32]).unwrap();
    let phonebox = Phonebox::builder()
        .egress(egress.build().unwrap())
        .compiled(compiled);
    phonebox.build().unwrap()
}

async fn attempt(deployment: &Deployment, event: &Value) -> Report {
    let mut event = event.clone();
    event["secrets"] = json!({});
    let event = Event::from_json(&event.to_string()).unwrap();
    deployment
        .attempt(Arc::new(event), NotificationId::new(), 1)
        .await
}

/// What came of it, as Node tells it.
fn outcome(report: &Report) -> Value {
    match &report.result {
        Ok(Outcome::Sent { .. }) => json!("sent"),
        Ok(Outcome::Drop { reason }) => json!({ "drop": reason }),
        Ok(Outcome::Retry(request)) => json!({ "retry": request.reason }),
        Err(RunError::Returned { message }) => {
            let (said, _) = message.rsplit_once(", at ").unwrap_or((message, ""));
            // Why a request failed is told, too.
            let failed = "TypeError: fetch failed";
            let said = if said.starts_with(failed) {
                failed
            } else {
                said
            };
            json!({ "error": said })
        }
        Err(error) => panic!("{error}: {report:#?}"),
    }
}

#[tokio::test]
async fn each_style_does_what_it_does_in_node() {
    let Some(clients) = oracles::clients().await else {
        return;
    };
    let (inbox, theirs) = (start().await, start().await);
    let mut node = Node::start(clients, &theirs);
    let phonebox = phonebox(|egress| {
        egress
            .resolve_others(vec![inbox.provider_address()])
            .trust(inbox.certificate())
            .dangerous_plain_http_everywhere()
    });
    for style in Style::all("") {
        let deployment = style.deploy(&phonebox, &[]);
        for (name, case) in &style.about.cases {
            let at = format!("{}, {name}", style.name);
            for inbox in [&inbox, &theirs] {
                inbox.clear();
                inbox.set_failure(case.failure);
                inbox.script(case.answers.iter().map(Answer::script).collect());
            }
            let event = style.event(case);
            let report = attempt(&deployment, &event).await;
            let oracle = masked(&node.run(&style.action, &event).await, &event);
            let found = outcome(&report);
            assert_eq!(found, case.outcome, "{at}: {report:#?}");
            assert_eq!(oracle["outcome"], case.outcome, "{at}, in Node: {oracle}");
            check_messages(&at, &inbox, case);
            check_wire(&at, &inbox, &theirs);
            check_log(&at, &report, &oracle);
        }
    }
}

/// Whether what arrived is what its case says.
fn check_messages(at: &str, inbox: &Inbox, case: &Case) {
    let messages = inbox.messages();
    assert_eq!(messages.len(), case.messages.len(), "{at}: {messages:#?}");
    for (message, expected) in messages.iter().zip(&case.messages) {
        let message = json!(**message);
        for (name, expected) in expected {
            assert_eq!(&message[name], expected, "{at}, {name}: {message:#}");
        }
    }
}

/// Whether the same was asked for by phonebox and by Node.
fn check_wire(at: &str, ours: &Inbox, theirs: &Inbox) {
    let asked = |inbox: &Inbox| {
        let asked = inbox.messages().into_iter();
        let asked = asked.map(|message| essence(&json!(*message)));
        let mut asked: Vec<_> = asked.map(|asked| timeless(&asked)).collect();
        // Of those that were under way at once, either may come first.
        asked.sort_by_key(Value::to_string);
        asked
    };
    assert_eq!(asked(ours), asked(theirs), "{at}");
}

/// Without what is made anew for each request: when a token was issued, and its signature.
fn timeless(asked: &Value) -> Value {
    let mut asked = asked.clone();
    // A query may be written in two ways, and what is put in place of a sealed secret is in one of them.
    let mut url = url::Url::parse(asked[1].as_str().unwrap()).unwrap();
    let query: Vec<_> = url.query_pairs().into_owned().collect();
    url.query_pairs_mut().clear().extend_pairs(query);
    asked[1] = json!(url.as_str());
    let authorization = asked[2].as_str().unwrap();
    if let Some(token) = Token::read(authorization) {
        let mut claims = token.claims;
        for name in ["exp", "iat", "jti"] {
            assert!(!claims[name].take().is_null(), "{authorization}");
        }
        asked[2] = claims;
    }
    asked
}

/// A JSON Web Token.
struct Token<'a> {
    head: Value,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    fn read(authorization: &'a str) -> Option<Self> {
        let token = authorization.strip_prefix("Bearer ")?;
        let (signed, signature) = token.rsplit_once('.')?;
        let (head, claims) = signed.split_once('.')?;
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let json = |part: &str| serde_json::from_slice(&decoded(part)?).ok();
        Some(Self {
            head: json(head)?,
            claims: json(claims)?,
            signed,
            signature: decoded(signature)?,
        })
    }
}

/// What Node tells, without what phonebox shows of no event.
fn masked(oracle: &Value, event: &Value) -> Value {
    let mut told = oracle.to_string();
    for (text, mask) in [
        (
            event["notification"]["recipient"].as_str().unwrap(),
            "[number]",
        ),
        (event["notification"]["code"].as_str().unwrap(), "[code]"),
        (SPELT, "[code]"),
    ] {
        told = told.replace(text, mask);
    }
    serde_json::from_str(&told).unwrap()
}

/// Whether the same was logged, but for the error that ended the run, which phonebox logs.
fn check_log(at: &str, report: &Report, oracle: &Value) {
    let ours: Vec<_> = report.log.iter().map(|line| &*line.message).collect();
    let theirs = oracle["log"].as_array().unwrap().iter();
    let theirs: Vec<_> = theirs.map(|line| line.as_str().unwrap()).collect();
    let (ours, theirs) = (ours.join("\n"), theirs.join("\n"));
    if report.result.is_err() {
        assert!(ours.starts_with(&theirs), "{at}: {ours}\n\n{theirs}");
    } else {
        assert_eq!(ours, theirs, "{at}");
    }
}

#[tokio::test]
async fn a_token_is_signed_with_the_applications_key() {
    let inbox = start().await;
    let phonebox = phonebox(|egress| {
        egress
            .resolve_others(vec![inbox.provider_address()])
            .trust(inbox.certificate())
    });
    let style = Style::read("vonage-jwt".to_owned());
    let report = attempt(&style.deploy(&phonebox, &[]), &event()).await;
    assert_eq!(outcome(&report), json!("sent"), "{report:#?}");
    let messages = inbox.messages();
    let authorization = messages[0].request.header("authorization").unwrap();
    let Token {
        head,
        claims,
        signed,
        signature,
    } = Token::read(authorization).unwrap();
    assert_eq!(head, json!({ "alg": "RS256", "typ": "JWT" }));
    let (issued, ends) = (
        claims["iat"].as_u64().unwrap(),
        claims["exp"].as_u64().unwrap(),
    );
    assert_eq!(ends - issued, 300, "{claims}");
    let key = value(&style.about.secrets["VONAGE_PRIVATE_KEY"])
        .as_str()
        .unwrap();
    let key = PrivatePkcs8KeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key());
    key.verify(signed.as_bytes(), &signature).unwrap();
}

#[tokio::test]
async fn what_is_sent_by_kannel_is_on_the_handset() {
    let Some(mut gateway) = Gateway::start().await else {
        return;
    };
    let phonebox = phonebox(|egress| {
        let origin = phonebox::egress::Origin::parse("http://kannel.example:13013").unwrap();
        egress
            .resolve(KANNEL, vec![gateway.sendsms])
            .dangerous_plain_http(origin)
    });
    let styles = Style::all("kannel");
    let account = [("KANNEL_USERNAME", USERNAME), ("KANNEL_PASSWORD", PASSWORD)];
    let event = event();
    for style in &styles {
        let deployment = style.deploy(&phonebox, &account);
        for (text, alphabet) in [
            (
                event["notification"]["as_text"].as_str().unwrap(),
                Alphabet::Ucs2,
            ),
            ("Your code is 492016 & more: 100% + 1?", Alphabet::Gsm7),
        ] {
            let mut event = event.clone();
            event["notification"]["as_text"] = json!(text);
            let report = attempt(&deployment, &event).await;
            assert_eq!(
                outcome(&report),
                json!("sent"),
                "{}: {report:#?}",
                style.name
            );
            let expected = Sms {
                from: "Acme".to_owned(),
                to: TO.to_owned(),
                text: text.to_owned(),
                parts: 1,
            };
            let received = gateway.handset.receive(alphabet).await;
            assert_eq!(received, expected, "{}", style.name);
        }
        let refused = style.deploy(&phonebox, &[("KANNEL_PASSWORD", "another")]);
        let report = attempt(&refused, &event).await;
        let said = outcome(&report)["drop"].to_string();
        assert!(
            said.contains("Authorization failed"),
            "{}: {report:#?}",
            style.name
        );
    }
    gateway.kill().await;
    for style in &styles {
        let report = attempt(&style.deploy(&phonebox, &account), &event).await;
        let found = outcome(&report);
        assert!(found["retry"].is_string(), "{}: {report:#?}", style.name);
        assert_eq!(
            report.fault(),
            Some(Fault::Provider),
            "{}: {report:#?}",
            style.name
        );
    }
}

#[tokio::test]
async fn aws_accepts_what_is_signed_with_its_users_key_alone() {
    let Some(mut aws) = Aws::start().await else {
        return;
    };
    let phonebox = phonebox(|egress| {
        egress
            .resolve(SNS, vec![aws.address])
            .trust(aws.certificate.clone())
    });
    let (event, id, secret) = (event(), aws.id.clone(), aws.secret.clone());
    let keys = [
        ("AWS_ACCESS_KEY_ID", &*id),
        ("AWS_SECRET_ACCESS_KEY", &*secret),
    ];
    let another: String = secret.chars().rev().collect();
    for style in Style::all("sns") {
        let name = &style.name;
        let report = attempt(&style.deploy(&phonebox, &keys), &event).await;
        assert_eq!(outcome(&report), json!("sent"), "{name}: {report:#?}");
        let text = &event["notification"]["as_text"];
        assert_eq!(aws.texts().await, json!([[TO, text]]), "{name}");

        for (given, expected) in [
            (
                [keys[0], ("AWS_SECRET_ACCESS_KEY", &another)],
                "SignatureDoesNotMatch",
            ),
            (
                [("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"), keys[1]],
                "InvalidClientTokenId",
            ),
        ] {
            let report = attempt(&style.deploy(&phonebox, &given), &event).await;
            let refused = outcome(&report);
            assert!(refused["drop"].is_string(), "{name}: {report:#?}");
            let status = report.exchanges.last().and_then(|exchange| exchange.status);
            assert_eq!(status, Some(403), "{name}, {expected}: {report:#?}");
            assert_eq!(aws.texts().await, json!([]), "{name}, {expected}");
        }
    }
}

/// AWS, as moto has it, with a user who may send texts.
struct Aws {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    id: String,
    secret: String,
    process: Child,
    answers: Lines<BufReader<ChildStdout>>,
    _folder: tempfile::TempDir,
}

impl Aws {
    /// None where there is no Python, and no continuous integration insists on it.
    async fn start() -> Option<Self> {
        let python = oracles::python().await?;
        // For its authority, which vouches for AWS.
        let inbox = start().await;
        let (certificate, key) = inbox.certified(&[SNS]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (certificate_path, key_path) =
            (folder.path().join("aws.pem"), folder.path().join("aws.key"));
        fs::write(&certificate_path, certificate).unwrap();
        fs::write(&key_path, key).unwrap();
        let mut process = Command::new(python)
            .arg(repository().join("tests/oracles/aws.py"))
            .args([certificate_path, key_path])
            .env_remove("HTTP_PROXY")
            .env_remove("http_proxy")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("aws.log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = answers.next_line().await.unwrap().unwrap_or_else(|| {
            let log = fs::read_to_string(folder.path().join("aws.log"));
            panic!("AWS does not start: {log:?}")
        });
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let port = ready["port"].as_u64().and_then(|port| port.try_into().ok());
        let text = |name: &str| ready[name].as_str().unwrap().to_owned();
        Some(Self {
            address: ([127, 0, 0, 1], port.unwrap()).into(),
            certificate: inbox.certificate(),
            id: text("id"),
            secret: text("secret"),
            process,
            answers,
            _folder: folder,
        })
    }

    /// The numbers and texts that it was to send since it was last asked.
    async fn texts(&mut self) -> Value {
        let stdin = self.process.stdin.as_mut().unwrap();
        stdin.write_all(b"\n").await.unwrap();
        let answer = self.answers.next_line().await.unwrap().unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

/// What cannot run, and what its author is told.
#[tokio::test]
async fn what_is_not_there_is_said_when_it_is_built() {
    let phonebox = phonebox(|egress| egress);
    let absent = "in phonebox's sandbox";
    let packaged = "bundled on the author's machine";
    for (required, expected) in [
        ("fs", absent),
        ("https", "requests are made by fetch"),
        ("@aws-sdk/client-sesv2", packaged),
        ("@aws-sdk/client-sts", packaged),
        ("@prelude.so/sdk", packaged),
        ("node-mailjet", packaged),
    ] {
        let source = format!(
            "const it = require('{required}');\nexports.onExecuteCustomPhoneProvider = async () => {{ it.send(); }};"
        );
        let error = match Action::from_javascript(&source, JavascriptOptions::new("lacks")) {
            Err(InvalidAction::Source(mut errors)) => errors.remove(0),
            Err(error) => panic!("{required}: {error}"),
            Ok(action) => match phonebox.deploy(
                "acme",
                &action,
                std::iter::empty::<(&str, &str)>().collect(),
            ) {
                Err(DeployError::Load(LoadError::Source(error))) => error,
                other => panic!("{required}: {:?}", other.map(drop)),
            },
        };
        let BuildError { message, line, .. } = error;
        let is_told = message.contains(required) && message.contains(expected);
        assert!(
            is_told && line == Some(1),
            "{required}: {message}, {line:?}"
        );
    }
}
