//! When to try again: a pure function, so that every case can be tested without a clock.

use std::time::Duration;

use phonebox_contract::{Outcome, Status};
use phonebox_runtime::RunError;

/// How often an action is run for one notification at the most: once, and five retries as Auth0 has it.
pub const ATTEMPTS: u32 = 6;

/// How long after each attempt the next one follows.
const STEPS: [Duration; ATTEMPTS as usize - 1] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(45),
    Duration::from_mins(2),
];

/// What follows an attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// Nothing: this is how the notification ended.
    Settled(Status),
    /// Another attempt after this long.
    RetryAfter(Duration),
}

/// Decides what follows attempt number `attempt` (from 1). `jitter` between -1 and 1 spreads retries by a fifth either way;
/// `valid` is how long what is sent will still be good for.
///
/// A provider's `Retry-After` is kept to, if it is longer than the step. A run that failed by the action's fault is not
/// tried again, as a handler that throws is not in Auth0, unless `retry_faults`; one that failed by ours is.
pub fn next(
    result: Result<&Outcome, &RunError>,
    attempt: u32,
    jitter: f64,
    valid: Duration,
    retry_faults: bool,
) -> Next {
    let after = match result {
        Ok(Outcome::Sent { .. }) => return Next::Settled(Status::Sent),
        Ok(Outcome::Retry(request)) => Duration::from_secs(request.after.unwrap_or(0).into()),
        Err(RunError::Host) => Duration::ZERO,
        Err(_) if retry_faults => Duration::ZERO,
        Ok(Outcome::Drop { .. }) | Err(_) => return Next::Settled(Status::Dropped),
    };
    let steps = STEPS.get(attempt.saturating_sub(1) as usize);
    let Some(step) = steps.map(|step| step.mul_f64(1.0 + jitter.clamp(-1.0, 1.0) / 5.0)) else {
        return Next::Settled(Status::Exhausted);
    };
    let wait = step.max(after);
    if wait >= valid {
        Next::Settled(Status::Expired)
    } else {
        Next::RetryAfter(wait)
    }
}

#[cfg(test)]
mod tests {
    use phonebox_contract::RetryRequest;

    use super::*;

    const VALID: Duration = Duration::from_mins(5);

    #[expect(clippy::unnecessary_wraps, reason = "it stands for a run's result")]
    fn retry(after: Option<u32>) -> Result<Outcome, RunError> {
        Ok(Outcome::Retry(RetryRequest {
            reason: "busy".to_owned(),
            after,
        }))
    }

    fn wait(seconds: f64) -> Next {
        Next::RetryAfter(Duration::from_secs_f64(seconds))
    }

    #[test]
    fn five_retries_and_then_no_more() {
        let waits: Vec<_> = (1..=6)
            .map(|n| next(retry(None).as_ref(), n, 0.0, VALID, false))
            .collect();
        let exhausted = Next::Settled(Status::Exhausted);
        assert_eq!(
            waits,
            [
                wait(1.0),
                wait(5.0),
                wait(15.0),
                wait(45.0),
                wait(120.0),
                exhausted
            ]
        );
    }

    #[test]
    fn jitter_spreads_by_a_fifth() {
        assert_eq!(next(retry(None).as_ref(), 2, 1.0, VALID, false), wait(6.0));
        assert_eq!(next(retry(None).as_ref(), 2, -1.0, VALID, false), wait(4.0));
        assert_eq!(next(retry(None).as_ref(), 2, 99.0, VALID, false), wait(6.0));
    }

    #[test]
    fn a_longer_retry_after_is_kept_to_within_the_validity() {
        assert_eq!(
            next(retry(Some(30)).as_ref(), 1, 0.0, VALID, false),
            wait(30.0)
        );
        assert_eq!(
            next(retry(Some(2)).as_ref(), 2, 0.0, VALID, false),
            wait(5.0)
        );
        let expired = Next::Settled(Status::Expired);
        assert_eq!(
            next(retry(Some(u32::MAX)).as_ref(), 1, 0.0, VALID, false),
            expired
        );
        assert_eq!(
            next(retry(None).as_ref(), 5, 0.0, Duration::from_mins(2), false),
            expired
        );
    }

    #[test]
    fn only_our_own_failures_are_tried_again() {
        let dropped = Next::Settled(Status::Dropped);
        assert_eq!(
            next(
                Ok(&Outcome::Drop {
                    reason: String::new()
                }),
                1,
                0.0,
                VALID,
                true
            ),
            dropped
        );
        let failed = |error, retry_faults| next(Err(&error), 1, 0.0, VALID, retry_faults);
        assert_eq!(failed(RunError::Exited, false), dropped);
        assert_eq!(failed(RunError::Exited, true), wait(1.0));
        assert_eq!(failed(RunError::Host, false), wait(1.0));
        let sent = Outcome::Sent { receipt: None };
        assert_eq!(
            next(Ok(&sent), 6, 0.0, Duration::ZERO, true),
            Next::Settled(Status::Sent)
        );
    }
}
