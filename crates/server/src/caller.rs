use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use phonebox::{ApiKeys, Caller, Scope, Sensitive, StoreError, Tenant, TokenError};

use crate::limits::Peer;
use crate::names::Asked;
use crate::{App, Problem};

/// The operator's key says by this for which tenant it asks.
const TENANT: &str = "phonebox-tenant";
/// Longest name of a tenant, in bytes.
const LONGEST: usize = 128;

/// Who asks, and for which tenant.
pub(crate) struct Asking {
    pub(crate) caller: Caller,
    /// The key or token that it showed, and by which name it asks.
    pub(crate) key: Sensitive,
    pub(crate) asked: Asked,
    pub(crate) tenant: Option<String>,
}

/// Why nobody is known by what was shown.
pub(crate) enum NotKnown {
    /// It is nobody's; for people, why.
    Nobody(String),
    Store(StoreError),
}

impl App {
    /// Who shows this key, or token for this name.
    pub(crate) async fn authenticate(&self, asked: &Asked, key: &str) -> Result<Caller, NotKnown> {
        if ApiKeys::is_key(key) {
            let caller = self
                .0
                .keys
                .authenticate(key)
                .await
                .map_err(NotKnown::Store)?;
            return caller.ok_or_else(|| NotKnown::Nobody("the key is nobody's".to_owned()));
        }
        let Some(issuer) = asked.issuer() else {
            let detail = "the request does not say by which name it asks";
            return Err(NotKnown::Nobody(detail.to_owned()));
        };
        let known = self.0.tokens.authenticate(&issuer, key).await;
        known.map_err(|error| match error {
            TokenError::Store(error) => NotKnown::Store(error),
            TokenError::Audience => NotKnown::Nobody(format!("{error} than {}", issuer.audience)),
            error => NotKnown::Nobody(error.to_string()),
        })
    }
}

fn unauthorized(detail: String) -> Problem {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
    problem.hint(
        "send the header: Authorization: Bearer, and a key (phb_…) or a token of /oauth/token",
    )
}

fn too_many(wait: Duration) -> Problem {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let detail = "too many keys and tokens that are nobody's came from this address";
    let problem = Problem::new(status, "too_many_failures", detail);
    problem.hint("send one that is good").after(wait)
}

fn another_tenant() -> Problem {
    let status = StatusCode::FORBIDDEN;
    Problem::new(status, "another_tenant", "this key is another tenant's")
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
        let asked = app.0.names.asked(&parts.headers);
        let key = bearer(&parts.headers);
        let caller = match key {
            Some(key) => app.authenticate(&asked, key).await,
            None => Err(NotKnown::Nobody(
                "there is no key in the request".to_owned(),
            )),
        };
        let caller = caller.map_err(|error| match error {
            NotKnown::Store(error) => Problem::from(error),
            NotKnown::Nobody(detail) => {
                let peer = parts.extensions.get::<Peer>().copied();
                // Who shows nothing guesses nothing.
                let refused = key.and_then(|_| app.0.limits.stranger(peer));
                refused.map_or_else(|| unauthorized(detail), too_many)
            }
        })?;
        let key = key.unwrap_or_default();
        let mut named = parts.headers.get_all(TENANT).iter();
        let (named, another) = (named.next(), named.next());
        if another.is_some() {
            return Err(Problem::invalid(format!("{TENANT} is there twice")));
        }
        let is_anothers = |host: &String| caller.tenant.as_ref().is_some_and(|own| own != host);
        if asked.tenant.as_ref().is_some_and(is_anothers) {
            return Err(another_tenant());
        }
        let tenant = match (&caller.tenant, named.map(|name| name.to_str())) {
            (None, None) => asked.tenant.clone(),
            (own, None) => own.clone(),
            (None, Some(Ok(name))) if is_tenant(name) => Some(name.to_owned()),
            (Some(own), Some(Ok(name))) if own == name => Some(name.to_owned()),
            (Some(_), Some(_)) => return Err(another_tenant()),
            (None, Some(_)) => {
                return Err(Problem::invalid(format!("{TENANT} does not name a tenant"))
                    .hint(format!("1 to {LONGEST} letters, digits, and -_.:")));
            }
        };
        Ok(Self {
            caller,
            key: key.to_owned().into(),
            asked,
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
