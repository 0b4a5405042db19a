//! The door against real listeners on loopback.

#![expect(
    clippy::unwrap_used,
    reason = "a test helper that fails has said enough"
)]

mod answers;
mod connections;
mod denials;
mod records;
mod rules;
mod support;
mod tls;
mod wire;
