//! Keys to this API. Only the operator's key makes and revokes them.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use phonebox::{Scope, Sensitive};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::caller::{Asking, is_tenant};
use crate::notifications::stamp;
use crate::openapi::ScopeName;
use crate::problem::Path;
use crate::{App, Problem};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateKey)]
pub(crate) struct Wanted {
    /// None: a key to the metrics of the process.
    tenant: Option<String>,
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CreatedKey)]
struct Created {
    id: String,
    #[schema(value_type = String)]
    key: Sensitive,
    tenant: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Keys)]
struct Listed {
    keys: Vec<Shown>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
struct Shown {
    id: String,
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Vec<String>,
    created_at: Timestamp,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Whose {
    tenant: String,
}

/// The key is in the answer, and nowhere else, ever.
#[utoipa::path(post, path = "/v1/keys", operation_id = "create_key", tag = "operator", request_body = Wanted,
    responses((status = 201, description = "It is good from now on", body = Created)))]
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
    let created = Created {
        id: made.id,
        key: made.key,
        tenant,
    };
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

#[utoipa::path(get, path = "/v1/keys", operation_id = "list_keys", tag = "operator", params(Whose),
    responses((status = 200, description = "A tenant's keys, the earliest first", body = Listed)))]
pub(crate) async fn list(
    State(app): State<App>,
    asking: Asking,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Response, Problem> {
    asking.to(Scope::KeysWrite)?;
    let Query(Whose { tenant }) = whose?;
    let keys = app.0.keys.list(Some(&tenant)).await?;
    let keys = keys.into_iter().map(|key| Shown {
        id: key.id,
        scopes: key.scopes.split(' ').map(ToOwned::to_owned).collect(),
        created_at: stamp(key.created_at),
    });
    Ok(Json(Listed {
        keys: keys.collect(),
    })
    .into_response())
}

#[utoipa::path(delete, path = "/v1/keys/{id}", operation_id = "revoke_key", tag = "operator",
    params(("id" = String, Path, description = "The key's id")), responses((status = 204, description = "It is good for nothing more")))]
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
