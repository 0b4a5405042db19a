use crate::bindings::phonebox::action::cache::{Entry, Error, Expiry, Host};
use crate::cache::{self, CacheError};
use crate::sandbox::State;

/// Changes to the cache in one run.
const CHANGES: u32 = 20;

impl Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Entry>> {
        Ok(self.capabilities.cache.get(&key).map(Entry::from))
    }

    fn set(
        &mut self,
        key: String,
        value: String,
        expiry: Expiry,
    ) -> wasmtime::Result<Result<Entry, Error>> {
        let expiry = cache::Expiry {
            ttl: expiry.ttl,
            expires_at: expiry.expires_at,
        };
        Ok(self.change().and_then(|()| {
            Ok(self
                .capabilities
                .cache
                .set(&key, &value, expiry)
                .map(Entry::from)?)
        }))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), Error>> {
        Ok(self
            .change()
            .and_then(|()| Ok(self.capabilities.cache.delete(&key)?)))
    }
}

impl State {
    /// Counts one change.
    fn change(&mut self) -> Result<(), Error> {
        self.cache_changes += 1;
        if self.cache_changes > CHANGES {
            Err(Error::MaxSideEffectsExceeded)
        } else {
            Ok(())
        }
    }
}

impl From<cache::Entry> for Entry {
    fn from(entry: cache::Entry) -> Self {
        Self {
            value: entry.value,
            expires_at: entry.expires_at,
        }
    }
}

impl From<CacheError> for Error {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::CacheKeyDoesNotExist => Self::CacheKeyDoesNotExist,
            CacheError::CacheKeySizeExceeded => Self::CacheKeySizeExceeded,
            CacheError::CacheSizeExceeded => Self::CacheSizeExceeded,
            CacheError::CacheValueSizeExceeded => Self::CacheValueSizeExceeded,
            CacheError::InvalidExpiry => Self::InvalidExpiry,
            CacheError::ItemAlreadyExpired => Self::ItemAlreadyExpired,
        }
    }
}
