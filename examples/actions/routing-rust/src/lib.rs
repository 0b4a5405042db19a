//! Chooses provider and sender by country, organization and application, and fails over from one
//! provider to the other.
//!
//! `routes` is the table to edit. `twilio` and `vonage` make one request each and say whether the
//! other provider is worth asking. A provider that failed is asked last for half a minute.

mod routes;
mod twilio;
mod vonage;

use std::time::Duration;

use phonebox_sdk::event::DeliveryMethod;
use phonebox_sdk::{Event, Outcome, Result, cache, custom_phone_provider, http, log};

use routes::{Provider, Route};

/// Two requests have to fit into a run's ten seconds.
const TIMEOUT: Duration = Duration::from_millis(4500);

/// How long a provider that failed is asked last.
const REST: Duration = Duration::from_secs(30);

#[custom_phone_provider]
fn deliver(event: Event) -> Result<Outcome> {
    let route = routes::choose(&event);
    if event.notification.delivery_method == DeliveryMethod::Voice {
        // Only Twilio calls without an application of one's own.
        return Ok(twilio::call(&event.notification, &route)?.outcome());
    }

    let first = ask(route.first, &event, &route)?;
    let Answer::Elsewhere(failed) = first else {
        return Ok(first.outcome());
    };
    log::warn!(
        "{} failed, asking {}",
        route.first.name(),
        route.first.other().name()
    );
    let second = ask(route.first.other(), &event, &route)?;
    Ok(match (failed, second.outcome()) {
        // One that may work later decides over one that never will.
        (retry @ Outcome::Retry { .. }, Outcome::Drop { .. }) => retry,
        (_, outcome) => outcome,
    })
}

/// What a provider made of a message.
enum Answer {
    /// It is settled: sent, or refused for a reason that the other provider would give too.
    Settled(Outcome),
    /// This provider cannot send it, or not now. Unless the other one can, this is the outcome.
    Elsewhere(Outcome),
}

impl Answer {
    fn outcome(self) -> Outcome {
        match self {
            Self::Settled(outcome) | Self::Elsewhere(outcome) => outcome,
        }
    }
}

fn ask(provider: Provider, event: &Event, route: &Route) -> Result<Answer> {
    let asked = match provider {
        Provider::Twilio => twilio::text(&event.notification, route),
        Provider::Vonage => vonage::text(&event.notification, route),
    };
    let answer = match asked {
        Ok(answer) => answer,
        // After a timeout the message may be on its way all the same. A second one, with the same
        // code, is better than none.
        Err(error) => match error.downcast_ref().and_then(http::Error::outcome) {
            Some(outcome) => Answer::Elsewhere(outcome),
            None => return Err(error), // a mistake in this code or in action.toml
        },
    };
    if let Answer::Elsewhere(Outcome::Retry { .. }) = answer {
        // Best effort: without the note, the provider is asked first again.
        if let Err(error) = cache::set(provider.name(), "failed", REST) {
            log::warn!("cannot note that {} failed: {error}", provider.name());
        }
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;
