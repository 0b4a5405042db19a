//! The sending of what waits.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use phonebox_egress::{Caller, Error, Outbound, Request, Response};
use phonebox_store::{ClaimMessages, Message, StoreError, Told};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::schedule::{self, Posted};
use super::signature::Secret;
use super::{body, policy, purpose};
use crate::delivery::{Engine, Phase, reached};

/// Messages under way at once: in all, and of one webhook. One that fails has one.
const AT_ONCE: [u32; 2] = [256, 8];
/// How long at the most until the store is looked at, though nobody said that there is something.
const LOOK: Duration = Duration::from_secs(1);
/// How long a receiver has to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long what is under way has to end when phonebox is shut down. What does not is sent again.
const LAST: Duration = Duration::from_secs(2);
/// How long a secret signs beside the one that took its place.
const OVERLAP: Duration = Duration::from_hours(24);
/// Ways out that are kept, each with its connections.
const KEPT: NonZeroUsize = NonZeroUsize::new(1000).expect("it is not zero");

/// What is known of webhooks without asking the store.
pub(crate) struct Hooks {
    /// Told whenever there may be something to send.
    wake: Notify,
    /// Tenants that have one, as far as this process has seen. Who is missing is told a moment later.
    known: Mutex<HashSet<String>>,
    /// How many messages of each tenant are under way.
    busy: Mutex<HashMap<String, u32>>,
    /// By tenant, with the address that it is for.
    outbound: Mutex<LruCache<String, (String, Outbound)>>,
}

impl Hooks {
    pub(crate) fn new() -> Self {
        Self {
            wake: Notify::new(),
            known: Mutex::default(),
            busy: Mutex::default(),
            outbound: Mutex::new(LruCache::new(KEPT)),
        }
    }

    /// A tenant has one.
    pub(super) fn is_known(&self, tenant: &str) {
        let mut known = lock(&self.known);
        if !known.contains(tenant) {
            known.insert(tenant.to_owned());
        }
    }

    /// Something happened of which this tenant may want to be told.
    pub(crate) fn wake(&self, tenant: &str) {
        if lock(&self.known).contains(tenant) {
            self.wake.notify_one();
        }
    }
}

/// One message that is under way, until this is dropped.
struct Busy(Arc<Engine>, String);

impl Busy {
    fn new(engine: Arc<Engine>, tenant: &str) -> Self {
        *lock(&engine.hooks.busy)
            .entry(tenant.to_owned())
            .or_default() += 1;
        Self(engine, tenant.to_owned())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut busy = lock(&self.0.hooks.busy);
        if let Some(count) = busy.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&self.1);
            }
        }
    }
}

impl Engine {
    /// Tells webhooks what they want to be told, until it is shut down.
    pub(crate) async fn tell_webhooks(self: Arc<Self>) {
        let mut phase = self.phase.subscribe();
        let mut telling = JoinSet::new();
        loop {
            let wait = self.tell_due(&mut telling).await.unwrap_or_else(|error| {
                tracing::error!(%error, "the store does not say what webhooks are to be told");
                LOOK
            });
            tokio::select! {
                _ = telling.join_next(), if !telling.is_empty() => {}
                () = sleep(wait) => {}
                () = self.hooks.wake.notified() => {}
                () = reached(&mut phase, Phase::Ending) => break,
            }
        }
        let ended = async { while telling.join_next().await.is_some() {} };
        drop(timeout(LAST, ended).await);
    }

    /// Begins with what is due. Gives how long there is nothing to do, if nobody says otherwise.
    async fn tell_due(self: &Arc<Self>, telling: &mut JoinSet<()>) -> Result<Duration, StoreError> {
        let now = self.store.now().await?;
        match self.store.next_message().await? {
            None => return Ok(LOOK),
            Some(next) if next > now => return Ok(next.since(now).min(LOOK)),
            Some(_) => {}
        }
        let [in_all, of_tenant] = AT_ONCE;
        let under_way = u32::try_from(telling.len()).unwrap_or(u32::MAX);
        let claim = ClaimMessages {
            most: in_all.saturating_sub(under_way),
            of_tenant,
            busy: lock(&self.hooks.busy).clone(),
        };
        if claim.most == 0 {
            return Ok(LOOK);
        }
        for message in self.store.claim_messages(claim).await? {
            self.hooks.is_known(&message.tenant);
            let busy = Busy::new(self.clone(), &message.tenant);
            telling.spawn(self.clone().tell_webhook(message, busy));
        }
        // There may be more.
        Ok(Duration::ZERO)
    }

    async fn tell_webhook(self: Arc<Self>, message: Message, busy: Busy) {
        let posted = match self.post(&message).await {
            Ok(posted) => posted,
            Err(error) => {
                tracing::error!(%error, "the store does not say what a webhook is to be told");
                Posted::NoRoom
            }
        };
        // Before the store knows: whoever asks it next finds room.
        drop(busy);
        let Message {
            tenant,
            id,
            attempt,
            made_at,
            hook,
            ..
        } = &message;
        let Ok(now) = self.store.now().await else {
            return;
        };
        let told = schedule::next(
            posted,
            *attempt,
            now.since(*made_at),
            hook.failing_since
                .map_or(Duration::ZERO, |since| now.since(since)),
            rand::random_range(-1.0..=1.0),
        );
        self.told(tenant, &told);
        let ended = self.store.end_message(tenant, *id, *attempt, told);
        if let Err(error) = ended.await {
            tracing::error!(%error, "what came of a webhook's message could not be written down");
        }
        self.hooks.wake.notify_one();
    }

    async fn post(&self, message: &Message) -> Result<Posted, StoreError> {
        let failed = |why: &str| Posted::Failed {
            why: why.to_owned(),
            after: None,
        };
        let Message { tenant, hook, .. } = message;
        let found = self
            .store
            .notification(tenant, message.notification)
            .await?;
        let Some(body) = found.and_then(|found| body::write(message, &found)) else {
            return Ok(failed("nothing-to-tell"));
        };
        let now = self.store.now().await?;
        let before = hook.sealed_before.as_ref();
        let before = before.filter(|_| now.since(hook.changed_at) < OVERLAP);
        let id = format!("msg_{:032x}", u128::from_be_bytes(message.id));
        let timestamp = now.as_millis() / 1000;
        let mut signatures = Vec::new();
        for sealed in [&hook.sealed].into_iter().chain(before) {
            let Ok(secret) = self.keys.open_secret(&purpose(tenant), sealed) else {
                return Ok(failed("secret-unreadable"));
            };
            signatures.push(Secret::from_bytes(secret).sign(&id, timestamp, &body));
        }
        let Some(outbound) = self.outbound(tenant, &hook.url) else {
            return Ok(failed("request-denied"));
        };
        let header = |name: &str, value: String| (name.to_owned(), value.into_bytes());
        let request = Request {
            method: "POST".to_owned(),
            url: hook.url.clone(),
            headers: vec![
                header("content-type", "application/json".to_owned()),
                header("webhook-timestamp", timestamp.to_string()),
                header("webhook-signature", signatures.join(" ")),
                header("webhook-id", id),
            ],
            body: body.into(),
            timeout: Some(ANSWER),
        };
        let caller = Arc::new(OfWebhook {
            notification: message.notification.to_string(),
            attempt: message.attempt,
        });
        let trip = outbound.trip(Instant::now() + ANSWER, caller);
        let (_, answer) = Box::pin(trip.send(request)).await;
        Ok(posted(answer))
    }

    /// Counts what came of an attempt, and has what is given up known.
    fn told(&self, tenant: &str, told: &Told) {
        let (outcome, given_up) = match told {
            Told::Yes => ("taken", None),
            Told::Again { .. } => ("failed", None),
            Told::Later(_) => ("put_off", None),
            Told::Never(why) => ("given_up", Some(why)),
            Told::Disable(why) => ("disabled", Some(why)),
        };
        self.metrics.webhook(outcome);
        if let Some(why) = given_up {
            tracing::warn!(tenant, outcome, why, "a webhook was not told of something");
        }
    }

    fn outbound(&self, tenant: &str, url: &str) -> Option<Outbound> {
        let mut kept = lock(&self.hooks.outbound);
        if let Some((of, outbound)) = kept.get(tenant)
            && of == url
        {
            return Some(outbound.clone());
        }
        let policy = Arc::new(policy(url).ok()?);
        let outbound = self.phonebox.egress().outbound(tenant, policy);
        kept.put(tenant.to_owned(), (url.to_owned(), outbound.clone()));
        Some(outbound)
    }
}

fn posted(answer: Result<Response, Error>) -> Posted {
    match answer {
        Ok(Response { status, .. }) if (200..300).contains(&status) => Posted::Taken,
        Ok(Response { status: 410, .. }) => Posted::Gone,
        Ok(Response {
            status, headers, ..
        }) => {
            let after = headers.iter().find(|(name, _)| name == "retry-after");
            let after = after.and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok());
            Posted::Failed {
                why: format!("status-{status}"),
                after: after.map(Duration::from_secs),
            }
        }
        Err(Error::BudgetExceeded(budget)) if budget.is_shared() => Posted::NoRoom,
        Err(error) => Posted::Failed {
            why: error.code().to_owned(),
            after: None,
        },
    }
}

/// On whose behalf the request is made, for the operator's record.
struct OfWebhook {
    notification: String,
    attempt: u32,
}

impl Caller for OfWebhook {
    fn action(&self) -> Cow<'_, str> {
        "webhook".into()
    }

    fn notification(&self) -> Cow<'_, str> {
        self.notification.as_str().into()
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Whoever knows the address may be able to send there.
    fn mask(&self, _: &str) -> String {
        "[webhook]".to_owned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
