//! What several hold at a time, by name, and what is forgotten when nobody does.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub(crate) struct Registry<K: Eq + Hash, V>(Mutex<HashMap<K, Weak<Shared<K, V>>>>);

/// A value of a registry, for as long as somebody holds it.
pub(crate) struct Shared<K: Eq + Hash, V> {
    pub(crate) key: K,
    value: V,
    registry: Weak<Registry<K, V>>,
}

impl<K: Clone + Eq + Hash, V> Registry<K, V> {
    /// The value of this name: the one that others hold, or else a new one.
    pub(crate) fn get(self: &Arc<Self>, key: &K, make: impl FnOnce() -> V) -> Arc<Shared<K, V>> {
        let mut held = self.held();
        if let Some(shared) = held.get(key).and_then(Weak::upgrade) {
            return shared;
        }
        let shared = Arc::new(Shared {
            key: key.clone(),
            value: make(),
            registry: Arc::downgrade(self),
        });
        held.insert(key.clone(), Arc::downgrade(&shared));
        shared
    }

    /// All that somebody holds.
    pub(crate) fn all(&self) -> Vec<Arc<Shared<K, V>>> {
        // Collected, since the last to let go of one asks for the lock.
        self.held().values().filter_map(Weak::upgrade).collect()
    }
}

impl<K: Eq + Hash, V> Registry<K, V> {
    fn held(&self) -> MutexGuard<'_, HashMap<K, Weak<Shared<K, V>>>> {
        // Each change is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Default for Registry<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> Deref for Shared<K, V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.value
    }
}

impl<K: Eq + Hash, V> Drop for Shared<K, V> {
    fn drop(&mut self) {
        let Some(registry) = self.registry.upgrade() else {
            return;
        };
        let mut held = registry.held();
        // Another may have come in its place.
        if held
            .get(&self.key)
            .is_some_and(|shared| shared.strong_count() == 0)
        {
            held.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_as_long_as_somebody_holds_it() {
        let registry = Arc::new(Registry::default());
        let [acme, again] = [1, 2].map(|value| registry.get(&"acme", || value));
        assert!(Arc::ptr_eq(&acme, &again));
        let other = registry.get(&"other", || 3);
        assert_eq!((**acme, **other), (1, 3));
        drop((acme, other));
        assert_eq!(
            registry.all().iter().map(|one| one.key).collect::<Vec<_>>(),
            ["acme"]
        );
        drop(again);
        assert!(registry.held().is_empty());
        assert_eq!(**registry.get(&"acme", || 4), 4);
    }
}
