//! Tenants, for the operator.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use phonebox::Scope;
use phonebox::store::TenantItem;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::caller::Asking;
use crate::{App, Problem};

/// Tenants in one list, unless the caller says, and at the most.
const LISTED: [usize; 2] = [100, 1000];

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only those after this name.
    after: Option<String>,
    /// Most of them: 100 unless said, and no more than 1,000.
    limit: Option<usize>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Tenants)]
struct Listed {
    tenants: Vec<Shown>,
    /// Give it as `after` for what comes after these.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
struct Shown {
    name: String,
    actions: u64,
    keys: u64,
    notifications: Unsettled,
}

#[derive(Serialize, ToSchema)]
struct Unsettled {
    queued: u64,
    leased: u64,
}

#[utoipa::path(get, path = "/v1/tenants", operation_id = "list_tenants", tag = "operator", params(Wanted),
    responses((status = 200, description = "By name, with how much is not settled of each", body = Listed)))]
pub(crate) async fn list(
    State(app): State<App>,
    asking: Asking,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    // Which tenants there are is the operator's to know, as is who has keys.
    asking.to(Scope::KeysWrite)?;
    let Query(wanted) = wanted?;
    let [usual, most] = LISTED;
    let most = wanted.limit.unwrap_or(usual).clamp(1, most);
    let tenants = app.0.handle.tenants(wanted.after.as_deref(), most).await?;
    let next = tenants.last().filter(|_| tenants.len() == most);
    Ok(Json(Listed {
        next: next.map(|tenant| tenant.name.clone()),
        tenants: tenants.into_iter().map(Shown::new).collect(),
    })
    .into_response())
}

impl Shown {
    fn new(tenant: TenantItem) -> Self {
        Self {
            name: tenant.name,
            actions: tenant.actions,
            keys: tenant.api_keys,
            notifications: Unsettled {
                queued: tenant.queued,
                leased: tenant.leased,
            },
        }
    }
}
