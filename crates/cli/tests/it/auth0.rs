//! The Management API, as Auth0's own clients meet it: over TLS, and unmodified.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phonebox::Action;
use phonebox_test_guests::TWILIO_RUST;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

use crate::dev::Staying;
use crate::inbox::{self, oracles};
use crate::program::{Desk, repository};

/// Longer than any client takes; only a failure waits so long. auth0-deploy-cli computes for a minute before it begins.
const PATIENCE: Duration = Duration::from_mins(8);
const MODULE: &str = "exports.say = (code) => `${code} ${actions.secrets.SIGNATURE}`;";
const SCRIPT: &str = include_str!("../../../../tests/oracles/action.js");

/// A tenant with nothing deployed, for as long as this is.
struct Tenant {
    desk: Desk,
    _dev: Staying,
    variables: HashMap<String, String>,
}

impl Tenant {
    fn start() -> Self {
        let desk = Desk::new();
        let mut dev = Staying::start(&desk, &["dev", "--empty", "--env-file", "dev.env"]);
        dev.wait_for("is this tenant's API");
        let written = std::fs::read_to_string(desk.path().join("dev.env")).unwrap();
        let variables = written.lines().filter_map(|line| {
            let (name, value) = line.trim_start_matches("export ").split_once('=')?;
            Some((name.to_owned(), value.trim_matches('\'').to_owned()))
        });
        Self {
            variables: variables.collect(),
            desk,
            _dev: dev,
        }
    }

    fn variable(&self, name: &str) -> &str {
        let value = self.variables.get(name);
        value.unwrap_or_else(|| panic!("no {name} in {:#?}", self.variables))
    }

    /// Runs a client to its end, which has to be a good one, and gives what it printed.
    async fn run(&self, program: impl AsRef<Path>, arguments: &[&str]) -> String {
        self.run_with(program, arguments, &[]).await
    }

    async fn run_with(
        &self,
        program: impl AsRef<Path>,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> String {
        let program = program.as_ref();
        let authority = self.variable("PHONEBOX_CA");
        let running = Command::new(program)
            .args(arguments)
            .current_dir(self.desk.path())
            .envs(&self.variables)
            .env("NODE_EXTRA_CA_CERTS", authority)
            .env("SSL_CERT_FILE", authority)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ended = timeout(PATIENCE, running).await;
        let ended = ended
            .unwrap_or_else(|_| panic!("{arguments:?} does not end"))
            .unwrap();
        let printed = String::from_utf8_lossy(&ended.stdout);
        let complained = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.success(),
            "{} {arguments:?}: {}\n{printed}\n{complained}",
            program.display(),
            ended.status
        );
        format!("{printed}{complained}")
    }

    /// Writes what a test is about, and gives the path.
    fn file(&self, path: &str, content: impl AsRef<[u8]>) -> String {
        self.desk.write(path, content).display().to_string()
    }

    /// Fails if no code has arrived.
    async fn expect_a_code(&self) {
        let messages = inbox::client::messages(self.variable("PHONEBOX_INBOX_URL")).await;
        let is_one =
            |message: &Value| message["accepted"] == true && message["to"] == "+14155550100";
        assert!(messages.iter().any(is_one), "{messages:#?}");
    }
}

/// The Twilio example as Auth0's `code`.
fn module() -> String {
    let manifest =
        std::fs::read_to_string(repository().join("examples/actions/twilio-rust/action.toml"));
    let action = Action::assemble(TWILIO_RUST.bytes, &manifest.unwrap()).unwrap();
    format!(
        "data:application/wasm;base64,{}",
        STANDARD.encode(action.component())
    )
}

fn event() -> Vec<u8> {
    let path = repository().join("examples/actions/twilio-rust/fixtures/sms/event.json");
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn its_client_for_node_manages_a_script() {
    let Some(clients) = oracles::clients().await else {
        return;
    };
    let tenant = Tenant::start();
    let (code, event) = (
        tenant.file("code", SCRIPT),
        tenant.file("event.json", event()),
    );
    let script = clients.join("manage.mjs").display().to_string();
    let said = tenant.run("node", &[&script, &code, &event]).await;
    assert!(
        said.contains("every method answered as it should"),
        "{said}"
    );
    tenant.expect_a_code().await;
    // What a module made of it, with a secret of its own.
    let messages = inbox::client::messages(tenant.variable("PHONEBOX_INBOX_URL")).await;
    let is_it = |message: &Value| {
        let text = message["text"].as_str().unwrap_or_default();
        text.ends_with(" is it Acme")
    };
    assert!(messages.iter().any(is_it), "{messages:#?}");
}

#[tokio::test]
async fn its_client_for_python_manages_a_component() {
    let Some(python) = oracles::python().await else {
        return;
    };
    let tenant = Tenant::start();
    let (code, event) = (
        tenant.file("code", module()),
        tenant.file("event.json", event()),
    );
    let script = repository()
        .join("tests/oracles/manage.py")
        .display()
        .to_string();
    let said = tenant.run(python, &[&script, &code, &event]).await;
    assert!(
        said.contains("every method answered as it should"),
        "{said}"
    );
    tenant.expect_a_code().await;
}

/// An action, its secrets, its provider, four templates and its binding, as auth0-deploy-cli has them in a folder.
fn write_folder(tenant: &Tenant, code: &str) {
    let action = json!({
        "name": "Twilio", "runtime": "node22", "dependencies": [], "status": "built", "deployed": true,
        "code": "./actions/Twilio/code.js",
        "supported_triggers": [{ "id": "custom-phone-provider", "version": "v1" }],
        "secrets": [
            { "name": "TWILIO_ACCOUNT_SID", "value": "AC00000000000000000000000000000000" },
            { "name": "TWILIO_AUTH_TOKEN", "value": "@@TOKEN@@" },
            { "name": "TWILIO_FROM", "value": "+15005550006" },
        ],
        "modules": [{ "module_name": "words", "module_version_number": 1 }],
    });
    let module = json!({
        "name": "words", "code": "./action-modules/words/code.js", "dependencies": [], "all_changes_published": true,
        "secrets": [{ "name": "SIGNATURE", "value": "@@TOKEN@@" }],
    });
    tenant.file("export/action-modules/words.json", module.to_string());
    tenant.file("export/action-modules/words/code.js", MODULE);
    tenant.file("export/actions/Twilio.json", action.to_string());
    tenant.file("export/actions/Twilio/code.js", code);
    let bindings =
        json!({ "custom-phone-provider": [{ "action_name": "Twilio", "display_name": "Twilio" }] });
    tenant.file("export/triggers/triggers.json", bindings.to_string());
    let provider = json!([{ "name": "custom", "disabled": false, "configuration": { "delivery_methods": ["text", "voice"] } }]);
    tenant.file("export/phone-providers/provider.json", provider.to_string());
    for kind in [
        "otp_verify",
        "otp_enroll",
        "change_password",
        "blocked_account",
    ] {
        let template = json!({ "type": kind, "disabled": false, "content": { "syntax": "liquid", "from": "+15005550006",
            "body": { "text": format!("{kind}: {{{{ code }}}}"), "voice": format!("{kind}: {{{{ pause }}}} {{{{ code }}}}") } } });
        tenant.file(
            &format!("export/phone-templates/{kind}.json"),
            template.to_string(),
        );
    }
}

#[tokio::test]
async fn its_deploy_cli_imports_exports_and_deletes() {
    let Some(clients) = oracles::clients().await else {
        return;
    };
    let tenant = Tenant::start();
    write_folder(&tenant, SCRIPT);
    let cli = clients
        .join("node_modules/auth0-deploy-cli/lib/index.js")
        .display()
        .to_string();
    let own = "[\"actions\",\"actionModules\",\"triggers\",\"phoneProviders\",\"phoneTemplates\"]";
    let client = [
        ("AUTH0_DOMAIN", tenant.variable("PHONEBOX_DOMAIN")),
        ("AUTH0_CLIENT_ID", tenant.variable("PHONEBOX_CLIENT_ID")),
        (
            "AUTH0_CLIENT_SECRET",
            tenant.variable("PHONEBOX_CLIENT_SECRET"),
        ),
        (
            "AUTH0_KEYWORD_REPLACE_MAPPINGS",
            "{\"TOKEN\":\"0123456789abcdef0123456789abcdef\"}",
        ),
    ];
    let deploy = async |arguments: &[&str], more: &[(&str, &str)]| {
        let variables = [&client, more].concat();
        let arguments = [&[&*cli], arguments].concat();
        tenant.run_with("node", &arguments, &variables).await
    };
    let import = &["import", "--input_file", "export"];
    let said = deploy(import, &[]).await;
    assert!(said.contains("Import Successful"), "{said}");
    let exported = |to: &str| {
        let folder = tenant.desk.path().join(to);
        move |path: &str| -> Value {
            let file = folder.join(path);
            let text = std::fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            serde_json::from_str(&text).unwrap()
        }
    };
    let said = deploy(
        &[
            "export",
            "--format",
            "directory",
            "--output_folder",
            "first",
        ],
        &[("AUTH0_INCLUDED_ONLY", own)],
    )
    .await;
    assert!(said.contains("Export Successful"), "{said}");
    let first = exported("first");
    let action = first("actions/Twilio.json");
    assert_eq!(action["deployed"], true, "{action:#}");
    assert_eq!(action["secrets"].as_array().unwrap().len(), 3, "{action:#}");
    let named = &action["modules"][0];
    assert_eq!(
        (&named["module_name"], &named["module_version_number"]),
        (&json!("words"), &json!(1)),
        "{action:#}"
    );
    let module = first("action-modules/words.json");
    assert_eq!(
        (
            &module["latest_version_number"],
            &module["secrets"][0]["name"]
        ),
        (&json!(1), &json!("SIGNATURE")),
        "{module:#}"
    );
    assert_eq!(
        first("triggers/triggers.json")["custom-phone-provider"][0]["action_name"],
        "Twilio"
    );
    assert_eq!(first("phone-providers/provider.json")[0]["name"], "custom");
    for kind in [
        "otp_verify",
        "otp_enroll",
        "change_password",
        "blocked_account",
    ] {
        let template = first(&format!("phone-templates/{kind}.json"));
        assert_eq!(
            template["content"]["body"]["text"],
            format!("{kind}: {{{{ code }}}}")
        );
    }
    let code = std::fs::read_to_string(tenant.desk.path().join("first/actions/Twilio/code.js"));
    assert_eq!(code.unwrap(), SCRIPT);

    // The same once more changes nothing that an export shows, but that the module is published once more.
    let said = deploy(import, &[]).await;
    assert!(said.contains("Import Successful"), "{said}");
    deploy(
        &[
            "export",
            "--format",
            "directory",
            "--output_folder",
            "second",
        ],
        &[("AUTH0_INCLUDED_ONLY", own)],
    )
    .await;
    let differ = Command::new("diff")
        .args(["-r", "--exclude", "words.json", "first", "second"])
        .current_dir(tenant.desk.path())
        .output();
    let differ = differ.await.unwrap();
    assert!(
        differ.status.success(),
        "{}",
        String::from_utf8_lossy(&differ.stdout)
    );

    // All of a tenant: what phonebox has not is left out.
    let said = deploy(
        &["export", "--format", "directory", "--output_folder", "all"],
        &[],
    )
    .await;
    assert!(said.contains("Export Successful"), "{said}");
    assert_eq!(
        exported("all")("phone-providers/provider.json")[0]["name"],
        "custom"
    );

    // What is in the folder is what there is to be: nothing.
    for file in ["phone-providers/provider.json", "triggers/triggers.json"] {
        let empty = if file.contains("triggers") {
            "{}"
        } else {
            "[]"
        };
        tenant.file(&format!("none/{file}"), empty);
    }
    std::fs::create_dir_all(tenant.desk.path().join("none/actions")).unwrap();
    let said = deploy(
        &["import", "--input_file", "none"],
        &[("AUTH0_ALLOW_DELETE", "true")],
    )
    .await;
    assert!(said.contains("Import Successful"), "{said}");
    deploy(
        &["export", "--format", "directory", "--output_folder", "last"],
        &[("AUTH0_INCLUDED_ONLY", own)],
    )
    .await;
    let mut left = String::new();
    for entry in std::fs::read_dir(tenant.desk.path().join("last/actions"))
        .into_iter()
        .flatten()
    {
        writeln!(left, "{}", entry.unwrap().path().display()).unwrap();
    }
    assert_eq!(left, "", "{said}");
}

/// Requests that schemathesis makes up from the description: whatever is asked, the answer is a described one.
#[tokio::test]
async fn whatever_is_asked_the_answer_is_a_described_one() {
    let Some(python) = oracles::python().await else {
        return;
    };
    let tenant = Tenant::start();
    let authorization = format!(
        "authorization: Bearer {}",
        tenant.variable("PHONEBOX_TOKEN")
    );
    let described = format!("{}/openapi.json", tenant.variable("PHONEBOX_URL"));
    let hooks = repository().join("tests/oracles").display().to_string();
    let arguments = [
        "run",
        &described,
        "--header",
        &authorization,
        "--tls-verify",
        tenant.variable("PHONEBOX_CA"),
        "--checks",
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--phases",
        "examples,fuzzing,stateful",
        "--max-examples",
        "15",
        "--seed",
        "1",
        "--rate-limit",
        "auto",
        // Seconds: only a failure waits so long.
        "--request-timeout",
        "120",
        // Its answer has no end.
        "--exclude-path",
        "/v1/tail",
        "--no-color",
    ];
    let variables = [
        ("SCHEMATHESIS_HOOKS", "made_up"),
        ("PYTHONPATH", &*hooks),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    let program = python.with_file_name("schemathesis");
    let said = tenant.run_with(program, &arguments, &variables).await;
    let number = |after: &str| -> usize {
        let (_, rest) = said.split_once(after).unwrap_or_else(|| panic!("{said}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    let there = number(&format!("Selected: {}/", number("Selected: ")));
    assert_eq!(number("Tested: "), there - 1, "{said}");
}

/// Where the recorded traffic of the real API is, which is no part of this repository.
fn recorded() -> Option<PathBuf> {
    let folder = repository().parent()?.join("shared/conformance");
    if folder.join("replay.py").is_file() {
        return Some(folder);
    }
    // Past the test harness, which would keep the line of a passing test to itself.
    let _unseen = writeln!(
        std::io::stderr(),
        "skipped: there is no recorded traffic in {}",
        folder.display()
    );
    None
}

#[tokio::test]
async fn it_answers_as_was_recorded() {
    let Some(recorded) = recorded() else {
        return;
    };
    let tenant = Tenant::start();
    let cassettes = std::fs::read_dir(recorded.join("cassettes")).unwrap();
    let mut cassettes: Vec<_> = cassettes
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    cassettes.sort();
    assert!(cassettes.len() >= 4, "{cassettes:?}");
    let replay = recorded.join("replay.py").display().to_string();
    let server = [
        "--insecure",
        "--base-url",
        tenant.variable("PHONEBOX_URL"),
        "--token",
        tenant.variable("PHONEBOX_TOKEN"),
    ];
    let cassettes: Vec<_> = cassettes.iter().map(String::as_str).collect();
    let said = tenant
        .run("python3", &[&[&*replay], &server[..], &cassettes].concat())
        .await;
    assert!(said.contains(" passed, 0 failed"), "{said}");
}
