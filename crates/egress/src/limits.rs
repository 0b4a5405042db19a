//! How much one request, and one run, may use.

use std::time::Duration;

/// Bounds on requests. `Default` gives the values named at each field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Requests in one run, denied ones too: 5.
    pub requests: u32,
    /// Requests of one run at one time: 2. One more is an error, not a wait.
    pub concurrent: u32,
    /// Bytes of request bodies in one run: 1 MiB.
    pub bytes_up: u64,
    /// Bytes of response bodies in one run: 1 MiB.
    pub bytes_down: u64,
    /// Bytes of one request's body: 256 KiB.
    pub request_body: usize,
    /// Bytes of one response's body: 256 KiB. At most about 32 KiB more are read before the connection is closed.
    pub response_body: usize,
    /// Bytes of one response's head: 32 KiB. Not below 8 KiB.
    pub response_head: usize,
    /// Fields in one response's head: 100.
    pub response_fields: usize,
    /// Looking up a name: 2 s.
    pub resolve: Duration,
    /// Connecting, over all addresses tried: 3 s.
    pub connect: Duration,
    /// The TLS handshake: 3 s.
    pub tls: Duration,
    /// From sending the request to the end of the response's head: 10 s.
    pub first_byte: Duration,
    /// Between two pieces of the response's body: 5 s.
    pub between_bytes: Duration,
    /// Bytes a second at which a body must come once it has begun: 256.
    pub rate: u32,
    /// How long a body may be slower: 2 s.
    pub rate_after: Duration,
    /// All of one request, body included: 12 s. The request's own timeout and the run's deadline may shorten it, to no
    /// less than 1 ms.
    pub total: Duration,
    /// Idle connections kept for one origin, within one [`Outbound`](crate::Outbound): 16. Fewer make a burst dial anew,
    /// handshake and all.
    pub idle_connections: usize,
    /// How long an idle connection is kept: 15 s.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 5,
            concurrent: 2,
            bytes_up: 1024 * 1024,
            bytes_down: 1024 * 1024,
            request_body: 256 * 1024,
            response_body: 256 * 1024,
            response_head: 32 * 1024,
            response_fields: 100,
            resolve: Duration::from_secs(2),
            connect: Duration::from_secs(3),
            tls: Duration::from_secs(3),
            first_byte: Duration::from_secs(10),
            between_bytes: Duration::from_secs(5),
            rate: 256,
            rate_after: Duration::from_secs(2),
            total: Duration::from_secs(12),
            idle_connections: 16,
            idle: Duration::from_secs(15),
        }
    }
}
