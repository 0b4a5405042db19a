//! How the host signs a request, so that the action never sees what it is signed with.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_lc_rs::{digest, hmac};
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, Method};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::message;
use crate::rule::InvalidRule;
use crate::secret::SecretFlaw;
use crate::target::Target;
use crate::text;

/// Longest text of an auth, in bytes.
const TEXT_LIMIT: usize = 512;
/// Most headers that one auth sets.
const HEADERS: usize = 8;
/// What of a guest's own signature is replaced by the host's.
const SIGV4: [&str; 4] = [
    "authorization",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
];

/// How the host signs the requests that a rule allows, with the action's secrets: the action neither reads nor sees them.
///
/// In its texts `{NAME}` stands for the action's secret of that name. In those of [`Auth::Hmac`], `{method}`, `{path}` (with
/// the query), `{host}`, `{date}` (as in HTTP), `{timestamp}` (whole seconds since 1970), `{body}`, `{body_sha256_hex}` and
/// `{body_sha256_base64}` stand for the request's own, and `{signature}`, in its headers, for the signature.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Auth {
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The user's name.
        user: Text,
        /// Their password.
        password: Text,
    },
    /// `Authorization: Bearer …` (RFC 6750).
    Bearer {
        /// The token.
        token: Text,
    },
    /// A header of the provider's own.
    Header {
        /// Its name. It says that it is for credentials, as `Authorization`, `X-API-Key` and `X-Auth-Token` do: servers do not
        /// log or reflect those.
        name: String,
        /// Its value, as in `App {INFOBIP_KEY}`.
        value: Text,
    },
    /// An HMAC over what a message is made of.
    Hmac {
        /// The hash.
        algorithm: Algorithm,
        /// The key.
        key: Text,
        /// How the key is written.
        #[serde(default)]
        key_encoding: KeyEncoding,
        /// What is signed.
        message: Text,
        /// How the signature is written.
        encoding: Encoding,
        /// What is set, by name; one of them at least has the `{signature}`.
        headers: BTreeMap<String, Text>,
    },
    /// AWS Signature Version 4. A signature of the action's own is replaced.
    Sigv4 {
        /// The access key's id.
        access_key_id: Text,
        /// The secret access key.
        secret_access_key: Text,
        /// Of temporary credentials.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_token: Option<Text>,
        /// As in `eu-central-1`.
        region: String,
        /// As in `sns`.
        service: String,
    },
}

/// The hash of an [`Auth::Hmac`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Algorithm {
    Sha256,
    Sha512,
}

/// How a key is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyEncoding {
    /// Its bytes are the key.
    #[default]
    Text,
    /// In Base64.
    Base64,
    /// In hexadecimal.
    Hex,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Encoding {
    Base64,
    Hex,
}

/// A text in which names in braces stand for secrets, and for what is known of a request.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text {
    written: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Part {
    Literal(String),
    Secret(String),
    Fact(Fact),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fact {
    Body,
    BodySha256Base64,
    BodySha256Hex,
    Date,
    Host,
    Method,
    Path,
    Signature,
    Timestamp,
}

const FACTS: [(&str, Fact); 9] = [
    ("body", Fact::Body),
    ("body_sha256_base64", Fact::BodySha256Base64),
    ("body_sha256_hex", Fact::BodySha256Hex),
    ("date", Fact::Date),
    ("host", Fact::Host),
    ("method", Fact::Method),
    ("path", Fact::Path),
    ("signature", Fact::Signature),
    ("timestamp", Fact::Timestamp),
];

impl TryFrom<String> for Text {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        if written.len() > TEXT_LIMIT {
            return Err(format!("a text of an auth has at most {TEXT_LIMIT} bytes"));
        }
        let mut parts = Vec::new();
        let mut rest = &*written;
        while let Some((literal, more)) = rest.split_once('{') {
            let (name, after) = more.split_once('}').ok_or(
                "a `{` has no `}`: in braces stands the name of a secret, as in `{TOKEN}`",
            )?;
            parts.push(Part::Literal(literal.to_owned()));
            let fact = FACTS.iter().find(|(known, _)| *known == name);
            parts.push(match fact {
                Some((_, fact)) => Part::Fact(*fact),
                None if Auth::is_secret_name(name) => Part::Secret(name.to_owned()),
                None => {
                    return Err(format!(
                        "`{{{}}}` is neither the name of a secret, which is in capitals, nor one of {}",
                        text::shown(name),
                        FACTS.map(|(name, _)| format!("`{{{name}}}`")).join(", "),
                    ));
                }
            });
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Literal(text) if text.is_empty()));
        Ok(Self { written, parts })
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.written
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl Text {
    fn secrets(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Secret(name) => Some(name.as_str()),
            _ => None,
        })
    }

    fn facts(&self) -> impl Iterator<Item = Fact> {
        self.parts.iter().filter_map(|part| match part {
            Part::Fact(fact) => Some(*fact),
            _ => None,
        })
    }

    fn write(
        &self,
        secret: &mut dyn FnMut(&str) -> Result<Zeroizing<String>, SecretFlaw>,
        fact: &dyn Fn(Fact) -> Vec<u8>,
    ) -> Result<Zeroizing<Vec<u8>>, SecretFlaw> {
        let mut written = Zeroizing::new(Vec::with_capacity(256));
        for part in &self.parts {
            match part {
                Part::Literal(text) => written.extend_from_slice(text.as_bytes()),
                Part::Secret(name) => written.extend_from_slice(secret(name)?.as_bytes()),
                Part::Fact(which) => written.extend(fact(*which)),
            }
        }
        Ok(written)
    }
}

/// What is signed.
pub(crate) struct Signable<'a> {
    pub(crate) target: &'a Target,
    pub(crate) method: &'a Method,
    pub(crate) body: &'a [u8],
    pub(crate) now: SystemTime,
}

type Headers = Vec<(String, Vec<u8>)>;
type Secret<'a> = dyn FnMut(&str) -> Result<Zeroizing<String>, SecretFlaw> + 'a;

impl Auth {
    /// Whether a secret may be called this: capital letters, digits and underscores, a letter first, at most 128.
    pub fn is_secret_name(name: &str) -> bool {
        name.len() <= 128
            && name.starts_with(|first: char| first.is_ascii_uppercase())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    }

    /// The names of the secrets that it signs with.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.texts().into_iter().flat_map(Text::secrets)
    }

    fn texts(&self) -> Vec<&Text> {
        match self {
            Self::Basic { user, password } => vec![user, password],
            Self::Bearer { token } => vec![token],
            Self::Header { value, .. } => vec![value],
            Self::Hmac {
                key,
                message,
                headers,
                ..
            } => [key, message].into_iter().chain(headers.values()).collect(),
            Self::Sigv4 {
                access_key_id,
                secret_access_key,
                session_token,
                ..
            } => [access_key_id, secret_access_key]
                .into_iter()
                .chain(session_token)
                .collect(),
        }
    }

    /// Whether it can be kept.
    pub(crate) fn check(&self) -> Result<(), InvalidRule> {
        let invalid = |problem: String, mend: &'static str| InvalidRule::Auth { problem, mend };
        let header = |name: &str| {
            let valid = HeaderName::from_bytes(name.as_bytes())
                .is_ok_and(|name| !message::is_host_owned(name.as_str()));
            valid.then_some(()).ok_or_else(|| {
                invalid(
                    format!("`{}` is not a header that can be set", text::shown(name)),
                    "name a header of the provider's",
                )
            })
        };
        match self {
            Self::Header { name, .. } => {
                header(name)?;
                if !message::is_for_credentials(&name.to_ascii_lowercase()) {
                    return Err(invalid(
                        format!("`{}` is not a header for credentials", text::shown(name)),
                        "use one whose name says so, such as Authorization, X-API-Key or X-Auth-Token",
                    ));
                }
            }
            Self::Hmac {
                key,
                message,
                headers,
                ..
            } => {
                if headers.len() > HEADERS {
                    return Err(invalid(
                        format!("it sets more than {HEADERS} headers"),
                        "leave some out, or have the action set them",
                    ));
                }
                headers.keys().try_for_each(|name| header(name))?;
                let signs = headers
                    .values()
                    .any(|value| value.facts().any(|fact| fact == Fact::Signature));
                if !signs {
                    return Err(invalid(
                        "no header of it has the signature".to_owned(),
                        "write `{signature}` where it belongs",
                    ));
                }
                if message.facts().any(|fact| fact == Fact::Signature) {
                    return Err(invalid(
                        "the message would have its own signature in it".to_owned(),
                        "write `{signature}` into a header",
                    ));
                }
                if key.secrets().next().is_none() {
                    return Err(invalid(
                        "its key is no secret".to_owned(),
                        "name the secret, as in key = \"{SIGNING_KEY}\"",
                    ));
                }
                return Ok(());
            }
            Self::Basic { .. } | Self::Bearer { .. } | Self::Sigv4 { .. } => {}
        }
        if self
            .texts()
            .iter()
            .any(|text| text.facts().next().is_some())
        {
            return Err(invalid(
                "what is known of a request stands in a text that is for secrets".to_owned(),
                "use it with type = \"hmac\" alone",
            ));
        }
        if self.secrets().next().is_none() {
            return Err(invalid(
                "it names no secret".to_owned(),
                "name one, as in token = \"{TOKEN}\"",
            ));
        }
        Ok(())
    }

    /// Whether this header, in lower case, is the host's to set.
    fn sets(&self, name: &str) -> bool {
        match self {
            Self::Basic { .. } | Self::Bearer { .. } => name == "authorization",
            Self::Header { name: own, .. } => own.eq_ignore_ascii_case(name),
            Self::Hmac { headers, .. } => headers.keys().any(|own| own.eq_ignore_ascii_case(name)),
            Self::Sigv4 { .. } => false,
        }
    }

    /// The first of these headers that it sets itself.
    pub(crate) fn collides(&self, headers: &Headers) -> Option<String> {
        let mut names = headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        names.find(|name| self.sets(name))
    }

    /// Adds what signs the request to its headers. `secret` tells values by their names.
    pub(crate) fn sign(
        &self,
        headers: &mut Headers,
        request: &Signable<'_>,
        secret: &mut Secret<'_>,
    ) -> Result<(), SecretFlaw> {
        let nothing = |_| Vec::new();
        match self {
            Self::Basic { user, password } => {
                let mut pair = user.write(secret, &nothing)?;
                pair.push(b':');
                pair.extend_from_slice(&password.write(secret, &nothing)?);
                let encoded = Zeroizing::new(STANDARD.encode(&pair));
                let value = format!("Basic {}", &*encoded).into_bytes();
                headers.push(("authorization".to_owned(), value));
            }
            Self::Bearer { token } => {
                let mut value = b"Bearer ".to_vec();
                value.extend_from_slice(&token.write(secret, &nothing)?);
                headers.push(("authorization".to_owned(), value));
            }
            Self::Header { name, value } => {
                let value = value.write(secret, &nothing)?.to_vec();
                headers.push((name.clone(), value));
            }
            Self::Hmac {
                algorithm,
                key,
                key_encoding,
                message,
                encoding,
                headers: own,
            } => {
                let key_name = key.secrets().next().unwrap_or_default().to_owned();
                let key = key_encoding
                    .read(key.write(secret, &nothing)?)
                    .ok_or(SecretFlaw::Unreadable { secret: key_name })?;
                let algorithm = match algorithm {
                    Algorithm::Sha256 => hmac::HMAC_SHA256,
                    Algorithm::Sha512 => hmac::HMAC_SHA512,
                };
                let message = message.write(secret, &|fact| request.tell(fact, ""))?;
                let tag = hmac::sign(&hmac::Key::new(algorithm, &key), &message);
                let signature = match encoding {
                    Encoding::Base64 => STANDARD.encode(tag.as_ref()),
                    Encoding::Hex => text::hex(tag.as_ref()),
                };
                for (name, value) in own {
                    let value = value.write(secret, &|fact| request.tell(fact, &signature))?;
                    headers.push((name.clone(), value.to_vec()));
                }
            }
            Self::Sigv4 {
                access_key_id,
                secret_access_key,
                session_token,
                region,
                service,
            } => {
                let mut text = |text: &Text| {
                    let written = text.write(secret, &nothing)?;
                    Ok(String::from_utf8_lossy(&written).into_owned())
                };
                let id = text(access_key_id)?;
                let key = text(secret_access_key)?;
                let token = session_token.as_ref().map(&mut text).transpose()?;
                headers.retain(|(name, _)| !SIGV4.contains(&&*name.to_ascii_lowercase()));
                let credentials = Credentials::new(id, key, token, None, "phonebox");
                sigv4(headers, request, credentials, region, service)
                    .ok_or(SecretFlaw::Unsignable)?;
            }
        }
        Ok(())
    }
}

/// Signs by Signature Version 4 the host, the content type and what AWS itself asks for. None where there is nothing to sign
/// with, such as an empty region.
fn sigv4(
    headers: &mut Headers,
    request: &Signable<'_>,
    credentials: Credentials,
    region: &str,
    service: &str,
) -> Option<()> {
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(request.now)
        .settings(settings)
        .build()
        .ok()?
        .into();
    let host = request.target.origin.authority();
    let url = format!("{}{}", request.target.origin, request.target.wire);
    let signed = headers.iter().filter_map(|(name, value)| {
        let is_signed = name.eq_ignore_ascii_case("content-type")
            || name.to_ascii_lowercase().starts_with("x-amz-");
        is_signed.then_some((name.as_str(), std::str::from_utf8(value).ok()?))
    });
    let signable = SignableRequest::new(
        request.method.as_str(),
        &url,
        signed.chain([("host", host.as_str())]),
        SignableBody::Bytes(request.body),
    )
    .ok()?;
    let (instructions, _) = sign(signable, &params).ok()?.into_parts();
    let own: Vec<_> = instructions
        .headers()
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect();
    headers.extend(own);
    Some(())
}

impl KeyEncoding {
    fn read(self, written: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Text => Some(written),
            Self::Base64 => STANDARD.decode(&*written).ok().map(Zeroizing::new),
            Self::Hex => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let pairs = written.chunks(2).map(|pair| match pair {
                    [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
                    _ => None,
                });
                pairs.collect::<Option<Vec<_>>>().map(Zeroizing::new)
            }
        }
    }
}

impl Signable<'_> {
    fn tell(&self, fact: Fact, signature: &str) -> Vec<u8> {
        let sha256 = || digest::digest(&digest::SHA256, self.body);
        match fact {
            Fact::Body => self.body.to_vec(),
            Fact::BodySha256Base64 => STANDARD.encode(sha256()).into_bytes(),
            Fact::BodySha256Hex => text::hex(sha256().as_ref()).into_bytes(),
            Fact::Date => httpdate::fmt_http_date(self.now).into_bytes(),
            Fact::Host => self.target.origin.authority().into_bytes(),
            Fact::Method => self.method.as_str().as_bytes().to_vec(),
            Fact::Path => self.target.wire.as_str().as_bytes().to_vec(),
            Fact::Signature => signature.as_bytes().to_vec(),
            Fact::Timestamp => {
                let since = self.now.duration_since(UNIX_EPOCH).unwrap_or_default();
                since.as_secs().to_string().into_bytes()
            }
        }
    }
}
