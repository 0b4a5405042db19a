//! The application, and the crate that a platform embeds: provider actions and the delivery of notifications by them.
//!
//! Cast: an [`Action`] is a checked component, or a source in JavaScript, with its [`Manifest`]. A [`Phonebox`] is a process's host; its
//! [`deploy`](Phonebox::deploy) loads an action for a tenant, with its [`Secrets`], and gives a [`Deployment`]. A [`Secret`] is
//! sealed, unless its owner says otherwise: its value goes on the wire, and the action never has it.
//! [`Deployment::attempt`] runs it once, for platforms with a queue of their own; [`Deployment::deliver`] tries until the
//! notification is settled, as [`schedule`] says, and gives a [`Delivery`]. With a [`Store`] and [`Keys`],
//! [`Phonebox::start`] gives [`Deliveries`]: what a [`Tenant`] deploys and [sends](Tenant::send) is then on disk, encrypted, and
//! outlives the process. What delivers it is the action that it deployed or, if its [`Provider`] says so, the built-in one.
//! Or an author works on it, as in Auth0's Management API: an [`ActionChange`] makes a draft, which is built and then deployed;
//! a [`ModuleChange`] makes one of code that actions share.
//! What it says without words of its own is what the tenant's [`Template`] makes.
//! What becomes of it is told to a [webhook](Tenant::put_webhook), and to who watches a [`Tail`]; what fails is in the
//! tenant's [log](Tenant::logs). [`ApiKeys`] and [`Tokens`] say who calls an API.
//!
//! One notification in order: the event goes to the deployment; the action runs in a sandbox that reaches only what its
//! manifest asks for, below the operator's ceiling; its outcome and the schedule decide whether to try again, and when.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use phonebox::{Action, Event, Phonebox, Secrets};
//!
//! let phonebox = Phonebox::builder().build()?;
//! let action = Action::from_component(std::fs::read("twilio.wasm")?)?;
//! let secrets: Secrets = [("TWILIO_AUTH_TOKEN", "…")].into_iter().collect();
//! let sms = phonebox.deploy("acme", &action, secrets)?;
//!
//! let event = Event::from_json(&std::fs::read_to_string("event.json")?)?;
//! let delivery = sms.deliver(event, |_| {}).await;
//! println!("{}", delivery.status);
//! # Ok(())
//! # }
//! ```
//!
//! What it refuses to do: read the environment or a configuration file; keep anything on disk but where it is told to; write a
//! code, a number or a secret to a store in the clear; send a code after it has expired.

mod action;
mod api_key;
mod delivery;
mod draft;
mod host;
mod keys;
mod manifest;
mod provider;
mod secret;
mod settings;
mod template;
mod tenant;
mod token;
mod webhook;

pub use action::{Action, InvalidAction, JavascriptOptions};
pub use api_key::{ApiKeys, Caller, NewApiKey, Scope, UnknownScope};
pub use delivery::{
    AbuseLimits, Attempt, CODE_VALIDITY, CallingCode, CannotLoad, CannotRotate, CannotStart,
    CircuitOptions, Country, Deliveries, Delivery, DeliveryOptions, Handle, Happened,
    InvalidCallingCode, InvalidCountry, LeftAlone, Rate, Refused, RootKey, Tail, TooManyTails,
    schedule,
};
pub use draft::{
    ActionChange, BindingRef, BoundModule, CannotManage, Code, Content, Dependency, ManagedAction,
    ManagedModule, ManagedModuleVersion, ManagedVersion, ModuleChange, ModuleRef, SecretChange,
    SecretMode, read_id, show_id,
};
pub use host::{Builder, DeployError, Deployment, Phonebox};
pub use keys::{CannotDecrypt, InvalidRootKeyId, Keys, KeysError, RootKeyId};
pub use manifest::{InvalidManifest, Manifest, SecretSpec, WrittenLimits, WrittenRule};
pub use provider::{
    NewProvider, Provider, ProviderChange, ProviderConfiguration, ProviderError, ProviderName,
};
pub use secret::{InvalidSecret, SecretInfo};
pub use settings::{CountryCodes, CountryMode, Settings, SettingsError};
pub use template::{Template, TemplateChange, TemplateError};
pub use tenant::{Deployed, RECEIPTS, Send, SendError, Sent, Tenant};
pub use token::{Issuer, Jwk, NewToken, TokenError, Tokens};
pub use webhook::{Topic, WebhookError};

pub use phonebox_componentize as componentize;
pub use phonebox_contract::{
    BuildError, DeliveryMethod, Event, Fault, InvalidEvent, MessageType, NotificationId, Outcome,
    PhoneNumber, Receipt, RetryRequest, Sensitive, Status, Violation,
};
pub use phonebox_egress as egress;
pub use phonebox_runtime::jail;
pub use phonebox_runtime::{
    CompiledCache, Config, Digest, Jail, Level, Limits, LoadError, LogLine, Mode, Occupancy,
    OpenError, Origin, Report, RunError, Runtime, Secret, Secrets, Usage,
};

pub use phonebox_store as store;
pub use phonebox_store::{Store, StoreError};

/// What the README says of this crate compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
