use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use phonebox_contract::{DeliveryMethod, Event, Fault, NotificationId, Sensitive, Status};
use phonebox_egress::OriginPattern;
use phonebox_runtime::{Secret, Secrets};
use phonebox_store::{
    ActionItem, Deploy, Expected, Filter, FollowingDraft, Item, LogEntry, LogId, LogItem, Logs,
    NewVersion, Notification, Receipt, Received, StoreError, Version, Webhook,
};
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::action::Action;
use crate::delivery::{CannotLoad, Engine, LeftAlone, Refused, Tail, TooManyTails};
use crate::draft::{self, Definition};
use crate::host::Deployment;
use crate::secret::{self, Given, Owner, SecretInfo};
use crate::settings::{Settings, SettingsError};
use crate::webhook::{self, Topic, WebhookError};

/// How often who waits for the end of a notification looks for it in the store. Most ends are told at once.
const LOOK: Duration = Duration::from_secs(1);
/// Most receipts of one notification.
pub const RECEIPTS: u32 = 20;

/// One tenant's actions and notifications. Cheap to clone.
#[derive(Clone)]
pub struct Tenant {
    pub(crate) engine: Arc<Engine>,
    pub(crate) name: Arc<str>,
}

/// What was deployed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deployed {
    /// The version that delivers from now on.
    pub version: Version,
    /// What its owner should know: that it will not work as its secrets are, say.
    pub notes: Vec<String>,
}

/// A notification that was accepted: it is on disk, and will be tried until it is settled.
#[derive(Clone)]
pub struct Sent {
    tenant: Tenant,
    id: NotificationId,
    repeated: bool,
}

/// A notification about to be sent. Await it.
#[must_use = "nothing is sent until it is awaited"]
pub struct Send {
    tenant: Tenant,
    what: What,
    idempotency_key: Option<String>,
    valid: Option<Duration>,
}

/// What is to be sent.
pub(crate) enum What {
    Event(Box<Event>),
    /// What an earlier notification was to send.
    Again(NotificationId),
}

/// Why a notification was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The tenant has no action that could deliver it.
    #[error("the tenant {0} has no action")]
    NoAction(String),
    /// The tenant's phone provider is switched off.
    #[error("the tenant's phone provider is disabled")]
    ProviderDisabled,
    /// The tenant's phone provider is not for messages of this kind.
    #[error("the tenant's phone provider delivers no {}", method_name(*.0))]
    MethodNotOffered(DeliveryMethod),
    /// The tenant's phone provider is Twilio, and lacks what that needs.
    #[error("the tenant's phone provider is Twilio, and lacks its SID, its auth token or a sender")]
    ProviderIncomplete,
    /// The tenant's phone provider is Twilio, and whoever started this process gave it no action for that.
    #[error("this phonebox has no built-in action for Twilio")]
    NoTwilio,
    /// Another notification was accepted under the same idempotency key.
    #[error("the idempotency key was used for another notification")]
    Conflict,
    /// The notification to be sent again is not there.
    #[error("the tenant has no notification of this id")]
    Unknown,
    /// The notification to be sent again is not settled.
    #[error("it is {0}: only what is settled can be sent again")]
    NotSettled(Status),
    /// What the notification was to send is no longer true, and nobody says for how long it is to be.
    #[error("what it says is no longer true")]
    Expired,
    /// What the notification was to send has been erased.
    #[error("what it said has been erased, as it is once that has expired")]
    Erased,
    /// What the notification was to send cannot be decrypted.
    #[error("what it said cannot be decrypted")]
    Unreadable,
    /// The template that was to be tried makes no message.
    #[error("the template makes no message: {0}")]
    Template(String),
    /// It is too many, or goes where none may go.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The process is ending.
    #[error("phonebox is shutting down")]
    ShuttingDown,
    /// It could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SendError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoAction(_) => "deploy one first",
            Self::ProviderDisabled => "enable it, or delete it",
            Self::MethodNotOffered(_) => "name it among the provider's delivery_methods",
            Self::ProviderIncomplete => "give it what it lacks",
            Self::NoTwilio => {
                "deploy an action that speaks to Twilio, and make the provider custom"
            }
            Self::Conflict => "use another key, or send exactly what was sent with it before",
            Self::Unknown => "look for it among the tenant's notifications",
            Self::NotSettled(_) => "wait until it is settled, or cancel it",
            Self::Expired => "say for how long it is to be true once more, or send another code",
            Self::Erased => "send it as a new notification",
            Self::Unreadable => "start phonebox with the key that it was encrypted with",
            Self::Template(_) => "mend the template",
            Self::Refused(refused) => refused.hint(),
            Self::ShuttingDown => "send it to another process, or to this one when it is back",
            Self::Store(error) => error.hint(),
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused(_) | Self::ProviderDisabled | Self::MethodNotOffered(_) => Fault::Policy,
            _ => Fault::Platform,
        }
    }
}

/// What somebody who is told that there is none of it calls it.
fn method_name(method: DeliveryMethod) -> &'static str {
    match method {
        DeliveryMethod::Text => "texts",
        DeliveryMethod::Voice => "calls",
    }
}

impl Tenant {
    pub(crate) fn new(engine: Arc<Engine>, name: &str) -> Self {
        Self {
            engine,
            name: name.into(),
        }
    }

    /// Deploys an action under the name in its manifest, with all of its secrets, and has it deliver what this tenant sends
    /// from now on. What is under way ends with what it began with. On disk when it returns.
    pub async fn deploy(&self, action: &Action, secrets: Secrets) -> Result<Deployed, CannotLoad> {
        let manifest = action.manifest();
        let given = |(name, one): (&str, &Secret)| {
            secret::check(name, one)?;
            Ok((name.to_owned(), Given::now(one.clone()).bound(manifest)))
        };
        let given: Result<Vec<_>, CannotLoad> = secrets.iter().map(given).collect();
        let given = given?;
        let bound = given
            .iter()
            .map(|(name, given)| (name, given.secret.clone()));
        // What cannot be loaded is not kept.
        let deployment = self.load(action, bound.collect()).await?;
        loop {
            if let Some(deployed) = self.deploy_with(action, &deployment, &given, None).await? {
                return Ok(deployed);
            }
        }
    }

    /// [`Tenant::deploy`] with the secrets that were [set](Tenant::set_secret), as far as the action asks for them. Those of which
    /// nobody has said where they may go are bound to what it asks for.
    pub async fn deploy_with_kept_secrets(&self, action: &Action) -> Result<Deployed, CannotLoad> {
        let manifest = action.manifest();
        let owner = Owner::running(&self.name, &manifest.name);
        loop {
            let kept = self
                .engine
                .store
                .secrets(&self.name, &manifest.name)
                .await?;
            let mut given = owner.open_all(&self.engine.keys, &kept)?;
            for (_, given) in given
                .iter_mut()
                .filter(|(name, _)| manifest.takes_secret(name))
            {
                *given = given.clone().bound(manifest);
            }
            let deployment = self
                .load(action, secret::asked_for(&given, manifest))
                .await?;
            let kept = Some(kept);
            if let Some(deployed) = self.deploy_with(action, &deployment, &given, kept).await? {
                return Ok(deployed);
            }
        }
    }

    /// Keeps an action that was loaded, and has it run from now on. None where something changed meanwhile.
    async fn deploy_with(
        &self,
        action: &Action,
        deployment: &Deployment,
        given: &[(String, Given)],
        expected: Option<Vec<(String, Vec<u8>)>>,
    ) -> Result<Option<Deployed>, CannotLoad> {
        let Engine { store, keys, .. } = &*self.engine;
        let (name, digest) = (&action.manifest().name, action.digest().to_bytes());
        let item = store.action_named(&self.name, name).await?;
        let id = item.map_or_else(draft::new_id, |item| item.id);
        // The same component again is the same version.
        let versions = store.versions(&self.name, name).await?;
        let before = versions.iter().find(|version| version.digest == digest);
        let version = before.map_or_else(draft::new_id, |version| version.id);
        let seal = |holder| Owner::holding(&self.name, holder).seal_all(keys, given);
        let notes = deployment.notes();
        let deploy = Deploy {
            action: name.clone(),
            id,
            expected: Expected {
                secrets: expected,
                ..Expected::default()
            },
            version: NewVersion {
                id: version,
                source: digest,
                digest,
                component: Some(action.component().to_vec()),
                definition: Definition::of_component().write(),
                modules: Vec::new(),
                built_at: None,
            },
            secrets: Owner::running(&self.name, name).seal_all(keys, given),
            held: seal(version),
            draft: Some(FollowingDraft {
                secrets: seal(id),
                notes: serde_json::to_string(&notes).unwrap_or_default(),
            }),
            most: draft::VERSIONS,
        };
        let version = self.keep(deploy, deployment.clone()).await?;
        Ok(version.map(|version| Deployed { version, notes }))
    }

    pub(crate) async fn load(
        &self,
        action: &Action,
        secrets: Secrets,
    ) -> Result<Deployment, CannotLoad> {
        let (engine, tenant, action) = (self.engine.clone(), self.name.clone(), action.clone());
        let load = move || engine.phonebox.deploy(&tenant, &action, secrets);
        let loaded = tokio::task::spawn_blocking(load).await;
        Ok(loaded.map_err(|_| CannotLoad::ShuttingDown)??)
    }

    /// Keeps what is to be deployed, and has it run from now on as it was loaded. None where something changed meanwhile.
    pub(crate) async fn keep(
        &self,
        deploy: Deploy,
        deployment: Deployment,
    ) -> Result<Option<Version>, StoreError> {
        let Engine { store, .. } = &*self.engine;
        let (name, loaded_with) = (deploy.action.clone(), deploy.secrets.clone());
        let Some(version) = store.deploy(&self.name, deploy).await? else {
            return Ok(None);
        };
        self.engine.deployed(&self.name, &name, Some(deployment));
        self.engine.rerouted(&self.name);
        // Whoever deployed or set a secret meanwhile may have said so before this did: then the store is asked.
        let is = store.deployed(&self.name, &name).await?;
        let secrets = store.secrets(&self.name, &name).await?;
        if is.as_ref() != Some(&version) || secrets != loaded_with {
            self.engine.deployed(&self.name, &name, None);
        }
        Ok(Some(version))
    }

    /// Sets a secret of an action's, which need not be there yet. Runs that begin from now on get it. Where the secret does not
    /// say where it may go, it is bound to the origins that the deployed action asks for, or the first one deployed: what is
    /// deployed later cannot have it sent elsewhere.
    pub async fn set_secret(
        &self,
        action: &str,
        name: &str,
        secret: impl Into<Secret>,
    ) -> Result<SecretInfo, CannotLoad> {
        let mut secret = secret.into();
        secret::check(name, &secret)?;
        if secret.origins().is_none()
            && let Some(deployed) = self.engine.deployed_action(&self.name, action).await?
        {
            secret = secret::bound(secret, deployed.manifest());
        }
        let Engine { store, keys, .. } = &*self.engine;
        let (owner, given) = (Owner::running(&self.name, action), Given::now(secret));
        let item = store.action_named(&self.name, action).await?;
        let held = item.map(|item| {
            let draft = Owner::holding(&self.name, item.id);
            (item.id, draft.seal(keys, name, &given))
        });
        let sealed = owner.seal(keys, name, &given);
        let put = store.put_secret(&self.name, action, name, sealed, held);
        put.await?;
        let info = owner.tell(keys, name.to_owned(), &given);
        tracing::info!(
            target: "phonebox::secrets",
            tenant = &*self.name,
            action,
            secret = name,
            mode = info.mode.as_str(),
            origins = ?info.origins.as_deref().map(|origins| origins.iter().map(OriginPattern::as_str).collect::<Vec<_>>()),
            "a secret was set",
        );
        self.engine.deployed(&self.name, action, None);
        Ok(info)
    }

    /// Forgets a secret. False where there is none of this name.
    pub async fn remove_secret(&self, action: &str, name: &str) -> Result<bool, StoreError> {
        let remove = self.engine.store.remove_secret(&self.name, action, name);
        let removed = remove.await?;
        if removed {
            tracing::info!(
                target: "phonebox::secrets",
                tenant = &*self.name,
                action,
                secret = name,
                "a secret was removed",
            );
        }
        self.engine.deployed(&self.name, action, None);
        Ok(removed)
    }

    /// An action's secrets. Their values are for its runs alone.
    pub async fn secrets(&self, action: &str) -> Result<Vec<SecretInfo>, CannotLoad> {
        let Engine { store, keys, .. } = &*self.engine;
        let owner = Owner::running(&self.name, action);
        let kept = store.secrets(&self.name, action).await?;
        let tell = |(name, given)| owner.tell(keys, name, &given);
        let given = owner.open_all(keys, &kept)?;
        Ok(given.into_iter().map(tell).collect())
    }

    /// Its actions, by name.
    pub async fn actions(&self) -> Result<Vec<ActionItem>, StoreError> {
        self.engine.store.actions(&self.name).await
    }

    /// All versions of an action that were deployed, the latest first.
    pub async fn versions(&self, action: &str) -> Result<Vec<Version>, StoreError> {
        self.engine.store.versions(&self.name, action).await
    }

    /// Deploys an earlier version of an action again, with the secrets of now. False where there is none of this number.
    pub async fn roll_back(&self, action: &str, number: u32) -> Result<bool, StoreError> {
        let rolled_back = self
            .engine
            .store
            .roll_back(&self.name, action, number)
            .await?;
        if rolled_back {
            self.engine.deployed(&self.name, action, None);
        }
        Ok(rolled_back)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Loads the action that delivers what this tenant sends, so that the first notification does not wait for it.
    pub async fn warm_up(&self) -> Result<(), CannotLoad> {
        self.engine.warm_up(&self.name).await
    }

    /// Sends a notification: accepted, and on disk, when this has been awaited. An attempt begins at once where there is room
    /// for it.
    pub fn send(&self, event: Event) -> Send {
        self.about_to_send(What::Event(Box::new(event)))
    }

    /// Sends what a settled notification was to send once more, as a new notification that names the one it repeats. It is
    /// sent by what delivers for this tenant now, within the limits of now, and no longer than the other one would have been,
    /// unless [told](Send::valid_for).
    pub fn replay(&self, id: NotificationId) -> Send {
        self.about_to_send(What::Again(id))
    }

    fn about_to_send(&self, what: What) -> Send {
        Send {
            tenant: self.clone(),
            what,
            idempotency_key: None,
            valid: None,
        }
    }

    /// Keeps what a provider says of a message that it had accepted, at most [`RECEIPTS`] for each.
    pub async fn receive(
        &self,
        id: NotificationId,
        receipt: Receipt,
    ) -> Result<Received, StoreError> {
        let receive = self.engine.store.receive(&self.name, id, receipt, RECEIPTS);
        let received = receive.await?;
        self.engine.hooks.wake(&self.name);
        Ok(received)
    }

    /// Has this tenant's platform told from now on, at this address, what becomes of its notifications: signed as Standard
    /// Webhooks has it, with the secret that this gives and nobody is given again. Takes the place of what was there, whose
    /// secret signs beside the new one for a day. Each message is tried for a day; a webhook to which nothing has arrived for
    /// a day is disabled, until it is put again.
    pub async fn put_webhook(
        &self,
        url: &str,
        topics: &[Topic],
    ) -> Result<Sensitive, WebhookError> {
        webhook::put(&self.engine, &self.name, url, topics).await
    }

    /// The webhook, and how it does.
    pub async fn webhook(&self) -> Result<Option<Webhook>, StoreError> {
        self.engine.store.webhook(&self.name).await
    }

    /// Forgets the webhook, and what waits for it. False where there is none.
    pub async fn remove_webhook(&self) -> Result<bool, StoreError> {
        self.engine.store.remove_webhook(&self.name).await
    }

    /// A notification and its attempts.
    pub async fn notification(
        &self,
        id: NotificationId,
    ) -> Result<Option<Notification>, StoreError> {
        self.engine.store.notification(&self.name, id).await
    }

    /// Notifications, the latest first.
    pub async fn notifications(&self, filter: Filter) -> Result<Vec<Item>, StoreError> {
        self.engine.store.notifications(&self.name, filter).await
    }

    /// What the tenant says of itself, and where its messages go.
    pub async fn settings(&self) -> Result<Arc<Settings>, StoreError> {
        self.engine.settings(&self.name).await
    }

    /// Changes settings, each by its name; null takes one away. What is accepted from now on goes by them.
    pub async fn change_settings(
        &self,
        changes: &Map<String, Value>,
    ) -> Result<Settings, SettingsError> {
        self.engine.change_settings(&self.name, changes).await
    }

    /// What is in the log, and how much of the kind that was asked for there is, if that was: what was not sent and why, what was
    /// refused, what was asked of the Management API. The earliest is forgotten with the notifications of its time, or when there
    /// are [too many](LogEntry::MOST).
    pub async fn logs(&self, logs: Logs) -> Result<(Vec<LogItem>, Option<u64>), StoreError> {
        self.engine.store.logs(&self.name, logs).await
    }

    /// An entry of the log.
    pub async fn log_entry(&self, id: LogId) -> Result<Option<LogItem>, StoreError> {
        self.engine.store.log_entry(&self.name, id).await
    }

    /// Writes into the log. What cannot be written is counted, and told to the operator.
    pub async fn log(&self, entry: LogEntry) {
        self.engine.log(&self.name, vec![entry]).await;
    }

    /// Watches what happens to this tenant's notifications from now on.
    pub fn tail(&self) -> Result<Tail, TooManyTails> {
        Tail::open(&self.engine, &self.name)
    }

    /// The provider at which an action's attempts keep failing, if it is left alone for a moment: what waits is put off until
    /// one attempt gets through.
    pub fn left_alone(&self, action: &str) -> Option<LeftAlone> {
        self.engine.left_alone(&self.name, action)
    }

    /// Takes a notification back. False where it is under way or settled, or is not there.
    pub async fn cancel(&self, id: NotificationId) -> Result<bool, StoreError> {
        let canceled = self.engine.store.cancel(&self.name, id).await?;
        if canceled {
            self.engine.canceled(&self.name, id).await;
        }
        Ok(canceled)
    }
}

impl Send {
    /// Names this request: the same name again, with the same notification, is the same notification. Without one, every
    /// request is a notification of its own.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// How long what it says is true. It is not sent after that. Default: [`CODE_VALIDITY`](crate::CODE_VALIDITY); what is sent
    /// again has what is left of the first time.
    pub fn valid_for(mut self, valid: Duration) -> Self {
        self.valid = Some(valid);
        self
    }

    async fn accept(self) -> Result<Sent, SendError> {
        let Self {
            tenant,
            what,
            idempotency_key,
            valid,
        } = self;
        // In a task of its own: whoever asks may stop to wait, and what is on disk by then is to be begun with.
        let of = tenant.clone();
        let accepting = tokio::spawn(async move {
            let key = idempotency_key.as_deref();
            of.engine.accept(&of.name, what, key, valid).await
        });
        let accepted = accepting.await.map_err(|_| SendError::ShuttingDown)?;
        let (id, repeated) = accepted?;
        Ok(Sent {
            tenant,
            id,
            repeated,
        })
    }
}

impl IntoFuture for Send {
    type Output = Result<Sent, SendError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + std::marker::Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.accept())
    }
}

impl Sent {
    /// Its id.
    pub fn id(&self) -> NotificationId {
        self.id
    }

    /// Whether it had been accepted before, under the same idempotency key.
    pub fn was_repeated(&self) -> bool {
        self.repeated
    }

    /// Waits for it to be settled, and tells how. Who stops waiting stops nothing. Where nothing is delivered any more because
    /// phonebox has been shut down, it tells where it stands.
    pub async fn settled(&self) -> Result<Status, StoreError> {
        let Tenant { engine, .. } = &self.tenant;
        let mut told = engine.listen(self.id);
        let _listening = Listening(self);
        loop {
            if let Some(found) = self.tenant.notification(self.id).await?
                && (found.item.status.is_settled() || engine.has_ended())
            {
                return Ok(found.item.status);
            }
            if let Ok(Ok(status)) = timeout(LOOK, &mut told).await {
                return Ok(status);
            }
        }
    }

    /// It, and its attempts so far.
    pub async fn notification(&self) -> Result<Option<Notification>, StoreError> {
        self.tenant.notification(self.id).await
    }
}

/// Forgets that somebody listens.
struct Listening<'a>(&'a Sent);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.tenant.engine.forget_listeners(self.0.id);
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tenant").field(&self.name).finish()
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sent").field(&self.id).finish()
    }
}
