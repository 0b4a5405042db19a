//! Limits on what costs money and reaches people: messages to one number, of one tenant, to many numbers side by side, to
//! countries that nobody asked for, to expensive places.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use phonebox_contract::{DeliveryMethod, Event};
use phonebox_store::Time;

use super::country::CallingCode;

/// Numbers, blocks of them and tenants that are remembered. Who makes more of them known makes the oldest forgotten.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(200_000).expect("it is not zero");
/// The last digits of a number that tell it from others of its block.
const BLOCK: usize = 3;

/// At most so many within so much time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// How many.
    pub most: u32,
    /// Within how much time.
    pub within: Duration,
}

/// What may be sent to whom, and how often. Counted in memory: a process that starts anew begins to count anew.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AbuseLimits {
    /// Messages of one tenant to one number.
    pub number: Vec<Rate>,
    /// Messages to one number, over all tenants.
    pub number_overall: Vec<Rate>,
    /// Calls to one number, over all tenants.
    pub voice: Vec<Rate>,
    /// Messages of one tenant.
    pub tenant: Vec<Rate>,
    /// Messages of one tenant to numbers that differ from this one in their last three digits alone.
    pub block: Vec<Rate>,
    /// Numbers that follow one another without a gap, of those that one tenant sends to: who pumps messages counts up.
    pub sequence: Option<Rate>,
    /// The countries whose numbers are reached. None: all.
    pub countries: Vec<CallingCode>,
    /// In place of `countries`, by tenant.
    pub countries_of: HashMap<String, Vec<CallingCode>>,
    /// Whether only numbers of countries that there are are reached.
    pub known_countries: bool,
    /// How numbers have to begin, as in `+41`. None: in any way.
    pub allowed_prefixes: Vec<String>,
    /// How numbers may not begin.
    pub denied_prefixes: Vec<String>,
}

/// Why a notification was not accepted: it was too many, or goes where none may go. What it says of itself tells no limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Too many to this number.
    #[error("too many messages went to this number")]
    Number {
        /// When there may be another one.
        after: Duration,
    },
    /// Too many calls to this number.
    #[error("too many calls went to this number")]
    Voice {
        /// When there may be another one.
        after: Duration,
    },
    /// Too many of this tenant.
    #[error("the tenant has sent as many messages as it may")]
    Tenant {
        /// When there may be another one.
        after: Duration,
    },
    /// Too many to numbers beside this one.
    #[error("too many messages went to numbers like this one")]
    Block {
        /// When there may be another one.
        after: Duration,
    },
    /// The number continues a row of numbers.
    #[error("messages go to one number after another")]
    Sequence,
    /// The tenant sends no messages to this country.
    #[error("no messages are sent to this country")]
    Country,
    /// The tenant's settings have no messages sent to this country.
    #[error("the tenant sends no messages to this country")]
    NotOfTenant,
    /// There is no country with such numbers.
    #[error("there is no country with such numbers")]
    UnknownCountry,
    /// No messages go to numbers that begin like this.
    #[error("no messages are sent to numbers of this kind")]
    Prefix,
}

impl Refused {
    /// Its name, for programs. Stays the same.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Number { .. } => "number_limit",
            Self::Voice { .. } => "voice_limit",
            Self::Tenant { .. } => "tenant_limit",
            Self::Block { .. } => "number_block_limit",
            Self::Sequence => "number_sequence",
            Self::Country | Self::NotOfTenant => "country_not_allowed",
            Self::UnknownCountry => "country_unknown",
            Self::Prefix => "number_not_allowed",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Number { .. } | Self::Voice { .. } | Self::Tenant { .. } | Self::Block { .. } => {
                "wait; the operator's [abuse] settings say how many there may be"
            }
            Self::Sequence => "find out who asks for them: this is how messages are pumped",
            Self::Country => "the operator's [abuse] settings say which countries are reached",
            Self::NotOfTenant => "the tenant's country_codes say which countries are reached",
            Self::UnknownCountry => {
                "look at the number: after the + comes a country's calling code"
            }
            Self::Prefix => "the operator's [abuse] settings say which numbers are reached",
        }
    }

    /// How long to wait, where that helps.
    pub fn after(&self) -> Option<Duration> {
        match self {
            Self::Number { after }
            | Self::Voice { after }
            | Self::Tenant { after }
            | Self::Block { after } => Some(*after),
            Self::Sequence
            | Self::Country
            | Self::NotOfTenant
            | Self::UnknownCountry
            | Self::Prefix => None,
        }
    }
}

impl AbuseLimits {
    /// Nothing is limited.
    pub fn none() -> Self {
        Self::default()
    }

    /// What suits codes for people. A number gets one in 30 s, five in an hour and ten in a day, twenty in a day of all tenants
    /// together, and three calls in a day. Of a thousand numbers side by side five get one in ten minutes, and no more than four
    /// that follow one another do in an hour. Numbers that cost whoever calls them are not reached.
    pub fn standard() -> Self {
        let rate = |most, within| Rate { most, within };
        let (hour, day) = (Duration::from_hours(1), Duration::from_hours(24));
        // Premium, shared-cost, personal and satellite numbers.
        let denied = [
            "+1900", "+4470", "+449", "+808", "+870", "+878", "+881", "+882", "+883", "+979",
        ];
        Self {
            number: vec![
                rate(1, Duration::from_secs(30)),
                rate(5, hour),
                rate(10, day),
            ],
            number_overall: vec![rate(20, day)],
            voice: vec![rate(3, day)],
            block: vec![rate(5, Duration::from_mins(10))],
            sequence: Some(rate(4, hour)),
            known_countries: true,
            denied_prefixes: denied.map(str::to_owned).to_vec(),
            ..Self::none()
        }
    }

    /// Whether a number may be reached at all.
    fn admit(&self, tenant: &str, number: &str) -> Result<(), Refused> {
        let begins = |prefixes: &[String]| prefixes.iter().any(|prefix| number.starts_with(prefix));
        let allowed = self.allowed_prefixes.is_empty() || begins(&self.allowed_prefixes);
        if !allowed || begins(&self.denied_prefixes) {
            return Err(Refused::Prefix);
        }
        let countries = self.countries_of.get(tenant).unwrap_or(&self.countries);
        match CallingCode::of(number) {
            None if self.known_countries || !countries.is_empty() => Err(Refused::UnknownCountry),
            Some(country) if !countries.is_empty() && !countries.contains(&country) => {
                Err(Refused::Country)
            }
            _ => Ok(()),
        }
    }
}

/// Whose messages are counted. Numbers, and what they begin with, are known by a keyed hash.
#[derive(Clone, Eq, Hash, PartialEq)]
enum Whose {
    Number(String, [u8; 32]),
    NumberOverall([u8; 32]),
    Voice([u8; 32]),
    Tenant(String),
    Block(String, [u8; 32]),
}

impl Whose {
    fn too_many(&self, after: Duration) -> Refused {
        match self {
            Self::Number(..) | Self::NumberOverall(_) => Refused::Number { after },
            Self::Voice(_) => Refused::Voice { after },
            Self::Tenant(_) => Refused::Tenant { after },
            Self::Block(..) => Refused::Block { after },
        }
    }
}

/// One that was sent: when, and which it was of its block.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Message {
    at: Time,
    last_digits: u16,
}

pub(super) struct Counts {
    limits: AbuseLimits,
    counts: Mutex<LruCache<Whose, Vec<Message>>>,
}

/// One message, counted. Taken back when it is dropped before it was [kept](Self::keep).
pub(super) struct Counted<'a> {
    counts: &'a Counts,
    whose: Vec<Whose>,
    message: Message,
}

impl Counts {
    pub(super) fn new(limits: AbuseLimits) -> Self {
        Self {
            limits,
            counts: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// Counts a message, if there may be another one.
    pub(super) fn count(
        &self,
        tenant: &str,
        event: &Event,
        hash: impl Fn(&str) -> [u8; 32],
        now: Time,
    ) -> Result<Counted<'_>, Refused> {
        let limits = &self.limits;
        let number = event.notification.recipient.as_e164();
        limits.admit(tenant, number)?;
        let (block, last_digits) = number.split_at(number.len().saturating_sub(BLOCK));
        let message = Message {
            at: now,
            last_digits: last_digits.parse().unwrap_or(0),
        };
        let mut counted = Counted {
            counts: self,
            whose: Vec::new(),
            message,
        };
        let voice: &[Rate] = match event.notification.delivery_method {
            DeliveryMethod::Voice => &limits.voice,
            DeliveryMethod::Text => &[],
        };
        let sequence = limits.sequence;
        let rates = [
            &*limits.number,
            &limits.number_overall,
            &limits.tenant,
            voice,
            &limits.block,
        ];
        if rates.iter().all(|rates| rates.is_empty()) && sequence.is_none() {
            return Ok(counted);
        }
        let (of_number, of_block) = (hash(number), hash(block));
        let whose = [
            Whose::Number(tenant.to_owned(), of_number),
            Whose::NumberOverall(of_number),
            Whose::Tenant(tenant.to_owned()),
            Whose::Voice(of_number),
            Whose::Block(tenant.to_owned(), of_block),
        ];
        let mut counts = self.counts();
        let mut counted_by = Vec::new();
        for (whose, rates) in whose.into_iter().zip(rates) {
            let sequence = sequence.filter(|_| matches!(whose, Whose::Block(..)));
            let longest = rates.iter().chain(&sequence).map(|rate| rate.within).max();
            let Some(longest) = longest else {
                continue;
            };
            if let Some(messages) = counts.get_mut(&whose) {
                // What nothing asks for is forgotten.
                messages.retain(|message| message.at + longest > now);
                if sequence.is_some_and(|rate| continues(messages, message, rate)) {
                    return Err(Refused::Sequence);
                }
                // What goes to the same number once more is none of its neighbours.
                let same = |sent: &Message| sent.last_digits == message.last_digits;
                let beside = matches!(whose, Whose::Block(..));
                let sent = messages.iter().filter(|sent| !beside || !same(sent));
                let sent: Vec<_> = sent.map(|sent| sent.at).collect();
                if let Some(after) = wait(&sent, rates, now) {
                    return Err(whose.too_many(after));
                }
            }
            counted_by.push(whose);
        }
        for whose in &counted_by {
            let messages = counts.get_or_insert_mut(whose.clone(), Vec::new);
            messages.push(message);
        }
        counted.whose = counted_by;
        Ok(counted)
    }

    fn counts(&self) -> MutexGuard<'_, LruCache<Whose, Vec<Message>>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long until there may be another one, if there may be none now.
fn wait(sent: &[Time], rates: &[Rate], now: Time) -> Option<Duration> {
    let waits = rates.iter().filter_map(|rate| {
        let within = sent.iter().filter(|at| **at + rate.within > now);
        let within: Vec<_> = within.collect();
        // The one that has to be forgotten first.
        let over = (within.len() + 1).checked_sub(rate.most.max(1) as usize)?;
        let first = within.get(over.checked_sub(1)?)?;
        Some((**first + rate.within).since(now))
    });
    waits.max()
}

/// Whether a number makes a row of those beside it longer than it may be.
fn continues(messages: &[Message], next: Message, rate: Rate) -> bool {
    let sent = |digits: u16| {
        let mut of_number = messages.iter().filter(|sent| sent.last_digits == digits);
        of_number.any(|sent| sent.at + rate.within > next.at)
    };
    if sent(next.last_digits) {
        return false;
    }
    let below = (0..next.last_digits)
        .rev()
        .take_while(|digits| sent(*digits));
    let above = (next.last_digits + 1..1000).take_while(|digits| sent(*digits));
    below.count() + above.count() >= rate.most.max(1) as usize
}

impl Counted<'_> {
    /// It was sent.
    pub(super) fn keep(mut self) {
        self.whose.clear();
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if self.whose.is_empty() {
            return;
        }
        let mut counts = self.counts.counts();
        for whose in &self.whose {
            if let Some(messages) = counts.get_mut(whose)
                && let Some(at) = messages
                    .iter()
                    .rposition(|message| *message == self.message)
            {
                messages.remove(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "+14155550100";

    fn at(seconds: u64) -> Time {
        Time::from_millis(1_700_000_000_000) + Duration::from_secs(seconds)
    }

    fn event(number: &str, method: &str) -> Event {
        let event = serde_json::json!({
            "notification": {
                "as_text": "", "as_voice": "", "code": "492016", "delivery_method": method,
                "message_type": "otp_verify", "recipient": number,
            },
        });
        Event::from_json(&event.to_string()).unwrap()
    }

    fn hash(text: &str) -> [u8; 32] {
        let mut hash = [0; 32];
        hash[..text.len()].copy_from_slice(text.as_bytes());
        hash
    }

    fn count(counts: &Counts, tenant: &str, number: &str, now: u64) -> Result<(), Refused> {
        let counted = counts.count(tenant, &event(number, "text"), hash, at(now));
        counted.map(Counted::keep)
    }

    #[test]
    fn q10_a_number_gets_so_many_and_no_more() {
        let counts = Counts::new(AbuseLimits::standard());
        let refused = |seconds| {
            Err(Refused::Number {
                after: Duration::from_secs(seconds),
            })
        };
        assert_eq!(count(&counts, "acme", NUMBER, 0), Ok(()));
        assert_eq!(count(&counts, "acme", NUMBER, 10), refused(20));
        // Of another tenant, and to another number.
        assert_eq!(count(&counts, "other", NUMBER, 10), Ok(()));
        assert_eq!(count(&counts, "acme", "+14155550101", 10), Ok(()));
        for minute in 1..5 {
            assert_eq!(count(&counts, "acme", NUMBER, minute * 60), Ok(()));
        }
        // Five within an hour: the first has to be an hour ago.
        assert_eq!(count(&counts, "acme", NUMBER, 300), refused(3300));
        assert_eq!(count(&counts, "acme", NUMBER, 3600), Ok(()));
        // Over all tenants, twenty in a day.
        for tenant in 0..13 {
            assert_eq!(count(&counts, &format!("t{tenant}"), NUMBER, 4000), Ok(()));
        }
        assert_eq!(
            count(&counts, "too-many", NUMBER, 4000),
            refused(24 * 3600 - 4000)
        );
    }

    #[test]
    fn what_was_not_accepted_does_not_count() {
        let counts = Counts::new(AbuseLimits::standard());
        let failed = counts.count("acme", &event(NUMBER, "text"), hash, at(0));
        drop(failed.unwrap());
        assert_eq!(count(&counts, "acme", NUMBER, 0), Ok(()));
    }

    #[test]
    fn numbers_that_cost_are_not_reached() {
        let mut limits = AbuseLimits::standard();
        let to =
            |limits: &AbuseLimits, number| count(&Counts::new(limits.clone()), "acme", number, 0);
        assert_eq!(to(&limits, "+19005550100"), Err(Refused::Prefix));
        assert_eq!(to(&limits, "+447700900123"), Ok(()));
        limits.allowed_prefixes = vec!["+41".to_owned()];
        assert_eq!(to(&limits, "+41791234567"), Ok(()));
        assert_eq!(to(&limits, NUMBER), Err(Refused::Prefix));
        assert_eq!(to(&AbuseLimits::none(), "+19005550100"), Ok(()));
    }

    #[test]
    fn a_tenant_has_so_many() {
        let limits = AbuseLimits {
            tenant: vec![Rate {
                most: 2,
                within: Duration::from_mins(1),
            }],
            ..AbuseLimits::none()
        };
        let counts = Counts::new(limits);
        assert_eq!(count(&counts, "acme", "+14155550001", 0), Ok(()));
        assert_eq!(count(&counts, "acme", "+14155551002", 20), Ok(()));
        let after = Duration::from_secs(30);
        assert_eq!(
            count(&counts, "acme", "+14155552003", 30),
            Err(Refused::Tenant { after })
        );
        assert_eq!(count(&counts, "other", "+14155552003", 30), Ok(()));
        assert_eq!(count(&counts, "acme", "+14155552003", 60), Ok(()));
    }

    #[test]
    fn q08_numbers_side_by_side_are_not_pumped() {
        let counts = Counts::new(AbuseLimits::standard());
        let number = |last: u32| format!("+41791234{last:03}");
        // One after another, down as well as up.
        for last in [500, 498, 499, 501] {
            assert_eq!(count(&counts, "acme", &number(last), 0), Ok(()));
        }
        let next = |last, now| count(&counts, "acme", &number(last), now);
        assert_eq!(next(502, 700), Err(Refused::Sequence));
        assert_eq!(next(497, 700), Err(Refused::Sequence));
        // Another number of the block, another block and another tenant.
        assert_eq!(next(777, 700), Ok(()));
        assert_eq!(count(&counts, "acme", "+41791235502", 700), Ok(()));
        assert_eq!(count(&counts, "other", &number(502), 700), Ok(()));
        assert_eq!(next(502, 3601), Ok(()));
        // Two hundred of a block, with gaps between them: so many, and no more.
        let counts = Counts::new(AbuseLimits::standard());
        let all = (0..200).map(|last| count(&counts, "acme", &number(last * 5), u64::from(last)));
        let all: Vec<_> = all.collect();
        assert_eq!(all.iter().filter(|counted| counted.is_ok()).count(), 5);
        let after = Duration::from_secs(600 - 5);
        assert_eq!(all[5], Err(Refused::Block { after }));
    }

    #[test]
    fn q08_only_countries_that_were_asked_for_are_reached() {
        let countries = |list: &[&str]| list.iter().map(|code| code.parse().unwrap()).collect();
        let mut limits = AbuseLimits::standard();
        limits.countries = countries(&["+41", "1"]);
        limits
            .countries_of
            .insert("acme".to_owned(), countries(&["+49"]));
        let counts = Counts::new(limits);
        let to = |tenant, number| count(&counts, tenant, number, 0);
        assert_eq!(to("other", "+41791234567"), Ok(()));
        assert_eq!(to("other", NUMBER), Ok(()));
        assert_eq!(to("other", "+4915112345678"), Err(Refused::Country));
        assert_eq!(to("acme", "+4915112345678"), Ok(()));
        assert_eq!(to("acme", "+41791234567"), Err(Refused::Country));
        // +999 is nobody's.
        assert_eq!(to("acme", "+99912345678"), Err(Refused::UnknownCountry));
        let standard = Counts::new(AbuseLimits::standard());
        let unknown = count(&standard, "acme", "+99912345678", 0);
        assert_eq!(unknown, Err(Refused::UnknownCountry));
    }

    #[test]
    fn a_number_is_called_so_often() {
        let counts = Counts::new(AbuseLimits::standard());
        let call = |tenant, now| {
            let counted = counts.count(tenant, &event(NUMBER, "voice"), hash, at(now));
            counted.map(Counted::keep)
        };
        for tenant in ["acme", "other", "third"] {
            assert_eq!(call(tenant, 0), Ok(()));
        }
        let after = Duration::from_hours(24) - Duration::from_mins(1);
        assert_eq!(call("acme", 60), Err(Refused::Voice { after }));
        assert_eq!(count(&counts, "acme", NUMBER, 60), Ok(()));
    }
}
