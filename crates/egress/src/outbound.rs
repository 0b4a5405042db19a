//! One action's way out, and one run's trips through it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::Method;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use ipnet::IpNet;
use rustls::ClientConfig;
use tokio::time::{Instant, sleep_until};

use crate::address::Prohibited;
use crate::auth::Signable;
use crate::connection::{Connection, Dial, Tls, Unanswered};
use crate::decision::{self, Decision, Reason, Verdict};
use crate::egress::Door;
use crate::error::{Budget, Denial, Error, HeaderFlaw};
use crate::exchange::{self, Exchange};
use crate::limits::Limits;
use crate::message::{self, Request, Response};
use crate::origin::Origin;
use crate::pool::Pool;
use crate::registry;
use crate::resolve::Unresolved;
use crate::rule::{self, Policy, Rule};
use crate::secret::{Credential, Placeholder, SecretFlaw, Secrets};
use crate::target::{self, Path, Target, UriFlaw};
use crate::tenant::Tenant;
use crate::text;

/// Shortest time for one request.
const SHORTEST: Duration = Duration::from_millis(1);
/// How long denied origins are remembered.
const HOUR: Duration = Duration::from_hours(1);

/// On whose behalf a run makes requests, and what must not be written down of it. Asked when there is something to record.
pub trait Caller: Send + Sync {
    /// The action, by its digest.
    fn action(&self) -> Cow<'_, str>;

    /// The notification's id.
    fn notification(&self) -> Cow<'_, str>;

    /// Which attempt at it this is, from 1.
    fn attempt(&self) -> u32;

    /// Rewrites a text that the action wrote, so that it holds no code, no number and no secret. It is asked about the host,
    /// the path and the name of a refused header, as the action spelled them.
    fn mask(&self, text: &str) -> String;

    /// The action's secret of this name, for a rule's [`Auth`](crate::Auth) and in place of a placeholder.
    fn credential(&self, _name: &str) -> Option<Credential> {
        None
    }

    /// What the run was given in place of sealed secrets.
    fn placeholders(&self) -> Vec<Placeholder> {
        Vec::new()
    }
}

/// The way out for one loaded action of one tenant, under one policy. Owns their connections. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    shared: Arc<Shared>,
}

struct Shared {
    door: Arc<Door>,
    tenant: Arc<registry::Shared<String, Tenant>>,
    policy: Arc<Policy>,
    pool: Arc<Pool>,
    tls: Arc<ClientConfig>,
    /// The requests under way at the origins that exact rules name, whoever made them. At hand, for most requests go there.
    running: Vec<Running>,
    refused: Refused,
}

type Running = Arc<registry::Shared<Origin, AtomicU32>>;

impl Outbound {
    pub(crate) fn new(
        door: Arc<Door>,
        tenant: Arc<registry::Shared<String, Tenant>>,
        policy: Arc<Policy>,
        tls: ClientConfig,
    ) -> Self {
        let pool = Pool::new(door.limits.idle_connections, door.limits.idle);
        let origins = policy.rules().iter().filter_map(Rule::exact_origin);
        let running = origins
            .map(|origin| door.origins.get(origin, AtomicU32::default))
            .collect();
        Self {
            shared: Arc::new(Shared {
                running,
                door,
                tenant,
                policy,
                pool: Arc::new(pool),
                tls: Arc::new(tls),
                refused: Refused::default(),
            }),
        }
    }

    /// Begins one run, which ends at `deadline`: its requests share one budget.
    pub fn trip(&self, deadline: Instant, caller: Arc<dyn Caller>) -> Trip {
        Trip {
            outbound: self.clone(),
            deadline,
            caller,
            asked: AtomicU32::new(0),
            spent: Spent::default(),
            abandoned: Mutex::default(),
        }
    }
}

/// What an action asked for and may not reach.
#[derive(Default)]
struct Refused {
    /// Set while there are too many, so that nobody else has to look.
    suspended: AtomicBool,
    hour: Mutex<Option<(Instant, HashSet<Origin>)>>,
}

impl Refused {
    /// Notes one, and says whether it is the one too many.
    fn note(&self, origin: &Origin, limit: usize) -> bool {
        let now = Instant::now();
        let mut hour = self.hour();
        let (_, origins) = match &mut *hour {
            Some(hour) if now < hour.0 + HOUR => hour,
            hour => hour.insert((now, HashSet::new())),
        };
        if origins.len() < limit {
            origins.insert(origin.clone());
        }
        origins.len() >= limit && !self.suspended.swap(true, Ordering::Relaxed)
    }

    fn is_suspended(&self) -> bool {
        if !self.suspended.load(Ordering::Relaxed) {
            return false;
        }
        let mut hour = self.hour();
        let lasts = hour
            .as_ref()
            .is_some_and(|(since, _)| Instant::now() < *since + HOUR);
        if !lasts {
            *hour = None;
            self.suspended.store(false, Ordering::Relaxed);
        }
        lasts
    }

    fn hour(&self) -> MutexGuard<'_, Option<(Instant, HashSet<Origin>)>> {
        // Each change is whole.
        self.hour.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The requests of one run.
pub struct Trip {
    outbound: Outbound,
    deadline: Instant,
    caller: Arc<dyn Caller>,
    asked: AtomicU32,
    spent: Spent,
    abandoned: Mutex<Vec<Exchange>>,
}

#[derive(Default)]
pub(crate) struct Spent {
    requests: AtomicU32,
    running: AtomicU32,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
}

impl Trip {
    /// Makes one request: reads it, decides, resolves, vets, dials, sends, and reads the response, within the limits.
    ///
    /// There is an [`Exchange`] on every path. If the future is dropped midway, the connection is closed and the exchange
    /// is to be had from [`abandoned`](Self::abandoned). Each exchange is also one `egress.decision` event of `tracing`.
    pub async fn send(&self, request: Request) -> (Exchange, Result<Response, Error>) {
        let mut record = Record::begin(self);
        // Held while a denial is drawn out, too: who is denied a lot does not get more done at a time.
        let admitted = self.admit(record.began);
        let result = match &admitted {
            Ok(_) => self.attempt(request, &mut record).await,
            Err(budget) => Err(over_budget(&mut record.exchange, *budget)),
        };
        record.exchange.error = result.as_ref().err().cloned();
        self.draw_out(&record).await;
        (record.end(), result)
    }

    /// How many of its requests may be under way: one more is refused.
    pub fn at_once(&self) -> u32 {
        self.outbound.shared.door.limits.concurrent
    }

    /// Where a request was refused, notes its target, and waits until the time tells nothing of why. A name that does not
    /// exist takes as long: how soon that is known tells who else asked the name server, and whether it is a local one.
    async fn draw_out(&self, record: &Record<'_>) {
        let Decision {
            verdict, reason, ..
        } = record.exchange.decision;
        let refused_it = verdict == Verdict::Denied && reason.is_refusal();
        if !refused_it && record.exchange.error != Some(Error::DnsError) {
            return;
        }
        let Shared {
            door,
            refused,
            tenant,
            ..
        } = &*self.outbound.shared;
        if let Some(origin) = &record.target
            && refused_it
            && !matches!(reason, Reason::Blocked | Reason::Suspended)
            && refused.note(origin, door.limits.denied_origins)
        {
            tracing::warn!(
                name: "egress.suspended",
                target: "egress.suspended",
                tenant = tenant.key,
                action = &*self.caller.action(),
                "an action asked for too many origins that it may not reach",
            );
        }
        if !door.limits.denial.is_zero() {
            let until = record.began + door.limits.denial;
            sleep_until(until.min(self.deadline)).await;
        }
    }

    /// The exchanges of requests whose futures were dropped before they ended, such as when the run was stopped. Each is
    /// given once.
    pub fn abandoned(&self) -> Vec<Exchange> {
        std::mem::take(
            &mut *self
                .abandoned
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    async fn attempt(
        &self,
        mut request: Request,
        record: &mut Record<'_>,
    ) -> Result<Response, Error> {
        let Shared { door, tenant, .. } = &*self.outbound.shared;
        let limits = &door.limits;

        let (target, method, rule) = self.decide(&request, record)?;
        if let Some(denied) = denial(&record.exchange) {
            return Err(denied);
        }
        let target = self.put_secrets(&target, &method, rule, &mut request, record)?;

        // From here on a refusal is about the request's form.
        let body_size = request.body.len();
        let composed = match (&method, body_size) {
            (&Method::GET | &Method::HEAD, 1..) => Err(Error::RequestBodySize(0)),
            (_, size) if size > limits.request_body => {
                Err(Error::RequestBodySize(limits.request_body as u64))
            }
            _ => {
                let mask = |name: &str| self.caller.mask(name);
                message::compose(&target, method, request.headers, request.body, mask)
            }
        };
        let message = composed.inspect_err(|_| record.exchange.decision.deny(Reason::Malformed))?;
        if !spend(&self.spent.bytes_up, body_size, limits.bytes_up) {
            return Err(over_budget(&mut record.exchange, Budget::BytesUp));
        }
        let running = self.running_at(&target.origin);
        let Some(_slot) = Slot::take(&running, limits.origin_concurrent) else {
            return Err(over_budget(&mut record.exchange, Budget::Origin));
        };

        let total = request
            .timeout
            .map_or(limits.total, |asked| asked.min(limits.total));
        let deadline = (record.began + total)
            .min(self.deadline)
            .max(record.began + SHORTEST);
        if !door.blocks.hits(&tenant.key, &target.origin) {
            tokio::select! {
                biased;
                result = self.perform(&target, message, deadline, record) => return result,
                // What was under way is dropped, and its connection with it.
                () = door.blocks.hit(&tenant.blocks, &tenant.key, &target.origin) => {}
            }
        }
        record.exchange.decision.deny(Reason::Blocked);
        Err(denial(&record.exchange).unwrap_or(Error::InternalError))
    }

    /// Puts the action's secrets into a request that is allowed: first in place of what stands for them, then as the rule's
    /// auth says, which may sign the whole. Gives the target as it is sent.
    fn put_secrets(
        &self,
        target: &Target,
        method: &Method,
        rule: Option<&Rule>,
        request: &mut Request,
        record: &mut Record<'_>,
    ) -> Result<Target, Error> {
        let Shared { door, tenant, .. } = &*self.outbound.shared;
        let exchange = &mut record.exchange;
        let auth = rule.and_then(Rule::auth);
        if let Some(name) = auth.and_then(|auth| auth.collides(&request.headers)) {
            exchange.decision.deny(Reason::Malformed);
            let flaw = HeaderFlaw::Auth;
            return Err(Error::HeaderForbidden { name, flaw });
        }
        let mut secrets = Secrets::new(&*self.caller, &target.origin);
        let mut put = || {
            let sent = secrets.put_in_target(&request.url, target)?;
            let holds = |rule| decision::holds(rule, &door.ceiling, target, &sent, method);
            if sent.path() != target.path() && !rule.is_some_and(holds) {
                let secret = secrets.sent.first().cloned().unwrap_or_default();
                return Err(SecretFlaw::Segment { secret });
            }
            secrets.put_in(request)?;
            if let Some(auth) = auth {
                let signable = Signable {
                    target: &sent,
                    method,
                    body: &request.body,
                    now: SystemTime::now(),
                };
                auth.sign(&mut request.headers, &signable, &mut |name| {
                    secrets.value(name)
                })?;
            }
            Ok(sent)
        };
        match put() {
            Ok(sent) => {
                exchange.secrets = secrets.sent;
                Ok(sent)
            }
            Err(flaw) => {
                exchange.decision.deny(Reason::Secret);
                tracing::warn!(
                    name: "egress.secret",
                    target: "egress.secret",
                    tenant = tenant.key,
                    action = &*self.caller.action(),
                    notification = &*self.caller.notification(),
                    flaw = flaw.code(),
                    "a secret would have gone where it may not",
                );
                Err(denied(exchange, Some(flaw)))
            }
        }
    }

    /// Resolves, vets, dials, sends and reads.
    async fn perform(
        &self,
        target: &Target,
        mut message: http::Request<Full<Bytes>>,
        deadline: Instant,
        record: &mut Record<'_>,
    ) -> Result<Response, Error> {
        let Shared {
            door,
            tenant,
            pool,
            tls,
            ..
        } = &*self.outbound.shared;
        let limits = &door.limits;
        let exchange = &mut record.exchange;
        let body_size = message.body().size_hint().exact().unwrap_or(0);

        let resolving = deadline.min(record.began + limits.resolve);
        let resolved = door
            .resolver
            .resolve(tenant, &target.origin, resolving)
            .await;
        exchange.timings.resolve = Some(record.began.elapsed());
        let addresses = match resolved {
            Ok(resolved) => {
                record.opened = resolved.opened;
                resolved.addresses
            }
            Err(Unresolved::Error(error)) => return Err(error),
            Err(Unresolved::Prohibited(found)) => {
                exchange.decision.deny(found.reason);
                record.prohibited = Some(found);
                return Err(prohibited(exchange));
            }
        };

        let mut idle = pool.take(&target.origin, &addresses);
        loop {
            let reused = idle.is_some();
            let mut connection = if let Some(connection) = idle.take() {
                connection
            } else {
                let dial = Dial {
                    proxy: door.proxy,
                    tls,
                    limits,
                };
                // Of several, the one that is tried first, until one is reached.
                record.peer = addresses.first().copied();
                let opening = Connection::open(
                    &target.origin,
                    &addresses,
                    dial,
                    deadline,
                    &mut exchange.timings,
                    &mut record.peer,
                );
                // In a box, for it is large, and most requests go without.
                Box::pin(opening).await?
            };
            record.peer = Some(connection.peer);
            record.tls = connection.tls;
            if record.opened.is_none() {
                exchange.address = record.peer;
            }
            exchange.connection = Some(if reused {
                exchange::Connection::Reused
            } else {
                exchange::Connection::New
            });
            exchange.bytes_up = body_size;
            let sent = Instant::now();
            let answer = connection
                .send(message, deadline.min(sent + limits.first_byte))
                .await;
            match answer {
                Ok(answer) => {
                    exchange.timings.first_byte = Some(sent.elapsed());
                    exchange.status = Some(answer.status().as_u16());
                    let (head, body) = answer.into_parts();
                    let reading = Reading {
                        limits,
                        deadline,
                        spent: &self.spent,
                    };
                    let response = reading
                        .finish(&mut connection, &head, body, &mut exchange.bytes_down)
                        .await?;
                    pool.put(&target.origin, connection);
                    return Ok(response);
                }
                // The peer closed a connection that lay idle, and nothing had been written: once more, on a new one.
                Err(Unanswered::Unsent(unsent)) if reused => message = *unsent,
                Err(Unanswered::Unsent(_)) => return Err(Error::ConnectionTerminated),
                Err(Unanswered::Error(error)) => return Err(error),
            }
        }
    }

    /// Counts the request, also where it will be denied: denials are how a network is explored.
    fn admit(&self, now: Instant) -> Result<[Slot<'_>; 2], Budget> {
        let Shared { door, tenant, .. } = &*self.outbound.shared;
        let limits = &door.limits;
        if self.spent.requests.fetch_add(1, Ordering::Relaxed) >= limits.requests {
            // Stay at the limit: a run may ask a great many times.
            self.spent.requests.fetch_sub(1, Ordering::Relaxed);
            return Err(Budget::Requests);
        }
        let of_run =
            Slot::take(&self.spent.running, limits.concurrent).ok_or(Budget::Concurrency)?;
        if !tenant.is_due(now, limits.tenant_rate) {
            return Err(Budget::TenantRate);
        }
        let of_tenant = Slot::take(&tenant.running, limits.tenant_concurrent)
            .ok_or(Budget::TenantConcurrency)?;
        Ok([of_run, of_tenant])
    }

    /// The requests under way at an origin, whoever made them.
    fn running_at(&self, origin: &Origin) -> Running {
        let Shared { door, running, .. } = &*self.outbound.shared;
        match running.iter().find(|running| running.key == *origin) {
            Some(running) => Arc::clone(running),
            None => door.origins.get(origin, AtomicU32::default),
        }
    }

    /// Reads the target and the method, and writes down the decision about them.
    fn decide(
        &self,
        request: &Request,
        record: &mut Record<'_>,
    ) -> Result<(Target, Method, Option<&Rule>), Error> {
        let exchange = &mut record.exchange;
        let method = rule::method(&request.method);
        exchange.method = method.as_ref().map(ToString::to_string);
        let target = Target::parse(&request.url).map_err(|flaw| {
            if flaw != UriFlaw::Scheme {
                return Error::RequestUriInvalid(flaw);
            }
            exchange.decision = Decision::denied(Reason::Scheme);
            denial(exchange).unwrap_or(Error::RequestUriInvalid(flaw))
        })?;
        record.target = Some(target.origin.clone());
        let Shared {
            door,
            policy,
            refused,
            ..
        } = &*self.outbound.shared;
        // A method that cannot be used is no method of a rule's, either.
        let asked = method.as_ref().unwrap_or(&Method::OPTIONS);
        let (mut decision, rule) = decision::decide(policy, &door.ceiling, &target, asked);
        // What an exact rule names may be shown as it is.
        exchange.origin = Some(
            match rule
                .filter(|rule| rule.exact_origin().is_some())
                .map(Rule::written_origin)
            {
                Some(origin) => Arc::clone(origin),
                None => self.masked_origin(&request.url, &target),
            },
        );
        exchange.path = Some(Path::of(&target, |path| match &decision.pattern {
            Some(pattern) if !pattern.contains('*') => path.to_owned(),
            _ => self.caller.mask(path),
        }));
        let method = method.ok_or(Error::RequestMethodInvalid)?;
        if refused.is_suspended() {
            decision.deny(Reason::Suspended);
        }
        exchange.decision = decision;
        Ok((target, method, rule))
    }

    /// An origin whose host is the guest's word alone.
    fn masked_origin(&self, url: &str, target: &Target) -> Arc<str> {
        let written = target::written_host(url);
        let masked = self.caller.mask(written);
        let origin = &target.origin;
        // Where there was nothing to hide, as it was understood.
        let host = if masked == written {
            text::shown(&*origin.host)
        } else {
            text::shown(masked)
        };
        let host = host.into();
        Origin { host, ..*origin }.to_string().into()
    }
}

/// How far a response may go.
pub(crate) struct Reading<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) deadline: Instant,
    pub(crate) spent: &'a Spent,
}

impl Reading<'_> {
    /// Checks the head, and reads the body to its end or stops at the first limit. Counts what it has read.
    pub(crate) async fn finish(
        &self,
        connection: &mut Connection,
        head: &http::response::Parts,
        mut body: Incoming,
        bytes_down: &mut u64,
    ) -> Result<Response, Error> {
        let limits = self.limits;
        message::check(head, limits.response_head)?;
        let size_limit = Error::ResponseBodySize(limits.response_body as u64);
        // What was announced as too much is not read at all.
        let announced = body.size_hint().exact().unwrap_or(0);
        if announced > limits.response_body as u64 {
            return Err(size_limit);
        }
        let mut received = BytesMut::with_capacity(usize::try_from(announced).unwrap_or(0));
        let mut flows_since = None;
        loop {
            let now = Instant::now();
            let mut next = self.deadline.min(now + limits.between_bytes);
            if let Some(since) = flows_since {
                let paid_for = Duration::from_secs(*bytes_down) / limits.rate;
                next = next.min(since + limits.rate_after.max(paid_for));
            }
            let Some(chunk) = connection.chunk(&mut body, next).await? else {
                return Ok(Response {
                    status: head.status.as_u16(),
                    headers: message::headers(&head.headers),
                    body: received.freeze(),
                });
            };
            flows_since.get_or_insert(now);
            *bytes_down += chunk.len() as u64;
            if received.len() + chunk.len() > limits.response_body {
                return Err(size_limit);
            }
            if !spend(&self.spent.bytes_down, chunk.len(), limits.bytes_down) {
                return Err(Error::BudgetExceeded(Budget::BytesDown));
            }
            received.extend_from_slice(&chunk);
        }
    }
}

/// One of the requests that may run at a time.
struct Slot<'a>(&'a AtomicU32);

impl<'a> Slot<'a> {
    fn take(running: &'a AtomicU32, limit: u32) -> Option<Self> {
        let slot = Self(running);
        (running.fetch_add(1, Ordering::Relaxed) < limit).then_some(slot)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn spend(spent: &AtomicU64, bytes: usize, limit: u64) -> bool {
    spent.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64 <= limit
}

fn over_budget(exchange: &mut Exchange, budget: Budget) -> Error {
    exchange.decision.deny(Reason::Budget);
    Error::BudgetExceeded(budget)
}

/// The error of an exchange that was decided on, if it was denied.
fn denial(exchange: &Exchange) -> Option<Error> {
    let decision = &exchange.decision;
    match (decision.verdict, decision.reason) {
        (Verdict::Allowed, _) => None,
        (_, Reason::AddressLiteral) => Some(prohibited(exchange)),
        _ => Some(denied(exchange, None)),
    }
}

fn denied(exchange: &Exchange, secret: Option<SecretFlaw>) -> Error {
    Error::RequestDenied(Box::new(Denial {
        reason: exchange.decision.reason,
        method: exchange.method.clone().unwrap_or_default(),
        origin: exchange.origin.clone(),
        path: exchange.path.clone(),
        rule: exchange.decision.rule.clone(),
        secret,
    }))
}

fn prohibited(exchange: &Exchange) -> Error {
    Error::DestinationIpProhibited {
        origin: exchange.origin.clone().unwrap_or_default(),
        literal: exchange.decision.reason == Reason::AddressLiteral,
    }
}

/// An exchange in the making. However it ends, one event is written.
struct Record<'a> {
    trip: &'a Trip,
    /// Which request of the run it is, from 1.
    number: u32,
    began: Instant,
    exchange: Exchange,
    target: Option<Origin>,
    // For the operator's log alone.
    peer: Option<SocketAddr>,
    tls: Option<Tls>,
    opened: Option<IpNet>,
    prohibited: Option<Prohibited>,
    ended: bool,
}

impl<'a> Record<'a> {
    fn begin(trip: &'a Trip) -> Self {
        Self {
            trip,
            number: trip.asked.fetch_add(1, Ordering::Relaxed) + 1,
            began: Instant::now(),
            exchange: Exchange::begun(),
            target: None,
            peer: None,
            tls: None,
            opened: None,
            prohibited: None,
            ended: false,
        }
    }

    fn end(mut self) -> Exchange {
        self.close();
        std::mem::replace(&mut self.exchange, Exchange::begun())
    }

    fn close(&mut self) {
        self.ended = true;
        self.exchange.timings.total = Some(self.began.elapsed());
        let exchange = &self.exchange;
        let timings = &exchange.timings;
        let Shared { tenant, policy, .. } = &*self.trip.outbound.shared;
        let caller = &self.trip.caller;
        let micros = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e6);
        // No path: it may carry a phone number. The pattern says which paths it is one of.
        tracing::info!(
            name: "egress.decision",
            target: "egress.decision",
            tenant = tenant.key,
            action = &*caller.action(),
            notification = &*caller.notification(),
            attempt = caller.attempt(),
            request = self.number,
            verdict = match exchange.decision.verdict {
                Verdict::Allowed => "allowed",
                Verdict::Denied => "denied",
            },
            reason = exchange.decision.reason.code(),
            rule = exchange.decision.rule.as_deref(),
            method = exchange.method,
            origin = exchange.origin.as_deref(),
            path = exchange.decision.pattern.as_deref(),
            ip = self.peer.map(|peer| tracing::field::display(peer.ip())),
            port = self.peer.map(|peer| peer.port()),
            opened = self.opened.map(tracing::field::display),
            prohibited = self.prohibited.as_ref().map(tracing::field::display),
            connection = exchange.connection.map(exchange::Connection::as_str),
            tls = self.tls.map(|tls| tls.version),
            key = self.tls.map(|tls| tracing::field::display(tls.key)),
            status = exchange.status,
            bytes_up = exchange.bytes_up,
            bytes_down = exchange.bytes_down,
            resolve_us = micros(timings.resolve),
            connect_us = micros(timings.connect),
            tls_us = micros(timings.tls),
            first_byte_us = micros(timings.first_byte),
            total_us = micros(timings.total),
            error = exchange.error.as_ref().map(Error::code),
            abandoned = exchange.abandoned,
            policy = %policy.digest(),
            version = env!("CARGO_PKG_VERSION"),
        );
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.exchange.abandoned = true;
        self.close();
        self.trip
            .abandoned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(std::mem::replace(&mut self.exchange, Exchange::begun()));
    }
}
