//! The mask over everything that is kept of a run. The file itself is compiled in here, for its crate brings Wasmtime along;
//! what it takes from there is the type `Secrets`, which stands below.
//!
//! Input, between NULs: the code, the telephone number, the secrets' values, and last the text. In the text, the byte 1 stands
//! for the code, 2 for the number, 3 and following for the secrets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phonebox_contract::Event;

#[path = "../../crates/runtime/src/redact.rs"]
mod redact;

use redact::Redactor;

/// What the redactor knows of `phonebox_runtime::Secrets`.
pub(crate) struct Secrets(Vec<(String, String)>);

impl Secrets {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// A value that must not be seen, and what is to stand in its place.
struct Masked<'a> {
    value: &'a str,
    mask: String,
}

/// At every position the longest of the values that begin there is replaced.
fn masked(text: &str, values: &[Masked<'_>]) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let here = values.iter().filter(|masked| rest.starts_with(masked.value));
        match here.max_by_key(|masked| masked.value.len()) {
            Some(longest) => {
                masked.push_str(&longest.mask);
                rest = &rest[longest.value.len()..];
            }
            None => {
                masked.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    masked
}

/// What stands between the masks holds none of these values.
fn holds_none<'a>(text: &str, values: &[Masked<'_>], secret: impl Iterator<Item = &'a Masked<'a>>) {
    let mut pieces = vec![text];
    for masked in values {
        pieces = pieces.into_iter().flat_map(|piece| piece.split(masked.mask.as_str())).collect();
    }
    for masked in secret {
        for piece in &pieces {
            assert!(!piece.contains(masked.value), "{:?} is still there: {text:?}", masked.value);
        }
    }
}

fuzz_target!(|input: &str| {
    let mut fields: Vec<&str> = input.split('\0').collect();
    let Some(text) = fields.pop() else {
        return;
    };
    let mut fields = fields.into_iter();
    let (code, number) = (fields.next().unwrap_or("492016"), fields.next().unwrap_or("+14155550100"));
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

    // As the redactor lists them; of two that are the same, the first.
    let (e164, digits) = (number.as_e164(), number.as_e164().trim_start_matches('+'));
    let encoded = format!("%2B{digits}");
    let mut values: Vec<Masked<'_>> = Vec::new();
    let spellings = [e164, digits, &encoded].map(|value| (value, "[number]".to_owned()));
    let named = secrets.iter().map(|(name, value)| (value.as_str(), format!("[secret:{name}]")));
    for (value, mask) in spellings.into_iter().chain([(code, "[code]".to_owned())]).chain(named) {
        if value.len() >= 3 && values.iter().all(|known| known.value != value) {
            values.push(Masked { value, mask });
        }
    }

    let planted: String = text
        .chars()
        .map(|c| match c as usize {
            1 => code.to_owned(),
            2 => e164.to_owned(),
            index @ 3..0x20 => secrets.get(index - 3).map_or_else(String::new, |(_, value)| value.clone()),
            _ => c.to_string(),
        })
        .collect();

    let redactor = Redactor::new(&event, &Secrets(secrets.clone()));
    let redacted = redactor.redact(&planted);
    holds_none(&redacted, &values, values.iter());
    // Nothing else was changed.
    assert_eq!(redacted, masked(&planted, &values), "{planted:?}");

    // A long text goes another way.
    let before = "\u{e000}".repeat(2_000);
    if values.iter().all(|masked| !masked.value.contains('\u{e000}')) {
        let long = redactor.redact(&format!("{before}{planted}"));
        assert_eq!(long, format!("{before}{redacted}"), "{planted:?}");
    }

    // In a provider's id a code may stand, but within more letters and digits only; nothing else may.
    let id = redactor.redact_id(&planted);
    let is_code = |masked: &&Masked<'_>| masked.mask == "[code]";
    holds_none(&id, &values, values.iter().filter(|masked| !is_code(masked)));
    let others = values.iter().any(|masked| !is_code(&masked) && planted.contains(masked.value));
    if !others && let Some(code) = values.iter().find(is_code) {
        let mut wanted = String::new();
        let mut end = 0;
        for (at, _) in planted.match_indices(code.value) {
            wanted.push_str(&planted[end..at]);
            end = at + code.value.len();
            let neighbours = [planted[..at].chars().next_back(), planted[end..].chars().next()];
            let inside = neighbours.into_iter().flatten().any(char::is_alphanumeric);
            wanted.push_str(if inside { code.value } else { &code.mask });
        }
        wanted.push_str(&planted[end..]);
        assert_eq!(id, wanted, "{planted:?}");
    }
});
