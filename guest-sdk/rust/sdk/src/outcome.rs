use std::time::Duration;

/// What the handler decided.
///
/// ```
/// use std::time::Duration;
/// use phonebox_sdk::Outcome;
///
/// let accepted = Outcome::sent_with("twilio", "SM0123456789");
/// let busy = Outcome::retry_after("twilio is busy", Duration::from_secs(7));
/// let wrong = Outcome::drop("twilio: not a mobile number (21614)");
/// # assert!(accepted != busy && busy != wrong);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It failed for good, for this reason. Nothing more is tried. Kept up to 1,024 characters.
    Drop {
        /// For the logs. Name the provider and its code, never the number or the message.
        reason: String,
    },
    /// It failed now and may work later: phonebox tries again, five times at the most, while the
    /// code is valid.
    Retry {
        /// For the logs. Kept up to 1,024 characters.
        reason: String,
        /// The provider's `Retry-After`. phonebox waits at least this long, if the code is still
        /// valid then.
        after: Option<Duration>,
    },
    /// The provider accepted the message. It says nothing about the handset.
    Sent(Option<Receipt>),
}

impl Outcome {
    /// The provider accepted the message.
    pub fn sent() -> Self {
        Self::Sent(None)
    }

    /// The provider accepted the message under this id, by which its delivery report is found.
    pub fn sent_with(provider: impl Into<String>, message_id: impl Into<String>) -> Self {
        Self::Sent(Some(Receipt {
            provider: provider.into(),
            message_id: message_id.into(),
        }))
    }

    /// It failed now and may work later.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retry {
            reason: reason.into(),
            after: None,
        }
    }

    /// It failed now, and the provider said how long to wait.
    pub fn retry_after(reason: impl Into<String>, after: Duration) -> Self {
        Self::Retry {
            reason: reason.into(),
            after: Some(after),
        }
    }

    /// It failed for good.
    pub fn drop(reason: impl Into<String>) -> Self {
        Self::Drop {
            reason: reason.into(),
        }
    }
}

/// What finds this message again when the provider reports on its delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// The provider's name, for example `twilio`.
    pub provider: String,
    /// The provider's own id of the message.
    pub message_id: String,
}
