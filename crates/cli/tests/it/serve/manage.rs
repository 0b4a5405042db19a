//! Actions by Auth0's Management API: what an author sends is built, deployed and delivers, whatever happens meanwhile.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phonebox::Action;
use phonebox_test_guests::{KANNEL_RUST, PROBE};
use serde_json::{Value, json};

use super::{MANIFEST, Server, event};
use crate::gate::{Gate, Mode};
use crate::gateway::{PASSWORD, USERNAME};

pub(super) const ACTIONS: &str = "/api/v2/actions/actions";
pub(super) const TRIGGER: &str = "/api/v2/actions/triggers/custom-phone-provider/bindings";
pub(super) const GATE: &str = "http://kannel.example:13013";

/// A component, as it is written where code is a text.
pub(super) fn code(component: &[u8]) -> String {
    format!(
        "data:application/wasm;base64,{}",
        STANDARD.encode(component)
    )
}

/// The Kannel action, with its manifest in it.
fn kannel() -> Vec<u8> {
    let action = Action::assemble(KANNEL_RUST.bytes, MANIFEST).unwrap();
    action.component().to_vec()
}

/// The probe, which may reach the gate, and has these secrets.
pub(super) fn probe(secrets: &str) -> Vec<u8> {
    let manifest = format!(
        "name = \"something-else\"\ntrigger = \"custom-phone-provider\"\n[[egress]]\norigin = \"{GATE}\"\n{secrets}"
    );
    Action::assemble(PROBE.bytes, &manifest)
        .unwrap()
        .component()
        .to_vec()
}

fn named(name: &str) -> Value {
    json!({ "name": name, "supported_triggers": [{ "id": "custom-phone-provider", "version": "v1" }] })
}

fn kannel_secrets() -> Value {
    json!([
        { "name": "KANNEL_USERNAME", "value": USERNAME },
        { "name": "KANNEL_PASSWORD", "value": PASSWORD },
        { "name": "KANNEL_FROM", "value": "Acme" },
    ])
}

/// An action's address.
pub(super) fn at(action: &Value, rest: &str) -> String {
    format!("{ACTIONS}/{}{rest}", action["id"].as_str().unwrap())
}

impl Server {
    /// Asks, and is answered with this status.
    pub(super) async fn told(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let answer = self.ask(method, path, body.clone()).await;
        assert_eq!(
            answer.status, status,
            "{method} {path} {body:.300}: {answer:#?}"
        );
        answer.body
    }

    /// Makes an action of `more`, and waits until it is built or failed.
    pub(super) async fn made(&self, name: &str, more: Value) -> Value {
        let mut body = named(name);
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let made = self.told("POST", ACTIONS, body, 201).await;
        assert_eq!(made["status"], "pending", "{made:#}");
        self.is_built(&made).await
    }

    pub(super) async fn changed(&self, action: &Value, more: Value) -> Value {
        let changed = self.told("PATCH", &at(action, ""), more, 200).await;
        self.is_built(&changed).await
    }

    /// An action once it is built, or failed.
    pub(super) async fn is_built(&self, action: &Value) -> Value {
        for _ in 0..3000 {
            let now = self.told("GET", &at(action, ""), Value::Null, 200).await;
            if !matches!(now["status"].as_str(), Some("pending" | "building")) {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it is never built: {action:#}");
    }

    /// Sends, and gives what became of it.
    pub(super) async fn sends(&self, text: &str) -> Value {
        let wait = [("prefer", "wait=30")];
        let body = event(text).to_string().into();
        let answer = self.try_ask("POST", "/v1/notifications", &wait, body).await;
        answer.unwrap().body
    }
}

#[tokio::test]
async fn a_compiled_module_is_uploaded_built_deployed_and_delivers() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    // Step by step, each with what to do next.
    let action = server.made("My SMS, by Kannel", json!({})).await;
    assert_eq!(
        (&action["status"], &action["errors"][0]["id"]),
        (&json!("failed"), &json!("no_code"))
    );
    let put = async |component: &[u8]| {
        let path = at(&action, "/module");
        let answer = server
            .try_ask("PUT", &path, &[], component.to_vec().into())
            .await
            .unwrap();
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (200, &json!("pending")),
            "{answer:?}"
        );
        server.is_built(&action).await
    };
    let failed = put(b"\0asm-not").await;
    assert_eq!(failed["errors"][0]["id"], "component_invalid", "{failed:#}");
    let bare = put(KANNEL_RUST.bytes).await;
    assert_eq!(bare["code"], code(KANNEL_RUST.bytes));
    assert_eq!(
        bare["errors"][0]["id"], "no_manifest",
        "{:#}",
        bare["errors"]
    );
    let deploy = at(&action, "/deploy");
    let early = server.told("POST", &deploy, Value::Null, 400).await;
    assert_eq!(
        early,
        json!({ "statusCode": 400, "error": "Bad Request", "message": "A draft must be in the 'built' state before it can be deployed." })
    );
    let rules = json!({ "phonebox": { "egress": [{ "origin": GATE, "methods": ["POST"] }] }, "secrets": kannel_secrets() });
    let built = server.changed(&action, rules.clone()).await;
    assert_eq!(built["status"], "built", "{:#}", built["errors"]);
    assert_eq!(built["phonebox"]["egress"], rules["phonebox"]["egress"]);
    let mode = &built["phonebox"]["secrets"];
    assert_eq!(
        (
            &mode["KANNEL_FROM"]["mode"],
            &mode["KANNEL_PASSWORD"]["mode"]
        ),
        (&json!("revealed"), &json!("sealed"))
    );
    assert!(!built.to_string().contains(PASSWORD));
    assert_eq!(server.sends("too early").await["code"], "no_action");

    let version = server.told("POST", &deploy, Value::Null, 200).await;
    assert_eq!(
        (&version["number"], &version["deployed"]),
        (&json!(1), &json!(false))
    );
    let sent = server.sends("by Auth0's API").await;
    assert_eq!(sent["status"], "sent", "{sent:#}");
    assert_eq!(gate.wait_for(1).await, ["by Auth0's API"]);
    let deployed = server.is_built(&action).await;
    assert_eq!(
        (
            &deployed["all_changes_deployed"],
            &deployed["deployed_version"]["id"]
        ),
        (&json!(true), &version["id"])
    );
    // The code with its manifest is its own.
    let with_manifest = put(&kannel()).await;
    assert_eq!(with_manifest["code"], code(&kannel()));
    assert_eq!(
        (
            &with_manifest["status"],
            &with_manifest["all_changes_deployed"]
        ),
        (&json!("built"), &json!(false))
    );
    assert!(
        with_manifest["phonebox"]["notes"][0]
            .as_str()
            .unwrap()
            .contains("egress"),
        "{:#}",
        with_manifest["phonebox"]
    );

    // The other API has the same.
    let list = server.told("GET", "/v1/actions", Value::Null, 200).await;
    assert_eq!(
        (
            &list["actions"][0]["name"],
            &list["actions"][0]["deployed"]["version"]
        ),
        (&json!("My SMS, by Kannel"), &json!(1))
    );
    let refused = server.told("POST", ACTIONS, named("another"), 403).await;
    assert_eq!(
        refused["errorCode"],
        "actions_cardinality_custom_phone_provider_not_allowed"
    );
    assert_eq!(
        refused["message"],
        "custom-phone-provider can only have one supported Action"
    );

    // What ran for it, by the notification's id.
    let id = sent["id"].as_str().unwrap().strip_prefix("ntf_").unwrap();
    let uuid = format!(
        "{}-{}-{}-{}-{}",
        &id[..8],
        &id[8..12],
        &id[12..16],
        &id[16..20],
        &id[20..]
    );
    let execution = server
        .told(
            "GET",
            &format!("/api/v2/actions/executions/{uuid}"),
            Value::Null,
            200,
        )
        .await;
    assert_eq!(
        (
            &execution["status"],
            &execution["results"][0]["action_name"]
        ),
        (&json!("final"), &json!("My SMS, by Kannel"))
    );
    assert!(execution["results"][0]["error"].is_null(), "{execution:#}");
}

#[tokio::test]
async fn a_version_is_as_it_was_deployed_and_can_be_again() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let secrets = "[secrets.token]\n[secrets.Other-1]\noptional = true\n";
    let action = server
        .made(
            "probe",
            json!({ "code": code(&probe(secrets)), "secrets": [{ "name": "token", "value": "the-first-value" }] }),
        )
        .await;
    assert_eq!(action["status"], "built", "{:#}", action["errors"]);
    let deploy = at(&action, "/deploy");
    let first = server.told("POST", &deploy, Value::Null, 200).await;
    // The value that goes over the wire is the first one, until the draft with another is deployed.
    let request = json!({
        "url": format!("{GATE}/messages"), "headers": [["content-type", "application/json"]], "body": "[\"{{token}}\"]",
    });
    let posts = format!("http {request}\nsent gate m1");
    let changed = server
        .changed(
            &action,
            json!({ "secrets": [{ "name": "token", "value": "the-second-value" }, { "name": "Other-1", "value": "another-value" }] }),
        )
        .await;
    assert_eq!(changed["status"], "built", "{:#}", changed["errors"]);
    let names = |secrets: &Value| -> Vec<String> {
        let names = secrets.as_array().unwrap().iter();
        names
            .map(|secret| secret["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&changed["secrets"]), ["Other-1", "token"]);
    assert_eq!(names(&changed["deployed_version"]["secrets"]), ["token"]);
    let sent = server.sends(&posts).await;
    assert_eq!(sent["status"], "sent", "{sent:#}");
    let latest = server.told("POST", &deploy, Value::Null, 200).await;
    server.sends(&posts).await;

    let path = |version: &Value, rest: &str| {
        at(
            &action,
            &format!("/versions/{}{rest}", version["id"].as_str().unwrap()),
        )
    };
    let versions = server
        .told("GET", &at(&action, "/versions"), Value::Null, 200)
        .await;
    let numbers: Vec<_> = versions["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|version| (&version["number"], &version["deployed"]))
        .collect();
    assert_eq!(
        numbers,
        [(&json!(2), &json!(true)), (&json!(1), &json!(false))]
    );
    assert!(
        versions["versions"][0]["code"].is_null(),
        "a list of components has no code"
    );
    let shown = server
        .told("GET", &path(&first, ""), Value::Null, 200)
        .await;
    assert_eq!(
        (&shown["code"], &shown["action"]["id"]),
        (&action["code"], &action["id"])
    );
    let again = server
        .told("POST", &path(&first, "/deploy"), json!({}), 202)
        .await;
    assert_eq!(again["number"], 3);
    server.sends(&posts).await;
    let now = server.is_built(&action).await;
    assert_eq!(
        (
            &now["deployed_version"]["number"],
            &now["all_changes_deployed"]
        ),
        (&json!(3), &json!(false))
    );
    assert_eq!(names(&now["secrets"]), ["Other-1", "token"]);
    let again = server
        .told(
            "POST",
            &path(&first, "/deploy"),
            json!({ "update_draft": true }),
            202,
        )
        .await;
    assert_eq!(again["number"], 4);
    let now = server.is_built(&action).await;
    assert_eq!(
        (names(&now["secrets"]), &now["all_changes_deployed"]),
        (vec!["token".to_owned()], &json!(true))
    );
    let [first, second] = ["[\"the-first-value\"]", "[\"the-second-value\"]"];
    assert_eq!(gate.wait_for(3).await, [first, second, first]);
    server
        .told("GET", &path(&latest, ""), Value::Null, 200)
        .await;
}

/// A probe that is deployed.
async fn deployed(server: &Server) -> Value {
    let action = server
        .made("probe", json!({ "code": code(&probe("")) }))
        .await;
    assert_eq!(action["status"], "built", "{:#}", action["errors"]);
    server
        .told("POST", &at(&action, "/deploy"), Value::Null, 200)
        .await;
    action
}

#[tokio::test]
async fn what_is_in_use_is_removed_by_force_alone() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let none = server.told("GET", TRIGGER, Value::Null, 200).await;
    assert_eq!(none, json!({ "bindings": [], "per_page": 20 }));
    let by = |kind: &str, value: &Value| json!({ "bindings": [{ "ref": { "type": kind, "value": value }, "display_name": "SMS" }] });
    let action = server
        .made("probe", json!({ "code": code(&probe("")) }))
        .await;
    let early = server
        .told("PATCH", TRIGGER, by("action_name", &json!("probe")), 400)
        .await;
    assert!(
        early["message"]
            .as_str()
            .unwrap()
            .contains("has not been deployed"),
        "{early}"
    );
    server
        .told("POST", &at(&action, "/deploy"), Value::Null, 200)
        .await;
    let bound = server
        .told("PATCH", TRIGGER, by("action_name", &json!("probe")), 200)
        .await;
    let binding = &bound["bindings"][0];
    assert_eq!(
        (&binding["display_name"], &binding["action"]["name"]),
        (&json!("SMS"), &json!("probe"))
    );
    assert_eq!(binding["action"]["current_version"]["status"], "BUILT");
    for (kind, value) in [("action_id", &action["id"]), ("binding_id", &binding["id"])] {
        let again = server.told("PATCH", TRIGGER, by(kind, value), 200).await;
        assert_eq!(
            again["bindings"][0]["id"], binding["id"],
            "{kind}: {again:#}"
        );
    }
    server
        .told("PATCH", TRIGGER, by("binding_id", &action["id"]), 404)
        .await;
    let listed = server.told("GET", TRIGGER, Value::Null, 200).await;
    assert_eq!(listed["bindings"][0]["id"], binding["id"]);
    server
        .told("DELETE", &at(&action, ""), Value::Null, 400)
        .await;
    // Unbound it delivers as before.
    let unbound = server
        .told("PATCH", TRIGGER, json!({ "bindings": [] }), 200)
        .await;
    assert_eq!(unbound, json!({ "bindings": [] }));
    assert_eq!(server.sends("sent p m1").await["status"], "sent");
    let provider = json!({ "name": "custom", "credentials": {}, "configuration": { "delivery_methods": ["text"] } });
    let provider = server
        .told("POST", "/api/v2/branding/phone/providers", provider, 201)
        .await;
    server
        .told("DELETE", &at(&action, ""), Value::Null, 400)
        .await;
    let forced = at(&action, "?force=true");
    server.told("DELETE", &forced, Value::Null, 204).await;
    server.told("DELETE", &forced, Value::Null, 404).await;
    assert_eq!(
        server.sends("sent p m1").await["code"],
        "no_action",
        "{provider}"
    );
}

#[tokio::test]
async fn w05_what_is_not_as_it_must_be_is_refused() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let trigger = |id: &str| json!([{ "id": id }]);
    let phone = trigger("custom-phone-provider");
    for (body, says) in [
        (
            json!({ "name": "a" }),
            "Missing required property: supported_triggers",
        ),
        (
            json!({ "supported_triggers": phone }),
            "Missing required property: name",
        ),
        (
            json!({ "name": "a", "supported_triggers": [] }),
            "one trigger",
        ),
        (
            json!({ "name": "a", "supported_triggers": trigger("post-login") }),
            "custom-phone-provider alone",
        ),
        (
            json!({ "name": "a", "supported_triggers": trigger("send-phone-message") }),
            "onExecuteCustomPhoneProvider",
        ),
        (
            json!({ "name": "a", "supported_triggers": [{ "id": "custom-phone-provider", "version": "v9" }] }),
            "version v1",
        ),
        (
            json!({ "name": "", "supported_triggers": phone }),
            "1 to 255 characters",
        ),
        (
            json!({ "name": "x".repeat(256), "supported_triggers": phone }),
            "1 to 255 characters",
        ),
        (
            json!({ "name": "a\u{202e}b", "supported_triggers": phone }),
            "cannot be seen",
        ),
        (
            json!({ "name": "phonebox:twilio", "supported_triggers": phone }),
            "phonebox:",
        ),
    ] {
        let refused = server.told("POST", ACTIONS, body.clone(), 400).await;
        assert_eq!(refused["errorCode"], "invalid_body", "{body}: {refused}");
        assert!(
            refused["message"].as_str().unwrap().contains(says),
            "{body}: {refused}"
        );
    }
    let action = deployed(&server).await;
    let before = server.told("GET", &at(&action, ""), Value::Null, 200).await;
    let many = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|number| json!({ "name": format!("S{number}"), "value": "a-value-of-it" }))
            .collect()
    };
    for (body, says) in [
        (
            json!({ "tenant_id": "other" }),
            "Additional properties not allowed: tenant_id",
        ),
        (
            json!({ "id": action["id"] }),
            "Additional properties not allowed: id",
        ),
        (
            json!({ "status": "built" }),
            "Additional properties not allowed: status",
        ),
        (
            json!({ "deployed_version": {} }),
            "Additional properties not allowed: deployed_version",
        ),
        (
            json!({ "phonebox": { "trusted": true } }),
            "Additional properties not allowed: trusted",
        ),
        (
            json!({ "phonebox": { "limits": { "cpu_ms": 9 } } }),
            "Additional properties not allowed: cpu_ms",
        ),
        (
            json!({ "phonebox": { "limits": { "memory_mib": 65 } } }),
            "1 to 64",
        ),
        (
            json!({ "phonebox": { "egress": [{ "origin": "ftp://a.example" }] } }),
            "rule 1 cannot be granted",
        ),
        (
            json!({ "phonebox": { "secrets": { "X": { "mode": "revealed" } } } }),
            "names a secret that there is not",
        ),
        (
            json!({ "secrets": [{ "name": "X", "values": "1" }] }),
            "Additional properties not allowed: values",
        ),
        (
            json!({ "secrets": [{ "name": "X" }] }),
            "number 1 has no value",
        ),
        (
            json!({ "secrets": [{ "name": "a b", "value": "123" }] }),
            "letters, digits",
        ),
        (
            json!({ "secrets": [{ "name": "x".repeat(129), "value": "123" }] }),
            "at most 128",
        ),
        (
            json!({ "secrets": [{ "name": "X", "value": "x".repeat(4097) }] }),
            "1 to 4096 bytes",
        ),
        (
            json!({ "secrets": ([many(1), many(1)].concat()) }),
            "number 2 is there twice",
        ),
        (json!({ "secrets": many(31) }), "at most 30 secrets"),
        (
            json!({ "dependencies": vec![json!({ "name": "axios", "version": "1" }); 11] }),
            "at most 10 dependencies",
        ),
        (
            json!({ "dependencies": [{ "name": "" }] }),
            "at most 255 bytes",
        ),
        (json!({ "runtime": "deno" }), "node22"),
        (
            json!({ "modules": [{ "module_id": "m" }] }),
            "number 1 is no published version",
        ),
        (json!({ "code": "x".repeat(102_401) }), "may have 102400"),
        (
            json!({ "code": "data:application/wasm;base64,AAA" }),
            "is not Base64",
        ),
        (
            json!({ "supported_triggers": trigger("post-login") }),
            "custom-phone-provider alone",
        ),
        (json!({ "deploy": "yes" }), "has not the type"),
    ] {
        let refused = server
            .told("PATCH", &at(&action, ""), body.clone(), 400)
            .await;
        assert_eq!(refused["errorCode"], "invalid_body", "{body}: {refused}");
        assert!(
            refused["message"].as_str().unwrap().contains(says),
            "{body}: {refused}"
        );
    }
    assert_eq!(
        server.told("GET", &at(&action, ""), Value::Null, 200).await,
        before
    );
}

#[tokio::test]
async fn w08_of_many_that_deploy_at_once_one_is_what_runs() {
    let gate = Gate::open(Mode::Hold).await;
    let mut server = Server::new(gate.address);
    server.start();
    let action = deployed(&server).await;
    // One is being delivered meanwhile, by what it began with.
    let request = json!({ "url": format!("{GATE}/messages"), "body": "held" });
    let held = event(&format!("http {request}\nsent p m1"));
    let held = server.told("POST", "/v1/notifications", held, 202).await;
    gate.wait_for(1).await;
    let first = server
        .told("GET", &at(&action, "/versions"), Value::Null, 200)
        .await;
    let again = at(
        &action,
        &format!(
            "/versions/{}/deploy",
            first["versions"][0]["id"].as_str().unwrap()
        ),
    );
    let [deploy, patch] = [at(&action, "/deploy"), at(&action, "")];
    let asked = (0..50).map(async |number| match number % 5 {
        0 => {
            server
                .ask("POST", &again, json!({ "update_draft": number % 2 == 0 }))
                .await
        }
        1 => {
            server
                .ask(
                    "PATCH",
                    &patch,
                    json!({ "name": format!("probe {number}") }),
                )
                .await
        }
        _ => server.ask("POST", &deploy, Value::Null).await,
    });
    let answers = futures_util::future::join_all(asked).await;
    let mut numbers: Vec<u64> = Vec::new();
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 202), "{answer:#?}");
        numbers.extend(answer.body["number"].as_u64());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=41).collect::<Vec<_>>());
    let now = server.told("GET", &patch, Value::Null, 200).await;
    assert_eq!(now["deployed_version"]["number"], 41);
    let list = server
        .told(
            "GET",
            &at(&action, "/versions?per_page=100"),
            Value::Null,
            200,
        )
        .await;
    let deployed = list["versions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|version| version["deployed"] == true);
    assert_eq!((deployed.count(), &list["total"]), (1, &json!(41)));
    assert_eq!(server.sends("sent p m1").await["action"], now["name"]);
    gate.set(Mode::Accept);
    let notification = format!("/v1/notifications/{}", held["id"].as_str().unwrap());
    for tries in 0.. {
        let now = server.told("GET", &notification, Value::Null, 200).await;
        if now["status"] == "sent" {
            break;
        }
        assert!(tries < 1000 && now["status"] == "leased", "{now:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Of those that remove it, one does.
    let removed = (0..10).map(async |_| server.ask("DELETE", &patch, Value::Null).await.status);
    let mut removed = futures_util::future::join_all(removed).await;
    removed.sort_unstable();
    assert_eq!(removed, [&[204][..], &[404; 9]].concat());
}

#[tokio::test]
async fn w15_what_a_list_is_asked_for_is_checked() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let action = deployed(&server).await;
    let versions = at(&action, "/versions");
    for path in [ACTIONS, &versions, TRIGGER, "/api/v2/actions/modules"] {
        for query in [
            "per_page=1000000000",
            "per_page=0",
            "per_page=-1",
            "page=x",
            "page=-1",
            "sort=name;drop",
            "include_totals=true",
        ] {
            let refused = server
                .told("GET", &format!("{path}?{query}"), Value::Null, 400)
                .await;
            assert_eq!(
                refused["errorCode"], "invalid_uri",
                "{path}?{query}: {refused}"
            );
        }
        for page in ["1", "18446744073709551615"] {
            let past = server
                .told(
                    "GET",
                    &format!("{path}?page={page}&per_page=100"),
                    Value::Null,
                    200,
                )
                .await;
            let list = past.as_object().unwrap().values().find_map(Value::as_array);
            assert!(list.unwrap().is_empty(), "{path}: {past}");
        }
    }
    for (query, found) in [
        ("triggerId=custom-phone-provider", 1),
        ("triggerId=post-login", 0),
        ("actionName=probe", 1),
        ("actionName=' OR 1=1 --", 0),
        ("deployed=true", 1),
        ("deployed=false", 0),
        ("installed=true", 0),
        ("installed=false", 1),
    ] {
        let query = query.replace(' ', "+").replace('\'', "%27");
        let list = server
            .told("GET", &format!("{ACTIONS}?{query}"), Value::Null, 200)
            .await;
        assert_eq!(
            list["actions"].as_array().unwrap().len(),
            found,
            "{query}: {list:#}"
        );
    }
    let triggers = server
        .told("GET", "/api/v2/actions/triggers", Value::Null, 200)
        .await;
    assert_eq!(
        triggers["triggers"],
        json!([{ "id": "custom-phone-provider", "version": "v1", "status": "CURRENT", "runtimes": ["node18-actions", "node22"],
            "default_runtime": "node22", "binding_policy": "trigger-bound", "compatible_triggers": [] }])
    );
    let modules = server
        .told(
            "GET",
            "/api/v2/actions/modules?per_page=100",
            Value::Null,
            200,
        )
        .await;
    assert_eq!(
        modules,
        json!({ "modules": [], "total": 0, "page": 0, "per_page": 100 })
    );
}

#[tokio::test]
async fn a_secret_keeps_its_value_and_who_has_it_says_where_it_goes() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let asks = probe("[secrets.TOKEN]\n[secrets.sid]\noptional = true\n");
    let secrets = json!([{ "name": "TOKEN", "value": "the-first-value" }, { "name": "sid", "value": "111111" }]);
    let action = server
        .made("probe", json!({ "code": code(&asks), "secrets": secrets }))
        .await;
    let modes = |action: &Value| action["phonebox"]["secrets"].clone();
    let unbound = json!({ "TOKEN": { "mode": "sealed", "origins": null }, "sid": { "mode": "revealed", "origins": null } });
    assert_eq!(modes(&action), unbound);
    server
        .told("POST", &at(&action, "/deploy"), Value::Null, 200)
        .await;
    let bound = json!({ "TOKEN": { "mode": "sealed", "origins": [GATE] }, "sid": { "mode": "revealed", "origins": [GATE] } });
    let now = server.is_built(&action).await;
    assert_eq!(modes(&now), bound);
    let set_at = |action: &Value, name: &str| {
        let secrets = action["secrets"].as_array().unwrap();
        secrets
            .iter()
            .find(|secret| secret["name"] == name)
            .unwrap()["updated_at"]
            .clone()
    };
    assert_eq!(
        set_at(&now, "TOKEN"),
        set_at(&action, "TOKEN"),
        "binding it is not setting it"
    );
    // Who has not the value changes nothing about it.
    for mode in [
        json!({ "mode": "revealed" }),
        json!({ "origins": ["https://evil.example"] }),
    ] {
        for body in [
            json!({ "phonebox": { "secrets": { "TOKEN": mode } } }),
            json!({ "secrets": [{ "name": "TOKEN" }], "phonebox": { "secrets": { "TOKEN": mode } } }),
        ] {
            let refused = server.told("PATCH", &at(&action, ""), body, 400).await;
            assert!(
                refused["message"]
                    .as_str()
                    .unwrap()
                    .contains("send its value again"),
                "{refused}"
            );
        }
    }
    // What is told is taken back as it is.
    let kept = json!({ "secrets": [{ "name": "TOKEN" }, { "name": "sid", "value": "222222" }], "phonebox": { "secrets": { "TOKEN": bound["TOKEN"] } } });
    let changed = server.changed(&action, kept).await;
    assert_eq!(set_at(&changed, "TOKEN"), set_at(&action, "TOKEN"));
    assert_ne!(set_at(&changed, "sid"), set_at(&action, "sid"));
    assert_eq!(modes(&changed)["TOKEN"], bound["TOKEN"]);
    let revealed = json!({ "secrets": [{ "name": "TOKEN", "value": "the-second-value" }], "phonebox": { "secrets": { "TOKEN": { "mode": "revealed", "origins": [GATE] } } } });
    let changed = server.changed(&action, revealed).await;
    assert_eq!(
        modes(&changed),
        json!({ "TOKEN": { "mode": "revealed", "origins": [GATE] } })
    );
    // Given anew, the action has it as its owner had said; where it goes is open again.
    let anew = json!({ "secrets": [{ "name": "TOKEN", "value": "the-third-value" }] });
    let changed = server.changed(&action, anew).await;
    assert_eq!(
        modes(&changed),
        json!({ "TOKEN": { "mode": "revealed", "origins": null } })
    );
    // The other API sets what runs and the draft.
    server
        .told(
            "PUT",
            "/v1/actions/probe/secrets/sid",
            json!({ "value": "333333", "mode": "revealed" }),
            200,
        )
        .await;
    let now = server.is_built(&action).await;
    assert_eq!(now["secrets"].as_array().unwrap().len(), 2, "{now:#}");
    assert_eq!(set_at(&now, "sid"), set_at(&now["deployed_version"], "sid"));
    server
        .told("DELETE", "/v1/actions/probe/secrets/sid", Value::Null, 204)
        .await;
    let now = server.is_built(&action).await;
    assert_eq!(
        (
            now["secrets"].as_array().unwrap().len(),
            now["deployed_version"]["secrets"].as_array().unwrap().len()
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn what_was_to_be_built_and_deployed_is_after_a_crash() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let mut body = named("probe");
    body["code"] = json!(code(&probe("")));
    body["deploy"] = json!(true);
    let made = server.told("POST", ACTIONS, body, 201).await;
    assert_eq!(made["status"], "pending");
    server.kill();
    server.start();
    for tries in 0.. {
        let now = server.is_built(&made).await;
        assert_eq!(now["status"], "built", "{now:#}");
        if now["all_changes_deployed"] == true {
            break;
        }
        assert!(tries < 3000, "it is not deployed: {now:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.sends("sent p m1").await["status"], "sent");
}

#[tokio::test]
async fn what_waits_goes_by_the_new_name() {
    let gate = Gate::open(Mode::Busy).await;
    let mut server = Server::new(gate.address);
    server.start();
    let request = json!({ "url": format!("{GATE}/messages"), "body": "arrives" });
    let posts = format!("http {request}\nretry 0 again");
    let secrets = json!([{ "name": "TOKEN", "value": "a-value-of-it" }]);
    let action = server
        .made(
            "old name",
            json!({ "code": code(&probe("[secrets.TOKEN]\n")), "secrets": secrets }),
        )
        .await;
    server
        .told("POST", &at(&action, "/deploy"), Value::Null, 200)
        .await;
    let accepted = server
        .told("POST", "/v1/notifications", event(&posts), 202)
        .await;
    gate.wait_for(1).await;
    let renamed = server
        .told(
            "PATCH",
            &at(&action, ""),
            json!({ "name": "new name" }),
            200,
        )
        .await;
    assert_eq!(
        (&renamed["status"], &renamed["all_changes_deployed"]),
        (&json!("built"), &json!(true))
    );
    gate.wait_for(2).await;
    let id = accepted["id"].as_str().unwrap();
    let found = server
        .told("GET", &format!("/v1/notifications/{id}"), Value::Null, 200)
        .await;
    assert_eq!(found["action"], "new name", "{found:#}");
    for attempt in found["attempts"].as_array().unwrap() {
        assert_eq!(attempt["report"]["outcome"]["kind"], "retry", "{found:#}");
    }
    // Its secrets are readable under that name alone.
    let secrets = async |name: &str| {
        server
            .told(
                "GET",
                &format!("/v1/actions/{name}/secrets"),
                Value::Null,
                200,
            )
            .await["secrets"]
            .clone()
    };
    assert_eq!(secrets("new%20name").await[0]["name"], "TOKEN");
    assert_eq!(secrets("old%20name").await, json!([]));
    let sent = server.sends("secret TOKEN\nsent p m1").await;
    assert_eq!(
        (&sent["status"], &sent["action"]),
        (&json!("sent"), &json!("new name")),
        "{sent:#}"
    );
}

#[tokio::test]
async fn a_draft_is_tried_with_its_own_secrets() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let action = server
        .made("probe", json!({ "code": "exports.x = 1" }))
        .await;
    let test = at(&action, "/test");
    let with = |text: &str| json!({ "payload": { "event": event(text)["event"] } });
    let early = server.told("POST", &test, with("sent p m1"), 400).await;
    assert!(
        early["message"]
            .as_str()
            .unwrap()
            .contains("must be in the 'built' state"),
        "{early}"
    );
    let draft = json!({ "code": code(&probe("[secrets.TOKEN]\n")), "secrets": [{ "name": "TOKEN", "value": "a-value-of-it" }] });
    let built = server.changed(&action, draft).await;
    assert_eq!(built["status"], "built", "{:#}", built["errors"]);
    let request = json!({
        "url": format!("{GATE}/messages"), "headers": [["content-type", "application/json"]], "body": "[\"{{TOKEN}}\"]",
    });
    let tried = server
        .told(
            "POST",
            &test,
            with(&format!(
                "http {request}\nsay a-value-of-it 492016\nsent p m1"
            )),
            200,
        )
        .await;
    let payload = &tried["payload"];
    assert_eq!(payload["outcome"]["kind"], "sent", "{tried:#}");
    assert_eq!(
        (&payload["error"], &payload["requests"][0]["status"]),
        (&Value::Null, &json!(202))
    );
    assert!(
        payload["stats"]["action_duration_ms"].as_f64().unwrap() > 0.0,
        "{tried:#}"
    );
    assert!(
        !tried.to_string().contains("a-value-of-it") && !tried.to_string().contains("492016"),
        "{tried:#}"
    );
    assert_eq!(gate.wait_for(1).await, ["[\"a-value-of-it\"]"]);
    let failed = server.told("POST", &test, with("panic"), 200).await;
    assert_eq!(
        (&failed["payload"]["outcome"], &failed["payload"]["fault"]),
        (&Value::Null, &json!("action")),
        "{failed:#}"
    );
    assert_eq!(server.sends("sent p m1").await["code"], "no_action");
}

#[tokio::test]
async fn javascript_is_built_told_of_and_delivers() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let handler = |body: &str| {
        format!("exports.onExecuteCustomPhoneProvider = async (event, api) => {{\n{body}\n}};\n")
    };
    let broken = handler("  const x = ;");
    let action = server.made("js", json!({ "code": broken })).await;
    let error = &action["errors"][0];
    assert_eq!(
        (&action["status"], &action["code"], &error["line"]),
        (&json!("failed"), &json!(broken), &json!(2)),
        "{action:#}"
    );
    let sends = handler(&format!(
        "  const sent = await fetch('{GATE}/messages', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }},\n\
         body: JSON.stringify([event.secrets.token, event.notification.as_text]) }});\n\
         if (!sent.ok) api.notification.retry('no');"
    ));
    let draft = json!({
        "code": sends, "secrets": [{ "name": "token", "value": "a-value-of-it" }],
        "phonebox": { "egress": [{ "origin": GATE }], "limits": { "deadline_ms": 9000 } },
    });
    let built = server.changed(&action, draft).await;
    assert_eq!(
        (&built["status"], &built["code"]),
        (&json!("built"), &json!(sends)),
        "{:#}",
        built["errors"]
    );
    server
        .told("POST", &at(&action, "/deploy"), Value::Null, 200)
        .await;
    let sent = server.sends("hello").await;
    assert_eq!(sent["status"], "sent", "{sent:#}");
    assert_eq!(gate.wait_for(1).await, ["[\"a-value-of-it\",\"hello\"]"]);
    let unknown = server
        .changed(
            &action,
            json!({ "dependencies": [{ "name": "no-such-package", "version": "1.0.0" }] }),
        )
        .await;
    let error = &unknown["errors"][0]["msg"];
    assert!(
        error
            .as_str()
            .is_some_and(|msg| msg.contains("no-such-package")),
        "{unknown:#}"
    );
    assert_eq!(
        server.sends("still").await["status"],
        "sent",
        "what is deployed goes on"
    );
}
