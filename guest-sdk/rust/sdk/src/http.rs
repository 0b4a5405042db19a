//! The way to the provider: one request, one whole answer.
//!
//! ```
//! use phonebox_sdk::{Outcome, Result, http, secrets, test};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Accepted {
//!     sid: String,
//! }
//!
//! fn send() -> Result<Outcome> {
//!     let account = secrets::get("TWILIO_ACCOUNT_SID")?;
//!     let response = http::post(format!(
//!         "https://api.twilio.com/2010-04-01/Accounts/{account}/Messages.json"
//!     ))
//!     .basic(&account, secrets::get("TWILIO_AUTH_TOKEN")?)
//!     .form([("To", "+12065550100"), ("Body", "Your code is 123456")])
//!     .send()?;
//!     if response.status() != http::StatusCode::CREATED {
//!         return Ok(response.failure(format!("twilio answered {}", response.status())));
//!     }
//!     Ok(Outcome::sent_with("twilio", response.json::<Accepted>()?.sid))
//! }
//! # let host = test::Host::new()
//! #     .secret("TWILIO_ACCOUNT_SID", "AC0")
//! #     .secret("TWILIO_AUTH_TOKEN", "token")
//! #     .answer(test::Answer::json(201, &serde_json::json!({ "sid": "SM0" })));
//! # let outcome = host.run(|_event| send(), test::event()).unwrap();
//! # assert_eq!(outcome, Outcome::sent_with("twilio", "SM0"));
//! ```
//!
//! Every request is checked against the egress rules in `action.toml` before a name is looked up.
//! Redirects are not followed, nothing is decompressed and there are no cookies. A run makes five
//! requests at the most; a body, either way, has 256 KiB at the most.

mod error;
mod request;
mod response;

pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

pub use error::Error;
pub(crate) use request::Prepared;
pub use request::Request;
pub use response::Response;

/// A `GET` request. `action.toml` has to allow the method: rules without `methods` allow `POST`.
pub fn get(url: impl Into<String>) -> Request {
    Request::new(Method::GET, url)
}

/// A `POST` request.
pub fn post(url: impl Into<String>) -> Request {
    Request::new(Method::POST, url)
}
