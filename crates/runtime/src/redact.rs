use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use phonebox_contract::Event;

use crate::Secrets;

/// Shorter values are left alone: masking every `12` of a text hides more than it protects.
const SHORTEST: usize = 3;
/// Shorter values are not looked for in their encodings, which come up by chance.
const ENCODED: usize = 6;
/// In a text of so many bytes the values are first looked for one by one.
const GLANCE: usize = 4096;
/// What stands for the code.
const CODE: &str = "[code]";

/// Masks the values of one run in text that is kept: its secrets, its code, its number.
pub(crate) struct Redactor {
    needles: Vec<String>,
    masks: Vec<String>,
    /// Finds all needles at once. Made when it is needed: that costs as much as a whole run.
    automaton: OnceLock<AhoCorasick>,
}

impl Redactor {
    /// A redactor for one event and the secrets that its action has.
    pub(crate) fn new(event: &Event, secrets: &Secrets) -> Self {
        let number = event.notification.recipient.as_e164();
        let digits = number.trim_start_matches('+');
        let spellings = [number.to_owned(), digits.to_owned(), format!("%2B{digits}")];
        let mut pairs = Vec::from(spellings.map(|number| (number, "[number]".to_owned())));
        if let Some(code) = &event.notification.code {
            pairs.push((code.reveal().to_owned(), CODE.to_owned()));
        }
        pairs.extend(
            secrets
                .iter()
                .map(|(name, value)| (value.to_owned(), format!("[secret:{name}]"))),
        );
        pairs.retain(|(needle, _)| needle.len() >= SHORTEST);
        let encoded: Vec<_> = pairs
            .iter()
            .filter(|(value, _)| value.len() >= ENCODED)
            .flat_map(|(value, mask)| encodings(value).map(|encoding| (encoding, mask.clone())))
            .collect();
        pairs.extend(encoded);
        let (needles, masks) = pairs.into_iter().unzip();
        Self {
            needles,
            masks,
            automaton: OnceLock::new(),
        }
    }

    /// The text with all values masked.
    pub(crate) fn redact(&self, text: &str) -> String {
        if self.is_clean(text) {
            return text.to_owned();
        }
        self.automaton().replace_all(text, &self.masks)
    }

    /// A provider's id with all values masked, but for a code inside of a longer run of letters and digits: delivery reports
    /// find their message by the id, and six digits come up in random ones by chance.
    pub(crate) fn redact_id(&self, id: &str) -> String {
        if self.is_clean(id) {
            return id.to_owned();
        }
        // A secret may begin within the code that stands there by chance. Masked, it is an id that no report has.
        let mut pairs = self.needles.iter().zip(&self.masks);
        if pairs.any(|(needle, mask)| mask != CODE && id.contains(needle)) {
            return self.redact(id);
        }
        let mut masked = String::with_capacity(id.len());
        let goes_on = |text: &str, last: bool| {
            let mut chars = text.chars();
            let neighbour = if last {
                chars.next_back()
            } else {
                chars.next()
            };
            neighbour.is_some_and(char::is_alphanumeric)
        };
        self.automaton()
            .replace_all_with(id, &mut masked, |found, text, masked| {
                let mask = self
                    .masks
                    .get(found.pattern().as_usize())
                    .map_or(CODE, String::as_str);
                let by_chance = mask == CODE
                    && (goes_on(&id[..found.start()], true) || goes_on(&id[found.end()..], false));
                masked.push_str(if by_chance { text } else { mask });
                true
            });
        masked
    }

    /// Whether a short text holds none of the values; most do not.
    fn is_clean(&self, text: &str) -> bool {
        text.len() <= GLANCE && !self.needles.iter().any(|needle| text.contains(needle))
    }

    fn automaton(&self) -> &AhoCorasick {
        self.automaton.get_or_init(|| {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(&self.needles)
                .expect("some hundred needles of at most 16 KiB are within the automaton's limits")
        })
    }
}

/// A value as others write it: in hexadecimal, with every byte percent-encoded, and what of it stands unchanged in the
/// Base64 of a longer text, at each of the three places where it can begin.
fn encodings(value: &str) -> impl Iterator<Item = String> + use<> {
    let bytes = value.as_bytes();
    let hex = |prefix: &str| -> String {
        let digits = bytes.iter().map(|byte| format!("{prefix}{byte:02x}"));
        digits.collect()
    };
    let mut encodings = vec![hex(""), hex("%")];
    encodings.extend([hex("").to_uppercase(), hex("%").to_uppercase()]);
    for (before, skipped) in [(0, 0), (1, 2), (2, 3)] {
        let placed = [&vec![0; before], bytes].concat();
        for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = alphabet.encode(&placed);
            // The last character may depend on what follows.
            let whole = placed.len() * 8 / 6;
            encodings.extend(encoded.get(skipped..whole).map(ToOwned::to_owned));
        }
    }
    encodings.sort_unstable();
    encodings.dedup();
    encodings.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_every_value_by_name() {
        let event = Event::from_json(
            r#"{"notification": {"recipient": "+1 415 555 0100", "code": "492016"}}"#,
        )
        .unwrap();
        let secrets: Secrets = [
            ("TOKEN", "hunter22"),
            ("LONGER", "hunter22x"),
            ("SHORT", "no"),
        ]
        .into_iter()
        .collect();
        let redactor = Redactor::new(&event, &secrets);
        assert_eq!(
            redactor
                .redact("no: hunter22x hunter22 492016 +14155550100 14155550100 To=%2B14155550100"),
            "no: [secret:LONGER] [secret:TOKEN] [code] [number] [number] To=[number]"
        );
        assert_eq!(redactor.redact("/messages/49201"), "/messages/49201");
        assert_eq!(
            redactor.redact_id("492016 ab492016 4920161 id-492016-x"),
            "[code] ab492016 4920161 id-[code]-x"
        );
        assert_eq!(redactor.redact_id("hunter22y"), "[secret:TOKEN]y");
        let long = "x".repeat(GLANCE);
        assert_eq!(
            redactor.redact(&format!("{long}492016")),
            format!("{long}[code]")
        );
        assert_eq!(
            redactor.redact(&format!("{long}49201")),
            format!("{long}49201")
        );
    }

    /// The code that may stand in an id hid the secret that began with its last digits.
    #[test]
    fn a_secret_that_begins_within_a_code_is_masked_in_an_id() {
        let event = Event::from_json(
            r#"{"notification": {"recipient": "+1 415 555 0100", "code": "492016"}}"#,
        )
        .unwrap();
        let secrets: Secrets = [("TOKEN", "2016xyz")].into_iter().collect();
        let redactor = Redactor::new(&event, &secrets);
        let id = redactor.redact_id("a492016xyz");
        assert!(!id.contains("2016xyz"), "{id}");
    }
}
