//! The action's secrets: a provider's credentials, declared under `[secrets]` in `action.toml`.
//!
//! What [`get`] returns belongs in an authentication header, a form field, a JSON value, a segment of
//! the path or a value of the query of a request to the provider, unaltered. Depending on how its
//! owner stored it, it is the value or a placeholder that phonebox swaps for the value on the wire;
//! code that passes it on never notices.

use std::{error, fmt};

use crate::host;

/// The secret of this name.
///
/// ```
/// use phonebox_sdk::{Outcome, Result, secrets, test};
///
/// let host = test::Host::new().secret("TWILIO_AUTH_TOKEN", "token");
/// let result = host.run(
///     |_event| {
///         secrets::get("TWILIO_TOKEN")?;
///         Ok(Outcome::sent())
///     },
///     test::event(),
/// );
/// assert_eq!(
///     result.unwrap_err().to_string(),
///     "there is no secret `TWILIO_TOKEN`; this action has `TWILIO_AUTH_TOKEN`",
/// );
/// ```
pub fn get(name: &str) -> Result<String, MissingSecret> {
    host::secret(name).ok_or_else(|| MissingSecret {
        name: name.to_owned(),
        known: host::secret_names(),
    })
}

/// The secret of this name, or none: for one that is `optional` in `action.toml`.
pub fn optional(name: &str) -> Option<String> {
    host::secret(name)
}

/// The names of the secrets that this action has, in alphabetical order.
pub fn names() -> Vec<String> {
    host::secret_names()
}

/// There is no secret of this name. Says which there are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MissingSecret {
    name: String,
    known: Vec<String>,
}

impl fmt::Display for MissingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no secret `{}`; this action has ", self.name)?;
        match self.known.as_slice() {
            [] => f.write_str("none"),
            known => write!(f, "`{}`", known.join("`, `")),
        }
    }
}

impl error::Error for MissingSecret {}
