use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use phonebox_contract::Sensitive;
use phonebox_egress::{Credential, OriginPattern, Outbound};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::cache::ActionCache;
use crate::redact::{Needle, Scrubber};
use crate::shares::Share;

/// All that a run may reach. Nothing else is there.
#[derive(Clone)]
pub struct Capabilities {
    /// The action's secrets.
    pub secrets: Arc<Secrets>,
    /// The action's cache, shared by its runs.
    pub cache: Arc<ActionCache>,
    /// The way out.
    pub outbound: Outbound,
    /// What its tenant may have of this process.
    pub share: Share,
}

/// An action's secrets, by name.
#[derive(Clone, Default)]
pub struct Secrets {
    values: BTreeMap<String, Secret>,
    /// What texts are searched for, so that no secret stands in them. Made at the first run that keeps a text.
    needles: Arc<OnceLock<Arc<[Needle]>>>,
    /// The same of sealed secrets, and what finds them all at once. Made at the first answer.
    scrubber: Arc<OnceLock<Option<Scrubber>>>,
}

/// One secret of an action's. Its owner decides how the action has it.
#[derive(Clone, Debug)]
pub struct Secret {
    value: Sensitive,
    mode: Mode,
    origins: Option<Arc<[OriginPattern]>>,
}

/// How an action has a secret.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It has what stands for the secret, and the value takes its place on the wire.
    #[default]
    Sealed,
    /// It has the value itself: to sign with, or because it stands where no secret is put.
    Revealed,
}

impl Mode {
    /// Its name, as in `sealed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Revealed => "revealed",
        }
    }
}

impl Secret {
    /// A sealed secret, which goes wherever the action's rules lead.
    pub fn new(value: impl Into<Sensitive>) -> Self {
        Self {
            value: value.into(),
            mode: Mode::Sealed,
            origins: None,
        }
    }

    /// A secret whose value the action has.
    pub fn revealed(value: impl Into<Sensitive>) -> Self {
        Self::new(value).with_mode(Mode::Revealed)
    }

    /// The same, in this mode.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The same, for these origins alone. What the action's code does with a revealed one is not bound by it.
    #[must_use]
    pub fn bound_to(self, origins: impl IntoIterator<Item = OriginPattern>) -> Self {
        Self {
            origins: Some(origins.into_iter().collect()),
            ..self
        }
    }

    /// Its value.
    pub fn value(&self) -> &Sensitive {
        &self.value
    }

    /// How the action has it.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Where it may go; none: wherever the action's rules lead.
    pub fn origins(&self) -> Option<&[OriginPattern]> {
        self.origins.as_deref()
    }

    pub(crate) fn credential(&self) -> Credential {
        Credential {
            value: self.value.clone(),
            origins: self.origins.clone(),
        }
    }
}

impl<V: Into<Sensitive>> From<V> for Secret {
    fn from(value: V) -> Self {
        Self::new(value)
    }
}

/// As its owner writes it: the value alone, which is sealed then, or `value`, `mode` and `origins`.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or an object of value, mode and origins")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Secret, E> {
                Ok(Secret::new(value))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Secret, M::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Fields {
                    value: Sensitive,
                    #[serde(default)]
                    mode: Mode,
                    origins: Option<Vec<OriginPattern>>,
                }

                let Fields {
                    value,
                    mode,
                    origins,
                } = Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Secret {
                    value,
                    mode,
                    origins: origins.map(Into::into),
                })
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl Secrets {
    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The secret of this name.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.values.get(name)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.values
            .iter()
            .map(|(name, secret)| (name.as_str(), secret))
    }

    pub(crate) fn needles(&self) -> &Arc<[Needle]> {
        self.needles.get_or_init(|| {
            let values = self.iter().map(|(name, secret)| (name, &secret.value));
            Needle::of_secrets(values)
        })
    }

    /// What takes sealed secrets out of answers; none where there are no sealed secrets.
    pub(crate) fn scrubber(&self) -> Option<&Scrubber> {
        let make = || {
            let sealed = self
                .iter()
                .filter(|(_, secret)| secret.mode == Mode::Sealed);
            Scrubber::new(sealed.map(|(name, secret)| (name, &secret.value)))
        };
        self.scrubber.get_or_init(make).as_ref()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secrets").field(&self.values).finish()
    }
}

impl<N: Into<String>, S: Into<Secret>> FromIterator<(N, S)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (N, S)>>(secrets: I) -> Self {
        let values = secrets
            .into_iter()
            .map(|(name, secret)| (name.into(), secret.into()));
        Self {
            values: values.collect(),
            needles: Arc::default(),
            scrubber: Arc::default(),
        }
    }
}
