//! Names to addresses, each of them vetted. The only place where a name is looked up.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::address::{Addresses, Prohibited};
use crate::error::Error;
use crate::names::{Answer, Lookups};
use crate::origin::Origin;
use crate::registry::Shared;
use crate::tenant::Tenant;

/// Most addresses in one answer.
const ANSWERS: usize = 16;

/// The operator's answers, and a name server's where there is none.
pub(crate) struct Resolver {
    pub(crate) answers: HashMap<String, Arc<[SocketAddr]>>,
    /// The answer for every other name; none: whatever `names` finds.
    pub(crate) others: Option<Arc<[SocketAddr]>>,
    pub(crate) names: NameServer,
    pub(crate) lookups: Lookups,
    pub(crate) addresses: Addresses,
}

/// Where a request may be sent.
pub(crate) struct Resolved {
    pub(crate) addresses: Arc<[SocketAddr]>,
    /// The operator's range without which one of them could not be reached.
    pub(crate) opened: Option<IpNet>,
}

/// Why there are no addresses to dial.
pub(crate) enum Unresolved {
    Error(Error),
    Prohibited(Prohibited),
}

impl Resolver {
    /// Looks a name up at most once. If a single one of its addresses may not be reached, none may: mixed answers are the
    /// mark of DNS rebinding.
    pub(crate) async fn resolve(
        &self,
        tenant: &Shared<String, Tenant>,
        origin: &Origin,
        deadline: Instant,
    ) -> Result<Resolved, Unresolved> {
        let answers = self.answers.get(&*origin.host).or(self.others.as_ref());
        let addresses = if let Some(answers) = answers {
            Arc::clone(answers)
        } else {
            let (names, lookups) = (&self.names, &self.lookups);
            // In a box, for it is large, and an operator's answer goes without.
            Box::pin(tenant.names.get(&origin.host, names, lookups, deadline))
                .await
                .map(|found| found.iter().map(|ip| (*ip, origin.port).into()).collect())
                .map_err(Unresolved::Error)?
        };
        if addresses.is_empty() || addresses.len() > ANSWERS {
            return Err(Unresolved::Error(Error::DnsError));
        }
        let mut opened = None;
        for address in &*addresses {
            let vetted = self.addresses.vet(*address, &tenant.key);
            opened = opened.or(vetted.map_err(Unresolved::Prohibited)?);
        }
        Ok(Resolved { addresses, opened })
    }
}

/// An operator's way to look a name up.
pub(crate) type Lookup =
    dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>> + Send + Sync;

/// Who is asked for a name's addresses.
#[derive(Clone)]
pub(crate) enum NameServer {
    System,
    Operator {
        lookup: Arc<Lookup>,
        limit: Duration,
    },
}

impl NameServer {
    /// Asks. The system's resolver holds a thread until it has an answer, so its future is to be awaited to its end. That
    /// thread is made for it: the async runtime's threads for what blocks are few, everything that reads a file or compiles
    /// needs them too, and a process that ends would wait for them.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where names are resolved"
    )]
    pub(crate) async fn ask(&self, host: &str) -> Answer {
        match self {
            Self::System => {
                // The dot makes the name absolute, so that no search domain of the machine's is appended.
                let host = format!("{host}.");
                let (tell, told) = oneshot::channel();
                let look_up = move || {
                    let found = (host.as_str(), 0).to_socket_addrs();
                    // Nobody may be left to be told.
                    drop(tell.send(found.map(|found| found.map(|found| found.ip()).collect())));
                };
                std::thread::Builder::new()
                    .name("phonebox-lookup".to_owned())
                    .spawn(look_up)
                    .map_err(|_| Error::InternalError)?;
                match told.await {
                    Ok(Ok(found)) => Ok(found),
                    Ok(Err(_)) => Err(Error::DnsError),
                    Err(_) => Err(Error::InternalError),
                }
            }
            Self::Operator { lookup, limit } => {
                match timeout(*limit, lookup(host.to_owned())).await {
                    Ok(Ok(answers)) => Ok(answers.into()),
                    Ok(Err(_)) => Err(Error::DnsError),
                    Err(_) => Err(Error::DnsTimeout),
                }
            }
        }
    }
}
