//! Telephone numbers, of whatever text.

use phonebox_contract::PhoneNumber;
use proptest::prelude::*;

/// Holds of every text that is taken: it is E.164, made of the text's own digits, and stays what it is.
fn judge(text: &str) -> Result<Option<PhoneNumber>, TestCaseError> {
    let Ok(number) = text.parse::<PhoneNumber>() else {
        return Ok(None);
    };
    let e164 = number.as_e164();
    let digits = e164.strip_prefix('+').unwrap();
    prop_assert!((7..=15).contains(&digits.len()), "{text:?}: {e164}");
    prop_assert!(
        digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0'),
        "{e164}"
    );
    let typed: String = text.chars().filter(|c| c.is_numeric()).collect();
    prop_assert_eq!(digits, typed);
    prop_assert!(
        text.trim().starts_with('+') && text.matches('+').count() == 1,
        "{text:?}"
    );
    prop_assert_eq!(e164.parse::<PhoneNumber>(), Ok(number.clone()));
    let json = serde_json::to_string(&number).unwrap();
    prop_assert_eq!(&json, &format!("\"{e164}\""));
    prop_assert_eq!(
        serde_json::from_str::<PhoneNumber>(&json).unwrap(),
        number.clone()
    );
    prop_assert!(
        !format!("{number:?}").contains(&digits[1..digits.len() - 1]),
        "{number:?}"
    );
    Ok(Some(number))
}

proptest! {
    #[test]
    fn any_text_is_a_number_or_none(text in "\\PC{0,40}") {
        judge(&text)?;
    }

    #[test]
    fn what_is_near_a_number_is_one_or_none(text in "[+ ]?[+0-9]?[0-9٤０ ()./\u{a0}\u{2010}-]{0,24}[\r\nx]?") {
        judge(&text)?;
    }

    #[test]
    fn every_number_is_taken_however_it_is_spaced(
        digits in "[1-9][0-9]{6,14}",
        between in prop::collection::vec("[ ()./\u{a0}\u{2010}\u{2011}-]{0,2}", 15),
    ) {
        let spaced: String = digits.chars().zip(&between).flat_map(|(digit, space)| [space.clone(), digit.to_string()]).collect();
        let number = judge(&format!("+{spaced}"))?.unwrap();
        prop_assert_eq!(number.as_e164(), format!("+{digits}"));
    }
}
