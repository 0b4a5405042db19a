//! The API of a server that runs, as the commands that speak to one ask it.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
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
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use url::{Host, Url, form_urlencoded};

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

/// Where the Management API is.
const MANAGEMENT: [&str; 2] = ["api", "v2"];
/// How many entries of a list it is asked for at once: the most that it gives.
const PER_PAGE: usize = 100;
/// How often something is asked of the Management API that says that it is asked too much.
const TRIES: u32 = 5;
/// How long it is waited for then, unless it says, and at the most.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];

/// A server, and a right to ask something there.
pub(crate) struct Api {
    url: Url,
    tls: Option<TlsConnector>,
    right: Right,
    /// What a client was given for its secret.
    token: OnceCell<Sensitive>,
    tenant: Option<String>,
}

/// By what right it is asked.
enum Right {
    /// That of whoever has a key, or a token.
    Key(Sensitive),
    /// That of a client, which gets a token for its secret.
    Client { id: String, secret: Sensitive },
}

/// What is asked.
pub(crate) struct Ask {
    method: Method,
    /// Before the path.
    base: &'static [&'static str],
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

/// What the server says that is wrong.
#[derive(Deserialize)]
#[serde(untagged)]
enum Refused {
    /// RFC 9457.
    Problem {
        code: String,
        detail: String,
        hint: Option<String>,
    },
    /// As the Management API has it.
    Management {
        message: String,
        #[serde(default, rename = "errorCode")]
        code: String,
    },
    /// RFC 6749.
    Token {
        error: String,
        #[serde(default)]
        error_description: String,
    },
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
            base: &["v1"],
            path: path.iter().map(ToString::to_string).collect(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &[&str]) -> Self {
        Self::new(Method::POST, path)
    }

    /// Of the Management API.
    pub(crate) fn management(method: Method, path: &[&str]) -> Self {
        Self {
            base: &MANAGEMENT,
            ..Self::new(method, path)
        }
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
                let named = arguments.ca.clone();
                let ca = named.or_else(|| dirs::variable("PHONEBOX_CA"));
                Some(tls(ca.as_deref())?)
            }
            _ => None,
        };
        let right = right(arguments, is_local)?;
        let named = dirs::variable("PHONEBOX_TENANT");
        let named = named.map(|name| name.to_string_lossy().into_owned());
        Ok(Self {
            url,
            tls,
            right,
            token: OnceCell::new(),
            tenant: arguments.tenant.clone().or(named),
        })
    }

    /// The tenant that is asked for, where it is named.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// All of a list of the Management API's, page after page.
    pub(crate) async fn every(&self, path: &[&str], key: &str) -> Result<Vec<Value>, Failure> {
        let mut every = Vec::new();
        for page in 0.. {
            let ask = Ask::management(Method::GET, path).query("page", Some(page));
            let listed = self.ask(ask.query("per_page", Some(PER_PAGE))).await?;
            let page = all(&listed, key);
            every.extend_from_slice(page);
            if page.len() < PER_PAGE {
                break;
            }
        }
        Ok(every)
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
            body => serde_json::from_slice(body)
                .map_err(|_| self.no_phonebox("answers what is no answer of phonebox")),
        }
    }

    /// What is answered, as it comes. What the server refuses is an error.
    pub(crate) async fn begin(&self, ask: Ask) -> Result<Incoming, Failure> {
        let key = match &self.right {
            Right::Key(key) => key,
            Right::Client { id, secret } => {
                let token = self.token.get_or_try_init(|| self.exchange(id, secret));
                token.await?
            }
        };
        let mut tries = 1;
        let response = loop {
            let response = self.send(self.request(&ask, key)?).await?;
            // What the Delivery API does not let through is too much for a number or a tenant: it is to be told.
            if response.status() != StatusCode::TOO_MANY_REQUESTS
                || ask.base != MANAGEMENT
                || tries == TRIES
            {
                break response;
            }
            sleep(pause(&response)).await;
            tries += 1;
        };
        self.good(response).await
    }

    /// Gets a client's token for its secret.
    async fn exchange(&self, id: &str, secret: &Sensitive) -> Result<Sensitive, Failure> {
        #[derive(Deserialize)]
        struct Granted {
            access_token: Sensitive,
        }

        let audience = format!("https://{}/api/v2/", self.host());
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret.reveal()),
            ("audience", &audience),
        ];
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let target = self.address(&["oauth", "token"]);
        let request = Request::post(target.path())
            .header(HOST, self.host())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(form.into()))
            .expect("an address and two plain headers");
        let granting = async {
            let granted = self.good(self.send(request).await?).await?;
            let body = Limited::new(granted, LARGEST).collect().await;
            body.map_err(|error| self.unreachable(&*error))
        };
        let body = timeout(ANSWER, granting).await;
        let body =
            body.map_err(|_| self.unreachable(&io::Error::from(io::ErrorKind::TimedOut)))??;
        let granted = serde_json::from_slice(&body.to_bytes());
        let Granted { access_token } = granted.map_err(|_| self.no_phonebox("gives no token"))?;
        Ok(access_token)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failure> {
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
        response
            .map_err(|_| self.unreachable(&io::Error::from(io::ErrorKind::TimedOut)))?
            .map_err(unreachable)
    }

    /// What a good answer says.
    async fn good(&self, response: Response<Incoming>) -> Result<Incoming, Failure> {
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

    fn request(&self, ask: &Ask, key: &Sensitive) -> Result<Request<Full<Bytes>>, Failure> {
        // Paths have a meaning of their own for these.
        if let Some(none) = ask
            .path
            .iter()
            .find(|part| matches!(&***part, "" | "." | ".."))
        {
            return Err(Failure::new(format!("{none:?} is no name")).code(Code::Usage));
        }
        let path: Vec<_> = ask.path.iter().map(String::as_str).collect();
        let mut url = self.address(&[ask.base, &path].concat());
        if !ask.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&ask.query);
        }
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", key.reveal()))
            .map_err(|_| Failure::new("what is given as the key is none").code(Code::Usage))?;
        bearer.set_sensitive(true);
        let mut request = Request::builder()
            .method(&ask.method)
            .uri(target)
            .header(HOST, self.host())
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, "application/json");
        if let Some(tenant) = &self.tenant {
            request = request.header("phonebox-tenant", tenant);
        }
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(ask.body.clone())).map_err(|error| {
            Failure::new(format!("it cannot be asked: {error}"))
                .hint("names and keys are of printable characters")
                .code(Code::Usage)
        })
    }

    /// What is there, behind the path that the server's own address may have.
    fn address(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// As the header has it.
    fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
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
            "name it by --url as its certificate does, and who vouches for that by --ca"
        } else {
            "see that `phonebox serve` runs there, or name another with --url"
        };
        Failure::new(format!("{} does not answer: {cause}", self.url))
            .hint(hint)
            .code(Code::Unavailable)
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> Failure {
        let Ok(refused) = serde_json::from_slice::<Refused>(body) else {
            return self.no_phonebox(&format!("answers {status}"));
        };
        let (code, message, hint) = match refused {
            Refused::Problem { code, detail, hint } => (code, detail, hint),
            Refused::Management { message, code } => (code, message, None),
            Refused::Token {
                error,
                error_description,
            } => (error, error_description, None),
        };
        let (exit, own) = match (status, &*code) {
            (_, "access_denied" | "invalid_client") => (
                Code::Auth,
                Some(
                    "see that PHONEBOX_CLIENT_ID and PHONEBOX_CLIENT_SECRET are those of one client, which was not revoked",
                ),
            ),
            (StatusCode::UNAUTHORIZED, _) => (
                Code::Auth,
                Some(
                    "give a key that was not revoked, or a token that has not expired: --api-key-file, PHONEBOX_TOKEN, PHONEBOX_API_KEY or PHONEBOX_API_KEY_FILE",
                ),
            ),
            (_, "tenant_missing") => (Code::Usage, Some("name it: --tenant, or PHONEBOX_TENANT")),
            (_, "insufficient_scope") => (
                Code::Auth,
                Some("ask whoever made the key or the client for one that is good for that"),
            ),
            (_, "actions_cardinality_custom_phone_provider_not_allowed") => (
                Code::Conflict,
                Some(
                    "a tenant has one action: see what it is called by `phonebox actions list`, and deploy under that name, or delete it",
                ),
            ),
            (
                _,
                "method_not_offered" | "no_action" | "provider_disabled" | "provider_incomplete",
            ) => (Code::Conflict, None),
            (_, "scope_missing" | "another_tenant") => (Code::Auth, None),
            (_, "invalid" | "invalid_body" | "invalid_uri") => (Code::Usage, None),
            (StatusCode::NOT_FOUND, _) => (Code::NotFound, None),
            (StatusCode::CONFLICT, _) => (Code::Conflict, None),
            (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT, _) => {
                (Code::Unavailable, None)
            }
            (status, _) if status.is_server_error() => (Code::Unavailable, None),
            _ => (Code::Failed, None),
        };
        let failure = Failure::new(shown(&message)).code(exit);
        match own.map(ToOwned::to_owned).or(hint) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn no_phonebox(&self, does: &str) -> Failure {
        Failure::new(format!("{} {does}", self.url))
            .hint("see that --url is the address of `phonebox serve`")
            .code(Code::Unavailable)
    }
}

/// How long a server that is asked too much is to be left alone.
fn pause(response: &Response<Incoming>) -> Duration {
    let said = response.headers().get(RETRY_AFTER);
    let said = said.and_then(|said| said.to_str().ok()?.parse().ok());
    let [usual, most] = PAUSE;
    said.map_or(usual, Duration::from_secs).min(most)
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
pub(crate) fn address(arguments: &args::Server) -> Result<(Url, bool), Failure> {
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

/// By what right it is asked. The operator's own key goes to no other machine unless somebody says so.
fn right(arguments: &args::Server, is_local: bool) -> Result<Right, Failure> {
    let read = |path: &Path| {
        let text = fs::read_to_string(path);
        text.map(|text| Sensitive::new(text.trim()))
            .map_err(|error| Failure::file("cannot read the key in", path, &error))
    };
    let variable = |name| {
        let value = dirs::variable(name)?;
        Some(value.to_string_lossy().trim().to_owned())
    };
    if let Some(path) = &arguments.api_key_file {
        return Ok(Right::Key(read(path)?));
    }
    let client = |id: Option<String>| {
        let path = arguments.client_secret_file.as_deref();
        let secret = path.map(read).transpose()?;
        let secret = secret.or_else(|| variable("PHONEBOX_CLIENT_SECRET").map(Sensitive::new));
        match (id, secret) {
            (Some(id), Some(secret)) => Ok(Some(Right::Client { id, secret })),
            (None, None) => Ok(None),
            (id, _) => {
                let [there, missing] = match id {
                    Some(_) => [
                        "id is given, and its secret",
                        "--client-secret-file or PHONEBOX_CLIENT_SECRET",
                    ],
                    None => [
                        "secret is given, and its id",
                        "--client-id or PHONEBOX_CLIENT_ID",
                    ],
                };
                Err(Failure::new(format!("a client's {there} is not"))
                    .hint(format!("give it, too: {missing}"))
                    .code(Code::Usage))
            }
        }
    };
    if arguments.client_id.is_some() || arguments.client_secret_file.is_some() {
        let id = arguments.client_id.clone();
        let id = id.or_else(|| variable("PHONEBOX_CLIENT_ID"));
        if let Some(client) = client(id)? {
            return Ok(client);
        }
    }
    if let Some(key) = variable("PHONEBOX_TOKEN").or_else(|| variable("PHONEBOX_API_KEY")) {
        return Ok(Right::Key(key.into()));
    }
    if let Some(path) = dirs::variable("PHONEBOX_API_KEY_FILE") {
        return Ok(Right::Key(read(&path)?));
    }
    if let Some(client) = client(variable("PHONEBOX_CLIENT_ID"))? {
        return Ok(client);
    }
    let path = arguments.data.join(OPERATOR_KEY);
    if is_local && path.exists() {
        return Ok(Right::Key(read(&path)?));
    }
    Err(Failure::new("there is no key to ask with")
        .hint("give its file with --api-key-file or PHONEBOX_API_KEY_FILE, or the key in PHONEBOX_API_KEY, or a client's PHONEBOX_CLIENT_ID and PHONEBOX_CLIENT_SECRET")
        .code(Code::Auth))
}

fn tls(ca: Option<&Path>) -> Result<TlsConnector, Failure> {
    let mut trusted = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    for root in ca.map(roots).transpose()?.into_iter().flatten() {
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
