use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use phonebox_contract::NotificationId;

use crate::error::StoreError;
use crate::log::{LogEntry, LogId, LogItem, Logs};
use crate::row::{
    Accept, Accepted, ActionItem, ApiKey, Attempt, Binding, ChangeAction, ChangeModule, Changed,
    ChangedModule, Claim, ClaimMessages, Claimed, CreateAction, CreateModule, Created, Deploy,
    Depth, Ended, Filter, Item, Lease, Message, Module, ModuleUse, ModuleVersion, NewPhoneProvider,
    NewPhoneTemplate, Node, Notification, PatchPhoneProvider, PatchPhoneTemplate, PhoneProvider,
    PhoneTemplate, Place, PublishModule, Published, PutBinding, PutWebhook, Receipt, Received,
    Removed, Sealed, SigningKey, Stands, TenantItem, Then, ToBuild, Told, Version, Webhook,
};
use crate::sqlite::{Options, Sqlite};
use crate::time::Time;

/// What a store will have answered.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// What a database has to do. Each call is one transaction, which is on disk when the call returns.
pub trait Driver: Send + Sync {
    /// What time it is, by the clock that all who share this store go by.
    fn now(&self) -> Answer<'_, Time>;

    /// Keeps a notification.
    fn accept(&self, tenant: &str, accept: Accept) -> Answer<'_, Accepted>;

    /// What was accepted under an idempotency key, and the hash of its request.
    fn accepted_before(
        &self,
        tenant: &str,
        idempotency_key: [u8; 32],
    ) -> Answer<'_, Option<(NotificationId, [u8; 32])>>;

    /// Writes down an attempt, what follows it, and what the log is to say of that. False where the lease is no longer the row's:
    /// then the attempt is kept, and nothing else is changed.
    fn settle(
        &self,
        tenant: &str,
        id: NotificationId,
        lease: Lease,
        attempt: Attempt,
        then: Then,
        log: Vec<LogEntry>,
    ) -> Answer<'_, bool>;

    /// Hands out what is due, to one tenant after the other, the longest due of each first. What it finds that has expired
    /// meanwhile is settled as such, and in the log.
    fn claim(&self, claim: Claim) -> Answer<'_, Claimed>;

    /// When the next one that waits is due, whoever it belongs to.
    fn next_due(&self) -> Answer<'_, Option<Time>>;

    /// How much there is, of all tenants.
    fn depth(&self) -> Answer<'_, Depth>;

    /// Extends a node's leases of these.
    fn renew(&self, node: Node, of: Vec<NotificationId>) -> Answer<'_, ()>;

    /// Takes back what nodes hold whose leases have run out. What was lost so often that it may be what kills its nodes is
    /// settled as exhausted, and in the log. Gives all of them: each waits again or is exhausted.
    fn reap(&self, most_lost: u32) -> Answer<'_, Vec<Stands>>;

    /// Gives a lease back unused: there was no attempt, and the next one is due this much later. False where the lease is no
    /// longer the row's.
    fn release(
        &self,
        tenant: &str,
        id: NotificationId,
        lease: Lease,
        wait: Duration,
    ) -> Answer<'_, bool>;

    /// Takes a notification back that waits. False where it does not wait, or is not there.
    fn cancel(&self, tenant: &str, id: NotificationId) -> Answer<'_, bool>;

    /// Erases the payloads of what is settled and has expired, and all of what was settled so long ago. Gives how many
    /// payloads and how many notifications, at most some hundreds of each: where there may be more it is to be called again.
    fn erase(&self, settled_for: Duration) -> Answer<'_, (u64, u64)>;

    /// Keeps what a provider says of a message that is under way or was sent, at most `most` for each. The same again is not
    /// kept twice.
    fn receive(
        &self,
        tenant: &str,
        id: NotificationId,
        receipt: Receipt,
        most: u32,
    ) -> Answer<'_, Received>;

    /// What a notification was to send, encrypted. None where it has been erased, or there is no such notification.
    fn payload(&self, tenant: &str, id: NotificationId) -> Answer<'_, Option<Vec<u8>>>;

    /// A notification, its attempts and receipts.
    fn notification(&self, tenant: &str, id: NotificationId) -> Answer<'_, Option<Notification>>;

    /// Notifications, the latest first.
    fn notifications(&self, tenant: &str, filter: Filter) -> Answer<'_, Vec<Item>>;

    /// A tenant's settings.
    fn settings(&self, tenant: &str) -> Answer<'_, Option<String>>;

    /// Keeps a tenant's settings in place of what is there, if that is still `was`. False where it is not.
    fn replace_settings(
        &self,
        tenant: &str,
        was: Option<String>,
        settings: String,
    ) -> Answer<'_, bool>;

    /// Keeps what is to be in a tenant's log, at most [so much](LogEntry::MOST).
    fn log(&self, tenant: &str, entries: Vec<LogEntry>) -> Answer<'_, ()>;

    /// Has the log say this of notifications that the store itself settled, each with its tenant.
    fn explain(&self, texts: Vec<(String, NotificationId, String)>) -> Answer<'_, ()>;

    /// What is in a tenant's log, and how much of the kind that was asked for there is, if that was.
    fn logs(&self, tenant: &str, logs: Logs) -> Answer<'_, (Vec<LogItem>, Option<u64>)>;

    /// An entry of a tenant's log.
    fn log_entry(&self, tenant: &str, id: LogId) -> Answer<'_, Option<LogItem>>;

    /// Erases what is older than this of all logs. Gives how much, at most some hundreds: where there may be more it is to be called
    /// again.
    fn erase_logs(&self, older: Duration) -> Answer<'_, u64>;

    /// Makes an action whose draft is to be built.
    fn create_action(&self, tenant: &str, create: CreateAction) -> Answer<'_, Created>;

    /// Changes an action: what it is called, and with it what waits for it, or its draft, which is to be built again then.
    fn change_action(
        &self,
        tenant: &str,
        id: [u8; 16],
        change: ChangeAction,
    ) -> Answer<'_, Changed>;

    /// Forgets an action with its versions and secrets. One that somebody has bound, or that a custom provider delivers by, only if
    /// `force` says so.
    fn remove_action(&self, tenant: &str, id: [u8; 16], force: bool) -> Answer<'_, Removed>;

    /// When the next draft is due to be built, whoever it belongs to.
    fn next_build(&self) -> Answer<'_, Option<Time>>;

    /// Hands out the draft that has been waiting longest to be built, for as long as `lease`: if nothing is said of it by then,
    /// it is handed out again. Or one that is built and is to be deployed.
    fn claim_build(&self, lease: Duration) -> Answer<'_, Option<ToBuild>>;

    /// Writes down what came of building a draft. False where it was changed meanwhile.
    fn end_build(
        &self,
        tenant: &str,
        id: [u8; 16],
        revision: u32,
        ended: Ended,
    ) -> Answer<'_, bool>;

    /// Has a draft that is built deployed no more: whoever asked for it is to ask again. Nothing where it was changed meanwhile.
    fn deploy_no_more(&self, tenant: &str, id: [u8; 16], revision: u32) -> Answer<'_, ()>;

    /// Keeps a component as the next version of an action, deploys that version and has it deliver. None where something is
    /// not as it is expected to be.
    fn deploy(&self, tenant: &str, deploy: Deploy) -> Answer<'_, Option<Version>>;

    /// The action that delivers what a tenant sends.
    fn bound(&self, tenant: &str) -> Answer<'_, Option<String>>;

    /// Has an action deliver what its tenant sends from now on, and says that somebody wants it so. False where there is no
    /// such action, or nothing of it is deployed.
    fn put_binding(&self, tenant: &str, binding: PutBinding) -> Answer<'_, bool>;

    /// The binding that somebody made.
    fn binding(&self, tenant: &str) -> Answer<'_, Option<Binding>>;

    /// Forgets that somebody made a binding. What delivers goes on.
    fn remove_binding(&self, tenant: &str) -> Answer<'_, ()>;

    /// Deploys an earlier version again. False where there is none of this number.
    fn roll_back(&self, tenant: &str, action: &str, number: u32) -> Answer<'_, bool>;

    /// The version of an action that is deployed.
    fn deployed(&self, tenant: &str, action: &str) -> Answer<'_, Option<Version>>;

    /// A tenant's actions, by name.
    fn actions(&self, tenant: &str) -> Answer<'_, Vec<ActionItem>>;

    /// A tenant's action of this id.
    fn action(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Option<ActionItem>>;

    /// A tenant's action of this name.
    fn action_named(&self, tenant: &str, name: &str) -> Answer<'_, Option<ActionItem>>;

    /// Tenants by name, from the one after this.
    fn tenants(&self, after: Option<&str>, most: usize) -> Answer<'_, Vec<TenantItem>>;

    /// All versions of an action, the latest first.
    fn versions(&self, tenant: &str, action: &str) -> Answer<'_, Vec<Version>>;

    /// A tenant's component, or what it was made from, by its digest.
    fn component(&self, tenant: &str, digest: [u8; 32]) -> Answer<'_, Option<Vec<u8>>>;

    /// The secrets of a draft by the action's or the module's id, or of a version by its own: by name, encrypted.
    fn held_secrets(&self, tenant: &str, holder: [u8; 16]) -> Answer<'_, Vec<(String, Vec<u8>)>>;

    /// Makes a module.
    fn create_module(&self, tenant: &str, create: CreateModule) -> Answer<'_, Created<Module>>;

    /// A tenant's modules, by name.
    fn modules(&self, tenant: &str) -> Answer<'_, Vec<Module>>;

    /// A tenant's module of this id.
    fn module(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Option<Module>>;

    /// Changes a module's draft. What has one of its versions goes on as it is.
    fn change_module(
        &self,
        tenant: &str,
        id: [u8; 16],
        change: ChangeModule,
    ) -> Answer<'_, ChangedModule>;

    /// Forgets a module with its versions and secrets. One that a draft has, or what is deployed, stays.
    fn remove_module(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Removed>;

    /// Keeps a module's draft as its next version.
    fn publish_module(
        &self,
        tenant: &str,
        id: [u8; 16],
        publish: PublishModule,
    ) -> Answer<'_, Published>;

    /// All versions of a module, the latest first.
    fn module_versions(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Vec<ModuleVersion>>;

    /// A tenant's version of a module, by its own id.
    fn module_version(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Option<ModuleVersion>>;

    /// Which deployed actions have a module, by name.
    fn module_uses(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Vec<ModuleUse>>;

    /// Keeps a secret that an action runs with, encrypted, in place of what was there. `held` is the same as the draft of the
    /// action of this id keeps it, where there is one.
    fn put_secret(
        &self,
        tenant: &str,
        action: &str,
        name: &str,
        sealed: Vec<u8>,
        held: Option<([u8; 16], Vec<u8>)>,
    ) -> Answer<'_, ()>;

    /// Forgets a secret that an action runs with, and its draft's. False where there is none.
    fn remove_secret(&self, tenant: &str, action: &str, name: &str) -> Answer<'_, bool>;

    /// The secrets that an action runs with, by name, encrypted.
    fn secrets(&self, tenant: &str, action: &str) -> Answer<'_, Vec<(String, Vec<u8>)>>;

    /// Has a tenant told from now on what becomes of its notifications, each settled one and each receipt once, in the
    /// transaction that it comes to be in. Takes the place of what was there, and begins anew where that had been disabled.
    fn put_webhook(&self, tenant: &str, webhook: PutWebhook) -> Answer<'_, ()>;

    /// A tenant's webhook.
    fn webhook(&self, tenant: &str) -> Answer<'_, Option<Webhook>>;

    /// Forgets a tenant's webhook, and what waits for it. False where there is none.
    fn remove_webhook(&self, tenant: &str) -> Answer<'_, bool>;

    /// Hands out messages that are due, for as long as a lease: if nothing is said of one by then, it is due again.
    fn claim_messages(&self, claim: ClaimMessages) -> Answer<'_, Vec<Message>>;

    /// When the next message is due, whoever it belongs to.
    fn next_message(&self) -> Answer<'_, Option<Time>>;

    /// Writes down what came of a message's attempt. False where another one has begun since.
    fn end_message(&self, tenant: &str, id: [u8; 16], attempt: u32, told: Told)
    -> Answer<'_, bool>;

    /// Keeps a tenant's phone provider. None where it has one already.
    fn create_phone_provider(
        &self,
        tenant: &str,
        new: NewPhoneProvider,
    ) -> Answer<'_, Option<PhoneProvider>>;

    /// A tenant's phone provider.
    fn phone_provider(&self, tenant: &str) -> Answer<'_, Option<PhoneProvider>>;

    /// Changes a tenant's phone provider. None where it has none of this id.
    fn change_phone_provider(
        &self,
        tenant: &str,
        id: &str,
        patch: PatchPhoneProvider,
    ) -> Answer<'_, Option<PhoneProvider>>;

    /// Forgets a tenant's phone provider. False where it has none of this id.
    fn remove_phone_provider(&self, tenant: &str, id: &str) -> Answer<'_, bool>;

    /// Keeps a phone template. None where the tenant has one of its type already.
    fn create_phone_template(
        &self,
        tenant: &str,
        new: NewPhoneTemplate,
    ) -> Answer<'_, Option<PhoneTemplate>>;

    /// A tenant's phone templates, by type.
    fn phone_templates(&self, tenant: &str) -> Answer<'_, Vec<PhoneTemplate>>;

    /// Changes a phone template. None where the tenant has none of this id.
    fn change_phone_template(
        &self,
        tenant: &str,
        id: &str,
        patch: PatchPhoneTemplate,
    ) -> Answer<'_, Option<PhoneTemplate>>;

    /// Forgets a phone template. False where the tenant has none of this id.
    fn remove_phone_template(&self, tenant: &str, id: &str) -> Answer<'_, bool>;

    /// Keeps an API key.
    fn put_api_key(&self, key: ApiKey) -> Answer<'_, ()>;

    /// The API key of this id.
    fn api_key(&self, id: &str) -> Answer<'_, Option<ApiKey>>;

    /// A tenant's API keys, or the operator's, the earliest first.
    fn api_keys(&self, tenant: Option<&str>) -> Answer<'_, Vec<ApiKey>>;

    /// Forgets an API key. False where there is none of this id.
    fn remove_api_key(&self, id: &str) -> Answer<'_, bool>;

    /// What signs tokens, and what did before it, in some order.
    fn signing_keys(&self) -> Answer<'_, Vec<SigningKey>>;

    /// Has a key, of this id and encrypted, sign from now on in place of `before`, which is retired; whatever was retired
    /// earlier is forgotten. False where it is another one that signs; `before` is none where none did.
    fn sign_with(&self, id: &str, sealed: Vec<u8>, before: Option<&str>) -> Answer<'_, bool>;

    /// Keeps this, if nothing was kept so far, and gives what is kept: a text that only who has the right key can read.
    fn mark(&self, sealed: Vec<u8>) -> Answer<'_, Vec<u8>>;

    /// Encrypted texts that need another root key than this, in some order, from behind a place.
    fn sealed_otherwise(
        &self,
        key: [u8; 4],
        after: Option<Place>,
        most: usize,
    ) -> Answer<'_, Vec<Sealed>>;

    /// Puts a text in place of each of these that is still there. Gives how many were.
    fn reseal(&self, texts: Vec<(Sealed, Vec<u8>)>) -> Answer<'_, u64>;

    /// How many texts need each root key. What was being written when this was asked is counted.
    fn sealed_with(&self) -> Answer<'_, Vec<([u8; 4], u64)>>;

    /// Whether it can be read and written to, as far as is known without writing: the latest that was to be written was.
    fn check(&self) -> Answer<'_, ()>;

    /// Copies the whole of it into a new file, while it is in use.
    fn back_up(&self, to: &Path) -> Answer<'_, ()>;
}

/// A database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<dyn Driver>);

impl Store {
    /// How long a node may be silent before what it delivers is taken for abandoned. Longer than a run can take.
    pub const LEASE: Duration = Duration::from_secs(30);

    /// Opens an SQLite database, and makes it where there is none.
    pub async fn sqlite(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Sqlite::open(path, Options::default()).await.map(Self::new)
    }

    /// A store of one's own making.
    pub fn new(driver: impl Driver + 'static) -> Self {
        Self(Arc::new(driver))
    }
}

impl Deref for Store {
    type Target = dyn Driver;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
