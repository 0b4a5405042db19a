//! Why nothing is delivered, or not this.

use phonebox_contract::Fault;
use phonebox_store::StoreError;
use serde::Serialize;

use crate::action::InvalidAction;
use crate::host::DeployError;
use crate::keys::CannotDecrypt;
use crate::secret::InvalidSecret;

/// Why nothing can be delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CannotStart {
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store was encrypted with other keys.
    #[error("none of the keys is the one that the store was encrypted with")]
    WrongKeys,
}

impl CannotStart {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Store(error) => error.hint(),
            Self::WrongKeys => "give the keys that it was made with; new ones stand before those",
        }
    }

    /// Whose fault it is: the platform's.
    pub fn fault(&self) -> Fault {
        Fault::Platform
    }
}

/// Why an action cannot be deployed, or cannot be run although it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CannotLoad {
    /// There is none of this name any more.
    #[error("the tenant has no action {0}")]
    Missing(String),
    /// It was to go by the built-in action, and the provider is gone or has no credentials.
    #[error("the tenant's phone provider for Twilio is gone")]
    NoProvider,
    /// The store does not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was given is no secret that can be kept.
    #[error(transparent)]
    InvalidSecret(#[from] InvalidSecret),
    /// A secret cannot be decrypted.
    #[error("the secret {name} cannot be read")]
    Secret {
        /// Which.
        name: String,
        /// Why.
        #[source]
        source: CannotDecrypt,
    },
    /// What was to be sent cannot be decrypted.
    #[error("the event cannot be read")]
    Event(#[source] CannotDecrypt),
    /// What is kept is no action any more.
    #[error(transparent)]
    Action(#[from] InvalidAction),
    /// It cannot be loaded.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The process is ending.
    #[error("phonebox is shutting down")]
    ShuttingDown,
}

impl CannotLoad {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing(_) => Some("deploy it again".to_owned()),
            Self::NoProvider => Some("make it again, with its credentials".to_owned()),
            Self::Store(error) => Some(error.hint().to_owned()),
            Self::InvalidSecret(error) => Some(error.hint().to_owned()),
            Self::Secret { .. } => Some(
                "start phonebox with the key that it was encrypted with, or set it again"
                    .to_owned(),
            ),
            Self::Event(_) => {
                Some("start phonebox with the key that it was encrypted with".to_owned())
            }
            Self::Action(error) => error.hint(),
            Self::Deploy(error) => error.hint(),
            Self::ShuttingDown => None,
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Action(error) => error.fault(),
            Self::Deploy(error) => error.fault(),
            Self::InvalidSecret(error) => error.fault(),
            _ => Fault::Platform,
        }
    }

    /// Its name, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing(_) => "action_missing",
            Self::NoProvider => "provider_missing",
            Self::Store(_) => "store",
            Self::InvalidSecret(_) => "secret_invalid",
            Self::Secret { .. } => "secret_unreadable",
            Self::Event(_) => "event_unreadable",
            Self::Action(_) => "action_invalid",
            Self::Deploy(_) => "action_not_loaded",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

/// How an attempt came out that had no run: in the form of a [`Report`](phonebox_runtime::Report).
#[derive(Serialize)]
struct NoRun {
    outcome: (),
    error: NoRunError,
    fault: Fault,
}

#[derive(Serialize)]
pub(super) struct NoRunError {
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

pub(super) fn no_run(error: NoRunError) -> String {
    let told = NoRun {
        outcome: (),
        error,
        fault: Fault::Platform,
    };
    serde_json::to_string(&told).unwrap_or_default()
}
