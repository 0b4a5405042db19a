//! Where requests go.

use super::ORIGINS;

/// Where packages send to that have the addresses in themselves: SNS's is that of a region, which has to stand in the source.
pub(super) fn implied(required: &[(&str, usize)], regions: &[&str], found: &mut Vec<String>) {
    let has = |package: &str| required.iter().any(|(name, _)| *name == package);
    let mut add = |origin: String| {
        if found.len() < ORIGINS && !found.contains(&origin) {
            found.push(origin);
        }
    };
    if has("twilio") {
        for host in ["api", "verify"] {
            add(format!("https://{host}.twilio.com"));
        }
    }
    if ["@aws-sdk/client-sns", "aws-sdk", "aws-sdk/clients/sns"]
        .map(has)
        .contains(&true)
    {
        for region in regions {
            add(format!("https://sns.{region}.amazonaws.com"));
        }
    }
}

/// Whether a text has the look of one of AWS's regions, such as `eu-central-1`.
pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [place @ .., number] = parts.as_slice() else {
        return false;
    };
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    (2..=4).contains(&place.len())
        && place.first().is_some_and(|place| place.len() == 2)
        && place.iter().all(word)
        && matches!(number.as_bytes(), [b'1'..=b'9'])
}

/// Adds the https origins that a text has in it. Where the text goes on with a value, its last origin may not be whole.
pub(super) fn origins(text: &str, goes_on: bool, found: &mut Vec<String>) {
    const SCHEME: &str = "https://";
    for (at, _) in text.match_indices(SCHEME) {
        let rest = text.get(at + SCHEME.len()..).unwrap_or_default();
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        let end = rest.find(|c| !is_host(c)).unwrap_or(rest.len());
        let (host, after) = rest.split_at(end);
        let whole = match after.chars().next() {
            None => !goes_on,
            Some('/' | '?' | '#' | '\\' | ' ' | '"' | '\'' | ',' | ')') => true,
            Some(_) => false,
        };
        let origin = format!("{SCHEME}{}", host.to_ascii_lowercase());
        let one_more = whole && host.contains('.') && found.len() < ORIGINS;
        if one_more && !found.contains(&origin) {
            found.push(origin);
        }
    }
}
