//! Providers on loopback: good ones, and ones that do to their caller whatever can be done.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::canary;

/// Where providers are. The hosts under attack may reach this network and no other of this machine, 127.0.0.1 included.
pub(crate) const HERE: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);
pub(crate) const REACHABLE: &str = "127.77.0.0/16";

/// What one provider has met with.
#[derive(Default)]
pub(crate) struct Met {
    pub(crate) connections: AtomicUsize,
    /// Connections that have not ended.
    pub(crate) open: AtomicUsize,
    /// Heads and bodies as they came.
    requests: Mutex<Vec<String>>,
    /// Bytes of answers that its connections have taken.
    pub(crate) written: AtomicUsize,
}

/// A provider, for as long as the test runs.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    pub(crate) met: Arc<Met>,
    /// Requests for `/gate` are answered when it opens.
    gate: watch::Sender<bool>,
}

impl Met {
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The requests that contain this.
    pub(crate) fn with(&self, text: &str) -> Vec<String> {
        let mut requests = self.requests();
        requests.retain(|request| request.contains(text));
        requests
    }
}

impl Provider {
    /// Speaks TLS, and answers by the request's path; see [`serve`].
    pub(crate) fn tls(config: Arc<ServerConfig>) -> Self {
        let acceptor = TlsAcceptor::from(config);
        Self::listen((HERE, 0).into(), move |tcp, met, gate| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(tls) = acceptor.accept(tcp).await {
                    serve(tls, &met, gate).await;
                }
            }
        })
    }

    /// Answers whatever comes with these bytes, and then waits for its peer to go away; TLS or not is up to the bytes.
    pub(crate) fn raw(bytes: Vec<u8>) -> Self {
        Self::listen((HERE, 0).into(), move |mut tcp, met, _| {
            let bytes = bytes.clone();
            async move {
                let mut buffer = [0; 4096];
                while let Ok(1..) = tcp.read(&mut buffer).await {
                    if tcp.write_all(&bytes).await.is_err() {
                        return;
                    }
                    met.written.fetch_add(bytes.len(), Ordering::SeqCst);
                }
            }
        })
    }

    /// Where nobody may ever arrive.
    pub(crate) fn tripwire(address: SocketAddr) -> Self {
        Self::listen(address, |tcp, _, _| async move { drop(tcp) })
    }

    fn listen<F: Future<Output = ()> + Send + 'static>(
        address: SocketAddr,
        greet: impl Fn(TcpStream, Arc<Met>, watch::Receiver<bool>) -> F + Send + 'static,
    ) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // So that what was written is little more than what was read.
        socket.set_send_buffer_size(32 << 10).unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let met = Arc::new(Met::default());
        let (gate, closed) = watch::channel(false);
        let shared = met.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                shared.open.fetch_add(1, Ordering::SeqCst);
                tcp.set_nodelay(true).unwrap();
                let met = shared.clone();
                let greeted = greet(tcp, shared.clone(), closed.clone());
                tokio::spawn(async move {
                    greeted.await;
                    met.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, met, gate }
    }

    pub(crate) fn open_gate(&self) {
        self.gate.send_replace(true);
    }

    pub(crate) fn close_gate(&self) {
        self.gate.send_replace(false);
    }

    pub(crate) fn connections(&self) -> usize {
        self.met.connections.load(Ordering::SeqCst)
    }
}

/// Answers one request after the other, each by its path.
async fn serve(mut stream: TlsStream<TcpStream>, met: &Met, mut gate: watch::Receiver<bool>) {
    let mut buffer = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut buffer).await {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let number = {
            let mut requests = met.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len()
        };
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        if answer(&mut stream, met, &mut gate, path, query, &request, number)
            .await
            .is_none()
        {
            return;
        }
    }
}

/// None when the connection is to be closed.
async fn answer(
    stream: &mut TlsStream<TcpStream>,
    met: &Met,
    gate: &mut watch::Receiver<bool>,
    path: &str,
    query: &str,
    request: &str,
    number: usize,
) -> Option<()> {
    const CHUNK: [u8; 16 << 10] = [b'x'; 16 << 10];
    let whole = |status: &str, headers: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    match path.trim_start_matches('/') {
        // Announces 10 GiB and sends as much of it as is taken.
        "bomb" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n";
            say(stream, met, head.as_bytes()).await?;
            loop {
                say(stream, met, &CHUNK).await?;
            }
        }
        "bomb-to-the-end" => {
            say(stream, met, b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                say(stream, met, &CHUNK).await?;
            }
        }
        "bomb-in-chunks" => {
            say(stream, met, CHUNKED).await?;
            let chunk = [b"4000\r\n", &CHUNK[..], b"\r\n"].concat();
            loop {
                say(stream, met, &chunk).await?;
            }
        }
        // Each byte in a chunk of its own, behind an extension of 1,000.
        "bomb-in-crumbs" => {
            say(stream, met, CHUNKED).await?;
            let crumb = format!("1;{}\r\nx\r\n", "e".repeat(1000)).repeat(16);
            loop {
                say(stream, met, crumb.as_bytes()).await?;
            }
        }
        "bomb-in-trailers" => {
            say(stream, met, CHUNKED).await?;
            say(stream, met, b"1\r\nx\r\n0\r\n").await?;
            loop {
                say(
                    stream,
                    met,
                    b"trailer-of-many: value\r\n".repeat(256).as_slice(),
                )
                .await?;
            }
        }
        "many-headers" => {
            let headers: String = (0..10_000).map(|n| format!("h{n}: v\r\n")).collect();
            say(stream, met, whole("200 OK", &headers, "").as_bytes()).await
        }
        "fields-101" => {
            let headers: String = (0..101).map(|n| format!("h{n}: v\r\n")).collect();
            say(stream, met, whole("200 OK", &headers, "").as_bytes()).await
        }
        "long-header" => {
            let header = format!("h: {}\r\n", "v".repeat(1 << 20));
            say(stream, met, whole("200 OK", &header, "").as_bytes()).await
        }
        "endless-header" => {
            say(stream, met, b"HTTP/1.1 200 OK\r\nh: ").await?;
            loop {
                say(stream, met, &CHUNK).await?;
            }
        }
        "endless-status" => {
            say(stream, met, b"HTTP/1.1 200 ").await?;
            loop {
                say(stream, met, &CHUNK).await?;
            }
        }
        "interim-1000" => {
            let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
            say(stream, met, interim.as_bytes()).await?;
            say(stream, met, whole("200 OK", "", "").as_bytes()).await
        }
        "interim-endless" => loop {
            let interim = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(64);
            say(stream, met, interim.as_bytes()).await?;
        },
        "early-hints-large" => {
            let hint = format!(
                "HTTP/1.1 103 Early Hints\r\nlink: {}\r\n\r\n",
                "l".repeat(1 << 20)
            );
            say(stream, met, hint.as_bytes()).await?;
            say(stream, met, whole("200 OK", "", "").as_bytes()).await
        }
        "switching" => {
            let head =
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
            say(stream, met, head.as_bytes()).await
        }
        // A body in a coding that was not asked for, the coding's name in the query.
        "coded" => {
            let header = format!("content-encoding: {}\r\n", query.replace("%20", " "));
            // What gzip makes of zeros: a header and blocks that say «the same again».
            let body = [GZIP_HEAD, &[0xec, 0xc1].repeat(1 << 10)].concat();
            let head = format!(
                "HTTP/1.1 200 OK\r\n{header}content-length: {}\r\n\r\n",
                body.len()
            );
            say(stream, met, &[head.as_bytes(), &body].concat()).await
        }
        // The same body, labelled as nothing: it is the guest's, as it is.
        "unlabelled" => {
            let body = [GZIP_HEAD, &[0xec, 0xc1].repeat(1 << 10)].concat();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            say(stream, met, &[head.as_bytes(), &body].concat()).await
        }
        "transfer-gzip" => {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
            say(stream, met, head).await
        }
        "cookie" => {
            let headers = "set-cookie: session=evil; Path=/\r\nset-cookie2: a=b\r\nalt-svc: h3=\":443\"\r\n\
                           strict-transport-security: max-age=99\r\nserver-timing: a;dur=1\r\nx-kept: yes\r\n";
            say(stream, met, whole("200 OK", headers, "").as_bytes()).await
        }
        // What came, sent back.
        "echo" => say(stream, met, whole("200 OK", "", request).as_bytes()).await,
        // Redirects: the status and the place in the query.
        "redirect" => {
            let (status, to) = query.split_once('&').unwrap_or(("302", ""));
            let headers = format!("location: {to}\r\nrefresh: 0; url={to}\r\n");
            let body = format!("<meta http-equiv=refresh content=\"0; url={to}\">");
            say(
                stream,
                met,
                whole(&format!("{status} Elsewhere"), &headers, &body).as_bytes(),
            )
            .await
        }
        "never" | "hang" => hang(stream).await,
        "never-after-head" => {
            say(stream, met, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await?;
            hang(stream).await
        }
        // A byte of head, of body, at a time.
        "drip-head" => {
            drip(stream, met, b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                drip(stream, met, b"a: b\r\n").await?;
            }
        }
        "drip-body" => {
            say(
                stream,
                met,
                b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
            )
            .await?;
            drip(stream, met, &[b'x'; 1000]).await
        }
        "reset" => {
            drop(stream.get_ref().0.set_zero_linger());
            None
        }
        "reset-mid-head" => {
            say(stream, met, b"HTTP/1.1 200 OK\r\ncontent-le").await?;
            drop(stream.get_ref().0.set_zero_linger());
            None
        }
        "close" => None,
        "close-mid-head" => {
            say(stream, met, b"HTTP/1.1 200 OK\r\ncontent-le").await?;
            drop(stream.shutdown().await);
            None
        }
        "close-mid-body" => {
            say(
                stream,
                met,
                b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
            )
            .await?;
            drop(stream.shutdown().await);
            None
        }
        "close-mid-chunk" => {
            say(stream, met, CHUNKED).await?;
            say(stream, met, b"10\r\nhalf").await?;
            drop(stream.shutdown().await);
            None
        }
        // Ends its own half of the connection and goes on listening.
        "half-close" => {
            drop(stream.get_mut().0.shutdown().await);
            hang(stream).await
        }
        // A whole answer, and a second one that nobody asked for.
        "one-too-many" => {
            let two = whole("200 OK", "", "first") + &whole("200 OK", "", "smuggled");
            say(stream, met, two.as_bytes()).await
        }
        "framing" => {
            let head = match query {
                "both" => "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                "two-lengths" => "content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
                "list" => "content-length: 3, 3\r\n\r\nabc",
                "signed" => "content-length: +3\r\n\r\nabc",
                "huge" => "content-length: 99999999999999999999\r\n\r\nabc",
                "chunked-twice" => "transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
                "folded" => "x: a\r\n b\r\ncontent-length: 3\r\n\r\nabc",
                "space" => "content-length : 3\r\n\r\nabc",
                "nul" => "x: a\0b\r\ncontent-length: 3\r\n\r\nabc",
                "bad-chunk" => "transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc",
                _ => "\r\n",
            };
            say(stream, met, format!("HTTP/1.1 200 OK\r\n{head}").as_bytes()).await
        }
        "not-http" => say(stream, met, b"220 mail.example ESMTP\r\n").await,
        // Steers terminals and log readers.
        "poison" => {
            let body = "\x1b]8;;https://evil\x07x\n{\"level\":\"error\"}\u{202e}\0";
            let headers = "x-poison: a\u{1b}[2Jb\r\nx-latin: \u{e9}\r\n";
            say(stream, met, whole("200 OK", headers, body).as_bytes()).await
        }
        "gate" => {
            gate.wait_for(|open| *open).await.ok()?;
            say(stream, met, whole("200 OK", "", "opened").as_bytes()).await
        }
        _ => {
            let body = format!("{{\"sid\":\"SM{number:06}\",\"id\":\"{number}\"}}");
            say(stream, met, whole("201 Created", "", &body).as_bytes()).await
        }
    }
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const GZIP_HEAD: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

async fn say(stream: &mut TlsStream<TcpStream>, met: &Met, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()?;
    met.written.fetch_add(bytes.len(), Ordering::SeqCst);
    Some(())
}

/// Until the other side goes away.
async fn hang(stream: &mut TlsStream<TcpStream>) -> Option<()> {
    drop(stream.read_u8().await);
    None
}

/// A byte every tenth of a second. The pace is the attack; nothing waits for it.
async fn drip(stream: &mut TlsStream<TcpStream>, met: &Met, bytes: &[u8]) -> Option<()> {
    for byte in bytes {
        say(stream, met, &[*byte]).await?;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Some(())
}

async fn next_request(stream: &mut TlsStream<TcpStream>, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(buffer.get(..head)?).to_ascii_lowercase();
            let length: usize = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap_or(0));
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

/// A certificate authority that the hosts trust.
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

    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server with a certificate for these names.
    pub(crate) fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.server_with(&params(names))
    }

    pub(crate) fn server_with(&self, params: &CertificateParams) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        config(vec![certificate.der().clone()], &key)
    }

    /// A server that insists on a client's certificate.
    pub(crate) fn server_that_asks(&self, names: &[&str]) -> Arc<ServerConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params(names).signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        Arc::new(config)
    }

    /// A server whose certificate comes with so many more.
    pub(crate) fn server_with_chain(&self, names: &[&str], length: usize) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = params(names).signed_by(&key, &self.issuer).unwrap();
        let mut chain = vec![certificate.der().clone()];
        let filler = self_signed(&params(&["filler.ok.com"]), &KeyPair::generate().unwrap());
        chain.extend(std::iter::repeat_n(filler, length));
        config(chain, &key)
    }
}

/// A server whose certificate nobody else has signed.
pub(crate) fn self_signed_server(names: &[&str]) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    config(vec![self_signed(&params(names), &key)], &key)
}

/// Certificate parameters for these names, with a text in them that must not come to light.
pub(crate) fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, canary::CERTIFICATE);
    params
}

fn self_signed(params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
    params.self_signed(key).unwrap().der().clone()
}

fn config(chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Arc<ServerConfig> {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    Arc::new(config)
}
