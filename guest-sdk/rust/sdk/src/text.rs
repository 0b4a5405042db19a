//! What providers want of a text before it may go on the wire.

/// The characters of GSM 03.38's basic alphabet (3GPP TS 23.038 §6.2.1) beyond ASCII letters and
/// digits.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";

/// Its extension table (§6.2.1.1): each of these takes two places.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Whether an SMS can carry the text in GSM 03.38, with 160 characters a part. If not, it goes as
/// UCS-2, with 70, and many gateways have to be told.
///
/// ```
/// use phonebox_sdk::text::is_gsm7;
///
/// assert!(is_gsm7("Ihr Code für 5 € lautet [123456]"));
/// assert!(!is_gsm7("Twój kod to 123456"));
/// ```
pub fn is_gsm7(text: &str) -> bool {
    text.chars().all(|character| {
        character.is_ascii_alphanumeric()
            || BASIC.contains(character)
            || EXTENSION.contains(character)
    })
}

/// The text as it may stand in XML, in an element or in a quoted attribute: in `TwiML`, say.
///
/// Line breaks and tabs become spaces. Other control characters, which XML 1.0 cannot write, are
/// left out.
///
/// ```
/// use phonebox_sdk::text::escape_xml;
///
/// assert_eq!(escape_xml("Bed & \"Breakfast\""), "Bed &amp; &quot;Breakfast&quot;");
/// ```
pub fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            character if character.is_ascii_control() => {}
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_as_many_characters_as_the_standard() {
        // 128 places, less the escape to the extension table.
        let letters_and_digits = 26 + 26 + 10;
        assert_eq!(BASIC.chars().count() + letters_and_digits, 127);
        assert_eq!(EXTENSION.chars().count(), 10);
    }

    #[test]
    fn what_the_alphabet_lacks_is_told() {
        for text in [
            "`",
            "ç",
            "á",
            "–",
            "“quoted”",
            "код",
            "代码",
            "😀",
            "\u{a0}",
        ] {
            assert!(!is_gsm7(text), "{text} is not in GSM 03.38");
        }
        for text in ["", "Ç", "à la carte", "{[~]}|^\\", "Δ_ΦΓΛΩΠΨΣΘΞ", "1\r\n2"] {
            assert!(is_gsm7(text), "{text} is in GSM 03.38");
        }
    }

    #[test]
    fn control_characters_do_not_reach_xml() {
        assert_eq!(escape_xml("a\u{0}b\r\nc\u{7f}\u{ffff}"), "ab  c");
    }
}
