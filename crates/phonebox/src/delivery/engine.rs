//! What delivers: takes notifications from the store and sees to it that each is settled.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use phonebox_componentize::javascript::of_module;
use phonebox_contract::{Event, NotificationId, Outcome, Sensitive, Status};
use phonebox_runtime::{Report, RunError};
use phonebox_store::{
    Accept, Accepted, Attempt, Claim, Leased, LogEntry, Node, Stands, Store, StoreError, Then,
};
use tokio::sync::{Mutex as AsyncMutex, Notify, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::CODE_VALIDITY;
use super::abuse::{AbuseLimits, Counts, Refused};
use super::circuit::{CircuitOptions, Circuits, LeftAlone};
use super::error::{CannotLoad, NoRunError, no_run};
use super::log::{self, Refusals};
use super::metrics::Metrics;
use super::root_keys::Rotating;
use super::route;
use super::schedule::{self, Next};
use super::settings;
use super::slots::{Slot, Slots};
use super::tail::{Happened, Tails};
use crate::action::Action;
use crate::draft::{CannotManage, Definition};
use crate::host::{Deployment, Phonebox};
use crate::keys::{CannotDecrypt, Keys};
use crate::provider::TWILIO;
use crate::secret::{self, Owner};
use crate::template;
use crate::tenant::{SendError, What};
use crate::webhook::Hooks;

/// Most that is taken from the store at once.
const CLAIMED: usize = 64;
/// How long at the most until the store is looked at, though nobody said that there is something.
const LOOK: Duration = Duration::from_secs(1);
/// Why something is put off whose provider is left alone.
const PROVIDER_FAILING: &str = "provider_failing";
/// How long what found no room waits, and up to a quarter more.
const NO_ROOM: Duration = Duration::from_secs(1);
/// How long who watches may take to be told of an attempt that has been written down.
const TELLING: Duration = Duration::from_millis(100);
/// How long is waited before the store is tried again, at first and at the most.
pub(super) const STORE_AGAIN: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];

/// How notifications are delivered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeliveryOptions {
    /// Attempts under way at once. Default: 256. Of many, one tenant leaves a quarter to others.
    pub at_once: usize,
    /// Attempts of one tenant under way at once. Default: 20.
    pub at_once_of_tenant: usize,
    /// Actions that are kept ready to run. Default: 1,000.
    pub ready_actions: usize,
    /// How long settled notifications are kept, and what logs say. Default: 30 days.
    pub keep: Duration,
    /// How long attempts under way have to end when it is shut down. Default: 25 s.
    pub drain: Duration,
    /// Whether an attempt that ended by the action's fault, a throw or a timeout, is made again like one that it asked to be.
    /// Default: no, as Auth0 has it.
    pub retry_faults: bool,
    /// When a provider that keeps failing is left alone.
    pub circuit: CircuitOptions,
    /// The built-in action of the phone provider `twilio`, which gets the provider's configuration as the secrets
    /// `TWILIO_ACCOUNT_SID`, `TWILIO_AUTH_TOKEN`, `TWILIO_FROM` and `TWILIO_MESSAGING_SERVICE_SID`, as far as it asks for
    /// them. Default: none, and then no tenant can have that provider.
    pub twilio: Option<Action>,
    /// What may be sent to whom, and how often. Default: [nothing is limited](AbuseLimits::none).
    pub abuse: AbuseLimits,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self {
            at_once: 256,
            at_once_of_tenant: 20,
            ready_actions: 1000,
            keep: Duration::from_hours(30 * 24),
            drain: Duration::from_secs(25),
            retry_faults: false,
            circuit: CircuitOptions::default(),
            twilio: None,
            abuse: AbuseLimits::none(),
        }
    }
}

pub(crate) struct Engine {
    pub(crate) phonebox: Phonebox,
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    pub(super) rotating: Rotating,
    pub(super) node: Node,
    pub(super) options: DeliveryOptions,
    slots: Arc<Slots>,
    circuits: Circuits,
    counts: Counts,
    refusals: Refusals,
    pub(crate) metrics: Metrics,
    ready: Mutex<LruCache<(String, String), Ready>>,
    /// Where each tenant's notifications go.
    pub(super) routes: Mutex<LruCache<String, route::Known>>,
    wordings: Mutex<LruCache<String, template::Known>>,
    /// There is a draft to build.
    pub(crate) drafts: Notify,
    /// What each tenant says of itself.
    pub(super) settings: Mutex<LruCache<String, settings::Known>>,
    /// What this process is at. What it does not know of any more, its lease ends.
    pub(super) under_way: Mutex<HashSet<NotificationId>>,
    settled: Mutex<HashMap<NotificationId, Vec<oneshot::Sender<Status>>>>,
    pub(super) tails: Tails,
    pub(crate) hooks: Hooks,
    /// How far it is shut down.
    pub(crate) phase: watch::Sender<Phase>,
}

/// A deployment, once somebody has loaded it. Who comes meanwhile waits for that.
type Ready = Arc<AsyncMutex<Option<Deployment>>>;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Phase {
    Running,
    /// Nothing new is begun.
    Draining,
    /// What is under way is given back.
    Ending,
}

impl Engine {
    pub(super) fn new(
        phonebox: Phonebox,
        store: Store,
        keys: Keys,
        options: DeliveryOptions,
    ) -> Arc<Self> {
        let ready = NonZeroUsize::new(options.ready_actions).unwrap_or(NonZeroUsize::MIN);
        Arc::new(Self {
            phonebox,
            store,
            keys,
            rotating: Rotating::default(),
            node: Node(NotificationId::new().to_bytes()),
            slots: Slots::new(options.at_once, options.at_once_of_tenant),
            circuits: Circuits::new(options.circuit),
            counts: Counts::new(options.abuse.clone()),
            refusals: Refusals::new(),
            metrics: Metrics::new(),
            options,
            ready: Mutex::new(LruCache::new(ready)),
            routes: Mutex::new(LruCache::new(ready)),
            wordings: Mutex::new(LruCache::new(ready)),
            drafts: Notify::new(),
            settings: Mutex::new(LruCache::new(ready)),
            under_way: Mutex::default(),
            settled: Mutex::default(),
            tails: Tails::default(),
            hooks: Hooks::new(),
            phase: watch::Sender::new(Phase::Running),
        })
    }

    /// Keeps a notification, and begins with it if there is room. Gives its id, and whether it was there before.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        tenant: &str,
        what: What,
        idempotency_key: Option<&str>,
        valid: Option<Duration>,
    ) -> Result<(NotificationId, bool), SendError> {
        if *self.phase.borrow() != Phase::Running {
            return Err(SendError::ShuttingDown);
        }
        let route = self.route(tenant).await?;
        let id = NotificationId::new();
        let fingerprint = |what, text: &str| {
            let purpose = [what, tenant];
            self.keys.fingerprint(&purpose, text.as_bytes())
        };
        let idempotency_key = idempotency_key.map(|key| fingerprint("idempotency-key", key));
        let (request, replay_of) = match &what {
            What::Event(event) => (fingerprint("request", &event.to_json()), None),
            What::Again(of) => (fingerprint("replay", &of.to_string()), Some(*of)),
        };
        let (event, valid) = match what {
            What::Event(event) => (*event, valid.unwrap_or(CODE_VALIDITY)),
            What::Again(of) => match self.again(tenant, of, valid).await {
                Ok(again) => again,
                Err(error) => {
                    let before = self.before(tenant, idempotency_key, request).await?;
                    return before.map(|id| (id, true)).ok_or(error);
                }
            },
        };
        let method = event.notification.delivery_method;
        let action = match route.action(tenant, method) {
            Ok(action) => action.to_owned(),
            Err(error) => {
                let before = self.before(tenant, idempotency_key, request).await?;
                return before.map(|id| (id, true)).ok_or(error);
            }
        };
        let hash = |number: &str| self.keys.fingerprint(&["number"], number.as_bytes());
        let now = self.store.now().await?;
        let settings = self.settings(tenant).await?;
        let admitted = settings.admit(event.notification.recipient.as_e164());
        let counted = admitted.and_then(|()| self.counts.count(tenant, &event, hash, now));
        let counted = match counted {
            Ok(counted) => counted,
            Err(refused) => {
                let before = self.before(tenant, idempotency_key, request).await?;
                if before.is_none() {
                    self.metrics.refused(refused.code());
                    if refused == Refused::Sequence {
                        tracing::warn!(tenant, "messages go to one number after another");
                    }
                    if let Some(entry) = self.refusals.entry(tenant, &event, refused, now) {
                        self.log(tenant, vec![entry]).await;
                    }
                }
                return before.map(|id| (id, true)).ok_or(refused.into());
            }
        };
        let event = self.worded(tenant, event).await?;
        let slot = self.slot(tenant);
        let accept = Accept {
            id,
            action,
            idempotency_key,
            request,
            payload: self.seal(tenant, id, &event),
            valid,
            lease: slot.as_ref().map(|_| self.node),
            replay_of,
        };
        let accepted = self.store.accept(tenant, accept).await;
        if accepted.is_err() {
            self.metrics.store_errors.inc();
        }
        match (accepted?, slot) {
            (Accepted::Leased(leased), Some(slot)) => {
                self.begin(leased, Some(Arc::new(event)), slot);
            }
            (Accepted::Queued | Accepted::Leased(_), _) => {
                self.stands(tenant, id, Status::Queued);
                self.wake();
            }
            (Accepted::Before(id), _) => {
                self.metrics.repeated.inc();
                return Ok((id, true));
            }
            (Accepted::Conflict, _) => return Err(SendError::Conflict),
        }
        counted.keep();
        self.metrics.accepted.inc();
        Ok((id, false))
    }

    /// The event with the words that it is without.
    pub(crate) async fn worded(&self, tenant: &str, event: Event) -> Result<Event, SendError> {
        let notification = &event.notification;
        let has_words = |text: &Sensitive| !text.reveal().is_empty();
        if has_words(&notification.as_text)
            && has_words(&notification.as_voice)
            && notification.from.is_some()
        {
            return Ok(event);
        }
        let wording = self.wording(tenant, notification.message_type).await?;
        let worded = template::word(wording, tenant, event).await;
        worded.ok_or(SendError::ShuttingDown)
    }

    /// What a tenant has templates for.
    pub(crate) fn known_wordings(&self, tenant: &str) -> template::Known {
        lock(&self.wordings)
            .get_or_insert(tenant.to_owned(), template::Known::default)
            .clone()
    }

    /// A tenant's templates are others from now on.
    pub(crate) fn reworded(&self, tenant: &str) {
        lock(&self.wordings).pop(tenant);
    }

    /// What was accepted for the same request, which is no other message although it could not be accepted now.
    async fn before(
        &self,
        tenant: &str,
        idempotency_key: Option<[u8; 32]>,
        request: [u8; 32],
    ) -> Result<Option<NotificationId>, SendError> {
        let Some(key) = idempotency_key else {
            return Ok(None);
        };
        match self.store.accepted_before(tenant, key).await? {
            Some((id, same)) if same == request => {
                self.metrics.repeated.inc();
                Ok(Some(id))
            }
            Some(_) => Err(SendError::Conflict),
            None => Ok(None),
        }
    }

    /// What a settled notification was to send, and how long it is true.
    async fn again(
        &self,
        tenant: &str,
        id: NotificationId,
        valid: Option<Duration>,
    ) -> Result<(Event, Duration), SendError> {
        let found = self.store.notification(tenant, id).await?;
        let item = found.ok_or(SendError::Unknown)?.item;
        if !item.status.is_settled() {
            return Err(SendError::NotSettled(item.status));
        }
        let left = item.expires_at.since(self.store.now().await?);
        let payload = self.store.payload(tenant, id).await?;
        let payload = payload.ok_or(SendError::Erased)?;
        let valid = valid.unwrap_or(left);
        if valid.is_zero() {
            return Err(SendError::Expired);
        }
        let event = self.unseal(tenant, id, &payload);
        Ok((event.map_err(|_| SendError::Unreadable)?, valid))
    }

    /// What an operator watches, as text.
    pub(super) async fn metrics(&self) -> Result<String, StoreError> {
        let depth = self.store.depth().await?;
        Ok(self.metrics.text(depth, self.circuits.open()))
    }

    /// A slot for an attempt that would begin at once.
    fn slot(self: &Arc<Self>, tenant: &str) -> Option<Slot> {
        let running = *self.phase.borrow() == Phase::Running;
        running.then(|| self.slots.take(tenant)).flatten()
    }

    /// Something waits in the store.
    pub(super) fn wake(&self) {
        self.slots.freed.notify_one();
    }

    /// Begins an attempt.
    fn begin(self: &Arc<Self>, leased: Leased, event: Option<Arc<Event>>, slot: Slot) {
        let engine = self.clone();
        let under_way = UnderWay::new(self.clone(), leased.id);
        self.stands(&leased.tenant, leased.id, Status::Leased);
        tokio::spawn(async move {
            let mut phase = engine.phase.subscribe();
            let (tenant, id, lease) = (leased.tenant.clone(), leased.id, leased.lease);
            tokio::select! {
                () = engine.attempt(leased, event) => {}
                () = reached(&mut phase, Phase::Ending) => {
                    // It may have reached the provider; whoever takes it over tries again.
                    let given_back = engine.store.release(&tenant, id, lease, Duration::ZERO);
                    if let Err(error) = given_back.await {
                        tracing::warn!(notification = %id, %error, "a lease could not be given back");
                    }
                }
            }
            drop(under_way);
            drop(slot);
        });
    }

    async fn attempt(&self, leased: Leased, event: Option<Arc<Event>>) {
        let Ok(began) = self.store.now().await else {
            return;
        };
        let number = leased.attempt;
        if leased.expires_at <= began {
            let told = NoRunError {
                kind: "expired",
                message: "what it says was no longer true when its turn came".to_owned(),
                hint: None,
            };
            let event = self.event(&leased, event).ok();
            let next = Next::Settled(Status::Expired);
            let log = log::of_attempt(&leased, event.as_deref(), None, next);
            let attempt = Attempt {
                number,
                began,
                ended: began,
                report: no_run(told),
            };
            return self.settle(&leased, attempt, next, log).await;
        }
        if let Some(wait) = self.circuits.wait(&leased, began) {
            return self.put_off(&leased, PROVIDER_FAILING, wait).await;
        }
        let event = self.event(&leased, event);
        let of_log = event.as_ref().ok().cloned();
        let ran = self.run(&leased, event).await;
        self.ran(&leased, ran.as_ref().ok()).await;
        let (report, next) = match &ran {
            Ok(report) if report.was_crowded_out() => {
                return self.put_off(&leased, "no_room", NO_ROOM).await;
            }
            Ok(report) => {
                self.metrics
                    .attempt(report.result.as_ref(), report.usage.wall);
                let next = self.next(report.result.as_ref(), &leased).await;
                (serde_json::to_string(report).unwrap_or_default(), next)
            }
            Err(error) => {
                tracing::error!(
                    tenant = leased.tenant,
                    action = leased.action,
                    notification = %leased.id,
                    %error,
                    "an action cannot be loaded",
                );
                let told = NoRunError {
                    kind: error.kind(),
                    message: error.to_string(),
                    hint: error.hint(),
                };
                let next = self.next(Err(&RunError::Host), &leased).await;
                (no_run(told), next)
            }
        };
        let log = log::of_attempt(&leased, of_log.as_deref(), Some(ran.as_ref()), next);
        let ended = self.store.now().await.unwrap_or(began);
        let attempt = Attempt {
            number,
            began,
            ended,
            report,
        };
        self.settle(&leased, attempt, next, log).await;
    }

    /// Learns from an attempt whether the provider works.
    async fn ran(&self, leased: &Leased, report: Option<&Report>) {
        let Ok(now) = self.store.now().await else {
            return;
        };
        let Leased { tenant, action, .. } = leased;
        match self.circuits.ended(leased, report, now) {
            Some(true) => {
                let origin = self.left_alone(tenant, action).map(|left| left.origin);
                tracing::warn!(
                    tenant,
                    action,
                    origin = origin.as_deref(),
                    "the provider keeps failing; notifications are put off, and one attempt at a time tries",
                );
            }
            Some(false) => tracing::info!(tenant, action, "the provider answers again"),
            None => {}
        }
    }

    /// Whether the provider of a tenant's action is left alone, because attempts keep failing there.
    pub(crate) fn left_alone(&self, tenant: &str, action: &str) -> Option<LeftAlone> {
        self.circuits.left_alone(tenant, action)
    }

    /// No attempt, but a later one.
    async fn put_off(&self, leased: &Leased, reason: &'static str, wait: Duration) {
        let Leased {
            tenant, id, lease, ..
        } = leased;
        self.metrics.put_off(reason);
        let wait = wait.mul_f64(rand::random_range(1.0..1.25));
        if let Err(error) = self.store.release(tenant, *id, *lease, wait).await {
            // The lease ends by itself.
            tracing::error!(notification = %id, %error, "it could not be put off");
            return;
        }
        match self.left_alone(tenant, &leased.action) {
            Some(left) if reason == PROVIDER_FAILING => {
                self.tails.tell(tenant, || Happened::PutOff(*id, left));
            }
            _ => self.stands(tenant, *id, Status::Queued),
        }
        self.wake();
    }

    async fn next(&self, result: Result<&Outcome, &RunError>, leased: &Leased) -> Next {
        let now = self.store.now().await.unwrap_or(leased.expires_at);
        let valid = leased.expires_at.since(now);
        schedule::next(
            result,
            // What ended with its process says nothing about the provider.
            leased.attempt - leased.lost.min(leased.attempt - 1),
            rand::random_range(-1.0..=1.0),
            valid,
            self.options.retry_faults,
        )
    }

    /// What is to be sent, where it is not at hand.
    fn event(
        &self,
        leased: &Leased,
        event: Option<Arc<Event>>,
    ) -> Result<Arc<Event>, CannotDecrypt> {
        let unsealed = || self.unseal(&leased.tenant, leased.id, &leased.payload);
        event.map_or_else(|| unsealed().map(Arc::new), Ok)
    }

    async fn run(
        &self,
        leased: &Leased,
        event: Result<Arc<Event>, CannotDecrypt>,
    ) -> Result<Report, CannotLoad> {
        let event = event.map_err(CannotLoad::Event)?;
        let deployment = self.deployment(&leased.tenant, &leased.action).await?;
        Ok(deployment.attempt(event, leased.id, leased.attempt).await)
    }

    /// Writes into a tenant's log. What cannot be written is missing there, and is told to the operator.
    pub(crate) async fn log(&self, tenant: &str, entries: Vec<LogEntry>) {
        let kinds: Vec<_> = entries.iter().map(|entry| entry.kind).collect();
        if let Err(error) = self.store.log(tenant, entries).await {
            self.metrics.log_lost.inc_by(kinds.len() as u64);
            tracing::error!(tenant, ?kinds, %error, "the tenant's log could not be written");
        }
    }

    /// Says in the logs what it was that the store itself settled.
    pub(super) async fn explain(&self, all: &[Stands]) {
        let mut texts = Vec::new();
        for Stands { tenant, id, status } in all.iter().filter(|one| one.status.is_settled()) {
            let found = self.store.notification(tenant, *id).await.ok().flatten();
            let payload = self.store.payload(tenant, *id).await.ok().flatten();
            let event = payload.and_then(|payload| self.unseal(tenant, *id, &payload).ok());
            if let Some(found) = found {
                let entry = log::failed(*id, &found.item.action, event.as_ref(), *status, None);
                texts.push((tenant.clone(), *id, entry.text));
            }
        }
        if !texts.is_empty()
            && let Err(error) = self.store.explain(texts).await
        {
            // It is in the logs all the same.
            tracing::error!(%error, "logs do not say what was not sent");
        }
    }

    /// Writes down what came of an attempt. While the store fails, it is tried again: what was sent must not be forgotten.
    async fn settle(&self, leased: &Leased, attempt: Attempt, next: Next, log: Vec<LogEntry>) {
        let Leased {
            tenant, id, lease, ..
        } = leased;
        let then = match next {
            Next::RetryAfter(wait) => Then::RetryAfter(wait),
            Next::Settled(status) => Then::Settled(status),
        };
        let [mut again, longest] = STORE_AGAIN;
        loop {
            let settled =
                self.store
                    .settle(tenant, *id, *lease, attempt.clone(), then, log.clone());
            match settled.await {
                Ok(true) => break,
                Ok(false) => {
                    self.metrics.late.inc();
                    self.tails
                        .tell(tenant, || Happened::Attempt(*id, attempt.clone()));
                    tracing::warn!(
                        tenant,
                        notification = %id,
                        attempt = attempt.number,
                        "an attempt came too late: another node has the notification by now",
                    );
                    return;
                }
                Err(StoreError::Closed) => return,
                Err(error) => {
                    self.metrics.store_errors.inc();
                    tracing::error!(notification = %id, %error, "an attempt could not be written down");
                    sleep(again).await;
                    again = (again * 2).min(longest);
                }
            }
        }
        let took = attempt.ended.since(leased.accepted_at);
        self.tails.tell(tenant, || Happened::Attempt(*id, attempt));
        match next {
            Next::Settled(status) => {
                tracing::info!(
                    tenant,
                    notification = %id,
                    action = leased.action,
                    attempt = leased.attempt,
                    %status,
                    "a notification is settled",
                );
                if status == Status::Sent {
                    self.metrics.latency(took);
                }
                self.tell(tenant, *id, status);
            }
            Next::RetryAfter(_) => {
                self.stands(tenant, *id, Status::Queued);
                self.wake();
            }
        }
    }

    /// Whether nothing is delivered any more.
    pub(crate) fn has_ended(&self) -> bool {
        *self.phase.borrow() == Phase::Ending
    }

    /// Is told how a notification ended that is not settled yet.
    pub(crate) fn listen(&self, id: NotificationId) -> oneshot::Receiver<Status> {
        let (tell, told) = oneshot::channel();
        lock(&self.settled).entry(id).or_default().push(tell);
        told
    }

    /// Tells that a notification was taken back, after what is still to be told of its latest attempt.
    pub(crate) async fn canceled(&self, tenant: &str, id: NotificationId) {
        let ended = async {
            while lock(&self.under_way).contains(&id) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        // It has been written down and ends in a moment, unless another one has long since taken its place.
        drop(timeout(TELLING, ended).await);
        self.tell(tenant, id, Status::Canceled);
    }

    /// Tells who watches where a notification stands.
    pub(super) fn stands(&self, tenant: &str, id: NotificationId, status: Status) {
        self.tails.tell(tenant, || Happened::Status(id, status));
    }

    /// Tells who listens how a notification ended, and counts it.
    pub(crate) fn tell(&self, tenant: &str, id: NotificationId, status: Status) {
        self.metrics.settled(status);
        self.stands(tenant, id, status);
        self.hooks.wake(tenant);
        for listener in lock(&self.settled).remove(&id).into_iter().flatten() {
            // Who listened may be gone.
            let _: Result<(), Status> = listener.send(status);
        }
    }

    /// Nobody listens any more, perhaps.
    pub(crate) fn forget_listeners(&self, id: NotificationId) {
        let mut settled = lock(&self.settled);
        if let Some(listeners) = settled.get_mut(&id) {
            listeners.retain(|listener| !listener.is_closed());
            if listeners.is_empty() {
                settled.remove(&id);
            }
        }
    }

    fn seal(&self, tenant: &str, id: NotificationId, event: &Event) -> Vec<u8> {
        let event = serde_json::to_vec(event).expect("every key of an event is a string");
        let event = zeroize::Zeroizing::new(event);
        self.keys.seal(&["event", tenant, &id.to_string()], &event)
    }

    fn unseal(
        &self,
        tenant: &str,
        id: NotificationId,
        payload: &[u8],
    ) -> Result<Event, CannotDecrypt> {
        let purpose = ["event", tenant, &id.to_string()];
        let event = self.keys.open(&purpose, payload)?;
        serde_json::from_slice(&event).map_err(|_| CannotDecrypt)
    }

    /// A tenant's action, ready to run.
    pub(crate) async fn deployment(
        &self,
        tenant: &str,
        action: &str,
    ) -> Result<Deployment, CannotLoad> {
        let name = (tenant.to_owned(), action.to_owned());
        let ready = lock(&self.ready)
            .get_or_insert(name, Ready::default)
            .clone();
        let mut ready = ready.lock().await;
        if let Some(deployment) = &*ready {
            return Ok(deployment.clone());
        }
        let loaded = self.load(tenant, action).await?;
        Ok(ready.insert(loaded).clone())
    }

    /// Counts a message that is sent beside the queue, if there may be another one.
    pub(crate) async fn admit(&self, tenant: &str, event: &Event) -> Result<(), CannotManage> {
        let hash = |number: &str| self.keys.fingerprint(&["number"], number.as_bytes());
        let now = self.store.now().await?;
        match self.counts.count(tenant, event, hash, now) {
            Ok(counted) => {
                counted.keep();
                Ok(())
            }
            Err(refused) => {
                self.metrics.refused(refused.code());
                Err(refused.into())
            }
        }
    }

    /// This is what is deployed from now on.
    pub(crate) fn deployed(&self, tenant: &str, action: &str, deployment: Option<Deployment>) {
        let name = (tenant.to_owned(), action.to_owned());
        // What is under way goes on with what it began with.
        let ready = Arc::new(AsyncMutex::new(deployment));
        lock(&self.ready).put(name, ready);
    }

    async fn load(&self, tenant: &str, action: &str) -> Result<Deployment, CannotLoad> {
        if action == TWILIO {
            return self.load_twilio(tenant).await;
        }
        let missing = || CannotLoad::Missing(action.to_owned());
        let version = self.store.deployed(tenant, action).await?;
        let version = version.ok_or_else(missing)?;
        let component = self.store.component(tenant, version.digest).await?;
        let component = component.ok_or_else(missing)?;
        let kept = self.store.secrets(tenant, action).await?;
        let mut secrets = Owner::running(tenant, action).open_all(&self.keys, &kept)?;
        if !Definition::read(&version.definition).modules.is_empty() {
            // Those of its modules are the version's: they stay as they were when it was deployed.
            let mut held = self.store.held_secrets(tenant, version.id).await?;
            held.retain(|(name, _)| of_module(name).is_some());
            secrets.extend(Owner::holding(tenant, version.id).open_all(&self.keys, &held)?);
        }
        let (phonebox, tenant) = (self.phonebox.clone(), tenant.to_owned());
        let load = move || -> Result<Deployment, CannotLoad> {
            let action = Action::from_component(component)?;
            let secrets = secret::asked_for(&secrets, action.manifest());
            Ok(phonebox.deploy(&tenant, &action, secrets)?)
        };
        let loaded = tokio::task::spawn_blocking(load).await;
        loaded.map_err(|_| CannotLoad::ShuttingDown)?
    }

    /// The action that is deployed under this name.
    pub(crate) async fn deployed_action(
        &self,
        tenant: &str,
        action: &str,
    ) -> Result<Option<Action>, CannotLoad> {
        let Some(version) = self.store.deployed(tenant, action).await? else {
            return Ok(None);
        };
        let component = self.store.component(tenant, version.digest).await?;
        let component = component.ok_or_else(|| CannotLoad::Missing(action.to_owned()))?;
        // Reading it takes a core for some milliseconds.
        let action = tokio::task::spawn_blocking(move || Action::from_component(component)).await;
        Ok(Some(action.map_err(|_| CannotLoad::ShuttingDown)??))
    }
}

impl Engine {
    /// Hands out what is due to free slots, until it is shut down.
    pub(super) async fn hand_out(self: Arc<Self>) {
        let mut phase = self.phase.subscribe();
        loop {
            let wait = self.hand_out_once().await;
            tokio::select! {
                () = sleep(wait) => {}
                () = self.slots.freed.notified() => {}
                () = reached(&mut phase, Phase::Draining) => return,
            }
        }
    }

    /// Gives how long there is nothing to do, if nobody says otherwise.
    async fn hand_out_once(self: &Arc<Self>) -> Duration {
        loop {
            let Some((free, per_tenant)) = self.slots.to_take() else {
                return LOOK;
            };
            let claim = Claim {
                node: self.node,
                most: free.min(CLAIMED),
                per_tenant,
            };
            let claimed = match self.store.claim(claim).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::error!(%error, "the store gives out nothing");
                    return LOOK;
                }
            };
            self.explain(&claimed.expired).await;
            for Stands { tenant, id, status } in claimed.expired {
                tracing::info!(tenant, notification = %id, %status, "a notification is settled");
                self.tell(&tenant, id, status);
            }
            if claimed.leased.is_empty() {
                break;
            }
            for leased in claimed.leased {
                self.begin_claimed(leased).await;
            }
        }
        let due = self.store.next_due().await.ok().flatten();
        let now = self.store.now().await.unwrap_or_default();
        match due {
            // What is due and was not given out waits for a slot.
            Some(due) if due > now => due.since(now).min(LOOK),
            _ => LOOK,
        }
    }

    async fn begin_claimed(self: &Arc<Self>, leased: Leased) {
        // What was accepted meanwhile may have taken it.
        if let Some(slot) = self.slot(&leased.tenant) {
            self.begin(leased, None, slot);
            return;
        }
        let Leased {
            tenant, id, lease, ..
        } = &leased;
        if let Err(error) = self
            .store
            .release(tenant, *id, *lease, Duration::ZERO)
            .await
        {
            tracing::warn!(notification = %id, %error, "a lease could not be given back");
        }
    }

    /// Lets what is under way end, and gives back what does not.
    pub(super) async fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
        if timeout(self.options.drain, self.slots.all_free())
            .await
            .is_err()
        {
            tracing::warn!("some attempts did not end in time; they will be made again");
        }
        self.phase.send_replace(Phase::Ending);
        self.slots.all_free().await;
    }
}

/// Something that this process is at, until this is dropped.
struct UnderWay(Arc<Engine>, NotificationId);

impl UnderWay {
    fn new(engine: Arc<Engine>, id: NotificationId) -> Self {
        lock(&engine.under_way).insert(id);
        Self(engine, id)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.0.under_way).remove(&self.1);
    }
}

pub(crate) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // What it borrows is not to be held.
    drop(phase.wait_for(|phase| *phase >= wanted).await);
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
