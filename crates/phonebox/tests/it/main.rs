//! The application against providers that are no doubles: real software, started for the test.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has found something"
)]

mod conformance;
mod deliveries;
mod embed;
#[allow(dead_code, reason = "these tests use a part of it")]
mod gate;
mod gateway;
mod javascript;
mod kannel;
mod secrets;
