//! The mask over everything that is kept of a run. The file itself is compiled in here, for its crate brings Wasmtime along;
//! what it takes from there are the types `Secrets` and `Placeholders`, which stand below.
//!
//! Input, between NULs: the code, the telephone number, the secrets' values, and last the text. In the text, the byte 1 stands
//! for the code, 2 for the number, 3 and following for the secrets; U+0080 and following say how the value behind them is
//! encoded.
#![no_main]

use std::collections::BTreeSet;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use phonebox_contract::{Event, Sensitive};

#[path = "../../crates/runtime/src/redact.rs"]
#[allow(dead_code, reason = "what takes secrets out of answers is there too")]
mod redact;

/// What the redactor knows of a run.
mod sandbox {
    use phonebox_egress::Placeholder;

    #[derive(Default)]
    pub(crate) struct Placeholders;

    impl Placeholders {
        pub(crate) fn all(&self) -> Vec<Placeholder> {
            Vec::new()
        }
    }
}

use redact::{Needle, Redactor};

/// What stands for the code.
const CODE: &str = "[code]";

/// What the redactor knows of `phonebox_runtime::Secrets`.
pub(crate) struct Secrets(Arc<[Needle]>);

impl Secrets {
    pub(crate) fn needles(&self) -> &Arc<[Needle]> {
        &self.0
    }
}

/// What must not be seen, a value or what an encoding makes of it, and what is to stand in its place.
struct Masked {
    value: String,
    mask: String,
}

const STANDARD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every byte in hexadecimal.
fn hex(bytes: &[u8], prefix: &str, digits: &str) -> String {
    let digit = |half: u8| char::from(digits.as_bytes()[usize::from(half)]);
    bytes
        .iter()
        .map(|byte| format!("{prefix}{}{}", digit(byte >> 4), digit(byte & 15)))
        .collect()
}

/// Base64, bit by bit, without what a part of a character would fill up.
fn base64(bytes: &[u8], alphabet: &str) -> String {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let character = |six: &[u8; 6]| {
        alphabet.as_bytes()[six.iter().fold(0, |sum, bit| sum << 1 | usize::from(*bit))]
    };
    bits.as_chunks::<6>()
        .0
        .iter()
        .map(|six| char::from(character(six)))
        .collect()
}

/// All that the specification calls an encoding of a value; of Base64, what does not depend on what is around the value.
fn encodings(value: &str) -> Vec<String> {
    let mut all = Vec::new();
    for digits in ["0123456789abcdef", "0123456789ABCDEF"] {
        all.extend(["", "%"].map(|prefix| hex(value.as_bytes(), prefix, digits)));
    }
    for alphabet in [STANDARD, URL_SAFE] {
        for (before, dependent) in [("", 0), ("?", 2), ("??", 3)] {
            let whole = base64(format!("{before}{value}").as_bytes(), alphabet);
            all.extend(whole.get(dependent..).map(str::to_owned));
        }
    }
    all
}

/// A value as others write it, in the way that `how` says.
fn encoded(value: &str, how: usize) -> String {
    match how {
        0..4 => encodings(value)[how].clone(),
        _ => {
            let around = how - 4;
            let (before, behind) = (&"user:"[..around % 3], &"@ok"[..around / 3 % 3]);
            let alphabet = if (around / 9).is_multiple_of(2) {
                STANDARD
            } else {
                URL_SAFE
            };
            base64(format!("{before}{value}{behind}").as_bytes(), alphabet)
        }
    }
}

/// What stands between the masks holds none of these values.
fn holds_none<'a>(text: &str, values: &'a [Masked], hidden: impl Fn(&&'a Masked) -> bool) {
    let masks: BTreeSet<&str> = values.iter().map(|masked| masked.mask.as_str()).collect();
    let mut pieces = vec![text];
    for mask in masks {
        pieces = pieces
            .into_iter()
            .flat_map(|piece| piece.split(mask))
            .collect();
    }
    for masked in values.iter().filter(hidden) {
        for piece in &pieces {
            assert!(
                !piece.contains(&masked.value),
                "{:?} is still there: {text:?}",
                masked.value
            );
        }
    }
}

fuzz_target!(|input: &str| {
    let mut fields: Vec<&str> = input.split('\0').collect();
    let Some(text) = fields.pop() else {
        return;
    };
    let mut fields = fields.into_iter();
    let (code, number) = (
        fields.next().unwrap_or("492016"),
        fields.next().unwrap_or("+14155550100"),
    );
    let Ok(number) = number.parse::<phonebox_contract::PhoneNumber>() else {
        return;
    };
    let mut event = Event::from_json(&format!(
        r#"{{"notification": {{"recipient": "{}", "code": "0"}}}}"#,
        number.as_e164()
    ))
    .expect("it is an event");
    event.notification.code = Some(code.into());
    let secrets: Vec<(String, String)> = fields
        .take(28)
        .enumerate()
        .map(|(index, value)| (format!("S{index}"), value.to_owned()))
        .collect();

    let (e164, digits) = (number.as_e164(), number.as_e164().trim_start_matches('+'));
    let mut plain = [e164, digits, &format!("%2B{digits}")]
        .map(|number| (number.to_owned(), "[number]".to_owned()))
        .to_vec();
    plain.push((code.to_owned(), CODE.to_owned()));
    plain.extend(
        secrets
            .iter()
            .map(|(name, value)| (value.clone(), format!("[secret:{name}]"))),
    );
    plain.retain(|(value, _)| value.len() >= 3);
    // Of a value of several lines, each by itself.
    let lines: Vec<_> = plain
        .iter()
        .filter(|(value, _)| value.contains('\n'))
        .flat_map(|(value, mask)| value.lines().map(|line| (line.to_owned(), mask.clone())))
        .filter(|(line, _)| line.len() >= 8)
        .collect();
    let long = plain.iter().filter(|(value, _)| value.len() >= 6);
    let long_encoded: Vec<_> = long
        .flat_map(|(value, mask)| {
            encodings(value)
                .into_iter()
                .map(|value| (value, mask.clone()))
        })
        .collect();
    let values: Vec<Masked> = plain
        .into_iter()
        .chain(long_encoded)
        .chain(lines)
        .map(|(value, mask)| Masked { value, mask })
        .collect();

    let mut planted = String::new();
    let mut how = None;
    for c in text.chars() {
        let value = match c as usize {
            1 => code,
            2 => e164,
            index @ 3..0x20 => secrets.get(index - 3).map_or("", |(_, value)| value),
            encoding @ 0x80..0xa0 => {
                how = Some(encoding - 0x80);
                continue;
            }
            _ => &*c.to_string(),
        };
        planted.push_str(
            &how.take()
                .map_or_else(|| value.to_owned(), |how| encoded(value, how)),
        );
    }

    let sensitive: Vec<_> = secrets
        .iter()
        .map(|(name, value)| (name.as_str(), Sensitive::new(value)))
        .collect();
    let needles = Needle::of_secrets(sensitive.iter().map(|(name, value)| (*name, value)));
    let redactor = Redactor::new(&event, &Secrets(needles), Arc::default());
    let (redacted, id) = (redactor.redact(&planted), redactor.redact_id(&planted));
    holds_none(&redacted, &values, |_| true);
    // In an id a code may stand, by chance.
    holds_none(&id, &values, |masked| masked.mask != CODE);

    // A text is changed only where there is something in it, for which the digits of the code may be apart, and those of a
    // number, without a country's code, which has up to three.
    let numeric = planted.bytes().filter(u8::is_ascii_digit).count();
    let mut national = (1..=3)
        .filter_map(|code| digits.get(code..))
        .flat_map(encodings);
    let is_spoken = code.len() >= 4 && code.bytes().all(|byte| byte.is_ascii_digit());
    let fewest = if is_spoken { code.len().min(7) } else { 7 };
    if numeric < fewest
        && !values.iter().any(|masked| planted.contains(&masked.value))
        && !national.any(|encoded| encoded.len() >= 6 && planted.contains(&encoded))
    {
        let spelled = reserved_spellings(&secrets, code);
        if !spelled.iter().any(|spelled| planted.contains(spelled)) {
            assert_eq!((&redacted, &id), (&planted, &planted));
        }
    }

    // Divided over lines, nothing more is seen.
    let (first, second) = planted.split_at(planted.floor_char_boundary(planted.len() / 2));
    let (mut first, mut second) = (first.to_owned(), second.to_owned());
    redactor.redact_across(&mut [&mut first, &mut second]);
    assert_eq!(format!("{first}{second}"), redacted);

    // A long text goes another way.
    let before = "\u{e000}".repeat(2_000);
    if values
        .iter()
        .all(|masked| !masked.value.contains('\u{e000}'))
    {
        let long = redactor.redact(&format!("{before}{planted}"));
        assert_eq!(long, format!("{before}{redacted}"), "{planted:?}");
    }
});

/// The values with only those bytes percent-encoded that URLs reserve.
fn reserved_spellings(secrets: &[(String, String)], code: &str) -> Vec<String> {
    let values = secrets.iter().map(|(_, value)| value.as_str());
    let spell = |value: &str, digits: &str| -> String {
        let spell = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            byte => hex(&[byte], "%", digits),
        };
        value.bytes().map(spell).collect()
    };
    // As JSON has it, too.
    let escape = |value: &str| {
        let json = serde_json::to_string(value).expect("it is a text");
        json[1..json.len() - 1].to_owned()
    };
    values
        .chain([code])
        .flat_map(|value| {
            let [lower, upper] =
                ["0123456789abcdef", "0123456789ABCDEF"].map(|digits| spell(value, digits));
            [lower, upper, escape(value)]
        })
        .collect()
}
