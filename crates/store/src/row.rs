use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use phonebox_contract::{NotificationId, Status};

use crate::time::Time;

/// One process that delivers. A name that no other process has or had.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Node(pub [u8; 16]);

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({:032x})", u128::from_be_bytes(self.0))
    }
}

/// The right to deliver a notification. It counts as long as the row has the same owner and epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Who holds it.
    pub owner: Node,
    /// How often the row has been leased.
    pub epoch: u32,
}

/// A notification that is to be kept.
#[derive(Clone)]
pub struct Accept {
    /// Its id.
    pub id: NotificationId,
    /// The action that is to deliver it.
    pub action: String,
    /// What the platform says to be told the same request from another, as a keyed hash: it may be a number.
    pub idempotency_key: Option<[u8; 32]>,
    /// A keyed hash of all that the request says.
    pub request: [u8; 32],
    /// The event, encrypted.
    pub payload: Vec<u8>,
    /// How long what it says is true.
    pub valid: Duration,
    /// Who delivers it, and begins at once. None: it waits.
    pub lease: Option<Node>,
    /// The notification that this one repeats.
    pub replay_of: Option<NotificationId>,
}

/// What came of [`Accept`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Accepted {
    /// It is on disk, and waits.
    Queued,
    /// It is on disk, and is to be delivered at once.
    Leased(Leased),
    /// The same request was accepted before, under this id.
    Before(NotificationId),
    /// Another request was accepted under the same idempotency key.
    Conflict,
}

/// A notification that is to be delivered now.
#[derive(Clone, Eq, PartialEq)]
pub struct Leased {
    /// Whose it is.
    pub tenant: String,
    /// Its id.
    pub id: NotificationId,
    /// The action that is to deliver it.
    pub action: String,
    /// The event, encrypted.
    pub payload: Vec<u8>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How many of those before it ended with their node.
    pub lost: u32,
    /// When it was accepted.
    pub accepted_at: Time,
    /// Until when what it says is true.
    pub expires_at: Time,
    /// The right to deliver it.
    pub lease: Lease,
}

impl fmt::Debug for Leased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .field("attempt", &self.attempt)
            .field("expires_at", &self.expires_at)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

/// What a node asks for.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Who asks.
    pub node: Node,
    /// Most notifications in all.
    pub most: usize,
    /// Most that one tenant may have under way, on all nodes.
    pub per_tenant: usize,
}

/// What came of [`Claim`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Claimed {
    /// What is to be delivered now.
    pub leased: Vec<Leased>,
    /// What was found to have expired, and is settled.
    pub expired: Vec<Stands>,
}

/// Where a notification stands since the store itself moved it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Stands {
    /// Whose it is.
    pub tenant: String,
    /// Its id.
    pub id: NotificationId,
    /// Where it stands.
    pub status: Status,
}

/// One try, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// When it began.
    pub began: Time,
    /// When it had ended.
    pub ended: Time,
    /// What the sandbox did, as JSON. Holds no code, number or secret.
    pub report: String,
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Then {
    /// Another one, this much later.
    RetryAfter(Duration),
    /// Nothing: this is how it ended.
    Settled(Status),
}

/// A notification as it is kept, without its payload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// Its id.
    pub id: NotificationId,
    /// The action that delivers it.
    pub action: String,
    /// Where it stands.
    pub status: Status,
    /// How many attempts have begun.
    pub attempts: u32,
    /// When it was accepted.
    pub accepted_at: Time,
    /// When the next attempt is due, of one that waits.
    pub run_at: Time,
    /// Until when what it says is true.
    pub expires_at: Time,
    /// When it was settled.
    pub settled_at: Option<Time>,
    /// The notification that this one repeats.
    pub replay_of: Option<NotificationId>,
}

/// What a provider said later of a message that it had accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// What became of it, in a word of whoever keeps this.
    pub status: String,
    /// The same in the provider's word.
    pub provider_status: Option<String>,
    /// The provider's code for what went wrong.
    pub error_code: Option<String>,
    /// When it happened, if the provider says.
    pub at: Option<Time>,
}

/// What came of a receipt that was to be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Received {
    /// It is on disk, or was there before.
    Kept,
    /// The notification is neither under way nor sent.
    NotSent(Status),
    /// The notification has as many as it may have.
    TooMany,
    /// There is no such notification.
    Unknown,
}

/// A notification, all its attempts and receipts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notification {
    /// The notification.
    pub item: Item,
    /// Its attempts that have ended, in order.
    pub attempts: Vec<Attempt>,
    /// Its receipts and when they came, in that order.
    pub receipts: Vec<(Time, Receipt)>,
}

/// Which notifications are asked for, the latest first.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// Only those in this status.
    pub status: Option<Status>,
    /// Only those accepted before this one.
    pub before: Option<NotificationId>,
    /// Most of them.
    pub most: usize,
}

/// Where a tenant wants to be told what becomes of its notifications.
#[derive(Clone)]
pub struct PutWebhook {
    /// Where to.
    pub url: String,
    /// Whether it is told when one is settled.
    pub on_settled: bool,
    /// Whether it is told when a receipt comes.
    pub on_receipt: bool,
    /// What signs, encrypted.
    pub sealed: Vec<u8>,
}

/// A webhook, as far as telling it something needs it.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Hook {
    /// Where to.
    pub url: String,
    /// When it was put.
    pub changed_at: Time,
    /// Since when nothing arrived; none where the last message did.
    pub failing_since: Option<Time>,
    /// What signs, encrypted.
    pub sealed: Vec<u8>,
    /// What signed before it was put, encrypted.
    pub sealed_before: Option<Vec<u8>>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("changed_at", &self.changed_at)
            .field("failing_since", &self.failing_since)
            .finish_non_exhaustive()
    }
}

/// A webhook, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Webhook {
    /// Where it is and what signs.
    pub hook: Hook,
    /// Whether it is told when one is settled.
    pub on_settled: bool,
    /// Whether it is told when a receipt comes.
    pub on_receipt: bool,
    /// Why the latest message did not arrive, where it did not.
    pub failure: Option<String>,
    /// Since when it is told nothing, because nothing arrived.
    pub disabled_at: Option<Time>,
    /// Messages that wait.
    pub waiting: u64,
}

/// Which messages are asked for.
#[derive(Clone, Debug)]
pub struct ClaimMessages {
    /// Most messages in all.
    pub most: u32,
    /// Most that a webhook is told at once; one that fails is told one thing at a time.
    pub of_tenant: u32,
    /// How many of each tenant's are under way.
    pub busy: HashMap<String, u32>,
}

/// Something that a webhook is to be told now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Whose it is.
    pub tenant: String,
    /// Where it goes.
    pub hook: Hook,
    /// Its id, the same over all attempts.
    pub id: [u8; 16],
    /// What it is about.
    pub notification: NotificationId,
    /// Which receipt it is about, from 1; none: the notification was settled.
    pub receipt: Option<u32>,
    /// When that was.
    pub made_at: Time,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// What came of a [`Message`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// It arrived.
    Yes,
    /// It did not, and is tried again.
    Again {
        /// This much later.
        wait: Duration,
        /// Why it did not.
        why: String,
    },
    /// There was no attempt after all, and will be one this much later.
    Later(Duration),
    /// It did not, and is given up.
    Never(String),
    /// It did not, and the webhook is told nothing more until it is put again. What waits for it is forgotten.
    Disable(String),
}

/// A phone provider that is to be kept.
#[derive(Clone)]
pub struct NewPhoneProvider {
    /// Its id.
    pub id: String,
    /// What delivers.
    pub name: String,
    /// Whether nothing is sent.
    pub disabled: bool,
    /// How it is set up, as JSON. Holds nothing secret.
    pub configuration: Option<String>,
    /// Its credentials, encrypted.
    pub sealed: Option<Vec<u8>>,
}

/// A tenant's phone provider, as it is kept.
#[derive(Clone, Eq, PartialEq)]
pub struct PhoneProvider {
    /// Its id.
    pub id: String,
    /// What delivers.
    pub name: String,
    /// Whether nothing is sent.
    pub disabled: bool,
    /// How it is set up, as JSON.
    pub configuration: Option<String>,
    /// Its credentials, encrypted.
    pub sealed: Option<Vec<u8>>,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

impl fmt::Debug for PhoneProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhoneProvider")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("disabled", &self.disabled)
            .field("updated_at", &self.updated_at)
            .finish_non_exhaustive()
    }
}

/// What becomes different about a phone provider. What is none stays as it is.
#[derive(Clone, Default)]
pub struct PatchPhoneProvider {
    /// What delivers.
    pub name: Option<String>,
    /// Whether nothing is sent.
    pub disabled: Option<bool>,
    /// How it is set up, as JSON.
    pub configuration: Option<String>,
    /// Its credentials, encrypted.
    pub sealed: Option<Vec<u8>>,
}

/// A phone template that is to be kept.
#[derive(Clone)]
pub struct NewPhoneTemplate {
    /// Its id.
    pub id: String,
    /// What type of message it is for.
    pub kind: String,
    /// Whether it is not used.
    pub disabled: bool,
    /// The sender that it names.
    pub from: Option<String>,
    /// What is written.
    pub text: String,
    /// What is read aloud.
    pub voice: String,
}

/// A tenant's template for messages of one type, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PhoneTemplate {
    /// Its id.
    pub id: String,
    /// What type of message it is for.
    pub kind: String,
    /// Whether it is not used.
    pub disabled: bool,
    /// The sender that it names.
    pub from: Option<String>,
    /// What is written.
    pub text: String,
    /// What is read aloud.
    pub voice: String,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

/// What becomes different about a phone template. What is none stays as it is.
#[derive(Clone, Default)]
pub struct PatchPhoneTemplate {
    /// Whether it is not used.
    pub disabled: Option<bool>,
    /// The sender that it names, if any.
    pub from: Option<Option<String>>,
    /// What is written.
    pub text: Option<String>,
    /// What is read aloud.
    pub voice: Option<String>,
}

/// An API key, as it is kept: not the key itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKey {
    /// Names the key.
    pub id: String,
    /// Whose it is; none: the operator's.
    pub tenant: Option<String>,
    /// What it is good for, in words with spaces between them.
    pub scopes: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Time,
}

/// What signs tokens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SigningKey {
    /// Names it.
    pub id: String,
    /// The key, encrypted.
    pub sealed: Vec<u8>,
    /// When another took its place; none: it is the one that signs.
    pub retired_at: Option<Time>,
}

/// An action that is to be made: nothing but a draft.
#[derive(Clone)]
pub struct CreateAction {
    /// Its id.
    pub id: [u8; 16],
    /// Its name.
    pub name: String,
    /// What is to be built.
    pub draft: PutDraft,
    /// Whether it is to be deployed once it is built.
    pub deploy: bool,
    /// Most actions that its tenant may have with it.
    pub most: u32,
}

/// What came of [`CreateAction`], or of [`CreateModule`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Created<T = ActionItem> {
    /// It is there.
    Yes(Box<T>),
    /// The tenant has as many as it may have.
    TooMany,
    /// There is one of this name.
    NameTaken,
}

/// What is to be built from now on.
#[derive(Clone)]
pub struct PutDraft {
    /// SHA-256 of what it is made from.
    pub source: [u8; 32],
    /// What it is made from. None: the tenant has it.
    pub content: Option<Vec<u8>>,
    /// What else it is to be made with.
    pub definition: String,
    /// The versions of modules that it is to have, by their ids.
    pub modules: Vec<[u8; 16]>,
    /// All of its secrets by name, encrypted.
    pub secrets: Vec<(String, Vec<u8>)>,
}

/// How an action is to be from now on.
#[derive(Clone)]
pub struct ChangeAction {
    /// Which draft this was made up from, by its revision.
    pub revision: u32,
    /// And by its secrets.
    pub secrets: Vec<(String, Vec<u8>)>,
    /// What it is called.
    pub name: Option<Rename>,
    /// What is to be built. None: that stays.
    pub draft: Option<PutDraft>,
    /// Whether it is to be deployed once it is built.
    pub deploy: bool,
}

/// What an action is to be called.
#[derive(Clone)]
pub struct Rename {
    /// The name.
    pub name: String,
    /// The secrets that run with it, as they are kept under the old one.
    pub were: Vec<(String, Vec<u8>)>,
    /// The same, as they are to be kept under the new one.
    pub secrets: Vec<(String, Vec<u8>)>,
}

/// What came of [`ChangeAction`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Changed {
    /// It is so.
    Yes(Box<ActionItem>),
    /// It was changed meanwhile, and is as that had it.
    Meanwhile,
    /// Another action of the tenant's has this name.
    NameTaken,
    /// There is none of this id.
    Missing,
}

/// A draft that is to be built.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ToBuild {
    /// Whose it is.
    pub tenant: String,
    /// The action's id.
    pub id: [u8; 16],
    /// Which state of the draft this is.
    pub draft: Draft,
    /// How often building it has begun, with this time.
    pub begun: u32,
}

/// What came of building a draft.
#[derive(Clone)]
pub enum Ended {
    /// It can be deployed.
    Built {
        /// SHA-256 of what came out.
        digest: [u8; 32],
        /// What came out. None: the tenant has it.
        component: Option<Vec<u8>>,
        /// What its owner should know.
        notes: String,
    },
    /// It cannot, and this is why.
    Failed(String),
    /// Nothing: it is begun with again, this much later.
    Again(Duration),
}

/// What is to be deployed.
#[derive(Clone)]
pub struct Deploy {
    /// The action's name.
    pub action: String,
    /// The action's id. It is made where there is none of this name; where there is another, nothing is as expected.
    pub id: [u8; 16],
    /// What must still be so.
    pub expected: Expected,
    /// The version that it becomes, or that is deployed again.
    pub version: NewVersion,
    /// The secrets that it runs with, encrypted, in place of those that there were.
    pub secrets: Vec<(String, Vec<u8>)>,
    /// The same, as the version keeps them.
    pub held: Vec<(String, Vec<u8>)>,
    /// The draft becomes the same, with these. None: it stays as it is.
    pub draft: Option<FollowingDraft>,
    /// Most versions that are kept. The oldest that is not deployed goes first.
    pub most: u32,
}

/// What something was made up from. None: however it is.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The draft's revision.
    pub revision: Option<u32>,
    /// The draft's secrets.
    pub draft_secrets: Option<Vec<(String, Vec<u8>)>>,
    /// The secrets that the action runs with.
    pub secrets: Option<Vec<(String, Vec<u8>)>>,
}

/// A version that is to be. One that is there, by its id, stays as it is.
#[derive(Clone)]
pub struct NewVersion {
    /// Its id.
    pub id: [u8; 16],
    /// SHA-256 of what it was made from.
    pub source: [u8; 32],
    /// SHA-256 of its component.
    pub digest: [u8; 32],
    /// The component. None: the tenant has it.
    pub component: Option<Vec<u8>>,
    /// What else it was made with.
    pub definition: String,
    /// The versions of modules that it has, by their ids.
    pub modules: Vec<[u8; 16]>,
    /// When it was built; none: now.
    pub built_at: Option<Time>,
}

/// A draft that is the same as what is deployed.
#[derive(Clone)]
pub struct FollowingDraft {
    /// Its secrets, encrypted.
    pub secrets: Vec<(String, Vec<u8>)>,
    /// What its owner should know.
    pub notes: String,
}

/// A module that is to be made: nothing but a draft.
#[derive(Clone)]
pub struct CreateModule {
    /// Its id.
    pub id: [u8; 16],
    /// Its name.
    pub name: String,
    /// Its source.
    pub code: String,
    /// What else there is to it.
    pub definition: String,
    /// Its secrets by name, encrypted.
    pub secrets: Vec<(String, Vec<u8>)>,
    /// Most modules that its tenant may have with it.
    pub most: u32,
}

/// How a module's draft is to be from now on.
#[derive(Clone)]
pub struct ChangeModule {
    /// Which draft this was made up from, by its revision.
    pub revision: u32,
    /// And by its secrets.
    pub were: Vec<(String, Vec<u8>)>,
    /// Its source.
    pub code: String,
    /// What else there is to it.
    pub definition: String,
    /// Its secrets by name, encrypted.
    pub secrets: Vec<(String, Vec<u8>)>,
    /// The number of the version that it is the same as then.
    pub same_as: Option<u32>,
}

/// What came of [`ChangeModule`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChangedModule {
    /// It is so.
    Yes(Box<Module>),
    /// It was changed meanwhile, and is as that had it.
    Meanwhile,
    /// There is none of this id.
    Missing,
}

/// A module's draft that is to be a version.
#[derive(Clone)]
pub struct PublishModule {
    /// The version's id.
    pub id: [u8; 16],
    /// Which draft this was made up from, by its revision.
    pub revision: u32,
    /// And by its secrets.
    pub were: Vec<(String, Vec<u8>)>,
    /// The same, as the version keeps them.
    pub secrets: Vec<(String, Vec<u8>)>,
    /// Most versions that there may be.
    pub most: u32,
}

/// What came of [`PublishModule`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Published {
    /// It is there.
    Yes(Box<ModuleVersion>),
    /// The latest version is the same.
    Nothing,
    /// There are as many as there may be.
    TooMany,
    /// It was changed meanwhile.
    Meanwhile,
    /// There is no such module.
    Missing,
}

/// Code that actions share, as it is kept: what is worked on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Module {
    /// Its id.
    pub id: [u8; 16],
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed.
    pub updated_at: Time,
    /// Counts its changes.
    pub revision: u32,
    /// Its source.
    pub code: String,
    /// What else there is to it.
    pub definition: String,
    /// The number of the version that it is the same as.
    pub same_as: Option<u32>,
    /// The number of its latest version.
    pub latest: Option<u32>,
}

impl Module {
    /// Whether it is the same as its latest version.
    pub fn all_published(&self) -> bool {
        self.latest.is_some() && self.same_as == self.latest
    }
}

/// A version of a module, which stays as it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ModuleVersion {
    /// Its id.
    pub id: [u8; 16],
    /// The module's id.
    pub module: [u8; 16],
    /// The module's name.
    pub name: String,
    /// Its number, from 1.
    pub number: u32,
    /// Its source.
    pub code: String,
    /// What else there is to it.
    pub definition: String,
    /// When it was made.
    pub created_at: Time,
}

/// A deployed action that has a module.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ModuleUse {
    /// The action's id.
    pub action: [u8; 16],
    /// The action's name.
    pub action_name: String,
    /// The id of the module's version that it has.
    pub version: [u8; 16],
    /// And that version's number.
    pub number: u32,
}

/// What came of an action or a module that was to be removed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Removed {
    /// It is gone, with all that it had. This was its name.
    Yes(String),
    /// It is bound, and nobody said that this does not matter; or an action's draft or what is deployed of it has the module.
    InUse,
    /// There is none of this id.
    Missing,
}

/// Which action is to deliver what its tenant sends.
#[derive(Clone)]
pub struct PutBinding {
    /// The binding's id, if it is a new one.
    pub id: [u8; 16],
    /// The action's name.
    pub action: String,
    /// What the binding is called.
    pub display_name: String,
}

/// A binding that somebody made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Binding {
    /// Its id.
    pub id: [u8; 16],
    /// The action's name.
    pub action: String,
    /// What it is called.
    pub display_name: String,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed.
    pub updated_at: Time,
}

/// Where an encrypted text is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// The event of a notification.
    Event {
        /// Whose.
        tenant: String,
        /// The notification.
        id: NotificationId,
    },
    /// The [mark](crate::Driver::mark).
    Mark,
    /// The credentials of a tenant's phone provider.
    PhoneProvider {
        /// Whose.
        tenant: String,
    },
    /// A secret.
    Secret {
        /// Whose.
        tenant: String,
        /// The action that it is for.
        action: String,
        /// Its name.
        name: String,
    },
    /// What signs tokens, or did.
    SigningKey {
        /// Its id.
        id: String,
    },
    /// A secret of a draft or of a version.
    HeldSecret {
        /// Whose.
        tenant: String,
        /// The action's id, or the version's.
        holder: [u8; 16],
        /// Its name.
        name: String,
    },
    /// What signs the messages of a tenant's webhook.
    Webhook {
        /// Whose.
        tenant: String,
    },
    /// What signed them before the last change.
    WebhookBefore {
        /// Whose.
        tenant: String,
    },
}

/// An encrypted text, and where it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// Where.
    pub place: Place,
    /// The text. Its bytes 1 to 4, from 0, name the root key that it needs.
    pub text: Vec<u8>,
}

/// An action, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ActionItem {
    /// Its id.
    pub id: [u8; 16],
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed.
    pub updated_at: Time,
    /// What is worked on.
    pub draft: Draft,
    /// The version that is deployed.
    pub deployed: Option<Version>,
    /// Whether that is the same as the draft.
    pub draft_is_deployed: bool,
    /// Whether what its tenant sends goes to it.
    pub bound: bool,
}

/// What of an action is worked on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Draft {
    /// Counts its changes.
    pub revision: u32,
    /// SHA-256 of what it is made from.
    pub source: [u8; 32],
    /// What else it is to be made with.
    pub definition: String,
    /// How far it has been built.
    pub build: Build,
    /// Whether it is to be deployed once it is built.
    pub deploy: bool,
}

/// How far a draft has been built.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Build {
    /// It has not.
    Pending,
    /// It is being built.
    Building,
    /// It can be deployed.
    Built {
        /// SHA-256 of the component.
        digest: [u8; 32],
        /// When it was built.
        at: Time,
        /// What its owner should know.
        notes: String,
    },
    /// It cannot, and this is why.
    Failed(String),
}

/// A tenant, as a list shows it. There is one of every name that something is kept for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TenantItem {
    /// Its name.
    pub name: String,
    /// Actions that it has.
    pub actions: u64,
    /// API keys that it has.
    pub api_keys: u64,
    /// Notifications that wait.
    pub queued: u64,
    /// Notifications under way.
    pub leased: u64,
}

/// How much is not settled.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Depth {
    /// Notifications that wait.
    pub queued: u64,
    /// Notifications under way.
    pub leased: u64,
    /// How long the one that is due longest has been due.
    pub overdue: Duration,
}

/// An action's version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// Its id.
    pub id: [u8; 16],
    /// SHA-256 of what it was made from.
    pub source: [u8; 32],
    /// SHA-256 of its component.
    pub digest: [u8; 32],
    /// What else it was made with.
    pub definition: String,
    /// When it was built.
    pub built_at: Time,
    /// When it was made.
    pub created_at: Time,
}
