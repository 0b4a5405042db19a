//! Actions, their versions and their secrets.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use phonebox::store::Version;
use phonebox::{Action, Digest, Scope, Secret};
use serde::{Deserialize, Serialize};

use crate::caller::Asking;
use crate::notifications::stamp;
use crate::{App, Problem};

#[derive(Serialize)]
struct Deployed {
    name: String,
    #[serde(flatten)]
    version: Shown,
    /// What its owner should know.
    notes: Vec<String>,
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
    let phonebox::Deployed { version, notes } = tenant.deploy_with_kept_secrets(&action).await?;
    let deployed = Deployed {
        name: action.manifest().name.clone(),
        version: Shown::new(&version),
        notes,
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

/// All but their values.
pub(crate) async fn secrets(
    State(app): State<App>,
    asking: Asking,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let tenant = asking.tenant(&app, Scope::ActionsRead)?;
    let secrets = tenant.secrets(&name).await?;
    Ok(Json(serde_json::json!({ "secrets": secrets })).into_response())
}

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
