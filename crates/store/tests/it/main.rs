//! What every driver must do, held against each of them; and what only SQLite can get wrong.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has found something"
)]

#[macro_use]
mod conformance;
mod harness;
mod model;
mod sqlite;
