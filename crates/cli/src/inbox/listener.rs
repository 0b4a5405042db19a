//! An accept loop that ends, with all its connections, when it is told to or dropped.

use std::{future::Future, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// How long to wait after the system refused to hand over a connection (no descriptors left, say).
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Listener {
    /// Hands every connection to `serve`, each in a task of its own.
    pub(super) fn start<S>(
        socket: TcpListener,
        address: SocketAddr,
        serve: impl Fn(TcpStream) -> S + Send + 'static,
    ) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let accepting = tokio::spawn(async move {
            // Aborting this task drops the set, and that aborts every connection.
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = socket.accept() => match accepted {
                        Ok((stream, _)) => {
                            let _slower = stream.set_nodelay(true);
                            connections.spawn(serve(stream));
                        }
                        Err(error) => {
                            tracing::warn!(%error, "the inbox could not accept a connection");
                            tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
                        }
                    },
                    Some(_ended) = connections.join_next() => {}
                }
            }
        });
        Self { address, accepting }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the loop and its connections, and waits until the port is free again.
    pub(super) async fn stop(mut self) {
        self.accepting.abort();
        // The error says that it was aborted, which is what was asked for.
        let _aborted = (&mut self.accepting).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
