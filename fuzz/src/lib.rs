//! What several targets need.

pub mod iana;

/// Stands in an input for a thousand more of the byte before it, so that small inputs reach large limits.
pub const THOUSAND: u8 = 0x10;

/// The input with every [`THOUSAND`] spelt out, at most 512 KiB of it.
pub fn expand(input: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(input.len());
    for byte in input {
        match (byte, all.last()) {
            (&THOUSAND, Some(&last)) if all.len() < 512 * 1024 => {
                all.resize(all.len() + 1_000, last);
            }
            _ => all.push(*byte),
        }
    }
    all
}

/// Holds what is said to people about something that a stranger wrote: it is short, on the lines that we began, and does not
/// change how the text around it is shown.
pub fn is_sayable(said: &str, lines: usize) {
    let hides = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!said.trim().is_empty(), "nothing is said");
    assert!(
        !said.contains(hides),
        "it holds what cannot be seen: {said:?}"
    );
    assert!(
        said.lines().count() <= lines,
        "more than {lines} lines: {said:?}"
    );
    let length = said.chars().count();
    assert!(length <= 2_000, "{length} characters: {said:?}");
}
