//! Telling a platform what becomes of its notifications, over HTTP and as Standard Webhooks has it.
//!
//! What is to be told is in the store, in the transaction that made it true; here it is sent through the same door to the
//! network as an action's requests, and again as [`schedule`] says. One webhook's troubles are its own: a few messages of each
//! are under way at once, one of those that fail.

mod body;
mod schedule;
mod send;
mod signature;

use phonebox_contract::Sensitive;
use phonebox_egress::{Egress, InvalidRule, Policy, Reason, Rule};
use phonebox_store::{PutWebhook, StoreError};

pub(crate) use self::send::Hooks;
use self::signature::Secret;
use crate::delivery::Engine;

/// What a webhook can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Topic {
    /// A notification was settled.
    Settled,
    /// A provider said something later of a message that it had accepted.
    Receipt,
}

/// Why there is no webhook now where one was to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// It is no address that rules can be made for.
    #[error("the webhook's address cannot be used: {0}")]
    Address(#[from] InvalidRule),
    /// No requests go to addresses like this.
    #[error("no requests are sent to the webhook's address: {0}")]
    Denied(phonebox_egress::Error),
    /// It is told nothing.
    #[error("the webhook has nothing to be told")]
    NoTopic,
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Settled, Self::Receipt];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "notification.settled",
            Self::Receipt => "notification.receipt",
        }
    }
}

impl WebhookError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let denied = match self {
            Self::Address(invalid) => return invalid.hint().to_owned(),
            Self::NoTopic => return "leave the topics out for all of them".to_owned(),
            Self::Store(error) => return error.hint().to_owned(),
            Self::Denied(phonebox_egress::Error::RequestDenied(denied)) => denied,
            Self::Denied(error) => return error.hint().unwrap_or_default(),
        };
        let hint = match denied.reason {
            Reason::Scheme => "use https; plain http is for the operator to allow",
            Reason::Ceiling => "the operator's [[egress.ceiling]] has to name its origin",
            Reason::AddressLiteral => "name the host; addresses cannot be allowed",
            Reason::SpecialName => "use a name of the public DNS",
            Reason::Port => "use another port: this one belongs to another protocol",
            _ => "write its path without `//`, `.`, `..` and encoded slashes",
        };
        hint.to_owned()
    }
}

/// Sets a tenant's webhook, and gives the secret that its messages are signed with.
pub(crate) async fn put(
    engine: &Engine,
    tenant: &str,
    url: &str,
    topics: &[Topic],
) -> Result<Sensitive, WebhookError> {
    if topics.is_empty() {
        return Err(WebhookError::NoTopic);
    }
    let policy = policy(url)?;
    let egress: &Egress = engine.phonebox.egress();
    let permitted = egress.permits(&policy, "POST", url);
    permitted.map_err(WebhookError::Denied)?;
    let secret = Secret::generate();
    let webhook = PutWebhook {
        url: url.to_owned(),
        on_settled: topics.contains(&Topic::Settled),
        on_receipt: topics.contains(&Topic::Receipt),
        sealed: engine.keys.seal_secret(&purpose(tenant), secret.as_bytes()),
    };
    engine.store.put_webhook(tenant, webhook).await?;
    engine.hooks.is_known(tenant);
    Ok(secret.to_text())
}

/// POST to the origin of this address, and nothing else.
fn policy(url: &str) -> Result<Policy, InvalidRule> {
    let scheme = url.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = url.split_at(scheme);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let rule = Rule::new::<&str, &str>(&format!("{scheme}{authority}"), &["POST"], &[])?;
    Policy::new(vec![rule])
}

pub(crate) fn purpose(tenant: &str) -> [&str; 2] {
    ["webhook", tenant]
}
