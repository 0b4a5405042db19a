//! Writes down in the tenant's log what is asked to be changed: by whom, where and with what result, and nothing of what.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequestParts as _, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Frame, SizeHint};
use phonebox::store::{About, LogEntry};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Refusal, is_here};
use crate::App;
use crate::caller::Asking;
use crate::limits::Peer;
use crate::problem::ProblemCode;

/// Longest that is kept of what a caller says it is, in characters.
const AGENT: usize = 256;

/// What is asked goes on to its end, and is written down, though whoever asked may be gone; if they are before all of it has
/// come, it ends with that.
pub(crate) async fn record(State(app): State<App>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || !is_here(request.uri().path()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let asked = Asked::new(&mut parts).await;
    let asking = parts.extensions.get::<Arc<Asking>>().cloned();
    let (waits, caller) = mpsc::channel(1);
    let body = Body::new(Coming { body, caller });
    let answering = tokio::spawn(async move {
        let response = next.run(Request::from_parts(parts, body)).await;
        if let (Some(asked), Some(asking)) = (asked, asking)
            && let Some(tenant) = &asking.tenant
        {
            let entry = asked.entry(&asking.caller.id, &response);
            app.0.handle.tenant(tenant).log(entry).await;
        }
        response
    });
    let response = answering.await.unwrap_or_else(|_| {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Refusal::new(status, "phonebox failed; its log says why").into_response()
    });
    drop(waits);
    response
}

/// A body of which no more comes once its caller does not wait any more. Of a request that was given up, what has come would seem
/// to be all of it, or what is to come would be waited for, by the connection too.
struct Coming {
    body: Body,
    caller: mpsc::Receiver<Infallible>,
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let has_come = matches!(frame, Poll::Ready(Some(_)));
        if !has_come && self.caller.poll_recv(context).is_ready() {
            let error = axum::Error::new("the request was given up");
            return Poll::Ready(Some(Err(error)));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request that changes something.
struct Asked {
    method: Method,
    path: String,
    who: Who,
}

impl Asked {
    /// None where there is nothing at the address.
    async fn new(parts: &mut Parts) -> Option<Self> {
        let matched: MatchedPath = parts.extensions.get().cloned()?;
        let ids = RawPathParams::from_request_parts(parts, &()).await.ok();
        Some(Self {
            method: parts.method.clone(),
            path: path(matched.as_str(), ids.as_ref()),
            who: Who::new(&parts.headers, &parts.extensions),
        })
    }

    fn entry(&self, client: &str, response: &Response) -> LogEntry {
        let Self { method, path, who } = self;
        let status = response.status();
        let mut answer = json!({ "statusCode": status.as_u16() });
        if let Some(ProblemCode(code)) = response.extensions().get()
            && let Some(answer) = answer.as_object_mut()
        {
            answer.insert("error".to_owned(), json!(code));
        }
        let kind = if status.is_success() { "sapi" } else { "fapi" };
        let details = json!({
            "request": { "method": method.as_str().to_ascii_lowercase(), "path": path },
            "response": answer,
        });
        who.entry(kind, &format!("{method} {path}"), client, &details)
    }
}

/// Who asks, as far as a connection and a request's head tell.
pub(crate) struct Who {
    ip: Option<String>,
    agent: Option<String>,
}

/// What is kept of it, and of what was asked.
#[derive(Serialize)]
struct Text<'a> {
    description: &'a str,
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(rename = "isMobile", skip_serializing_if = "Option::is_none")]
    is_mobile: Option<bool>,
    details: &'a Value,
}

impl Who {
    pub(crate) fn new(headers: &HeaderMap, extensions: &Extensions) -> Self {
        let agent = headers.get(header::USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok());
        let peer = extensions.get();
        Self {
            ip: peer.map(|Peer(ip)| ip.to_canonical().to_string()),
            agent: agent.map(|agent| agent.chars().take(AGENT).collect()),
        }
    }

    pub(crate) fn entry(
        &self,
        kind: &'static str,
        description: &str,
        client: &str,
        details: &Value,
    ) -> LogEntry {
        let agent = self.agent.as_deref();
        let text = Text {
            description,
            client_id: client,
            ip: self.ip.as_deref(),
            user_agent: agent,
            is_mobile: agent.map(|agent| agent.contains("Mobi")),
            details,
        };
        LogEntry {
            about: About::Management,
            kind,
            notification: None,
            text: serde_json::to_string(&text).unwrap_or_default(),
        }
    }
}

/// The address without what could be anything: of what stands for its parameters only what is built like an id.
fn path(matched: &str, ids: Option<&RawPathParams>) -> String {
    let mut path = matched.to_owned();
    for (name, id) in ids.into_iter().flatten() {
        if is_id(id) {
            path = path.replace(&format!("{{{name}}}"), id);
        }
    }
    path
}

/// A UUID, an id of Auth0's such as `pro_…`, or a trigger's.
fn is_id(text: &str) -> bool {
    let is_uuid = || {
        let mut parts = text.split('-');
        let lengths = [8, 4, 4, 4, 12];
        lengths.iter().all(|length| {
            let part = parts.next().unwrap_or_default();
            part.len() == *length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        }) && parts.next().is_none()
    };
    let is_of_kind = || {
        let (kind, rest) = text.split_once('_').unwrap_or_default();
        kind.len() == 3
            && kind.bytes().all(|byte| byte.is_ascii_lowercase())
            && rest.len() == 22
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let is_word = || {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    is_uuid() || is_of_kind() || is_word()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use phonebox::store::{self, Sqlite};
    use phonebox::{DeliveryOptions, Keys, Phonebox, Scope, Store};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{advance, pause, resume, sleep};

    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "it is asked on this machine")]
    async fn what_does_not_come_to_its_end_in_time_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let store = Sqlite::open(&path, store::Options::default()).await;
        let store = Store::new(store.unwrap());
        let phonebox = Phonebox::builder().build().unwrap();
        let started = phonebox.start(store, Keys::generate(), DeliveryOptions::default());
        let deliveries = started.await.unwrap();
        let handle = deliveries.handle();
        let scopes = [
            Scope::ReadActions,
            Scope::CreateActions,
            Scope::UpdateActions,
            Scope::ReadLogs,
        ];
        let key = handle.api_keys().create(Some("acme"), &scopes).await;
        let key = key.unwrap().key;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = crate::router(handle, crate::Options::default());
        tokio::spawn(crate::serve(listener, None, router, std::future::pending()));

        let send = async |method: &str, path: &str, rest: &str| {
            let mut caller = TcpStream::connect(address).await.unwrap();
            let key = key.reveal();
            let request = format!(
                "{method} /api/v2/{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
                 content-type: application/json\r\nconnection: close\r\n{rest}"
            );
            caller.write_all(request.as_bytes()).await.unwrap();
            caller
        };
        let told = async |mut caller: TcpStream| {
            let mut told = String::new();
            caller.read_to_string(&mut told).await.unwrap();
            told
        };
        let show = async |path: &str| told(send("GET", path, "\r\n").await).await;
        let new = json!({
            "name": "sms", "code": "as it was", "supported_triggers": [{ "id": "custom-phone-provider" }],
        });
        let new = new.to_string();
        let new = format!("content-length: {}\r\n\r\n{new}", new.len());
        let created = told(send("POST", "actions/actions", &new).await).await;
        let (_, created) = created.split_once("\r\n\r\n").unwrap();
        let created: Value = serde_json::from_str(created).unwrap();
        let action = format!("actions/actions/{}", created["id"].as_str().unwrap());

        // One that says how long it is, and one that does not. Both are being read when time has passed.
        for (number, (framing, half)) in [
            ("content-length: 16", "half of it"),
            ("transfer-encoding: chunked", "a\r\nhalf of it\r\n"),
        ]
        .into_iter()
        .enumerate()
        {
            let module = format!("{action}/module");
            let head = format!("{framing}\r\nexpect: 100-continue\r\n\r\n");
            let mut caller = send("PUT", &module, &head).await;
            let mut goes_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
            caller.read_exact(&mut goes_on).await.unwrap();
            caller.write_all(half.as_bytes()).await.unwrap();
            assert!(show(&action).await.contains("as it was"));
            pause();
            advance(Duration::from_secs(61)).await;
            resume();
            let told = told(caller).await;
            assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
            // What goes on without the caller ends, and is written down.
            let mut tries = 0;
            while show("logs").await.matches("\"PUT ").count() <= number {
                tries += 1;
                assert!(tries < 500, "{framing}: it never ends");
                sleep(Duration::from_millis(10)).await;
            }
            let action = show(&action).await;
            assert!(action.contains("as it was"), "{framing}: {action}");
        }
        deliveries.shutdown().await;
    }

    #[test]
    fn l05_what_may_be_a_number_is_no_id() {
        for id in [
            "019a7c3e-5b7d-7c1a-8f0e-2d4c6b8a0f1e",
            "pro_4nNSkC1Gz3vLBuFzoiHA3V",
            "custom-phone-provider",
        ] {
            assert!(is_id(id), "{id}");
        }
        for other in [
            "",
            "+14155550100",
            "14155550100",
            "pro_14155550100",
            "492016",
            "019a7c3e-5b7d-7c1a-8f0e-2d4c6b8a0f1e-14155550100",
            "a secret",
        ] {
            assert!(!is_id(other), "{other}");
        }
    }
}
