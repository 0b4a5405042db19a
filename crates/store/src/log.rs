//! A tenant's log: what it is to be told of, beside the notifications themselves.

use std::fmt;
use std::str::FromStr;

use phonebox_contract::NotificationId;

use crate::time::Time;

/// What an entry of the log is about. A tenant has [so many](LogEntry::MOST) of each: what fails in thousands pushes out none of
/// the others.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum About {
    /// What became of notifications.
    Delivery,
    /// What was asked of the tenant's settings, actions and tokens.
    Management,
}

/// Something that is to be in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogEntry {
    /// What it is about.
    pub about: About,
    /// Its type, in a word of whoever keeps this.
    pub kind: &'static str,
    /// The notification that it is about.
    pub notification: Option<NotificationId>,
    /// All that it says, as an object of JSON. Holds no code, number or secret.
    pub text: String,
}

/// Names an entry of the log. Of one tenant, a later entry has a later id.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct LogId {
    pub(crate) seq: u64,
    /// Random: no tenant can name an entry of another's.
    pub(crate) tag: u64,
}

/// A text that names no entry of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an entry's id is 32 hexadecimal digits")]
pub struct InvalidLogId;

/// An entry as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogItem {
    /// Its id.
    pub id: LogId,
    /// When it was.
    pub at: Time,
    /// Its type.
    pub kind: String,
    /// The notification that it is about.
    pub notification: Option<NotificationId>,
    /// All that it says, as an object of JSON. None: the store settled the notification by itself, and nobody has said yet what it was.
    pub text: Option<String>,
}

/// Which entries are asked for.
#[derive(Clone, Debug)]
pub struct Logs {
    /// Only those of which this is true. None: all.
    pub only: Option<Matches>,
    /// Only those after this one, which need not be there any more.
    pub after: Option<LogId>,
    /// Whether the latest comes first.
    pub latest_first: bool,
    /// How many to leave out.
    pub skip: usize,
    /// Most of them.
    pub most: usize,
    /// Whether to count all of which it is true.
    pub count: bool,
}

/// What may be true of an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Matches {
    /// All of these are.
    All(Vec<Self>),
    /// Some of these are.
    Any(Vec<Self>),
    /// This is not.
    Not(Box<Self>),
    /// It was at this time or later, and before that one.
    Within(Option<Time>, Option<Time>),
    /// Something is these parts with anything between them; one part: that and nothing else. Capitals are as good as small letters.
    Is(What, Vec<String>),
    /// It says something there.
    Has(What),
}

/// What of an entry is looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// Its id.
    Id,
    /// Its type.
    Kind,
    /// What its text has under these names, one within the other.
    Text(Vec<String>),
}

impl LogEntry {
    /// How many a tenant has of each kind of thing that they are about. What is beyond that is forgotten, the earliest first.
    pub const MOST: u32 = 10_000;
}

impl About {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Management => "management",
        }
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.seq, self.tag)
    }
}

impl FromStr for LogId {
    type Err = InvalidLogId;

    fn from_str(text: &str) -> Result<Self, InvalidLogId> {
        let is_one = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (seq, tag) = text
            .split_at_checked(16)
            .filter(|_| is_one)
            .ok_or(InvalidLogId)?;
        let number = |digits| u64::from_str_radix(digits, 16).map_err(|_| InvalidLogId);
        Ok(Self {
            seq: number(seq)?,
            tag: number(tag)?,
        })
    }
}
