use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a source is none that an action can be made from: something that its author can mend.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BuildError {
    /// A word for the kind of it, for programs, such as `syntax_error`.
    pub id: String,
    /// What is wrong, and where that helps how to mend it.
    pub message: String,
    /// The author's file that it is in, of a source that was bundled from several, or the module, as `actions:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where in the source, from 1.
    pub line: Option<u32>,
    /// Where in the line, from 1.
    pub column: Option<u32>,
}

impl BuildError {
    /// One that is about the whole of a source.
    pub fn new(id: &str, message: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            message: message.into(),
            file: None,
            line: None,
            column: None,
        }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let Some(line) = self.line else { return Ok(()) };
        f.write_str(" (")?;
        if let Some(file) = &self.file {
            write!(f, "{file}, ")?;
        }
        write!(f, "line {line}")?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for BuildError {}
