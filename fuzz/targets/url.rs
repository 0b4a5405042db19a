//! The reader of URLs against three others: `url`, `http::Uri`, and a splitter as RFC 3986 has it. Where they differ, ours
//! must have refused.
//!
//! Input: the URL.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libfuzzer_sys::fuzz_target;
use phonebox_egress::fuzzing::read_target;
use url::{Host, Position, Url};

/// Scheme, host and port of RFC 3986, appendix B and section 3.2, without any mending.
fn split(text: &str) -> Option<(&str, &str, Option<u16>)> {
    let (scheme, rest) = text.split_once(':')?;
    let rest = rest.strip_prefix("//")?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let server = authority
        .rsplit_once('@')
        .map_or(authority, |(_, server)| server);
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (server, None),
    };
    Some((scheme, host, port))
}

fn has_dot_segment(path: &str) -> bool {
    let plain = path.to_ascii_lowercase().replace("%2e", ".");
    plain
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
}

/// Whether every reader there is would take a URL for the same: then ours must not refuse it.
fn is_plain(text: &str, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let fine = |c: char| c.is_ascii_alphanumeric() || "-._~/?&=+,:".contains(c);
    text.len() <= 4096
        && url.as_str() == text
        && matches!(url.scheme(), "http" | "https")
        && matches!(url.host(), Some(Host::Domain(_)))
        && host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
        && url.port() != Some(0)
        && url[Position::BeforePath..].chars().all(fine)
        && url[..Position::BeforePath].matches('@').count() == 0
}

fuzz_target!(|text: &str| {
    let Some(read) = read_target(text) else {
        if let Ok(url) = Url::parse(text) {
            assert!(!is_plain(text, &url), "`{text}` is refused");
        }
        return;
    };
    let (scheme, host, port, wire) = &read;
    assert!(
        text.len() <= 4096 && text.bytes().all(|byte| byte.is_ascii_graphic()),
        "{text:?}"
    );

    let url = Url::parse(text).expect("url reads it too");
    assert_eq!(url.scheme(), *scheme, "{text}");
    let theirs = url.host_str().expect("url sees a host");
    assert_eq!(theirs.strip_suffix('.').unwrap_or(theirs), host, "{text}");
    assert_eq!(url.port_or_known_default(), Some(*port), "{text}");
    assert_eq!(
        (url.username(), url.password(), url.fragment()),
        ("", None, None),
        "{text}"
    );
    assert!(wire.starts_with('/'), "{text}: {wire}");
    if !has_dot_segment(wire.split('?').next().unwrap_or_default()) {
        let path = wire.split('?').next().unwrap_or_default();
        assert_eq!(url.path(), path, "{text}");
    }

    let uri: http::Uri = text.parse().expect("http reads it too");
    let theirs = uri.host().expect("http sees a host").to_ascii_lowercase();
    assert_eq!(theirs.strip_suffix('.').unwrap_or(&theirs), host, "{text}");
    let default = if *scheme == "https" { 443 } else { 80 };
    assert_eq!(uri.port_u16().unwrap_or(default), *port, "{text}");
    assert_eq!(uri.scheme_str(), Some(*scheme), "{text}");
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    // A path that is left out is the root.
    let slash = if target.starts_with('?') { "/" } else { "" };
    assert_eq!(format!("{slash}{target}"), *wire, "{text}");

    let (split_scheme, split_host, split_port) = split(text).expect("RFC 3986 reads it too");
    let split_host = split_host.to_ascii_lowercase();
    assert_eq!(split_scheme.to_ascii_lowercase(), *scheme, "{text}");
    assert_eq!(
        split_host.strip_suffix('.').unwrap_or(&split_host),
        host,
        "{text}"
    );
    assert_eq!(split_port.unwrap_or(default), *port, "{text}");
    assert_ne!(*port, 0, "{text}");

    // An address in no spelling but its own; a name in letters, digits and hyphens.
    let literal: Option<IpAddr> = match host.strip_prefix('[') {
        Some(inside) => inside
            .strip_suffix(']')
            .and_then(|v6| v6.parse::<Ipv6Addr>().ok())
            .map(Into::into),
        None => host.parse::<Ipv4Addr>().ok().map(Into::into),
    };
    match literal {
        Some(IpAddr::V4(v4)) => assert_eq!(v4.to_string(), *host, "{text}"),
        Some(IpAddr::V6(v6)) => assert!(
            matches!(url.host(), Some(Host::Ipv6(other)) if other == v6),
            "{text}"
        ),
        None => {
            let last = host.rsplit('.').next().unwrap_or_default();
            let number = last.strip_prefix("0x").map_or_else(
                || last.bytes().all(|byte| byte.is_ascii_digit()),
                |hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
            );
            assert!(!number, "{text}: some readers take {host} for an address");
            assert!(host.len() <= 253, "{text}");
            for label in host.split('.') {
                assert!((1..=63).contains(&label.len()), "{text}");
                let fine =
                    |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                assert!(label.bytes().all(fine), "{text}");
                assert!(!label.starts_with('-') && !label.ends_with('-'), "{text}");
            }
        }
    }

    // Reading what was read changes nothing.
    let again = format!("{scheme}://{host}:{port}{wire}");
    if again.len() <= 4096 {
        assert_eq!(
            read_target(&again).as_ref(),
            Some(&read),
            "{text}, then {again}"
        );
    }
});
