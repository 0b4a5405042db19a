//! The record of one request: what was decided, where it went, how long it took. Never what it said.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::decision::{self, Decision, Reason};
use crate::error::Error;
use crate::target::Path;

/// What became of one request, kept with the execution.
///
/// It holds no body, no query and no header. What the guest wrote of it stands there at most 128 characters long, and
/// masked by the run's [`Caller`](crate::Caller) unless a rule names the very same.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// What was decided.
    pub decision: Decision,
    /// The method; none where it is not one that can be used.
    pub method: Option<String>,
    /// Scheme, host and port; none where the URL could not be read.
    #[serde(serialize_with = "decision::text")]
    pub origin: Option<Arc<str>>,
    /// The path without the query; none where the URL could not be read.
    pub path: Option<Path>,
    /// The public address that the request went to; none where there was no connection, or where it led to a range that
    /// the operator opened: the inside of a network is not for the action's author.
    pub address: Option<SocketAddr>,
    /// Whether the connection was opened for this request; none where there was no connection.
    pub connection: Option<Connection>,
    /// The response's status.
    pub status: Option<u16>,
    /// Bytes of the request's body that were handed to a connection.
    pub bytes_up: u64,
    /// Bytes of the response's body that were read.
    pub bytes_down: u64,
    /// The names of the action's secrets that were put into the request.
    pub secrets: Vec<String>,
    /// How long it took.
    pub timings: Timings,
    /// Why there was no response.
    pub error: Option<Error>,
    /// Whether the run ended before the request did.
    pub abandoned: bool,
}

impl Exchange {
    /// The record before anything has happened: if nothing does, the request was malformed.
    pub(crate) fn begun() -> Self {
        Self {
            decision: Decision::denied(Reason::Malformed),
            method: None,
            origin: None,
            path: None,
            address: None,
            connection: None,
            status: None,
            bytes_up: 0,
            bytes_down: 0,
            secrets: Vec::new(),
            timings: Timings::default(),
            error: None,
            abandoned: false,
        }
    }
}

/// Whether a connection was there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// Opened for this request.
    New,
    /// Left over from an earlier request of this action and tenant.
    Reused,
}

impl Connection {
    /// The name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Reused => "reused",
        }
    }
}

/// How long each part of an exchange took; none where it did not come to that part. Serialized in whole microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Timings {
    /// Until the name was resolved.
    #[serde(rename = "resolve_us", serialize_with = "micros")]
    pub resolve: Option<Duration>,
    /// Until one address had answered.
    #[serde(rename = "connect_us", serialize_with = "micros")]
    pub connect: Option<Duration>,
    /// The TLS handshake.
    #[serde(rename = "tls_us", serialize_with = "micros")]
    pub tls: Option<Duration>,
    /// From handing over the request to the end of the response's head.
    #[serde(rename = "first_byte_us", serialize_with = "micros")]
    pub first_byte: Option<Duration>,
    /// The whole, from the guest's call to the last byte of the body.
    #[serde(rename = "total_us", serialize_with = "micros")]
    pub total: Option<Duration>,
}

#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
fn micros<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => {
            serializer.serialize_some(&u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
        }
        None => serializer.serialize_none(),
    }
}
