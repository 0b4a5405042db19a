//! A tenant's secrets: what may be one, and how it is kept.

use std::borrow::Cow;

use jiff::Timestamp;
use phonebox_contract::{Fault, Sensitive};
use phonebox_egress::OriginPattern;
use phonebox_runtime::{Mode, Secret, Secrets};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::delivery::CannotLoad;
use crate::keys::{CannotDecrypt, Keys};
use crate::manifest::Manifest;

/// Longest value, in bytes.
const LONGEST: usize = 4096;
/// Shortest value of a sealed secret, in bytes: a shorter one would not be noticed in an answer.
pub(crate) const SHORTEST: usize = 8;
/// What ends a line.
const LINE_ENDS: [char; 2] = ['\r', '\n'];
/// Most origins of one secret.
const ORIGINS: usize = 20;

/// What is told of a secret. Its value never is.
#[derive(Clone, Debug, Serialize)]
pub struct SecretInfo {
    /// Its name.
    pub name: String,
    /// How the action has it.
    pub mode: Mode,
    /// Where it may go; none: it is bound to what the action asks for when that is deployed next.
    pub origins: Option<Vec<OriginPattern>>,
    /// When it was set.
    pub updated_at: Timestamp,
    /// Tells whether two values are the same, to whoever has no key: 16 hexadecimal digits.
    pub fingerprint: String,
}

/// Why something is no secret that can be kept. Says nothing of the value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSecret {
    /// Its name.
    #[error("this is not a name for a secret")]
    Name,
    /// Its length.
    #[error("a secret has 1 to {LONGEST} bytes")]
    Size,
    /// Its characters.
    #[error("a secret has no control characters but tabs and line ends")]
    Characters,
    /// A line end where there is one line.
    #[error("a secret of one line has no line end")]
    LineEnd,
    /// Too short to be sealed.
    #[error("a sealed secret has at least {SHORTEST} bytes")]
    Short,
    /// Too many origins, or none.
    #[error("a secret is bound to 1 to {ORIGINS} origins")]
    Origins,
}

impl InvalidSecret {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Name => "use letters, digits and _-.$, at most 128, as in TWILIO_AUTH_TOKEN",
            Self::Size => "keep what is longer with the provider, or divide it",
            Self::Characters => "leave them out; what is not text is kept in Base64",
            Self::LineEnd => "leave it out; the one at the end of a file is the usual cause",
            Self::Short => {
                "what is shorter keeps nobody out: store it as revealed, if it is an identifier"
            }
            Self::Origins => {
                "name those that it is for, or leave `origins` out: then it is bound to those that the action asks for"
            }
        }
    }

    /// Whose fault it is: the secret's owner's, who is the action's.
    pub fn fault(&self) -> Fault {
        Fault::Action
    }
}

impl Manifest {
    /// Values by name as the secrets that the action asks for, revealed where it asks for that: for who trusts its author.
    pub fn grant<N, V>(&self, values: impl IntoIterator<Item = (N, V)>) -> Secrets
    where
        N: Into<String>,
        V: Into<Sensitive>,
    {
        let grant = |(name, value): (N, V)| {
            let name = name.into();
            let reveal = self.secrets.get(&name).is_some_and(|spec| spec.reveal);
            let mode = if reveal { Mode::Revealed } else { Mode::Sealed };
            (name, Secret::new(value).with_mode(mode))
        };
        values.into_iter().map(grant).collect()
    }
}

/// Refuses what cannot be kept.
pub(crate) fn check(name: &str, secret: &Secret) -> Result<(), InvalidSecret> {
    let value = secret.value().reveal();
    if !Manifest::is_secret_name(name) {
        return Err(InvalidSecret::Name);
    }
    if !(1..=LONGEST).contains(&value.len()) {
        return Err(InvalidSecret::Size);
    }
    if value.contains(|one: char| one.is_control() && !matches!(one, '\t' | '\r' | '\n')) {
        return Err(InvalidSecret::Characters);
    }
    // A key in PEM format has several.
    let lines = value.trim_matches(LINE_ENDS);
    if lines.len() < value.len() && !lines.contains(LINE_ENDS) {
        return Err(InvalidSecret::LineEnd);
    }
    if secret.mode() == Mode::Sealed && value.len() < SHORTEST {
        return Err(InvalidSecret::Short);
    }
    let count = secret.origins().map(<[OriginPattern]>::len);
    if count.is_some_and(|count| !(1..=ORIGINS).contains(&count)) {
        return Err(InvalidSecret::Origins);
    }
    Ok(())
}

/// The secret, bound to what the action asks for if its owner did not say where it may go.
pub(crate) fn bound(secret: Secret, manifest: &Manifest) -> Secret {
    if secret.origins().is_some() || manifest.egress.is_empty() {
        return secret;
    }
    secret.bound_to(manifest.egress.iter().map(|rule| rule.origins().clone()))
}

/// Those of an action's secrets that it asks for, [bound].
pub(crate) fn asked_for(secrets: &[(String, Given)], manifest: &Manifest) -> Secrets {
    let asked_for = secrets
        .iter()
        .filter(|(name, _)| manifest.takes_secret(name));
    asked_for
        .map(|(name, given)| (name.clone(), bound(given.secret.clone(), manifest)))
        .collect()
}

/// A secret and when it was given.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) secret: Secret,
    pub(crate) at: Timestamp,
}

impl Given {
    pub(crate) fn now(secret: Secret) -> Self {
        Self {
            secret,
            at: Timestamp::now(),
        }
    }

    /// The same, [bound].
    pub(crate) fn bound(self, manifest: &Manifest) -> Self {
        Self {
            secret: bound(self.secret, manifest),
            ..self
        }
    }
}

/// What has a secret: what runs under an action's name, a draft, a version. What is encrypted for one cannot be read for another.
#[derive(Clone)]
pub(crate) struct Owner<'a> {
    tenant: &'a str,
    kind: &'static str,
    whose: Cow<'a, str>,
}

/// A secret as it is encrypted: mode and origins with it, so that nobody who can write to the store changes them.
#[derive(Deserialize, Serialize)]
struct Kept {
    value: Sensitive,
    mode: Mode,
    origins: Option<Vec<OriginPattern>>,
    updated_at: Timestamp,
}

impl<'a> Owner<'a> {
    /// What runs under this name.
    pub(crate) fn running(tenant: &'a str, action: &'a str) -> Self {
        Self {
            tenant,
            kind: "secret",
            whose: action.into(),
        }
    }

    /// An action's draft, by the action's id, or a version.
    pub(crate) fn holding(tenant: &'a str, id: [u8; 16]) -> Self {
        Self {
            tenant,
            kind: "held-secret",
            whose: Uuid::from_bytes(id).to_string().into(),
        }
    }
}

impl Owner<'_> {
    pub(crate) fn seal(&self, keys: &Keys, name: &str, given: &Given) -> Vec<u8> {
        let Given { secret, at } = given;
        let kept = Kept {
            value: secret.value().clone(),
            mode: secret.mode(),
            origins: secret.origins().map(<[OriginPattern]>::to_vec),
            updated_at: *at,
        };
        let text = serde_json::to_vec(&kept).expect("every key of a secret is a string");
        keys.seal_secret(&self.purpose(name), &Zeroizing::new(text))
    }

    pub(crate) fn seal_all(
        &self,
        keys: &Keys,
        secrets: &[(String, Given)],
    ) -> Vec<(String, Vec<u8>)> {
        let seal = |(name, given): &(String, Given)| (name.clone(), self.seal(keys, name, given));
        secrets.iter().map(seal).collect()
    }

    pub(crate) fn open(&self, keys: &Keys, name: &str, sealed: &[u8]) -> Result<Given, CannotLoad> {
        let opened = keys
            .open_secret(&self.purpose(name), sealed)
            .and_then(|text| serde_json::from_slice(&text).map_err(|_| CannotDecrypt));
        let kept: Kept = opened.map_err(|source| {
            // Somebody may have tampered with it.
            tracing::error!(
                target: "phonebox::secrets",
                tenant = self.tenant,
                action = &*self.whose,
                secret = name,
                "a secret cannot be decrypted: no key of the ring fits, or it was changed",
            );
            CannotLoad::Secret {
                name: name.to_owned(),
                source,
            }
        })?;
        let secret = Secret::new(kept.value).with_mode(kept.mode);
        Ok(Given {
            secret: match kept.origins {
                Some(origins) => secret.bound_to(origins),
                None => secret,
            },
            at: kept.updated_at,
        })
    }

    pub(crate) fn open_all(
        &self,
        keys: &Keys,
        sealed: &[(String, Vec<u8>)],
    ) -> Result<Vec<(String, Given)>, CannotLoad> {
        let open =
            |(name, sealed): &(String, Vec<u8>)| Ok((name.clone(), self.open(keys, name, sealed)?));
        sealed.iter().map(open).collect()
    }

    pub(crate) fn tell(&self, keys: &Keys, name: String, given: &Given) -> SecretInfo {
        let Given { secret, at } = given;
        let purpose = ["secret-fingerprint", self.tenant];
        let hash = keys.fingerprint(&purpose, secret.value().reveal().as_bytes());
        let fingerprint = hash.iter().take(8).map(|byte| format!("{byte:02x}"));
        SecretInfo {
            name,
            mode: secret.mode(),
            origins: secret.origins().map(<[OriginPattern]>::to_vec),
            updated_at: *at,
            fingerprint: fingerprint.collect(),
        }
    }

    pub(crate) fn purpose<'a>(&'a self, name: &'a str) -> [&'a str; 4] {
        [self.kind, self.tenant, &self.whose, name]
    }
}
