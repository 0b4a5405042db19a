use std::fmt;

use serde::Serialize;

use crate::api::shown;

/// What was done to something of a server's; or, where nothing is to be done yet, what would be.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    /// Such as `template otp_verify`.
    pub(super) what: String,
    pub(super) did: Did,
    /// What of it is not as it was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) changes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Did {
    Created,
    /// It is as it should be already.
    Nothing,
    Updated,
}

impl Change {
    pub(super) fn created(what: impl Into<String>) -> Self {
        Self {
            what: shown(&what.into()),
            did: Did::Created,
            changes: Vec::new(),
        }
    }

    /// These are not as they were; if there are any.
    pub(super) fn updated(what: impl Into<String>, changes: Vec<String>) -> Self {
        Self {
            what: shown(&what.into()),
            did: match changes[..] {
                [] => Did::Nothing,
                _ => Did::Updated,
            },
            changes,
        }
    }
}

/// Behind the [heading](Did::heading) of a step.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match self.did {
            Did::Created | Did::Nothing => Ok(()),
            Did::Updated => write!(f, ": {}", self.changes.join(", ")),
        }
    }
}

impl Change {
    /// As a result.
    pub(super) fn sentence(&self) -> String {
        let Self { what, did, changes } = self;
        match did {
            Did::Created => format!("{what} is made"),
            Did::Nothing => format!("{what} is so already"),
            Did::Updated => format!("{what} is changed: {}", changes.join(", ")),
        }
    }
}

impl Did {
    /// As the heading of a step.
    pub(super) fn heading(self, dry: bool) -> &'static str {
        match (self, dry) {
            (Self::Created, false) => "created",
            (Self::Created, true) => "create",
            (Self::Nothing, _) => "unchanged",
            (Self::Updated, false) => "updated",
            (Self::Updated, true) => "update",
        }
    }
}
