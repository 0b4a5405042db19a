//! Which action delivers what a tenant sends.

use std::sync::Arc;

use phonebox_contract::DeliveryMethod;
use phonebox_store::StoreError;
use tokio::sync::Mutex;

use super::engine::{Engine, lock};
use super::error::CannotLoad;
use crate::action::Action;
use crate::host::Deployment;
use crate::provider::{Provider, ProviderName, TWILIO, is_complete, twilio_secrets};
use crate::tenant::SendError;

/// Where what a tenant sends goes, by its phone provider or, where it has none, by what is bound.
pub(crate) struct Route {
    /// The action.
    to: To,
    /// Nothing is sent.
    disabled: bool,
    /// What it delivers; none: everything.
    methods: Option<Vec<DeliveryMethod>>,
}

enum To {
    Action(String),
    Nobody,
    /// To the built-in action, which is not there.
    NoTwilio,
    /// To the built-in action, which lacks something.
    Incomplete,
}

/// A route, once somebody has looked for it. Who comes meanwhile waits for that.
pub(super) type Known = Arc<Mutex<Option<Arc<Route>>>>;

impl Route {
    /// The action, for a message of this kind.
    pub(super) fn action(&self, tenant: &str, method: DeliveryMethod) -> Result<&str, SendError> {
        if self.disabled {
            return Err(SendError::ProviderDisabled);
        }
        let others = self.methods.as_ref();
        if others.is_some_and(|methods| !methods.contains(&method)) {
            return Err(SendError::MethodNotOffered(method));
        }
        match &self.to {
            To::Action(action) => Ok(action),
            To::Nobody => Err(SendError::NoAction(tenant.to_owned())),
            To::NoTwilio => Err(SendError::NoTwilio),
            To::Incomplete => Err(SendError::ProviderIncomplete),
        }
    }
}

impl Engine {
    /// Where what a tenant sends goes.
    pub(super) async fn route(&self, tenant: &str) -> Result<Arc<Route>, StoreError> {
        let known = lock(&self.routes)
            .get_or_insert(tenant.to_owned(), Known::default)
            .clone();
        let mut known = known.lock().await;
        if let Some(route) = &*known {
            return Ok(route.clone());
        }
        let route = Arc::new(self.find_route(tenant).await?);
        if let To::Action(_) = route.to {
            *known = Some(route.clone());
        }
        Ok(route)
    }

    /// Loads the action that delivers what a tenant sends, if there is one.
    pub(crate) async fn warm_up(&self, tenant: &str) -> Result<(), CannotLoad> {
        if let To::Action(action) = &self.route(tenant).await?.to {
            self.deployment(tenant, action).await?;
        }
        Ok(())
    }

    /// What a tenant sends may go elsewhere from now on.
    pub(crate) fn rerouted(&self, tenant: &str) {
        // Who looks meanwhile may find what was: nobody else will.
        lock(&self.routes).pop(tenant);
    }

    async fn find_route(&self, tenant: &str) -> Result<Route, StoreError> {
        let provider = self.store.phone_provider(tenant).await?;
        let has_token = provider.as_ref().is_some_and(|kept| kept.sealed.is_some());
        let provider = provider.map(Provider::read).transpose()?;
        let configuration = provider
            .as_ref()
            .and_then(|provider| provider.configuration.as_ref());
        let to = match provider.as_ref().map(|provider| provider.name) {
            Some(ProviderName::Twilio) => {
                if self.twilio().is_none() {
                    To::NoTwilio
                } else if has_token && configuration.is_some_and(is_complete) {
                    To::Action(TWILIO.to_owned())
                } else {
                    To::Incomplete
                }
            }
            Some(ProviderName::Custom) | None => {
                let bound = self.store.bound(tenant).await?;
                bound.map_or(To::Nobody, To::Action)
            }
        };
        Ok(Route {
            to,
            disabled: provider.as_ref().is_some_and(|provider| provider.disabled),
            methods: configuration.map(|configuration| configuration.delivery_methods.clone()),
        })
    }

    /// The built-in action for Twilio.
    pub(crate) fn twilio(&self) -> Option<&Action> {
        self.options.twilio.as_ref()
    }

    /// The built-in action, with a tenant's credentials.
    pub(super) async fn load_twilio(&self, tenant: &str) -> Result<Deployment, CannotLoad> {
        let action = self.twilio().ok_or(CannotLoad::NoProvider)?.clone();
        let kept = self.store.phone_provider(tenant).await?;
        let kept = kept.ok_or(CannotLoad::NoProvider)?;
        let mut secrets = twilio_secrets(&self.keys, tenant, kept)?;
        secrets.retain(|(name, _)| action.manifest().secrets.contains_key(name));
        let (phonebox, tenant) = (self.phonebox.clone(), tenant.to_owned());
        let load = move || phonebox.deploy(&tenant, &action, secrets.into_iter().collect());
        let loaded = tokio::task::spawn_blocking(load).await;
        Ok(loaded.map_err(|_| CannotLoad::ShuttingDown)??)
    }
}
