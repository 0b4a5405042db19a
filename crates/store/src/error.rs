use std::path::PathBuf;
use std::sync::Arc;

use phonebox_contract::Fault;

/// Why something could not be kept or read. What was not kept was not half kept, either.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The disk is full.
    #[error("the disk is full: nothing was written")]
    Full,
    /// The database, or the disk that it lies on, may not be written to.
    #[error("the database cannot be written to")]
    ReadOnly,
    /// The file is no database, or is damaged.
    #[error("the database is damaged, or is none: {0}")]
    Damaged(String),
    /// Another process uses it.
    #[error("{} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// A later phonebox made it.
    #[error("the database has version {found}, and this phonebox knows versions up to {known}")]
    Newer {
        /// Its version.
        found: u32,
        /// The latest that is known.
        known: u32,
    },
    /// It cannot be opened, read or written for a reason of the system's.
    #[error("the database cannot be used: {0}")]
    Io(Arc<dyn std::error::Error + Send + Sync>),
    /// The store has been closed.
    #[error("the store has been closed")]
    Closed,
}

impl StoreError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Full => "make room; what was accepted before is safe, and goes on by itself",
            Self::ReadOnly => "give this user the right to write to the file and to its folder",
            Self::Damaged(_) => "restore the latest backup, or move the file away to begin anew",
            Self::InUse(_) => "stop the other one, or give this one a database of its own",
            Self::Newer { .. } => "run the version of phonebox that made it, or a later one",
            Self::Io(_) => "see that the folder exists and that this user may use it",
            Self::Closed => "open it again",
        }
    }

    /// Whose fault it is: the platform's.
    pub fn fault(&self) -> Fault {
        Fault::Platform
    }
}
