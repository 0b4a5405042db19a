use std::fmt;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment, in whole milliseconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Time(u64);

impl Time {
    /// From milliseconds since 1970.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// In milliseconds since 1970.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// How long after another moment this is; none at all if it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

impl From<Time> for SystemTime {
    fn from(time: Time) -> Self {
        UNIX_EPOCH + Duration::from_millis(time.0)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The clock of a store on one machine. It never goes back, whatever is done to the machine's: it is read once, and from there on
/// counts what has really passed. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Kind);

#[derive(Clone)]
enum Kind {
    Real(Arc<OnceLock<(Instant, Time)>>),
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's.
    pub fn real() -> Self {
        Self(Kind::Real(Arc::default()))
    }

    /// One that stands still until it is told to [`advance`](Self::advance), for tests.
    pub fn manual(start: Time) -> Self {
        Self(Kind::Manual(Arc::new(AtomicU64::new(start.0))))
    }

    /// What time it is.
    pub fn now(&self) -> Time {
        match &self.0 {
            Kind::Real(start) => {
                let (began, at) = start.get_or_init(|| (Instant::now(), wall()));
                *at + began.elapsed()
            }
            Kind::Manual(now) => Time(now.load(Ordering::SeqCst)),
        }
    }

    /// Lets time pass. Does nothing to the machine's.
    pub fn advance(&self, span: Duration) {
        if let Kind::Manual(now) = &self.0 {
            now.fetch_add(millis(span), Ordering::SeqCst);
        }
    }

    /// Begins no earlier than `last`, which this clock, or one before it, once told. Gives how far the machine's clock has gone
    /// back.
    pub(crate) fn begin_after(&self, last: Time) -> Option<Duration> {
        match &self.0 {
            Kind::Real(start) => {
                let (_, at) = start.get_or_init(|| (Instant::now(), wall().max(last)));
                Some(at.since(wall())).filter(|behind| *behind > Duration::from_secs(1))
            }
            Kind::Manual(now) => {
                now.fetch_max(last.0, Ordering::SeqCst);
                None
            }
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

fn wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Time(millis(since.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_went_back_goes_on_from_where_it_was() {
        let ahead = wall() + Duration::from_hours(2);
        let clock = Clock::real();
        let behind = clock.begin_after(ahead).unwrap();
        assert!(behind > Duration::from_mins(119), "{behind:?}");
        assert!(clock.now() >= ahead);
        assert_eq!(
            Clock::real().begin_after(wall() - Duration::from_hours(2)),
            None
        );
    }
}
