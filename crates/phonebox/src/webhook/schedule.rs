//! When a webhook is told again: a pure function, so that every case can be tested without a clock.

use std::time::Duration;

use phonebox_store::Told;

/// How long a message is tried, and how long a webhook may fail before it is disabled.
const DAY: Duration = Duration::from_hours(24);
/// How long after each attempt the next one follows; the last one again and again.
const STEPS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
    Duration::from_hours(8),
];
/// Most that a receiver may ask to be left alone.
const ASKED: Duration = Duration::from_hours(1);
/// How long what found no room waits.
const NO_ROOM: Duration = Duration::from_secs(1);

/// How an attempt came out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Posted {
    /// The receiver took it.
    Taken,
    /// It did not.
    Failed {
        /// Why, in a word.
        why: String,
        /// How long the receiver asks to be left alone.
        after: Option<Duration>,
    },
    /// The receiver says that it is there no more.
    Gone,
    /// There was no attempt: too much is going on beside it.
    NoRoom,
}

/// What follows attempt number `attempt` (from 1) at a message of this age, of a webhook that has failed for so long. `jitter`
/// between -1 and 1 spreads the next attempt by a fifth either way.
pub(super) fn next(
    posted: Posted,
    attempt: u32,
    age: Duration,
    failing: Duration,
    jitter: f64,
) -> Told {
    let spread = |wait: Duration| wait.mul_f64(1.0 + jitter.clamp(-1.0, 1.0) / 5.0);
    let (why, after) = match posted {
        Posted::Taken => return Told::Yes,
        Posted::NoRoom => return Told::Later(spread(NO_ROOM)),
        Posted::Gone => return Told::Disable("gone".to_owned()),
        Posted::Failed { why, after } => (why, after),
    };
    if failing >= DAY {
        return Told::Disable(why);
    }
    let [.., last] = STEPS;
    let step = STEPS.get(attempt.saturating_sub(1) as usize);
    let wait = spread(*step.unwrap_or(&last)).max(after.unwrap_or_default().min(ASKED));
    if age + wait > DAY {
        Told::Never(why)
    } else {
        Told::Again { wait, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(after: Option<u64>) -> Posted {
        Posted::Failed {
            why: "status-503".to_owned(),
            after: after.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_message_is_tried_for_a_day() {
        let (mut age, mut waits) = (Duration::ZERO, Vec::new());
        let given_up = loop {
            let attempt = u32::try_from(waits.len()).unwrap() + 1;
            match next(failed(None), attempt, age, age, 0.0) {
                Told::Again { wait, .. } => {
                    age += wait;
                    waits.push(wait.as_secs());
                }
                other => break other,
            }
        };
        assert_eq!(
            waits,
            [5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800]
        );
        assert_eq!(given_up, Told::Never("status-503".to_owned()));
        assert!(age < DAY, "{age:?}");
    }

    #[test]
    fn who_asks_to_be_left_alone_is_for_an_hour_at_most() {
        let wait =
            |after, jitter| match next(failed(after), 2, Duration::ZERO, Duration::ZERO, jitter) {
                Told::Again { wait, .. } => wait.as_secs(),
                other => panic!("{other:?}"),
            };
        assert_eq!(wait(None, 0.0), 30);
        assert_eq!(wait(None, 1.0), 36);
        assert_eq!(wait(None, -9.0), 24);
        assert_eq!(wait(Some(7), 0.0), 30);
        assert_eq!(wait(Some(90), 0.0), 90);
        assert_eq!(wait(Some(u64::MAX), 0.0), 3600);
    }

    #[test]
    fn who_fails_for_a_day_or_is_gone_is_told_no_more() {
        let of = |posted, failing| next(posted, 1, Duration::ZERO, failing, 0.0);
        let why = |why: &str| Told::Disable(why.to_owned());
        assert_eq!(of(failed(None), DAY), why("status-503"));
        assert_eq!(of(Posted::Gone, Duration::ZERO), why("gone"));
        assert_eq!(of(Posted::Taken, DAY), Told::Yes);
        assert_eq!(of(Posted::NoRoom, DAY), Told::Later(NO_ROOM));
    }
}
