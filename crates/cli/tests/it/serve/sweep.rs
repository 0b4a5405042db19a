//! W01: all that an address can name, asked for by another tenant. Every operation of the API's description that names
//! something is asked for what another tenant has, and answers as for what nobody has.

use std::cmp::Reverse;
use std::collections::HashMap;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use phonebox::Scope;
use serde_json::{Value, json};

use super::manage::{ACTIONS, GATE, TRIGGER, at, code, probe};
use super::modules::MODULES;
use super::openapi::{Operation, operations};
use super::phone::{PROVIDERS, TEMPLATES};
use super::webhook::Receiver;
use super::{NUMBER, Server};
use crate::gate::{Gate, Mode};

/// What everybody has: it is no tenant's.
const EVERYBODYS: &str = "triggers/{trigger}";
/// Operations that do not answer 404, and why.
const OTHERWISE: &[(&str, u16)] = &[
    // An action's name is whoever's uses it: there may be secrets before there is an action.
    ("list_versions", 200),
    ("list_secrets", 200),
    ("set_secret", 200),
    // The operator's alone.
    ("revoke_key", 403),
];

/// What a tenant has, by what names it in an address.
type Names = HashMap<&'static str, String>;

/// What is sent to an operation that has a body: something that it takes.
fn body(operation: &Operation, names: &Names) -> Bytes {
    let body = match &*operation.id {
        "management_change_action" => json!({ "phonebox": { "limits": { "deadline_ms": 5000 } } }),
        "management_put_module" => return probe("").into(),
        "management_test_action" => json!({ "payload": { "event": event()["event"] } }),
        "management_deploy_version" => json!({ "update_draft": true }),
        "management_change_module" => json!({ "code": "exports.x = 1;" }),
        "management_roll_back_module" => {
            json!({ "module_version_id": names["versions/{module_version}"] })
        }
        "management_bind" => json!({ "bindings": [] }),
        "change_phone_provider" => json!({ "configuration": { "delivery_methods": ["text"] } }),
        "change_phone_template" => json!({ "content": { "body": { "text": "Another" } } }),
        "try_phone_provider" | "try_phone_template" => json!({ "to": NUMBER }),
        "roll_back_action" => json!({ "version": 1 }),
        "set_secret" => json!({ "value": "another-value" }),
        "receive_receipt" => json!({ "status": "delivered" }),
        "replay_notification" => json!({ "valid_seconds": 60 }),
        // Nothing of another tenant's is asked for.
        _ if operation.names().is_empty() => json!({}),
        id => {
            let has_body = operation.described["requestBody"].is_object();
            assert!(!has_body, "{id}: what may its body be?");
            return Bytes::new();
        }
    };
    body.to_string().into()
}

/// What the action does with it is seen at the gate.
fn event() -> Value {
    let request = json!({
        "url": format!("{GATE}/messages"), "headers": [["content-type", "text/plain"]], "body": "sent",
    });
    super::event(&format!("http {request}\nsent gate m1"))
}

/// An address with these names in it.
fn path(operation: &Operation, names: &Names) -> String {
    let mut path = operation.template.clone();
    for name in operation.names() {
        let id = names.get(&*name);
        let id = id.unwrap_or_else(|| panic!("{}: what is {name} of a tenant?", operation.id));
        let (_, place) = name.split_once('/').unwrap();
        path = path.replacen(place, id, 1);
    }
    match &*operation.id {
        "management_remove_action" => path + "?force=true",
        "list_keys" => path + "?tenant=acme",
        _ => path,
    }
}

/// As an id that there is, but for one digit.
fn nobodys(id: &str) -> String {
    let (last, rest) = (id.chars().last().unwrap(), &id[..id.len() - 1]);
    format!("{rest}{}", if last == '0' { '1' } else { '0' })
}

#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    kind: Option<String>,
    body: String,
}

impl Told {
    /// Without these ids, and when something was changed.
    fn without<'a>(mut self, ids: impl IntoIterator<Item = &'a String>) -> Self {
        for id in ids {
            self.body = self.body.replace(&**id, "ID");
        }
        if let Ok(mut body) = serde_json::from_str::<Value>(&self.body)
            && body.get_mut("updated_at").map(Value::take).is_some()
        {
            self.body = body.to_string();
        }
        self
    }
}

impl Server {
    async fn is_told(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: Bytes,
    ) -> Told {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.request(request.body(Full::new(body)).unwrap());
        let response = response.await.unwrap();
        let kind = response.headers().get("content-type");
        let kind = kind.map(|kind| kind.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Told { status, kind, body }
    }

    /// Has one of all that an address can name.
    async fn filled(&self) -> Names {
        let name = format!("probe-{}", self.tenant);
        let secret = format!("TOKEN-{}", self.tenant);
        let manifest = format!("[secrets.{secret}]\n");
        let action = json!({
            "code": code(&probe(&manifest)), "secrets": [{ "name": secret, "value": "a-value-of-it" }],
        });
        let action = self.made(&name, action).await;
        let version = self
            .told("POST", &at(&action, "/deploy"), Value::Null, 200)
            .await;
        let bind =
            json!({ "bindings": [{ "ref": { "type": "action_id", "value": action["id"] } }] });
        let bound = self.told("PATCH", TRIGGER, bind, 200).await;
        let module = json!({ "name": name, "code": "exports.x = 0;", "publish": true });
        let module = self.told("POST", MODULES, module, 201).await;
        let provider = json!({ "name": "custom", "credentials": {} });
        let provider = self.told("POST", PROVIDERS, provider, 201).await;
        let template = json!({ "type": "otp_verify", "content": { "body": { "text": "Hello" } } });
        let template = self.told("POST", TEMPLATES, template, 201).await;
        let hook = json!({ "url": "http://hooks.example/hook" });
        self.told("PUT", "/v1/webhook", hook, 200).await;
        let key = json!({ "tenant": self.tenant, "scopes": ["notifications:send"] });
        let key = self.told("POST", "/v1/keys", key, 201).await;

        let headers = [("prefer", "wait=30"), ("idempotency-key", "login-7")];
        let sent = event().to_string().into();
        let sent = self.try_ask("POST", "/v1/notifications", &headers, sent);
        let sent = sent.await.unwrap().body;
        assert_eq!(sent["status"], "sent", "{sent:#}");
        let notification = sent["id"].as_str().unwrap();
        let receipt = format!("/v1/notifications/{notification}/receipt");
        self.told("POST", &receipt, json!({ "status": "pending" }), 200)
            .await;
        let digits = notification.strip_prefix("ntf_").unwrap();
        let execution = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
        let logs = self.told("GET", "/api/v2/logs", Value::Null, 200).await;

        let text = |value: &Value| value.as_str().unwrap().to_owned();
        HashMap::from([
            ("actions/{id}", text(&action["id"])),
            ("actions/{name}", name),
            ("secrets/{secret}", secret),
            ("versions/{version}", text(&version["id"])),
            ("modules/{id}", text(&module["id"])),
            (
                "versions/{module_version}",
                text(&module["latest_version"]["id"]),
            ),
            ("bindings", text(&bound["bindings"][0]["id"])),
            ("executions/{id}", execution.join("-")),
            (EVERYBODYS, "custom-phone-provider".to_owned()),
            ("providers/{id}", text(&provider["id"])),
            ("templates/{id}", text(&template["id"])),
            ("logs/{id}", text(&logs[0]["log_id"])),
            ("keys/{id}", text(&key["id"])),
            ("notifications/{id}", notification.to_owned()),
        ])
    }

    /// All that there is to be read of a tenant.
    async fn everything(&self, names: &Names) -> Vec<(String, Told)> {
        let operator = format!("Bearer {}", self.key);
        let headers = [
            ("authorization", &*operator),
            ("phonebox-tenant", &self.tenant),
        ];
        let mut all = Vec::new();
        for operation in operations() {
            let is_tenants = operation.is_guarded()
                && (operation.id == "list_keys" || operation.described["tags"][0] != "operator");
            // A tail has no end.
            if operation.method != "GET" || !is_tenants || operation.id == "tail" {
                continue;
            }
            let path = path(&operation, names);
            let told = self.is_told(&headers, "GET", &path, Bytes::new()).await;
            assert_eq!(told.status, 200, "{path}: {told:?}");
            if path.starts_with("/api/v2/") {
                let kind = told.kind.as_deref();
                assert_eq!(kind, Some("application/json; charset=utf-8"), "{path}");
            }
            all.push((path, told));
        }
        all
    }
}

#[tokio::test]
async fn w01_what_another_tenant_has_is_nobodys() {
    let gate = Gate::open(Mode::Accept).await;
    let hooks = Receiver::open(Some(204)).await;
    let mut server = Server::with_hosts(gate.address, &[("hooks", hooks.address)]);
    server.start();
    let theirs = server.filled().await;
    let other = Server::beside(&server, "other");
    let own = other.filled().await;
    let scopes = Scope::ALL.map(Scope::as_str);
    let of_process = ["keys:write", "metrics:read"];
    let scopes: Vec<_> = scopes
        .into_iter()
        .filter(|scope| !of_process.contains(scope))
        .collect();
    let client = other.client("other", &scopes).await;
    let shown =
        [client.secret.clone(), other.token(&client).await].map(|key| format!("Bearer {key}"));
    let everything = server.everything(&theirs).await;
    let arrived = gate.texts();
    assert_eq!(arrived.len(), 2);

    let mut operations: Vec<_> = operations().collect();
    // What is not refused changes what the other tenant has.
    operations.sort_by_key(|operation| OTHERWISE.iter().any(|(id, _)| *id == operation.id));
    let mut asked = 0;
    for operation in &operations {
        let mut named = operation.names();
        named.retain(|name| name != EVERYBODYS);
        let expected = OTHERWISE.iter().find(|(id, _)| *id == operation.id);
        let expected = expected.map_or(404, |(_, status)| *status);
        // Some of what is named is the other's, or all of it.
        for foreign in 1..1_u32 << named.len() {
            let with = |turned: &dyn Fn(&str) -> String| {
                let mut them = own.clone();
                for (index, name) in named.iter().enumerate() {
                    if foreign & 1 << index != 0 {
                        *them.get_mut(&**name).unwrap() = turned(&theirs[&**name]);
                    }
                }
                them
            };
            for bearer in &shown {
                let ask = async |names: Names| {
                    let path = path(operation, &names);
                    let headers = [("authorization", &**bearer)];
                    let body = body(operation, &names);
                    let told = other.is_told(&headers, &operation.method, &path, body);
                    let told = told.await;
                    assert_eq!(
                        told.status, expected,
                        "{} {path}: {told:?}",
                        operation.method
                    );
                    told.without(names.values())
                };
                let foreign = ask(with(&ToOwned::to_owned)).await;
                assert_eq!(foreign, ask(with(&nobodys)).await, "{}", operation.id);
                let no_id = with(&|_| "no-id".to_owned());
                assert_eq!(foreign, ask(no_id).await, "{}", operation.id);
                asked += 1;
            }
        }
        // Nor by saying that one is the other.
        if operation.is_guarded() {
            for bearer in &shown {
                let headers = [("authorization", &**bearer), ("phonebox-tenant", "acme")];
                let path = path(operation, &theirs);
                let told = other
                    .is_told(&headers, &operation.method, &path, body(operation, &theirs))
                    .await;
                assert!(
                    told.status == 403 && told.body.contains("\"another_tenant\""),
                    "{} {path}: {told:?}",
                    operation.method
                );
            }
        }
    }
    assert!(asked > 50, "{asked}");

    // What is named elsewhere than in the address.
    let bind = |by: &str, id: &str| {
        json!({ "bindings": [{ "ref": { "type": by, "value": id } }] }).to_string()
    };
    let headers = [("authorization", &*shown[1])];
    for (method, template, name, body, expected) in [
        ("PATCH", TRIGGER, "actions/{id}", "action_id", 404),
        ("PATCH", TRIGGER, "actions/{name}", "action_name", 404),
        ("PATCH", TRIGGER, "bindings", "binding_id", 404),
        (
            "GET",
            "/v1/notifications?before=ID",
            "notifications/{id}",
            "",
            200,
        ),
        ("GET", "/api/v2/logs?from=ID", "logs/{id}", "", 200),
        ("GET", "/api/v2/logs?q=log_id:ID", "logs/{id}", "", 200),
        (
            "GET",
            "/api/v2/actions/actions?actionName=ID",
            "actions/{name}",
            "",
            200,
        ),
    ] {
        let ask = async |id: String| {
            let body = match body {
                "" => Bytes::new(),
                by => bind(by, &id).into(),
            };
            let path = template.replace("ID", &id);
            let told = other.is_told(&headers, method, &path, body).await;
            assert_eq!(told.status, expected, "{method} {path} {name}: {told:?}");
            told.without([&id])
        };
        let foreign = ask(theirs[name].clone()).await;
        assert_eq!(foreign, ask(nobodys(&theirs[name])).await, "{template}");
    }
    let after = server.everything(&theirs).await;
    for (before, after) in everything.iter().zip(&after) {
        assert_eq!(before, after);
    }
    assert_eq!(gate.texts(), arrived);

    // Whoever has it may do all of that: nothing was refused for another reason.
    operations.retain(|operation| {
        let names = operation.names();
        !names.is_empty() && names != [EVERYBODYS]
    });
    operations.sort_by_key(|operation| {
        (
            operation.method == "DELETE",
            Reverse(operation.template.len()),
        )
    });
    for operation in &operations {
        let action = json!({ "id": theirs["actions/{id}"] });
        if operation.method != "DELETE" {
            server.is_built(&action).await;
        }
        let path = path(operation, &theirs);
        let answer = server.try_ask(&operation.method, &path, &[], body(operation, &theirs));
        let answer = answer.await.unwrap();
        assert!(
            matches!(answer.status, 200..300 | 409),
            "{} {path}: {answer:?}",
            operation.method
        );
    }
    let nothing = server.told("GET", ACTIONS, Value::Null, 200).await;
    assert_eq!(nothing["actions"], json!([]));
}

/// Before there is anything to be found out by asking wrongly.
#[tokio::test]
async fn who_may_not_is_told_so_whatever_they_send() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    let scopes = [("metrics:read", None), ("receipts:write", Some("acme"))];
    for (scope, tenant) in scopes {
        let key = json!({ "tenant": tenant, "scopes": [scope] });
        let key = server.told("POST", "/v1/keys", key, 201).await;
        let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
        for operation in operations().filter(Operation::is_guarded) {
            let is_it = match &*operation.id {
                "metrics" => scope == "metrics:read",
                "receive_receipt" => scope == "receipts:write",
                _ => false,
            };
            let headers = [("authorization", &*bearer), ("content-type", "text/plain")];
            let sent = Bytes::from_static(b"no JSON");
            let told = server.is_told(&headers, &operation.method, &operation.template, sent);
            let told = told.await;
            assert_eq!(told.status == 403, !is_it, "{}: {told:?}", operation.id);
        }
    }
}
