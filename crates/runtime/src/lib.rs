//! The room where untrusted code runs, and the only crate that knows Wasmtime.
//!
//! Cast, by lifetime. Process: a [`Runtime`] owns the engine, its pool of sandboxes, the clock that interrupts them, and
//! optionally a [`CompiledCache`]. Action: a [`LoadedAction`] is a component compiled and linked, ready to be run any
//! number of times at once. Run: a sandbox is a fresh store with one instance, never used again; it has the
//! [`Capabilities`] it was given and nothing else, stays within [`Limits`], and leaves a [`Report`].
//!
//! One run in order: [`LoadedAction::run`] waits for a place in the pool, makes a store, instantiates, calls `deliver`
//! with the event, and drops the store. Meanwhile the clock ticks every 5 ms: a run that computed too long is ended, one
//! that only waits is not charged; past its deadline its future is dropped. Requests leave by way of [`phonebox_egress`],
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
mod limits;
mod redact;
mod report;
mod runtime;
mod sandbox;

pub use action::{LoadedAction, Origin, Run};
pub use cache::{ActionCache, CacheError, Clock, Entry, Expiry, SystemClock};
pub use capabilities::{Capabilities, Secrets};
pub use compiled::{CacheKey, CompiledCache, OpenError};
pub use error::{LoadError, RunError};
pub use limits::Limits;
pub use report::{Level, LogLine, Report, Usage};
pub use runtime::{Config, Digest, MemoryReset, Runtime, StartError};
