//! Tenants' settings at hand: every notification is accepted by them.

use std::sync::Arc;

use phonebox_store::StoreError;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::engine::{Engine, lock};
use crate::settings::{Settings, SettingsError};

/// Settings, once somebody has read them. Who comes meanwhile waits for that.
pub(super) type Known = Arc<Mutex<Option<Arc<Settings>>>>;

impl Engine {
    pub(crate) async fn settings(&self, tenant: &str) -> Result<Arc<Settings>, StoreError> {
        let known = lock(&self.settings)
            .get_or_insert_ref(tenant, Known::default)
            .clone();
        let mut known = known.lock().await;
        if let Some(settings) = &*known {
            return Ok(settings.clone());
        }
        let kept = self.store.settings(tenant).await?;
        let settings = Arc::new(kept.as_deref().map(read).unwrap_or_default());
        Ok(known.insert(settings).clone())
    }

    pub(crate) async fn change_settings(
        &self,
        tenant: &str,
        changes: &Map<String, Value>,
    ) -> Result<Settings, SettingsError> {
        loop {
            let was = self.store.settings(tenant).await?;
            let settings = was.as_deref().map(read).unwrap_or_default();
            let settings = settings.with(changes)?;
            let text = serde_json::to_string(&settings).unwrap_or_default();
            let replaced = self.store.replace_settings(tenant, was, text).await;
            // Who reads them now has what was there, and keeps it for nobody else.
            lock(&self.settings).pop(tenant);
            // Somebody else may have changed them meanwhile.
            if replaced? {
                return Ok(settings);
            }
        }
    }
}

/// They were written as they are read.
fn read(text: &str) -> Settings {
    serde_json::from_str(text).unwrap_or_else(|error| {
        tracing::error!(%error, "a tenant's settings cannot be read");
        Settings::default()
    })
}
