use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A key's length in bytes.
const KEY_LIMIT: usize = 64;
/// A value's length in bytes.
const VALUE_LIMIT: usize = 4096;
/// All keys and values together, in bytes: 16 KiB and 256 bytes, as in Auth0's own package.
const TOTAL_LIMIT: usize = 16 * 1024 + 256;
/// How long an entry lasts if nobody says, in milliseconds.
const DEFAULT_TTL: f64 = 900_000.0;
/// The largest number that JavaScript calls a safe integer, 2^53 - 1.
const SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// What an action keeps from run to run: Auth0's `api.cache`, whose order of checks it follows. One for each action of
/// a tenant. Entries live in memory only.
pub struct ActionCache {
    clock: Box<dyn Clock>,
    entries: Mutex<BTreeMap<String, Entry>>,
}

/// A cache's idea of now.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now(&self) -> u64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A value, and when it ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The value.
    pub value: String,
    /// Milliseconds since 1970.
    pub expires_at: u64,
}

/// When an entry is to end. With both, the earlier counts; with neither, it is 15 minutes from now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expiry {
    /// Milliseconds from now.
    pub ttl: Option<f64>,
    /// Milliseconds since 1970.
    pub expires_at: Option<f64>,
}

/// Why the cache did not do it. The names are Auth0's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CacheError {
    /// The key is too long.
    CacheKeySizeExceeded,
    /// The value is too long.
    CacheValueSizeExceeded,
    /// There is no room.
    CacheSizeExceeded,
    /// It would have ended already.
    ItemAlreadyExpired,
    /// The time of its end is none.
    InvalidExpiry,
    /// There is nothing to delete.
    CacheKeyDoesNotExist,
}

impl ActionCache {
    /// An empty cache.
    pub fn new(clock: impl Clock + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            entries: Mutex::default(),
        }
    }

    /// The entry under a key, unless it has ended.
    pub fn get(&self, key: &str) -> Option<Entry> {
        let now = self.clock.now();
        self.entries()
            .get(key)
            .filter(|entry| entry.expires_at > now)
            .cloned()
    }

    /// Keeps a value.
    pub fn set(&self, key: &str, value: &str, expiry: Expiry) -> Result<Entry, CacheError> {
        if key.len() > KEY_LIMIT {
            return Err(CacheError::CacheKeySizeExceeded);
        }
        if value.len() > VALUE_LIMIT {
            return Err(CacheError::CacheValueSizeExceeded);
        }
        let now = self.clock.now();
        let mut entries = self.entries();
        entries.retain(|_, entry| entry.expires_at > now);
        // An overwrite counts both the old value and the new one, as in Auth0's package.
        let used: usize = entries
            .iter()
            .map(|(key, entry)| key.len() + entry.value.len())
            .sum();
        if used + key.len() + value.len() > TOTAL_LIMIT {
            return Err(CacheError::CacheSizeExceeded);
        }
        let expires_at = expiry.resolve(now)?;
        let entry = Entry {
            value: value.to_owned(),
            expires_at,
        };
        entries.insert(key.to_owned(), entry.clone());
        Ok(entry)
    }

    /// Removes an entry.
    pub fn delete(&self, key: &str) -> Result<(), CacheError> {
        let now = self.clock.now();
        let removed = self
            .entries()
            .remove(key)
            .filter(|entry| entry.expires_at > now);
        removed.map(drop).ok_or(CacheError::CacheKeyDoesNotExist)
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        // Every change is one call on the map, so a panic elsewhere leaves it whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ActionCache {
    fn default() -> Self {
        Self::new(SystemClock)
    }
}

impl Expiry {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the numbers are JavaScript's, and checked to be safe integers before they are cast"
    )]
    fn resolve(self, now: u64) -> Result<u64, CacheError> {
        let now = now as f64;
        if self
            .ttl
            .into_iter()
            .chain(self.expires_at)
            .any(|time| !time.is_finite())
        {
            return Err(CacheError::InvalidExpiry);
        }
        let ends = match (self.ttl.map(|ttl| now + ttl), self.expires_at) {
            (Some(one), Some(other)) => one.min(other),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => now + DEFAULT_TTL,
        };
        let ends = ends.floor();
        if ends <= now {
            return Err(CacheError::ItemAlreadyExpired);
        }
        if ends > SAFE_INTEGER {
            return Err(CacheError::InvalidExpiry);
        }
        Ok(ends as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Clone, Default)]
    struct Hands(Arc<AtomicU64>);

    impl Clock for Hands {
        fn now(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn cache_at(now: u64) -> (Hands, ActionCache) {
        let clock = Hands::default();
        clock.0.store(now, Ordering::Relaxed);
        (clock.clone(), ActionCache::new(clock))
    }

    fn expiry(ttl: Option<f64>, expires_at: Option<f64>) -> Expiry {
        Expiry { ttl, expires_at }
    }

    #[test]
    fn entries_end_when_they_should() {
        let (clock, cache) = cache_at(1000);
        for (given, ends) in [
            (expiry(None, None), 901_000),
            (expiry(Some(10.9), None), 1010),
            (expiry(None, Some(2000.7)), 2000),
            (expiry(Some(10.0), Some(2000.0)), 1010),
            (expiry(Some(5000.0), Some(2000.0)), 2000),
        ] {
            assert_eq!(
                cache.set("k", "v", given).unwrap().expires_at,
                ends,
                "{given:?}"
            );
            clock.0.store(ends - 1, Ordering::Relaxed);
            assert_eq!(cache.get("k").unwrap().value, "v");
            clock.0.store(ends, Ordering::Relaxed);
            assert_eq!(cache.get("k"), None);
            assert_eq!(cache.delete("k"), Err(CacheError::CacheKeyDoesNotExist));
            clock.0.store(1000, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let (_, cache) = cache_at(1000);
        for (given, error) in [
            (expiry(Some(f64::NAN), None), CacheError::InvalidExpiry),
            (
                expiry(Some(1.0), Some(f64::INFINITY)),
                CacheError::InvalidExpiry,
            ),
            (expiry(Some(0.0), None), CacheError::ItemAlreadyExpired),
            (expiry(Some(-5.0), None), CacheError::ItemAlreadyExpired),
            (expiry(None, Some(1000.9)), CacheError::ItemAlreadyExpired),
            (expiry(None, Some(1e300)), CacheError::InvalidExpiry),
        ] {
            assert_eq!(cache.set("k", "v", given), Err(error), "{given:?}");
        }
    }

    #[test]
    fn sizes_are_bytes_and_checked_in_order() {
        let (_, cache) = cache_at(1000);
        let set = |key: &str, value: &str| cache.set(key, value, Expiry::default()).err();
        assert_eq!(
            set(&"é".repeat(33), &"x".repeat(5000)),
            Some(CacheError::CacheKeySizeExceeded)
        );
        assert_eq!(
            set("k", &"é".repeat(2049)),
            Some(CacheError::CacheValueSizeExceeded)
        );
        for key in ["a", "b", "c", "d"] {
            assert_eq!(set(key, &"x".repeat(4096)), None);
        }
        // 16,388 bytes are used; 252 remain, and an overwrite counts twice.
        assert_eq!(
            set("e", &"x".repeat(252)),
            Some(CacheError::CacheSizeExceeded)
        );
        assert_eq!(
            set("a", &"x".repeat(252)),
            Some(CacheError::CacheSizeExceeded)
        );
        assert_eq!(set("e", &"x".repeat(251)), None);
        assert_eq!(cache.delete("a"), Ok(()));
        assert_eq!(cache.get("a"), None);
        assert_eq!(set("f", &"x".repeat(4000)), None);
    }
}
