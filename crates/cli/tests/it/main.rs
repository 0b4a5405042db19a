//! The command line, as its users and its neighbours meet it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that panics has found something"
)]

mod auth0;
mod author;
mod bundle;
mod dev;
mod examples;
#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "../../../phonebox/tests/it/gate.rs"]
mod gate;
#[allow(dead_code, reason = "these tests use a part of it")]
#[path = "../../../phonebox/tests/it/gateway.rs"]
mod gateway;
mod inbox;
mod jail;
mod management;
mod operate;
mod packages;
mod program;
mod readme;
mod refusals;
mod root_keys;
mod run;
mod serve;
mod signing;
mod styles;
mod types;
