use std::collections::BTreeMap;
use std::sync::Arc;

use phonebox_contract::Sensitive;
use phonebox_egress::Outbound;

use crate::cache::ActionCache;
use crate::shares::Share;

/// All that a run may reach. Nothing else is there.
#[derive(Clone)]
pub struct Capabilities {
    /// The action's secrets.
    pub secrets: Arc<Secrets>,
    /// The action's cache, shared by its runs.
    pub cache: Arc<ActionCache>,
    /// The way out.
    pub outbound: Outbound,
    /// What its tenant may have of this process.
    pub share: Share,
}

/// An action's secrets, by name.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<String, Sensitive>);

impl Secrets {
    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The secret of this name.
    pub fn get(&self, name: &str) -> Option<&Sensitive> {
        self.0.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.reveal()))
    }
}

impl<N: Into<String>, V: Into<Sensitive>> FromIterator<(N, V)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(secrets: I) -> Self {
        Self(
            secrets
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}
