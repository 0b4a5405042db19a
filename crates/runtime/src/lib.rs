//! The room where untrusted code runs, and the only crate that knows Wasmtime.
//!
//! Cast, by lifetime. Process: a [`Runtime`] owns the engine, its pool of sandboxes, the clock that interrupts them, and
//! optionally a [`CompiledCache`] and a [`Jail`]. Tenant: a [`Share`] bounds what it takes from the others. Action: a [`LoadedAction`] is a component compiled and linked, ready to be run any
//! number of times at once. Run: a sandbox is a fresh store with one instance, never used again; it has the
//! [`Capabilities`] it was given and nothing else, stays within [`Limits`], and leaves a [`Report`].
//!
//! Loading in order: look for compiled code that is authentic; otherwise compile, in the jail's child process; check what is
//! imported; link; keep the code. JavaScript is given to an engine, which is loaded once: its top-level code runs, with nothing to
//! reach, and what is wrong with it is a [`BuildError`](phonebox_contract::BuildError). What it leaves in memory is where each run
//! begins; there is nothing else of it to compile or to keep.
//!
//! One run in order: [`LoadedAction::run`] waits for a place of its tenant and one in the pool, makes a store, instantiates,
//! calls `deliver` with the event, and drops the store. Meanwhile the clock ticks every 5 ms: a run that computed too long is
//! ended, one that only waits is not charged, one whose tenant computes much takes turns with others of that kind; past its
//! deadline its future is dropped. Requests leave by way of [`phonebox_egress`],
//! whether the action uses our buffered import or `wasi:http`.
//!
//! What it refuses to do: reach the network, files or the environment by itself; link sockets or files; load precompiled
//! code that it did not write and authenticate; run a store a second time.

mod action;
mod bindings;
mod cache;
mod capabilities;
mod compiled;
mod error;
mod host;
pub mod jail;
mod javascript;
mod limits;
mod redact;
mod report;
mod runtime;
mod sandbox;
mod shares;

pub use action::{LoadedAction, Origin, Run};
pub use cache::{ActionCache, CacheError, Clock, Entry, Expiry, SystemClock};
pub use capabilities::{Capabilities, Mode, Secret, Secrets};
pub use compiled::{CacheKey, CompiledCache, OpenError};
pub use error::{LoadError, RunError};
pub use jail::Jail;
pub use limits::Limits;
pub use report::{Level, LogLine, Report, Usage};
pub use runtime::{Config, Digest, Occupancy, Runtime, StartError};
pub use shares::Share;
