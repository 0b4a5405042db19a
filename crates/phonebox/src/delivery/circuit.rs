//! A provider that keeps failing is left alone for seconds: what waits for it is put off, and one attempt at a time tries.
//!
//! It stands before a run, and not at the door that its requests go through. An action that is refused a request of its only
//! provider can but give up, and another one has a second provider to turn to, which it reaches as long as it runs. What is put
//! off was never sent, used up none of its attempts and holds no slot. What would expire meanwhile is tried all the same: what
//! is put off is late by seconds, and never lost to it.
//!
//! Before a run nobody knows where it will go, and so a circuit is an action's, of one tenant, and names the origin at which its
//! attempts end. What another origin accepted counts as accepted, and closes it.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use phonebox_contract::Outcome;
use phonebox_egress::Error;
use phonebox_runtime::{Report, RunError};
use phonebox_store::{Leased, Time};

/// Circuits that are remembered. Of more, the one that was used longest ago is taken to be closed.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("it is not zero");
/// How long it is left alone at first. Twice as long after each attempt that fails, up to the longest.
const FIRST: Duration = Duration::from_secs(1);
/// How long an attempt may be the one that tries, before another one may.
const PROBE: Duration = Duration::from_secs(30);
/// What expires this soon after it could be tried again is tried now.
const LAST_CHANCE: Duration = Duration::from_secs(5);

/// When a failing provider is left alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CircuitOptions {
    /// Attempts of one tenant's action that fail one after another, at the same origin, before it is left alone. None: it never
    /// is. Default: 5.
    pub failures: Option<u32>,
    /// The longest that it is left alone before an attempt tries again. Default: 5 s.
    pub longest: Duration,
}

impl Default for CircuitOptions {
    fn default() -> Self {
        Self {
            failures: Some(5),
            longest: Duration::from_secs(5),
        }
    }
}

/// A provider that is left alone by one tenant's action.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LeftAlone {
    /// The origin at which attempts fail.
    pub origin: Arc<str>,
    /// When the next attempt tries, unless one does already and ends before.
    pub until: Time,
}

pub(super) struct Circuits {
    options: CircuitOptions,
    of: Mutex<LruCache<(String, String), Circuit>>,
}

struct Circuit {
    origin: Arc<str>,
    /// Attempts that failed one after another.
    failures: u32,
    open: Option<Open>,
}

struct Open {
    /// How long it is left alone.
    wait: Duration,
    /// Until then.
    until: Time,
    /// Whether an attempt tries meanwhile.
    probed: bool,
}

/// What a run says about the provider.
enum Verdict {
    /// It answered.
    Up,
    /// It failed, at this origin.
    Failing(Arc<str>),
    /// Nothing.
    Unknown,
}

impl Circuits {
    pub(super) fn new(options: CircuitOptions) -> Self {
        Self {
            options,
            of: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// How long an attempt is to be put off; none: it is to be made.
    pub(super) fn wait(&self, leased: &Leased, now: Time) -> Option<Duration> {
        let mut circuits = self.circuits();
        let circuit = circuits.get_mut(&key(&leased.tenant, &leased.action))?;
        let open = circuit.open.as_mut()?;
        if open.until <= now {
            open.probed = true;
            open.until = now + PROBE;
            return None;
        }
        let wait = if open.probed {
            open.wait
        } else {
            open.until.since(now)
        };
        (now + wait + LAST_CHANCE < leased.expires_at).then_some(wait)
    }

    /// An attempt has been made; none where there was no run. Says whether the provider is left alone from now on, or no longer.
    pub(super) fn ended(
        &self,
        leased: &Leased,
        report: Option<&Report>,
        now: Time,
    ) -> Option<bool> {
        let most = self.options.failures?;
        let key = key(&leased.tenant, &leased.action);
        let mut circuits = self.circuits();
        match report.map_or(Verdict::Unknown, verdict) {
            Verdict::Up => {
                let was_open = circuits.pop(&key)?.open.is_some();
                was_open.then_some(false)
            }
            Verdict::Failing(origin) => {
                let circuit = circuits.get_or_insert_mut(key, || Circuit {
                    origin: origin.clone(),
                    failures: 0,
                    open: None,
                });
                if circuit.origin != origin {
                    (circuit.origin, circuit.failures) = (origin, 0);
                }
                circuit.failures = circuit.failures.saturating_add(1);
                let longest = self.options.longest;
                match &mut circuit.open {
                    None if circuit.failures >= most => {
                        let wait = FIRST.min(longest);
                        circuit.open = Some(Open {
                            wait,
                            until: now + wait,
                            probed: false,
                        });
                        return Some(true);
                    }
                    Some(open) if open.probed => {
                        open.wait = (open.wait * 2).min(longest);
                        open.until = now + open.wait;
                        open.probed = false;
                    }
                    // It had begun before.
                    Some(_) | None => {}
                }
                None
            }
            Verdict::Unknown => {
                let open = circuits.get_mut(&key)?.open.as_mut();
                if let Some(open) = open.filter(|open| open.probed) {
                    open.probed = false;
                    open.until = now;
                }
                None
            }
        }
    }

    /// Whether the provider of a tenant's action is left alone.
    pub(super) fn left_alone(&self, tenant: &str, action: &str) -> Option<LeftAlone> {
        let circuits = self.circuits();
        let circuit = circuits.peek(&key(tenant, action))?;
        circuit.open.as_ref().map(|open| LeftAlone {
            origin: circuit.origin.clone(),
            until: open.until,
        })
    }

    /// How many there are that are left alone.
    pub(super) fn open(&self) -> usize {
        let circuits = self.circuits();
        circuits
            .iter()
            .filter(|(_, circuit)| circuit.open.is_some())
            .count()
    }

    fn circuits(&self) -> MutexGuard<'_, LruCache<(String, String), Circuit>> {
        // Each change is whole.
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(tenant: &str, action: &str) -> (String, String) {
    (tenant.to_owned(), action.to_owned())
}

fn verdict(report: &Report) -> Verdict {
    if matches!(report.result, Ok(Outcome::Sent { .. })) {
        return Verdict::Up;
    }
    let Some(last) = report.exchanges.last() else {
        return Verdict::Unknown;
    };
    let failing = match (&last.error, last.status) {
        (
            Some(
                Error::ConnectionRefused
                | Error::ConnectionTerminated
                | Error::ConnectionTimeout
                | Error::DnsError
                | Error::DnsTimeout
                | Error::HttpProtocolError
                | Error::ResponseTimeout
                | Error::TlsCertificateError
                | Error::TlsProtocolError,
            ),
            _,
        ) => true,
        (_, Some(status)) => status >= 500,
        (None, None) => {
            last.abandoned && matches!(report.result, Err(RunError::DeadlineExceeded { .. }))
        }
        (Some(_), None) => return Verdict::Unknown,
    };
    match (failing, &last.origin) {
        (true, Some(origin)) => Verdict::Failing(origin.clone()),
        (false, _) if last.status.is_some() => Verdict::Up,
        _ => Verdict::Unknown,
    }
}
