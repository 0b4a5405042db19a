//! The runtime from outside: guests that behave and guests that do not.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has found something"
)]

mod harness;
mod load;
mod misbehave;
mod random;
mod test262;
mod world;
