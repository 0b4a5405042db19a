use std::fmt;
use std::sync::Arc;

use phonebox_store::{Store, StoreError, TenantItem};
use tokio::task::JoinSet;

use super::engine::{DeliveryOptions, Engine, Phase};
use super::error::CannotStart;
use super::root_keys::{CannotRotate, RootKey};
use crate::api_key::ApiKeys;
use crate::draft;
use crate::host::Phonebox;
use crate::keys::Keys;
use crate::tenant::Tenant;
use crate::token::Tokens;

/// Delivers what tenants send, until it is [shut down](Deliveries::shutdown) or dropped. Dropped, it leaves what is under way to
/// whoever opens the store next.
pub struct Deliveries {
    engine: Arc<Engine>,
    tasks: JoinSet<()>,
}

impl Phonebox {
    /// Begins to deliver from a store, whose contents are encrypted with these keys.
    pub async fn start(
        &self,
        store: Store,
        keys: Keys,
        options: DeliveryOptions,
    ) -> Result<Deliveries, CannotStart> {
        let mark = store.mark(keys.new_mark()).await?;
        if keys.read_mark(&mark).is_err() {
            return Err(CannotStart::WrongKeys);
        }
        let engine = Engine::new(self.clone(), store, keys, options);
        let mut tasks = JoinSet::new();
        tasks.spawn(engine.clone().hand_out());
        tasks.spawn(engine.clone().keep_up());
        tasks.spawn(engine.clone().tell_webhooks());
        tasks.spawn(engine.clone().encrypt_anew());
        for _ in 0..draft::AT_ONCE {
            tasks.spawn(engine.clone().build_drafts());
        }
        Ok(Deliveries { engine, tasks })
    }
}

/// What is to be had of [`Deliveries`] without owning them. Cheap to clone.
#[derive(Clone)]
pub struct Handle(Arc<Engine>);

impl Handle {
    /// A tenant of this name. There is nothing to set up: it has what is deployed for it.
    pub fn tenant(&self, name: &str) -> Tenant {
        Tenant::new(self.0.clone(), name)
    }

    /// Tenants that something is kept for, by name, from the one after this.
    pub async fn tenants(
        &self,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<TenantItem>, StoreError> {
        self.0.store.tenants(after, most).await
    }

    /// The keys that callers of an API show.
    pub fn api_keys(&self) -> ApiKeys {
        ApiKeys::new(self.0.store.clone())
    }

    /// What signs tokens. It is read now and then; callers of an API share one.
    pub fn tokens(&self) -> Tokens {
        Tokens::new(self.0.store.clone(), self.0.keys.clone())
    }

    /// The root keys that this process has, the one that encrypts first, and those that something in the store needs.
    pub async fn root_keys(&self) -> Result<Vec<RootKey>, StoreError> {
        self.0.root_keys().await
    }

    /// Reads the root keys again from where they came from, and has everything encrypted anew with the first of them, which goes
    /// on beside the deliveries and, if the process ends, at the next start. Until [`Handle::root_keys`] says that nothing needs an earlier key, that
    /// key is needed.
    pub async fn rotate_root_keys(&self) -> Result<(), CannotRotate> {
        self.0.rotate_root_keys().await
    }

    /// Whether notifications are accepted, and the store can be read and written to.
    pub async fn check(&self) -> Result<bool, StoreError> {
        self.0.store.check().await?;
        Ok(*self.0.phase.borrow() == Phase::Running)
    }

    /// What an operator watches, in the text format of OpenMetrics.
    pub async fn metrics(&self) -> Result<String, StoreError> {
        self.0.metrics().await
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Deliveries {
    /// What is to be had of it without owning it.
    pub fn handle(&self) -> Handle {
        Handle(self.engine.clone())
    }

    /// A tenant of this name. There is nothing to set up: it has what is deployed for it.
    pub fn tenant(&self, name: &str) -> Tenant {
        self.handle().tenant(name)
    }

    /// Accepts nothing more, lets what is under way end, and gives back what does not end in time: whoever opens the store
    /// next tries it again.
    pub async fn shutdown(mut self) {
        self.engine.drain().await;
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.engine.phase.send_replace(Phase::Ending);
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").finish_non_exhaustive()
    }
}
