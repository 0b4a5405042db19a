//! What phonebox keeps: the queue of notifications, actions with their versions, secrets, phone
//! providers and templates, webhooks and what they wait for, tenants' settings and logs.
//!
//! Cast: a [`Store`] stands for a database. Behind it is a [`Driver`]; SQLite is in [`sqlite`](Store::sqlite), one file on one
//! machine. A notification is a row with a status. Whoever delivers it holds a [`Lease`] on it, and writes only as long as
//! that lease is the row's own.
//!
//! One notification in order: [`Driver::accept`] writes the row, already leased to the node that accepted it, so that it runs at
//! once and from memory; [`Driver::settle`] writes the attempt and what follows. What waits is handed out by
//! [`Driver::claim`], to one tenant after the other. [`Driver::reap`] takes rows back from nodes that are gone, and
//! [`Driver::erase`] removes what nobody needs any more. Whatever settles a row leaves a [`Message`] for the tenant's webhook, if
//! it has one, in the same transaction; whatever settles it other than by sending it leaves a [`LogEntry`]. Every call is one transaction, on disk when it returns.
//!
//! One action in order: [`Driver::create_action`] and [`Driver::change_action`] leave a draft that is to be built;
//! [`Driver::claim_build`] hands it out, and [`Driver::end_build`] writes what came of it, unless it is another one by then;
//! [`Driver::deploy`] makes a version of it. What nothing names any more is removed. Of a [`Module`], which actions share,
//! [`Driver::publish_module`] makes a version.
//!
//! What it refuses to do: decide. Whether and when there is another attempt, what is in a payload, who may send: all of that is
//! said to it. It sees no code, number or secret: they come encrypted. And no query goes without a tenant, but those that
//! keep the queue going.

mod driver;
mod error;
mod log;
mod row;
mod sqlite;
mod time;

pub use driver::{Answer, Driver, Store};
pub use error::StoreError;
pub use log::{About, InvalidLogId, LogEntry, LogId, LogItem, Logs, Matches, What};
pub use row::{
    Accept, Accepted, ActionItem, ApiKey, Attempt, Binding, Build, ChangeAction, ChangeModule,
    Changed, ChangedModule, Claim, ClaimMessages, Claimed, CreateAction, CreateModule, Created,
    Deploy, Depth, Draft, Ended, Expected, Filter, FollowingDraft, Hook, Item, Lease, Leased,
    Message, Module, ModuleUse, ModuleVersion, NewPhoneProvider, NewPhoneTemplate, NewVersion,
    Node, Notification, PatchPhoneProvider, PatchPhoneTemplate, PhoneProvider, PhoneTemplate,
    Place, PublishModule, Published, PutBinding, PutDraft, PutWebhook, Receipt, Received, Removed,
    Rename, Sealed, SigningKey, Stands, TenantItem, Then, ToBuild, Told, Version, Webhook,
};
pub use sqlite::{Inspected, Options, Sqlite};
pub use time::{Clock, Time};
