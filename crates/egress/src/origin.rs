//! Scheme, host and port: what a rule grants, what a connection leads to, what the pool is keyed by.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::target::{Target, UriFlaw};
use crate::text;

/// `http` or `https`; everything else is refused while a URL is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub(crate) fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, canonical host and port, as in `https://api.twilio.com` or `https://api.example.com:8443`.
///
/// The host is in lower case and without a trailing dot. Written out (`Display`, `Serialize`), the port is left away
/// where it is the scheme's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl Origin {
    /// Reads an origin: scheme, exact host, and a port unless it is the scheme's own. No path, query or user name, no
    /// address in place of the name, no name that is special or local (RFC 6761 and its like), lower case only.
    pub fn parse(written: &str) -> Result<Self, InvalidOrigin> {
        let invalid = |problem: &'static str, mend: &str| InvalidOrigin {
            written: text::shown(written),
            problem,
            mend: mend.to_owned(),
        };
        let Some((scheme, authority)) = written.split_once("://") else {
            return Err(invalid("it has no scheme", "write it as `https://host`"));
        };
        if authority.contains(['/', '?']) {
            return Err(invalid(
                "it has a path or a query",
                "end it after the host, and put paths into `paths`",
            ));
        }
        let target = Target::parse(written).map_err(|flaw| match flaw {
            UriFlaw::Scheme => invalid(
                "its scheme is neither https nor http",
                "write it as `https://host`",
            ),
            UriFlaw::NotAscii => invalid(
                "its host is not in ASCII",
                "write an international name in its `xn--` form",
            ),
            UriFlaw::HostSpelling => invalid(
                "its host is an unusual spelling of something else",
                "write the host's canonical name",
            ),
            UriFlaw::UserInfo => invalid(
                "it has a user name",
                "leave it away; credentials belong in a header",
            ),
            _ => invalid("it cannot be read", "write it as `https://host`"),
        })?;
        if target.literal.is_some() {
            return Err(invalid(
                "it is an address, not a name",
                "name the host; addresses cannot be granted",
            ));
        }
        if is_special(&target.origin.host) {
            return Err(invalid(
                "its host is a local or special name",
                "name a host of the public DNS, such as `api.example.com`",
            ));
        }
        if BLOCKED_PORTS.contains(&target.origin.port) {
            return Err(invalid(
                "its port belongs to another protocol",
                "use the port of an HTTP server, usually none",
            ));
        }
        if scheme != target.origin.scheme() {
            return Err(invalid(
                "its scheme is not in lower case",
                &format!("begin it with `{}://`", target.origin.scheme()),
            ));
        }
        if !authority.starts_with(&*target.origin.host)
            || authority.contains(".:")
            || authority.ends_with('.')
        {
            return Err(invalid(
                "its host is not in canonical form",
                &format!("write `{}`", target.origin),
            ));
        }
        Ok(target.origin)
    }

    /// `https` or `http`.
    pub fn scheme(&self) -> &'static str {
        self.scheme.as_str()
    }

    /// The host in lower case, without a trailing dot.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where it is the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the `Host` header says.
    pub(crate) fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            (*self.host).to_owned()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

// The pool hashes an origin for every request, and the host tells nearly all of them apart.
impl Hash for Origin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.hash(state);
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Text that is not an origin.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{written}` is not an origin: {problem}")]
pub struct InvalidOrigin {
    pub(crate) written: String,
    pub(crate) problem: &'static str,
    pub(crate) mend: String,
}

impl InvalidOrigin {
    /// What to write instead.
    pub fn hint(&self) -> &str {
        &self.mend
    }
}

/// Ports on which HTTP bytes would be taken for another protocol's.
pub(crate) const BLOCKED_PORTS: [u16; 14] = [
    22, 25, 53, 110, 143, 445, 465, 587, 2375, 3306, 5432, 6379, 9200, 11211,
];

/// Last labels that never name a public host: RFC 6761, 6762, 7686, 8375, 9476, and what clouds use inside.
const SPECIAL_SUFFIXES: [&str; 11] = [
    "alt",
    "arpa",
    "home",
    "corp",
    "internal",
    "invalid",
    "lan",
    "local",
    "localhost",
    "onion",
    "test",
];

/// Whether a canonical name is local or special: a single label (search domains, `localhost`, `instance-data`), or one
/// that ends in a special label (which covers `metadata.google.internal` and `home.arpa`).
pub(crate) fn is_special(host: &str) -> bool {
    match host.rsplit_once('.') {
        None => true,
        Some((_, last)) => SPECIAL_SUFFIXES.contains(&last),
    }
}
