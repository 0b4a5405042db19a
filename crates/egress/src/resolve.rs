//! Names to addresses, each of them vetted. The only place where a name is looked up.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use tokio::time::{Instant, timeout_at};

use crate::address::{self, Row};
use crate::error::Error;
use crate::origin::Origin;

/// Most addresses in one answer.
const ANSWERS: usize = 16;

/// The operator's answers, and the system's where there is none.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    pub(crate) answers: HashMap<String, Arc<[SocketAddr]>>,
    /// The answer for every other name; none: the system's.
    pub(crate) others: Option<Arc<[SocketAddr]>>,
    pub(crate) reachable: Vec<IpNet>,
}

/// Why there are no addresses to dial.
pub(crate) enum Unresolved {
    Error(Error),
    Prohibited { address: IpAddr, row: &'static Row },
}

impl Resolver {
    /// Looks a name up once. If a single one of its addresses may not be reached, none may: mixed answers are the mark of
    /// DNS rebinding.
    pub(crate) async fn resolve(
        &self,
        origin: &Origin,
        deadline: Instant,
    ) -> Result<Arc<[SocketAddr]>, Unresolved> {
        let addresses = match self.answers.get(&*origin.host).or(self.others.as_ref()) {
            Some(answers) => Arc::clone(answers),
            None => timeout_at(deadline, system(origin))
                .await
                .unwrap_or(Err(Error::DnsTimeout))
                .map_err(Unresolved::Error)?,
        };
        if addresses.is_empty() || addresses.len() > ANSWERS {
            return Err(Unresolved::Error(Error::DnsError));
        }
        for answer in &*addresses {
            let address = answer.ip();
            address::vet(address, &self.reachable)
                .map_err(|row| Unresolved::Prohibited { address, row })?;
        }
        Ok(addresses)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where names are resolved"
)]
async fn system(origin: &Origin) -> Result<Arc<[SocketAddr]>, Error> {
    // The dot makes the name absolute, so that no search domain of the machine's is appended.
    let name = format!("{}.", origin.host);
    match tokio::net::lookup_host((name, origin.port)).await {
        Ok(answers) => Ok(answers.collect()),
        Err(_) => Err(Error::DnsError),
    }
}
