//! One connection: dialled to a vetted address, through the operator's proxy if there is one, wrapped in TLS, driven by
//! whoever uses it.
//!
//! No task runs in the background: the future that waits for a response polls the connection too. Dropped on its way, it
//! takes the connection with it, and no task has to be woken in between.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, ProtocolVersion};
use rustls_pki_types::ServerName;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::Error;
use crate::exchange::Timings;
use crate::limits::Limits;
use crate::origin::{Origin, Scheme};
use crate::text::Hex;

/// Most addresses of one answer that are tried.
const ATTEMPTS: usize = 3;
/// How long the first address is tried alone (RFC 8305, 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Most interim (1xx) responses before the final one.
const INTERIM: u8 = 3;

/// Longest head of a proxy's answer, in bytes.
const PROXY_HEAD: usize = 8 * 1024;

/// An HTTP/1.1 connection to one address, for one request at a time.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    /// None where plain http is spoken.
    pub(crate) tls: Option<Tls>,
    sender: http1::SendRequest<Full<Bytes>>,
    /// None once it has ended. It is dropped then, which is what gives back a request that it has not taken.
    driver: Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>,
    /// What the driver ended of, if it failed.
    failure: Option<hyper::Error>,
}

/// What was agreed on, for the record.
#[derive(Clone, Copy)]
pub(crate) struct Tls {
    pub(crate) version: &'static str,
    /// SHA-256 of the public key in the provider's certificate (its `SubjectPublicKeyInfo`).
    pub(crate) key: Hex,
}

/// How a connection is made.
#[derive(Clone, Copy)]
pub(crate) struct Dial<'a> {
    pub(crate) proxy: Option<SocketAddr>,
    pub(crate) tls: &'a Arc<ClientConfig>,
    pub(crate) limits: &'a Limits,
}

/// Why a request has no response.
pub(crate) enum Unanswered {
    Error(Error),
    /// Nothing was written: the request may go out again.
    Unsent(Box<http::Request<Full<Bytes>>>),
}

impl Connection {
    /// Connects to one of these addresses, and to nothing else. Tells which as soon as it is reached.
    pub(crate) async fn open(
        origin: &Origin,
        addresses: &[SocketAddr],
        Dial { proxy, tls, limits }: Dial<'_>,
        deadline: Instant,
        timings: &mut Timings,
        reached: &mut Option<SocketAddr>,
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let connecting = connect(addresses, proxy);
        let (tcp, peer) = timeout_at(deadline.min(began + limits.connect), connecting)
            .await
            .map_err(|_| Error::ConnectionTimeout)?
            .map_err(|error| refusal(&error))?;
        let connected = Instant::now();
        timings.connect = Some(connected - began);

        *reached = Some(peer);
        // Cannot be otherwise; and if it ever is, nothing is said to that peer.
        let end = tcp.peer_addr().map_err(|_| Error::ConnectionTerminated)?;
        if end != proxy.unwrap_or(peer) || !addresses.contains(&peer) {
            return Err(Error::InternalError);
        }
        tcp.set_nodelay(true).map_err(|_| Error::InternalError)?;

        let mut agreed = None;
        let stream = match origin.scheme {
            Scheme::Http => Stream::Plain(tcp),
            Scheme::Https => {
                let name = ServerName::try_from((*origin.host).to_owned())
                    .map_err(|_| Error::InternalError)?;
                let handshake = TlsConnector::from(Arc::clone(tls)).connect(name, tcp);
                let stream = timeout_at(deadline.min(connected + limits.tls), handshake)
                    .await
                    .map_err(|_| Error::ConnectionTimeout)?
                    .map_err(|error| tls_failure(&error).unwrap_or(Error::ConnectionTerminated))?;
                timings.tls = Some(connected.elapsed());
                agreed = describe(stream.get_ref().1);
                Stream::Tls(Box::new(stream))
            }
        };
        let mut connection = Self::over(stream, peer, limits).await?;
        connection.tls = agreed;
        Ok(connection)
    }

    pub(crate) async fn over(
        stream: Stream,
        peer: SocketAddr,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(limits.response_head)
            .max_headers(limits.response_fields)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Error::InternalError)?;
        Ok(Self {
            peer,
            tls: None,
            sender,
            driver: Some(driver),
            failure: None,
        })
    }

    /// Sends a request and waits for the head of its response.
    pub(crate) async fn send(
        &mut self,
        mut request: http::Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<http::Response<Incoming>, Unanswered> {
        let interim = Arc::new(AtomicU8::new(0));
        let count = Arc::clone(&interim);
        hyper::ext::on_informational(&mut request, move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let answer = self.sender.try_send_request(request);
        let flooded = || {
            (interim.load(Ordering::Relaxed) > INTERIM).then_some(Error::ResponseHeaderSectionSize)
        };
        match timeout_at(deadline, self.drive(answer, flooded)).await {
            Err(_) => Err(Unanswered::Error(Error::ResponseTimeout)),
            Ok(Err(error)) => Err(Unanswered::Error(error)),
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Ok(Err(mut failed))) => Err(match failed.take_message() {
                Some(request) => Unanswered::Unsent(Box::new(request)),
                None => Unanswered::Error(http_failure(failed.error())),
            }),
        }
    }

    /// The next piece of a response's body; none at its end.
    pub(crate) async fn chunk(
        &mut self,
        body: &mut Incoming,
        deadline: Instant,
    ) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = timeout_at(deadline, self.drive(body.frame(), || None))
                .await
                .map_err(|_| Error::ResponseTimeout)??;
            match frame.transpose() {
                Ok(None) => return Ok(None),
                // Trailers are not for the guest.
                Ok(Some(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                // Where the driver failed, it knows more than the body does.
                Err(error) => {
                    return Err(http_failure(self.failure.as_ref().unwrap_or(&error)));
                }
            }
        }
    }

    /// Whether another request can be sent. False too if the peer has closed, or has said something unasked.
    pub(crate) fn is_ready(&mut self) -> bool {
        self.advance(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    fn advance(&mut self, context: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && let Poll::Ready(end) = Pin::new(driver).poll(context)
        {
            self.driver = None;
            self.failure = end.err();
        }
    }

    /// Waits for something that this connection brings about, and drives the connection meanwhile.
    async fn drive<F: Future>(
        &mut self,
        awaited: F,
        objection: impl Fn() -> Option<Error>,
    ) -> Result<F::Output, Error> {
        let mut awaited = pin!(awaited);
        poll_fn(|context| {
            if let Poll::Ready(output) = awaited.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            self.advance(context);
            if let Some(error) = objection() {
                return Poll::Ready(Err(error));
            }
            Poll::Ready(Ok(ready!(awaited.as_mut().poll(context))))
        })
        .await
    }
}

/// The first of these addresses to answer, at most three of them, the later ones with a delay.
async fn connect(
    addresses: &[SocketAddr],
    proxy: Option<SocketAddr>,
) -> io::Result<(TcpStream, SocketAddr)> {
    let mut waiting = addresses.iter().copied().take(ATTEMPTS);
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.next() {
            Some(address) if addresses.len() == 1 => return reach(address, proxy).await,
            Some(address) => {
                attempts.spawn(reach(address, proxy));
            }
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        tokio::select! {
            Some(attempt) = attempts.join_next() => match attempt {
                Ok(Ok(reached)) => return Ok(reached),
                Ok(Err(error)) => failure = error,
                Err(error) => failure = io::Error::other(error),
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

/// A stream to this address, and the address.
async fn reach(
    address: SocketAddr,
    proxy: Option<SocketAddr>,
) -> io::Result<(TcpStream, SocketAddr)> {
    let Some(proxy) = proxy else {
        return Ok((dial(address).await?, address));
    };
    // A proxy that is down is no provider's fault.
    let mut tcp = dial(proxy).await.map_err(io::Error::other)?;
    tunnel(&mut tcp, address).await?;
    Ok((tcp, address))
}

/// Has a proxy connect to an address (RFC 9110, 9.3.6).
async fn tunnel(tcp: &mut TcpStream, address: SocketAddr) -> io::Result<()> {
    let ask = format!("CONNECT {address} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    tcp.write_all(ask.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // The provider does not speak first. So what the proxy says behind its head, or without end, is not meant well.
        if head.len() >= PROXY_HEAD || tcp.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let accepted = [b"HTTP/1.1 2", b"HTTP/1.0 2"]
        .iter()
        .any(|begin| head.starts_with(*begin));
    let ends = head.windows(4).filter(|bytes| bytes == b"\r\n\r\n").count();
    match (accepted, ends) {
        (true, 1) => Ok(()),
        (true, _) => Err(io::ErrorKind::InvalidData.into()),
        (false, _) => Err(io::ErrorKind::ConnectionRefused.into()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one road out; the address has been vetted, or is the operator's proxy"
)]
async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address).await
}

fn refusal(error: &io::Error) -> Error {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::TimedOut => Error::ConnectionTimeout,
        Kind::ConnectionRefused
        | Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::HostUnreachable
        | Kind::NetworkUnreachable => Error::ConnectionRefused,
        _ => Error::InternalError,
    }
}

fn describe(session: &rustls::ClientConnection) -> Option<Tls> {
    let version = match session.protocol_version()? {
        ProtocolVersion::TLSv1_2 => "1.2",
        ProtocolVersion::TLSv1_3 => "1.3",
        _ => return None,
    };
    let certificate = ParsedCertificate::try_from(session.peer_certificates()?.first()?).ok()?;
    let key = Sha256::digest(certificate.subject_public_key_info());
    Some(Tls {
        version,
        key: Hex(key.into()),
    })
}

/// Finds what TLS objects to, if it was TLS.
fn tls_failure(error: &io::Error) -> Option<Error> {
    use rustls::Error as Tls;
    let cause = error.get_ref()?.downcast_ref::<Tls>()?;
    Some(match cause {
        Tls::InvalidCertificate(_) | Tls::NoCertificatesPresented => Error::TlsCertificateError,
        _ => Error::TlsProtocolError,
    })
}

fn http_failure(error: &hyper::Error) -> Error {
    if error.is_parse_too_large() {
        return Error::ResponseHeaderSectionSize;
    }
    if error.is_parse() {
        return Error::HttpProtocolError;
    }
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if let Some(failure) = tls_failure(error) {
                return failure;
            }
            // What hyper's chunk decoder says of lengths and line ends.
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            ) {
                return Error::HttpProtocolError;
            }
        }
        cause = error.source();
    }
    Error::ConnectionTerminated
}

/// What a connection runs over.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    #[cfg(feature = "fuzzing")]
    Memory(tokio::io::DuplexStream),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
            #[cfg(feature = "fuzzing")]
            Self::Memory(memory) => Pin::new(memory).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
            #[cfg(feature = "fuzzing")]
            Self::Memory(memory) => Pin::new(memory).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
            #[cfg(feature = "fuzzing")]
            Self::Memory(memory) => Pin::new(memory).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
            #[cfg(feature = "fuzzing")]
            Self::Memory(memory) => Pin::new(memory).poll_shutdown(context),
        }
    }
}
