//! HTTP for phonebox: what a platform speaks to it.
//!
//! Cast: [`router`] joins addresses to functions. A `Caller` is who asks, by the key in `Authorization`; a [`Problem`] is an
//! error as it is answered (RFC 9457), with a `code` that stays. One file for each kind of thing: notifications, the
//! tail of what happens to them, the webhook that is told of it, actions, tenants, keys, root keys.
//!
//! One request in order: the key is looked up, and says for which tenant it is good and for what; the body is read, as strictly
//! as the thing itself asks; a function of the `phonebox` crate does it; what it gave is answered as JSON.
//!
//! What it refuses to do: decide anything, keep anything, and say anything in an error that the caller has not said before.

mod actions;
mod caller;
mod keys;
mod notifications;
mod problem;
mod root_keys;
mod serve;
mod tail;
mod tenants;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use phonebox::{ApiKeys, Handle, Scope};

use crate::caller::Asking;

pub use problem::Problem;
pub use serve::serve;

/// Largest request, but for components, in bytes.
const BODY: usize = 256 << 10;

/// What requests are answered from.
#[derive(Clone)]
struct App(Arc<Parts>);

struct Parts {
    handle: Handle,
    keys: ApiKeys,
}

/// All that there is to be asked.
pub fn router(handle: Handle) -> Router {
    let keys = handle.api_keys();
    let app = App(Arc::new(Parts { handle, keys }));
    let component = DefaultBodyLimit::max(phonebox::componentize::SIZE_LIMIT + 1);
    Router::new()
        .route(
            "/v1/notifications",
            post(notifications::send).get(notifications::list),
        )
        .route("/v1/notifications/{id}", get(notifications::show))
        .route("/v1/notifications/{id}/cancel", post(notifications::cancel))
        .route("/v1/notifications/{id}/replay", post(notifications::replay))
        .route(
            "/v1/notifications/{id}/receipt",
            post(notifications::receive),
        )
        .route("/v1/tail", get(tail::tail))
        .route("/v1/actions/{name}/versions", get(actions::versions))
        .route("/v1/actions/{name}/deployed", put(actions::roll_back))
        .route("/v1/actions/{name}/secrets", get(actions::secrets))
        .route(
            "/v1/actions/{name}/secrets/{secret}",
            put(actions::set_secret).delete(actions::remove_secret),
        )
        .route("/v1/root-keys", get(root_keys::list))
        .route("/v1/root-keys/rotate", post(root_keys::rotate))
        .route("/v1/tenants", get(tenants::list))
        .route(
            "/v1/webhook",
            put(webhook::put).get(webhook::show).delete(webhook::remove),
        )
        .route("/v1/keys", post(keys::create).get(keys::list))
        .route("/v1/keys/{id}", delete(keys::revoke))
        .layer(DefaultBodyLimit::max(BODY))
        .route(
            "/v1/actions",
            post(actions::deploy).layer(component).get(actions::list),
        )
        .route("/metrics", get(metrics))
        .route("/livez", get(StatusCode::OK))
        .route("/readyz", get(ready))
        .fallback(async || Problem::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address does not know this method",
            )
        })
        .with_state(app)
}

/// Whether notifications are accepted.
async fn ready(State(app): State<App>) -> Result<StatusCode, Problem> {
    if app.0.handle.check().await? {
        Ok(StatusCode::OK)
    } else {
        Err(Problem::shutting_down())
    }
}

/// For a Prometheus, whose key is good for this alone.
async fn metrics(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    asking.to(Scope::MetricsRead)?;
    let text = app.0.handle.metrics().await?;
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, format)], text).into_response())
}
