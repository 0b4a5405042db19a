use std::fmt;
use std::sync::Arc;

use phonebox_contract::{Event, NotificationId};

use crate::bindings::CustomPhoneProviderPre;
use crate::capabilities::Capabilities;
use crate::javascript::Script;
use crate::limits::Limits;
use crate::report::Report;
use crate::runtime::{Digest, Shared};
use crate::sandbox::{self, State};

/// An action, compiled and linked. Cheap to clone; runs as often as one likes, also at once.
#[derive(Clone)]
pub struct LoadedAction(Arc<Loaded>);

pub(crate) struct Loaded {
    pub(crate) runtime: Arc<Shared>,
    pub(crate) program: Program,
    /// How many places of the pool a run takes.
    pub(crate) places: u32,
    pub(crate) digest: Digest,
    origin: Origin,
}

/// What is run.
pub(crate) enum Program {
    Component(CustomPhoneProviderPre<State>),
    Javascript(Script),
}

/// Where an action's compiled code came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// It was compiled just now.
    Compiled,
    /// It was compiled earlier and kept.
    Cache,
}

/// What to run an action with, this time.
#[derive(Clone, Debug)]
pub struct Run {
    /// The notification's id, the same for all its attempts.
    pub id: NotificationId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The event.
    pub event: Arc<Event>,
    /// What it may use.
    pub limits: Limits,
}

impl LoadedAction {
    pub(crate) fn new(
        runtime: Arc<Shared>,
        digest: Digest,
        program: Program,
        places: u32,
        origin: Origin,
    ) -> Self {
        Self(Arc::new(Loaded {
            runtime,
            program,
            places,
            digest,
            origin,
        }))
    }

    /// The component's digest.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Where its compiled code came from.
    pub fn origin(&self) -> Origin {
        self.0.origin
    }

    /// Runs it once in a sandbox of its own. Waits for a place in the pool first; that wait is not part of the deadline.
    /// Dropping the future ends the run.
    pub async fn run(&self, run: Run, capabilities: &Capabilities) -> Report {
        sandbox::run(&self.0, run, capabilities).await
    }
}

impl fmt::Debug for LoadedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedAction")
            .field("digest", &self.0.digest)
            .finish_non_exhaustive()
    }
}
