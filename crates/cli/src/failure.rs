use std::fmt::Display;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use phonebox::componentize::SIZE_LIMIT;
use phonebox::componentize::rust::BuildError;
use phonebox::{DeployError, Fault, InvalidAction, InvalidEvent, InvalidManifest};
use serde::Serialize;

/// How the program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Code {
    /// It did what was asked.
    Ok = 0,
    /// It could not, or what it tested failed.
    Failed = 1,
    /// What was typed makes no sense.
    Usage = 2,
    /// The key is missing, unknown, or not good for what was asked.
    Auth = 3,
    /// Something that was named does not exist.
    NotFound = 4,
    /// Something is in the way.
    Conflict = 5,
    /// Something that is needed cannot be had now.
    Unavailable = 69,
}

/// Why a command did not do what was asked, in one line, and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// What is wrong.
    pub message: String,
    /// The mend.
    pub hint: Option<String>,
    /// Whose fault it is, where that is known.
    pub fault: Option<Fault>,
    /// How the program ends.
    #[serde(skip)]
    pub code: Code,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

impl Failure {
    /// A failure without a hint.
    pub fn new(message: impl Display) -> Self {
        Self {
            message: message.to_string(),
            hint: None,
            fault: None,
            code: Code::Failed,
        }
    }

    /// An error with all its causes.
    pub fn chain(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let cause = error.to_string();
            if !message.contains(&cause) {
                message = format!("{message}: {cause}");
            }
            source = error.source();
        }
        Self::new(message)
    }

    /// Something about a file.
    pub fn file(what: &str, path: &Path, error: &std::io::Error) -> Self {
        let failure = Self::new(format!("{what} {}: {error}", path.display()));
        match error.kind() {
            std::io::ErrorKind::NotFound => failure.code(Code::NotFound),
            _ => failure,
        }
    }

    /// Reads a component. What is no file is not waited for, and no more is read than a component may have.
    pub(crate) fn or_component(path: &Path) -> Result<Vec<u8>, Self> {
        let unreadable = |error: std::io::Error| Self::file("cannot read", path, &error);
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(Self::new(format!("{} is not a file", path.display()))
                .hint("give the component that `phonebox build` writes to target/"));
        }
        let mut component = Vec::new();
        std::fs::File::open(path)
            .map_err(unreadable)?
            .take(SIZE_LIMIT as u64 + 1)
            .read_to_end(&mut component)
            .map_err(unreadable)?;
        Ok(component)
    }

    /// Adds the mend.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Ends the program in another way than [`Code::Failed`].
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    fn mended(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }

    pub(crate) fn fault(self, fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..self
        }
    }
}

impl From<InvalidAction> for Failure {
    fn from(invalid: InvalidAction) -> Self {
        Self::chain(&invalid)
            .mended(invalid.hint())
            .fault(invalid.fault())
    }
}

impl From<InvalidManifest> for Failure {
    fn from(invalid: InvalidManifest) -> Self {
        Self::chain(&invalid)
            .mended(invalid.hint())
            .fault(Fault::Action)
    }
}

impl From<InvalidEvent> for Failure {
    fn from(invalid: InvalidEvent) -> Self {
        Self::chain(&invalid)
            .hint("an event is Auth0's JSON; only notification.recipient is needed")
            .fault(Fault::Platform)
    }
}

impl From<DeployError> for Failure {
    fn from(error: DeployError) -> Self {
        let failure = Self::chain(&error)
            .mended(error.hint())
            .fault(error.fault());
        match error.fault() {
            Fault::Platform => failure.code(Code::Unavailable),
            _ => failure,
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let failure = Self::chain(&error).hint(error.hint());
        match error {
            BuildError::NoCargo(_) | BuildError::NoTarget(_) => {
                failure.fault(Fault::Platform).code(Code::Unavailable)
            }
            _ => failure.fault(Fault::Action),
        }
    }
}

impl From<crate::inbox::Error> for Failure {
    fn from(error: crate::inbox::Error) -> Self {
        let hint = error.hint().map(ToOwned::to_owned);
        Self::chain(&error)
            .mended(hint)
            .fault(Fault::Platform)
            .code(Code::Unavailable)
    }
}
