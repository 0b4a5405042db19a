//! Keys to this API. Only the operator's key makes and revokes them.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use phonebox::Scope;
use serde::Deserialize;

use crate::caller::{Asking, is_tenant};
use crate::notifications::stamp;
use crate::{App, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// None: a key to the metrics of the process.
    tenant: Option<String>,
    scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    tenant: String,
}

/// The key is in the answer, and nowhere else, ever.
pub(crate) async fn create(
    State(app): State<App>,
    asking: Asking,
    body: Result<Json<Wanted>, JsonRejection>,
) -> Result<Response, Problem> {
    asking.to(Scope::KeysWrite)?;
    let Json(Wanted { tenant, scopes }) = body?;
    if tenant.as_deref().is_some_and(|tenant| !is_tenant(tenant)) {
        return Err(Problem::invalid("tenant does not name a tenant"));
    }
    let scopes = scopes.iter().map(|scope| scope.parse::<Scope>());
    let scopes = scopes
        .collect::<Result<Vec<_>, _>>()
        .map_err(|unknown| Problem::invalid(unknown.to_string()))?;
    let of_process = |scope: &Scope| matches!(scope, Scope::KeysWrite | Scope::MetricsRead);
    match &tenant {
        Some(_) if scopes.is_empty() || scopes.iter().any(of_process) => {
            return Err(Problem::invalid(
                "scopes has to name some, and keys:write and metrics:read are not for a tenant",
            ));
        }
        None if scopes != [Scope::MetricsRead] => {
            return Err(Problem::invalid(
                "a key without a tenant is good for metrics:read alone",
            ));
        }
        _ => {}
    }
    let made = app.0.keys.create(tenant.as_deref(), &scopes).await?;
    let body = serde_json::json!({ "id": made.id, "key": made.key, "tenant": tenant });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

pub(crate) async fn list(
    State(app): State<App>,
    asking: Asking,
    Query(Whose { tenant }): Query<Whose>,
) -> Result<Response, Problem> {
    asking.to(Scope::KeysWrite)?;
    let keys = app.0.keys.list(Some(&tenant)).await?;
    let keys: Vec<_> = keys
        .into_iter()
        .map(|key| {
            serde_json::json!({
                "id": key.id,
                "scopes": key.scopes.split(' ').collect::<Vec<_>>(),
                "created_at": stamp(key.created_at),
            })
        })
        .collect();
    Ok(Json(serde_json::json!({ "keys": keys })).into_response())
}

pub(crate) async fn revoke(
    State(app): State<App>,
    asking: Asking,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    asking.to(Scope::KeysWrite)?;
    if app.0.keys.revoke(&id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("there is no key of this id"))
    }
}
