//! What a person sees of the inbox, and the control API, over plain HTTP on loopback.
//!
//! | route | does |
//! |---|---|
//! | `GET /` | the page; complete without JavaScript |
//! | `GET /events` | server-sent events: `message` (the same HTML as on the page), `failure`, `cleared` |
//! | `GET /messages` | the messages as a JSON array, oldest first |
//! | `DELETE /messages` | forgets them |
//! | `GET /failure`, `PUT /failure` | `{"mode": "none" or "429" or "500" or "timeout" or "wrong-number"}` |
//! | `POST /failure`, `POST /clear` | the same, for the page's forms |
//!
//! It shows codes and credentials and obeys whoever can reach it. So requests are refused whose
//! `Host` is no loopback name (a foreign name that was made to resolve to this machine), and
//! writes that a page of another origin sent through the developer's browser.

mod html;

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{
    Form, Json, Router,
    extract::{Query, Request, State},
    middleware::{self, Next},
    response::{
        Html, IntoResponse, Redirect, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{get, post},
};
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, uri::Authority};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpStream,
    sync::{broadcast, watch},
};

use super::{
    Failure, Message,
    mailbox::{Mailbox, Switches},
};

/// Nothing but what this listener serves, and in nobody's frame. The referrer policy is not the
/// stricter `no-referrer`, because that makes browsers send `Origin: null` with the page's forms.
const HEADERS: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
         img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

#[derive(Clone)]
struct Shared {
    mailbox: Arc<Mailbox>,
    provider_address: SocketAddr,
}

pub(super) fn router(mailbox: Arc<Mailbox>, provider_address: SocketAddr) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/page.css", get(style))
        .route("/page.js", get(script))
        .route("/events", get(events))
        .route("/messages", get(messages).delete(clear))
        .route("/clear", post(clear_from_page))
        .route(
            "/failure",
            get(failure).put(set_failure).post(set_failure_from_page),
        )
        .layer(middleware::from_fn(guard))
        .with_state(Shared {
            mailbox,
            provider_address,
        })
}

/// Serves one connection until the client closes it.
pub(super) async fn serve(stream: TcpStream, router: Router) {
    let service = TowerToHyperService::new(router);
    if let Err(error) = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(%error, "a connection to the inbox page ended early");
    }
}

/// Refuses what a browser could be tricked into.
async fn guard(request: Request, next: Next) -> Response {
    let refusal = if !names_loopback(request.headers()) {
        Some("the inbox answers to 127.0.0.1, [::1] and localhost only\n")
    } else if !matches!(*request.method(), Method::GET | Method::HEAD)
        && comes_from_elsewhere(request.headers())
    {
        Some("the inbox takes no orders from other sites\n")
    } else {
        None
    };
    let mut response = match refusal {
        Some(words) => (StatusCode::FORBIDDEN, words).into_response(),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn names_loopback(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| Authority::try_from(host.as_bytes()).ok());
    host.is_some_and(|host| {
        matches!(
            host.host().to_ascii_lowercase().as_str(),
            "127.0.0.1" | "[::1]" | "localhost"
        )
    })
}

/// Browsers say where a write comes from; other clients do not, and are let through.
fn comes_from_elsewhere(headers: &HeaderMap) -> bool {
    let foreign_origin = headers.get(header::ORIGIN).is_some_and(|origin| {
        let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
        origin.as_bytes().strip_prefix(b"http://") != host
    });
    let foreign_site = headers
        .get("sec-fetch-site")
        .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    foreign_origin || foreign_site
}

async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css")],
        include_str!("page.css"),
    )
}

async fn script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript")],
        include_str!("page.js"),
    )
}

async fn page(State(shared): State<Shared>) -> Html<String> {
    let (messages, failure) = (shared.mailbox.after(0), shared.mailbox.failure());
    Html(html::page(&messages, failure, shared.provider_address).into_string())
}

async fn messages(State(shared): State<Shared>) -> Json<Vec<Arc<Message>>> {
    Json(shared.mailbox.after(0))
}

async fn clear(State(shared): State<Shared>) -> StatusCode {
    shared.mailbox.clear();
    StatusCode::NO_CONTENT
}

async fn clear_from_page(State(shared): State<Shared>) -> Redirect {
    shared.mailbox.clear();
    Redirect::to("/")
}

#[derive(Serialize, Deserialize)]
struct Mode {
    mode: Failure,
}

async fn failure(State(shared): State<Shared>) -> Json<Mode> {
    Json(Mode {
        mode: shared.mailbox.failure(),
    })
}

async fn set_failure(State(shared): State<Shared>, Json(wanted): Json<Mode>) -> Json<Mode> {
    shared.mailbox.set_failure(wanted.mode);
    Json(wanted)
}

async fn set_failure_from_page(
    State(shared): State<Shared>,
    Form(Mode { mode }): Form<Mode>,
) -> Redirect {
    shared.mailbox.set_failure(mode);
    Redirect::to("/")
}

/// The id of the last message that the page shows already.
#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn events(
    State(shared): State<Shared>,
    Query(After { after }): Query<After>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let follower = Follower {
        arrivals: shared.mailbox.subscribe(),
        switches: shared.mailbox.follow_switches(),
        mailbox: shared.mailbox,
        shown: after,
        known: None,
    };
    let batches = stream::unfold(follower, |mut follower| async {
        let batch = follower.next().await?;
        Some((stream::iter(batch.into_iter().map(Ok)), follower))
    });
    Sse::new(batches.flatten()).keep_alive(KeepAlive::default())
}

/// One open page, and what it knows.
struct Follower {
    mailbox: Arc<Mailbox>,
    arrivals: broadcast::Receiver<Arc<Message>>,
    switches: watch::Receiver<Switches>,
    /// The id of the last message sent to the page.
    shown: u64,
    known: Option<Switches>,
}

impl Follower {
    /// What changed since the last call. Arrivals only wake it: what is new is read from the
    /// mailbox, so a page that was slow, or that loaded before it subscribed, misses nothing.
    async fn next(&mut self) -> Option<Vec<Event>> {
        loop {
            let events = self.changes();
            if !events.is_empty() {
                return Some(events);
            }
            tokio::select! {
                arrival = self.arrivals.recv() => {
                    if arrival == Err(broadcast::error::RecvError::Closed) {
                        return None;
                    }
                }
                changed = self.switches.changed() => changed.ok()?,
            }
        }
    }

    fn changes(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let switches = *self.switches.borrow_and_update();
        let known = self.known.replace(switches);
        if known.is_some_and(|known| known.cleared != switches.cleared) {
            events.push(Event::default().event("cleared").data("-"));
        }
        if known.is_none_or(|known| known.failure != switches.failure) {
            events.push(
                Event::default()
                    .event("failure")
                    .data(switches.failure.as_str()),
            );
        }
        for message in self.mailbox.after(self.shown) {
            self.shown = message.id;
            let html = html::message(&message).into_string();
            // JSON, because a line of an event must not hold a carriage return.
            let data = serde_json::Value::String(html).to_string();
            events.push(Event::default().event("message").data(data));
        }
        events
    }
}
