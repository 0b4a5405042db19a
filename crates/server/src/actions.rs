//! Actions, their versions and their secrets.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use phonebox::store::Version;
use phonebox::{Action, Digest, Scope, Sensitive};
use serde::{Deserialize, Serialize};

use crate::caller::Asking;
use crate::notifications::stamp;
use crate::{App, Problem};

/// Longest value of a secret, in bytes.
const SECRET: usize = 4096;

#[derive(Serialize)]
struct Deployed {
    name: String,
    #[serde(flatten)]
    version: Shown,
}

#[derive(Serialize)]
struct Shown {
    version: u32,
    digest: Digest,
    created_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Number {
    version: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Value {
    value: Sensitive,
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
    let version = tenant.deploy_with_kept_secrets(&action).await?;
    let deployed = Deployed {
        name: action.manifest().name.clone(),
        version: Shown::new(&version),
    };
    Ok((StatusCode::CREATED, Json(deployed)).into_response())
}

pub(crate) async fn list(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsRead)?;
    let actions = tenant.actions().await?;
    let actions: Vec<_> = actions
        .iter()
        .map(|action| {
            serde_json::json!({
                "name": action.name,
                "deployed": Shown::new(&action.deployed),
                "bound": action.bound,
            })
        })
        .collect();
    Ok(Json(serde_json::json!({ "actions": actions })).into_response())
}

pub(crate) async fn versions(
    State(app): State<App>,
    asking: Asking,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsRead)?;
    let versions = tenant.versions(&name).await?;
    let versions: Vec<_> = versions.iter().map(Shown::new).collect();
    Ok(Json(serde_json::json!({ "versions": versions })).into_response())
}

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

/// The names alone.
pub(crate) async fn secrets(
    State(app): State<App>,
    asking: Asking,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsRead)?;
    let names = tenant.secret_names(&name).await?;
    Ok(Json(serde_json::json!({ "secrets": names })).into_response())
}

pub(crate) async fn set_secret(
    State(app): State<App>,
    asking: Asking,
    Path((name, secret)): Path<(String, String)>,
    body: Result<Json<Value>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsWrite)?;
    let Json(Value { value }) = body?;
    let text = value.reveal();
    if !(1..=SECRET).contains(&text.len()) || text.contains(['\r', '\n', '\0']) {
        return Err(Problem::invalid(format!(
            "a secret is 1 to {SECRET} bytes without line ends"
        )));
    }
    if !phonebox::Manifest::is_secret_name(&secret) {
        return Err(Problem::invalid("this is not a name for a secret")
            .hint("use capital letters, digits and underscores, as in TWILIO_AUTH_TOKEN"));
    }
    tenant.set_secret(&name, &secret, value).await?;
    Ok(StatusCode::NO_CONTENT)
}

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
