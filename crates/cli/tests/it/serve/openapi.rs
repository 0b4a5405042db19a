//! The API's description: well-formed by the judgement of others, and true of every answer in these tests.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tokio::process::Command;

use super::{Answer, Server};
use crate::gate::{Gate, Mode};
use crate::inbox::oracles;

const KEPT: &str = include_str!("../../../../server/openapi.json");
static DESCRIBED: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(KEPT).unwrap());

/// Fails if an answer is not among those that its operation is said to have.
pub(super) fn expect(method: &str, path: &str, answer: &Answer) {
    let paths = DESCRIBED["paths"].as_object().unwrap();
    let item = paths.iter().find(|(template, _)| is_of(template, path));
    let (_, item) = item.unwrap_or_else(|| panic!("{path} is not described"));
    let operation = &item[method.to_lowercase()];
    let mut response = &operation["responses"][answer.status.to_string()];
    if let Some(reference) = response["$ref"].as_str() {
        response = DESCRIBED.pointer(&reference[1..]).unwrap();
    }
    assert!(
        response.is_object(),
        "{method} {path} is not said to answer {answer:?}"
    );
    if answer.status >= 400
        && let Some(code) = answer.body["code"].as_str()
    {
        let schema = &response["content"]["application/problem+json"]["schema"];
        let codes = &schema["allOf"][1]["properties"]["code"]["enum"];
        assert!(
            codes.as_array().unwrap().contains(&json!(code)),
            "{method} {path} is not said to answer {answer:?}, but {codes}"
        );
    }
}

/// Something that can be asked.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) template: String,
    pub(super) described: &'static Value,
}

impl Operation {
    /// What its address names, each with what is before it there, as in `actions/{id}`.
    pub(super) fn names(&self) -> Vec<String> {
        let parts: Vec<_> = self.template.split('/').collect();
        let named = parts.windows(2).filter(|pair| pair[1].starts_with('{'));
        named.map(|pair| pair.join("/")).collect()
    }

    /// Whether a key is asked for.
    pub(super) fn is_guarded(&self) -> bool {
        self.described["security"].is_null()
    }
}

/// All that can be asked.
pub(super) fn operations() -> impl Iterator<Item = Operation> {
    let paths = DESCRIBED["paths"].as_object().unwrap();
    paths.iter().flat_map(|(template, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, described)| Operation {
            id: described["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase(),
            template: template.clone(),
            described,
        })
    })
}

/// Whether an address is one of these.
fn is_of(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap();
    let (mut told, mut asked) = (template.split('/'), path.split('/'));
    let same = told
        .by_ref()
        .zip(asked.by_ref())
        .all(|(told, asked)| told == asked || told.starts_with('{'));
    same && template.split('/').count() == path.split('/').count()
}

/// Fails if there is something to be asked that is not among these, each a method and an address.
pub(super) fn expect_all_of(asked: &[(String, String)]) {
    for Operation {
        method, template, ..
    } in operations()
    {
        let is_it = |(other, path): &(String, String)| *other == method && is_of(&template, path);
        assert!(asked.iter().any(is_it), "nobody asked {method} {template}");
    }
}

#[tokio::test]
async fn it_describes_itself_to_anybody_and_others_understand_it() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    server.key = "nobody's".to_owned();
    let answer = server.ask("GET", "/openapi.json", json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body, *DESCRIBED);

    let Some(clients) = oracles::clients().await else {
        return;
    };
    let path = server.folder.path().join("openapi.json");
    std::fs::write(&path, answer.body.to_string()).unwrap();
    let node = Command::new("node")
        .arg(clients.join("validate-openapi.mjs"))
        .arg(&path)
        .output();
    let said = node.await.unwrap();
    let found: Value =
        serde_json::from_slice(&said.stdout).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(
        found,
        json!({ "valid": true, "version": "3.1" }),
        "{found:#}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem_like_any_other() {
    let gate = Gate::open(Mode::Accept).await;
    let mut server = Server::new(gate.address);
    server.start();
    for (method, path, says) in [
        ("GET", "/v1/notifications/%FF", "UTF-8"),
        ("POST", "/v1/notifications/%C3%28/cancel", "UTF-8"),
        ("PUT", "/v1/actions/kannel/secrets/%FF", "UTF-8"),
        ("DELETE", "/v1/keys/%ED%A0%80", "UTF-8"),
        ("GET", "/v1/notifications?notification=x", "/openapi.json"),
        ("GET", "/v1/notifications?limit=many", "/openapi.json"),
        ("GET", "/v1/notifications?limit=1&limit=2", "/openapi.json"),
        ("GET", "/v1/tail?notification=492016", "/openapi.json"),
        ("GET", "/v1/keys", "/openapi.json"),
        ("GET", "/v1/tenants?limit=-1", "/openapi.json"),
    ] {
        let answer = server.ask(method, path, json!({ "value": "x" })).await;
        let (code, hint) = (&answer.body["code"], &answer.body["hint"]);
        assert_eq!(
            (answer.status, code),
            (400, &json!("invalid")),
            "{path}: {answer:?}"
        );
        assert!(hint.as_str().unwrap().contains(says), "{path}: {answer:?}");
    }
}
