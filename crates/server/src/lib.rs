//! HTTP for phonebox: what a platform speaks to it.
//!
//! Cast: [`router`] joins addresses to functions, and [`serve`] answers, over [`Tls`] where there is some. A `Caller` is who asks, by
//! the key or the token in `Authorization`; [`Names`] are those by which the API is known; a [`Problem`] is an
//! error as it is answered (RFC 9457), with a `code` that stays. One file for each kind of thing: notifications, the
//! tail of what happens to them, the webhook that is told of it, actions, tenants, keys, tokens, root keys.
//!
//! One request in order: the key is looked up, and says for which tenant it is good and for what; the body is read, as strictly
//! as the thing itself asks; a function of the `phonebox` crate does it; what it gave is answered as JSON.
//!
//! What it refuses to do: decide anything, keep anything, and say anything in an error that the caller has not said before.

#![expect(
    unused_qualifications,
    reason = "what utoipa makes of its attributes has some"
)]

mod actions;
mod caller;
mod keys;
mod limits;
mod linger;
mod management;
mod names;
mod notifications;
mod openapi;
mod problem;
mod root_keys;
mod serve;
mod tail;
mod tenants;
mod tls;
mod tokens;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use phonebox::egress::IpNet;
use phonebox::{ApiKeys, Handle, Rate, Scope, Tokens};
use utoipa::OpenApi as _;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use crate::caller::Asking;
use crate::limits::Limits;

pub use names::{InvalidNames, Names};
pub use problem::Problem;
pub use serve::serve;
pub use tls::{Tls, TlsError};

/// Largest request, but for components, in bytes.
const BODY: usize = 256 << 10;

/// How the API is known, and how much of it there is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// By which names it is known.
    pub names: Names,
    /// The networks of proxies that are believed for whom they ask. Default: none.
    pub proxies: Vec<IpNet>,
    /// Requests of one tenant to the Management API. Default: 1,000 at once, and as many a minute.
    pub managed: Rate,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            names: Names::default(),
            proxies: Vec::new(),
            managed: Rate {
                most: 1000,
                within: Duration::from_mins(1),
            },
        }
    }
}

/// What requests are answered from.
#[derive(Clone)]
struct App(Arc<Parts>);

struct Parts {
    handle: Handle,
    keys: ApiKeys,
    tokens: Tokens,
    names: Names,
    proxies: Vec<IpNet>,
    limits: Limits,
    /// What all of this is, as `OpenAPI` has it.
    described: serde_json::Value,
}

/// All that there is to be asked.
pub fn router(handle: Handle, options: Options) -> Router {
    let (router, api) = routes().split_for_parts();
    let app = App(Arc::new(Parts {
        keys: handle.api_keys(),
        tokens: handle.tokens(),
        handle,
        names: options.names,
        proxies: options.proxies,
        limits: Limits::new(options.managed),
        described: openapi::complete(&api),
    }));
    router
        .fallback(async |uri: Uri| {
            if management::is_here(uri.path()) {
                return management::unsupported().into_response();
            }
            Problem::not_found("there is nothing at this address").into_response()
        })
        .method_not_allowed_fallback(async |uri: Uri| {
            let problem = Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address does not know this method",
            );
            management::answered(management::is_here(uri.path()), problem)
        })
        .layer(from_fn_with_state(app.clone(), management::record))
        .layer(from_fn_with_state(app.clone(), management::gate))
        .layer(from_fn_with_state(app.clone(), limits::behind_proxies))
        .with_state(app)
}

/// Every address, with what it says of itself.
fn routes() -> OpenApiRouter<App> {
    let component = DefaultBodyLimit::max(phonebox::componentize::SIZE_LIMIT + 1);
    OpenApiRouter::with_openapi(openapi::Described::openapi())
        .routes(routes!(notifications::send, notifications::list))
        .routes(routes!(notifications::show))
        .routes(routes!(notifications::cancel))
        .routes(routes!(notifications::replay))
        .routes(routes!(notifications::receive))
        .routes(routes!(tail::tail))
        .routes(routes!(actions::versions))
        .routes(routes!(actions::roll_back))
        .routes(routes!(actions::secrets))
        .routes(routes!(actions::set_secret, actions::remove_secret))
        .routes(routes!(webhook::put, webhook::show, webhook::remove))
        .routes(routes!(root_keys::list))
        .routes(routes!(root_keys::rotate))
        .routes(routes!(tenants::list))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::revoke))
        .routes(routes!(tokens::rotate))
        .routes(routes!(tokens::verified_by))
        .routes(routes!(tokens::issue))
        .nest(management::BASE, management::routes())
        .layer(DefaultBodyLimit::max(BODY))
        .routes(routes!(actions::deploy, actions::list).layer(component))
        .routes(routes!(metrics))
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(openapi::show))
}

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", operation_id = "is_live", tag = "health",
    responses((status = 200, description = "It does")))]
async fn live() -> StatusCode {
    StatusCode::OK
}

/// Whether notifications are accepted.
#[utoipa::path(get, path = "/readyz", operation_id = "is_ready", tag = "health",
    responses((status = 200, description = "They are")))]
async fn ready(State(app): State<App>) -> Result<StatusCode, Problem> {
    match app.0.handle.check().await {
        Ok(true) => Ok(StatusCode::OK),
        Ok(false) => Err(Problem::shutting_down()),
        Err(error) => Err(Problem::not_ready(&error)),
    }
}

/// For a Prometheus, whose key is good for this alone.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "operator",
    responses((status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text")))]
async fn metrics(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    asking.to(Scope::MetricsRead)?;
    let text = app.0.handle.metrics().await?;
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, format)], text).into_response())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Time passes by itself, when there is nothing to do.
    #[tokio::test(start_paused = true)]
    #[expect(clippy::disallowed_methods, reason = "it is asked on this machine")]
    async fn w07_who_does_not_come_to_the_end_of_a_head_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, None, Router::new(), std::future::pending()));
        for says in ["", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
            let began = Instant::now();
            let mut caller = TcpStream::connect(address).await.unwrap();
            caller.write_all(says.as_bytes()).await.unwrap();
            // A letter now and then is no head.
            while caller.write_all(b"x").await.is_ok() && began.elapsed() < Duration::from_mins(2) {
                sleep(Duration::from_secs(5)).await;
            }
            drop(caller.read_to_end(&mut Vec::new()).await);
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "{says:?}: {:?}",
                began.elapsed()
            );
        }
    }
}
