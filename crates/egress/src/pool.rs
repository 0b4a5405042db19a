//! Idle connections of one tenant's action under one policy. Nobody else can reach them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::connection::Connection;
use crate::origin::Origin;

pub(crate) struct Pool {
    per_origin: usize,
    keep: Duration,
    shelves: Mutex<Shelves>,
}

#[derive(Default)]
struct Shelves {
    /// By origin, the longest idle first.
    idle: HashMap<Origin, Vec<Idle>>,
    /// Whether a task closes what has been idle for too long.
    swept: bool,
}

struct Idle {
    connection: Connection,
    until: Instant,
}

impl Pool {
    pub(crate) fn new(per_origin: usize, keep: Duration) -> Self {
        Self {
            per_origin,
            keep,
            shelves: Mutex::default(),
        }
    }

    /// The connection used last, if it leads to one of the addresses that this very request may reach. Its peer may have
    /// closed it; sending then gives the request back.
    pub(crate) fn take(&self, origin: &Origin, addresses: &[SocketAddr]) -> Option<Connection> {
        let now = Instant::now();
        loop {
            let idle = self.shelves().idle.get_mut(origin)?.pop()?;
            if idle.until > now && addresses.contains(&idle.connection.peer) {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps a connection whose response has been read whole, if it can carry another request and there is room.
    pub(crate) fn put(self: &Arc<Self>, origin: &Origin, mut connection: Connection) {
        if self.per_origin == 0 || !connection.is_ready() {
            return;
        }
        let until = Instant::now() + self.keep;
        let idle = Idle { connection, until };
        let mut shelves = self.shelves();
        match shelves.idle.get_mut(origin) {
            Some(kept) if kept.len() >= self.per_origin => return,
            Some(kept) => kept.push(idle),
            None => {
                shelves.idle.insert(origin.clone(), vec![idle]);
            }
        }
        if !shelves.swept {
            shelves.swept = true;
            tokio::spawn(sweep(Arc::downgrade(self), until));
        }
    }

    /// Closes what has been idle for too long. Returns when to come back; none if nothing is left.
    fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut shelves = self.shelves();
        shelves.idle.retain(|_, kept| {
            kept.retain(|idle| idle.until > now);
            !kept.is_empty()
        });
        let next = shelves.idle.values().flatten().map(|idle| idle.until).min();
        shelves.swept = next.is_some();
        next
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        // A panic while it was held leaves connections that are checked before use.
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sweep(pool: Weak<Pool>, mut next: Instant) {
    loop {
        sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        match pool.expire() {
            Some(later) => next = later,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;
    use crate::connection::Dial;
    use crate::exchange::Timings;
    use crate::limits::Limits;

    #[tokio::test]
    async fn a_connection_is_kept_from_requests_that_may_not_reach_its_peer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let here = listener.local_addr().unwrap();
        let elsewhere: SocketAddr = "93.184.216.34:443".parse().unwrap();
        let origin = Origin::parse("http://api.ok.com").unwrap();
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
        let (tls, limits) = (Arc::new(tls), Limits::default());
        let dial = Dial {
            proxy: None,
            tls: &tls,
            limits: &limits,
        };
        let deadline = Instant::now() + limits.connect;
        let pool = Arc::new(Pool::new(2, limits.idle));
        for _ in 0..3 {
            let mut timings = Timings::default();
            let connection =
                Connection::open(&origin, &[here], dial, deadline, &mut timings, &mut None).await;
            pool.put(
                &origin,
                connection.unwrap_or_else(|error| panic!("{error}")),
            );
        }
        let other = Origin::parse("http://api.ok.com:8080").unwrap();
        assert!(pool.take(&other, &[here]).is_none(), "another origin's");
        assert!(pool.take(&origin, &[elsewhere, here]).is_some());
        assert!(
            pool.take(&origin, &[elsewhere]).is_none(),
            "its peer was not vetted"
        );
        assert!(pool.take(&origin, &[here]).is_none(), "a third was kept");
    }
}
