//! The table: which provider, and which sender, for whom.

use phonebox_sdk::{Event, cache};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Provider {
    Twilio,
    Vonage,
}
use Provider::{Twilio, Vonage};

/// By the number's beginning. The longest one that fits counts.
#[rustfmt::skip]
const COUNTRIES: &[Country] = &[
    //         country               prefix    first   Twilio's sender  Vonage's       own names
    Country::new("anywhere else",    "+",      Twilio, "+15005550006", "18335550100", Names::Allowed),
    Country::new("North America",    "+1",     Twilio, "+15005550006", "18335550100", Names::Refused),
    Country::new("Jamaica",          "+1876",  Vonage, "+15005550006", "18335550100", Names::Refused),
    Country::new("United Kingdom",   "+44",    Vonage, "Acme",         "Acme",        Names::Allowed),
    Country::new("Germany",          "+49",    Vonage, "Acme",         "Acme",        Names::Allowed),
];

/// Organizations whose members see the organization's own name, where a country allows names.
const ORGANIZATIONS: &[(&str, &str)] = &[
    // the organization's name, the sender
    ("globex", "Globex"),
    ("initech", "Initech"),
];

/// Applications that have a provider of their own, by client id.
const APPLICATIONS: &[(&str, Provider)] = &[
    // A call centre with a contract with Vonage.
    ("hE5aG0cNyTZ1xY4uWQkV7sJ2mB9pR3dL", Vonage),
];

/// Whether a country lets a name be the sender. Where it does not, it has to be a number.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Names {
    Allowed,
    Refused,
}

struct Country {
    prefix: &'static str,
    first: Provider,
    twilio: &'static str,
    vonage: &'static str,
    names: Names,
}

impl Country {
    const fn new(
        _name: &'static str,
        prefix: &'static str,
        first: Provider,
        twilio: &'static str,
        vonage: &'static str,
        names: Names,
    ) -> Self {
        Self {
            prefix,
            first,
            twilio,
            vonage,
            names,
        }
    }
}

/// Which provider is asked first, and the sender at each.
#[derive(Debug, Eq, PartialEq)]
pub struct Route {
    pub first: Provider,
    pub twilio: &'static str,
    pub vonage: &'static str,
}

/// The country decides; an application changes the provider, an organization the sender.
pub fn choose(event: &Event) -> Route {
    let recipient = &event.notification.recipient;
    let country = COUNTRIES
        .iter()
        .filter(|country| recipient.starts_with(country.prefix))
        .max_by_key(|country| country.prefix.len())
        .expect("every number starts with `+`");
    let mut route = Route {
        first: country.first,
        twilio: country.twilio,
        vonage: country.vonage,
    };
    for (client_id, provider) in APPLICATIONS {
        if *client_id == event.client.client_id {
            route.first = *provider;
        }
    }
    for (name, sender) in ORGANIZATIONS {
        let is_theirs = event
            .organization
            .as_ref()
            .is_some_and(|theirs| theirs.name == *name);
        if is_theirs && country.names == Names::Allowed {
            route.twilio = sender;
            route.vonage = sender;
        }
    }
    let failed = |provider: Provider| cache::get(provider.name()).is_some();
    if failed(route.first) && !failed(route.first.other()) {
        route.first = route.first.other();
    }
    route
}

impl Provider {
    pub fn name(self) -> &'static str {
        match self {
            Twilio => "twilio",
            Vonage => "vonage",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Twilio => Vonage,
            Vonage => Twilio,
        }
    }
}
