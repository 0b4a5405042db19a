use std::collections::BTreeMap;
use std::time::Duration;

use phonebox_componentize::javascript;
use phonebox_egress::{Auth, InvalidRule, Policy, Rule};
use phonebox_runtime::Limits;
use serde::{Deserialize, Serialize};

/// The trigger that actions are for.
pub(crate) const TRIGGER: &str = "custom-phone-provider";
/// Secrets of one action, as in Auth0.
const SECRETS: usize = 30;
/// The longest name, in characters.
const NAME: usize = 128;
/// What a rule's auth may say, whatever its type.
const AUTH_KEYS: [&str; 17] = [
    "access_key_id",
    "algorithm",
    "encoding",
    "headers",
    "key",
    "key_encoding",
    "message",
    "name",
    "password",
    "region",
    "secret_access_key",
    "service",
    "session_token",
    "token",
    "type",
    "user",
    "value",
];
/// Bytes of an author's text that an error shows.
const SHOWN: usize = 1_000;

/// An author's `action.toml`: what the action is called, what it wants to reach, which secrets it reads.
///
/// It is a wish. What is granted is that of it which the operator's ceiling allows.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Manifest {
    /// The action's name.
    pub name: String,
    /// What it does, in a sentence.
    pub description: Option<String>,
    /// What it wants to reach.
    pub egress: Vec<Rule>,
    /// The secrets that it reads, by name.
    pub secrets: BTreeMap<String, SecretSpec>,
    /// Whether it has whatever secrets are set for it, instead of those that are named here.
    #[serde(skip)]
    pub any_secret: bool,
    /// The modules that it has, by name. They have whatever secrets are set for them.
    #[serde(skip)]
    pub modules: Vec<String>,
    /// The limits that it wants, where they differ from the defaults.
    #[serde(skip)]
    pub limits: Limits,
}

/// What a manifest says of one secret.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SecretSpec {
    /// What it is, and where to find it.
    pub description: Option<String>,
    /// A value of the right form that is worth nothing: `phonebox dev` and `phonebox test` use it.
    pub example: Option<String>,
    /// Whether the action works without it.
    pub optional: bool,
    /// Whether the action needs the value itself: to sign with, or for a place where no sealed secret is put, such as a text.
    /// It is a wish; the secret's owner grants it.
    pub reveal: bool,
}

/// Why a text is not a manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidManifest {
    /// It is not TOML, or a value has the wrong type. The message has the line.
    #[error("action.toml cannot be read: {0}")]
    Syntax(String),
    /// A key that means nothing.
    #[error("action.toml has the unknown key `{key}`")]
    UnknownKey {
        /// Where, for example `egress.orgin`.
        key: String,
        /// The known key that is most like it.
        nearest: Option<&'static str>,
    },
    /// A key that is needed.
    #[error("action.toml has no `{0}`")]
    Missing(&'static str),
    /// It is for a trigger that does not exist here.
    #[error("action.toml is for the trigger `{0}`, and there is only `{TRIGGER}`")]
    Trigger(String),
    /// The action's name has characters that names may not have.
    #[error(
        "the action's name `{0}` is not 1 to {NAME} letters, digits, dots, dashes and underscores"
    )]
    Name(String),
    /// A rule cannot be granted.
    #[error("egress rule {number} of action.toml cannot be granted: {source}")]
    Rule {
        /// Which, from 1.
        number: usize,
        /// Why.
        source: InvalidRule,
    },
    /// The rules cannot be granted together.
    #[error("the egress rules of action.toml cannot be granted: {0}")]
    Rules(InvalidRule),
    /// A secret's name is not as it must be.
    #[error("`{0}` is not a name for a secret")]
    SecretName(String),
    /// A rule's auth names a secret that is none of the action's.
    #[error("an egress rule's auth signs with the secret {0}, which action.toml does not have")]
    NoSecret(String),
    /// Too many secrets.
    #[error("action.toml names {0} secrets, and the limit is {SECRETS}")]
    TooManySecrets(usize),
    /// A limit is out of range.
    #[error("`limits.{key}` of action.toml is {value}, and may be {least} to {most}")]
    Limit {
        /// Which.
        key: &'static str,
        /// What it is.
        value: u64,
        /// The least that it may be.
        least: u64,
        /// The most that it may be.
        most: u64,
    },
}

impl InvalidManifest {
    /// What to write instead.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean `{nearest}`?")),
            Self::Missing("name") => Some("add a line like: name = \"twilio\"".to_owned()),
            Self::Missing(_) => Some(format!("add the line: trigger = \"{TRIGGER}\"")),
            Self::Trigger(_) => Some(format!("write trigger = \"{TRIGGER}\"")),
            Self::Rule { source, .. } | Self::Rules(source) => Some(source.hint().to_owned()),
            Self::Limit { key, .. } => Some(format!(
                "write a number in between, or leave `{key}` out: the default is right for a delivery"
            )),
            Self::Name(_) => Some("write a name like acme-sms".to_owned()),
            Self::SecretName(_) => Some(
                "use letters, digits and _-.$, at most 128, as in TWILIO_AUTH_TOKEN".to_owned(),
            ),
            Self::NoSecret(name) => Some(format!("add [secrets.{name}] to action.toml")),
            Self::Syntax(_) => Some("correct the line that is pointed at".to_owned()),
            Self::TooManySecrets(_) => {
                Some("put what belongs together into one secret, as JSON for example".to_owned())
            }
            Self::UnknownKey { nearest: None, .. } => Some(
                "leave it out; there are name, trigger, description, [[egress]], [secrets.NAME] and [limits]"
                    .to_owned(),
            ),
        }
    }
}

/// What stands in the file, before it is understood.
#[derive(Deserialize)]
struct Written {
    name: Option<String>,
    trigger: Option<String>,
    description: Option<String>,
    #[serde(default)]
    egress: Vec<WrittenRule>,
    #[serde(default)]
    secrets: BTreeMap<String, SecretSpec>,
    #[serde(default)]
    limits: WrittenLimits,
}

/// An egress rule, as it is written: in `action.toml`, and in the Management API.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenRule {
    /// See [`Rule::new`].
    pub origin: String,
    /// None: `POST`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// None: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// How the host signs what it allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
}

/// The limits that an action wants, as they are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenLimits {
    /// How long a run may take, in milliseconds: 100 to 20,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// How much memory it may have, in MiB: 1 to 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
}

/// A manifest for what came without one.
#[derive(Serialize)]
struct Made<'a, R> {
    name: &'a str,
    trigger: &'a str,
    limits: WrittenLimits,
    egress: &'a [R],
    secrets: BTreeMap<&'a str, MadeSecret>,
}

#[derive(Clone, Copy, Serialize)]
struct MadeSecret {
    optional: bool,
}

impl Manifest {
    /// Whether a secret may be called this: 1 to 128 letters, digits and `_-.$`. A rule's auth can name those of capital
    /// letters, digits and underscores alone.
    pub fn is_secret_name(name: &str) -> bool {
        (1..=128).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.$".contains(&byte))
    }

    /// Reads a manifest.
    pub fn parse(text: &str) -> Result<Self, InvalidManifest> {
        let syntax =
            |error: toml::de::Error| InvalidManifest::Syntax(shown_lines(&error.to_string()));
        let table: toml::Table = text.parse().map_err(syntax)?;
        known_keys(&table)?;
        let written: Written = toml::from_str(text).map_err(syntax)?;

        let trigger = written.trigger.ok_or(InvalidManifest::Missing("trigger"))?;
        if trigger != TRIGGER {
            return Err(InvalidManifest::Trigger(shown(&trigger)));
        }
        let name = written.name.ok_or(InvalidManifest::Missing("name"))?;
        if !is_name(&name) {
            return Err(InvalidManifest::Name(shown(&name)));
        }
        let mut egress = Vec::with_capacity(written.egress.len());
        for (index, rule) in written.egress.into_iter().enumerate() {
            egress.push(rule.read().map_err(|source| InvalidManifest::Rule {
                number: index + 1,
                source,
            })?);
        }
        Policy::new(egress.clone()).map_err(InvalidManifest::Rules)?;
        if written.secrets.len() > SECRETS {
            return Err(InvalidManifest::TooManySecrets(written.secrets.len()));
        }
        if let Some(name) = written
            .secrets
            .keys()
            .find(|name| !Self::is_secret_name(name))
        {
            return Err(InvalidManifest::SecretName(shown(name)));
        }
        let signing = egress.iter().filter_map(Rule::auth);
        if let Some(name) = signing
            .flat_map(Auth::secrets)
            .find(|name| !written.secrets.contains_key(*name))
        {
            return Err(InvalidManifest::NoSecret(shown(name)));
        }
        Ok(Self {
            name,
            description: written.description,
            egress,
            secrets: written.secrets,
            any_secret: false,
            modules: Vec::new(),
            limits: written.limits.read()?,
        })
    }

    /// Whether the action has a secret of this name, if it is set.
    pub fn takes_secret(&self, name: &str) -> bool {
        match javascript::of_module(name) {
            Some((module, _)) => self.modules.iter().any(|known| known == module),
            None => self.any_secret || self.secrets.contains_key(name),
        }
    }

    /// The text of a manifest that asks for these, each rule as [`WrittenRule`] and [`Rule`] are serialized.
    pub(crate) fn write<'a, R: Serialize>(
        name: &str,
        egress: &[R],
        secrets: impl IntoIterator<Item = &'a str>,
        limits: WrittenLimits,
    ) -> String {
        let optional = MadeSecret { optional: true };
        let secrets = secrets.into_iter().map(|name| (name, optional));
        let made = Made {
            name,
            trigger: TRIGGER,
            limits,
            egress,
            secrets: secrets.collect(),
        };
        toml::to_string(&made).expect("texts, lists and numbers")
    }

    /// What the action wants to reach, as a policy.
    pub fn policy(&self) -> Policy {
        Policy::new(self.egress.clone()).expect("checked when it was read")
    }
}

impl WrittenRule {
    /// The rule that is meant.
    pub(crate) fn read(self) -> Result<Rule, InvalidRule> {
        let rule = Rule::new(&self.origin, &self.methods, &self.paths)?;
        match self.auth {
            Some(auth) => rule.with_auth(auth),
            None => Ok(rule),
        }
    }
}

impl WrittenLimits {
    pub(crate) fn read(self) -> Result<Limits, InvalidManifest> {
        let mut limits = Limits::default();
        if let Some(value) = self.deadline_ms {
            let most = u64::try_from(Limits::LONGEST_DEADLINE.as_millis()).expect("20,000");
            limits.deadline = Duration::from_millis(within("deadline_ms", value, 100, most)?);
        }
        if let Some(value) = self.memory_mib {
            let value = within("memory_mib", value, 1, 64)?;
            limits.memory = usize::try_from(value << 20).expect("at most 64 MiB");
        }
        Ok(limits)
    }
}

pub(crate) fn within(
    key: &'static str,
    value: u64,
    least: u64,
    most: u64,
) -> Result<u64, InvalidManifest> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(InvalidManifest::Limit {
        key,
        value,
        least,
        most,
    })
}

/// Refuses what serde would pass over, with the known key that is most like it.
fn known_keys(table: &toml::Table) -> Result<(), InvalidManifest> {
    only(
        table,
        "",
        &[
            "description",
            "egress",
            "limits",
            "name",
            "secrets",
            "trigger",
        ],
    )?;
    let rules = table
        .get("egress")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten();
    for rule in rules.filter_map(toml::Value::as_table) {
        only(rule, "egress.", &["auth", "methods", "origin", "paths"])?;
        if let Some(auth) = rule.get("auth").and_then(toml::Value::as_table) {
            only(auth, "egress.auth.", &AUTH_KEYS)?;
        }
    }
    let secrets = table
        .get("secrets")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten();
    for (name, secret) in secrets.filter_map(|(name, secret)| Some((name, secret.as_table()?))) {
        only(
            secret,
            &format!("secrets.{name}."),
            &["description", "example", "optional", "reveal"],
        )?;
    }
    let limits = table.get("limits").and_then(toml::Value::as_table);
    limits.map_or(Ok(()), |limits| {
        only(limits, "limits.", &["deadline_ms", "memory_mib"])
    })
}

fn only(table: &toml::Table, prefix: &str, known: &[&'static str]) -> Result<(), InvalidManifest> {
    let Some(unknown) = table.keys().find(|key| !known.contains(&key.as_str())) else {
        return Ok(());
    };
    let alike = |name: &&&str| strsim::jaro_winkler(unknown, name);
    let nearest = known
        .iter()
        .max_by(|one, other| alike(one).total_cmp(&alike(other)));
    let nearest = nearest.filter(|name| alike(name) > 0.7);
    Err(InvalidManifest::UnknownKey {
        key: shown(&format!("{prefix}{unknown}")),
        nearest: nearest.copied(),
    })
}

/// What a stranger wrote, as it may be shown: what would change how the text around it looks is escaped, and what is long is
/// cut.
fn shown(text: &str) -> String {
    shown_lines(text).replace('\n', "\\u{a}")
}

/// [`shown`], where there are lines.
fn shown_lines(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if shown.len() >= SHOWN {
            shown.push('…');
            break;
        }
        if hides(c) && c != '\n' {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a character changes how the text around it looks, or cannot be seen.
pub(crate) fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_name(name: &str) -> bool {
    (1..=NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "twilio"
        trigger = "custom-phone-provider"
        description = "Sends."
        [[egress]]
        origin = "https://api.twilio.com"
        paths = ["/2010-04-01/Accounts/*/Messages.json"]
        [secrets.TOKEN]
        example = "x"
        [limits]
        deadline_ms = 5000
    "#;

    #[test]
    fn what_a_manifest_says_does_not_reach_a_terminal_as_it_is() {
        let name = GOOD.replace("twilio\"", "\\u001b[2Jtwilio\"");
        let key = GOOD.replace("description", "\"de\\u202escription\"");
        let torn = GOOD.replace("\"Sends.\"", "\u{3}\"Sends.\"");
        let long = GOOD.replace("\"Sends.\"", &format!("\"{}", "x".repeat(5_000)));
        for text in [name, key, torn, long] {
            let said = Manifest::parse(&text).unwrap_err().to_string();
            assert!(!said.contains(['\u{1b}', '\u{202e}', '\u{3}']), "{said:?}");
            assert!(said.len() < 1_500, "{said}");
        }
    }

    #[test]
    fn a_manifest_is_read() {
        let manifest = Manifest::parse(GOOD).unwrap();
        assert_eq!(
            (manifest.name.as_str(), manifest.egress.len()),
            ("twilio", 1)
        );
        assert_eq!(manifest.secrets["TOKEN"].example.as_deref(), Some("x"));
        assert_eq!(manifest.limits.deadline, Duration::from_secs(5));
    }

    #[test]
    fn every_fault_is_named_with_its_mend() {
        let with = |from: &str, to: &str| GOOD.replace(from, to);
        for (text, error, hint) in [
            (
                with("name = \"twilio\"", ""),
                "action.toml has no `name`",
                "add a line like",
            ),
            (
                with("[[egress]]", "[[egres]]"),
                "the unknown key `egres`",
                "did you mean `egress`?",
            ),
            (
                with("paths", "path"),
                "the unknown key `egress.path`",
                "did you mean `paths`?",
            ),
            (
                with("example", "exampel"),
                "`secrets.TOKEN.exampel`",
                "did you mean `example`?",
            ),
            (
                with("deadline_ms", "deadline"),
                "`limits.deadline`",
                "did you mean `deadline_ms`?",
            ),
            (
                with("custom-phone-provider", "post-login"),
                "the trigger `post-login`",
                "write trigger",
            ),
            (
                with("TOKEN", "\"to ken\""),
                "`to ken` is not a name for a secret",
                "use letters, digits",
            ),
            (
                with("https://api", "ftp://api"),
                "egress rule 1 of action.toml cannot",
                "write it as `https://host`",
            ),
            (
                with("5000", "60000"),
                "is 60000, and may be 100 to 20000",
                "write a number in between",
            ),
            (
                with("\"twilio\"", "\"tw ilio\""),
                "`tw ilio` is not 1 to 128 letters",
                "write a name like",
            ),
            (
                with("\"custom-phone-provider\"", "\"\"\"custom\nphone\"\"\""),
                "the trigger `custom\\u{a}phone`",
                "write trigger =",
            ),
            (
                with("description", "zzz"),
                "the unknown key `zzz`",
                "leave it out; there are name",
            ),
            (with("= \"x\"", "= 1"), "line 9", "correct the line"),
            (with("]]", ""), "line 5", "correct the line"),
        ] {
            let invalid = Manifest::parse(&text).unwrap_err();
            let (message, mend) = (invalid.to_string(), invalid.hint().unwrap_or_default());
            assert!(message.contains(error), "{error}: {message}");
            assert!(mend.starts_with(hint), "{error}: {mend}");
        }
    }
}
