//! A small store that outlives a run: for an access token, say.
//!
//! It is shared by all runs of this action in one tenant, and best effort: an entry may be gone at
//! any time. The limits are those of Auth0's `api.cache`: keys of 64 bytes, values of 4,096 bytes,
//! 16,640 bytes in all, 20 changes a run.
//!
//! ```
//! use std::time::Duration;
//! use phonebox_sdk::{Outcome, Result, cache, test};
//!
//! # let host = test::Host::new();
//! # let handler = |_event| {
//! cache::set("token", "eyJhbGciOi", Duration::from_secs(600))?;
//! assert_eq!(cache::get("token").as_deref(), Some("eyJhbGciOi"));
//! # Ok(Outcome::sent())
//! # };
//! # host.run(handler, test::event()).unwrap();
//! ```

use std::time::Duration;
use std::{error, fmt};

use crate::host;

/// The value under this key, or none if there is none or it has expired.
pub fn get(key: &str) -> Option<String> {
    host::cache_get(key)
}

/// Keeps a value for this long.
pub fn set(key: &str, value: &str, ttl: Duration) -> Result<(), Error> {
    host::cache_set(key, value, ttl)
}

/// Removes an entry. That there is none is an error, as in Auth0's `api.cache`.
pub fn delete(key: &str) -> Result<(), Error> {
    host::cache_delete(key)
}

/// Why the cache did not change. The names are Auth0's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to delete under this key.
    CacheKeyDoesNotExist,
    /// The key is longer than 64 bytes of UTF-8.
    CacheKeySizeExceeded,
    /// All keys and values together, with this one, are more than 16,640 bytes. Overwriting counts
    /// both old and new.
    CacheSizeExceeded,
    /// The value is longer than 4,096 bytes of UTF-8.
    CacheValueSizeExceeded,
    /// The host could not remove the entry.
    FailedToDeleteCacheRecord,
    /// The host could not keep the entry.
    FailedToSetCacheRecord,
    /// The time to live is longer than a time can be.
    InvalidExpiry,
    /// The time to live is shorter than a millisecond.
    ItemAlreadyExpired,
    /// More than 20 changes in one run.
    MaxSideEffectsExceeded,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CacheKeyDoesNotExist => "the cache has nothing under this key",
            Self::CacheKeySizeExceeded => "the cache key is longer than 64 bytes",
            Self::CacheSizeExceeded => {
                "the cache is full: its entries may have 16,640 bytes in all"
            }
            Self::CacheValueSizeExceeded => "the cache value is longer than 4,096 bytes",
            Self::FailedToDeleteCacheRecord => "the host could not remove the cache entry",
            Self::FailedToSetCacheRecord => "the host could not keep the cache entry",
            Self::InvalidExpiry => "the time to live is too long",
            Self::ItemAlreadyExpired => "the time to live is over before it began",
            Self::MaxSideEffectsExceeded => "a run may change the cache 20 times",
        })
    }
}

impl error::Error for Error {}
