use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use phonebox_contract::{Event, Sensitive};
use phonebox_egress::Placeholder;
use zeroize::Zeroizing;

use crate::Secrets;
use crate::sandbox::Placeholders;

/// Shorter values are left alone: masking every `12` of a text hides more than it protects.
const SHORTEST: usize = 3;
/// Shorter values are not looked for in their encodings, which come up by chance.
const ENCODED: usize = 6;
/// Shorter sealed secrets are not taken out of answers.
pub(crate) const SCRUBBED: usize = 8;
/// Fewer digits of a number are not looked for without its country code, for the same reason.
const NATIONAL: usize = 7;
/// Shorter codes are not looked for with something between their digits.
const SPELT: usize = 4;
/// Most characters between two digits of a number as people write it.
const GAP: usize = 3;
/// In a text of so many bytes the values are first looked for one by one.
const GLANCE: usize = 4096;
/// What stands for the code, and for the number.
const CODE: &str = "[code]";
const NUMBER: &str = "[number]";

/// Masks the values of one run in text that is kept: its secrets, its code, its number.
pub(crate) struct Redactor {
    /// Spellings of the code and the number.
    event: Vec<Needle>,
    /// Those of the secrets, made once for all runs.
    secrets: Arc<[Needle]>,
    /// What may be written with something between its digits: all of the number, those after the country code if they are
    /// enough to be told from others, and the code.
    spoken: Vec<Spoken>,
    /// What stands for sealed secrets. It is worth nothing, and shown as the secret is.
    placeholders: Arc<Placeholders>,
    /// Finds all needles at once. Made when it is needed: that costs as much as a whole run.
    automaton: OnceLock<AhoCorasick>,
}

/// One spelling of a value.
pub(crate) struct Needle {
    text: Zeroizing<String>,
    mask: Arc<str>,
}

/// Digits, and what stands for them.
struct Spoken {
    digits: Zeroizing<String>,
    mask: &'static str,
}

/// Where in a text a value stands, and what is to stand there.
type Found<'a> = (Range<usize>, Cow<'a, str>);

impl Redactor {
    /// A redactor for one event and the secrets that its action has.
    pub(crate) fn new(event: &Event, secrets: &Secrets, placeholders: Arc<Placeholders>) -> Self {
        let number = event.notification.recipient.as_e164();
        let digits = number.trim_start_matches('+');
        let national = digits.get(country_code(digits)..).unwrap_or_default();
        let mut spoken = vec![Spoken::new(digits, NUMBER)];
        spoken.extend((national.len() >= NATIONAL).then(|| Spoken::new(national, NUMBER)));
        let mut needles = Vec::with_capacity(32);
        let [number_mask, code_mask] = [NUMBER, CODE].map(Arc::<str>::from);
        for text in [number.to_owned(), format!("%2B{digits}"), digits.to_owned()] {
            let (text, mask) = (Zeroizing::new(text), number_mask.clone());
            needles.push(Needle { text, mask });
        }
        // The last spelling of the number is within all others, also where they are encoded.
        spell(
            &mut needles,
            spoken.last().map_or(digits, |last| &last.digits),
            &number_mask,
        );
        if let Some(code) = &event.notification.code {
            let code = code.reveal();
            spell(&mut needles, code, &code_mask);
            let is_spoken = code.len() >= SPELT && code.bytes().all(|byte| byte.is_ascii_digit());
            spoken.extend(is_spoken.then(|| Spoken::new(code, CODE)));
        }
        Self {
            event: needles,
            secrets: secrets.needles().clone(),
            spoken,
            placeholders,
            automaton: OnceLock::new(),
        }
    }

    /// The text with all values masked.
    pub(crate) fn redact(&self, text: &str) -> String {
        masked(text, self.find(text))
    }

    /// A provider's id with all values masked, but for a code inside of a longer run of letters and digits: delivery reports
    /// find their message by the id, and six digits come up in random ones by chance.
    pub(crate) fn redact_id(&self, id: &str) -> String {
        let mut found = self.look_for(id);
        found.retain(|(place, mask)| {
            let before = id[..place.start].chars().next_back();
            let after = id[place.end..].chars().next();
            let goes_on = [before, after]
                .into_iter()
                .flatten()
                .any(char::is_alphanumeric);
            mask != CODE || !goes_on
        });
        masked(id, apart(found))
    }

    /// Masks values in texts that stand below one another, also those that are divided over several: what there is of such
    /// a value is masked in the first of them, and left out of the others. No value stands in one of them alone.
    pub(crate) fn redact_across(&self, texts: &mut [&mut String]) {
        let joined: String = texts.iter().map(|text| text.as_str()).collect();
        let found = self.find(&joined);
        if found.is_empty() {
            return;
        }
        let mut from = 0;
        for text in texts {
            let to = from + text.len();
            let mut kept = String::with_capacity(text.len());
            let mut rest = from;
            for (place, mask) in &found {
                kept.push_str(joined.get(rest..place.start.min(to)).unwrap_or_default());
                if (from..to).contains(&place.start) {
                    kept.push_str(mask);
                }
                rest = rest.max(place.end);
            }
            kept.push_str(joined.get(rest..to).unwrap_or_default());
            **text = kept;
            from = to;
        }
    }

    /// All values in a text, in order and apart from one another.
    fn find(&self, text: &str) -> Vec<Found<'_>> {
        apart(self.look_for(text))
    }

    fn look_for(&self, text: &str) -> Vec<Found<'_>> {
        let mut found = self.find_spoken(text);
        self.find_placeholders(text, &mut found);
        if !self.is_clean(text) {
            let needles = || self.needles();
            // All that there are, also where one overlaps another: any of them may be one that is left in place.
            found.extend(self.automaton().find_overlapping_iter(text).map(|value| {
                let mask = needles().nth(value.pattern().as_usize());
                let mask = mask.map_or(CODE, |needle| &*needle.mask);
                (value.range(), mask.into())
            }));
        }
        found
    }

    fn needles(&self) -> impl Iterator<Item = &Needle> {
        self.event.iter().chain(&*self.secrets)
    }

    fn find_placeholders(&self, text: &str, found: &mut Vec<Found<'_>>) {
        if !text.contains(Placeholder::PREFIX) {
            return;
        }
        for one in self.placeholders.all() {
            let mask = format!("[secret:{}]", one.secret);
            let places = text.match_indices(one.as_str());
            found.extend(places.map(|(at, text)| (at..at + text.len(), mask.clone().into())));
        }
    }

    /// The number as people write it, with blanks, hyphens, dots and parentheses between its digits, and the code as it is
    /// read aloud, digit by digit.
    fn find_spoken(&self, text: &str) -> Vec<Found<'_>> {
        let lengths = self.spoken.iter().map(|spoken| spoken.digits.len());
        let shortest = lengths.min().unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let (places, digits): (Vec<usize>, Vec<u8>) = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_digit())
            .unzip();
        let mut at = 0;
        while at + shortest <= digits.len() {
            let value = self.spoken.iter().find_map(|spoken| {
                let value = spoken.digits.as_bytes();
                digits.get(at..)?.starts_with(value).then_some(())?;
                let places = places.get(at..at + value.len())?;
                let close = places.windows(2).all(
                    |pair| matches!(pair, [one, next] if spoken.may_have(&text[one + 1..*next])),
                );
                close.then_some((places, spoken.mask))
            });
            // A number may begin within what looks like the code.
            at += match value {
                Some((places, NUMBER)) => places.len(),
                _ => 1,
            };
            if let Some(([first, .., last], mask)) = value {
                let before = match mask {
                    NUMBER => text[..*first].trim_end_matches(['+', '(']).len(),
                    _ => *first,
                };
                found.push((before..last + 1, mask.into()));
            }
        }
        found
    }

    /// Whether a short text holds none of the needles; most do not.
    fn is_clean(&self, text: &str) -> bool {
        text.len() <= GLANCE
            && !self
                .needles()
                .any(|needle| needle.text.len() <= text.len() && text.contains(&**needle.text))
    }

    fn automaton(&self) -> &AhoCorasick {
        self.automaton.get_or_init(|| {
            AhoCorasick::new(self.needles().map(|needle| needle.text.as_bytes()))
                .expect("some hundred needles of at most 16 KiB are within the automaton's limits")
        })
    }
}

impl Spoken {
    fn new(digits: &str, mask: &'static str) -> Self {
        let digits = Zeroizing::new(digits.to_owned());
        Self { digits, mask }
    }

    /// Whether this may stand between two of the digits. Short codes come up in dates and times where not all are apart.
    fn may_have(&self, between: &str) -> bool {
        match self.mask {
            CODE if between.is_empty() => self.digits.len() >= ENCODED,
            CODE => is_gap(&between.replace(',', ".")),
            _ => is_gap(between),
        }
    }
}

impl Needle {
    /// What is to be looked for of secrets.
    pub(crate) fn of_secrets<'a>(
        secrets: impl Iterator<Item = (&'a str, &'a Sensitive)>,
    ) -> Arc<[Self]> {
        let mut needles = Vec::new();
        for (name, value) in secrets {
            spell(
                &mut needles,
                value.reveal(),
                &format!("[secret:{name}]").into(),
            );
        }
        needles.into()
    }
}

/// Takes sealed secrets out of what a provider answers. It is no boundary: who answers can change what it was sent in any way.
/// It keeps a provider that repeats what it was sent, in an error say, from telling the action.
pub(crate) struct Scrubber {
    masks: Vec<Arc<str>>,
    automaton: AhoCorasick,
}

impl Scrubber {
    /// For these secrets, but for short ones, which come up by chance.
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = (&'a str, &'a Sensitive)>) -> Option<Self> {
        let long = secrets.filter(|(_, value)| value.reveal().len() >= SCRUBBED);
        let needles = Needle::of_secrets(long);
        if needles.is_empty() {
            return None;
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(needles.iter().map(|needle| needle.text.as_bytes()))
            .expect("some hundred needles of at most 16 KiB are within the automaton's limits");
        Some(Self {
            masks: needles.iter().map(|needle| needle.mask.clone()).collect(),
            automaton,
        })
    }

    /// The text without secrets; none where there are none in it.
    pub(crate) fn scrub(&self, text: &[u8]) -> Option<Vec<u8>> {
        if !self.automaton.is_match(text) {
            return None;
        }
        let mut scrubbed = Vec::with_capacity(text.len());
        self.automaton
            .replace_all_with_bytes(text, &mut scrubbed, |found, _, scrubbed| {
                let mask = self.masks.get(found.pattern().as_usize());
                scrubbed.extend_from_slice(mask.map_or(CODE, |mask| mask).as_bytes());
                true
            });
        Some(scrubbed)
    }
}

/// What was found, in order; what overlaps is one.
fn apart(mut found: Vec<Found<'_>>) -> Vec<Found<'_>> {
    found.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
    found.dedup_by(|(place, _), (before, _)| {
        let overlap = place.start < before.end;
        if overlap {
            before.end = before.end.max(place.end);
        }
        overlap
    });
    found
}

fn masked(text: &str, found: Vec<Found<'_>>) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = 0;
    for (place, mask) in found {
        masked.push_str(&text[rest..place.start]);
        masked.push_str(&mask);
        rest = place.end;
    }
    masked.push_str(&text[rest..]);
    masked
}

/// Whether this may stand between two digits of one number.
fn is_gap(between: &str) -> bool {
    between.chars().count() <= GAP
        && between.chars().all(|character| {
            matches!(
                character,
                ' ' | '-'
                    | '.'
                    | '/'
                    | '('
                    | ')'
                    | '+'
                    | '\u{a0}'
                    | '\u{2009}'
                    | '\u{202f}'
                    | '\u{2010}'..='\u{2013}'
            )
        })
}

/// How many digits of an international number are its country code (ITU-T E.164, list of assigned codes).
fn country_code(digits: &str) -> usize {
    match digits.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    }
}

/// A value as it is, and as others write it: in hexadecimal, percent-encoded (every byte, or those that URLs reserve), and what
/// of it stands unchanged in the Base64 of a longer text, at each of the three places where it can begin.
///
/// Most values are made of digits and letters, for which several of these are one: runs wait for this, so each is made once.
fn spell(needles: &mut Vec<Needle>, value: &str, mask: &Arc<str>) {
    let mut add = |text: String| {
        let (text, mask) = (Zeroizing::new(text), mask.clone());
        needles.push(Needle { text, mask });
    };
    let bytes = value.as_bytes();
    if bytes.len() >= SHORTEST {
        add(value.to_owned());
        if value.contains(|one: char| matches!(one, '"' | '\\') || one.is_control()) {
            let json = Zeroizing::new(serde_json::to_string(value).unwrap_or_default());
            let within = json
                .strip_prefix('"')
                .and_then(|json| json.strip_suffix('"'));
            add(within.unwrap_or_default().to_owned());
        }
        // A log shows it line by line.
        let lines = value.lines().filter(|_| value.contains('\n'));
        for line in lines.filter(|line| line.len() >= SCRUBBED) {
            add(line.to_owned());
        }
    }
    if bytes.len() < ENCODED {
        return;
    }
    let reserved = |byte: u8| !byte.is_ascii_alphanumeric() && !b"-_.~".contains(&byte);
    let has_letters = |byte: &u8| byte >> 4 > 9 || byte & 15 > 9;
    let (lower, upper) = (b"0123456789abcdef", b"0123456789ABCDEF");
    let upper = bytes.iter().any(has_letters).then_some(upper);
    for digits in [lower].into_iter().chain(upper) {
        add(hex(bytes, "", digits, |_| true));
        add(hex(bytes, "%", digits, |_| true));
        if bytes.iter().any(|byte| reserved(*byte)) {
            add(hex(bytes, "%", digits, reserved));
        }
    }
    for (before, skipped) in [(&[][..], 0), (&[0], 2), (&[0, 0], 3)] {
        let placed = [before, bytes].concat();
        let encoded = STANDARD_NO_PAD.encode(&placed);
        // The last character may depend on what follows.
        let whole = placed.len() * 8 / 6;
        let standard = encoded.get(skipped..whole).unwrap_or_default();
        if standard.contains(['+', '/']) {
            add(standard.replace('+', "-").replace('/', "_")); // as URLs have it
        }
        add(standard.to_owned());
    }
}

/// The bytes in hexadecimal digits, or those of them that are to be.
fn hex(bytes: &[u8], prefix: &str, digits: &[u8; 16], which: impl Fn(u8) -> bool) -> String {
    let mut hex = String::with_capacity(bytes.len() * (prefix.len() + 2));
    let digit = |half: u8| {
        digits
            .get(usize::from(half))
            .map_or('0', |digit| char::from(*digit))
    };
    for &byte in bytes {
        if which(byte) {
            hex.push_str(prefix);
            hex.extend([digit(byte >> 4), digit(byte & 15)]);
        } else {
            hex.push(char::from(byte)); // a letter or digit
        }
    }
    hex
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
        let redactor = Redactor::new(&event, &secrets, Arc::default());
        assert_eq!(
            redactor
                .redact("no: hunter22x hunter22 492016 +14155550100 14155550100 To=%2B14155550100"),
            "no: [secret:LONGER] [secret:TOKEN] [code] [number] [number] To=[number]"
        );
        assert_eq!(redactor.redact("/messages/49201"), "/messages/49201");
        assert_eq!(
            redactor.redact_id("492016 ab492016 4920161 id-492016-x hunter22y"),
            "[code] ab492016 4920161 id-[code]-x [secret:TOKEN]y"
        );
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

    #[test]
    fn a_value_of_several_lines_is_masked_by_each_of_them() {
        let event = Event::from_json(r#"{"notification": {"recipient": "+14155550100"}}"#).unwrap();
        let key = "-----BEGIN KEY-----\nabcdefgh\tijkl\nmno\n-----END KEY-----\n";
        let secrets: Secrets = [("KEY", key)].into_iter().collect();
        let redactor = Redactor::new(&event, &secrets, Arc::default());
        let json = serde_json::to_string(key).unwrap();
        assert_eq!(redactor.redact(&json), "\"[secret:KEY]\"");
        assert_eq!(redactor.redact(key), "[secret:KEY]");
        assert_eq!(redactor.redact("key: abcdefgh\tijkl"), "key: [secret:KEY]");
        assert_eq!(redactor.redact("mno"), "mno");
    }

    /// The code that may stand in an id hid the secret that began with its last digits.
    #[test]
    fn a_secret_that_begins_within_a_code_is_masked_in_an_id() {
        let event = Event::from_json(
            r#"{"notification": {"recipient": "+1 415 555 0100", "code": "492016"}}"#,
        )
        .unwrap();
        let secrets: Secrets = [("TOKEN", "2016xyz")].into_iter().collect();
        let id = Redactor::new(&event, &secrets, Arc::default()).redact_id("a492016xyz");
        assert_eq!(id, "a49[secret:TOKEN]");
    }

    fn number(number: &str) -> Redactor {
        let event = format!(r#"{{"notification": {{"recipient": "{number}", "code": "492016"}}}}"#);
        Redactor::new(
            &Event::from_json(&event).unwrap(),
            &[("TOKEN", "hunter22")].into_iter().collect(),
            Arc::default(),
        )
    }

    #[test]
    fn l01_masks_the_number_as_people_write_it() {
        for (e164, text, expected) in [
            (
                "+14155550100",
                "call (415) 555-0100 now",
                "call [number] now",
            ),
            (
                "+14155550100",
                "415-555-0100, 415.555.0100",
                "[number], [number]",
            ),
            ("+14155550100", "+1 (415) 555-0100", "[number]"),
            ("+14155550100", "tel:+1-415-555-0100;x", "tel:[number];x"),
            ("+14155550100", "0014155550100", "00[number]"),
            ("+14155550100", "4155550100", "[number]"),
            ("+41446681800", "0041 44 668 18 00", "00[number]"),
            ("+41446681800", "+41 (0)44 668 18 00", "+41 (0)[number]"),
            ("+41446681800", "044 668 18 00", "0[number]"),
            (
                "+41446681800",
                "044\u{a0}668\u{2011}18\u{2013}00",
                "0[number]",
            ),
            // Too short without its country code.
            ("+2907012345", "7012345", "[number]"),
            ("+290701234", "701234 +290 701234", "701234 [number]"),
        ] {
            assert_eq!(number(e164).redact(text), expected, "{text}");
        }
        let other = [
            "415-555-0101",
            "415:555:0100",
            "4, 155, 550, 100",
            "415 555 x 0100",
            "415    5550100",
            "2026-11-25 21:43:40.415 +0100",
        ];
        for text in other {
            assert_eq!(number("+14155550100").redact(text), text);
        }
        // A code that stands in the number, too, and bytes that are no digits around it.
        let both = number("+14155492016");
        assert_eq!(both.redact("é(415) 549-2016é"), "é[number]é");
        assert_eq!(both.redact("415-5 492016"), "[number]");
    }

    #[test]
    fn l01_masks_the_code_as_it_is_read_aloud() {
        let redactor = number("+14155550100");
        for (text, expected) in [
            ("it is 4. 9. 2. 0. 1. 6. Again", "it is [code]. Again"),
            ("(4 9 2 0 1 6)", "([code])"),
            ("[4,9,2,0,1,6] 4, 9, 2, 0, 1, 6", "[[code]] [code]"),
            ("4-9-2-0-1-6", "[code]"),
            ("492-016, 492 016", "[code], [code]"),
            ("49201 6 4155550100", "[code] [number]"),
            ("4920 1 61 4155550100", "[code][number]"),
            ("4 9 2 0 1 7, 4x9x2x0x1x6", "4 9 2 0 1 7, 4x9x2x0x1x6"),
        ] {
            assert_eq!(redactor.redact(text), expected, "{text}");
        }
        let event = r#"{"notification": {"recipient": "+14155550100", "code": "1126"}}"#;
        let event = Event::from_json(event).unwrap();
        let short = Redactor::new(&event, &Secrets::default(), Arc::default());
        let text = "2026-11-26: 1.1.2.6 and 1126";
        assert_eq!(short.redact(text), "2026-11-26: [code] and [code]");
    }

    #[test]
    fn l01_masks_what_is_divided() {
        let redactor = number("+14155550100");
        let across = |texts: &[&str]| {
            let mut texts: Vec<String> = texts.iter().copied().map(String::from).collect();
            redactor.redact_across(&mut texts.iter_mut().collect::<Vec<_>>());
            texts
        };
        assert_eq!(across(&["a 492", "016 b"]), ["a [code]", " b"]);
        assert_eq!(
            across(&["hun", "t", "", "er22.", "c"]),
            ["[secret:TOKEN]", "", "", ".", "c"]
        );
        assert_eq!(
            across(&["(415) ", "555-", "0100 492", "016"]),
            ["[number]", "", " [code]", ""]
        );
        assert_eq!(across(&["49", "201", "7"]), ["49", "201", "7"]);
        assert_eq!(across(&[]), [""; 0]);
    }
}
