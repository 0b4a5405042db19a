//! Write phonebox actions in Rust: provider code that delivers one-time codes by SMS or voice.
//!
//! An *action* is one function. For every notification phonebox calls it in a fresh sandbox, with
//! a typed [`Event`]; it asks its provider to send the message and says what became of it, with an
//! [`Outcome`].
//!
//! ```
//! use phonebox_sdk::{Event, Outcome, Result, custom_phone_provider, http, secrets};
//!
//! #[custom_phone_provider]
//! fn deliver(event: Event) -> Result<Outcome> {
//!     let message = &event.notification;
//!     let response = http::post("https://api.vonage.com/v1/messages")
//!         .bearer(secrets::get("VONAGE_TOKEN")?)
//!         .json(&serde_json::json!({
//!             "message_type": "text",
//!             "channel": "sms",
//!             "from": "Acme",
//!             "to": message.recipient.trim_start_matches('+'),
//!             "text": message.as_text,
//!         }))
//!         .send()?;
//!     if response.status().is_success() {
//!         return Ok(Outcome::sent());
//!     }
//!     Ok(response.failure(format!("vonage answered {}", response.status())))
//! }
//! # let host = phonebox_sdk::test::Host::new()
//! #     .secret("VONAGE_TOKEN", "token")
//! #     .answer(phonebox_sdk::test::Answer::text(202, ""));
//! # assert_eq!(host.run(deliver, phonebox_sdk::test::event()).unwrap(), Outcome::sent());
//! ```
//!
//! # What there is
//! - [`macro@custom_phone_provider`] marks the handler. It is named after Auth0's trigger.
//! - [`Event`] says what has to be said, to whom and why: [`event::Notification`] first of all.
//! - [`http`] is the way to the provider; [`secrets`] holds its credentials; [`cache`] keeps an
//!   access token between runs; [`log`] writes to the execution's log; [`mod@text`] knows what
//!   providers want of a text.
//! - [`Outcome`] is the answer: sent, retry, or drop.
//! - `phonebox_sdk::test` runs a handler natively against a scripted host. An action's unit tests
//!   need neither WebAssembly nor an account with a provider.
//!
//! # One run, in order
//! phonebox makes a sandbox and calls the handler with the event. `secrets::get` asks the host.
//! `send` hands one whole request to the host, which checks it against the egress rules in
//! `action.toml`, makes it, and hands back one whole answer. The handler returns, and the sandbox
//! is thrown away: a `static` never keeps anything from one run to the next.
//!
//! # Errors
//! A provider's answer becomes an [`Outcome`]; [`http::Response::failure`] is the general rule, and
//! a provider's own codes refine it. `?` is for the rest. An [`http::Error`] that leaves the
//! handler by `?` follows the same rule (a network failure is retried); any other error ends the
//! notification as a fault of the action, as a `throw` does in JavaScript.
//!
//! # What it refuses to do
//! There is no async: waiting is free for a sandbox, and a run makes few requests. There is no
//! client to configure, no redirect, no cookie and no retry: phonebox alone decides when to try
//! again. And what the SDK itself says, in an error or a `Debug`, never holds the number, the code
//! or a secret.

pub mod cache;
mod error;
pub mod event;
#[cfg_attr(target_family = "wasm", path = "host/component.rs")]
#[cfg_attr(not(target_family = "wasm"), path = "host/native.rs")]
mod host;
pub mod http;
mod json;
pub mod log;
mod outcome;
pub mod secrets;
#[cfg(not(target_family = "wasm"))]
pub mod test;
pub mod text;

pub use error::{Error, Result};
pub use event::Event;
pub use json::InvalidJson;
pub use outcome::{Outcome, Receipt};
/// What does not fit is told by the compiler, with the mend: a handler that is `async`, say, or one
/// that forgets the [`Result`].
///
/// ```compile_fail
/// # use phonebox_sdk::{Event, Outcome, Result, custom_phone_provider};
/// #[custom_phone_provider]
/// async fn deliver(event: Event) -> Result<Outcome> {
///     Ok(Outcome::sent())
/// }
/// ```
///
/// ```compile_fail,E0308
/// # use phonebox_sdk::{Event, Outcome, custom_phone_provider};
/// #[custom_phone_provider]
/// fn deliver(event: Event) -> Outcome {
///     Outcome::sent()
/// }
/// ```
pub use phonebox_sdk_macros::custom_phone_provider;

/// What the macro's expansion needs. Not for authors: it changes without notice.
#[doc(hidden)]
pub mod __internal {
    #[cfg(target_family = "wasm")]
    pub use crate::host::{bindings, deliver};

    /// What a handler is. The macro assigns the author's function to it.
    #[allow(unnameable_types, reason = "named by the macro's expansion alone")]
    pub type Handler = fn(crate::Event) -> crate::Result<crate::Outcome>;
}
