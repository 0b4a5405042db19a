use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use phonebox_contract::Sensitive;
use phonebox_egress::Outbound;

use crate::cache::ActionCache;
use crate::redact::Needle;
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
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, Sensitive>,
    /// What texts are searched for, so that no secret stands in them. Made at the first run that keeps a text.
    needles: Arc<OnceLock<Arc<[Needle]>>>,
}

impl Secrets {
    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The secret of this name.
    pub fn get(&self, name: &str) -> Option<&Sensitive> {
        self.values.get(name)
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value.reveal()))
    }

    pub(crate) fn needles(&self) -> &Arc<[Needle]> {
        self.needles.get_or_init(|| Needle::of_secrets(self.iter()))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.values).finish()
    }
}

impl<N: Into<String>, V: Into<Sensitive>> FromIterator<(N, V)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(secrets: I) -> Self {
        let values = secrets
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self {
            values: values.collect(),
            needles: Arc::default(),
        }
    }
}
