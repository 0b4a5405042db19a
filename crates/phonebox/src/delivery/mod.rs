//! From an event to a settled notification: [`Deployment::deliver`] without a store, [`Deliveries`] with one.

mod abuse;
mod circuit;
mod country;
mod deliveries;
mod engine;
mod error;
mod log;
mod metrics;
mod root_keys;
mod route;
pub mod schedule;
mod settings;
mod slots;
mod tail;
mod upkeep;

use std::sync::Arc;
use std::time::{Duration, Instant};

use phonebox_contract::{Event, NotificationId, Status};
use phonebox_runtime::{Report, RunError};
use serde::{Serialize, Serializer};

pub use self::abuse::{AbuseLimits, Rate, Refused};
pub use self::circuit::{CircuitOptions, LeftAlone};
pub use self::country::{CallingCode, Country, InvalidCallingCode, InvalidCountry};
pub use self::deliveries::{Deliveries, Handle};
pub use self::engine::DeliveryOptions;
pub(crate) use self::engine::{Engine, Phase, reached};
pub use self::error::{CannotLoad, CannotStart};
pub use self::root_keys::{CannotRotate, RootKey};
use self::schedule::Next;
pub use self::tail::{Happened, Tail, TooManyTails};
use crate::host::Deployment;

/// How long a code is taken to be valid.
pub const CODE_VALIDITY: Duration = Duration::from_mins(5);

/// One try to deliver a notification.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// What happened.
    pub report: Report,
    /// How long until the next attempt; none after the last one. Serialized in seconds.
    #[serde(rename = "retry_after_seconds", serialize_with = "seconds")]
    pub retry_after: Option<Duration>,
}

/// A notification that has been settled.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Delivery {
    /// Its id.
    pub id: NotificationId,
    /// How it ended.
    pub status: Status,
    /// The tries, in order; at least one.
    pub attempts: Vec<Attempt>,
}

impl Deployment {
    /// Delivers a notification: runs the action, and again as [`schedule`] says, until the notification is settled or its
    /// code has expired ([`CODE_VALIDITY`] from now). `observe` sees every attempt as it ends. Nothing is kept: who drops
    /// the future drops the notification.
    pub async fn deliver(&self, event: Event, mut observe: impl FnMut(&Attempt)) -> Delivery {
        let (id, event, started) = (NotificationId::new(), Arc::new(event), Instant::now());
        let mut attempts: Vec<Attempt> = Vec::new();
        loop {
            let number = u32::try_from(attempts.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1);
            let report = self.attempt(event.clone(), id, number).await;
            let valid = CODE_VALIDITY.saturating_sub(started.elapsed());
            let result = if report.was_crowded_out() {
                Err(&RunError::Host)
            } else {
                report.result.as_ref()
            };
            let next = schedule::next(result, number, rand::random_range(-1.0..=1.0), valid, false);
            let retry_after = match next {
                Next::RetryAfter(wait) => Some(wait),
                Next::Settled(_) => None,
            };
            let attempt = Attempt {
                number,
                report,
                retry_after,
            };
            observe(&attempt);
            attempts.push(attempt);
            match next {
                Next::RetryAfter(wait) => tokio::time::sleep(wait).await,
                Next::Settled(status) => {
                    return Delivery {
                        id,
                        status,
                        attempts,
                    };
                }
            }
        }
    }
}

#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64())
        .serialize(serializer)
}
