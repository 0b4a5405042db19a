//! What a tenant says of itself, and which countries its messages go to.

use std::collections::BTreeSet;

use phonebox_contract::Fault;
use phonebox_egress::Origin;
use phonebox_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::delivery::{Country, Refused};

/// Longest text, in characters: as much of each as an event has.
const LONGEST: usize = 1024;
/// Longest language, in characters.
const LOCALE: usize = 15;
/// All settings.
const NAMES: [&str; 6] = [
    "friendly_name",
    "picture_url",
    "support_email",
    "support_url",
    "enabled_locales",
    "country_codes",
];
/// Most languages.
const LOCALES: usize = 100;

/// A tenant's settings, as Auth0's Management API has those of them that phonebox knows.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// What people know the tenant by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub friendly_name: Option<String>,
    /// Where its logo is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture_url: Option<String>,
    /// Where people get help by mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_email: Option<String>,
    /// Where people get help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_url: Option<String>,
    /// Its languages, the one for whoever asks for none of them first. None: English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled_locales: Option<Vec<String>>,
    /// Where its messages go. None: wherever the operator lets them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_codes: Option<CountryCodes>,
}

/// The countries that a tenant's messages go to, within those that the operator lets them go to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CountryCodes {
    /// The countries.
    pub list: BTreeSet<Country>,
    /// Whether they go to these alone, or to all but these.
    pub mode: CountryMode,
}

/// What a list of countries says.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CountryMode {
    /// Messages go to numbers of these countries alone.
    Allow,
    /// They go to none of these.
    Deny,
}

/// Why settings are not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// There is no setting of this name.
    #[error("there is no setting {}; there are {}", .0.escape_debug(), NAMES.join(", "))]
    Unknown(String),
    /// They would not be what they should be. Says what is wrong, and repeats no value.
    #[error("{0}")]
    Invalid(String),
    /// They could not be kept or read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SettingsError {
    /// Whose fault it is: the platform's.
    pub fn fault(&self) -> Fault {
        Fault::Platform
    }
}

impl Settings {
    /// With these put in place of what was there, each by its name; null takes one away.
    pub fn with(&self, changes: &Map<String, Value>) -> Result<Self, SettingsError> {
        let mut all = match serde_json::to_value(self) {
            Ok(Value::Object(all)) => all,
            _ => Map::new(),
        };
        for (name, value) in changes {
            if !NAMES.contains(&&**name) {
                return Err(SettingsError::Unknown(name.clone()));
            }
            check_countries(value).map_err(SettingsError::Invalid)?;
            // By itself, so that it is known which is wrong: what serde says of it may repeat it.
            let alone: Value = Map::from_iter([(name.clone(), value.clone())]).into();
            if serde_json::from_value::<Self>(alone).is_err() {
                let of = match &**name {
                    "country_codes" => ": it has a list of countries, and a mode: allow or deny",
                    "enabled_locales" => ": it is a list of languages",
                    _ => ": it is a text",
                };
                let fault = format!("{name} is not what it should be{of}");
                return Err(SettingsError::Invalid(fault));
            }
            all.insert(name.clone(), value.clone());
        }
        let settings: Self = serde_json::from_value(all.into())
            .map_err(|_| SettingsError::Invalid("they cannot be read".to_owned()))?;
        settings.check().map_err(SettingsError::Invalid)?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let texts = [
            ("friendly_name", &self.friendly_name),
            ("picture_url", &self.picture_url),
            ("support_email", &self.support_email),
            ("support_url", &self.support_url),
        ];
        for (name, text) in texts {
            let Some(text) = text else { continue };
            if text.trim().is_empty() || text.chars().count() > LONGEST {
                return Err(format!("{name} has 1 to {LONGEST} characters"));
            }
            if text.chars().any(char::is_control) {
                return Err(format!("{name} has no control characters"));
            }
            let is_right = match name {
                "support_email" => is_email(text),
                "picture_url" | "support_url" => is_url(text),
                _ => true,
            };
            if !is_right {
                return Err(format!("{name} is not what its name says"));
            }
        }
        if let Some(locales) = &self.enabled_locales {
            if !(1..=LOCALES).contains(&locales.len()) {
                return Err(format!("enabled_locales has 1 to {LOCALES} languages"));
            }
            if !locales.iter().all(|locale| is_locale(locale)) {
                return Err("a language of enabled_locales is written as in en or pt-BR".to_owned());
            }
        }
        if self
            .country_codes
            .as_ref()
            .is_some_and(|countries| countries.list.is_empty())
        {
            return Err("country_codes.list names no country".to_owned());
        }
        Ok(())
    }

    /// Whether a number is one that messages of the tenant's go to.
    pub(crate) fn admit(&self, number: &str) -> Result<(), Refused> {
        let Some(CountryCodes { list, mode }) = &self.country_codes else {
            return Ok(());
        };
        let is_listed = Country::of(number).is_some_and(|country| list.contains(&country));
        if is_listed == (*mode == CountryMode::Allow) {
            Ok(())
        } else {
            Err(Refused::NotOfTenant)
        }
    }
}

/// Says what is wrong with a country of a list, if this has one.
fn check_countries(value: &Value) -> Result<(), String> {
    let list = value.get("list").and_then(Value::as_array);
    for country in list.into_iter().flatten().filter_map(Value::as_str) {
        country
            .parse::<Country>()
            .map_err(|error| format!("country_codes.list: {error}"))?;
    }
    Ok(())
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, domain)| {
        !name.is_empty()
            && domain.contains('.')
            && !domain.contains('@')
            && !text.contains(char::is_whitespace)
    })
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let scheme = text.split("//").next().unwrap_or_default();
    host.is_some_and(|host| Origin::parse(&format!("{scheme}//{host}")).is_ok())
        && !text.contains(char::is_whitespace)
}

fn is_locale(text: &str) -> bool {
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    text.len() <= LOCALE
        && (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changed(settings: &Settings, changes: &Value) -> Result<Settings, String> {
        settings
            .with(changes.as_object().unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_changed_takes_the_place_of_what_was_there() {
        let first = json!({ "friendly_name": "Acme", "support_email": "help@acme.example" });
        let first = changed(&Settings::default(), &first).unwrap();
        let second = json!({ "friendly_name": null, "enabled_locales": ["de", "pt-BR"] });
        let second = changed(&first, &second).unwrap();
        let expected = Settings {
            support_email: Some("help@acme.example".to_owned()),
            enabled_locales: Some(vec!["de".to_owned(), "pt-BR".to_owned()]),
            ..Settings::default()
        };
        assert_eq!(second, expected);
        assert_eq!(changed(&second, &json!({})).unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_is_named_and_not_repeated() {
        for (changes, says) in [
            (
                json!({ "sandbox_version": "22" }),
                "no setting sandbox_version",
            ),
            (
                json!({ "sandbox_version": null }),
                "no setting sandbox_version",
            ),
            (
                json!({ "friendly_name": 7 }),
                "friendly_name is not what it should be",
            ),
            (json!({ "friendly_name": "" }), "friendly_name has 1 to"),
            (
                json!({ "friendly_name": "x".repeat(1025) }),
                "friendly_name has 1 to",
            ),
            (
                json!({ "friendly_name": "a\u{1b}[2J" }),
                "control characters",
            ),
            (json!({ "support_email": "492016" }), "support_email is not"),
            (
                json!({ "support_email": "a b@c.example" }),
                "support_email is not",
            ),
            (
                json!({ "support_url": "javascript:492016" }),
                "support_url is not",
            ),
            (json!({ "picture_url": "https://" }), "picture_url is not"),
            (json!({ "enabled_locales": [] }), "enabled_locales has 1 to"),
            (json!({ "enabled_locales": ["492016"] }), "a language of"),
            (
                json!({ "country_codes": { "list": [], "mode": "allow" } }),
                "no country",
            ),
            (
                json!({ "country_codes": { "list": ["CH"], "mode": "492016" } }),
                "country_codes is not what it should be",
            ),
            (
                json!({ "country_codes": { "list": ["CH"] } }),
                "country_codes is not what it should be",
            ),
            (
                json!({ "country_codes": { "list": ["XX"], "mode": "deny" } }),
                "list its numbers",
            ),
            (
                json!({ "country_codes": { "list": ["ch"], "mode": "deny" } }),
                "two capital",
            ),
            (
                json!({ "country_codes": { "list": ["GG"], "mode": "deny" } }),
                "list its numbers",
            ),
        ] {
            let error = changed(&Settings::default(), &changes).unwrap_err();
            assert!(error.contains(says), "{changes}: {error}");
            assert!(!error.contains("492016"), "{changes}: {error}");
        }
        for url in [
            "https://acme.example/logo.png?x=1#y",
            "http://acme.example:8080",
        ] {
            changed(&Settings::default(), &json!({ "picture_url": url })).unwrap();
        }
    }

    #[test]
    fn q08_messages_go_where_the_tenant_has_them_go() {
        let settings = |list: &[&str], mode| {
            let countries = json!({ "country_codes": { "list": list, "mode": mode } });
            changed(&Settings::default(), &countries).unwrap()
        };
        let allow = settings(&["CH", "US"], "allow");
        let deny = settings(&["CH", "JM", "KZ"], "deny");
        for (number, allowed, not_denied) in [
            ("+41791234567", true, false),
            ("+12065550100", true, true),
            ("+18765550100", false, false),
            ("+14165550100", false, true),
            ("+77011234567", false, false),
            ("+79161234567", false, true),
            // No country's.
            ("+80012345678", false, true),
        ] {
            assert_eq!(allow.admit(number).is_ok(), allowed, "{number}");
            assert_eq!(deny.admit(number).is_ok(), not_denied, "{number}");
            assert_eq!(Settings::default().admit(number), Ok(()));
        }
    }
}
