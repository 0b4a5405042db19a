//! What an operator watches. No label names a tenant, a number, an action's version or a message.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use phonebox_contract::{Outcome, Status};
use phonebox_runtime::RunError;
use phonebox_store::Depth;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of a histogram, in seconds: from what a sandbox takes to what a code is valid for.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0,
];

pub(crate) struct Metrics {
    registry: Registry,
    pub(super) accepted: Counter,
    pub(super) repeated: Counter,
    refused: Family<Reason, Counter>,
    attempts: Family<OutcomeLabel, Counter>,
    attempt_seconds: Histogram,
    settled: Family<StatusLabel, Counter>,
    webhooks: Family<OutcomeLabel, Counter>,
    latency_seconds: Histogram,
    put_off: Family<Reason, Counter>,
    pub(super) late: Counter,
    pub(super) lost: Counter,
    pub(super) store_errors: Counter,
    pub(super) log_lost: Counter,
    left_alone: Gauge,
    waiting: Family<StatusLabel, Gauge>,
    oldest_seconds: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct StatusLabel {
    status: &'static str,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("phonebox");
        let seconds = || Histogram::new(SECONDS);
        let metrics = Self {
            accepted: Counter::default(),
            repeated: Counter::default(),
            refused: Family::default(),
            attempts: Family::default(),
            attempt_seconds: seconds(),
            settled: Family::default(),
            webhooks: Family::default(),
            latency_seconds: seconds(),
            put_off: Family::default(),
            late: Counter::default(),
            lost: Counter::default(),
            store_errors: Counter::default(),
            log_lost: Counter::default(),
            left_alone: Gauge::default(),
            waiting: Family::default(),
            oldest_seconds: Gauge::default(),
            registry: Registry::default(),
        };
        let mut counter =
            |name, help, metric: &Counter| registry.register(name, help, metric.clone());
        counter(
            "notifications_accepted",
            "Notifications that are on disk",
            &metrics.accepted,
        );
        counter(
            "notifications_repeated",
            "Requests that had been accepted before",
            &metrics.repeated,
        );
        counter(
            "attempts_late",
            "Attempts whose lease was no longer theirs",
            &metrics.late,
        );
        counter(
            "leases_expired",
            "Attempts that ended with their process",
            &metrics.lost,
        );
        counter(
            "store_errors",
            "Failures of the store",
            &metrics.store_errors,
        );
        counter(
            "log_entries_lost",
            "Entries of tenants' logs that could not be written",
            &metrics.log_lost,
        );
        registry.register(
            "notifications_refused",
            "Notifications that were not accepted",
            metrics.refused.clone(),
        );
        registry.register(
            "attempts_put_off",
            "Attempts that were put off for seconds, for want of room or because the provider keeps failing",
            metrics.put_off.clone(),
        );
        registry.register(
            "providers_left_alone",
            "Actions of tenants whose provider keeps failing",
            metrics.left_alone.clone(),
        );
        registry.register(
            "attempts",
            "Attempts by what came of them",
            metrics.attempts.clone(),
        );
        registry.register(
            "notifications_settled",
            "Notifications by how they ended",
            metrics.settled.clone(),
        );
        registry.register(
            "webhook_attempts",
            "Attempts at telling webhooks by what came of them",
            metrics.webhooks.clone(),
        );
        registry.register_with_unit(
            "attempt_duration",
            "From an attempt's begin to its end",
            Unit::Seconds,
            metrics.attempt_seconds.clone(),
        );
        registry.register_with_unit(
            "delivery_latency",
            "From accepting a notification to the provider's yes",
            Unit::Seconds,
            metrics.latency_seconds.clone(),
        );
        registry.register(
            "notifications_unsettled",
            "Notifications that are not settled",
            metrics.waiting.clone(),
        );
        registry.register_with_unit(
            "queue_oldest_age",
            "How long the one that is due longest has been",
            Unit::Seconds,
            metrics.oldest_seconds.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }

    pub(super) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    pub(super) fn put_off(&self, reason: &'static str) {
        self.put_off.get_or_create(&Reason { reason }).inc();
    }

    pub(super) fn attempt(&self, result: Result<&Outcome, &RunError>, took: Duration) {
        let outcome = match result {
            Ok(Outcome::Sent { .. }) => "sent",
            Ok(Outcome::Retry(_)) => "retry",
            Ok(Outcome::Drop { .. }) => "drop",
            Err(error) => error.kind(),
        };
        self.attempts.get_or_create(&OutcomeLabel { outcome }).inc();
        self.attempt_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn webhook(&self, outcome: &'static str) {
        self.webhooks.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// A notification ended so.
    pub(super) fn settled(&self, status: Status) {
        let label = StatusLabel {
            status: status.as_str(),
        };
        self.settled.get_or_create(&label).inc();
    }

    /// It was sent, this long after it was accepted.
    pub(super) fn latency(&self, after: Duration) {
        self.latency_seconds.observe(after.as_secs_f64());
    }

    /// All of it, in the text format of OpenMetrics.
    pub(super) fn text(&self, depth: Depth, left_alone: usize) -> String {
        self.left_alone
            .set(i64::try_from(left_alone).unwrap_or(i64::MAX));
        for (status, count) in [
            (Status::Queued, depth.queued),
            (Status::Leased, depth.leased),
        ] {
            let label = StatusLabel {
                status: status.as_str(),
            };
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.waiting.get_or_create(&label).set(count);
        }
        self.oldest_seconds.set(depth.overdue.as_secs_f64());
        let mut written = String::new();
        text::encode(&mut written, &self.registry).expect("a string takes all");
        written
    }
}
