//! The door against real listeners on loopback.

#![expect(
    clippy::unwrap_used,
    reason = "a test helper that fails has said enough"
)]

mod answers;
mod connections;
mod denials;
mod names;
mod proxy;
mod records;
mod rules;
mod secrets;
mod shared;
mod support;
mod tls;
mod wire;
