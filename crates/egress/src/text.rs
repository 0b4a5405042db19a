//! Text that somebody else wrote, on its way to somebody's eyes.

use std::fmt;

/// How much of it is shown, in characters.
const SHOWN: usize = 128;

/// The beginning of a text, at most 128 characters. Control characters, and those that turn the direction of writing, could
/// make a reader see something else than stands there; each becomes U+FFFD.
pub(crate) fn shown(text: impl Into<String>) -> String {
    let text = text.into();
    if text.len() <= SHOWN && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text;
    }
    text.chars()
        .take(SHOWN)
        .map(|c| match c {
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

/// A digest, shown in hexadecimal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Hex(pub(crate) [u8; 32]);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Bytes in hexadecimal, in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_is_replaced_and_what_is_long_is_cut() {
        assert_eq!(
            shown("a\r\n\u{1b}[0m\u{202e}b\u{2066}\u{85}é"),
            "a\u{fffd}\u{fffd}\u{fffd}[0m\u{fffd}b\u{fffd}\u{fffd}é"
        );
        assert_eq!(shown("é".repeat(200)), "é".repeat(128));
    }
}
