//! Values that must never be seen, and every spelling in which they could be.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A code that nothing else has the digits of.
pub(crate) const CODE: &str = "739154208653";
/// The number of every event.
pub(crate) const NUMBER: &str = "+14155550142";
/// The value of the attacker's secret `TOKEN`.
pub(crate) const TOKEN: &str = "tkn-Zq7vX2mK9pLw4RtB/+=";
/// The value of another, for URLs.
pub(crate) const ACCOUNT: &str = "AC7f&3e=9;0a%2e ~1d";
/// The victim's secrets.
pub(crate) const VICTIM_ACCOUNT: &str = "AC5d8e1f0a7b3c9264e6f5d4c3b2a19087";
pub(crate) const VICTIM_TOKEN: &str = "vic-8Hn3Ys6Dk1Qe5Wj2";
/// What certificates of evil providers say.
pub(crate) const CERTIFICATE: &str = "cert-canary-Pq5Rt8";

/// The shortest spelling that is looked for: shorter ones come up by chance.
const SHORTEST: usize = 9;

/// What is looked for in everything that the host says.
pub(crate) struct Canaries(Vec<(String, String)>);

impl Canaries {
    pub(crate) fn new() -> Self {
        let mut spellings = Vec::new();
        for (name, value) in [
            ("the code", CODE),
            ("the number", NUMBER.trim_start_matches('+')),
            ("the secret TOKEN", TOKEN),
            ("the secret ACCOUNT", ACCOUNT),
            ("another tenant's account", VICTIM_ACCOUNT),
            ("another tenant's token", VICTIM_TOKEN),
            ("a certificate's text", CERTIFICATE),
        ] {
            for (how, spelling) in spellings_of(value) {
                spellings.push((format!("{name}, {how}"), spelling));
            }
        }
        Self(spellings)
    }

    /// The canaries that a line shows.
    pub(crate) fn seen_in(&self, line: &str) -> Vec<&str> {
        let seen = self
            .0
            .iter()
            .filter(|(_, spelling)| line.contains(spelling));
        seen.map(|(name, _)| name.as_str()).collect()
    }
}

/// A value in every spelling: as it is, hexadecimal, percent-encoded, and in base64 wherever in a longer text it stands.
pub(crate) fn spellings_of(value: &str) -> Vec<(&'static str, String)> {
    let bytes = value.as_bytes();
    let each = |format: fn(&u8) -> String| bytes.iter().map(format).collect::<String>();
    let mut spellings = vec![
        ("as it is", value.to_owned()),
        ("in hexadecimal", each(|byte| format!("{byte:02x}"))),
        ("in capital hexadecimal", each(|byte| format!("{byte:02X}"))),
        ("percent-encoded", each(|byte| format!("%{byte:02x}"))),
        (
            "percent-encoded in capitals",
            each(|byte| format!("%{byte:02X}")),
        ),
        (
            "percent-encoded where needed",
            each(|byte| match byte {
                b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
                _ if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
                _ => format!("%{byte:02X}"),
            }),
        ),
    ];
    for (how, engine) in [
        ("in base64", &STANDARD_NO_PAD),
        ("in base64 for URLs", &URL_SAFE_NO_PAD),
    ] {
        for shift in 0..3 {
            let shifted = [vec![0; shift], bytes.to_vec()].concat();
            let encoded = engine.encode(&shifted);
            // Only the characters that depend on nothing but the value.
            let from = (shift * 8).div_ceil(6);
            let to = shifted.len() * 8 / 6;
            spellings.push((how, encoded[from..to].to_owned()));
        }
    }
    spellings.retain(|(_, spelling)| spelling.len() >= SHORTEST);
    spellings.sort_by(|one, other| one.1.cmp(&other.1));
    spellings.dedup_by(|one, other| one.1 == other.1);
    spellings
}
