//! How much one request, one run, one tenant and one origin may use.

use std::time::Duration;

use tokio::sync::Semaphore;

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
    /// How long a denial takes at the least, from the guest's call on: 50 ms. Then its time does not tell how far the
    /// request came. Zero: as long as it takes.
    pub denial: Duration,
    /// How long the answer of a name server is kept, or that there was none: 5 s. Zero: not at all. An answer of the
    /// operator's own is never kept.
    pub answers_kept: Duration,
    /// Names that one tenant's actions look up at one time: 4. One more waits. Each holds a thread of the system's resolver
    /// until it has an answer, which may be long after the request has given up.
    pub lookups: usize,
    /// Names that all tenants' actions look up at one time: 256, so many threads. Half of them are kept for tenants that look
    /// nothing else up, so that a few tenants with dead names do not keep the others waiting.
    pub all_lookups: usize,
    /// Requests of one tenant at one time: 50. One more is an error.
    pub tenant_concurrent: u32,
    /// Requests of one tenant in a second: 100, and as many at once after a second's rest. One more is an error.
    pub tenant_rate: u32,
    /// Origins that one [`Outbound`](crate::Outbound) may ask for within an hour and be denied: 1,000. The last one
    /// suspends it until the hour is over.
    pub denied_origins: usize,
    /// Requests to one origin at one time, over all tenants: 200, so that no tenant alone can take an origin from the
    /// others. One more is an error. A provider that counts requests by address counts them all as ours.
    pub origin_concurrent: u32,
    /// Idle connections kept for one origin, within one [`Outbound`](crate::Outbound): 16. Fewer make a burst dial anew,
    /// handshake and all.
    pub idle_connections: usize,
    /// How long an idle connection is kept: 15 s.
    pub idle: Duration,
}

/// Longest time limit: far above any use, far below what overflows a clock.
const LONGEST: Duration = Duration::from_hours(1);

impl Limits {
    /// Says what about them cannot be kept.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let needed = [
            self.resolve,
            self.connect,
            self.tls,
            self.first_byte,
            self.between_bytes,
            self.total,
        ];
        let optional = [self.answers_kept, self.denial, self.idle, self.rate_after];
        if self.response_head < 8 * 1024 {
            return Err("response_head is below 8 KiB");
        }
        if self.rate == 0 {
            return Err("rate is zero");
        }
        if self.tenant_rate == 0 {
            return Err("tenant_rate is zero");
        }
        if self.lookups == 0 || self.lookups > Semaphore::MAX_PERMITS {
            return Err("lookups is zero, or too many");
        }
        if self.all_lookups < 2 || self.all_lookups > Semaphore::MAX_PERMITS {
            return Err("all_lookups is below 2, or too many");
        }
        if needed.iter().any(Duration::is_zero)
            || needed.iter().chain(&optional).any(|limit| *limit > LONGEST)
        {
            return Err("a time limit is zero or longer than an hour");
        }
        Ok(())
    }
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
            denial: Duration::from_millis(50),
            answers_kept: Duration::from_secs(5),
            lookups: 4,
            all_lookups: 256,
            tenant_concurrent: 50,
            tenant_rate: 100,
            denied_origins: 1000,
            origin_concurrent: 200,
            idle_connections: 16,
            idle: Duration::from_secs(15),
        }
    }
}
