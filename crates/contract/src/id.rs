use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one notification over all its attempts. Time-ordered (UUID version 7), printed as `ntf_` and 32 hexadecimal
/// digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NotificationId(Uuid);

/// A text that is not a notification's id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a notification's id is `ntf_` and 32 hexadecimal digits")]
pub struct InvalidNotificationId;

impl NotificationId {
    /// A new id, later than all that this process made before.
    #[expect(
        clippy::new_without_default,
        reason = "a default that differs every time surprises"
    )]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// From the 16 bytes that [`to_bytes`](Self::to_bytes) gave.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes of it, in the order that it prints them in.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// As a UUID is written: what Auth0's clients know an execution by.
    pub fn to_uuid(self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ntf_{}", self.0.simple())
    }
}

impl fmt::Debug for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NotificationId {
    type Err = InvalidNotificationId;

    fn from_str(text: &str) -> Result<Self, InvalidNotificationId> {
        let digits = text
            .strip_prefix("ntf_")
            .filter(|digits| digits.len() == 32);
        digits
            .and_then(|digits| Uuid::try_parse(digits).ok())
            .map(Self)
            .ok_or(InvalidNotificationId)
    }
}

impl Serialize for NotificationId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NotificationId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses() {
        let id = NotificationId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id < NotificationId::new());
        for text in ["", "ntf_", "ntf_zz", "0190163d8694739b8b9c01a2b3c4d5e6"] {
            assert_eq!(
                text.parse::<NotificationId>(),
                Err(InvalidNotificationId),
                "{text}"
            );
        }
    }
}
