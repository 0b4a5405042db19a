//! The API's description (`OpenAPI` 3.1): what the handlers say of themselves, and what can be wrong with each.

use std::borrow::Cow;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use phonebox::{Scope, Status};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{App, management};

/// What can be wrong with every request for which a key is asked.
const WITH_KEY: &[&str] = &[
    "401 unauthorized",
    "403 scope_missing",
    "408 timeout",
    "422 invalid",
    "429 too_many_failures",
    "503 store_unavailable",
];
/// And with those that are about a tenant.
const OF_TENANT: &[&str] = &["400 tenant_missing", "403 another_tenant"];
/// And with those that have something in their address, or in a query.
const WITH_PARAMETERS: &str = "400 invalid";
/// And with those that have a body.
const WITH_BODY: &[&str] = &["400 invalid", "400 unreadable", "413 unreadable"];
/// And with those whose body is JSON.
const JSON: &str = "415 invalid";
/// And with those that change something.
const CHANGING: &str = "507 store_full";
/// And with those that send something.
const SENDING: &[&str] = &[
    "403 country_not_allowed",
    "403 country_unknown",
    "403 number_not_allowed",
    "403 number_sequence",
    "409 idempotency_key_used",
    "409 method_not_offered",
    "409 no_action",
    "409 provider_disabled",
    "409 provider_incomplete",
    "429 number_block_limit",
    "429 number_limit",
    "429 tenant_limit",
    "429 voice_limit",
    "503 shutting_down",
    "507 store_full",
];
/// And with each by itself.
const OF_EACH: &[(&str, &[&str])] = &[
    ("cancel_notification", &["404 not_found", "409 not_waiting"]),
    (
        "deploy_action",
        &[
            "409 action_missing",
            "409 secret_unreadable",
            "422 action_invalid",
            "422 action_not_loaded",
            "422 secret_invalid",
            "503 shutting_down",
        ],
    ),
    (
        "is_ready",
        &[
            "503 shutting_down",
            "503 store_full",
            "503 store_unavailable",
        ],
    ),
    ("put_webhook", &["403 address_not_allowed"]),
    (
        "receive_receipt",
        &["404 not_found", "409 not_sent", "409 too_many_receipts"],
    ),
    ("remove_secret", &["404 not_found"]),
    ("remove_webhook", &["404 not_found"]),
    (
        "replay_notification",
        &[
            "404 not_found",
            "409 expired",
            "409 not_settled",
            "410 erased",
            "503 event_unreadable",
        ],
    ),
    ("revoke_key", &["404 not_found"]),
    ("roll_back_action", &["404 not_found"]),
    ("rotate_root_keys", &["409 root_keys_refused"]),
    ("set_secret", &["422 secret_invalid"]),
    ("show_notification", &["404 not_found"]),
    ("show_webhook", &["404 not_found"]),
    ("tail", &["429 too_many_tails"]),
];
/// What can be wrong with every request to the Management API.
const MANAGED: &[&str] = &[
    "400", "401", "403", "404", "408", "413", "415", "422", "429", "503", "507",
];
const MEANING: &[(&str, &str)] = &[
    ("action_invalid", "it is no action that can be deployed"),
    ("action_missing", "the action is not there any more"),
    (
        "action_not_loaded",
        "the action cannot be loaded, or has not the secrets that it asks for",
    ),
    (
        "address_not_allowed",
        "no requests are sent to the webhook's address",
    ),
    ("another_tenant", "the key is another tenant's"),
    (
        "country_not_allowed",
        "no messages are sent to numbers of this country",
    ),
    ("country_unknown", "the number is of no country"),
    ("erased", "what it said has been erased"),
    ("event_unreadable", "what it said cannot be decrypted"),
    ("expired", "what it says is no longer true"),
    (
        "idempotency_key_used",
        "the idempotency key was used for another notification",
    ),
    (
        "invalid",
        "something in the request is not what it should be",
    ),
    ("method_not_allowed", "the address does not know the method"),
    (
        "method_not_offered",
        "the tenant's phone provider delivers no messages of this kind",
    ),
    (
        "no_action",
        "the tenant has no action that could deliver it",
    ),
    ("not_found", "it is not there"),
    ("not_sent", "no provider has accepted it"),
    ("not_settled", "it is not settled yet"),
    ("not_waiting", "it does not wait"),
    (
        "number_block_limit",
        "too many messages went to numbers beside this one",
    ),
    ("number_limit", "too many messages went to this number"),
    (
        "number_not_allowed",
        "no messages are sent to numbers of this kind",
    ),
    (
        "number_sequence",
        "too many numbers were asked for in a row",
    ),
    (
        "provider_disabled",
        "the tenant's phone provider is disabled",
    ),
    (
        "provider_incomplete",
        "the tenant's phone provider lacks what it needs",
    ),
    ("root_keys_refused", "the root keys stay as they were"),
    ("scope_missing", "the key is not good for this"),
    ("secret_invalid", "it is no secret that can be kept"),
    ("secret_unreadable", "a secret cannot be decrypted"),
    ("shutting_down", "phonebox is shutting down"),
    ("store", "the store failed"),
    ("store_full", "there is no room to keep it"),
    ("store_unavailable", "the store does not answer"),
    (
        "tenant_limit",
        "the tenant has sent as many messages as it may",
    ),
    (
        "tenant_missing",
        "the operator's key is good for every tenant, and none is named",
    ),
    ("timeout", "the request did not come in time"),
    (
        "too_many_failures",
        "too many keys and tokens that are nobody's came from there",
    ),
    ("too_many_receipts", "it has as many receipts as are kept"),
    ("too_many_tails", "as many tails are open as there may be"),
    ("unauthorized", "there is no key, or nobody's"),
    ("unreadable", "the body cannot be read, or is too large"),
    ("voice_limit", "too many calls went to this number"),
];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "phonebox",
        description = "Delivers one-time codes and account notices by SMS or voice, through provider actions in a sandbox.",
        license(name = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "notifications", description = "Sending, and what became of it"),
        (name = "actions", description = "What delivers, its versions and secrets"),
        (name = "management", description = "Auth0's Management API, as far as it is about phones"),
        (name = "webhook", description = "Where a platform is told what becomes of its notifications"),
        (name = "management", description = "Auth0's Management API, as far as it is about phone providers"),
        (name = "operator", description = "Tenants, keys and metrics"),
        (name = "tokens", description = "What Auth0's clients show in place of a key"),
        (name = "health", description = "For whoever watches the process"),
    ),
    components(schemas(crate::Problem, management::Refusal, crate::tail::AttemptEnded<'_>, crate::tail::Missed, crate::tail::Stands)),
)]
pub(crate) struct Described;

/// Where a notification stands.
pub(crate) struct StatusName;
/// What a message is for.
pub(crate) struct MessageTypeName;
/// How a recipient is reached.
pub(crate) struct MethodName;
/// What delivers what a tenant sends.
pub(crate) struct ProviderNames;
/// Whose fault something is.
pub(crate) struct FaultName;
/// What a key is good for.
pub(crate) struct ScopeName;
/// The trigger that actions are for.
pub(crate) struct TriggerId;

/// What happened in an attempt: of one that had no run, the first three alone.
#[derive(Serialize, ToSchema)]
#[schema(as = Report)]
pub(crate) struct ReportShape {
    /// What the action decided: `kind` is `sent`, `retry` or `drop`.
    outcome: Option<Map<String, Value>>,
    error: Option<ReportError>,
    #[schema(value_type = Option<FaultName>)]
    fault: Option<String>,
    /// What the action logged, oldest first.
    #[schema(required = false)]
    log: Vec<ReportLine>,
    #[schema(required = false)]
    log_lines_dropped: u64,
    /// Every request that the action tried to make, with the decision about it.
    #[schema(required = false)]
    exchanges: Vec<Map<String, Value>>,
    #[schema(required = false)]
    missing_secrets: Vec<String>,
    /// Times in microseconds, sizes in bytes.
    #[schema(required = false)]
    usage: Map<String, Value>,
}

/// Why there is no outcome.
#[derive(Serialize, ToSchema)]
struct ReportError {
    kind: String,
    message: String,
    hint: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct ReportLine {
    /// `debug`, `info`, `warn` or `error`.
    level: String,
    message: String,
}

/// The event of Auth0's `custom-phone-provider` trigger, without secrets. What it has beside this is handed to the action.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventShape {
    notification: EventNotification,
}

#[derive(Serialize, ToSchema)]
struct EventNotification {
    /// The number to reach (E.164).
    #[schema(example = "+14155550100")]
    recipient: String,
    /// The one-time code.
    code: Option<String>,
    /// The message to send as text. Default: what the tenant's template for its type makes.
    #[schema(required = false)]
    as_text: String,
    /// The message to read aloud. Default: what the tenant's template for its type makes.
    #[schema(required = false)]
    as_voice: String,
    /// `text` or `voice`. Default: `text`.
    #[schema(required = false)]
    delivery_method: String,
    /// What it is for. Default: `otp_verify`.
    #[schema(value_type = Option<MessageTypeName>, nullable = false)]
    message_type: Option<String>,
    /// The language, as in `en-US`.
    #[schema(nullable = false)]
    locale: Option<String>,
    /// The sender. Default: the one that the tenant's template names.
    #[schema(nullable = false)]
    from: Option<String>,
}

/// A text that is one of these.
macro_rules! one_of {
    ($type:ident, $name:literal, $names:expr) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String);
                text.enum_values(Some($names)).build().into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

one_of!(StatusName, "Status", Status::ALL.map(Status::as_str));
one_of!(
    MessageTypeName,
    "MessageType",
    [
        "otp_verify",
        "otp_enroll",
        "change_password",
        "blocked_account",
        "password_breach",
    ]
);
one_of!(MethodName, "DeliveryMethod", ["text", "voice"]);
one_of!(ProviderNames, "PhoneProviderName", ["twilio", "custom"]);
one_of!(ScopeName, "Scope", Scope::ALL.map(Scope::as_str));
one_of!(TriggerId, "TriggerId", ["custom-phone-provider"]);
one_of!(
    FaultName,
    "Fault",
    ["action", "provider", "policy", "platform"]
);

/// Who asks needs no key.
#[utoipa::path(get, path = "/openapi.json", operation_id = "describe", tag = "health",
    responses((status = 200, description = "This description", body = Object)))]
pub(crate) async fn show(State(app): State<App>) -> Response {
    Json(&app.0.described).into_response()
}

/// Adds to what the handlers say what holds for many of them: keys, tenants and problems.
#[expect(clippy::indexing_slicing, reason = "what is not there in JSON is made")]
pub(crate) fn complete(api: &OpenApi) -> Value {
    let mut api = serde_json::to_value(api).unwrap_or_default();
    let mut responses = Map::new();
    let paths = api["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        let managed = path.starts_with(management::BASE);
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if managed {
                describe_managed(operation);
            } else {
                describe(method, operation, &mut responses);
            }
        }
    }
    for status in MANAGED {
        responses.insert(format!("management-{status}"), refusal());
    }
    let components = &mut api["components"];
    components["responses"] = responses.into();
    components["parameters"] = json!({ "tenant": {
        "name": "phonebox-tenant", "in": "header", "required": false,
        "description": "Which tenant the operator's key asks for. A tenant's key needs it not.",
        "schema": { "type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$" },
    } });
    components["securitySchemes"] = json!({ "key": {
        "type": "http", "scheme": "bearer", "bearerFormat": "phb_…, or a token",
        "description": "The operator's key, or one that was made with it; or a token that was issued for one.",
    } });
    let codes: Vec<_> = MEANING.iter().map(|(code, _)| code).collect();
    components["schemas"]["Problem"]["properties"]["code"]["enum"] = json!(codes);
    api["security"] = json!([{ "key": [] }]);
    api
}

/// Adds what Auth0's clients may be answered to every request, and what those with a body or an id may be.
#[expect(clippy::indexing_slicing, reason = "what is not there in JSON is made")]
fn describe_managed(operation: &mut Value) {
    let has_body = operation["requestBody"].is_object();
    let parameters = operation["parameters"].as_array();
    let has_id =
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == "path"));
    for status in MANAGED {
        let here = match *status {
            "404" => has_id,
            "413" | "415" | "422" => has_body,
            _ => true,
        };
        if here && operation["responses"][*status].is_null() {
            let reference = format!("#/components/responses/management-{status}");
            operation["responses"][*status] = json!({ "$ref": reference });
        }
    }
}

fn refusal() -> Value {
    json!({
        "description": "As Auth0 answers it",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Refusal" } } },
    })
}

#[expect(clippy::indexing_slicing, reason = "what is not there in JSON is made")]
fn describe(method: &str, operation: &mut Value, responses: &mut Map<String, Value>) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let own = OF_EACH.iter().find(|(of, _)| *of == id);
    let mut problems: Vec<&str> = own.into_iter().flat_map(|(_, own)| *own).copied().collect();
    if matches!(id, "send_notification" | "replay_notification") {
        problems.extend(SENDING);
    }
    let tag = operation["tags"][0].as_str().unwrap_or_default();
    if matches!(tag, "health" | "tokens") {
        operation["security"] = json!([]);
    } else {
        problems.extend(WITH_KEY);
        problems.extend((method != "get").then_some(CHANGING));
        let parameters = operation["parameters"].as_array();
        let named = |parameter: &Value| parameter["in"] == "path" || parameter["in"] == "query";
        let has_named = parameters.is_some_and(|all| all.iter().any(named));
        problems.extend(has_named.then_some(WITH_PARAMETERS));
        if tag != "operator" {
            problems.extend(OF_TENANT);
            let tenant = json!({ "$ref": "#/components/parameters/tenant" });
            match operation["parameters"].as_array_mut() {
                Some(parameters) => parameters.push(tenant),
                None => operation["parameters"] = json!([tenant]),
            }
        }
        if let Some(content) = operation["requestBody"]["content"].as_object() {
            problems.extend(WITH_BODY);
            problems.extend(content.contains_key("application/json").then_some(JSON));
        }
    }
    problems.sort_unstable();
    problems.dedup();
    let split: Vec<_> = problems
        .iter()
        .filter_map(|problem| problem.split_once(' '))
        .collect();
    for of_status in split.chunk_by(|one, other| one.0 == other.0) {
        let Some((status, _)) = of_status.first() else {
            continue;
        };
        let codes: Vec<_> = of_status.iter().map(|(_, code)| *code).collect();
        let name = format!("{status}-{}", codes.join("-"));
        let reference = format!("#/components/responses/{name}");
        operation["responses"][*status] = json!({ "$ref": reference });
        responses.entry(name).or_insert_with(|| problem(&codes));
    }
}

/// A response that says one of these.
fn problem(codes: &[&str]) -> Value {
    let meaning = |code: &&str| {
        let known = MEANING.iter().find(|(known, _)| known == code);
        let (code, meaning) = known.expect("every code has a meaning, as a test sees to");
        format!("`{code}`: {meaning}")
    };
    let description: Vec<_> = codes.iter().map(meaning).collect();
    json!({
        "description": description.join("; "),
        "content": { "application/problem+json": { "schema": { "allOf": [
            { "$ref": "#/components/schemas/Problem" },
            { "properties": { "code": { "enum": codes } } },
        ] } } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE=1 cargo test --workspace --lib described` writes it anew.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test is told to write")]
    fn what_is_described_is_what_is_served() {
        let (_, api) = crate::routes().split_for_parts();
        let described = serde_json::to_string_pretty(&complete(&api)).unwrap() + "\n";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &described).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == described,
            "crates/server/openapi.json is not what the server says of itself; write it anew by\n    \
             UPDATE=1 cargo test --workspace --lib described"
        );
    }

    #[test]
    fn what_is_said_of_an_operation_is_said_of_one_that_there_is() {
        let (_, api) = crate::routes().split_for_parts();
        let api = complete(&api).to_string();
        for (id, _) in OF_EACH {
            assert!(api.contains(&format!("\"operationId\":\"{id}\"")), "{id}");
        }
    }
}
