//! What stands for a secret in a request, and how the secret takes its place on the wire.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::uri::PathAndQuery;
use memchr::memmem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use phonebox_contract::Sensitive;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::message::{self, Request};
use crate::origin::Origin;
use crate::outbound::Caller;
use crate::pattern::OriginPattern;
use crate::target::{self, Target};
use crate::text;

const PREFIX: &str = Placeholder::PREFIX;
const RANDOM: usize = Placeholder::RANDOM;
/// A placeholder in another spelling is at least this long, in bytes.
const ENCODED: usize = 40;
/// Most secrets that are put into one request, those by `auth` aside.
const SWAPS: usize = 8;
/// What is encoded of a value in a URL: all that RFC 3986 gives a meaning.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A secret, as it is put on the wire.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its value.
    pub value: Sensitive,
    /// Where it may go; none: wherever a rule of the action's leads.
    pub origins: Option<Arc<[OriginPattern]>>,
}

/// What a run has in place of a sealed secret: `sealed_` and 26 random characters, worthless outside of the run.
#[derive(Clone)]
pub struct Placeholder {
    /// The secret's name.
    pub secret: Arc<str>,
    text: Arc<str>,
}

impl Placeholder {
    /// How every one begins.
    pub const PREFIX: &str = "sealed_";
    /// How many characters follow: 5 random bits each.
    pub const RANDOM: usize = 26;

    /// One for this secret, made of 26 random bytes, of which 5 bits each count.
    pub fn new(secret: &str, random: [u8; RANDOM]) -> Self {
        let digit = |byte: u8| {
            let digit = byte % 32;
            char::from(if digit < 26 {
                b'a' + digit
            } else {
                b'2' + digit - 26
            })
        };
        let text: String = PREFIX
            .chars()
            .chain(random.into_iter().map(digit))
            .collect();
        Self {
            secret: secret.into(),
            text: text.into(),
        }
    }

    /// The text that stands for the secret.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Why a request is denied for a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SecretFlaw {
    /// It may not go to this origin.
    Origin {
        /// The secret's name.
        secret: String,
        /// The request's origin.
        origin: String,
    },
    /// The rule's auth needs a secret that has no value.
    Missing {
        /// The secret's name.
        secret: String,
    },
    /// A sealed secret stands where none is put.
    Place {
        /// The secret's name.
        secret: String,
        /// Where it stands.
        place: Place,
    },
    /// With its value, the path could be read as another than was decided on.
    Segment {
        /// The secret's name.
        secret: String,
    },
    /// What stands for a secret is of another run.
    Stale,
    /// With its secrets, the URL has more than 4,096 bytes.
    TooLong,
    /// More than 8 sealed secrets in one request.
    TooMany,
    /// A key is not written as the rule's auth says.
    Unreadable {
        /// The secret's name.
        secret: String,
    },
    /// The request cannot be signed as the rule's auth says.
    Unsignable,
}

/// Where a sealed secret is not put.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// A body that is neither JSON nor a form, or a place in one that is no value.
    Body,
    /// Encoded, so that it cannot be found by who reads the request.
    Encoded,
    /// A header that is not for credentials, or a header's name.
    Header(String),
    /// The URL, but for a segment of its path and a value of its query.
    Url,
}

impl SecretFlaw {
    /// Its name in records.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Origin { .. } => "origin",
            Self::Missing { .. } => "missing",
            Self::Place { .. } => "place",
            Self::Segment { .. } => "segment",
            Self::Stale => "stale",
            Self::TooLong => "too-long",
            Self::TooMany => "too-many",
            Self::Unreadable { .. } => "unreadable",
            Self::Unsignable => "unsignable",
        }
    }

    /// What the action's author can do about it.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Origin { secret, origin } => format!(
                "the secret {secret} may not be sent to {origin}; its owner can set it again, value and all, and \
                 name {origin} among its origins"
            ),
            Self::Missing { secret } => format!(
                "the rule's auth in action.toml needs the secret {secret}, which has no value; set it"
            ),
            Self::Place { secret, place } => {
                let stands = match place {
                    Place::Body => {
                        "the body, but is put into values of JSON and of forms alone, by their content-type".to_owned()
                    }
                    Place::Encoded => "an encoded form, in which it is not put".to_owned(),
                    Place::Header(name) => {
                        format!("the header {name}, which is not one for credentials")
                    }
                    Place::Url => {
                        "the URL, but is put into segments of its path and values of its query alone".to_owned()
                    }
                };
                format!(
                    "the secret {secret} is sealed and stands in {stands}; send it in a header for credentials, or have \
                     its owner store it as revealed, and say so by reveal = true under [secrets.{secret}] in action.toml"
                )
            }
            Self::Segment { secret } => format!(
                "with the value of {secret} in it, the path has a `/` or `\\` within a segment, or one that is empty, `.` or \
                 `..`; check the value, or send it where the provider takes it otherwise"
            ),
            Self::Stale => {
                "what secrets.get returns stands for the secret in this one run; read it anew in each run, and keep \
                 nothing made of it in the cache"
                    .to_owned()
            }
            Self::TooLong => {
                "with its secrets in it, the URL is longer than 4096 bytes; send long values in the body".to_owned()
            }
            Self::TooMany => format!("put at most {SWAPS} secrets into one request"),
            Self::Unreadable { secret } => format!(
                "the key in the secret {secret} is not written as key_encoding of the rule's auth says"
            ),
            Self::Unsignable => {
                "the request cannot be signed: check region, service and the form of the keys".to_owned()
            }
        }
    }
}

/// The secrets of one request on their way to the wire.
pub(crate) struct Secrets<'a> {
    caller: &'a dyn Caller,
    origin: &'a Origin,
    placeholders: Vec<Placeholder>,
    /// The placeholders in other spellings, each with its place among them. Made when a text is long enough to hold one.
    encoded: OnceCell<Vec<(usize, String)>>,
    swaps: usize,
    /// The names of those that were put into the request.
    pub(crate) sent: Vec<String>,
}

impl<'a> Secrets<'a> {
    pub(crate) fn new(caller: &'a dyn Caller, origin: &'a Origin) -> Self {
        Self {
            caller,
            origin,
            placeholders: caller.placeholders(),
            encoded: OnceCell::new(),
            swaps: 0,
            sent: Vec::new(),
        }
    }

    /// The value of a secret, if it may go to this origin.
    pub(crate) fn value(&mut self, name: &str) -> Result<Zeroizing<String>, SecretFlaw> {
        let secret = || name.to_owned();
        let credential = self
            .caller
            .credential(name)
            .ok_or_else(|| SecretFlaw::Missing { secret: secret() })?;
        let bound = credential.origins.as_deref();
        if bound.is_some_and(|origins| !origins.iter().any(|one| one.is_for(self.origin))) {
            return Err(SecretFlaw::Origin {
                secret: secret(),
                origin: self.origin.to_string(),
            });
        }
        if !self.sent.iter().any(|sent| sent == name) {
            self.sent.push(name.into());
        }
        Ok(Zeroizing::new(credential.value.reveal().to_owned()))
    }

    /// The target with the values in place of what stands for them, in segments of the path and in values of the query, encoded
    /// so that they change the structure of neither. Whether the path may be sent is for [`decision::holds`] to say.
    ///
    /// [`decision::holds`]: crate::decision::holds
    pub(crate) fn put_in_target(
        &mut self,
        written: &str,
        target: &Target,
    ) -> Result<Target, SecretFlaw> {
        let mut rest = written.as_bytes();
        while let Some(at) = find(rest) {
            let (before, from) = rest.split_at(at);
            self.is_nowhere_escaped_in(before)?;
            if ends_in_escape(before) {
                self.is_nowhere_in(from, || Place::Encoded)?;
            }
            rest = from.get(PREFIX.len() + RANDOM..).unwrap_or_default();
        }
        self.is_nowhere_escaped_in(rest)?;

        let mut sent = target.clone();
        let wire = target.wire.as_str();
        if find(wire.as_bytes()).is_none() {
            return Ok(sent);
        }
        let encode = |value: &str| Zeroizing::new(utf8_percent_encode(value, RESERVED).to_string());
        let (path, query) = wire.split_at(target.path().len());
        let mut put = self.swap(path.as_bytes(), encode)?;
        // Some read `;` as `&`.
        for pair in query.split_inclusive(['&', ';']) {
            let (name, value) = pair.split_at(pair.find('=').unwrap_or(pair.len()));
            self.is_nowhere_in(name.as_bytes(), || Place::Url)?;
            put.extend_from_slice(name.as_bytes());
            put.extend_from_slice(&self.swap(value.as_bytes(), encode)?);
        }
        if put.len() > target::URL_LIMIT {
            return Err(SecretFlaw::TooLong);
        }
        // What is encoded is always one.
        sent.wire = PathAndQuery::try_from(&**put).map_err(|_| SecretFlaw::Stale)?;
        Ok(sent)
    }

    /// Puts the values in place of what stands for them, where that may be in headers and body, and refuses the request where
    /// it may not.
    pub(crate) fn put_in(&mut self, request: &mut Request) -> Result<(), SecretFlaw> {
        for (name, value) in &mut request.headers {
            let header = || Place::Header(text::shown(self.caller.mask(name)));
            self.is_nowhere_in(name.as_bytes(), header)?;
            let mut pair = basic(value);
            let text = pair.as_deref().map_or(value.as_slice(), Vec::as_slice);
            if find(text).is_none() {
                self.is_nowhere_encoded_in(value)?;
                continue;
            }
            if !message::is_for_credentials(&name.to_ascii_lowercase()) {
                self.is_nowhere_in(text, header)?;
            }
            let swapped = self.swap(text, |value| Zeroizing::new(value.to_owned()))?;
            *value = match &mut pair {
                Some(_) => {
                    let encoded = Zeroizing::new(STANDARD.encode(&*swapped));
                    format!("Basic {}", &*encoded).into_bytes()
                }
                None => swapped.to_vec(),
            };
        }
        if find(&request.body).is_some() {
            let body = self.put_in_body(request)?;
            request.body = body.to_vec().into();
        } else {
            self.is_nowhere_encoded_in(&request.body)?;
        }
        Ok(())
    }

    fn put_in_body(&mut self, request: &Request) -> Result<Zeroizing<Vec<u8>>, SecretFlaw> {
        let body = &*request.body;
        match Form::of(request) {
            Some(Form::Json)
                if Within::json(body).is_some_and(|within| are_in_values(body, within)) =>
            {
                self.swap(body, |value| {
                    let quoted = Zeroizing::new(Value::from(value).to_string());
                    let inner = quoted.get(1..quoted.len().saturating_sub(1));
                    Zeroizing::new(inner.unwrap_or_default().to_owned())
                })
            }
            Some(Form::Urlencoded)
                if Within::form(body).is_some_and(|within| are_in_values(body, within)) =>
            {
                self.swap(body, |value| {
                    Zeroizing::new(form_urlencoded::byte_serialize(value.as_bytes()).collect())
                })
            }
            _ => {
                self.is_nowhere_in(body, || Place::Body)?;
                Err(SecretFlaw::Stale)
            }
        }
    }

    /// A text with the values in it, as they are written there.
    fn swap(
        &mut self,
        text: &[u8],
        write: impl Fn(&str) -> Zeroizing<String>,
    ) -> Result<Zeroizing<Vec<u8>>, SecretFlaw> {
        let mut swapped = Zeroizing::new(Vec::with_capacity(text.len() + 1024));
        let mut rest = text;
        while let Some(at) = find(rest) {
            let (before, from) = rest.split_at(at);
            let (placeholder, after) = from.split_at(PREFIX.len() + RANDOM);
            let name = self.name_of(placeholder).ok_or(SecretFlaw::Stale)?;
            self.swaps += 1;
            if self.swaps > SWAPS {
                return Err(SecretFlaw::TooMany);
            }
            swapped.extend_from_slice(before);
            swapped.extend_from_slice(write(&self.value(&name)?).as_bytes());
            rest = after;
        }
        swapped.extend_from_slice(rest);
        Ok(swapped)
    }

    fn name_of(&self, placeholder: &[u8]) -> Option<Arc<str>> {
        self.placeholders
            .iter()
            .find(|known| known.text.as_bytes() == placeholder)
            .map(|known| known.secret.clone())
    }

    /// Refuses a text with a placeholder in it, as it is or encoded.
    fn is_nowhere_in(&self, text: &[u8], place: impl FnOnce() -> Place) -> Result<(), SecretFlaw> {
        match find(text).and_then(|at| text.get(at..at + PREFIX.len() + RANDOM)) {
            None => self.is_nowhere_encoded_in(text),
            Some(found) => Err(match self.name_of(found) {
                None => SecretFlaw::Stale,
                Some(secret) => SecretFlaw::Place {
                    secret: secret.to_string(),
                    place: place(),
                },
            }),
        }
    }

    /// The same of a text without one as it is, also once it is decoded as a URL is.
    fn is_nowhere_escaped_in(&self, text: &[u8]) -> Result<(), SecretFlaw> {
        self.is_nowhere_encoded_in(text)?;
        match Cow::from(percent_decode(text)) {
            Cow::Borrowed(_) => Ok(()),
            Cow::Owned(decoded) => self.is_nowhere_in(&decoded, || Place::Encoded),
        }
    }

    /// Refuses a text with a placeholder of this run in it, in Base64 or in hexadecimal.
    fn is_nowhere_encoded_in(&self, text: &[u8]) -> Result<(), SecretFlaw> {
        if self.placeholders.is_empty() || text.len() < ENCODED {
            return Ok(());
        }
        let encoded = self.encoded.get_or_init(|| {
            let all = self.placeholders.iter().enumerate();
            all.flat_map(|(index, one)| encoded(&one.text).map(|text| (index, text)))
                .collect()
        });
        let found = encoded
            .iter()
            .find(|(_, encoded)| memmem::find(text, encoded.as_bytes()).is_some())
            .and_then(|(index, _)| self.placeholders.get(*index));
        found.map_or(Ok(()), |placeholder| {
            Err(SecretFlaw::Place {
                secret: placeholder.secret.to_string(),
                place: Place::Encoded,
            })
        })
    }
}

/// Where the first placeholder stands, of this run or of another.
fn find(text: &[u8]) -> Option<usize> {
    memmem::find_iter(text, PREFIX).find(|at| {
        let random = text.get(at + PREFIX.len()..at + PREFIX.len() + RANDOM);
        random.is_some_and(|random| {
            random
                .iter()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
        })
    })
}

fn count(text: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = text;
    while let Some(after) = find(rest).and_then(|at| rest.get(at + PREFIX.len() + RANDOM..)) {
        count += 1;
        rest = after;
    }
    count
}

/// Whether a text ends before a character that is encoded does: what follows would become part of it.
fn ends_in_escape(text: &[u8]) -> bool {
    matches!(text, [.., b'%'] | [.., b'%', _])
}

/// Whether all placeholders of a text stand in values, each as it is: none in a name, and none that is escaped, for that one
/// could make up for another in a count.
fn are_in_values(text: &[u8], within: Within) -> bool {
    within.names == 0 && within.values == count(text)
}

/// How many placeholders stand in the names and in the values of a text, once it is read.
#[derive(Clone, Copy, Default)]
struct Within {
    names: usize,
    values: usize,
}

impl Within {
    /// Of a JSON text; none where it is no JSON.
    fn json(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Of a form; none where one is the end of a character that is encoded.
    fn form(body: &[u8]) -> Option<Self> {
        let split =
            memmem::find_iter(body, PREFIX).any(|at| body.get(..at).is_some_and(ends_in_escape));
        let add = |within: Self, (name, value): (Cow<'_, str>, Cow<'_, str>)| Self {
            names: within.names + count(name.as_bytes()),
            values: within.values + count(value.as_bytes()),
        };
        (!split).then(|| form_urlencoded::parse(body).fold(Self::default(), add))
    }
}

// Counted while it is read, for of two members of one name only the last would be kept.
impl<'de> Deserialize<'de> for Within {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counting;

        impl<'de> Visitor<'de> for Counting {
            type Value = Within;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Within, E> {
                Ok(Within::default())
            }

            fn visit_bool<E>(self, _: bool) -> Result<Within, E> {
                Ok(Within::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<Within, E> {
                Ok(Within::default())
            }

            fn visit_i64<E>(self, _: i64) -> Result<Within, E> {
                Ok(Within::default())
            }

            fn visit_f64<E>(self, _: f64) -> Result<Within, E> {
                Ok(Within::default())
            }

            fn visit_str<E>(self, text: &str) -> Result<Within, E> {
                Ok(Within {
                    names: 0,
                    values: count(text.as_bytes()),
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Within, A::Error> {
                let mut all = Within::default();
                while let Some(one) = values.next_element::<Within>()? {
                    all.names += one.names;
                    all.values += one.values;
                }
                Ok(all)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Within, A::Error> {
                let mut all = Within::default();
                while let Some((name, one)) = members.next_entry::<String, Within>()? {
                    all.names += count(name.as_bytes()) + one.names;
                    all.values += one.values;
                }
                Ok(all)
            }
        }

        deserializer.deserialize_any(Counting)
    }
}

/// The two kinds of body that secrets are put into.
enum Form {
    Json,
    Urlencoded,
}

impl Form {
    fn of(request: &Request) -> Option<Self> {
        let mut types = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let (_, value) = types.next()?;
        if types.next().is_some() {
            return None;
        }
        let essence = value.split(|byte| *byte == b';').next()?.trim_ascii();
        let essence = essence.to_ascii_lowercase();
        match &*essence {
            b"application/x-www-form-urlencoded" => Some(Self::Urlencoded),
            b"application/json" => Some(Self::Json),
            other => other.ends_with(b"+json").then_some(Self::Json),
        }
    }
}

/// The user and password of Basic authentication, if that is what a header's value holds.
fn basic(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let (scheme, pair) = value.trim_ascii().split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    ANY_PADDING
        .decode(pair.trim_ascii())
        .ok()
        .map(Zeroizing::new)
}

/// A placeholder in hexadecimal, and what of it stands unchanged in the Base64 of a longer text, wherever it begins there.
fn encoded(placeholder: &str) -> [String; 5] {
    let within = |before: &str, skipped: usize| {
        let placed = format!("{before}{placeholder}");
        let text = STANDARD_NO_PAD.encode(&placed);
        let whole = placed.len() * 8 / 6;
        text.get(skipped..whole).unwrap_or_default().to_owned()
    };
    let digits = text::hex(placeholder.as_bytes());
    [
        within("", 0),
        within("_", 2),
        within("__", 3),
        digits.to_uppercase(),
        digits,
    ]
}
