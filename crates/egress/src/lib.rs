//! The only door to the network. An action asks for a request; here it is decided, made within limits, and recorded.
//!
//! Cast: the operator sets up one [`Egress`] with a [`Builder`]. A [`Policy`] of [`Rule`]s says what an action may reach.
//! [`Egress::outbound`] joins the two into an [`Outbound`], which owns the connections of one action and tenant; each run
//! takes a [`Trip`] from it, which owns the run's budget and knows its [`Caller`]. [`Trip::send`] turns a [`Request`] into
//! a [`Response`] or an [`Error`], and always into an [`Exchange`], whose [`Decision`] says why. The caller's
//! [`Credential`]s stand in a request as [`Placeholder`]s, or sign it as the rule's [`Auth`] says.
//!
//! One request in order: count it against the run's budget, the tenant's and the origin's; read the URL, once; decide (the
//! policy's rules, below the operator's ceiling); put secrets in their places, and sign; read headers and body; look the
//! name up, at most once; vet every address of the answer; take an idle connection to one of them, or dial one, and do TLS
//! for the very name that was decided on; send; read head and body up to their limits; put the connection back; record. A
//! denial takes as long as any other. The operator can stop all of this at any point: [`Egress::block`].
//!
//! ```
//! use std::borrow::Cow;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use phonebox_egress::{Caller, Egress, Policy, Request, Rule};
//!
//! struct Run {
//!     code: String,
//! }
//!
//! impl Caller for Run {
//!     fn action(&self) -> Cow<'_, str> {
//!         "9c56cc51".into()
//!     }
//!
//!     fn notification(&self) -> Cow<'_, str> {
//!         "019ab3e4".into()
//!     }
//!
//!     fn attempt(&self) -> u32 {
//!         1
//!     }
//!
//!     fn mask(&self, text: &str) -> String {
//!         text.replace(&self.code, "[code]")
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let egress = Egress::builder().build()?;
//! let rule = Rule::new("https://api.example.com", &["POST"], &["/v1/messages"])?;
//! let outbound = egress.outbound("acme", Arc::new(Policy::new(vec![rule])?));
//!
//! let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
//! let run = Run { code: "123456".to_owned() };
//! let trip = outbound.trip(deadline, Arc::new(run));
//! let (exchange, result) = trip
//!     .send(Request {
//!         method: "POST".to_owned(),
//!         url: "https://api.example.com/v1/messages".to_owned(),
//!         headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
//!         body: "{}".into(),
//!         timeout: None,
//!     })
//!     .await;
//! println!("{:?}: {:?}", exchange.decision.reason, result.map(|response| response.status));
//! # Ok(())
//! # }
//! ```
//!
//! What it refuses to do: reach anything without a rule; put a secret anywhere but where its owner lets it go, or where it would change what a request is; follow a
//! redirect; decompress; keep cookies; share a connection between tenants; look a name up twice for one request; honour a
//! proxy from the environment; send a request again that may have been written; tell a guest which address a name led to.

mod address;
mod auth;
mod block;
mod connection;
mod decision;
mod egress;
mod error;
mod exchange;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod message;
mod names;
mod origin;
mod outbound;
mod pattern;
mod pool;
mod registry;
mod resolve;
mod rule;
mod secret;
mod target;
mod tenant;
mod text;

pub use address::Nat64;
pub use auth::{Algorithm, Auth, Encoding, KeyEncoding, Text};
pub use block::Block;
pub use decision::{Decision, Reason, Verdict};
pub use egress::{BuildError, Builder, Egress};
pub use error::{Budget, Denial, Error, HeaderFlaw};
pub use exchange::{Connection, Exchange, Timings};
pub use limits::Limits;
pub use message::{Request, Response};
pub use origin::{InvalidOrigin, Origin};
pub use outbound::{Caller, Outbound, Trip};
pub use pattern::OriginPattern;
pub use rule::{InvalidRule, Policy, Rule};
pub use secret::{Credential, Place, Placeholder, SecretFlaw};
pub use target::{Path, UriFlaw};

pub use ipnet::{IpNet, Ipv6Net};
