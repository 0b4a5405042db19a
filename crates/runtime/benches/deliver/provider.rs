//! The provider: an HTTP/1.1 server in a process of its own, so that its CPU time is nobody else's.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::measure;

/// Makes this binary the provider. The number of its core follows on standard input.
pub(crate) const ARGUMENT: &str = "--provider";

const ANSWER: &[u8] = br#"{"id":"SM0123456789abcdef0123456789ab"}"#;

/// A running provider; dropping it ends it.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    process: Child,
}

impl Provider {
    pub(crate) fn start(core: usize) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this binary has a path"))
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary can be started");
        let input = process.stdin.as_mut().expect("it is piped");
        writeln!(input, "{core}").expect("the provider reads");
        let output = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(output)
            .read_line(&mut line)
            .expect("the provider tells its address");
        let address = line
            .trim()
            .parse()
            .unwrap_or_else(|error| panic!("{line:?}: {error}"));
        Self { address, process }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

/// The provider's own main: runs until its standard input ends.
pub(crate) fn serve() {
    let mut core = String::new();
    std::io::stdin()
        .read_line(&mut core)
        .expect("its parent says where to run");
    measure::pin(core.trim().parse().expect("a core's number"));
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime
            .expect("a thread can have a runtime")
            .block_on(listen());
    });
    drop(std::io::stdin().read(&mut [0]));
}

async fn listen() {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("loopback has a free port");
    println!("{}", listener.local_addr().expect("it is bound"));
    // It never sleeps. On loopback whoever sends to a sleeping process pays for waking it and its core, which is dear in a
    // virtual machine; a real provider's cores are elsewhere. The faster a client, the less often it would pay.
    tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    while let Ok((connection, _)) = listener.accept().await {
        connection.set_nodelay(true).expect("it is TCP");
        let serve =
            http1::Builder::new().serve_connection(TokioIo::new(connection), service_fn(answer));
        tokio::spawn(serve);
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let complete = request.into_body().collect().await.is_ok();
    let mut response = hyper::Response::new(Full::from(ANSWER));
    *response.status_mut() = if complete {
        hyper::StatusCode::CREATED
    } else {
        hyper::StatusCode::BAD_REQUEST
    };
    response.headers_mut().insert(
        "content-type",
        hyper::header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}
