use std::fmt;

use serde::{Deserialize, Serialize};

/// How much of a reason is kept, in characters (Auth0 cuts there too).
pub const REASON_LIMIT: usize = 1024;

/// What an action decided about a notification.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Outcome {
    /// The provider accepted the message.
    Sent {
        /// What finds the message again when the provider reports on it.
        receipt: Option<Receipt>,
    },
    /// It failed now and may work later.
    Retry(RetryRequest),
    /// It failed for good.
    Drop {
        /// Why, in the action's words, cut at [`REASON_LIMIT`].
        reason: String,
    },
}

/// What finds a message again when the provider reports on its delivery.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Receipt {
    /// The provider's name, as the action gives it.
    pub provider: String,
    /// The provider's id of the message.
    pub message_id: String,
}

/// An action's wish to be run again.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RetryRequest {
    /// Why, in the action's words, cut at [`REASON_LIMIT`].
    pub reason: String,
    /// The provider's `Retry-After` in seconds.
    pub after: Option<u32>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sent { .. } => "sent",
            Self::Retry(_) => "retry",
            Self::Drop { .. } => "drop",
        })
    }
}

/// Cuts a text at [`REASON_LIMIT`] characters.
pub fn truncate_reason(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(REASON_LIMIT) {
        text.truncate(end);
    }
    text
}

/// Whose fault a failed run is. It decides on retries, wording, status codes and metrics.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The action's code: it trapped, returned an error, overran its limits.
    Action,
    /// The provider: it did not answer, or answered nonsense.
    Provider,
    /// A rule forbids it. Trying again does not help; changing the rule does.
    Policy,
    /// phonebox, the machine that it runs on, or the platform that handed it an event.
    Platform,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Action => "action",
            Self::Provider => "provider",
            Self::Policy => "policy",
            Self::Platform => "platform",
        })
    }
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for its next attempt.
    Queued,
    /// An attempt is under way.
    Leased,
    /// The provider accepted it.
    Sent,
    /// The action dropped it, or failed in a way that is not worth another try.
    Dropped,
    /// Every attempt asked for another one.
    Exhausted,
    /// The code would have been invalid by the time of the next attempt.
    Expired,
    /// The platform took it back.
    Canceled,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Leased,
        Self::Sent,
        Self::Dropped,
        Self::Exhausted,
        Self::Expired,
        Self::Canceled,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Leased => "leased",
            Self::Sent => "sent",
            Self::Dropped => "dropped",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }

    /// Whether nothing follows any more.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::Queued | Self::Leased)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_cut_between_characters() {
        assert_eq!(truncate_reason("short".to_owned()), "short");
        assert_eq!(truncate_reason("é".repeat(1024)).chars().count(), 1024);
        assert_eq!(truncate_reason("é".repeat(1025)), "é".repeat(1024));
    }
}
