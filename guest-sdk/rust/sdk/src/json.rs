use std::{error, fmt};

use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Parses JSON without letting its content into the error.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, InvalidJson> {
    serde_json::from_slice(text).map_err(|error| InvalidJson {
        line: error.line(),
        column: error.column(),
        other_shape: error.classify() == Category::Data,
    })
}

/// JSON that is broken or of another shape than the code expected.
///
/// It tells where and not what: a provider's answer often repeats the number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidJson {
    line: usize,
    column: usize,
    other_shape: bool,
}

impl fmt::Display for InvalidJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, .. } = self;
        let what = if self.other_shape {
            "is of another shape than expected"
        } else {
            "is not JSON"
        };
        write!(f, "the text {what} at line {line}, column {column}")
    }
}

impl error::Error for InvalidJson {}
