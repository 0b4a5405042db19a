//! Runs a handler natively against a scripted host. Not there on WebAssembly.
//!
//! A unit test says which secrets there are and what the provider answers, runs the handler with an
//! event, and looks at what it decided and sent:
//!
//! ```
//! use phonebox_sdk::test::{Answer, Host, event};
//! use phonebox_sdk::{Event, Outcome, Result, custom_phone_provider, http, secrets};
//! use serde_json::json;
//!
//! #[custom_phone_provider]
//! fn deliver(event: Event) -> Result<Outcome> {
//!     let response = http::post("https://gateway.example/send")
//!         .bearer(secrets::get("TOKEN")?)
//!         .form([("to", &event.notification.recipient), ("text", &event.notification.as_text)])
//!         .send()?;
//!     if response.status().is_success() {
//!         return Ok(Outcome::sent());
//!     }
//!     Ok(response.failure("the gateway refused"))
//! }
//!
//! // #[test]
//! fn a_busy_gateway_is_asked_again() {
//!     let host = Host::new()
//!         .secret("TOKEN", "t0ken")
//!         .answer(Answer::json(503, &json!({ "error": "overloaded" })));
//!
//!     let outcome = host.run(deliver, event().to("+447700900123")).unwrap();
//!
//!     assert_eq!(outcome, Outcome::retry("the gateway refused"));
//!     let requests = host.requests();
//!     assert_eq!(requests[0].header("authorization"), Some("Bearer t0ken"));
//!     assert_eq!(requests[0].form()["to"], "+447700900123");
//! }
//! # a_busy_gateway_is_asked_again();
//! ```
//!
//! Egress rules are not checked here: `phonebox test` runs the built component, rules and all.

mod event;
mod host;
mod request;

pub use event::{EventBuilder, event};
pub(crate) use host::Script;
pub use host::{Answer, Host};
pub use request::Request;
