//! What the operator sets once for the process.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::decision::Ceiling;
use crate::limits::Limits;
use crate::origin::{InvalidOrigin, Origin};
use crate::outbound::Outbound;
use crate::resolve::Resolver;
use crate::rule::Policy;

/// Servers whose TLS sessions one [`Outbound`] remembers.
const SESSIONS: usize = 4;

/// The door: the operator's bounds, names, roots and limits. One per process, cheap to clone.
#[derive(Clone)]
pub struct Egress {
    pub(crate) settings: Arc<Settings>,
}

pub(crate) struct Settings {
    pub(crate) ceiling: Ceiling,
    pub(crate) limits: Limits,
    pub(crate) resolver: Resolver,
    tls: ClientConfig,
}

impl Egress {
    /// The operator's knobs. Without any: every https origin is below the ceiling, names are the system's,
    /// roots are Mozilla's.
    pub fn builder() -> Builder {
        Builder {
            answers: Vec::new(),
            ceiling: None,
            limits: Limits::default(),
            others: None,
            plain_http: Vec::new(),
            reachable: Vec::new(),
            roots: Vec::new(),
        }
    }

    /// The way out for one action of one tenant under one policy. Connections and TLS sessions are its own: a changed
    /// policy, or another tenant, is another `Outbound`.
    pub fn outbound(&self, tenant: &str, policy: Arc<Policy>) -> Outbound {
        let mut tls = self.settings.tls.clone();
        tls.resumption = Resumption::in_memory_sessions(SESSIONS);
        Outbound::new(Arc::clone(&self.settings), tenant, policy, tls)
    }
}

/// The operator's knobs, on the way to an [`Egress`].
pub struct Builder {
    answers: Vec<(String, Vec<SocketAddr>)>,
    ceiling: Option<Policy>,
    limits: Limits,
    others: Option<Vec<SocketAddr>>,
    plain_http: Vec<Origin>,
    reachable: Vec<IpNet>,
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
        self.plain_http.push(origin);
        self
    }

    /// Sets the limits of requests and runs.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lets addresses of this range be reached although they are special-purpose.
    #[must_use]
    pub fn reachable(mut self, range: IpNet) -> Self {
        self.reachable.push(range);
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
    pub fn build(self) -> Result<Egress, BuildError> {
        let mut answers = HashMap::new();
        for (host, addresses) in self.answers {
            let origin = Origin::parse(&format!("https://{host}")).map_err(BuildError::Host)?;
            if addresses.iter().any(|address| address.port() == 0) {
                return Err(BuildError::Port { host });
            }
            answers.insert((*origin.host).to_owned(), addresses.into());
        }

        let others = self.others.map(Arc::from);

        let limits = self.limits;
        let durations = [
            limits.resolve,
            limits.connect,
            limits.tls,
            limits.first_byte,
            limits.between_bytes,
            limits.total,
        ];
        if limits.response_head < 8 * 1024 {
            return Err(BuildError::Limits("response_head is below 8 KiB"));
        }
        if limits.rate == 0 {
            return Err(BuildError::Limits("rate is zero"));
        }
        if durations
            .iter()
            .any(|limit| limit.is_zero() || *limit > LONGEST)
            || limits.idle.max(limits.rate_after) > LONGEST
        {
            return Err(BuildError::Limits(
                "a time limit is zero or longer than an hour",
            ));
        }

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

        Ok(Egress {
            settings: Arc::new(Settings {
                ceiling: Ceiling {
                    policy: self.ceiling,
                    plain_http: self.plain_http,
                },
                limits,
                resolver: Resolver {
                    answers,
                    others,
                    reachable: self.reachable,
                },
                tls,
            }),
        })
    }
}

/// Longest time limit: far above any use, far below what overflows a clock.
const LONGEST: Duration = Duration::from_hours(1);

/// A knob that is set to something impossible.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A host of the resolver map is not a public host name.
    #[error("the resolver map names a host that cannot be reached")]
    Host(#[source] InvalidOrigin),
    /// A limit is out of its range.
    #[error("the limits cannot be kept: {0}")]
    Limits(&'static str),
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
