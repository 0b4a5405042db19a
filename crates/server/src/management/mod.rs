//! Auth0's Management API, as far as it is about phone providers and their actions: same addresses, same objects, same errors.
//! Its source is Auth0's documentation of its Management API v2 and what it was seen to answer.
//!
//! Cast: the [`gate`] is before all of it; [`Managing`] is who asks, by the token in `Authorization`; a [`Refusal`] is an error as Auth0's clients read it;
//! a [`Page`] is which part of a list is asked for. One file for each kind of thing. What is asked to be changed is
//! [recorded](record) in the tenant's log, whoever answers it.
//!
//! What Auth0 has beyond that is answered as to somebody who lacks the scope for it: Auth0's clients take that as something to
//! leave out, and go on, where "there is nothing at this address" would end them.

mod actions;
mod gate;
mod logs;
mod modules;
mod page;
mod providers;
mod recorded;
mod refusal;
mod search;
mod settings;
mod templates;
mod triggers;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use phonebox::store::Time;
use phonebox::{Scope, Tenant};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::caller::Asking;
use crate::{App, Problem};

use crate::notifications::stamp;
pub(crate) use gate::gate;
pub(crate) use page::{Page, listed, told};
pub(crate) use recorded::{Who, record};
pub(crate) use refusal::{Body, Path, Query, Refusal};

/// Where all of it is.
pub(crate) const BASE: &str = "/api/v2";
/// The trigger that actions are for.
const TRIGGER: &str = "custom-phone-provider";

/// Every address, with what it says of itself.
pub(crate) fn routes() -> OpenApiRouter<App> {
    let with_code = DefaultBodyLimit::max(actions::WITH_CODE);
    OpenApiRouter::new()
        .routes(routes!(actions::create, actions::list).layer(with_code))
        .routes(routes!(actions::show, actions::change, actions::remove).layer(with_code))
        .routes(routes!(actions::put_module).layer(with_code))
        .routes(routes!(actions::deploy))
        .routes(routes!(actions::test))
        .routes(routes!(actions::versions))
        .routes(routes!(actions::version))
        .routes(routes!(actions::deploy_version))
        .routes(routes!(triggers::list))
        .routes(routes!(triggers::bindings, triggers::bind))
        .routes(routes!(triggers::execution))
        .routes(routes!(modules::list, modules::create))
        .routes(routes!(modules::show, modules::change, modules::remove))
        .routes(routes!(modules::uses))
        .routes(routes!(modules::roll_back))
        .routes(routes!(modules::versions, modules::publish))
        .routes(routes!(modules::version))
        .routes(routes!(logs::list))
        .routes(routes!(logs::show))
        .routes(routes!(settings::show, settings::change))
        .merge(providers::routes())
        .merge(templates::routes())
}

/// A time as Auth0's actions have it: to the nanosecond, though it is kept to the millisecond.
fn nanos(time: Time) -> String {
    format!("{:.9}", stamp(time))
}

/// Whether an address belongs to it.
pub(crate) fn is_here(path: &str) -> bool {
    let rest = path.strip_prefix(BASE);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// An error as whoever asks at this address reads it.
pub(crate) fn answered(is_here: bool, problem: Problem) -> Response {
    if is_here {
        Refusal::from(problem).into_response()
    } else {
        problem.into_response()
    }
}

/// What Auth0 has and phonebox has not.
pub(crate) fn unsupported() -> Refusal {
    Refusal::insufficient_scope("read:what_phonebox_does_not_have")
}

/// Who asks, as the [`gate`] has found out.
pub(crate) struct Managing(Arc<Asking>);

impl Managing {
    /// The tenant, for something that this token must be good for.
    pub(crate) fn tenant(&self, app: &App, scope: Scope) -> Result<Tenant, Refusal> {
        if !self.0.caller.may(scope) {
            return Err(Refusal::insufficient_scope(scope.as_str()));
        }
        self.0.tenant(app, scope).map_err(Refusal::from)
    }

    /// The tenant, for something that this token must be good for by one of these.
    pub(crate) fn tenant_by_any(&self, app: &App, scopes: &[Scope]) -> Result<Tenant, Refusal> {
        let scope = scopes.iter().find(|scope| self.0.caller.may(**scope));
        let scope = scope.ok_or_else(|| {
            let wanted: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
            Refusal::insufficient_scope(&wanted.join(","))
        })?;
        self.tenant(app, *scope)
    }
}

impl<S: Sync> FromRequestParts<S> for Managing {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let asking = parts.extensions.get::<Arc<Asking>>().cloned();
        let unknown = || Refusal::new(StatusCode::UNAUTHORIZED, "Missing token");
        asking.map(Self).ok_or_else(unknown)
    }
}
