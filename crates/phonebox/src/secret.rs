//! A tenant's secrets: what may be one, and how it is kept.

use jiff::Timestamp;
use phonebox_contract::{Fault, Sensitive};
use phonebox_egress::OriginPattern;
use phonebox_runtime::{Mode, Secret, Secrets};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::delivery::CannotLoad;
use crate::keys::{CannotDecrypt, Keys};
use crate::manifest::Manifest;

/// Longest value, in bytes.
const LONGEST: usize = 4096;
/// Shortest value of a sealed secret, in bytes: a shorter one would not be noticed in an answer.
const SHORTEST: usize = 8;
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
    #[error("a secret has no line ends and no NUL")]
    Characters,
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
            Self::Name => {
                "use capital letters, digits and underscores, at most 128, as in TWILIO_AUTH_TOKEN"
            }
            Self::Size => "keep what is longer with the provider, or divide it",
            Self::Characters => {
                "leave them out; a line end at the end of a file is the usual cause"
            }
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
    if value.contains(['\r', '\n', '\0']) {
        return Err(InvalidSecret::Characters);
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

/// Whose secret it is. What is encrypted for one cannot be read for another.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) action: &'a str,
}

/// A secret as it is encrypted: mode and origins with it, so that nobody who can write to the store changes them.
#[derive(Deserialize, Serialize)]
struct Kept {
    value: Sensitive,
    mode: Mode,
    origins: Option<Vec<OriginPattern>>,
    updated_at: Timestamp,
}

impl Owner<'_> {
    pub(crate) fn seal(self, keys: &Keys, name: &str, secret: &Secret) -> Vec<u8> {
        let kept = Kept {
            value: secret.value().clone(),
            mode: secret.mode(),
            origins: secret.origins().map(<[OriginPattern]>::to_vec),
            updated_at: Timestamp::now(),
        };
        let text = serde_json::to_vec(&kept).expect("every key of a secret is a string");
        keys.seal_secret(&self.purpose(name), &Zeroizing::new(text))
    }

    pub(crate) fn open(self, keys: &Keys, name: &str, sealed: &[u8]) -> Result<Secret, CannotLoad> {
        let kept = self.read(keys, name, sealed)?;
        let secret = Secret::new(kept.value).with_mode(kept.mode);
        Ok(match kept.origins {
            Some(origins) => secret.bound_to(origins),
            None => secret,
        })
    }

    pub(crate) fn tell(
        self,
        keys: &Keys,
        name: String,
        sealed: &[u8],
    ) -> Result<SecretInfo, CannotLoad> {
        let kept = self.read(keys, &name, sealed)?;
        let purpose = ["secret-fingerprint", self.tenant];
        let hash = keys.fingerprint(&purpose, kept.value.reveal().as_bytes());
        let fingerprint = hash.iter().take(8).map(|byte| format!("{byte:02x}"));
        Ok(SecretInfo {
            name,
            mode: kept.mode,
            origins: kept.origins,
            updated_at: kept.updated_at,
            fingerprint: fingerprint.collect(),
        })
    }

    fn read(self, keys: &Keys, name: &str, sealed: &[u8]) -> Result<Kept, CannotLoad> {
        let opened = keys
            .open_secret(&self.purpose(name), sealed)
            .and_then(|text| serde_json::from_slice(&text).map_err(|_| CannotDecrypt));
        opened.map_err(|source| {
            // Somebody may have tampered with it.
            tracing::error!(
                target: "phonebox::secrets",
                tenant = self.tenant,
                action = self.action,
                secret = name,
                "a secret cannot be decrypted: no key of the ring fits, or it was changed",
            );
            CannotLoad::Secret {
                name: name.to_owned(),
                source,
            }
        })
    }

    fn purpose<'a>(&'a self, name: &'a str) -> [&'a str; 4] {
        ["secret", self.tenant, self.action, name]
    }
}
