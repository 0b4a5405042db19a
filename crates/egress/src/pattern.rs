use std::fmt;
use std::sync::Arc;

use psl::Psl;
use serde::{Deserialize, Serialize, Serializer};

use crate::origin::{InvalidOrigin, Origin};
use crate::text;

/// One origin, or all that differ in their first label alone: `https://api.example.com`, `https://*.example.com`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct OriginPattern {
    origin: Origin,
    /// Then `origin.host` is what follows the first label.
    any_label: bool,
    written: Arc<str>,
}

impl OriginPattern {
    /// Reads a pattern: an origin as [`Origin::parse`] takes it, whose first label may be `*`, which stands for exactly one
    /// label. What follows has at least two labels and is no public suffix, under which anybody may register: not
    /// `https://*.co.uk`, not `https://*.github.io`.
    pub fn parse(written: &str) -> Result<Self, InvalidOrigin> {
        let Some((scheme, rest)) = written.split_once("://*.") else {
            if written.contains('*') {
                return Err(InvalidOrigin {
                    written: text::shown(written),
                    problem: "`*` stands where no wildcard may",
                    mend: "use `*` as the whole first label only, as in `https://*.example.com`"
                        .to_owned(),
                });
            }
            let origin = Origin::parse(written)?;
            return Ok(Self {
                written: origin.to_string().into(),
                any_label: false,
                origin,
            });
        };
        let covers_too_much = |mend: &str| InvalidOrigin {
            written: text::shown(written),
            problem: "its wildcard covers too much",
            mend: mend.to_owned(),
        };
        if !rest.contains('.') {
            return Err(covers_too_much(
                "let at least two labels follow `*`, as in `https://*.example.com`",
            ));
        }
        let origin =
            Origin::parse(&format!("{scheme}://{rest}")).map_err(|invalid| InvalidOrigin {
                written: text::shown(written),
                ..invalid
            })?;
        if is_public_suffix(&origin.host) {
            return Err(covers_too_much(
                "anybody can have a name there; name the host, or let `*` stand below a name that is one owner's",
            ));
        }
        Ok(Self {
            written: format!("{}://*.{}", origin.scheme(), origin.authority()).into(),
            any_label: true,
            origin,
        })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    pub(crate) fn written(&self) -> &Arc<str> {
        &self.written
    }

    /// The origin, where it is a single one.
    pub(crate) fn exact(&self) -> Option<&Origin> {
        (!self.any_label).then_some(&self.origin)
    }

    /// Whether this origin is one of those meant.
    pub fn is_for(&self, origin: &Origin) -> bool {
        if !self.any_label {
            return self.origin == *origin;
        }
        self.origin.scheme == origin.scheme
            && self.origin.port == origin.port
            && origin
                .host
                .split_once('.')
                .is_some_and(|(_, rest)| *rest == *self.origin.host)
    }
}

/// Whether strangers can register names below this one.
fn is_public_suffix(host: &str) -> bool {
    psl::List
        .suffix(host.as_bytes())
        .is_some_and(|suffix| suffix.as_bytes() == host.as_bytes())
}

impl TryFrom<String> for OriginPattern {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        Self::parse(&written).map_err(|invalid| format!("{invalid}: {}", invalid.hint()))
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for OriginPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}
