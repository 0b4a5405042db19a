//! SQLite, in the process: one file, one process.

mod actions;
mod drafts;
mod log;
mod modules;
mod phone;
mod queue;
mod sealed;
mod webhooks;
mod writer;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use phonebox_contract::NotificationId;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};
use tokio::sync::Semaphore;

use self::queue::Cursor;
use self::writer::Writer;
use crate::driver::{Answer, Driver};
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
use crate::time::{Clock, Time};

/// The first version without the bug that could lose what was written while the log was reset (2026).
const OLDEST: i32 = 3_051_003;
/// What makes a database of each version into one of the next.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];
/// Connections that read at once.
const READERS: usize = 4;

/// A database in a file. One process uses it at a time.
pub struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    room: Room,
    clock: Clock,
    cursor: Arc<Mutex<Cursor>>,
    _lock: File,
}

/// How a database is to be opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// What tells the time. Default: the machine's clock.
    pub clock: Clock,
    /// What the file may grow to, in bytes, before it takes nothing new: a flood of notifications is to fill no disk. What was
    /// accepted before is still delivered, and what becomes of it written down, beyond that. Default: no limit.
    pub largest: Option<u64>,
}

/// What a database says of itself.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The version of its schema.
    pub version: u32,
    /// Its [mark](Driver::mark), if it has been used.
    pub mark: Option<Vec<u8>>,
    /// The latest time that was told when it was used.
    pub latest: Time,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::real(),
            largest: None,
        }
    }
}

impl Sqlite {
    /// Opens a database, and makes it where there is none. What an earlier process left under way waits again.
    pub async fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        tokio::task::spawn_blocking(move || Self::open_blocking(&path, options))
            .await
            .map_err(io)?
    }

    /// Looks at a database without changing it, whoever uses it meanwhile.
    pub async fn inspect(path: impl AsRef<Path>) -> Result<Inspected, StoreError> {
        let readers = Arc::new(Readers::new(path.as_ref()));
        let look = |connection: &Connection| {
            Ok(Inspected {
                version: connection.query_row("PRAGMA user_version", [], |row| row.get(0))?,
                mark: connection
                    .query_row("SELECT sealed FROM mark", [], |row| row.get(0))
                    .optional()?,
                latest: latest(connection)?,
            })
        };
        let inspected = Readers::read(readers, look).await?;
        let (found, known) = (inspected.version, known());
        if found > known {
            return Err(StoreError::Newer { found, known });
        }
        Ok(inspected)
    }

    /// Copies a database into a new file, whoever uses it meanwhile: what is on disk at one moment.
    pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), StoreError> {
        let readers = Arc::new(Readers::new(from.as_ref()));
        readers.copy(to.as_ref()).await
    }

    fn open_blocking(path: &Path, options: Options) -> Result<Self, StoreError> {
        let Options { clock, largest } = options;
        if rusqlite::version_number() < OLDEST {
            return Err(io(format!("SQLite {} is too old", rusqlite::version())));
        }
        let lock = lock(path)?;
        make_private(path).map_err(cannot_write)?;
        let mut connection = connect(path, OpenFlags::default()).map_err(|error| failed(&error))?;
        migrate(&mut connection)?;
        let (latest, room) = prepare(&connection, largest).map_err(|error| failed(&error))?;
        if let Some(behind) = clock.begin_after(latest) {
            tracing::warn!(
                seconds = behind.as_secs(),
                "the machine's clock went back; times go on from where they were",
            );
        }
        Ok(Self {
            writer: Writer::start(connection, clock.clone())?,
            readers: Arc::new(Readers::new(path)),
            room,
            clock,
            cursor: Arc::default(),
            _lock: lock,
        })
    }

    /// Writes by the time of the moment at which it is written.
    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection, Time) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let clock = self.clock.clone();
        self.writer
            .write(move |connection| write(connection, clock.now()))
            .await
    }

    /// Writes something new, for which there is to be room.
    async fn write_new<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection, Time) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let room = self.room;
        let write = move |connection: &Connection, now| {
            room.check(connection)?;
            write(connection, now)
        };
        self.write(write).await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        Readers::read(self.readers.clone(), read).await
    }
}

impl Driver for Sqlite {
    fn now(&self) -> Answer<'_, Time> {
        Box::pin(std::future::ready(Ok(self.clock.now())))
    }

    fn accept(&self, tenant: &str, accept: Accept) -> Answer<'_, Accepted> {
        let tenant = tenant.to_owned();
        let (clock, room) = (self.clock.clone(), self.room);
        Box::pin(self.writer.write_one(move |connection| {
            if let Err(full) = room.check(connection) {
                return queue::before(connection, &tenant, &accept)?.ok_or(full);
            }
            queue::accept(connection, clock.now(), tenant, accept)
        }))
    }

    fn accepted_before(
        &self,
        tenant: &str,
        idempotency_key: [u8; 32],
    ) -> Answer<'_, Option<(NotificationId, [u8; 32])>> {
        let tenant = tenant.to_owned();
        Box::pin(
            self.read(move |connection| {
                queue::accepted_before(connection, &tenant, idempotency_key)
            }),
        )
    }

    fn settle(
        &self,
        tenant: &str,
        id: NotificationId,
        lease: Lease,
        attempt: Attempt,
        then: Then,
        log: Vec<LogEntry>,
    ) -> Answer<'_, bool> {
        let tenant = tenant.to_owned();
        let clock = self.clock.clone();
        Box::pin(self.writer.write_or_undo_all(move |connection| {
            let now = clock.now();
            let settled = queue::settle(connection, now, &tenant, id, lease, &attempt, then)?;
            for entry in log.iter().filter(|_| settled) {
                log::keep(connection, now, &tenant, entry)?;
            }
            Ok(settled)
        }))
    }

    fn claim(&self, claim: Claim) -> Answer<'_, Claimed> {
        let cursor = self.cursor.clone();
        Box::pin(self.write(move |connection, now| {
            let mut cursor = cursor.lock().unwrap_or_else(PoisonError::into_inner);
            queue::claim(connection, now, claim, &mut cursor)
        }))
    }

    fn next_due(&self) -> Answer<'_, Option<Time>> {
        Box::pin(self.read(queue::next_due))
    }

    fn depth(&self) -> Answer<'_, Depth> {
        let clock = self.clock.clone();
        Box::pin(self.read(move |connection| queue::depth(connection, clock.now())))
    }

    fn renew(&self, node: Node, of: Vec<NotificationId>) -> Answer<'_, ()> {
        let of = of.into_iter().collect();
        Box::pin(self.write(move |connection, now| queue::renew(connection, now, node, &of)))
    }

    fn reap(&self, most_lost: u32) -> Answer<'_, Vec<Stands>> {
        Box::pin(self.write(move |connection, now| queue::reap(connection, now, most_lost)))
    }

    fn release(
        &self,
        tenant: &str,
        id: NotificationId,
        lease: Lease,
        wait: Duration,
    ) -> Answer<'_, bool> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, now| {
            queue::release(connection, now + wait, &tenant, id, lease)
        }))
    }

    fn cancel(&self, tenant: &str, id: NotificationId) -> Answer<'_, bool> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, now| queue::cancel(connection, now, &tenant, id)))
    }

    fn erase(&self, settled_for: Duration) -> Answer<'_, (u64, u64)> {
        Box::pin(self.write(move |connection, now| queue::erase(connection, now, settled_for)))
    }

    fn receive(
        &self,
        tenant: &str,
        id: NotificationId,
        receipt: Receipt,
        most: u32,
    ) -> Answer<'_, Received> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, now| {
            queue::receive(connection, now, &tenant, id, &receipt, most)
        }))
    }

    fn payload(&self, tenant: &str, id: NotificationId) -> Answer<'_, Option<Vec<u8>>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| queue::payload(connection, &tenant, id)))
    }

    fn notification(&self, tenant: &str, id: NotificationId) -> Answer<'_, Option<Notification>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| queue::notification(connection, &tenant, id)))
    }

    fn notifications(&self, tenant: &str, filter: Filter) -> Answer<'_, Vec<Item>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| queue::notifications(connection, &tenant, filter)))
    }

    fn settings(&self, tenant: &str) -> Answer<'_, Option<String>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| actions::settings(connection, &tenant)))
    }

    fn replace_settings(
        &self,
        tenant: &str,
        was: Option<String>,
        settings: String,
    ) -> Answer<'_, bool> {
        let tenant = tenant.to_owned();
        Box::pin(self.write_new(move |connection, _| {
            actions::replace_settings(connection, &tenant, was.as_deref(), &settings)
        }))
    }

    fn log(&self, tenant: &str, entries: Vec<LogEntry>) -> Answer<'_, ()> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, now| {
            let mut entries = entries.iter();
            entries.try_for_each(|entry| log::keep(connection, now, &tenant, entry))
        }))
    }

    fn explain(&self, texts: Vec<(String, NotificationId, String)>) -> Answer<'_, ()> {
        Box::pin(self.write(move |connection, _| {
            let mut texts = texts.iter();
            texts.try_for_each(|(tenant, id, text)| log::explain(connection, tenant, *id, text))
        }))
    }

    fn logs(&self, tenant: &str, logs: Logs) -> Answer<'_, (Vec<LogItem>, Option<u64>)> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| log::entries(connection, &tenant, &logs)))
    }

    fn log_entry(&self, tenant: &str, id: LogId) -> Answer<'_, Option<LogItem>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| log::entry(connection, &tenant, id)))
    }

    fn erase_logs(&self, older: Duration) -> Answer<'_, u64> {
        Box::pin(self.write(move |connection, now| log::erase(connection, now - older)))
    }

    fn create_action(&self, tenant: &str, create: CreateAction) -> Answer<'_, Created> {
        let tenant = tenant.to_owned();
        Box::pin(
            self.write_new(move |connection, now| {
                drafts::create(connection, now, &tenant, &create)
            }),
        )
    }

    fn change_action(
        &self,
        tenant: &str,
        id: [u8; 16],
        change: ChangeAction,
    ) -> Answer<'_, Changed> {
        let tenant = tenant.to_owned();
        Box::pin(self.write_new(move |connection, now| {
            drafts::change(connection, now, &tenant, id, &change)
        }))
    }

    fn remove_action(&self, tenant: &str, id: [u8; 16], force: bool) -> Answer<'_, Removed> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, _| drafts::remove(connection, &tenant, id, force)))
    }

    fn next_build(&self) -> Answer<'_, Option<Time>> {
        Box::pin(self.read(drafts::next))
    }

    fn claim_build(&self, lease: Duration) -> Answer<'_, Option<ToBuild>> {
        Box::pin(self.write(move |connection, now| drafts::claim(connection, now, lease)))
    }

    fn end_build(
        &self,
        tenant: &str,
        id: [u8; 16],
        revision: u32,
        ended: Ended,
    ) -> Answer<'_, bool> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, now| {
            drafts::end_build(connection, now, &tenant, id, revision, &ended)
        }))
    }

    fn deploy_no_more(&self, tenant: &str, id: [u8; 16], revision: u32) -> Answer<'_, ()> {
        let tenant = tenant.to_owned();
        Box::pin(
            self.write(move |connection, _| {
                drafts::deploy_no_more(connection, &tenant, id, revision)
            }),
        )
    }

    fn deploy(&self, tenant: &str, deploy: Deploy) -> Answer<'_, Option<Version>> {
        let tenant = tenant.to_owned();
        Box::pin(
            self.write_new(move |connection, now| {
                actions::deploy(connection, now, &tenant, &deploy)
            }),
        )
    }

    fn bound(&self, tenant: &str) -> Answer<'_, Option<String>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| actions::bound(connection, &tenant)))
    }

    fn put_binding(&self, tenant: &str, binding: PutBinding) -> Answer<'_, bool> {
        let tenant = tenant.to_owned();
        Box::pin(
            self.write(move |connection, now| {
                actions::put_binding(connection, now, &tenant, &binding)
            }),
        )
    }

    fn binding(&self, tenant: &str) -> Answer<'_, Option<Binding>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| actions::binding(connection, &tenant)))
    }

    fn remove_binding(&self, tenant: &str) -> Answer<'_, ()> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, _| actions::remove_binding(connection, &tenant)))
    }

    fn roll_back(&self, tenant: &str, action: &str, number: u32) -> Answer<'_, bool> {
        let (tenant, action) = (tenant.to_owned(), action.to_owned());
        Box::pin(
            self.write(move |connection, _| {
                actions::roll_back(connection, &tenant, &action, number)
            }),
        )
    }

    fn deployed(&self, tenant: &str, action: &str) -> Answer<'_, Option<Version>> {
        let (tenant, action) = (tenant.to_owned(), action.to_owned());
        Box::pin(self.read(move |connection| actions::deployed(connection, &tenant, &action)))
    }

    fn actions(&self, tenant: &str) -> Answer<'_, Vec<ActionItem>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| actions::actions(connection, &tenant)))
    }

    fn action(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Option<ActionItem>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| actions::action(connection, &tenant, id)))
    }

    fn action_named(&self, tenant: &str, name: &str) -> Answer<'_, Option<ActionItem>> {
        let (tenant, name) = (tenant.to_owned(), name.to_owned());
        Box::pin(self.read(move |connection| actions::action_named(connection, &tenant, &name)))
    }

    fn tenants(&self, after: Option<&str>, most: usize) -> Answer<'_, Vec<TenantItem>> {
        let after = after.map(ToOwned::to_owned);
        Box::pin(self.read(move |connection| actions::tenants(connection, after.as_deref(), most)))
    }

    fn versions(&self, tenant: &str, action: &str) -> Answer<'_, Vec<Version>> {
        let (tenant, action) = (tenant.to_owned(), action.to_owned());
        Box::pin(self.read(move |connection| actions::versions(connection, &tenant, &action)))
    }

    fn component(&self, tenant: &str, digest: [u8; 32]) -> Answer<'_, Option<Vec<u8>>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| actions::component(connection, &tenant, digest)))
    }

    fn held_secrets(&self, tenant: &str, holder: [u8; 16]) -> Answer<'_, Vec<(String, Vec<u8>)>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| actions::held_secrets(connection, &tenant, holder)))
    }

    fn create_module(&self, tenant: &str, create: CreateModule) -> Answer<'_, Created<Module>> {
        let tenant = tenant.to_owned();
        Box::pin(
            self.write_new(move |connection, now| {
                modules::create(connection, now, &tenant, &create)
            }),
        )
    }

    fn modules(&self, tenant: &str) -> Answer<'_, Vec<Module>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| modules::modules(connection, &tenant)))
    }

    fn module(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Option<Module>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| modules::module(connection, &tenant, id)))
    }

    fn change_module(
        &self,
        tenant: &str,
        id: [u8; 16],
        change: ChangeModule,
    ) -> Answer<'_, ChangedModule> {
        let tenant = tenant.to_owned();
        Box::pin(self.write_new(move |connection, now| {
            modules::change(connection, now, &tenant, id, &change)
        }))
    }

    fn remove_module(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Removed> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, _| modules::remove(connection, &tenant, id)))
    }

    fn publish_module(
        &self,
        tenant: &str,
        id: [u8; 16],
        publish: PublishModule,
    ) -> Answer<'_, Published> {
        let tenant = tenant.to_owned();
        Box::pin(self.write_new(move |connection, now| {
            modules::publish(connection, now, &tenant, id, &publish)
        }))
    }

    fn module_versions(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Vec<ModuleVersion>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| modules::versions(connection, &tenant, id)))
    }

    fn module_version(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Option<ModuleVersion>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| modules::version(connection, &tenant, id)))
    }

    fn module_uses(&self, tenant: &str, id: [u8; 16]) -> Answer<'_, Vec<ModuleUse>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| modules::uses(connection, &tenant, id)))
    }

    fn put_secret(
        &self,
        tenant: &str,
        action: &str,
        name: &str,
        sealed: Vec<u8>,
        held: Option<([u8; 16], Vec<u8>)>,
    ) -> Answer<'_, ()> {
        let [tenant, action, name] = [tenant, action, name].map(ToOwned::to_owned);
        Box::pin(self.write_new(move |connection, _| {
            actions::put_secret(connection, &tenant, &action, &name, &sealed, held.as_ref())
        }))
    }

    fn remove_secret(&self, tenant: &str, action: &str, name: &str) -> Answer<'_, bool> {
        let [tenant, action, name] = [tenant, action, name].map(ToOwned::to_owned);
        Box::pin(self.write(move |connection, _| {
            actions::remove_secret(connection, &tenant, &action, &name)
        }))
    }

    fn secrets(&self, tenant: &str, action: &str) -> Answer<'_, Vec<(String, Vec<u8>)>> {
        let (tenant, action) = (tenant.to_owned(), action.to_owned());
        Box::pin(self.read(move |connection| actions::secrets(connection, &tenant, &action)))
    }

    fn put_webhook(&self, tenant: &str, webhook: PutWebhook) -> Answer<'_, ()> {
        let tenant = tenant.to_owned();
        Box::pin(
            self.write_new(move |connection, now| {
                webhooks::put(connection, now, &tenant, &webhook)
            }),
        )
    }

    fn webhook(&self, tenant: &str) -> Answer<'_, Option<Webhook>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| webhooks::webhook(connection, &tenant)))
    }

    fn remove_webhook(&self, tenant: &str) -> Answer<'_, bool> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, _| webhooks::remove(connection, &tenant)))
    }

    fn claim_messages(&self, claim: ClaimMessages) -> Answer<'_, Vec<Message>> {
        Box::pin(self.write(move |connection, now| webhooks::claim(connection, now, &claim)))
    }

    fn next_message(&self) -> Answer<'_, Option<Time>> {
        Box::pin(self.read(webhooks::next))
    }

    fn end_message(
        &self,
        tenant: &str,
        id: [u8; 16],
        attempt: u32,
        told: Told,
    ) -> Answer<'_, bool> {
        let tenant = tenant.to_owned();
        Box::pin(self.write(move |connection, now| {
            webhooks::end(connection, now, &tenant, id, attempt, &told)
        }))
    }

    fn create_phone_provider(
        &self,
        tenant: &str,
        new: NewPhoneProvider,
    ) -> Answer<'_, Option<PhoneProvider>> {
        let tenant = tenant.to_owned();
        Box::pin(self.write_new(move |connection, now| {
            phone::create_provider(connection, now, &tenant, &new)
        }))
    }

    fn phone_provider(&self, tenant: &str) -> Answer<'_, Option<PhoneProvider>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| phone::provider(connection, &tenant)))
    }

    fn change_phone_provider(
        &self,
        tenant: &str,
        id: &str,
        patch: PatchPhoneProvider,
    ) -> Answer<'_, Option<PhoneProvider>> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        Box::pin(self.write_new(move |connection, now| {
            phone::change_provider(connection, now, &tenant, &id, &patch)
        }))
    }

    fn remove_phone_provider(&self, tenant: &str, id: &str) -> Answer<'_, bool> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        Box::pin(self.write(move |connection, _| phone::remove_provider(connection, &tenant, &id)))
    }

    fn create_phone_template(
        &self,
        tenant: &str,
        new: NewPhoneTemplate,
    ) -> Answer<'_, Option<PhoneTemplate>> {
        let tenant = tenant.to_owned();
        Box::pin(self.write_new(move |connection, now| {
            phone::create_template(connection, now, &tenant, &new)
        }))
    }

    fn phone_templates(&self, tenant: &str) -> Answer<'_, Vec<PhoneTemplate>> {
        let tenant = tenant.to_owned();
        Box::pin(self.read(move |connection| phone::templates(connection, &tenant)))
    }

    fn change_phone_template(
        &self,
        tenant: &str,
        id: &str,
        patch: PatchPhoneTemplate,
    ) -> Answer<'_, Option<PhoneTemplate>> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        Box::pin(self.write_new(move |connection, now| {
            phone::change_template(connection, now, &tenant, &id, &patch)
        }))
    }

    fn remove_phone_template(&self, tenant: &str, id: &str) -> Answer<'_, bool> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        Box::pin(self.write(move |connection, _| phone::remove_template(connection, &tenant, &id)))
    }

    fn put_api_key(&self, key: ApiKey) -> Answer<'_, ()> {
        Box::pin(self.write(move |connection, _| actions::put_api_key(connection, &key)))
    }

    fn api_key(&self, id: &str) -> Answer<'_, Option<ApiKey>> {
        let id = id.to_owned();
        Box::pin(self.read(move |connection| actions::api_key(connection, &id)))
    }

    fn api_keys(&self, tenant: Option<&str>) -> Answer<'_, Vec<ApiKey>> {
        let tenant = tenant.map(ToOwned::to_owned);
        Box::pin(self.read(move |connection| actions::api_keys(connection, tenant.as_deref())))
    }

    fn remove_api_key(&self, id: &str) -> Answer<'_, bool> {
        let id = id.to_owned();
        Box::pin(self.write(move |connection, _| actions::remove_api_key(connection, &id)))
    }

    fn signing_keys(&self) -> Answer<'_, Vec<SigningKey>> {
        Box::pin(self.read(actions::signing_keys))
    }

    fn sign_with(&self, id: &str, sealed: Vec<u8>, before: Option<&str>) -> Answer<'_, bool> {
        let (id, before) = (id.to_owned(), before.map(ToOwned::to_owned));
        Box::pin(self.write(move |connection, now| {
            actions::sign_with(connection, &id, &sealed, before.as_deref(), now)
        }))
    }

    fn mark(&self, sealed: Vec<u8>) -> Answer<'_, Vec<u8>> {
        Box::pin(self.write(move |connection, _| actions::mark(connection, &sealed)))
    }

    fn sealed_otherwise(
        &self,
        key: [u8; 4],
        after: Option<Place>,
        most: usize,
    ) -> Answer<'_, Vec<Sealed>> {
        Box::pin(self.read(move |connection| sealed::otherwise(connection, key, after, most)))
    }

    fn reseal(&self, texts: Vec<(Sealed, Vec<u8>)>) -> Answer<'_, u64> {
        Box::pin(self.write(move |connection, _| sealed::replace(connection, &texts)))
    }

    fn sealed_with(&self) -> Answer<'_, Vec<([u8; 4], u64)>> {
        Box::pin(async move {
            // What was given to the writer before is on disk after this.
            self.write(|_, _| Ok(())).await?;
            self.read(sealed::with).await
        })
    }

    fn check(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.writer.latest()?;
            self.read(queue::next_due).await.map(drop)
        })
    }

    fn back_up(&self, to: &Path) -> Answer<'_, ()> {
        let to = to.to_owned();
        Box::pin(async move { self.readers.clone().copy(&to).await })
    }
}

/// Connections that read, each what was on disk when its query began. They wait for nobody who writes.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    free: Semaphore,
}

impl Readers {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::default(),
            free: Semaphore::new(READERS),
        }
    }

    /// The file appears whole, for its owner alone: what is encrypted in it says a lot all the same.
    async fn copy(self: Arc<Self>, to: &Path) -> Result<(), StoreError> {
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let (to, part) = (to.to_owned(), PathBuf::from(part));
        let begun = || {
            if to.try_exists()? {
                return Err(std::io::Error::other(format!(
                    "{} already exists",
                    to.display()
                )));
            }
            // Of an attempt that was cut short.
            if part.try_exists()? {
                std::fs::remove_file(&part)?;
            }
            make_private(&part)
        };
        begun().map_err(io)?;
        let path = part.clone();
        let copied = Self::read(self, move |connection| {
            let path = path.to_string_lossy();
            connection.execute("VACUUM INTO ?1", [path]).map(drop)
        });
        let copied = copied.await;
        // SQLite leaves it to the system when a copy reaches the disk.
        let ended = move || {
            let whole = copied.and_then(|()| {
                let synced = File::open(&part).and_then(|file| file.sync_all());
                synced
                    .and_then(|()| std::fs::hard_link(&part, to))
                    .map_err(io)
            });
            let removed = std::fs::remove_file(&part).map_err(io);
            whole.and(removed)
        };
        tokio::task::spawn_blocking(ended).await.map_err(io)?
    }

    async fn read<T: Send + 'static>(
        this: Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let idle = |this: &Self| {
            this.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()
        };
        let of_all = this.clone();
        let _one = of_all
            .free
            .acquire()
            .await
            .map_err(|_| StoreError::Closed)?;
        let reading = move || {
            let connection = match idle(&this) {
                Some(connection) => connection,
                None => connect(
                    &this.path,
                    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
                )?,
            };
            let result = read(&connection);
            this.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            result
        };
        tokio::task::spawn_blocking(reading)
            .await
            .map_err(io)?
            .map_err(|error| failed(&error))
    }
}

/// A database is one process's: two that write to it would take each other's leases for abandoned.
fn lock(path: &Path) -> Result<File, StoreError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(beside)
        .map_err(cannot_write)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Makes the file, if it is not there, for its owner alone. SQLite gives those beside it the same rights.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(64);
    // The log is flushed at every commit. What is deleted is overwritten: it was encrypted, and yet.
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA synchronous = FULL;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;
         PRAGMA wal_autocheckpoint = 4000;",
    )?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let version = |connection: &Connection| -> rusqlite::Result<u32> {
        let found = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > 0 {
            // What is damaged is found before anything is written to it, if it can be.
            latest(connection)?;
        }
        Ok(found)
    };
    let found = version(connection).map_err(|error| failed(&error))?;
    let known = known();
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let migrating = |connection: &mut Connection| -> rusqlite::Result<()> {
        if found == 0 {
            // A page of this size holds an attempt's report in its row.
            connection
                .execute_batch("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL")?;
        }
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        for (version, migration) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
            let transaction = connection.transaction()?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()?;
        }
        Ok(())
    };
    migrating(connection).map_err(|error| failed(&error))
}

/// The latest time that was told.
fn latest(connection: &Connection) -> rusqlite::Result<Time> {
    connection.query_row("SELECT latest FROM clock", [], |row| time(row.get(0)?))
}

/// The latest version that is known.
fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Nobody else is here, so what is leased or being built was left by a process that is gone. Gives the latest time that was told, and what the
/// file may grow to.
fn prepare(connection: &Connection, largest: Option<u64>) -> rusqlite::Result<(Time, Room)> {
    let page: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = largest.map(|largest| largest / u64::from(page.max(1)));
    for left in [
        "UPDATE notification SET lease_until = 0 WHERE status = 'leased'",
        "UPDATE action SET build_at = 0 WHERE build = 'building' OR (build = 'built' AND deploy)",
    ] {
        connection.execute(left, [])?;
    }
    Ok((latest(connection)?, Room { pages }))
}

/// How many pages may be in use before nothing new is taken. SQLite's own limit would be in the way of what ends
/// notifications, too, and so of what makes room.
#[derive(Clone, Copy)]
struct Room {
    pages: Option<u64>,
}

impl Room {
    fn check(self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(most) = self.pages else {
            return Ok(());
        };
        let count = |what| -> rusqlite::Result<u64> {
            let count = connection
                .prepare_cached(what)?
                .query_row([], |row| row.get::<_, i64>(0));
            Ok(count?.unsigned_abs())
        };
        let used = count("PRAGMA page_count")?.saturating_sub(count("PRAGMA freelist_count")?);
        if used < most {
            return Ok(());
        }
        let full = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL);
        Err(rusqlite::Error::SqliteFailure(full, None))
    }
}

/// A time as SQL has it.
fn sql(time: Time) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[expect(clippy::unnecessary_wraps, reason = "it stands at the end of a query")]
fn time(sql: i64) -> rusqlite::Result<Time> {
    Ok(Time::from_millis(u64::try_from(sql).unwrap_or(0)))
}

fn failed(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged(error.to_string())
        }
        _ => io(error.to_string()),
    }
}

/// Of a file that was to be made or opened.
fn cannot_write(error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::ReadOnly
        }
        std::io::ErrorKind::StorageFull => StoreError::Full,
        _ => io(error),
    }
}

fn io(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Io(error.into().into())
}
