//! The SDK as an action's author and its unit tests see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod handler;
mod http;
mod redaction;
mod scripted_host;
