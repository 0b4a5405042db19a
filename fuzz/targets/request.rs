//! The request builder: what is on the wire is exactly one request, and the one that was asked for.
//!
//! Input: the method and the URL on a line, a line for each header as `name: value`, an empty line, the body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use phonebox_egress::fuzzing::{read_target, write_request};
use phonebox_fuzz::expand;
use url::{Position, Url};

const METHODS: [&str; 6] = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];

/// Security specification, E11.
const HOST_OWNED: [&str; 19] = [
    "host",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "connection",
    "keep-alive",
    "upgrade",
    "expect",
    "http2-settings",
    "forwarded",
    "via",
    "x-real-ip",
    "cookie",
    "cookie2",
    "accept-encoding",
    "metadata-flavor",
    "metadata",
    "phonebox-hop",
];
const HOST_OWNED_PREFIXES: [&str; 3] = ["proxy-", "x-forwarded-", "x-aws-ec2-metadata-token"];

struct Asked<'a> {
    method: &'a str,
    url: &'a str,
    headers: Vec<(String, Vec<u8>)>,
    body: &'a [u8],
}

/// Cuts at the first of these bytes, which goes away.
fn cut<'a>(text: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    match text.windows(at.len()).position(|window| window == at) {
        Some(position) => (&text[..position], &text[position + at.len()..]),
        None => (text, &[]),
    }
}

fn read(data: &[u8]) -> Option<Asked<'_>> {
    let (head, body) = cut(data, b"\n\n");
    let (line, headers) = cut(head, b"\n");
    let (method, url) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let headers = if headers.is_empty() {
        Vec::new()
    } else {
        let header = |line: &[u8]| {
            let (name, value) = cut(line, b": ");
            Some((std::str::from_utf8(name).ok()?.to_owned(), value.to_vec()))
        };
        headers
            .split(|byte| *byte == b'\n')
            .map(header)
            .collect::<Option<_>>()?
    };
    Some(Asked {
        method,
        url,
        headers,
        body,
    })
}

fn is_token(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(fine)
}

fn is_host_owned(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HOST_OWNED.contains(&name.as_str())
        || HOST_OWNED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Whether the specification (E8, E11, E12) lets all of it through.
fn may_be_sent(asked: &Asked<'_>) -> bool {
    let total: usize = asked
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    METHODS.contains(&asked.method)
        && read_target(asked.url).is_some()
        && asked.headers.len() <= 64
        && total <= 16 * 1024
        && asked.headers.iter().all(|(name, value)| {
            is_token(name)
                && name.len() <= 128
                && !is_host_owned(name)
                && value.len() <= 8 * 1024
                && value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        })
}

fuzz_target!(|data: &[u8]| {
    let data = expand(data);
    let Some(asked) = read(&data) else {
        return;
    };
    let body = asked.body.to_vec().into();
    let written = write_request(asked.method, asked.url, asked.headers.clone(), body);
    let shown = || String::from_utf8_lossy(written.as_deref().unwrap_or(b"nothing")).into_owned();
    assert_eq!(written.is_some(), may_be_sent(&asked), "{}", shown());
    let Some(written) = &written else {
        return;
    };

    // One head, in lines that every reader ends at the same place.
    let (head, behind) = cut(written, b"\r\n\r\n");
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(
            line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')),
            "{}",
            shown()
        );
        assert!(
            !line.starts_with(b" ") && !line.starts_with(b"\t") && !line.is_empty(),
            "{}",
            shown()
        );
    }
    let ends = head.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(
        ends,
        head.windows(2).filter(|end| end == b"\r\n").count(),
        "{}",
        shown()
    );
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(written).expect("httparse reads it");
    assert_eq!(
        parsed,
        httparse::Status::Complete(written.len() - behind.len()),
        "{}",
        shown()
    );
    assert_eq!(
        (request.method, request.version),
        (Some(asked.method), Some(1)),
        "{}",
        shown()
    );

    // Asked for by its path, at the host that the URL names.
    let url = Url::parse(asked.url).expect("url reads what we read");
    let target = request.path.expect("it has a target");
    assert!(
        target.starts_with('/') && !target.contains(['#', ' ', '\\']),
        "{target}"
    );
    let plain = asked.url.to_ascii_lowercase().replace("%2e", ".");
    if !plain.contains("/.") {
        assert_eq!(
            target.split('?').next(),
            url[Position::BeforePath..].split('?').next()
        );
    }
    let query = asked.url.split_once('?').map(|(_, query)| query);
    assert_eq!(
        target.split_once('?').map(|(_, query)| query),
        query,
        "{target}"
    );
    let host = url.host_str().expect("it has a host");
    let mut authority = host.strip_suffix('.').unwrap_or(host).to_owned();
    if let Some(port) = url.port() {
        authority = format!("{authority}:{port}");
    }

    // Our headers once each, and the guest's, all of them.
    let mut found: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec()))
        .collect();
    let has_length = !asked.body.is_empty() || matches!(asked.method, "POST" | "PUT" | "PATCH");
    let ours = [
        ("host", authority),
        ("accept-encoding", "identity".to_owned()),
        ("phonebox-hop", "1".to_owned()),
        ("content-length", asked.body.len().to_string()),
    ];
    let mut wanted: Vec<(String, Vec<u8>)> = ours
        .into_iter()
        .filter(|(name, _)| has_length || *name != "content-length")
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    wanted.extend(
        asked
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_ascii().to_vec())),
    );
    // In whatever order the names are; values of one name stay in theirs.
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    wanted.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(found, wanted, "{}", shown());

    // And the body, of the length that was said, with nothing behind it.
    assert_eq!(behind, asked.body, "{}", shown());
});
