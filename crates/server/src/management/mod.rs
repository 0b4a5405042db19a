//! Auth0's Management API, as far as it is about phone providers and their actions: same addresses, same objects, same errors.
//! Its source is Auth0's documentation of its Management API v2 and what it was seen to answer.
//!
//! Cast: [`Managing`] is who asks, by the token in `Authorization`; a [`Refusal`] is an error as Auth0's clients read it;
//! a [`Page`] is which part of a list is asked for. One file for each kind of thing.
//!
//! What Auth0 has beyond that is answered as to somebody who lacks the scope for it: Auth0's clients take that as something to
//! leave out, and go on, where "there is nothing at this address" would end them.

mod page;
mod providers;
mod refusal;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use phonebox::{Scope, Tenant};
use utoipa_axum::router::OpenApiRouter;

use crate::App;
use crate::caller::Asking;

pub(crate) use page::{Page, listed};
pub(crate) use refusal::{Body, Id, Query, Refusal};

/// Where all of it is.
pub(crate) const BASE: &str = "/api/v2";

/// Every address, with what it says of itself.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(providers::routes())
}

/// What Auth0 has and phonebox has not.
pub(crate) async fn unsupported(_managing: Managing) -> Refusal {
    Refusal::insufficient_scope("read:what_phonebox_does_not_have")
}

/// Who asks.
pub(crate) struct Managing(Asking);

impl Managing {
    /// The tenant, for something that this token must be good for.
    pub(crate) fn tenant(&self, app: &App, scope: Scope) -> Result<Tenant, Refusal> {
        if !self.0.caller.may(scope) {
            return Err(Refusal::insufficient_scope(scope.as_str()));
        }
        self.0.tenant(app, scope).map_err(Refusal::from)
    }
}

impl FromRequestParts<App> for Managing {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Ok(Self(Asking::from_request_parts(parts, app).await?))
    }
}
