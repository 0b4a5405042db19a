use std::fmt;

use crate::{Outcome, http};

/// What [`custom_phone_provider`](macro@crate::custom_phone_provider) handlers return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a handler gave up without an [`Outcome`].
///
/// Every standard error becomes one by `?`. When it leaves the handler, an [`http::Error`] turns
/// into the outcome of [`http::Error::outcome`]; anything else ends the notification as a fault of
/// the action, as a `throw` does in JavaScript. So it is for bugs and for what was never set up, a
/// missing secret say: a provider's refusal is an outcome.
///
/// ```
/// use phonebox_sdk::{Error, Result};
///
/// fn sender(country: &str) -> Result<&'static str> {
///     match country {
///         "US" => Ok("+12065550100"),
///         "GB" => Ok("Acme"),
///         _ => Err(Error::new("no sender for this country")),
///     }
/// }
/// assert_eq!(sender("XX").unwrap_err().to_string(), "no sender for this country");
/// ```
pub struct Error(Box<dyn std::error::Error + Send + Sync>);

impl Error {
    /// An error that says this.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into().into())
    }

    /// The error that `?` turned into this one, if it was an `E`.
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        self.0.downcast_ref()
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

/// The message and those of its causes, from the outside in.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the host is told: network failures that left the handler by `?` are outcomes, not bugs.
pub(crate) fn settle(result: Result<Outcome>) -> Result<Outcome> {
    result.or_else(|error| {
        error
            .downcast_ref::<http::Error>()
            .and_then(http::Error::outcome)
            .ok_or(error)
    })
}
