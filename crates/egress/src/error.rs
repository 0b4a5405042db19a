//! Why there is no response.

use std::sync::Arc;

use phonebox_contract::Fault;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::decision::Reason;
use crate::secret::SecretFlaw;
use crate::target::{Path, UriFlaw};

/// Why there is no response. One variant for each of the guest's `http.error`, of the same name.
///
/// The guest gets the name alone. `Display` is one short clause, [`hint`](Self::hint) the mend for the action's author.
/// Neither holds an address, a query, a header's value or what a certificate says. Where they repeat what a guest wrote, the
/// run's [`Caller`](crate::Caller) has masked it. `Serialize` gives `code`, `message`, `hint`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// The run has made all the requests that it may, or moved all the bytes; or its tenant, or all tenants at this
    /// origin, have too many requests under way.
    #[error("the budget for {0} is used up")]
    BudgetExceeded(Budget),
    /// Nobody listens there.
    #[error("the provider refused the connection")]
    ConnectionRefused,
    /// The connection ended before the response did. The provider may have taken the request.
    #[error("the provider ended the connection before its answer was complete")]
    ConnectionTerminated,
    /// No connection in time. The provider did not get the request.
    #[error("the provider could not be connected to in time")]
    ConnectionTimeout,
    /// The name leads to an address that actions may not reach, or the host is an address.
    #[error("the host leads to an address that actions may not reach")]
    DestinationIpProhibited {
        /// The origin as the record shows it, never the address that it leads to.
        origin: Arc<str>,
        /// Whether the host is itself an address.
        literal: bool,
    },
    /// The name does not exist, or has no address.
    #[error("the host's name could not be resolved")]
    DnsError,
    /// No answer from the name server in time.
    #[error("the host's name could not be resolved in time")]
    DnsTimeout,
    /// A header that is not the action's to set, or that is malformed.
    #[error("header `{name}` {flaw}")]
    HeaderForbidden {
        /// Its name, masked, at most 128 characters.
        name: String,
        /// What is wrong with it.
        flaw: HeaderFlaw,
    },
    /// The provider's answer is not HTTP, or ambiguous.
    #[error("the provider's answer is not well-formed HTTP")]
    HttpProtocolError,
    /// phonebox, or its machine.
    #[error("the request could not be made for reasons of the host")]
    InternalError,
    /// The request's body is larger than this many bytes; zero where the method takes no body.
    #[error("the request's body is larger than {0} bytes")]
    RequestBodySize(u64),
    /// No rule allows it, the operator has stopped it, or a secret stands where none may.
    #[error("{}", .0.what())]
    RequestDenied(Box<Denial>),
    /// Too many or too large headers.
    #[error("the request's headers are too many or too large")]
    RequestHeaderSectionSize,
    /// Not one of the six methods.
    #[error("the request's method is not one that can be used")]
    RequestMethodInvalid,
    /// The URL is not allowed as written.
    #[error("the request's URL is not allowed as written: {0}")]
    RequestUriInvalid(UriFlaw),
    /// The answer's body is larger than this many bytes.
    #[error("the provider's answer is larger than {0} bytes")]
    ResponseBodySize(u64),
    /// The answer is compressed although it was not asked to be.
    #[error("the provider's answer is compressed")]
    ResponseContentCoding,
    /// The answer's headers are too many or too large.
    #[error("the headers of the provider's answer are too many or too large")]
    ResponseHeaderSectionSize,
    /// The provider took the request and did not answer in time.
    #[error("the provider took the request and did not answer in time")]
    ResponseTimeout,
    /// The provider's certificate does not prove its name.
    #[error("the provider's certificate was not accepted")]
    TlsCertificateError,
    /// No common TLS version or suite, or a broken handshake.
    #[error("no TLS connection to the provider could be agreed on")]
    TlsProtocolError,
}

impl Error {
    /// The name of the guest's error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BudgetExceeded(_) => "budget-exceeded",
            Self::ConnectionRefused => "connection-refused",
            Self::ConnectionTerminated => "connection-terminated",
            Self::ConnectionTimeout => "connection-timeout",
            Self::DestinationIpProhibited { .. } => "destination-ip-prohibited",
            Self::DnsError => "dns-error",
            Self::DnsTimeout => "dns-timeout",
            Self::HeaderForbidden { .. } => "header-forbidden",
            Self::HttpProtocolError => "http-protocol-error",
            Self::InternalError => "internal-error",
            Self::RequestBodySize(_) => "request-body-size",
            Self::RequestDenied(_) => "request-denied",
            Self::RequestHeaderSectionSize => "request-header-section-size",
            Self::RequestMethodInvalid => "request-method-invalid",
            Self::RequestUriInvalid(_) => "request-uri-invalid",
            Self::ResponseBodySize(_) => "response-body-size",
            Self::ResponseContentCoding => "response-content-coding",
            Self::ResponseHeaderSectionSize => "response-header-section-size",
            Self::ResponseTimeout => "response-timeout",
            Self::TlsCertificateError => "tls-certificate-error",
            Self::TlsProtocolError => "tls-protocol-error",
        }
    }

    /// Whose fault it is, should the run fail of it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::BudgetExceeded(
                Budget::Origin | Budget::TenantConcurrency | Budget::TenantRate,
            )
            | Self::DestinationIpProhibited { .. }
            | Self::RequestDenied(_) => Fault::Policy,
            Self::BudgetExceeded(_)
            | Self::HeaderForbidden { .. }
            | Self::RequestBodySize(_)
            | Self::RequestHeaderSectionSize
            | Self::RequestMethodInvalid
            | Self::RequestUriInvalid(_) => Fault::Action,
            Self::ConnectionRefused
            | Self::ConnectionTerminated
            | Self::ConnectionTimeout
            | Self::DnsError
            | Self::DnsTimeout
            | Self::HttpProtocolError
            | Self::ResponseBodySize(_)
            | Self::ResponseContentCoding
            | Self::ResponseHeaderSectionSize
            | Self::ResponseTimeout
            | Self::TlsCertificateError
            | Self::TlsProtocolError => Fault::Provider,
            Self::InternalError => Fault::Platform,
        }
    }

    /// What the action's author can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::BudgetExceeded(Budget::Concurrency) => {
                "wait for one request to end before the next is made".to_owned()
            }
            Self::BudgetExceeded(
                Budget::Origin | Budget::TenantConcurrency | Budget::TenantRate,
            ) => "ask for a retry; the operator of this phonebox can raise the limit".to_owned(),
            Self::BudgetExceeded(_) => {
                "make fewer or smaller requests in one run; what did not fit can be tried again by \
                 asking for a retry"
                    .to_owned()
            }
            Self::DestinationIpProhibited { literal: true, .. } => {
                "name the host; addresses cannot be allowed".to_owned()
            }
            Self::DestinationIpProhibited { origin, .. } => format!(
                "{origin} leads into a private or reserved network; if that is meant, the operator must \
                 declare the range reachable"
            ),
            Self::DnsError => "check the spelling of the host".to_owned(),
            Self::HeaderForbidden { flaw, .. } => flaw.mend().to_owned(),
            Self::RequestBodySize(0) => "GET and HEAD carry no body; leave it empty".to_owned(),
            Self::RequestBodySize(limit) => format!("send at most {limit} bytes"),
            Self::RequestDenied(denial) => denial.hint(),
            Self::RequestHeaderSectionSize => {
                "send at most 64 headers, 8 KiB in one value and 16 KiB in all".to_owned()
            }
            Self::RequestMethodInvalid => {
                "use GET, POST, PUT, PATCH, DELETE or HEAD, in capitals".to_owned()
            }
            Self::RequestUriInvalid(flaw) => flaw.mend().to_owned(),
            Self::ResponseBodySize(_) => "ask the provider for less, a smaller page say".to_owned(),
            Self::ResponseContentCoding => {
                "phonebox asks for plain answers; turn off forced compression at the provider"
                    .to_owned()
            }
            Self::TlsCertificateError => {
                "check the host; a provider with a private authority needs its root certificate \
                 added by the operator"
                    .to_owned()
            }
            Self::ConnectionRefused
            | Self::ConnectionTerminated
            | Self::ConnectionTimeout
            | Self::DnsTimeout
            | Self::ResponseTimeout => {
                "the provider may be down or slow for the moment; ask for a retry".to_owned()
            }
            Self::HttpProtocolError | Self::TlsProtocolError => {
                "check the host and the port: what answers there does not speak HTTP/1.1 over TLS 1.2 or 1.3"
                    .to_owned()
            }
            Self::ResponseHeaderSectionSize => {
                "what answers there sends more headers than a provider needs; check the host and the path"
                    .to_owned()
            }
            Self::InternalError => return None,
        })
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut error = serializer.serialize_struct("Error", 3)?;
        error.serialize_field("code", self.code())?;
        error.serialize_field("message", &self.to_string())?;
        error.serialize_field("hint", &self.hint())?;
        error.end()
    }
}

/// What was asked for when [`Error::RequestDenied`] came back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// The request's method.
    pub method: String,
    /// The request's origin as the record shows it; none where the scheme alone decided.
    pub origin: Option<Arc<str>>,
    /// The request's path.
    pub path: Option<Path>,
    /// The rule that came nearest, as written.
    pub rule: Option<Arc<str>>,
    /// What is wrong with a secret, where that is why.
    pub secret: Option<SecretFlaw>,
}

impl Denial {
    fn what(&self) -> &'static str {
        match self.secret {
            None => "the request is not allowed",
            Some(_) => "the request is not allowed with its secrets",
        }
    }

    fn hint(&self) -> String {
        let Self {
            reason,
            method,
            origin,
            path,
            rule,
            secret,
        } = self;
        if let Some(flaw) = secret {
            return flaw.hint();
        }
        let origin = origin.as_deref().unwrap_or_default();
        let path = path.as_ref().map(ToString::to_string).unwrap_or_default();
        let rule = rule.as_deref().unwrap_or_default();
        match reason {
            Reason::AmbiguousPath => format!(
                "the path {path} can be read in more than one way; write it without `//`, `.`, `..` \
                 and encoded slashes or dots"
            ),
            Reason::Blocked => {
                "the operator of this phonebox has stopped such requests; ask when they may go on".to_owned()
            }
            Reason::Ceiling => format!(
                "the action's rule `{rule}` allows {method} {origin}{path}, but the operator of this \
                 phonebox does not; ask for it"
            ),
            Reason::Method => format!(
                "`{rule}` does not allow {method}; add it to the rule's `methods` in action.toml"
            ),
            Reason::Path => format!(
                "`{rule}` does not allow {path}; add it to the rule's `paths` in action.toml"
            ),
            Reason::Port => "the port belongs to another protocol and cannot be allowed".to_owned(),
            Reason::Scheme => "use https; plain http is for the operator to allow".to_owned(),
            Reason::SpecialName => format!(
                "{origin} is a local or special name and cannot be allowed; use a name of the public DNS"
            ),
            Reason::Suspended => {
                "the action asked for too many hosts that no rule allows; mend it, and deploy it anew or \
                 wait an hour"
                    .to_owned()
            }
            _ => format!(
                "no rule allows {method} {origin}{path}; allow it in action.toml:\n[[egress]]\norigin = \
                 \"{origin}\"\nmethods = [\"{method}\"]"
            ),
        }
    }
}

/// Which budget is used up: of a run, where nothing else is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Budget {
    /// Bytes of response bodies.
    BytesDown,
    /// Bytes of request bodies.
    BytesUp,
    /// Requests at one time.
    Concurrency,
    /// Requests to this origin at one time, over all tenants.
    Origin,
    /// Requests in all.
    Requests,
    /// Requests of the tenant at one time.
    TenantConcurrency,
    /// Requests of the tenant in a second.
    TenantRate,
}

impl Budget {
    /// Whether others use it up, too: a run that finds nothing left of it may find some later.
    pub fn is_shared(self) -> bool {
        matches!(
            self,
            Self::Origin | Self::TenantConcurrency | Self::TenantRate
        )
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BytesDown => "bytes received",
            Self::BytesUp => "bytes sent",
            Self::Concurrency => "requests at one time",
            Self::Origin => "requests to this origin at one time",
            Self::Requests => "requests",
            Self::TenantConcurrency => "the tenant's requests at one time",
            Self::TenantRate => "the tenant's requests in a second",
        })
    }
}

/// Why a header is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderFlaw {
    /// The rule's auth sets it.
    #[error("is set by the rule's auth")]
    Auth,
    /// The host sets it, or nobody does.
    #[error("is not the action's to set")]
    HostOwned,
    /// The name is not a token of at most 128 bytes.
    #[error("has a malformed name")]
    Name,
    /// The value holds something else than visible ASCII, spaces and tabs.
    #[error("has a malformed value")]
    Value,
}

impl HeaderFlaw {
    fn mend(self) -> &'static str {
        match self {
            Self::Auth => "leave it out; phonebox signs the request as action.toml says",
            Self::HostOwned => "leave it out; phonebox sets what the connection needs",
            Self::Name => "use letters, digits and hyphens, at most 128",
            Self::Value => {
                "use visible ASCII, spaces and tabs; a line break in a secret is the usual cause"
            }
        }
    }
}
