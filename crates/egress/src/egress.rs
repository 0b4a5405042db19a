//! What the operator sets once for the process.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use ipnet::{IpNet, Ipv6Net};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::address::{Addresses, Interfaces, NAT64_LENGTHS, Nat64, Opening};
use crate::block::{Block, Blocks};
use crate::decision::{self, Ceiling, PlainHttp, Verdict};
use crate::error::{Denial, Error};
use crate::limits::Limits;
use crate::names::Lookups;
use crate::origin::{InvalidOrigin, Origin};
use crate::outbound::Outbound;
use crate::registry::Registry;
use crate::resolve::{Lookup, NameServer, Resolver};
use crate::rule::{self, Policy};
use crate::target::Target;
use crate::tenant::Tenant;

/// Servers whose TLS sessions one [`Outbound`] remembers.
const SESSIONS: usize = 4;

/// The door: the operator's bounds, names, roots and limits. One per process, cheap to clone.
#[derive(Clone)]
pub struct Egress {
    door: Arc<Door>,
}

/// What the operator set, and what all requests share.
pub(crate) struct Door {
    pub(crate) ceiling: Ceiling,
    pub(crate) limits: Limits,
    pub(crate) resolver: Resolver,
    pub(crate) proxy: Option<SocketAddr>,
    tls: ClientConfig,
    pub(crate) blocks: Blocks,
    /// How many requests are under way at each origin, over all tenants.
    pub(crate) origins: Arc<Registry<Origin, AtomicU32>>,
    tenants: Arc<Registry<String, Tenant>>,
}

impl Egress {
    /// The operator's knobs. Without any: every https origin is below the ceiling, names are the system's,
    /// roots are Mozilla's.
    pub fn builder() -> Builder {
        Builder {
            addresses: Addresses::default(),
            answers: Vec::new(),
            ceiling: None,
            limits: Limits::default(),
            lookup: None,
            others: None,
            plain_http: PlainHttp::To(Vec::new()),
            proxy: None,
            roots: Vec::new(),
        }
    }

    /// The way out for one action of one tenant under one policy. Connections and TLS sessions are its own: a changed
    /// policy, or another tenant, is another `Outbound`. All of one tenant's share the tenant's limits, and what its
    /// actions have looked up.
    pub fn outbound(&self, tenant: &str, policy: Arc<Policy>) -> Outbound {
        let mut tls = self.door.tls.clone();
        tls.resumption = Resumption::in_memory_sessions(SESSIONS);
        let make = || Tenant::new(&self.door.limits);
        let tenant = self.door.tenants.get(&tenant.to_owned(), make);
        Outbound::new(Arc::clone(&self.door), tenant, policy, tls)
    }

    /// Whether a request like this would be allowed under a policy, before its name is looked up and its addresses are vetted.
    /// Nothing is sent.
    pub fn permits(&self, policy: &Policy, method: &str, url: &str) -> Result<(), Error> {
        let target = Target::parse(url).map_err(Error::RequestUriInvalid)?;
        let method = rule::method(method).ok_or(Error::RequestMethodInvalid)?;
        let (decision, _) = decision::decide(policy, &self.door.ceiling, &target, &method);
        match decision.verdict {
            Verdict::Allowed => Ok(()),
            Verdict::Denied => Err(Error::RequestDenied(Box::new(Denial {
                reason: decision.reason,
                method: method.to_string(),
                origin: None,
                path: None,
                rule: decision.rule,
                secret: None,
            }))),
        }
    }

    /// Stops requests at once: new ones are denied, and those under way are given up, their connections closed. Holds
    /// until it is lifted or the process ends; blocks add up.
    pub fn block(&self, block: Block) {
        tracing::warn!(name: "egress.block", target: "egress.block", ?block, "blocked");
        self.door.blocks.add(block);
        for tenant in self.door.tenants.all() {
            tenant.blocks.notify_waiters();
        }
    }

    /// Lifts a block, if it holds.
    pub fn unblock(&self, block: &Block) {
        tracing::warn!(name: "egress.block", target: "egress.block", ?block, "unblocked");
        self.door.blocks.remove(block);
    }
}

/// The operator's knobs, on the way to an [`Egress`].
pub struct Builder {
    addresses: Addresses,
    answers: Vec<(String, Vec<SocketAddr>)>,
    ceiling: Option<Policy>,
    limits: Limits,
    lookup: Option<Arc<Lookup>>,
    others: Option<Vec<SocketAddr>>,
    plain_http: PlainHttp,
    proxy: Option<SocketAddr>,
    roots: Vec<CertificateDer<'static>>,
}

impl Builder {
    /// Sets what no policy exceeds. Default: any https origin.
    #[must_use]
    pub fn ceiling(mut self, ceiling: Policy) -> Self {
        self.ceiling = Some(ceiling);
        self
    }

    /// Allows `http://` for this origin, and puts it below the ceiling. What is said there can be read and changed on its
    /// way, codes and credentials included; a rule must still allow it. For a gateway on the same machine, say.
    #[must_use]
    pub fn dangerous_plain_http(mut self, origin: Origin) -> Self {
        if let PlainHttp::To(origins) = &mut self.plain_http {
            origins.push(origin);
        }
        self
    }

    /// Allows `http://` like [`dangerous_plain_http`](Self::dangerous_plain_http), for every origin. For development, where
    /// all providers are one stand-in.
    #[must_use]
    pub fn dangerous_plain_http_everywhere(mut self) -> Self {
        self.plain_http = PlainHttp::Everywhere;
        self
    }

    /// Sets the limits of requests and runs.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Looks names up in this way, in place of the system's resolver. It is given the host, which is meant absolutely: no
    /// search domain may be appended. What it answers is kept and vetted like the system's answers; what takes longer than
    /// [`Limits::resolve`] is a failure. For a platform with name servers of its own.
    #[must_use]
    pub fn look_up<F, A>(mut self, lookup: F) -> Self
    where
        F: Fn(String) -> A + Send + Sync + 'static,
        A: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        self.lookup = Some(Arc::new(move |host| Box::pin(lookup(host))));
        self
    }

    /// Says how addresses of this network's own NAT64 prefix are judged. Its length is 32, 40, 48, 56, 64 or 96 bits.
    /// Without it, `64:ff9b::/96` is prohibited, and a prefix in public space is not known for what it is.
    #[must_use]
    pub fn nat64(mut self, prefix: Ipv6Net, mode: Nat64) -> Self {
        self.addresses.nat64.push((prefix.trunc(), mode));
        self
    }

    /// Names a listener of phonebox itself, which no request ever reaches, not even within a reachable range. With the
    /// unspecified address: that port on every address of this host.
    #[must_use]
    pub fn own(mut self, listener: SocketAddr) -> Self {
        self.addresses.listeners.push(listener);
        self
    }

    /// Keeps addresses of this range from being reached, though they are public or in a reachable range: a peered network,
    /// one's own load balancer.
    #[must_use]
    pub fn prohibit(mut self, range: IpNet) -> Self {
        self.addresses.prohibited.push(range);
        self
    }

    /// Sends everything through this HTTP proxy, by `CONNECT` to the very address that was vetted here; TLS and the `Host`
    /// header are the provider's. It relieves phonebox of no check. A proxy in the environment is never used.
    #[must_use]
    pub fn proxy(mut self, proxy: SocketAddr) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Lets addresses of this range be reached although they are special-purpose, or this host's.
    #[must_use]
    pub fn reachable(mut self, range: IpNet) -> Self {
        let tenant = None;
        self.addresses.reachable.push(Opening { range, tenant });
        self
    }

    /// Lets addresses of this range be reached like [`reachable`](Self::reachable), by this tenant's actions only.
    #[must_use]
    pub fn reachable_by(mut self, tenant: &str, range: IpNet) -> Self {
        let tenant = Some(tenant.to_owned());
        self.addresses.reachable.push(Opening { range, tenant });
        self
    }

    /// Answers for this host, in place of the system's resolver. The port given is the one dialled, whatever the URL
    /// says; the certificate must still be the host's, and the addresses are vetted like any other. A later call for the
    /// same host replaces the earlier.
    #[must_use]
    pub fn resolve(mut self, host: &str, answers: Vec<SocketAddr>) -> Self {
        self.answers.push((host.to_owned(), answers));
        self
    }

    /// Answers like [`resolve`](Self::resolve) for every host that has no answer of its own: the system's resolver is then
    /// never asked. For development, where all providers are one stand-in.
    #[must_use]
    pub fn resolve_others(mut self, answers: Vec<SocketAddr>) -> Self {
        self.others = Some(answers);
        self
    }

    /// Trusts this root certificate beside Mozilla's.
    #[must_use]
    pub fn trust(mut self, root: CertificateDer<'static>) -> Self {
        self.roots.push(root);
        self
    }

    /// Checks the knobs and builds the door.
    pub fn build(mut self) -> Result<Egress, BuildError> {
        let mut answers = HashMap::new();
        for (host, addresses) in self.answers {
            let origin = Origin::parse(&format!("https://{host}")).map_err(BuildError::Host)?;
            if addresses.iter().any(|address| address.port() == 0) {
                return Err(BuildError::Port { host });
            }
            answers.insert((*origin.host).to_owned(), addresses.into());
        }

        self.limits.check().map_err(BuildError::Limits)?;
        for (prefix, _) in &self.addresses.nat64 {
            if !NAT64_LENGTHS.contains(&prefix.prefix_len()) {
                return Err(BuildError::Nat64 { prefix: *prefix });
            }
        }
        self.addresses.interfaces = Interfaces::read().map_err(BuildError::Interfaces)?;

        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for root in self.roots {
            roots.add(root).map_err(BuildError::Root)?;
        }
        let mut tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(BuildError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];

        let names = match self.lookup {
            None => NameServer::System,
            Some(lookup) => NameServer::Operator {
                lookup,
                limit: self.limits.resolve,
            },
        };
        Ok(Egress {
            door: Arc::new(Door {
                ceiling: Ceiling {
                    policy: self.ceiling,
                    plain_http: self.plain_http,
                },
                limits: self.limits,
                resolver: Resolver {
                    answers,
                    others: self.others.map(Arc::from),
                    names,
                    lookups: Lookups::new(self.limits.all_lookups),
                    addresses: self.addresses,
                },
                proxy: self.proxy,
                tls,
                blocks: Blocks::default(),
                origins: Arc::default(),
                tenants: Arc::default(),
            }),
        })
    }
}

/// A knob that is set to something impossible.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A host of the resolver map is not a public host name.
    #[error("the resolver map names a host that cannot be reached")]
    Host(#[source] InvalidOrigin),
    /// This host does not tell the addresses of its interfaces, which must not be reached.
    #[error("this host's own addresses cannot be read")]
    Interfaces(#[source] io::Error),
    /// A limit is out of its range.
    #[error("the limits cannot be kept: {0}")]
    Limits(&'static str),
    /// A NAT64 prefix is not 32, 40, 48, 56, 64 or 96 bits long.
    #[error("{prefix} is not a NAT64 prefix: it must be 32, 40, 48, 56, 64 or 96 bits long")]
    Nat64 {
        /// The prefix.
        prefix: Ipv6Net,
    },
    /// An answer of the resolver map has no port.
    #[error("the resolver map gives port 0 for `{host}`")]
    Port {
        /// The host.
        host: String,
    },
    /// A root certificate cannot be read.
    #[error("a root certificate cannot be used")]
    Root(#[source] rustls::Error),
    /// The cryptography lacks what TLS 1.2 and 1.3 need.
    #[error("TLS is not available")]
    Tls(#[source] rustls::Error),
}
