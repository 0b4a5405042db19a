//! The API of a server that runs, as the commands that speak to one ask it.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use phonebox::Sensitive;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::args;
use crate::config::roots;
use crate::dirs;
use crate::failure::{Code, Failure};
use crate::output::Output;

/// The file in the folder of data that says where its server listens.
pub(crate) const ADDRESS: &str = "server.url";
/// The file in the folder of data with the operator's key.
pub(crate) const OPERATOR_KEY: &str = "operator.key";
/// How long the server may take to be reached.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take. Longer than the server lets anybody wait.
const ANSWER: Duration = Duration::from_secs(90);
/// The largest answer that is read, in bytes.
const LARGEST: usize = 64 << 20;

/// A server, and a key that is good for something there.
pub(crate) struct Api {
    url: Url,
    tls: Option<TlsConnector>,
    key: Sensitive,
    tenant: Option<String>,
}

/// What is asked.
pub(crate) struct Ask {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(HeaderName, String)>,
    content_type: &'static str,
    body: Bytes,
}

/// What the server says that is wrong (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    hint: Option<String>,
}

/// Server-sent events.
pub(crate) struct Events<'a> {
    api: &'a Api,
    body: Incoming,
    /// What came and has not been read.
    text: Vec<u8>,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Ask {
    pub(crate) fn new(method: Method, path: &[&str]) -> Self {
        Self {
            method,
            path: path.iter().map(ToString::to_string).collect(),
            query: Vec::new(),
            headers: Vec::new(),
            content_type: "application/json",
            body: Bytes::new(),
        }
    }

    pub(crate) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &[&str]) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        let name = HeaderName::from_static(name);
        self.headers
            .extend(value.map(|value| (name, value.to_string())));
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into();
        self
    }

    pub(crate) fn bytes(mut self, body: Vec<u8>) -> Self {
        self.content_type = "application/wasm";
        self.body = body.into();
        self
    }
}

impl Api {
    /// The server and the key that the arguments name, or the environment, or the folder of data.
    pub(crate) fn new(arguments: &args::Server, output: Output) -> Result<Self, Failure> {
        let (url, is_local) = address(arguments)?;
        if url.scheme() == "http" && !is_local {
            output.step(
                "warning",
                format!("the key and all that is asked go to {url} in the clear"),
            );
        }
        let tls = match url.scheme() {
            "https" => {
                let trust = arguments.trust.clone();
                let trust = trust.or_else(|| dirs::variable("PHONEBOX_CA"));
                Some(tls(trust.as_deref())?)
            }
            _ => None,
        };
        let key = key(arguments, is_local)?;
        let named = dirs::variable("PHONEBOX_TENANT");
        let named = named.map(|name| name.to_string_lossy().into_owned());
        Ok(Self {
            url,
            tls,
            key,
            tenant: arguments.tenant.clone().or(named),
        })
    }

    /// The tenant that is asked for, where it is named.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// What is answered, as JSON; null where there is nothing to say.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Value, Failure> {
        let asking = async {
            let answer = self.begin(ask).await?;
            let body = Limited::new(answer, LARGEST).collect().await;
            body.map_err(|error| self.unreachable(&*error))
        };
        let body = timeout(ANSWER, asking).await;
        let body =
            body.map_err(|_| self.unreachable(&io::Error::from(io::ErrorKind::TimedOut)))??;
        match &*body.to_bytes() {
            b"" => Ok(Value::Null),
            body => serde_json::from_slice(body).map_err(|_| {
                Failure::new(format!(
                    "what {} answers is no answer of phonebox",
                    self.url
                ))
                .hint("see that --url is the address of `phonebox serve`")
                .code(Code::Unavailable)
            }),
        }
    }

    /// What is answered, as it comes. What the server refuses is an error.
    pub(crate) async fn begin(&self, ask: Ask) -> Result<Incoming, Failure> {
        let request = self.request(ask)?;
        let connecting = timeout(CONNECT, self.connect()).await;
        let wire = connecting
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| self.unreachable(&error))?;
        let unreachable = |error: hyper::Error| self.unreachable(&error);
        let (mut sender, connection) = http1::handshake(TokioIo::new(wire))
            .await
            .map_err(unreachable)?;
        // It ends with the answer, or with whoever asks.
        tokio::spawn(async { drop(connection.await) });
        let response = timeout(ANSWER, sender.send_request(request)).await;
        let response = response
            .map_err(|_| self.unreachable(&io::Error::from(io::ErrorKind::TimedOut)))?
            .map_err(unreachable)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response.into_body());
        }
        let body = Limited::new(response.into_body(), LARGEST).collect();
        let body = body.await.map(http_body_util::Collected::to_bytes);
        Err(self.refused(status, &body.unwrap_or_default()))
    }

    /// Events that go on without an end.
    pub(crate) async fn events(&self, ask: Ask) -> Result<Events<'_>, Failure> {
        Ok(Events {
            api: self,
            body: self.begin(ask).await?,
            text: Vec::new(),
        })
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, Failure> {
        // Paths have a meaning of their own for these.
        if let Some(none) = ask
            .path
            .iter()
            .find(|part| matches!(&***part, "" | "." | ".."))
        {
            return Err(Failure::new(format!("{none:?} is no name")).code(Code::Usage));
        }
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(ask.path);
        }
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(ask.query);
        }
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.key.reveal()))
            .map_err(|_| Failure::new("what is given as the key is none").code(Code::Usage))?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(ask.method)
            .uri(target)
            .header(HOST, host)
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, ask.content_type);
        if let Some(tenant) = &self.tenant {
            request = request.header("phonebox-tenant", tenant);
        }
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(ask.body)).map_err(|error| {
            Failure::new(format!("it cannot be asked: {error}"))
                .hint("names and keys are of printable characters")
                .code(Code::Usage)
        })
    }

    async fn connect(&self) -> io::Result<Box<dyn Wire>> {
        let port = self.url.port_or_known_default().unwrap_or(443);
        let host = self.url.host().ok_or(io::ErrorKind::InvalidInput)?;
        let tcp = match host {
            Host::Domain(name) => dial((name, port)).await?,
            Host::Ipv4(address) => dial((address, port)).await?,
            Host::Ipv6(address) => dial((address, port)).await?,
        };
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let name = match host {
            Host::Domain(name) => {
                ServerName::try_from(name.to_owned()).map_err(io::Error::other)?
            }
            Host::Ipv4(address) => IpAddr::from(address).into(),
            Host::Ipv6(address) => IpAddr::from(address).into(),
        };
        Ok(Box::new(tls.connect(name, tcp).await?))
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        let cause = Failure::chain(error).message;
        let hint = if cause.contains("certificate") {
            "name it by --url as its certificate does, and who vouches for that by --trust"
        } else {
            "see that `phonebox serve` runs there, or name another with --url"
        };
        Failure::new(format!("{} does not answer: {cause}", self.url))
            .hint(hint)
            .code(Code::Unavailable)
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
            let failure = Failure::new(format!("{} answers {status}", self.url));
            return failure
                .hint("see that --url is the address of `phonebox serve`")
                .code(Code::Unavailable);
        };
        let (code, hint) = match (status, &*problem.code) {
            (StatusCode::UNAUTHORIZED, _) => (
                Code::Auth,
                Some(
                    "give a key that was not revoked: --api-key-file, PHONEBOX_API_KEY or PHONEBOX_API_KEY_FILE",
                ),
            ),
            (_, "tenant_missing") => (Code::Usage, Some("name it: --tenant, or PHONEBOX_TENANT")),
            (_, "scope_missing" | "another_tenant") => (Code::Auth, None),
            (_, "invalid") => (Code::Usage, None),
            (StatusCode::NOT_FOUND, _) => (Code::NotFound, None),
            (StatusCode::CONFLICT, _) => (Code::Conflict, None),
            (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT, _) => {
                (Code::Unavailable, None)
            }
            (status, _) if status.is_server_error() => (Code::Unavailable, None),
            _ => (Code::Failed, None),
        };
        let failure = Failure::new(problem.detail).code(code);
        match hint.map(ToOwned::to_owned).or(problem.hint) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl Events<'_> {
    /// The next one: its name and what it says. That there are no more is an error.
    pub(crate) async fn next(&mut self) -> Result<(String, Value), Failure> {
        loop {
            if let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.text.drain(..end + 2).collect();
                let event = String::from_utf8_lossy(&event).into_owned();
                let field = |name: &str| {
                    let mut lines = event.lines();
                    lines.find_map(|line| Some(line.strip_prefix(name)?.trim_start().to_owned()))
                };
                // Signs of life have no data.
                if let (Some(kind), Some(data)) = (field("event:"), field("data:")) {
                    let data = serde_json::from_str(&data).unwrap_or(Value::Null);
                    return Ok((kind, data));
                }
                continue;
            }
            let frame = timeout(ANSWER, self.body.frame()).await;
            let frame = frame.map_err(|_| {
                self.api
                    .unreachable(&io::Error::from(io::ErrorKind::TimedOut))
            })?;
            let Some(frame) = frame else {
                let ended = io::Error::other("it has ended what it was telling");
                return Err(self.api.unreachable(&ended));
            };
            let frame = frame.map_err(|error| self.api.unreachable(&error))?;
            self.text.extend(frame.data_ref().into_iter().flatten());
            if self.text.len() > LARGEST {
                let endless = io::Error::other("an event has no end");
                return Err(self.api.unreachable(&endless));
            }
        }
    }
}

/// A text in an answer, for people; empty where there is none. Nothing in it steers their terminal.
pub(crate) fn text(answer: &Value, key: &str) -> String {
    shown(part(answer, key).as_str().unwrap_or_default())
}

/// A text for people, in which nothing steers their terminal.
pub(crate) fn shown(text: &str) -> String {
    let escape = |char: char| match char {
        char if char.is_control() => char.escape_default().to_string(),
        char => char.to_string(),
    };
    text.chars().map(escape).collect()
}

/// A number in an answer, for people; empty where there is none.
pub(crate) fn number(answer: &Value, key: &str) -> String {
    let number = part(answer, key).as_u64();
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// A part of an answer; null where there is none.
pub(crate) fn part<'a>(answer: &'a Value, key: &str) -> &'a Value {
    answer.get(key).unwrap_or(&Value::Null)
}

/// The parts of a list in an answer.
pub(crate) fn all<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    let all = part(answer, key).as_array();
    all.map_or(&[], Vec::as_slice)
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever types a command names the server that it goes to; no action has a part in it"
)]
async fn dial(to: impl tokio::net::ToSocketAddrs) -> io::Result<TcpStream> {
    TcpStream::connect(to).await
}

/// Where the server is, and whether that is this machine.
fn address(arguments: &args::Server) -> Result<(Url, bool), Failure> {
    let named = dirs::variable("PHONEBOX_URL").map(|url| url.to_string_lossy().into_owned());
    let running = || {
        fs::read_to_string(arguments.data.join(ADDRESS)).map_err(|_| {
            Failure::new(format!(
                "no server is named, and none runs from {}",
                arguments.data.display()
            ))
            .hint("name it with --url or PHONEBOX_URL, or its folder on this machine with --data")
            .code(Code::Unavailable)
        })
    };
    let named = arguments.url.clone().or(named);
    let text = named.map_or_else(running, Ok)?;
    let url = Url::parse(text.trim());
    let url = url.ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    });
    let url = url.ok_or_else(|| {
        Failure::new(
            "the server's address is no address of the form https://host or http://host:port",
        )
        .hint("the key goes in a file or a variable of its own")
        .code(Code::Usage)
    })?;
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    Ok((url, is_local))
}

/// The key. The operator's own goes to no other machine unless somebody says so.
fn key(arguments: &args::Server, is_local: bool) -> Result<Sensitive, Failure> {
    let read = |path: &Path| {
        let text = fs::read_to_string(path);
        text.map(|text| Sensitive::new(text.trim()))
            .map_err(|error| Failure::file("cannot read the key in", path, &error))
    };
    if let Some(path) = &arguments.api_key_file {
        return read(path);
    }
    if let Some(key) = dirs::variable("PHONEBOX_API_KEY") {
        return Ok(Sensitive::new(key.to_string_lossy().trim()));
    }
    if let Some(path) = dirs::variable("PHONEBOX_API_KEY_FILE") {
        return read(&path);
    }
    let path = arguments.data.join(OPERATOR_KEY);
    if is_local && path.exists() {
        return read(&path);
    }
    Err(Failure::new("there is no key to ask with")
        .hint("give its file with --api-key-file or PHONEBOX_API_KEY_FILE, or the key in PHONEBOX_API_KEY")
        .code(Code::Auth))
}

fn tls(trust: Option<&Path>) -> Result<TlsConnector, Failure> {
    let mut trusted = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for root in trust.map(roots).transpose()?.into_iter().flatten() {
        trusted.add(root).map_err(|error| Failure::chain(&error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::chain(&error))?
        .with_root_certificates(trusted)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
