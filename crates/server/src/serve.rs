//! Connections: so many at once, and none that only holds its place.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::Problem;
use crate::problem::ProblemCode;

/// Connections at once. Who comes beyond that waits.
const CONNECTIONS: usize = 1024;
/// How long the head of a request may take to come, and a connection may lie idle.
const HEAD: Duration = Duration::from_secs(20);
/// How long a request may take in all. Longer than a caller may wait for an outcome.
const REQUEST: Duration = Duration::from_mins(1);
/// How long open connections have to end once nothing new is accepted.
const CLOSING: Duration = Duration::from_secs(5);

/// Answers what comes in, until `stop` is ready; then what is under way ends first.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let service = TowerToHyperService::new(router.layer(from_fn(in_time)));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let Ok((tcp, _)) = accepted else {
            // There are no descriptors left, say. Some become free.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(tcp), service.clone());
        let connection = open.watch(connection);
        tokio::spawn(async move {
            // A caller that goes away in the middle is no news.
            drop(connection.await);
            drop(place);
        });
    }
    drop(listener);
    drop(timeout(CLOSING, open.shutdown()).await);
}

async fn in_time(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    // Not the address as it was asked: there may be anything in it.
    let address = request.extensions().get::<MatchedPath>().cloned();
    let response = match timeout(REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "the request did not come in time",
        )
        .into_response(),
    };
    let status = response.status().as_u16();
    if status >= 400 {
        let code = response.extensions().get::<ProblemCode>();
        tracing::info!(
            %method,
            address = address.as_ref().map_or("", MatchedPath::as_str),
            status,
            code = code.map_or("", |code| code.0),
            "a request was refused",
        );
    }
    response
}
