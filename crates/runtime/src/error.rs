use std::time::Duration;

use phonebox_contract::{BuildError, Fault, world};

/// Why a component cannot be loaded. All but [`LoadError::Busy`], [`LoadError::Engine`] and
/// [`LoadError::Jail`] are its author's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// It is not a component, or one that this engine cannot compile. The compiler's words.
    #[error("the component cannot be compiled: {0}")]
    Invalid(String),
    /// It takes more to compile than a component may.
    #[error("the component takes too much to compile: {0}")]
    TooCostly(String),
    /// Too many components wait to be compiled, of this tenant or of all.
    #[error("too many components are waiting to be compiled")]
    Busy,
    /// The process that compiles could not be started, or failed.
    #[error("the component could not be compiled for reasons of the host")]
    Jail(#[source] std::io::Error),
    /// It imports what the world does not have.
    #[error("the component imports what actions may not use: {}", .0.join(", "))]
    Imports(Vec<String>),
    /// An import has the right name and another type, or `deliver` is missing or has another type.
    #[error(
        "the component does not fit the world phonebox:action/custom-phone-provider@{}",
        world::VERSION
    )]
    World(#[source] wasmtime::Error),
    /// Its source is none that an action can be made from.
    #[error(transparent)]
    Source(#[from] BuildError),
    /// The JavaScript engine, which is phonebox's own, does not start.
    #[error("the JavaScript engine cannot be started")]
    Engine(#[source] wasmtime::Error),
    /// It needs more instances, memories or tables than one sandbox has.
    #[error("the component needs more than a sandbox has")]
    TooMany(#[source] wasmtime::Error),
}

impl LoadError {
    /// What its author can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid(_) => Some(
                "build with `phonebox build`, or for the target wasm32-wasip2; see what is in it with \
                 `wasm-tools component wit`"
                    .to_owned(),
            ),
            Self::Imports(names) if names.iter().any(|name| name.starts_with("phonebox:action/")) => {
                Some(format!("build it against version {} of phonebox:action", world::VERSION))
            }
            Self::Imports(_) => Some(
                "there are no sockets and no files in the sandbox; use phonebox:action/http or \
                 wasi:http, and the interfaces of WASI 0.2 listed in guest-sdk/wit/action.wit"
                    .to_owned(),
            ),
            Self::World(_) => Some(format!(
                "build it against version {} of phonebox:action and export `deliver`",
                world::VERSION
            )),
            Self::TooCostly(_) => Some(
                "split large functions, above all those with many locals, branches and nested loops, and \
                 generated tables"
                    .to_owned(),
            ),
            Self::Busy => Some("wait for those of this tenant, and upload it again".to_owned()),
            Self::TooMany(_) => Some("link it into fewer core modules".to_owned()),
            Self::Source(_) => Some("mend it in the source, and upload it again".to_owned()),
            Self::Jail(_) | Self::Engine(_) => None,
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Busy | Self::Engine(_) | Self::Jail(_) => Fault::Platform,
            _ => Fault::Action,
        }
    }
}

/// Why a run ended without an outcome.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// `deliver` returned an error. The text is the action's, redacted.
    #[error("the action failed: {message}")]
    Returned {
        /// What the action said.
        message: String,
    },
    /// The code ended in a trap: a panic, an access out of bounds, a stack overflow.
    #[error("the action crashed: {message}")]
    Trapped {
        /// The kind of trap, and the functions it happened in where they have names.
        message: String,
    },
    /// The code asked to exit.
    #[error("the action exited instead of returning an outcome")]
    Exited,
    /// It computed longer than it may.
    #[error("the action computed for more than {} ms{}", .limit.as_millis(), at(.place.as_deref()))]
    CpuExceeded {
        /// The limit.
        limit: Duration,
        /// Where in its source it did, of an action in JavaScript whose engine could tell.
        place: Option<String>,
    },
    /// It used up its fuel: the second line behind the CPU limit, where the operator turned it on.
    #[error("the action used more than {limit} units of fuel")]
    FuelExceeded {
        /// The limit, in Wasmtime's units: about one an instruction.
        limit: u64,
    },
    /// It was not done in time.
    #[error("the action was not done after {} ms", .limit.as_millis())]
    DeadlineExceeded {
        /// The limit.
        limit: Duration,
    },
    /// It needed more memory than it may.
    #[error("the action needed more than {} MiB of memory", .limit >> 20)]
    MemoryExceeded {
        /// The limit in bytes.
        limit: usize,
    },
    /// It called the host more often than it may.
    #[error("the action used more than {limit} points of calls into its host")]
    HostCallsExceeded {
        /// The limit in points.
        limit: u64,
    },
    /// It asked for more random bytes than it may.
    #[error("the action asked for more than {limit} random bytes")]
    RandomExceeded {
        /// The limit in bytes.
        limit: u64,
    },
    /// The host failed. What happened is in the operator's log.
    #[error("phonebox could not run the action")]
    Host,
}

fn at(place: Option<&str>) -> String {
    place.map_or_else(String::new, |place| format!(", at {place}"))
}

impl RunError {
    /// A word for the kind of it, for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CpuExceeded { .. } => "cpu_exceeded",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::Exited => "exited",
            Self::FuelExceeded { .. } => "fuel_exceeded",
            Self::Host => "host",
            Self::HostCallsExceeded { .. } => "host_calls_exceeded",
            Self::MemoryExceeded { .. } => "memory_exceeded",
            Self::RandomExceeded { .. } => "random_exceeded",
            Self::Returned { .. } => "returned",
            Self::Trapped { .. } => "trapped",
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Host => Fault::Platform,
            _ => Fault::Action,
        }
    }

    /// What can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Returned { .. } => Some(
                "an error is taken for a bug and not tried again; retry or drop for what a provider answers: by \
                 `api.notification` in JavaScript, elsewhere by what `deliver` returns",
            ),
            Self::Host => None,
            Self::Trapped { .. } => Some(
                "look for recursion that goes too deep; what a panic says and where it happened is in the log",
            ),
            Self::Exited => Some("return instead; do not call exit"),
            Self::CpuExceeded { .. } | Self::FuelExceeded { .. } => {
                Some("look for a loop that does not end; waiting for a provider costs nothing")
            }
            Self::DeadlineExceeded { .. } => {
                Some("do not sleep in an action; return `retry` instead")
            }
            Self::MemoryExceeded { .. } => {
                Some("look for what grows without bound; a delivery needs about one MiB")
            }
            Self::RandomExceeded { .. } => {
                Some("a key or a nonce needs 32 bytes; stretch a seed if more are needed")
            }
            Self::HostCallsExceeded { .. } => {
                Some("look for a loop that logs, reads a clock or polls without waiting")
            }
        }
    }
}
