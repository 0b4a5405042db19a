//! A URL as the guest wrote it, read once. What is decided on is what is resolved, dialled, verified and requested.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::uri::PathAndQuery;
use serde::{Serialize, Serializer};
use url::{Host, Url};

use crate::origin::{Origin, Scheme};
use crate::text;

/// Longest URL, in bytes.
pub(crate) const URL_LIMIT: usize = 4096;

/// Where one request goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    /// Set where the host is an address and not a name.
    pub(crate) literal: Option<IpAddr>,
    /// The request target, in origin-form. It holds the query, so it is never logged.
    pub(crate) wire: PathAndQuery,
}

impl Target {
    /// Reads an absolute URL. `url::Url` is the parser; the checks around it refuse what it would mend silently, so that
    /// nobody after us can read the same text differently.
    pub(crate) fn parse(written: &str) -> Result<Self, UriFlaw> {
        if written.len() > URL_LIMIT {
            return Err(UriFlaw::TooLong);
        }
        for byte in written.bytes() {
            match byte {
                0..=b' ' | 0x7f => return Err(UriFlaw::Whitespace),
                b'\\' => return Err(UriFlaw::Backslash),
                b'#' => return Err(UriFlaw::Fragment),
                0x80.. => return Err(UriFlaw::NotAscii),
                _ => {}
            }
        }
        let (scheme, rest) = written.split_once(':').ok_or(UriFlaw::NotAbsolute)?;
        let scheme = if scheme.eq_ignore_ascii_case("https") {
            Scheme::Https
        } else if scheme.eq_ignore_ascii_case("http") {
            Scheme::Http
        } else {
            return Err(UriFlaw::Scheme);
        };
        let rest = rest.strip_prefix("//").ok_or(UriFlaw::NotAbsolute)?;
        let (authority, path_and_query) =
            rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UriFlaw::UserInfo);
        }
        let (host, port) = split_port(authority, scheme)?;

        let url = Url::parse(written).map_err(|_| UriFlaw::Unreadable)?;
        let lower = host.to_ascii_lowercase();
        if url.host_str() != Some(&lower) || url.port_or_known_default() != Some(port) {
            return Err(UriFlaw::HostSpelling);
        }
        let literal = match url.host() {
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            None => return Err(UriFlaw::EmptyHost),
        };
        let host: Arc<str> = if literal.is_some() {
            lower.into()
        } else {
            canonical_name(&lower)?.into()
        };

        let path = path_and_query.split('?').next().unwrap_or_default();
        // Dot segments are for `decide` to refuse; a path that differs for any other reason would be rewritten.
        if !path.is_empty() && url.path() != path && !has_dot_segment(path) {
            return Err(UriFlaw::PathSpelling);
        }
        let wire = if path.is_empty() {
            format!("/{path_and_query}")
        } else {
            path_and_query.to_owned()
        };
        let wire = PathAndQuery::try_from(wire).map_err(|_| UriFlaw::PathSpelling)?;
        Ok(Self {
            origin: Origin { scheme, host, port },
            literal,
            wire,
        })
    }

    /// The path as written, without the query.
    pub(crate) fn path(&self) -> &str {
        self.wire.path()
    }
}

/// The host of an absolute URL as its author spelled it, for a mask that looks for the author's spelling.
pub(crate) fn written_host(written: &str) -> &str {
    let rest = written.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match authority.rfind(']') {
        Some(bracket) => authority.get(..=bracket).unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn split_port(authority: &str, scheme: Scheme) -> Result<(&str, u16), UriFlaw> {
    // A colon inside of brackets belongs to the address.
    let name_ends = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority.get(name_ends..).and_then(|tail| tail.find(':')) {
        None => (authority, scheme.default_port()),
        Some(colon) => {
            let (host, port) = authority.split_at(name_ends + colon);
            let port = port.strip_prefix(':').unwrap_or(port);
            if port.starts_with('0') || !port.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(UriFlaw::Port);
            }
            (host, port.parse().map_err(|_| UriFlaw::Port)?)
        }
    };
    if host.is_empty() {
        return Err(UriFlaw::EmptyHost);
    }
    if host.contains('%') {
        return Err(UriFlaw::HostSpelling);
    }
    Ok((host, port))
}

/// A lower-case name without its one trailing dot, if it is a host name (RFC 1123: letters, digits, hyphens).
fn canonical_name(lower: &str) -> Result<&str, UriFlaw> {
    let name = lower.strip_suffix('.').unwrap_or(lower);
    let well_formed = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if name.len() <= 253 && name.split('.').all(well_formed) {
        Ok(name)
    } else {
        Err(UriFlaw::Host)
    }
}

fn has_dot_segment(path: &str) -> bool {
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

/// Whether two readers could take a path for different ones: dot segments, empty segments, encoded dots, slashes,
/// backslashes and NULs, and broken escapes.
pub(crate) fn is_ambiguous(path: &str) -> bool {
    if path.contains("//")
        || path
            .split('/')
            .any(|segment| segment == "." || segment == "..")
    {
        return true;
    }
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            continue;
        }
        match (bytes.next().and_then(nibble), bytes.next().and_then(nibble)) {
            (Some(high), Some(low)) => {
                if matches!(high << 4 | low, b'.' | b'/' | b'\\' | 0) {
                    return true;
                }
            }
            _ => return true,
        }
    }
    false
}

/// Compares a segment, decoded once, with plain text. The segment's escapes are whole (`is_ambiguous` saw to it).
pub(crate) fn segment_is(segment: &str, plain: &str) -> bool {
    let mut encoded = segment.bytes();
    let decoded = std::iter::from_fn(|| match encoded.next()? {
        b'%' => Some(nibble(encoded.next()?)? << 4 | nibble(encoded.next()?)?),
        byte => Some(byte),
    });
    decoded.eq(plain.bytes())
}

fn nibble(digit: u8) -> Option<u8> {
    // At most 15, so the conversion holds.
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// The path of a URL, without its query.
///
/// At most 128 characters, and masked by the run's [`Caller`](crate::Caller) unless a rule names this very path. `Debug`
/// shows the length alone.
#[derive(Clone, Eq, PartialEq)]
pub struct Path(String);

impl Path {
    /// The path of a target, rewritten. It is cut after that: what the cut divides could not be found any more.
    pub(crate) fn of(target: &Target, mask: impl Fn(&str) -> String) -> Self {
        Self(text::shown(mask(target.path())))
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({} bytes)", self.0.len())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Why a URL is refused as written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UriFlaw {
    /// A `\`, which some readers take for a `/`.
    #[error("it contains a backslash")]
    Backslash,
    /// No host.
    #[error("it has no host")]
    EmptyHost,
    /// A `#`.
    #[error("it has a fragment")]
    Fragment,
    /// The host is neither a name of letters, digits and hyphens nor an address.
    #[error("its host is not a valid name")]
    Host,
    /// The host means something else than it says, such as `0x7f.1`.
    #[error("its host is not in canonical form")]
    HostSpelling,
    /// Relative, or without `//`.
    #[error("it is not absolute")]
    NotAbsolute,
    /// Bytes above 127.
    #[error("it is not in ASCII")]
    NotAscii,
    /// A character in the path that a URL only holds percent-encoded.
    #[error("its path holds characters that must be percent-encoded")]
    PathSpelling,
    /// Zero, too large, or not a number.
    #[error("its port is not valid")]
    Port,
    /// Neither `https` nor `http`. The guest sees this as a denied request.
    #[error("its scheme is not https")]
    Scheme,
    /// More than 4,096 bytes.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// Anything else.
    #[error("it cannot be read")]
    Unreadable,
    /// `user:password@`.
    #[error("it contains a user name")]
    UserInfo,
    /// A space or control character.
    #[error("it contains a space or a control character")]
    Whitespace,
}

impl UriFlaw {
    pub(crate) fn mend(self) -> &'static str {
        match self {
            Self::Backslash => "write `/`, or `%5C` if it belongs to a value",
            Self::EmptyHost | Self::NotAbsolute | Self::Unreadable => {
                "write the whole URL, such as `https://api.example.com/messages`"
            }
            Self::Fragment => {
                "leave out what begins with `#`, or write `%23` if it belongs to a value"
            }
            Self::Host | Self::HostSpelling => "write the host's name as its provider documents it",
            Self::NotAscii => {
                "percent-encode the value, and write an international host in its `xn--` form"
            }
            Self::PathSpelling | Self::Whitespace => {
                "percent-encode the value before it goes into the URL"
            }
            Self::Port => "leave the port out unless the rule names one",
            Self::Scheme => "use https",
            Self::TooLong => "send long values in the body",
            Self::UserInfo => "send credentials in the `Authorization` header",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// E3: a label in Punycode stands for one name, written in the one way.
    #[test]
    fn labels_in_punycode_are_what_idna_makes_of_them() {
        for host in [
            "xn--bcher-kva.example",
            "xn--80ak6aa92e.com",
            "xn--55qx5d.cn",
            "api.xn--p1ai",
        ] {
            let target = Target::parse(&format!("https://{host}/"));
            assert_eq!(
                target.map(|target| (*target.origin.host).to_owned()),
                Ok(host.to_owned())
            );
        }
        for host in [
            "xn--.com",           // nothing
            "xn---.com",          // a hyphen
            "xn--a.com",          // no Punycode
            "xn--localhost-.com", // plain ASCII
            "xn--3ba.com",        // a capital
            "xn--bfa.com",        // a capital
            "xn--wi7cha.com",     // full-width letters
            "xn--8g7ccp.0.0.1",   // full-width digits
            "xn--ocal-u81b.com",  // a letter in a circle
            "xn--r6j.com",        // an ideographic full stop
            "xn--a-wbb.com",      // a mark at the beginning
            "xn--a-ccb.com",      // a letter and its mark apart
            "xn--1ug.com",        // a joiner with nothing to join
        ] {
            let target = Target::parse(&format!("https://{host}/"));
            assert!(target.is_err(), "{host}: {target:?}");
        }
    }

    proptest! {
        /// What passes here, the standard parser reads the same way; and what is requested is what was read.
        #[test]
        fn targets_are_read_as_url_reads_them(
            text in "[hH]ttps?:/{0,3}[a-zA-Z0-9.:@%\\[\\]_-]{0,16}[/?#\\\\]?[a-zA-Z0-9%/.;&=?'{}|^ -]{0,16}"
        ) {
            if let Ok(target) = Target::parse(&text) {
                let url = Url::parse(&text).unwrap();
                let host = url.host_str().unwrap();
                prop_assert_eq!(host.strip_suffix('.').unwrap_or(host), target.origin.host());
                prop_assert_eq!(url.port_or_known_default(), Some(target.origin.port()));
                prop_assert_eq!(url.scheme(), target.origin.scheme());
                prop_assert!(target.wire.as_str().starts_with('/'));
                if !is_ambiguous(target.path()) {
                    prop_assert_eq!(url.path(), target.path());
                }
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,64}") {
            drop(Target::parse(&text));
            drop(Target::parse(&format!("https://{text}")));
        }
    }
}
