//! What is taken for an action and what is not.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has found something"
)]

mod hostile;
mod limits;
mod mutated;
mod refused;
