//! The nouns of phonebox, and the parts of Auth0's `custom-phone-provider` contract that are pure data.
//!
//! Cast: an [`Event`] tells an action what to say to which [`PhoneNumber`]; the action answers with an [`Outcome`];
//! where it fails instead, a [`Fault`] names who is to blame. [`world`] lists what a compiled action may import.
//!
//! One run in order: a platform builds an event with [`Event::new`] and [`Event::check`] holds it against the contract
//! strictly; or somebody posts a test event and [`Event::from_json`] takes it leniently, normalising numbers. Either way
//! [`Event::to_json`] gives Auth0's exact JSON.
//!
//! What it refuses to do: any input or output, and printing a number, a code or a message text in `Debug`.

mod build_error;
mod event;
mod id;
mod outcome;
mod phone_number;
mod schema;
mod sensitive;
pub mod world;

pub use build_error::BuildError;
pub use event::{
    Client, Connection, CustomDomain, DeliveryMethod, Event, Geoip, Identity, InvalidEvent,
    MessageType, Notification, Organization, Request, Tenant, Transaction, User,
};
pub use id::{InvalidNotificationId, NotificationId};
pub use outcome::{Fault, Outcome, REASON_LIMIT, Receipt, RetryRequest, Status, truncate_reason};
pub use phone_number::{InvalidPhoneNumber, PhoneNumber};
pub use schema::Violation;
pub use sensitive::Sensitive;
