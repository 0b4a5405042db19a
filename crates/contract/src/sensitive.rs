use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

/// Text that must not be printed: a one-time code, a message that contains one, a number as somebody typed it.
///
/// It serialises as the text itself, since events carry it to actions. [`fmt::Debug`] hides it and there is no
/// [`fmt::Display`], so that it reaches a log only by way of [`Sensitive::reveal`], which a reviewer can search for. Its memory
/// is overwritten when it is dropped.
#[derive(Clone, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Sensitive(String);

impl Sensitive {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Drop for Sensitive {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Into<String>> From<T> for Sensitive {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}
