//! One action's way out, and one run's trips through it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Method;
use hyper::body::{Body, Incoming};
use rustls::ClientConfig;
use tokio::time::Instant;

use crate::address::Row;
use crate::connection::{Connection, Unanswered};
use crate::decision::{self, Decision, Reason, Verdict};
use crate::egress::Settings;
use crate::error::{Budget, Denial, Error};
use crate::exchange::{self, Exchange};
use crate::message::{self, Request, Response};
use crate::pool::Pool;
use crate::resolve::Unresolved;
use crate::rule::{self, Policy};
use crate::target::{Path, Target, UriFlaw};

/// Shortest time for one request.
const SHORTEST: Duration = Duration::from_millis(1);

/// The way out for one loaded action of one tenant, under one policy. Owns their connections. Cheap to clone.
#[derive(Clone)]
pub struct Outbound {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Arc<Settings>,
    tenant: String,
    policy: Arc<Policy>,
    pool: Arc<Pool>,
    tls: Arc<ClientConfig>,
}

impl Outbound {
    pub(crate) fn new(
        settings: Arc<Settings>,
        tenant: &str,
        policy: Arc<Policy>,
        tls: ClientConfig,
    ) -> Self {
        let pool = Pool::new(settings.limits.idle_connections, settings.limits.idle);
        Self {
            shared: Arc::new(Shared {
                settings,
                tenant: tenant.to_owned(),
                policy,
                pool: Arc::new(pool),
                tls: Arc::new(tls),
            }),
        }
    }

    /// Begins one run, which ends at `deadline`: its requests share one budget.
    pub fn trip(&self, deadline: Instant) -> Trip {
        Trip {
            outbound: self.clone(),
            deadline,
            spent: Spent::default(),
            abandoned: Mutex::default(),
        }
    }
}

/// The requests of one run.
pub struct Trip {
    outbound: Outbound,
    deadline: Instant,
    spent: Spent,
    abandoned: Mutex<Vec<Exchange>>,
}

#[derive(Default)]
struct Spent {
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
        let mut record = Record {
            trip: self,
            began: Instant::now(),
            exchange: Exchange::begun(),
            prohibited: None,
            ended: false,
        };
        let result = self.attempt(request, &mut record).await;
        (record.end(result.as_ref().err()), result)
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

    async fn attempt(&self, request: Request, record: &mut Record<'_>) -> Result<Response, Error> {
        let Shared {
            settings,
            pool,
            tls,
            ..
        } = &*self.outbound.shared;
        let limits = &settings.limits;
        let began = record.began;
        let exchange = &mut record.exchange;

        let _slot = self
            .admit()
            .map_err(|budget| over_budget(exchange, budget))?;

        let (target, method) = self.decide(&request, exchange)?;
        if let Some(denied) = denial(exchange) {
            return Err(denied);
        }

        // From here on a refusal is about the request's form.
        let body_size = request.body.len();
        let composed = match (&method, body_size) {
            (&Method::GET | &Method::HEAD, 1..) => Err(Error::RequestBodySize(0)),
            (_, size) if size > limits.request_body => {
                Err(Error::RequestBodySize(limits.request_body as u64))
            }
            _ => message::compose(&target, method, request.headers, request.body),
        };
        let mut message = composed.inspect_err(|_| exchange.decision.deny(Reason::Malformed))?;
        if !spend(&self.spent.bytes_up, body_size, limits.bytes_up) {
            return Err(over_budget(exchange, Budget::BytesUp));
        }

        let total = request
            .timeout
            .map_or(limits.total, |asked| asked.min(limits.total));
        let deadline = (began + total).min(self.deadline).max(began + SHORTEST);

        let resolved = settings
            .resolver
            .resolve(&target.origin, deadline.min(began + limits.resolve))
            .await;
        exchange.timings.resolve = Some(began.elapsed());
        let addresses = match resolved {
            Ok(addresses) => addresses,
            Err(Unresolved::Error(error)) => return Err(error),
            Err(Unresolved::Prohibited { address, row }) => {
                exchange.decision.deny(Reason::Address);
                record.prohibited = Some((address, row));
                return Err(Error::DestinationIpProhibited {
                    host: target.origin.host().to_owned(),
                });
            }
        };

        let mut idle = pool.take(&target.origin, &addresses);
        loop {
            let reused = idle.is_some();
            let mut connection = match idle.take() {
                Some(connection) => connection,
                None => {
                    Connection::open(
                        &target.origin,
                        &addresses,
                        tls,
                        limits,
                        deadline,
                        &mut exchange.timings,
                    )
                    .await?
                }
            };
            exchange.address = Some(connection.peer);
            exchange.connection = Some(if reused {
                exchange::Connection::Reused
            } else {
                exchange::Connection::New
            });
            exchange.bytes_up = body_size as u64;
            let sent = Instant::now();
            let answer = connection
                .send(message, deadline.min(sent + limits.first_byte))
                .await;
            match answer {
                Ok(answer) => {
                    exchange.timings.first_byte = Some(sent.elapsed());
                    exchange.status = Some(answer.status().as_u16());
                    let (head, body) = answer.into_parts();
                    message::check(&head)?;
                    let body = self
                        .receive(&mut connection, body, deadline, exchange)
                        .await?;
                    pool.put(&target.origin, connection);
                    return Ok(Response {
                        status: head.status.as_u16(),
                        headers: message::headers(&head.headers),
                        body,
                    });
                }
                // The peer closed a connection that lay idle, and nothing had been written: once more, on a new one.
                Err(Unanswered::Unsent(unsent)) if reused => message = *unsent,
                Err(Unanswered::Unsent(_)) => return Err(Error::ConnectionTerminated),
                Err(Unanswered::Error(error)) => return Err(error),
            }
        }
    }

    /// Counts the request, also where it will be denied: denials are how a network is explored.
    fn admit(&self) -> Result<Slot<'_>, Budget> {
        let limits = &self.outbound.shared.settings.limits;
        if self.spent.requests.fetch_add(1, Ordering::Relaxed) >= limits.requests {
            // Stay at the limit: a run may ask a great many times.
            self.spent.requests.fetch_sub(1, Ordering::Relaxed);
            return Err(Budget::Requests);
        }
        let slot = Slot(&self.spent.running);
        if slot.0.fetch_add(1, Ordering::Relaxed) >= limits.concurrent {
            return Err(Budget::Concurrency);
        }
        Ok(slot)
    }

    /// Reads the target and the method, and writes down the decision about them.
    fn decide(
        &self,
        request: &Request,
        exchange: &mut Exchange,
    ) -> Result<(Target, Method), Error> {
        let method = rule::method(&request.method);
        exchange.method = method.as_ref().map(ToString::to_string);
        let target = Target::parse(&request.url).map_err(|flaw| {
            if flaw != UriFlaw::Scheme {
                return Error::RequestUriInvalid(flaw);
            }
            exchange.decision = Decision::denied(Reason::Scheme);
            denial(exchange).unwrap_or(Error::RequestUriInvalid(flaw))
        })?;
        exchange.origin = Some(target.origin.clone());
        exchange.path = Some(Path::of(&target));
        let method = method.ok_or(Error::RequestMethodInvalid)?;
        let Shared {
            settings, policy, ..
        } = &*self.outbound.shared;
        exchange.decision = decision::decide(policy, &settings.ceiling, &target, &method);
        Ok((target, method))
    }

    /// Reads a body to its end, or stops at the first limit.
    async fn receive(
        &self,
        connection: &mut Connection,
        mut body: Incoming,
        deadline: Instant,
        exchange: &mut Exchange,
    ) -> Result<Bytes, Error> {
        let limits = &self.outbound.shared.settings.limits;
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
            let mut next = deadline.min(now + limits.between_bytes);
            if let Some(since) = flows_since {
                let paid_for = Duration::from_secs(exchange.bytes_down) / limits.rate;
                next = next.min(since + limits.rate_after.max(paid_for));
            }
            let Some(chunk) = connection.chunk(&mut body, next).await? else {
                return Ok(received.freeze());
            };
            flows_since.get_or_insert(now);
            exchange.bytes_down += chunk.len() as u64;
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
    match (decision.verdict, decision.reason, &exchange.origin) {
        (Verdict::Allowed, ..) => None,
        (_, Reason::AddressLiteral, Some(origin)) => Some(Error::DestinationIpProhibited {
            host: origin.host().to_owned(),
        }),
        _ => Some(Error::RequestDenied(Box::new(Denial {
            reason: decision.reason,
            method: exchange.method.clone().unwrap_or_default(),
            origin: exchange.origin.clone(),
            path: exchange.path.clone(),
            rule: decision.rule.clone(),
        }))),
    }
}

/// An exchange in the making. However it ends, one event is written.
struct Record<'a> {
    trip: &'a Trip,
    began: Instant,
    exchange: Exchange,
    /// For the operator's log alone.
    prohibited: Option<(IpAddr, &'static Row)>,
    ended: bool,
}

impl Record<'_> {
    fn end(mut self, error: Option<&Error>) -> Exchange {
        self.exchange.error = error.cloned();
        self.close();
        std::mem::replace(&mut self.exchange, Exchange::begun())
    }

    fn close(&mut self) {
        self.ended = true;
        self.exchange.timings.total = Some(self.began.elapsed());
        let exchange = &self.exchange;
        // No path: it may carry a phone number. The rule says which pattern it matched.
        tracing::info!(
            name: "egress.decision",
            target: "egress.decision",
            tenant = self.trip.outbound.shared.tenant,
            verdict = match exchange.decision.verdict {
                Verdict::Allowed => "allowed",
                Verdict::Denied => "denied",
            },
            reason = exchange.decision.reason.code(),
            rule = exchange.decision.rule,
            method = exchange.method,
            origin = exchange.origin.as_ref().map(tracing::field::display),
            address = exchange.address.map(tracing::field::display),
            prohibited = self.prohibited.map(|(address, row)| {
                tracing::field::display(format!("{address} ({}, {})", row.name, row.rfc))
            }),
            connection = exchange.connection.map(exchange::Connection::as_str),
            status = exchange.status,
            bytes_up = exchange.bytes_up,
            bytes_down = exchange.bytes_down,
            total_us = exchange.timings.total.map(|total| total.as_secs_f64() * 1e6),
            error = exchange.error.as_ref().map(Error::code),
            abandoned = exchange.abandoned,
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
