//! A provider that does what a test tells it to, and a door that leads to it.

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use phonebox_egress::{
    Builder, Caller, Egress, Error, Exchange, Limits, Outbound, Policy, Request, Response, Rule,
    Trip,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

pub(crate) const HOST: &str = "api.ok.com";
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a provider says to one request.
pub(crate) enum Answer {
    /// These bytes; then it waits for the next request.
    Say(Vec<u8>),
    /// These bytes; then it closes.
    Close(Vec<u8>),
    /// These bytes; then it closes when told.
    CloseOn(Vec<u8>, Arc<Notify>),
    /// These bytes; then nothing, the connection open.
    Hang(Vec<u8>),
    /// These bytes; then the second without end, until the other side goes away.
    Flood(Vec<u8>, Vec<u8>),
    /// These bytes; then the second when told, and the count of what was written goes up.
    Later(Vec<u8>, Arc<Notify>, Vec<u8>),
    /// These bytes, one piece after the other, with a pause in between.
    Drip(Vec<Vec<u8>>, Duration),
}

pub(crate) fn say(text: &str) -> Answer {
    Answer::Say(text.as_bytes().to_vec())
}

/// A certificate authority and a server configuration of its making.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    pub(crate) fn intermediate(
        &self,
        params: CertificateParams,
        key: KeyPair,
    ) -> CertifiedIssuer<'static, KeyPair> {
        CertifiedIssuer::signed_by(params, key, &self.issuer).unwrap()
    }

    pub(crate) fn certificate(&self, key: &KeyPair, host: &str) -> CertificateDer<'static> {
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.signed_by(key, &self.issuer).unwrap().der().clone()
    }

    pub(crate) fn server(&self, params: &CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap()
    }

    pub(crate) fn server_for(&self, host: &str) -> ServerConfig {
        self.server(&CertificateParams::new(vec![host.to_owned()]).unwrap())
    }
}

/// A listener on loopback that keeps what it was asked.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    pub(crate) root: Option<CertificateDer<'static>>,
    seen: Arc<Seen>,
    arrivals: tokio::sync::Mutex<mpsc::UnboundedReceiver<SocketAddr>>,
    /// One message for each connection that has ended.
    pub(crate) endings: tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    written: AtomicUsize,
}

type Script = dyn Fn(usize) -> Answer + Send + Sync;

impl Provider {
    /// Speaks TLS as `api.ok.com`, and answers the n-th request (from 0) with `script(n)`.
    pub(crate) async fn tls(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let config = authority.server_for(HOST);
        Self::with(&authority, config, script).await
    }

    pub(crate) async fn with(
        authority: &Authority,
        config: ServerConfig,
        script: impl Fn(usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let mut provider = Self::start(Some(TlsAcceptor::from(Arc::new(config))), script).await;
        provider.root = Some(authority.root());
        provider
    }

    /// Speaks plain HTTP.
    pub(crate) async fn plain(script: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(None, script).await
    }

    async fn start(
        acceptor: Option<TlsAcceptor>,
        script: impl Fn(usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let script: Arc<Script> = Arc::new(script);
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let (ended, endings) = mpsc::unbounded_channel();
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((tcp, peer)) = listener.accept().await {
                if arrived.send(peer).is_err() {
                    return;
                }
                let (acceptor, seen, script) =
                    (acceptor.clone(), Arc::clone(&shared), Arc::clone(&script));
                let ended = ended.clone();
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(tcp, &seen, &*script).await,
                        Some(acceptor) => {
                            if let Ok(tls) = acceptor.accept(tcp).await {
                                serve(tls, &seen, &*script).await;
                            }
                        }
                    }
                    let _ = ended.send(());
                });
            }
        });
        Self {
            address,
            root: None,
            seen,
            arrivals: arrivals.into(),
            endings: endings.into(),
        }
    }

    /// The requests so far, heads and bodies as they came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// Bytes that a flood, or a late piece, has handed to the connection.
    pub(crate) fn written(&self) -> usize {
        self.seen.written.load(Ordering::SeqCst)
    }

    /// How many connections have arrived since the last call. Connections are accepted in order, so after one of our own
    /// has been, none that came before it can be missing.
    pub(crate) async fn connections(&self) -> usize {
        let control = connect(self.address).await;
        let own = control.local_addr().unwrap();
        let mut arrivals = self.arrivals.lock().await;
        let mut count = 0;
        while arrivals.recv().await.unwrap() != own {
            count += 1;
        }
        count
    }

    /// A door at which the provider's name leads to it.
    pub(crate) fn door(&self) -> Builder {
        let builder = Egress::builder()
            .limits(limits())
            .resolve(HOST, vec![self.address])
            .reachable("127.0.0.0/8".parse().unwrap());
        match &self.root {
            Some(root) => builder.trust(root.clone()),
            None => builder.dangerous_plain_http(format!("http://{HOST}").parse_origin()),
        }
    }

    /// A run through that door that may POST and GET anywhere at the provider.
    pub(crate) fn trip(&self) -> Trip {
        self.trip_with(|limits| limits)
    }

    pub(crate) fn trip_with(&self, change: impl FnOnce(Limits) -> Limits) -> Trip {
        let egress = self.door().limits(change(limits())).build().unwrap();
        begin(&self.outbound(&egress, "acme"))
    }

    pub(crate) fn outbound(&self, egress: &Egress, tenant: &str) -> Outbound {
        egress.outbound(tenant, Arc::new(policy(&[&self.base()])))
    }

    pub(crate) fn base(&self) -> String {
        match self.root {
            Some(_) => format!("https://{HOST}"),
            None => format!("http://{HOST}"),
        }
    }

    /// One POST in a run of its own.
    pub(crate) async fn ask(&self) -> (Exchange, Result<Response, Error>) {
        self.trip()
            .send(post(&format!("{}/messages", self.base())))
            .await
    }
}

pub(crate) trait ParseOrigin {
    fn parse_origin(&self) -> phonebox_egress::Origin;
}

impl ParseOrigin for str {
    fn parse_origin(&self) -> phonebox_egress::Origin {
        phonebox_egress::Origin::parse(self).unwrap()
    }
}

/// Rules for all paths, and all methods that matter here.
pub(crate) fn policy(origins: &[&str]) -> Policy {
    let rules = origins.iter().map(|origin| rule(origin, &[])).collect();
    Policy::new(rules).unwrap()
}

pub(crate) fn rule(origin: &str, paths: &[&str]) -> Rule {
    Rule::new(origin, &["POST", "GET", "HEAD"], paths).unwrap()
}

/// The defaults, but that a denial is told at once.
pub(crate) fn limits() -> Limits {
    Limits {
        denial: Duration::ZERO,
        ..Limits::default()
    }
}

/// A code that every run of these tests delivers.
pub(crate) const CODE: &str = "123456";

/// A run that delivers the code.
pub(crate) struct Run;

impl Caller for Run {
    fn action(&self) -> Cow<'_, str> {
        "9c56cc51".into()
    }

    fn notification(&self) -> Cow<'_, str> {
        "019ab3e4".into()
    }

    fn attempt(&self) -> u32 {
        2
    }

    fn mask(&self, text: &str) -> String {
        text.replace(CODE, "[code]")
    }
}

pub(crate) fn begin(outbound: &Outbound) -> Trip {
    outbound.trip(Instant::now() + Duration::from_mins(1), Arc::new(Run))
}

pub(crate) fn post(url: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: vec![("content-type".to_owned(), b"text/plain".to_vec())],
        body: "hello".into(),
        timeout: None,
    }
}

pub(crate) fn get(url: &str) -> Request {
    Request {
        method: "GET".to_owned(),
        body: "".into(),
        headers: Vec::new(),
        ..post(url)
    }
}

/// The code of a result's error, or `ok`.
pub(crate) fn code(result: &Result<Response, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test looks at its own listener"
)]
pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, seen: &Seen, script: &Script) {
    let mut buffer = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut buffer).await {
        let number = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        if answer(&mut stream, seen, script(number)).await.is_none() {
            return;
        }
    }
}

/// None when the connection is to be closed.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    seen: &Seen,
    answer: Answer,
) -> Option<()> {
    match answer {
        Answer::Say(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            stream.flush().await.ok()
        }
        Answer::Close(bytes) => {
            drop(stream.write_all(&bytes).await);
            drop(stream.shutdown().await);
            None
        }
        Answer::CloseOn(bytes, signal) => {
            stream.write_all(&bytes).await.ok()?;
            stream.flush().await.ok()?;
            signal.notified().await;
            drop(stream.shutdown().await);
            None
        }
        Answer::Later(bytes, signal, more) => {
            stream.write_all(&bytes).await.ok()?;
            stream.flush().await.ok()?;
            signal.notified().await;
            stream.write_all(&more).await.ok()?;
            stream.flush().await.ok()?;
            seen.written.fetch_add(more.len(), Ordering::SeqCst);
            Some(())
        }
        Answer::Hang(bytes) => {
            stream.write_all(&bytes).await.ok()?;
            stream.flush().await.ok()?;
            // Until the other side goes away.
            drop(stream.read_u8().await);
            None
        }
        Answer::Flood(bytes, piece) => {
            stream.write_all(&bytes).await.ok()?;
            loop {
                stream.write_all(&piece).await.ok()?;
                seen.written.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
        Answer::Drip(pieces, pause) => {
            for piece in pieces {
                stream.write_all(&piece).await.ok()?;
                stream.flush().await.ok()?;
                tokio::time::sleep(pause).await;
            }
            Some(())
        }
    }
}

async fn next_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
) -> Option<String> {
    loop {
        if let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(buffer.get(..head)?).to_ascii_lowercase();
            let length: usize = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            let end = head + 4 + length;
            if buffer.len() >= end {
                let request: Vec<u8> = buffer.drain(..end).collect();
                return Some(String::from_utf8_lossy(&request).into_owned());
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
