use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A telephone number in E.164: `+` and 7 to 15 digits, the first of them not 0.
///
/// Parsing accepts what people type: spaces, dashes, dots, slashes and parentheses between the digits. What is kept,
/// compared and serialised is E.164. [`fmt::Debug`] shows the country's end and the last two digits only.
///
/// ```
/// # use phonebox_contract::PhoneNumber;
/// let number: PhoneNumber = "+1 (808) 555-5555".parse()?;
/// assert_eq!(number.as_e164(), "+18085555555");
/// assert_eq!(format!("{number:?}"), "+1••••••••55");
/// # Ok::<(), phonebox_contract::InvalidPhoneNumber>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

/// Why a text is not a telephone number. It never repeats the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidPhoneNumber {
    /// There is nothing but white space.
    #[error("the number is empty")]
    Empty,
    /// It does not begin with `+` and a country code, so that nobody can tell which country it is in.
    #[error("the number does not begin with `+` and a country code, as in +14155550100")]
    NoCountryCode,
    /// A country code never begins with 0.
    #[error(
        "the country code begins with 0; leave out the international prefix (00) and the trunk 0"
    )]
    LeadingZero,
    /// Something other than a digit or a usual separator.
    #[error("character {0} of the number is neither a digit nor a separator")]
    Character(usize),
    /// Fewer than 7 digits.
    #[error("the number has {0} digits, and no number has fewer than 7")]
    TooShort(usize),
    /// More than 15 digits.
    #[error("the number has {0} digits, and E.164 allows 15")]
    TooLong(usize),
}

impl PhoneNumber {
    /// The number in E.164, for example `+14155550100`.
    pub fn as_e164(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhoneNumber {
    type Err = InvalidPhoneNumber;

    fn from_str(text: &str) -> Result<Self, InvalidPhoneNumber> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidPhoneNumber::Empty);
        }
        let rest = text
            .strip_prefix('+')
            .ok_or(InvalidPhoneNumber::NoCountryCode)?;
        let mut e164 = String::from("+");
        for (position, character) in rest.chars().enumerate() {
            match character {
                '0'..='9' => e164.push(character),
                // The last three are what word processors make of a space and of dashes.
                ' ' | '-' | '.' | '/' | '(' | ')' | '\u{a0}' | '\u{2010}' | '\u{2011}' => {}
                _ => return Err(InvalidPhoneNumber::Character(position + 2)),
            }
        }
        let digits = e164.len() - 1;
        match digits {
            _ if e164.starts_with("+0") => Err(InvalidPhoneNumber::LeadingZero),
            0..7 => Err(InvalidPhoneNumber::TooShort(digits)),
            7..=15 => Ok(Self(e164)),
            _ => Err(InvalidPhoneNumber::TooLong(digits)),
        }
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, tail) = self.0.split_at(self.0.len() - 2);
        let (start, hidden) = head.split_at(2);
        write!(f, "{start}{}{tail}", "•".repeat(hidden.len()))
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_people_type_and_keeps_e164() {
        for (typed, e164) in [
            ("+14155550100", "+14155550100"),
            ("+1-808-555-5555", "+18085555555"),
            (" +44 (20) 7946.0000 ", "+442079460000"),
            ("+49 30/901820", "+4930901820"),
            ("+33\u{a0}1\u{2011}99\u{2010}00 11 22", "+33199001122"),
            ("+1234567", "+1234567"),
            ("+123456789012345", "+123456789012345"),
        ] {
            assert_eq!(
                typed.parse::<PhoneNumber>().unwrap().as_e164(),
                e164,
                "{typed}"
            );
        }
    }

    #[test]
    fn refuses_the_rest_and_says_why() {
        for (typed, why) in [
            ("  ", InvalidPhoneNumber::Empty),
            ("4155550100", InvalidPhoneNumber::NoCountryCode),
            ("0014155550100", InvalidPhoneNumber::NoCountryCode),
            ("+0014155550100", InvalidPhoneNumber::LeadingZero),
            ("+", InvalidPhoneNumber::TooShort(0)),
            ("+123456", InvalidPhoneNumber::TooShort(6)),
            ("+1234567890123456", InvalidPhoneNumber::TooLong(16)),
            ("+1415555O100", InvalidPhoneNumber::Character(9)),
            ("+1415+5550100", InvalidPhoneNumber::Character(6)),
            ("+٤٤٢٠٧٩٤٦٠٠٠٠", InvalidPhoneNumber::Character(2)),
            ("+14155550100\r\nBcc: x", InvalidPhoneNumber::Character(13)),
        ] {
            assert_eq!(typed.parse::<PhoneNumber>().unwrap_err(), why, "{typed}");
        }
    }

    #[test]
    fn debug_hides_the_middle() {
        let shortest: PhoneNumber = "+1234567".parse().unwrap();
        assert_eq!(format!("{shortest:?}"), "+1••••67");
    }
}
