//! Connections: so many at once, and none that only holds its place, by not asking or by not taking what it asked for. With
//! TLS, that begins before the first request.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use crate::limits::Peer;
use crate::linger::Unread;
use crate::management::{self, answered};
use crate::problem::ProblemCode;
use crate::{Problem, Tls};

/// Connections at once. Who comes beyond that waits.
const CONNECTIONS: usize = 1024;
/// How long a caller may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take to come, and a connection may lie idle.
const HEAD: Duration = Duration::from_secs(20);
/// How long a request may take in all. Longer than a caller may wait for an outcome.
const REQUEST: Duration = Duration::from_mins(1);
/// How long a caller may take to make room for more of its answer. An answer that has nothing to say meanwhile, a tail, may
/// be silent for longer.
const UNREAD: Duration = Duration::from_secs(30);
/// How long open connections have to end once nothing new is accepted.
const CLOSING: Duration = Duration::from_secs(5);

/// Answers what comes in, until `stop` is ready; then what is under way ends first.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let service = TowerToHyperService::new(router.layer(from_fn(in_time)));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let open = GracefulShutdown::new();
    let acceptor = tls.as_ref().map(Tls::acceptor);
    let mut beside = JoinSet::new();
    if let Some(tls) = tls {
        beside.spawn(tls.keep_up());
    }
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
        let Ok((tcp, peer)) = accepted else {
            // There are no descriptors left, say. Some become free.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // What is little is sent at once, too.
        drop(tcp.set_nodelay(true));
        let mut tcp = TimeoutStream::new(tcp);
        tcp.set_write_timeout(Some(UNREAD));
        let tcp = Box::pin(tcp);
        let peer = Peer(peer.ip());
        let (service, unread) = (service.clone(), Unread::default());
        let noted = unread.clone();
        let service = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            service.call(request.map(|body| noted.body(body)))
        });
        let (open, acceptor) = (open.watcher(), acceptor.clone());
        tokio::spawn(async move {
            match acceptor {
                None => answer(unread.lingering(tcp), service, open).await,
                Some(acceptor) => match timeout(HANDSHAKE, acceptor.accept(tcp)).await {
                    Ok(Ok(tls)) => answer(unread.lingering(tls), service, open).await,
                    Ok(Err(error)) => {
                        tracing::debug!(%error, "a caller does not speak TLS as it should");
                    }
                    Err(_) => tracing::debug!("a caller did not agree on TLS in time"),
                },
            }
            drop(place);
        });
    }
    drop(listener);
    drop(timeout(CLOSING, open.shutdown()).await);
}

/// Answers all that one caller asks.
async fn answer<S>(wire: impl AsyncRead + AsyncWrite + Unpin + 'static, service: S, open: Watcher)
where
    S: Service<hyper::Request<Incoming>, Response = Response, Error = Infallible>,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(wire), service);
    // A caller that goes away in the middle is no news.
    drop(open.watch(connection).await);
}

async fn in_time(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    // Not the address as it was asked: there may be anything in it.
    let address = request.extensions().get::<MatchedPath>().cloned();
    let managed = management::is_here(request.uri().path());
    let response = timeout(REQUEST, next.run(request)).await;
    let response = response.unwrap_or_else(|_| {
        let status = StatusCode::REQUEST_TIMEOUT;
        let problem = Problem::new(status, "timeout", "the request did not come in time");
        answered(managed, problem)
    });
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

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    /// Tells when an answer is given up.
    struct Watched(Option<oneshot::Sender<()>>);

    impl Drop for Watched {
        fn drop(&mut self) {
            let _: Result<(), ()> = self.0.take().unwrap().send(());
        }
    }

    /// Asks for an answer of so many pieces, one after each such wait, and gives what tells of its end.
    #[expect(clippy::disallowed_methods, reason = "it is asked on this machine")]
    async fn ask(count: usize, piece: usize, wait: Duration) -> (TcpStream, oneshot::Receiver<()>) {
        let (tell, told) = oneshot::channel();
        let watched = Arc::new(std::sync::Mutex::new(Some(Watched(Some(tell)))));
        let answer = async move || {
            let watched = watched.lock().unwrap().take();
            let pieces = stream::unfold((watched, 0), move |(watched, given)| async move {
                if given == count {
                    return None;
                }
                sleep(wait).await;
                let piece = Ok::<_, Infallible>(Bytes::from(vec![b'x'; piece]));
                Some((piece, (watched, given + 1)))
            });
            Body::from_stream(pieces)
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(answer));
        tokio::spawn(serve(listener, None, router, std::future::pending()));
        let mut caller = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        caller.write_all(request).await.unwrap();
        (caller, told)
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "it is asked on this machine")]
    async fn who_is_refused_while_it_sends_hears_why() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refuse = async || StatusCode::PAYLOAD_TOO_LARGE;
        let router = Router::new().route("/", axum::routing::post(refuse));
        tokio::spawn(serve(listener, None, router, std::future::pending()));
        let mut caller = TcpStream::connect(address).await.unwrap();
        let body = vec![b'x'; 16 << 20];
        let head = format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        caller.write_all(head.as_bytes()).await.unwrap();
        caller.write_all(&body).await.unwrap();
        let mut read = String::new();
        caller.read_to_string(&mut read).await.unwrap();
        assert!(read.starts_with("HTTP/1.1 413 "), "{read}");
    }

    // Time passes by itself in these, when there is nothing to do.

    #[tokio::test(start_paused = true)]
    async fn who_does_not_take_its_answer_is_left() {
        let began = tokio::time::Instant::now();
        let (mut caller, ended) = ask(usize::MAX, 1 << 16, Duration::ZERO).await;
        timeout(UNREAD * 2, ended)
            .await
            .expect("it goes on")
            .unwrap();
        assert!(began.elapsed() >= UNREAD, "{:?}", began.elapsed());
        // What had been sent is still there to be read, and then it is over.
        let mut read = Vec::new();
        drop(caller.read_to_end(&mut read).await);
        assert!(read.starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(!read.ends_with(b"\r\n0\r\n\r\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_be_silent_for_long() {
        let (mut caller, _ended) = ask(5, 1, UNREAD * 3).await;
        let mut read = Vec::new();
        caller.read_to_end(&mut read).await.unwrap();
        let read = String::from_utf8(read).unwrap();
        assert!(read.ends_with("\r\n0\r\n\r\n"), "{read}");
    }
}
