//! Actions, their versions and their secrets.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use phonebox::store::Version;
use phonebox::{Action, Digest, Scope, Secret, SecretInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::caller::Asking;
use crate::notifications::stamp;
use crate::problem::Path;
use crate::{App, Problem};

#[derive(Serialize, ToSchema)]
struct Deployed {
    name: String,
    #[serde(flatten)]
    version: Shown,
    /// What its owner should know.
    notes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Actions)]
struct Listed {
    actions: Vec<ListedAction>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Action)]
struct ListedAction {
    name: String,
    deployed: Shown,
    /// Whether it delivers what the tenant sends.
    bound: bool,
}

#[derive(Serialize, ToSchema)]
struct Versions {
    versions: Vec<Shown>,
}

#[derive(Serialize, ToSchema)]
struct Secrets {
    #[schema(value_type = Vec<SecretInfoShape>)]
    secrets: Vec<SecretInfo>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
struct Shown {
    version: u32,
    /// SHA-256 of the component.
    #[schema(value_type = String)]
    digest: Digest,
    created_at: Timestamp,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RollBack)]
pub(crate) struct Number {
    version: u32,
}

// As `phonebox::Secret` is read.
/// A secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Secret)]
#[expect(dead_code, reason = "it describes")]
struct SecretShape {
    /// Without control characters, but tabs and the line ends of several lines. A sealed one has at least 8 bytes.
    #[schema(min_length = 1, max_length = 4096)]
    value: String,
    /// How the action has it. Default: `sealed`, it has what stands for the value, and that takes its place on the wire.
    #[schema(nullable = false)]
    mode: Option<ModeShape>,
    /// Where it may go: `https://api.example.com`, or `https://*.example.com`. Default: where the action asks to go.
    #[schema(min_items = 1, max_items = 20)]
    origins: Option<Vec<String>>,
}

/// How an action has a secret.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Mode)]
pub(crate) enum ModeShape {
    /// It has what stands for the value.
    Sealed,
    /// It has the value.
    Revealed,
}

// As `phonebox::SecretInfo` is serialized.
/// What is told of a secret. Its value never is.
#[derive(Serialize, ToSchema)]
#[schema(as = SecretInfo)]
struct SecretInfoShape {
    name: String,
    mode: ModeShape,
    /// Where it may go; null: it is bound to what the action asks for when that is deployed next.
    #[schema(required)]
    origins: Option<Vec<String>>,
    updated_at: Timestamp,
    /// Tells whether two values of the tenant are the same, to whoever has no root key.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    fingerprint: String,
}

impl Shown {
    fn new(version: &Version) -> Self {
        Self {
            version: version.number,
            digest: Digest::from_bytes(version.digest),
            created_at: stamp(version.created_at),
        }
    }
}

/// The body is the component, with its manifest in it. It gets the secrets that were set.
#[utoipa::path(post, path = "/v1/actions", operation_id = "deploy_action", tag = "actions",
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 201, description = "It delivers what the tenant sends from now on", body = Deployed)))]
pub(crate) async fn deploy(
    State(app): State<App>,
    asking: Asking,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsWrite)?;
    let component = body?.to_vec();
    // Reading it takes a core for some milliseconds.
    let action = tokio::task::spawn_blocking(move || Action::from_component(component)).await;
    let action = action.map_err(|_| Problem::shutting_down())?;
    let action = action.map_err(phonebox::CannotLoad::Action)?;
    let phonebox::Deployed { version, notes } = tenant.deploy_with_kept_secrets(&action).await?;
    let deployed = Deployed {
        name: action.manifest().name.clone(),
        version: Shown::new(&version),
        notes,
    };
    Ok((StatusCode::CREATED, Json(deployed)).into_response())
}

#[utoipa::path(get, path = "/v1/actions", operation_id = "list_actions", tag = "actions",
    responses((status = 200, description = "Those that are deployed, by name", body = Listed)))]
pub(crate) async fn list(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsRead)?;
    let actions = tenant.actions().await?;
    let actions = actions.into_iter().filter_map(|action| {
        Some(ListedAction {
            deployed: Shown::new(&action.deployed?),
            name: action.name,
            bound: action.bound,
        })
    });
    Ok(Json(Listed {
        actions: actions.collect(),
    })
    .into_response())
}

#[utoipa::path(get, path = "/v1/actions/{name}/versions", operation_id = "list_versions", tag = "actions", params(("name" = String, Path, description = "The action's name")),
    responses((status = 200, description = "The latest first", body = Versions)))]
pub(crate) async fn versions(
    State(app): State<App>,
    asking: Asking,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsRead)?;
    let versions = tenant.versions(&name).await?;
    let versions = versions.iter().map(Shown::new).collect();
    Ok(Json(Versions { versions }).into_response())
}

#[utoipa::path(put, path = "/v1/actions/{name}/deployed", operation_id = "roll_back_action", tag = "actions",
    request_body = Number, params(("name" = String, Path, description = "The action's name")), responses((status = 204, description = "That version runs from now on")))]
pub(crate) async fn roll_back(
    State(app): State<App>,
    asking: Asking,
    Path(name): Path<String>,
    body: Result<Json<Number>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsWrite)?;
    let Json(Number { version }) = body?;
    if tenant.roll_back(&name, version).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(
            "the action has no version of this number",
        ))
    }
}

/// All but their values.
#[utoipa::path(get, path = "/v1/actions/{name}/secrets", operation_id = "list_secrets", tag = "actions", params(("name" = String, Path, description = "The action's name")),
    responses((status = 200, description = "By name", body = Secrets)))]
pub(crate) async fn secrets(
    State(app): State<App>,
    asking: Asking,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsRead)?;
    let secrets = tenant.secrets(&name).await?;
    Ok(Json(Secrets { secrets }).into_response())
}

#[utoipa::path(put, path = "/v1/actions/{name}/secrets/{secret}", operation_id = "set_secret", tag = "actions",
    request_body = SecretShape, params(("name" = String, Path, description = "The action's name"), ("secret" = String, Path, description = "The secret's name", example = "TWILIO_AUTH_TOKEN")),
    responses((status = 200, description = "Runs that begin from now on get it", body = SecretInfoShape)))]
pub(crate) async fn set_secret(
    State(app): State<App>,
    asking: Asking,
    Path((name, secret)): Path<(String, String)>,
    body: Result<Json<Secret>, JsonRejection>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsWrite)?;
    let Json(value) = body?;
    let info = tenant.set_secret(&name, &secret, value).await?;
    Ok(Json(info).into_response())
}

#[utoipa::path(delete, path = "/v1/actions/{name}/secrets/{secret}", operation_id = "remove_secret", tag = "actions",
    params(("name" = String, Path, description = "The action's name"), ("secret" = String, Path, description = "The secret's name", example = "TWILIO_AUTH_TOKEN")),
    responses((status = 204, description = "It is forgotten")))]
pub(crate) async fn remove_secret(
    State(app): State<App>,
    asking: Asking,
    Path((name, secret)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsWrite)?;
    if tenant.remove_secret(&name, &secret).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("the action has no secret of this name"))
    }
}
