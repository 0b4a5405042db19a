use std::{error, fmt};

use crate::Outcome;

/// Why there is no answer.
///
/// The names are those of `wasi:http`'s error codes where it has one. None of it repeats the URL,
/// a header's value or the body.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// This run has made all the requests that it may.
    BudgetExceeded,
    /// The provider's address refused the connection.
    ConnectionRefused,
    /// The connection ended before the answer was whole.
    ConnectionTerminated,
    /// The provider's address did not answer in time.
    ConnectionTimeout,
    /// The name leads to an address that actions may not reach.
    DestinationIpProhibited,
    /// The name cannot be resolved.
    DnsError,
    /// The name could not be resolved in time.
    DnsTimeout,
    /// This header is not the action's to set, or is malformed.
    HeaderForbidden(String),
    /// The provider does not speak proper HTTP.
    HttpProtocolError,
    /// The host failed.
    InternalError,
    /// The body cannot be written as JSON.
    RequestBodyInvalid,
    /// The request's body is larger than this many bytes.
    RequestBodySize(u64),
    /// No egress rule in `action.toml` allows it: origin, method or path.
    RequestDenied,
    /// The request has too many or too large headers.
    RequestHeaderSectionSize,
    /// The method is not one that actions may use.
    RequestMethodInvalid,
    /// The URL cannot be understood or is not allowed as written.
    RequestUriInvalid,
    /// The answer's body is larger than this many bytes.
    ResponseBodySize(u64),
    /// The answer is compressed although it was not asked to be.
    ResponseContentCoding,
    /// The answer has too many or too large headers.
    ResponseHeaderSectionSize,
    /// The provider took the request and did not answer in time: it may have sent the message.
    ResponseTimeout,
    /// The provider's certificate is not trusted.
    TlsCertificateError,
    /// The encrypted connection could not be set up.
    TlsProtocolError,
}

/// What an [`Error`] is about.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    /// The code or the manifest has to change: nothing was sent.
    Action,
    /// The provider could not be reached: nothing was sent, and another attempt may work.
    Unreached,
    /// The provider cannot be trusted: nothing was sent, and another attempt will not work.
    Untrusted,
    /// The request may have arrived, and there is no telling what came of it.
    Unknown,
    /// The provider answered, and the answer cannot be used. Asking again gives the same.
    Unusable,
}

impl Error {
    /// Whether the same request may work in a later attempt.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind(), Kind::Unreached | Kind::Unknown)
    }

    /// Whether the provider may have sent the message all the same.
    ///
    /// A later attempt, or another provider, may then send a second one. It carries the same code,
    /// so it costs money and does no harm; [`Event::notification_id`](crate::Event) is for
    /// providers that take an idempotency key.
    pub fn may_have_been_sent(&self) -> bool {
        matches!(self.kind(), Kind::Unknown | Kind::Unusable)
    }

    /// The outcome by the general rule, if the provider is to blame: a network failure is retried,
    /// an untrusted certificate or an unusable answer dropped. None if the action is to blame.
    ///
    /// It is what becomes of an error that leaves the handler by `?`.
    ///
    /// ```
    /// use phonebox_sdk::{Outcome, http};
    ///
    /// let refused = http::Error::ConnectionRefused;
    /// assert_eq!(refused.outcome(), Some(Outcome::retry("the provider refused the connection")));
    /// assert_eq!(http::Error::RequestDenied.outcome(), None);
    /// ```
    pub fn outcome(&self) -> Option<Outcome> {
        match self.kind() {
            Kind::Action => None,
            Kind::Unreached | Kind::Unknown => Some(Outcome::retry(self.to_string())),
            Kind::Untrusted | Kind::Unusable => Some(Outcome::drop(self.to_string())),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::BudgetExceeded
            | Self::DestinationIpProhibited
            | Self::HeaderForbidden(_)
            | Self::RequestBodyInvalid
            | Self::RequestBodySize(_)
            | Self::RequestDenied
            | Self::RequestHeaderSectionSize
            | Self::RequestMethodInvalid
            | Self::RequestUriInvalid => Kind::Action,
            Self::ConnectionRefused
            | Self::ConnectionTimeout
            | Self::DnsError
            | Self::DnsTimeout
            | Self::TlsProtocolError => Kind::Unreached,
            Self::TlsCertificateError => Kind::Untrusted,
            Self::ConnectionTerminated
            | Self::HttpProtocolError
            | Self::InternalError
            | Self::ResponseTimeout => Kind::Unknown,
            Self::ResponseBodySize(_)
            | Self::ResponseContentCoding
            | Self::ResponseHeaderSectionSize => Kind::Unusable,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeaderForbidden(name) => {
                return write!(f, "the header `{name}` is malformed or the host's to set");
            }
            Self::RequestBodySize(limit) => {
                return write!(f, "the request's body is larger than {limit} bytes");
            }
            Self::ResponseBodySize(limit) => {
                return write!(f, "the provider's answer is larger than {limit} bytes");
            }
            Self::BudgetExceeded => "this run has made all the requests that it may",
            Self::ConnectionRefused => "the provider refused the connection",
            Self::ConnectionTerminated => "the connection to the provider ended early",
            Self::ConnectionTimeout => "the provider could not be reached in time",
            Self::DestinationIpProhibited => {
                "the URL leads to an address that actions may not reach"
            }
            Self::DnsError => "the provider's name cannot be resolved",
            Self::DnsTimeout => "the provider's name could not be resolved in time",
            Self::HttpProtocolError => "the provider does not speak proper HTTP",
            Self::InternalError => "the host could not make the request",
            Self::RequestBodyInvalid => "the request's body cannot be written as JSON",
            Self::RequestDenied => {
                "the request was denied: no egress rule in action.toml allows it, or a secret is where it may not be"
            }
            Self::RequestHeaderSectionSize => "the request has too many or too large headers",
            Self::RequestMethodInvalid => "actions may not use this method",
            Self::RequestUriInvalid => "the URL cannot be understood or is not allowed as written",
            Self::ResponseContentCoding => "the provider's answer is compressed",
            Self::ResponseHeaderSectionSize => "the provider's answer has too many headers",
            Self::ResponseTimeout => "the provider did not answer in time",
            Self::TlsCertificateError => "the provider's certificate is not trusted",
            Self::TlsProtocolError => "no encrypted connection to the provider could be set up",
        })
    }
}

impl error::Error for Error {}
