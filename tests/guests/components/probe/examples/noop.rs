//! Says that it sent the message, and does nothing.

use probe_guests::world::phonebox::action::types::{Event, Outcome};

struct Noop;

impl probe_guests::world::Guest for Noop {
    fn deliver(_: Event) -> Result<Outcome, String> {
        Ok(Outcome::Sent(None))
    }
}

probe_guests::world::export!(Noop);
