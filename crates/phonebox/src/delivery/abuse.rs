//! Limits on what costs money and reaches people: messages to one number, of one tenant, to expensive places.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use phonebox_store::Time;

/// Numbers and tenants that are remembered. Who makes more of them known makes the oldest forgotten.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(200_000).expect("it is not zero");

/// At most so many within so much time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// How many.
    pub most: u32,
    /// Within how much time.
    pub within: Duration,
}

/// What may be sent to whom, and how often. Counted in memory: a process that starts anew begins to count anew.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AbuseLimits {
    /// Messages of one tenant to one number.
    pub number: Vec<Rate>,
    /// Messages to one number, over all tenants.
    pub number_overall: Vec<Rate>,
    /// Messages of one tenant.
    pub tenant: Vec<Rate>,
    /// How numbers have to begin, as in `+41`. None: in any way.
    pub allowed_prefixes: Vec<String>,
    /// How numbers may not begin.
    pub denied_prefixes: Vec<String>,
}

/// Why a notification was not accepted: it was too many, or goes where none may go.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Too many to this number.
    #[error("too many messages went to this number")]
    Number {
        /// When there may be another one.
        after: Duration,
    },
    /// Too many of this tenant.
    #[error("the tenant has sent as many messages as it may")]
    Tenant {
        /// When there may be another one.
        after: Duration,
    },
    /// No messages go to numbers that begin like this.
    #[error("no messages are sent to numbers of this kind")]
    Prefix,
}

impl Refused {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Number { .. } | Self::Tenant { .. } => {
                "wait; the operator's [abuse] settings say how many there may be"
            }
            Self::Prefix => "the operator's [abuse] settings say which numbers are reached",
        }
    }

    /// How long to wait, where that helps.
    pub fn after(&self) -> Option<Duration> {
        match self {
            Self::Number { after } | Self::Tenant { after } => Some(*after),
            Self::Prefix => None,
        }
    }
}

impl AbuseLimits {
    /// Nothing is limited.
    pub fn none() -> Self {
        Self::default()
    }

    /// What suits codes for people: a number gets one in 30 s, five in an hour and ten in a day, and twenty in a day of all
    /// tenants together; numbers that cost whoever calls them are not reached.
    pub fn standard() -> Self {
        let rate = |most, within| Rate { most, within };
        let (hour, day) = (Duration::from_hours(1), Duration::from_hours(24));
        // Premium, shared-cost, personal and satellite numbers.
        let denied = [
            "+1900", "+4470", "+449", "+808", "+870", "+881", "+882", "+883", "+979",
        ];
        Self {
            number: vec![
                rate(1, Duration::from_secs(30)),
                rate(5, hour),
                rate(10, day),
            ],
            number_overall: vec![rate(20, day)],
            tenant: Vec::new(),
            allowed_prefixes: Vec::new(),
            denied_prefixes: denied.map(str::to_owned).to_vec(),
        }
    }
}

/// Whose messages are counted. Numbers are known by a keyed hash.
#[derive(Clone, Eq, Hash, PartialEq)]
enum Whose {
    Number(String, [u8; 32]),
    NumberOverall([u8; 32]),
    Tenant(String),
}

pub(super) struct Counts {
    limits: AbuseLimits,
    counts: Mutex<LruCache<Whose, Vec<Time>>>,
}

/// One message, counted. Taken back when it is dropped before it was [kept](Self::keep).
pub(super) struct Counted<'a> {
    counts: &'a Counts,
    whose: Vec<Whose>,
    at: Time,
}

impl Counts {
    pub(super) fn new(limits: AbuseLimits) -> Self {
        Self {
            limits,
            counts: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// Counts a message, if there may be another one.
    pub(super) fn count(
        &self,
        tenant: &str,
        number: &str,
        hash: impl FnOnce() -> [u8; 32],
        now: Time,
    ) -> Result<Counted<'_>, Refused> {
        let limits = &self.limits;
        let begins = |prefixes: &[String]| prefixes.iter().any(|prefix| number.starts_with(prefix));
        let allowed = limits.allowed_prefixes.is_empty() || begins(&limits.allowed_prefixes);
        if !allowed || begins(&limits.denied_prefixes) {
            return Err(Refused::Prefix);
        }
        let mut counted = Counted {
            counts: self,
            whose: Vec::new(),
            at: now,
        };
        if limits.number.is_empty() && limits.number_overall.is_empty() && limits.tenant.is_empty()
        {
            return Ok(counted);
        }
        let hash = hash();
        let all = [
            (Whose::Number(tenant.to_owned(), hash), &limits.number),
            (Whose::NumberOverall(hash), &limits.number_overall),
            (Whose::Tenant(tenant.to_owned()), &limits.tenant),
        ];
        let mut counts = self.counts();
        for (whose, rates) in &all {
            let times = counts.get_mut(whose);
            if let Some(after) = times.and_then(|times| wait(times, rates, now)) {
                return Err(match whose {
                    Whose::Tenant(_) => Refused::Tenant { after },
                    Whose::Number(..) | Whose::NumberOverall(_) => Refused::Number { after },
                });
            }
        }
        for (whose, _) in all.into_iter().filter(|(_, rates)| !rates.is_empty()) {
            let times = counts.get_or_insert_mut(whose.clone(), Vec::new);
            times.push(now);
            counted.whose.push(whose);
        }
        Ok(counted)
    }

    fn counts(&self) -> MutexGuard<'_, LruCache<Whose, Vec<Time>>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long until there may be another one, if there may be none now. Forgets what no rate asks for.
fn wait(times: &mut Vec<Time>, rates: &[Rate], now: Time) -> Option<Duration> {
    let longest = rates.iter().map(|rate| rate.within).max()?;
    times.retain(|time| *time + longest > now);
    let waits = rates.iter().filter_map(|rate| {
        let within = times.iter().filter(|time| **time + rate.within > now);
        let within: Vec<_> = within.collect();
        // The one that has to be forgotten first.
        let over = (within.len() + 1).checked_sub(rate.most.max(1) as usize)?;
        let first = within.get(over.checked_sub(1)?)?;
        Some((**first + rate.within).since(now))
    });
    waits.max()
}

impl Counted<'_> {
    /// It was sent.
    pub(super) fn keep(mut self) {
        self.whose.clear();
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.whose.is_empty() {
            return;
        }
        let mut counts = self.counts.counts();
        for whose in &self.whose {
            if let Some(times) = counts.get_mut(whose)
                && let Some(at) = times.iter().rposition(|time| *time == self.at)
            {
                times.remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "+14155550100";

    fn at(seconds: u64) -> Time {
        Time::from_millis(1_700_000_000_000) + Duration::from_secs(seconds)
    }

    fn count(counts: &Counts, tenant: &str, number: &str, now: u64) -> Result<(), Refused> {
        let hash = || {
            let mut hash = [0; 32];
            hash[..number.len()].copy_from_slice(number.as_bytes());
            hash
        };
        counts
            .count(tenant, number, hash, at(now))
            .map(Counted::keep)
    }

    #[test]
    fn q10_a_number_gets_so_many_and_no_more() {
        let counts = Counts::new(AbuseLimits::standard());
        let refused = |seconds| {
            Err(Refused::Number {
                after: Duration::from_secs(seconds),
            })
        };
        assert_eq!(count(&counts, "acme", NUMBER, 0), Ok(()));
        assert_eq!(count(&counts, "acme", NUMBER, 10), refused(20));
        // Of another tenant, and to another number.
        assert_eq!(count(&counts, "other", NUMBER, 10), Ok(()));
        assert_eq!(count(&counts, "acme", "+14155550101", 10), Ok(()));
        for minute in 1..5 {
            assert_eq!(count(&counts, "acme", NUMBER, minute * 60), Ok(()));
        }
        // Five within an hour: the first has to be an hour ago.
        assert_eq!(count(&counts, "acme", NUMBER, 300), refused(3300));
        assert_eq!(count(&counts, "acme", NUMBER, 3600), Ok(()));
        // Over all tenants, twenty in a day.
        for tenant in 0..13 {
            assert_eq!(count(&counts, &format!("t{tenant}"), NUMBER, 4000), Ok(()));
        }
        assert_eq!(
            count(&counts, "too-many", NUMBER, 4000),
            refused(24 * 3600 - 4000)
        );
    }

    #[test]
    fn what_was_not_accepted_does_not_count() {
        let counts = Counts::new(AbuseLimits::standard());
        let failed = counts.count("acme", NUMBER, || [1; 32], at(0));
        drop(failed.unwrap());
        assert!(counts.count("acme", NUMBER, || [1; 32], at(0)).is_ok());
    }

    #[test]
    fn numbers_that_cost_are_not_reached() {
        let mut limits = AbuseLimits::standard();
        let to =
            |limits: &AbuseLimits, number| count(&Counts::new(limits.clone()), "acme", number, 0);
        assert_eq!(to(&limits, "+19005550100"), Err(Refused::Prefix));
        assert_eq!(to(&limits, "+447700900123"), Ok(()));
        limits.allowed_prefixes = vec!["+41".to_owned()];
        assert_eq!(to(&limits, "+41791234567"), Ok(()));
        assert_eq!(to(&limits, NUMBER), Err(Refused::Prefix));
        assert_eq!(to(&AbuseLimits::none(), "+19005550100"), Ok(()));
    }

    #[test]
    fn a_tenant_has_so_many() {
        let limits = AbuseLimits {
            tenant: vec![Rate {
                most: 2,
                within: Duration::from_mins(1),
            }],
            ..AbuseLimits::none()
        };
        let counts = Counts::new(limits);
        assert_eq!(count(&counts, "acme", "+1415555001", 0), Ok(()));
        assert_eq!(count(&counts, "acme", "+1415555002", 20), Ok(()));
        let after = Duration::from_secs(30);
        assert_eq!(
            count(&counts, "acme", "+1415555003", 30),
            Err(Refused::Tenant { after })
        );
        assert_eq!(count(&counts, "other", "+1415555003", 30), Ok(()));
        assert_eq!(count(&counts, "acme", "+1415555003", 60), Ok(()));
    }
}
