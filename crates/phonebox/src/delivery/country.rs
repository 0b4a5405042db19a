//! Calling codes of countries.
//!
//! The table is the assigned codes of ITU-T E.164. Libraries that know every country's numbering plan are a thousand times its size,
//! and all that is asked here is where a number goes.

use std::fmt;
use std::str::FromStr;

/// What numbers of a country begin with after the `+`. Some countries share one: `1` is North America and much of the
/// Caribbean, `7` Russia and Kazakhstan.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallingCode(u16);

/// A text that is no country's calling code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no country's calling code; one is written as in \"+41\"")]
pub struct InvalidCallingCode(String);

/// From the first to the last of each row. None begins like another.
const ASSIGNED: [(u16, u16); 43] = [
    (1, 1),
    (7, 7),
    (20, 20),
    (27, 27),
    (30, 34),
    (36, 36),
    (39, 41),
    (43, 49),
    (51, 58),
    (60, 66),
    (81, 82),
    (84, 84),
    (86, 86),
    (90, 95),
    (98, 98),
    (211, 213),
    (216, 216),
    (218, 218),
    (220, 258),
    (260, 269),
    (290, 291),
    (297, 299),
    (350, 359),
    (370, 383),
    (385, 387),
    (389, 389),
    (420, 421),
    (423, 423),
    (500, 509),
    (590, 599),
    (670, 670),
    (672, 683),
    (685, 692),
    (800, 800),
    (808, 808),
    (850, 850),
    (852, 853),
    (855, 856),
    (870, 870),
    (878, 883),
    (886, 886),
    (960, 979),
    (992, 998),
];
/// Nobody's, within those rows.
const GAPS: [u16; 4] = [879, 969, 978, 997];

impl CallingCode {
    /// The code that a number in E.164 begins with; none where it is nobody's.
    pub fn of(number: &str) -> Option<Self> {
        let digits = number.strip_prefix('+')?;
        (1..=3).find_map(|length| Self::assigned(digits.get(..length)?))
    }

    fn assigned(digits: &str) -> Option<Self> {
        let code = digits.parse().ok()?;
        let is_assigned = ASSIGNED
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&code));
        // Not `041`.
        let is_written_so = code.to_string() == digits;
        (is_assigned && is_written_so && !GAPS.contains(&code)).then_some(Self(code))
    }
}

impl FromStr for CallingCode {
    type Err = InvalidCallingCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        Self::assigned(digits).ok_or_else(|| InvalidCallingCode(text.to_owned()))
    }
}

impl fmt::Display for CallingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_country() {
        for (number, code) in [
            ("+14155550100", Some(1)),
            ("+77011234567", Some(7)),
            ("+41791234567", Some(41)),
            ("+4915112345678", Some(49)),
            ("+352621123456", Some(352)),
            ("+50312345678", Some(503)),
            ("+99912345678", None),
            ("+21012345678", None),
            ("+25912345678", None),
            ("+4", None),
            ("41791234567", None),
        ] {
            assert_eq!(CallingCode::of(number), code.map(CallingCode), "{number}");
        }
        assert_eq!("+41".parse(), Ok(CallingCode(41)));
        assert!("041".parse::<CallingCode>().is_err());
        assert!("Switzerland".parse::<CallingCode>().is_err());
    }

    #[test]
    fn none_begins_like_another() {
        let codes = || (1..1000_u16).filter_map(|code| CallingCode::assigned(&code.to_string()));
        for code in codes() {
            let code = code.0.to_string();
            let others = codes().filter(|other| other.0.to_string().starts_with(&code));
            assert_eq!(others.count(), 1, "{code}");
        }
        assert_eq!(codes().count(), 215);
    }
}
