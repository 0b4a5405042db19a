//! The response reader: what the guest gets is what one strict reading of the bytes gives, in whatever pieces they come; what
//! can be read in two ways is refused.
//!
//! Input: a line of numbers, which are the sizes of the pieces, over and over; then the provider's answer.
#![no_main]

use std::str;

use libfuzzer_sys::fuzz_target;
use phonebox_egress::fuzzing::read_response;
use phonebox_egress::{Error, Response};
use phonebox_fuzz::expand;

/// Security specification, E21.
const HEAD: usize = 32 * 1024;
const FIELDS: usize = 100;
const BODY: usize = 256 * 1024;
const INTERIM: usize = 3;

/// Security specification, E23.
const DROPPED: [&str; 6] = [
    "set-cookie",
    "alt-svc",
    "strict-transport-security",
    "server-timing",
    "connection",
    "transfer-encoding",
];

/// A strict reading of a whole answer to a GET.
struct Reading<'a> {
    status: u16,
    fields: Vec<(String, &'a [u8])>,
    body: Vec<u8>,
    /// What does not matter to the guest can be read in two ways.
    may_be_refused: bool,
}

/// None where it is no answer, is not complete, or can be read in two ways.
fn read(mut answer: &[u8]) -> Option<Reading<'_>> {
    for interim in 0.. {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(size)) = response.parse(answer) else {
            return None;
        };
        let head;
        (head, answer) = answer.split_at(size);
        // A line that continues the one before is not read in one way by all.
        if head.windows(2).any(|two| matches!(two, b"\n " | b"\n\t")) {
            return None;
        }
        let status = response.code?;
        if status == 101 || interim > INTERIM {
            return None;
        }
        if (100..200).contains(&status) {
            continue;
        }
        let fields: Vec<(String, &[u8])> = response
            .headers
            .iter()
            .map(|field| (field.name.to_ascii_lowercase(), field.value))
            .collect();
        let all = |wanted: &str| -> Vec<&[u8]> {
            let fields = fields.iter().filter(|(name, _)| name == wanted);
            fields.map(|(_, value)| *value).collect()
        };
        if all("content-encoding")
            .iter()
            .any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
        {
            return None;
        }
        let mut may_be_refused = false;
        let body = match (&all("content-length")[..], &all("transfer-encoding")[..]) {
            // No body, whatever the head says.
            (lengths, codings) if matches!(status, 204 | 304) => {
                // And yet a length that is none may be objected to.
                may_be_refused = !lengths.is_empty() || !codings.is_empty();
                Vec::new()
            }
            ([], []) => answer.to_vec(),
            ([length], []) => {
                // `parse` would take a plus sign, too.
                let digits = length.iter().all(u8::is_ascii_digit);
                let length: usize = str::from_utf8(length)
                    .ok()
                    .filter(|_| digits)?
                    .parse()
                    .ok()?;
                answer.get(..length)?.to_vec()
            }
            ([], [coding])
                if response.version == Some(1) && coding.eq_ignore_ascii_case(b"chunked") =>
            {
                let (body, loose) = chunks(answer)?;
                may_be_refused = loose;
                body
            }
            _ => return None,
        };
        return Some(Reading {
            status,
            fields,
            body,
            may_be_refused,
        });
    }
    None
}

/// RFC 9112, 7.1. Says whether its trailers can be read in two ways.
fn chunks(mut rest: &[u8]) -> Option<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let line = &rest[..end];
        let size = line.split(|byte| *byte == b';').next()?.trim_ascii();
        // Some readers end a line at a CR or an LF that stands alone.
        let is_split = line.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        if is_split || size.is_empty() || !size.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let size = usize::from_str_radix(str::from_utf8(size).ok()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            let mut trailers = [httparse::EMPTY_HEADER; FIELDS];
            let Ok(httparse::Status::Complete((end, _))) =
                httparse::parse_headers(rest, &mut trailers)
            else {
                return None;
            };
            // An LF alone ends a line for some readers. Trailers are dropped, and the body is whole.
            let mut lines = rest.get(..end)?.split_inclusive(|byte| *byte == b'\n');
            return Some((body, lines.any(|line| !line.ends_with(b"\r\n"))));
        }
        body.extend(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// What holds of every response that the guest gets.
fn is_for_a_guest(response: &Response) {
    assert!(
        (200..=999).contains(&response.status),
        "{}",
        response.status
    );
    assert!(response.body.len() <= BODY, "{} bytes", response.body.len());
    assert!(
        response.headers.len() <= FIELDS,
        "{} fields",
        response.headers.len()
    );
    let size: usize = response.headers.iter().map(|(name, _)| name.len()).sum();
    assert!(size <= HEAD, "{size} bytes of names");
    for (name, value) in &response.headers {
        assert_eq!(*name, name.to_ascii_lowercase());
        assert!(!DROPPED.contains(&name.as_str()), "{name}");
        let value = str::from_utf8(value).expect("values are UTF-8");
        assert!(!value.contains(['\r', '\n', '\0']), "{name}: {value:?}");
    }
}

fn is_broken(error: &Error) -> bool {
    matches!(
        error,
        Error::ConnectionTerminated | Error::HttpProtocolError
    )
}

fuzz_target!(|data: &[u8]| {
    let end = data
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(data.len());
    let (sizes, answer) = data.split_at(end);
    let answer = &expand(answer.get(1..).unwrap_or_default())[..];
    let sizes: Vec<usize> = str::from_utf8(sizes)
        .unwrap_or_default()
        .split(' ')
        .filter_map(|size| size.parse().ok())
        .filter(|size| *size > 0)
        .collect();

    let whole = read_response(&[answer]);
    if let Ok(response) = &whole {
        is_for_a_guest(response);
        let read = read(answer);
        let read = read
            .unwrap_or_else(|| panic!("taken, though a strict reader refuses it: {response:?}"));
        assert_eq!(response.status, read.status);
        assert_eq!(response.body, read.body);
        for (name, value) in &response.headers {
            let known = read.fields.iter().any(|(other, theirs)| {
                other == name && String::from_utf8_lossy(theirs).as_bytes() == value
            });
            assert!(known, "{name}: {:?}", String::from_utf8_lossy(value));
        }
        // Nothing else was lost.
        let lost = read
            .fields
            .iter()
            .filter(|(name, _)| !response.headers.iter().any(|(other, _)| other == name));
        let nominated: Vec<String> = read
            .fields
            .iter()
            .filter(|(name, _)| name == "connection")
            .flat_map(|(_, value)| value.split(|byte| *byte == b','))
            .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
            .collect();
        for (name, _) in lost {
            let about_the_connection = DROPPED.contains(&name.as_str())
                || nominated.contains(name)
                || ["keep-alive", "set-cookie2", "te", "trailer", "upgrade"]
                    .contains(&name.as_str())
                || name.starts_with("proxy-");
            assert!(about_the_connection, "{name} was lost");
        }
    } else if let Some(read) = read(answer) {
        // Close to a limit it depends on the pieces what is too much.
        let size = answer.len() - read.body.len();
        assert!(
            read.may_be_refused
                || size > HEAD / 2
                || read.fields.len() > FIELDS - 2
                || read.body.len() > BODY / 2
                || read.status < 200,
            "{whole:?}, though a strict reader takes {} and {} bytes",
            read.status,
            read.body.len()
        );
    }

    if sizes.is_empty() {
        return;
    }
    let mut pieces = Vec::new();
    let mut rest = answer;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let piece;
        (piece, rest) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
    }
    let in_pieces = read_response(&pieces);
    match (&in_pieces, &whole) {
        // What is malformed and has no end is either.
        (Err(one), Err(other)) if [one, other].iter().all(|error| is_broken(error)) => {}
        // So is what comes close to a limit.
        (Ok(_), Err(_)) | (Err(_), Ok(_) | Err(_)) if answer.len() >= HEAD / 2 => {}
        _ => assert_eq!(in_pieces, whole, "in pieces, and at once"),
    }
});
