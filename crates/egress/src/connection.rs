//! One connection: dialled to a vetted address, wrapped in TLS, driven by whoever uses it.
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
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::Error;
use crate::exchange::Timings;
use crate::limits::Limits;
use crate::origin::{Origin, Scheme};

/// Most addresses of one answer that are tried.
const ATTEMPTS: usize = 3;
/// How long the first address is tried alone (RFC 8305, 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// Most interim (1xx) responses before the final one.
const INTERIM: u8 = 3;

/// An HTTP/1.1 connection to one address, for one request at a time.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    sender: http1::SendRequest<Full<Bytes>>,
    /// None once it has ended. It is dropped then, which is what gives back a request that it has not taken.
    driver: Option<http1::Connection<TokioIo<Stream>, Full<Bytes>>>,
    /// What the driver ended of, if it failed.
    failure: Option<hyper::Error>,
}

/// Why a request has no response.
pub(crate) enum Unanswered {
    Error(Error),
    /// Nothing was written: the request may go out again.
    Unsent(Box<http::Request<Full<Bytes>>>),
}

impl Connection {
    /// Connects to one of these addresses, and to nothing else.
    pub(crate) async fn open(
        origin: &Origin,
        addresses: &[SocketAddr],
        tls: &Arc<ClientConfig>,
        limits: &Limits,
        deadline: Instant,
        timings: &mut Timings,
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let tcp = timeout_at(deadline.min(began + limits.connect), connect(addresses))
            .await
            .map_err(|_| Error::ConnectionTimeout)?
            .map_err(|error| refusal(&error))?;
        let connected = Instant::now();
        timings.connect = Some(connected - began);

        let peer = tcp.peer_addr().map_err(|_| Error::ConnectionTerminated)?;
        // Cannot be otherwise; and if it ever is, nothing is said to that peer.
        if !addresses.contains(&peer) {
            return Err(Error::InternalError);
        }
        tcp.set_nodelay(true).map_err(|_| Error::InternalError)?;

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
                Stream::Tls(Box::new(stream))
            }
        };
        Self::over(stream, peer, limits).await
    }

    async fn over(stream: Stream, peer: SocketAddr, limits: &Limits) -> Result<Self, Error> {
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(limits.response_head)
            .max_headers(limits.response_fields)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| Error::InternalError)?;
        Ok(Self {
            peer,
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
async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = addresses.iter().copied().take(ATTEMPTS);
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.next() {
            Some(address) if addresses.len() == 1 => return dial(address).await,
            Some(address) => {
                attempts.spawn(dial(address));
            }
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        tokio::select! {
            Some(attempt) = attempts.join_next() => match attempt {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error,
                Err(error) => failure = io::Error::other(error),
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one road out; the address has been vetted"
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
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
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
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}
