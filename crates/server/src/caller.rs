use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use phonebox::{Caller, Scope, Sensitive, Tenant};

use crate::{App, Problem};

/// The operator's key says by this for which tenant it asks.
const TENANT: &str = "phonebox-tenant";
/// Longest name of a tenant, in bytes.
const LONGEST: usize = 128;

/// Who asks, and for which tenant.
pub(crate) struct Asking {
    pub(crate) caller: Caller,
    /// The key that it showed.
    pub(crate) key: Sensitive,
    tenant: Option<String>,
}

impl Asking {
    pub(crate) fn to(&self, scope: Scope) -> Result<(), Problem> {
        if self.caller.may(scope) {
            return Ok(());
        }
        let problem = Problem::new(
            StatusCode::FORBIDDEN,
            "scope_missing",
            format!("this key is not good for {scope}"),
        );
        Err(problem.hint("ask whoever made the key for one that is"))
    }

    /// The tenant, for something that this key must be good for.
    pub(crate) fn tenant(&self, app: &App, scope: Scope) -> Result<Tenant, Problem> {
        self.to(scope)?;
        let Some(tenant) = &self.tenant else {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "tenant_missing",
                "the operator's key is good for every tenant, and none is named",
            )
            .hint(format!("name it in the header {TENANT}")));
        };
        Ok(app.0.handle.tenant(tenant))
    }
}

impl FromRequestParts<App> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let unknown = || {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "there is no key in the request, or nobody's",
            )
            .hint("send the header: Authorization: Bearer phb_…")
        };
        let key = bearer(&parts.headers).ok_or_else(unknown)?;
        let caller = app.0.keys.authenticate(key).await?;
        let caller = caller.ok_or_else(unknown)?;
        let mut named = parts.headers.get_all(TENANT).iter();
        let (named, another) = (named.next(), named.next());
        if another.is_some() {
            return Err(Problem::invalid(format!("{TENANT} is there twice")));
        }
        let tenant = match (&caller.tenant, named.map(|name| name.to_str())) {
            (own, None) => own.clone(),
            (None, Some(Ok(name))) if is_tenant(name) => Some(name.to_owned()),
            (Some(own), Some(Ok(name))) if own == name => Some(name.to_owned()),
            (Some(_), Some(_)) => {
                return Err(Problem::new(
                    StatusCode::FORBIDDEN,
                    "another_tenant",
                    "this key is another tenant's",
                ));
            }
            (None, Some(_)) => {
                return Err(Problem::invalid(format!("{TENANT} does not name a tenant"))
                    .hint(format!("1 to {LONGEST} letters, digits, and -_.:")));
            }
        };
        Ok(Self {
            caller,
            key: key.to_owned().into(),
            tenant,
        })
    }
}

pub(crate) fn is_tenant(name: &str) -> bool {
    (1..=LONGEST).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
