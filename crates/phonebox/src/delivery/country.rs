//! Calling codes of countries, and the countries of numbers.
//!
//! The tables are the assigned codes of ITU-T E.164 and the area codes of the North American Numbering Plan. Libraries that know every country's numbering plan are a thousand times its size,
//! and all that is asked here is where a number goes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// What numbers of a country begin with after the `+`. Some countries share one: `1` is North America and much of the
/// Caribbean, `7` Russia and Kazakhstan.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallingCode(u16);

/// A text that is no country's calling code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no country's calling code; one is written as in \"+41\"")]
pub struct InvalidCallingCode(String);

/// A country, by two letters of ISO 3166, as in `CH`. A territory whose numbers begin like those of another country is none of
/// its own: Guernsey is `GB`.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Country([u8; 2]);

/// A text that is no country's two letters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidCountry {
    /// It is not two letters.
    #[error("a country is two capital letters, as in CH")]
    Form,
    /// No numbers begin so that it is known that they are this country's.
    #[error(
        "no numbers are known to be of a country of these letters; list its numbers with those of the country that they begin like, as in GB for GG"
    )]
    Unknown,
}

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

/// The countries of calling codes, but for those that several have: of territories that share one, the country that they belong to.
const COUNTRIES: [(u16, [u8; 2]); 205] = [
    (20, *b"EG"),
    (27, *b"ZA"),
    (30, *b"GR"),
    (31, *b"NL"),
    (32, *b"BE"),
    (33, *b"FR"),
    (34, *b"ES"),
    (36, *b"HU"),
    (39, *b"IT"),
    (40, *b"RO"),
    (41, *b"CH"),
    (43, *b"AT"),
    (44, *b"GB"),
    (45, *b"DK"),
    (46, *b"SE"),
    (47, *b"NO"),
    (48, *b"PL"),
    (49, *b"DE"),
    (51, *b"PE"),
    (52, *b"MX"),
    (53, *b"CU"),
    (54, *b"AR"),
    (55, *b"BR"),
    (56, *b"CL"),
    (57, *b"CO"),
    (58, *b"VE"),
    (60, *b"MY"),
    (61, *b"AU"),
    (62, *b"ID"),
    (63, *b"PH"),
    (64, *b"NZ"),
    (65, *b"SG"),
    (66, *b"TH"),
    (81, *b"JP"),
    (82, *b"KR"),
    (84, *b"VN"),
    (86, *b"CN"),
    (90, *b"TR"),
    (91, *b"IN"),
    (92, *b"PK"),
    (93, *b"AF"),
    (94, *b"LK"),
    (95, *b"MM"),
    (98, *b"IR"),
    (211, *b"SS"),
    (212, *b"MA"),
    (213, *b"DZ"),
    (216, *b"TN"),
    (218, *b"LY"),
    (220, *b"GM"),
    (221, *b"SN"),
    (222, *b"MR"),
    (223, *b"ML"),
    (224, *b"GN"),
    (225, *b"CI"),
    (226, *b"BF"),
    (227, *b"NE"),
    (228, *b"TG"),
    (229, *b"BJ"),
    (230, *b"MU"),
    (231, *b"LR"),
    (232, *b"SL"),
    (233, *b"GH"),
    (234, *b"NG"),
    (235, *b"TD"),
    (236, *b"CF"),
    (237, *b"CM"),
    (238, *b"CV"),
    (239, *b"ST"),
    (240, *b"GQ"),
    (241, *b"GA"),
    (242, *b"CG"),
    (243, *b"CD"),
    (244, *b"AO"),
    (245, *b"GW"),
    (246, *b"IO"),
    (247, *b"SH"),
    (248, *b"SC"),
    (249, *b"SD"),
    (250, *b"RW"),
    (251, *b"ET"),
    (252, *b"SO"),
    (253, *b"DJ"),
    (254, *b"KE"),
    (255, *b"TZ"),
    (256, *b"UG"),
    (257, *b"BI"),
    (258, *b"MZ"),
    (260, *b"ZM"),
    (261, *b"MG"),
    (262, *b"RE"),
    (263, *b"ZW"),
    (264, *b"NA"),
    (265, *b"MW"),
    (266, *b"LS"),
    (267, *b"BW"),
    (268, *b"SZ"),
    (269, *b"KM"),
    (290, *b"SH"),
    (291, *b"ER"),
    (297, *b"AW"),
    (298, *b"FO"),
    (299, *b"GL"),
    (350, *b"GI"),
    (351, *b"PT"),
    (352, *b"LU"),
    (353, *b"IE"),
    (354, *b"IS"),
    (355, *b"AL"),
    (356, *b"MT"),
    (357, *b"CY"),
    (358, *b"FI"),
    (359, *b"BG"),
    (370, *b"LT"),
    (371, *b"LV"),
    (372, *b"EE"),
    (373, *b"MD"),
    (374, *b"AM"),
    (375, *b"BY"),
    (376, *b"AD"),
    (377, *b"MC"),
    (378, *b"SM"),
    (379, *b"VA"),
    (380, *b"UA"),
    (381, *b"RS"),
    (382, *b"ME"),
    (383, *b"XK"),
    (385, *b"HR"),
    (386, *b"SI"),
    (387, *b"BA"),
    (389, *b"MK"),
    (420, *b"CZ"),
    (421, *b"SK"),
    (423, *b"LI"),
    (500, *b"FK"),
    (501, *b"BZ"),
    (502, *b"GT"),
    (503, *b"SV"),
    (504, *b"HN"),
    (505, *b"NI"),
    (506, *b"CR"),
    (507, *b"PA"),
    (508, *b"PM"),
    (509, *b"HT"),
    (590, *b"GP"),
    (591, *b"BO"),
    (592, *b"GY"),
    (593, *b"EC"),
    (594, *b"GF"),
    (595, *b"PY"),
    (596, *b"MQ"),
    (597, *b"SR"),
    (598, *b"UY"),
    (599, *b"CW"),
    (670, *b"TL"),
    (672, *b"NF"),
    (673, *b"BN"),
    (674, *b"NR"),
    (675, *b"PG"),
    (676, *b"TO"),
    (677, *b"SB"),
    (678, *b"VU"),
    (679, *b"FJ"),
    (680, *b"PW"),
    (681, *b"WF"),
    (682, *b"CK"),
    (683, *b"NU"),
    (685, *b"WS"),
    (686, *b"KI"),
    (687, *b"NC"),
    (688, *b"TV"),
    (689, *b"PF"),
    (690, *b"TK"),
    (691, *b"FM"),
    (692, *b"MH"),
    (850, *b"KP"),
    (852, *b"HK"),
    (853, *b"MO"),
    (855, *b"KH"),
    (856, *b"LA"),
    (880, *b"BD"),
    (886, *b"TW"),
    (960, *b"MV"),
    (961, *b"LB"),
    (962, *b"JO"),
    (963, *b"SY"),
    (964, *b"IQ"),
    (965, *b"KW"),
    (966, *b"SA"),
    (967, *b"YE"),
    (968, *b"OM"),
    (970, *b"PS"),
    (971, *b"AE"),
    (972, *b"IL"),
    (973, *b"BH"),
    (974, *b"QA"),
    (975, *b"BT"),
    (976, *b"MN"),
    (977, *b"NP"),
    (992, *b"TJ"),
    (993, *b"TM"),
    (994, *b"AZ"),
    (995, *b"GE"),
    (996, *b"KG"),
    (998, *b"UZ"),
];
/// The countries that share `1`, by area code. All others are of the United States.
const AREAS: [(u16, [u8; 2]); 87] = [
    (204, *b"CA"),
    (226, *b"CA"),
    (236, *b"CA"),
    (242, *b"BS"),
    (246, *b"BB"),
    (249, *b"CA"),
    (250, *b"CA"),
    (257, *b"CA"),
    (263, *b"CA"),
    (264, *b"AI"),
    (268, *b"AG"),
    (284, *b"VG"),
    (289, *b"CA"),
    (306, *b"CA"),
    (340, *b"VI"),
    (343, *b"CA"),
    (345, *b"KY"),
    (354, *b"CA"),
    (365, *b"CA"),
    (367, *b"CA"),
    (368, *b"CA"),
    (382, *b"CA"),
    (387, *b"CA"),
    (403, *b"CA"),
    (416, *b"CA"),
    (418, *b"CA"),
    (428, *b"CA"),
    (431, *b"CA"),
    (437, *b"CA"),
    (438, *b"CA"),
    (441, *b"BM"),
    (450, *b"CA"),
    (460, *b"CA"),
    (468, *b"CA"),
    (473, *b"GD"),
    (474, *b"CA"),
    (506, *b"CA"),
    (514, *b"CA"),
    (519, *b"CA"),
    (537, *b"CA"),
    (548, *b"CA"),
    (579, *b"CA"),
    (581, *b"CA"),
    (584, *b"CA"),
    (587, *b"CA"),
    (600, *b"CA"),
    (604, *b"CA"),
    (613, *b"CA"),
    (622, *b"CA"),
    (639, *b"CA"),
    (647, *b"CA"),
    (649, *b"TC"),
    (658, *b"JM"),
    (664, *b"MS"),
    (670, *b"MP"),
    (671, *b"GU"),
    (672, *b"CA"),
    (683, *b"CA"),
    (684, *b"AS"),
    (705, *b"CA"),
    (709, *b"CA"),
    (721, *b"SX"),
    (742, *b"CA"),
    (753, *b"CA"),
    (758, *b"LC"),
    (767, *b"DM"),
    (778, *b"CA"),
    (780, *b"CA"),
    (782, *b"CA"),
    (784, *b"VC"),
    (787, *b"PR"),
    (807, *b"CA"),
    (809, *b"DO"),
    (819, *b"CA"),
    (825, *b"CA"),
    (829, *b"DO"),
    (849, *b"DO"),
    (867, *b"CA"),
    (868, *b"TT"),
    (869, *b"KN"),
    (873, *b"CA"),
    (876, *b"JM"),
    (879, *b"CA"),
    (902, *b"CA"),
    (905, *b"CA"),
    (939, *b"PR"),
    (942, *b"CA"),
];
const US: Country = Country(*b"US");
const RUSSIA: Country = Country(*b"RU");
const KAZAKHSTAN: Country = Country(*b"KZ");

impl Country {
    /// The country of a number in E.164; none where it is no country's, as those are that are called for free from everywhere.
    pub fn of(number: &str) -> Option<Self> {
        let CallingCode(code) = CallingCode::of(number)?;
        let found = |table: &[(u16, [u8; 2])], code| {
            let place = table.binary_search_by_key(&code, |(code, _)| *code).ok()?;
            table.get(place).map(|(_, country)| Self(*country))
        };
        match code {
            1 => {
                let area = number.get(2..5)?.parse().ok()?;
                found(&AREAS, area).or(Some(US))
            }
            7 if number.starts_with("+76") || number.starts_with("+77") => Some(KAZAKHSTAN),
            7 => Some(RUSSIA),
            code => found(&COUNTRIES, code),
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Country {
    type Err = InvalidCountry;

    fn from_str(text: &str) -> Result<Self, InvalidCountry> {
        let letters = text.as_bytes().try_into().ok();
        let letters =
            letters.filter(|letters: &[u8; 2]| letters.iter().all(u8::is_ascii_uppercase));
        let country = Self(letters.ok_or(InvalidCountry::Form)?);
        let mut listed = COUNTRIES.iter().chain(&AREAS);
        let is_known = [US, RUSSIA, KAZAKHSTAN].contains(&country)
            || listed.any(|(_, known)| *known == country.0);
        is_known.then_some(country).ok_or(InvalidCountry::Unknown)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

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
    fn a_number_is_of_the_country_whose_area_it_is_in() {
        for (number, country) in [
            ("+12065550100", Some("US")),
            ("+14165550100", Some("CA")),
            ("+18765550100", Some("JM")),
            ("+17875550100", Some("PR")),
            ("+18005550100", Some("US")),
            ("+77011234567", Some("KZ")),
            ("+79161234567", Some("RU")),
            ("+447700900123", Some("GB")),
            ("+441481234567", Some("GB")),
            ("+2901234", Some("SH")),
            ("+99812345678", Some("UZ")),
            ("+80012345678", None),
            ("+88112345678", None),
            ("+99912345678", None),
        ] {
            let found = Country::of(number).map(|country| country.to_string());
            assert_eq!(found.as_deref(), country, "{number}");
            if let Some(country) = country {
                assert_eq!(country.parse::<Country>().unwrap().as_str(), country);
            }
        }
        for (text, error) in [
            ("ch", InvalidCountry::Form),
            ("CHE", InvalidCountry::Form),
            ("", InvalidCountry::Form),
            ("XX", InvalidCountry::Unknown),
            ("GG", InvalidCountry::Unknown),
        ] {
            assert_eq!(text.parse::<Country>(), Err(error), "{text}");
        }
    }

    #[test]
    fn every_calling_code_has_a_country_unless_it_is_nobodys() {
        for table in [&COUNTRIES[..], &AREAS] {
            assert!(table.is_sorted_by_key(|(code, _)| *code));
            let again = table.windows(2).find(|two| two[0].0 == two[1].0);
            assert_eq!(again, None);
        }
        for (code, _) in COUNTRIES {
            assert!(CallingCode::assigned(&code.to_string()).is_some(), "{code}");
        }
        let without = (1..1000_u16).filter(|code| {
            let assigned = CallingCode::assigned(&code.to_string()).is_some();
            assigned && Country::of(&format!("+{code}5550100")).is_none()
        });
        // Free and satellite numbers, and those that are no country's.
        let without: Vec<_> = without.collect();
        assert_eq!(without, [800, 808, 870, 878, 881, 882, 883, 979]);
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
