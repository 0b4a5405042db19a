//! The side that plays the providers: reads a request, answers in the dialect of the host it was
//! meant for, and keeps both.
//!
//! Each dialect is one file with one function, from a [`Question`] to an [`Exchange`]. It obeys the
//! failure modes that have a wording of their own there; timeouts and scripts are the same for all
//! and are handled here.

mod generic;
mod kannel;
mod sns;
mod twilio;
mod twiml;
mod vonage;

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header, uri::Authority,
};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use super::{
    Channel, Failure, Fault, Inbox, Message, Provider, RecordedAnswer, RecordedRequest,
    ScriptedAnswer, mailbox::Mailbox,
};

/// The most that a request's line and headers may weigh, in bytes.
const HEAD_LIMIT: usize = 64 * 1024;

/// What a TLS connection begins with, and no HTTP request does.
const HANDSHAKE: u8 = 0x16;

/// Serves one connection until the client closes it: TLS, or plain HTTP for the providers that are reached by it.
pub(super) async fn serve(stream: TcpStream, tls: TlsAcceptor, mailbox: Arc<Mailbox>) {
    let mut first = [0];
    let served = match stream.peek(&mut first).await {
        Ok(1) if first == [HANDSHAKE] => match tls.accept(stream).await {
            Ok(stream) => serve_http(stream, "https", &mailbox).await,
            Err(error) => {
                tracing::debug!(%error, "a client did not finish its handshake with the inbox");
                return;
            }
        },
        Ok(1) => serve_http(stream, "http", &mailbox).await,
        Ok(_) | Err(_) => return,
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the inbox ended early");
    }
}

async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    scheme: &str,
    mailbox: &Mailbox,
) -> hyper::Result<()> {
    let service = service_fn(|request| respond(mailbox, scheme, request));
    http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// No answer is given and the connection is closed.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("the request's body did not arrive whole")]
    Body(#[source] hyper::Error),
    #[error("the script says to close")]
    Scripted,
}

async fn respond(
    mailbox: &Mailbox,
    scheme: &str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Unanswered> {
    let (request, host, whole) = record(scheme, request).await?;
    let scripted = mailbox.next_scripted();
    let failure = if scripted.is_some() {
        Failure::None
    } else {
        mailbox.failure()
    };
    let mut exchange = Question::new(&request, host.as_deref(), failure).put();
    if !whole {
        exchange.answer = Answer::text(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the inbox reads at most {} bytes of a body",
                Inbox::BODY_LIMIT
            ),
        );
    }
    let fault = match scripted {
        Some(ScriptedAnswer {
            fault: Fault::None,
            status,
            headers,
            body,
        }) => {
            exchange.answer = Answer {
                accepted: status.is_success(),
                message_id: None,
                status,
                headers,
                body,
            };
            Fault::None
        }
        Some(ScriptedAnswer { fault, .. }) => fault,
        None if failure == Failure::Timeout => Fault::Timeout,
        None => Fault::None,
    };
    let answered = fault == Fault::None;
    mailbox.put(exchange.message(request, answered));
    match fault {
        Fault::Close => Err(Unanswered::Scripted),
        Fault::None => Ok(exchange.answer.into_response()),
        // Dropped by hyper when the client goes away.
        Fault::Timeout => std::future::pending().await,
    }
}

/// Reads the request; also says which host it names, and whether its body was small enough.
async fn record(
    scheme: &str,
    request: Request<Incoming>,
) -> Result<(RecordedRequest, Option<String>, bool), Unanswered> {
    let (head, mut incoming) = request.into_parts();
    let mut body = BytesMut::new();
    let mut whole = true;
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame.map_err(Unanswered::Body)?.into_data() else {
            continue;
        };
        let room = Inbox::BODY_LIMIT - body.len();
        body.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            whole = false;
            break;
        }
    }
    let authority = head.uri.authority().cloned().or_else(|| {
        head.headers
            .get(header::HOST)?
            .to_str()
            .ok()?
            .parse::<Authority>()
            .ok()
    });
    let written = authority
        .as_ref()
        .map_or("", Authority::as_str)
        .to_ascii_lowercase();
    let host = authority.map(|authority| authority.host().to_ascii_lowercase());
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let is_form = head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let form = if is_form { pairs(&body) } else { Vec::new() };
    let recorded = RecordedRequest {
        method: head.method.as_str().to_owned(),
        url: format!("{scheme}://{written}{path}"),
        headers: text_headers(&head.headers),
        body: String::from_utf8_lossy(&body).into_owned(),
        form,
    };
    Ok((recorded, host, whole))
}

fn text_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

/// A request as the dialects look at it.
struct Question<'a> {
    request: &'a RecordedRequest,
    /// In small letters, without a port; empty when the request names none.
    host: &'a str,
    path: Vec<&'a str>,
    query: Vec<(String, String)>,
    json: Option<Value>,
    failure: Failure,
}

impl<'a> Question<'a> {
    fn new(request: &'a RecordedRequest, host: Option<&'a str>, failure: Failure) -> Self {
        let host = host.unwrap_or_default();
        let (_, address) = request.url.split_once("://").unwrap_or_default();
        let (_, target) = address.split_once('/').unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            request,
            host,
            path: path.split('/').collect(),
            query: pairs(query.as_bytes()),
            json: serde_json::from_str(&request.body)
                .ok()
                .filter(Value::is_object),
            failure,
        }
    }

    /// Puts the question to whom it is meant for.
    fn put(&self) -> Exchange {
        match (self.host, self.path.as_slice()) {
            ("", _) => Exchange::unread(
                Provider::Generic,
                Answer::text(
                    StatusCode::BAD_REQUEST,
                    "the request names no host".to_owned(),
                ),
            ),
            ("api.twilio.com" | "verify.twilio.com", _) => twilio::exchange(self),
            ("rest.nexmo.com" | "api.nexmo.com", _) => vonage::exchange(self),
            (host, _) if sns::is_host(host) => sns::exchange(self),
            (_, ["cgi-bin", "sendsms"]) => kannel::exchange(self),
            _ => generic::exchange(self),
        }
    }

    fn method(&self) -> &str {
        &self.request.method
    }

    /// A header, its name in small letters; an empty one counts as missing.
    fn header(&self, name: &str) -> Option<String> {
        self.request
            .header(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// A field of the form, as it was written; an empty one counts as missing.
    fn field(&self, name: &str) -> Option<String> {
        self.request
            .field(name)
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// A field of the query; an empty one counts as missing.
    fn query(&self, name: &str) -> Option<String> {
        let found = self
            .query
            .iter()
            .find(|(n, value)| n == name && !value.is_empty());
        found.map(|(_, value)| value.clone())
    }

    /// A text or number at the top of a JSON body; an empty text counts as missing.
    fn member(&self, name: &str) -> Option<String> {
        self.json.as_ref()?.get(name).and_then(scalar)
    }

    /// The user and password of Basic authentication, if both are there.
    fn basic(&self) -> Option<(String, String)> {
        let (scheme, encoded) = self.request.header("authorization")?.split_once(' ')?;
        let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
        let (user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        let complete = scheme.eq_ignore_ascii_case("basic") && !user.is_empty();
        (complete && !password.is_empty()).then(|| (user.to_owned(), password.to_owned()))
    }

    /// Whether a bearer token is there. Nobody checks what it says.
    fn has_bearer(&self) -> bool {
        self.request
            .header("authorization")
            .and_then(|value| value.split_once(' '))
            .is_some_and(|(scheme, token)| {
                scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()
            })
    }
}

/// The text of a JSON string or number.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What a request meant and what it gets.
struct Exchange {
    provider: Provider,
    channel: Channel,
    to: Option<String>,
    from: Option<String>,
    text: Option<String>,
    code: Option<String>,
    answer: Answer,
}

impl Exchange {
    /// A request of which nothing could be read.
    fn unread(provider: Provider, answer: Answer) -> Self {
        let channel = Channel::Text;
        Self {
            provider,
            channel,
            to: None,
            from: None,
            text: None,
            code: None,
            answer,
        }
    }

    fn message(&self, request: RecordedRequest, answered: bool) -> Message {
        let answer = &self.answer;
        Message {
            id: 0, // the mailbox counts
            at: Timestamp::now(),
            provider: self.provider,
            channel: self.channel,
            accepted: answered && answer.accepted,
            to: self.to.clone(),
            from: self.from.clone(),
            text: self.text.clone(),
            code: self.code.clone(),
            message_id: answer.message_id.clone().filter(|_| answered),
            request,
            answer: if answered {
                answer.recorded()
            } else {
                RecordedAnswer::default()
            },
        }
    }
}

/// What a provider says.
struct Answer {
    /// Whether that means yes. It does not follow from the status with every provider.
    accepted: bool,
    message_id: Option<String>,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Self {
            accepted: false,
            message_id: None,
            status,
            headers,
            body: body.into(),
        }
    }

    fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    fn text(status: StatusCode, body: String) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    /// The same, meaning yes.
    fn accepting(self, message_id: Option<String>) -> Self {
        Self {
            accepted: true,
            message_id,
            ..self
        }
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// How long every provider here asks to be left alone when there were too many requests.
    fn retry_later(self) -> Self {
        self.with(header::RETRY_AFTER, "2")
    }

    fn recorded(&self) -> RecordedAnswer {
        RecordedAnswer {
            status: Some(self.status.as_u16()),
            headers: text_headers(&self.headers),
            body: String::from_utf8_lossy(&self.body).into_owned(),
        }
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Whether a number stands in E.164: a plus, and 7 to 15 digits that do not start with 0.
fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(is_international)
}

/// The same without the plus, as some providers want it.
fn is_international(digits: &str) -> bool {
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
}

/// An id in the look of a provider's: 32 hexadecimal digits, unique.
fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}
