//! The guest's request and response, and what may pass between them and the wire.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};
use http_body_util::Full;
use zeroize::Zeroizing;

use crate::error::{Error, HeaderFlaw};
use crate::target::Target;
use crate::text;

/// Most fields of a request.
const FIELDS: usize = 64;
/// Longest name of a field, in bytes.
const NAME_LIMIT: usize = 128;
/// Longest value of a field, in bytes.
const VALUE_LIMIT: usize = 8 * 1024;
/// Most bytes of names and values together.
const FIELDS_LIMIT: usize = 16 * 1024;

/// A request as the guest said it, unread. [`Trip::send`](crate::Trip::send) is its one reader.
#[derive(Clone)]
pub struct Request {
    /// `POST` and its like, in capitals.
    pub method: String,
    /// Absolute, at most 4,096 bytes.
    pub url: String,
    /// Names and values, at most 64.
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most [`Limits::request_body`](crate::Limits::request_body).
    pub body: Bytes,
    /// How long the whole may take. It can only shorten [`Limits::total`](crate::Limits::total).
    pub timeout: Option<Duration>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("url", &format_args!("{} bytes", self.url.len()))
            .field("headers", &self.headers.len())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A whole response.
#[derive(Clone, Eq, PartialEq)]
pub struct Response {
    /// Any but 1xx. Redirects arrive as they are.
    pub status: u16,
    /// Names in lower case, values in UTF-8. Without what concerns the connection alone, and without cookies.
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most [`Limits::response_body`](crate::Limits::response_body).
    pub body: Bytes,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers.len())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Says that a request comes from an action. Our own listeners refuse requests that carry it, so that no action calls
/// itself in circles.
pub(crate) const HOP: HeaderName = HeaderName::from_static("phonebox-hop");

/// Request headers that belong to the host: framing and connection, who asks on whose behalf, cookies, what is accepted
/// as encoding, and what a metadata service takes as a proof of good intent.
const HOST_OWNED: [&str; 19] = [
    "accept-encoding",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "metadata",
    "metadata-flavor",
    "phonebox-hop",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-real-ip",
];

/// How others of them begin.
const HOST_OWNED_PREFIXES: [&str; 3] = ["proxy-", "x-aws-ec2-metadata-token", "x-forwarded-"];

pub(crate) fn is_host_owned(name: &str) -> bool {
    HOST_OWNED.contains(&name)
        || HOST_OWNED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// What the name of a header says that is for credentials, as `X-API-Key`, `AuthKey` and `X-Auth-Token` do.
const CREDENTIALS: [&str; 6] = ["auth", "key", "password", "secret", "token", "username"];
/// What says the same and is for something else.
const NO_CREDENTIALS: [&str; 3] = ["idempotency", "request", "sec-"];

/// Whether a header, in lower case, is for credentials. Others are logged, reflected, or sent on.
pub(crate) fn is_for_credentials(name: &str) -> bool {
    CREDENTIALS.iter().any(|part| name.contains(part))
        && !NO_CREDENTIALS.iter().any(|part| name.contains(part))
}

/// Builds what goes on the wire: the request target in origin-form, our headers, then the guest's. The name of a header that
/// is refused is masked.
pub(crate) fn compose(
    target: &Target,
    method: Method,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
    mask: impl Fn(&str) -> String,
) -> Result<http::Request<Full<Bytes>>, Error> {
    if headers.len() > FIELDS {
        return Err(Error::RequestHeaderSectionSize);
    }
    let mut map = HeaderMap::with_capacity(headers.len() + 5);
    let host =
        HeaderValue::try_from(target.origin.authority()).map_err(|_| Error::InternalError)?;
    map.insert(header::HOST, host);
    map.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    map.insert(HOP, HeaderValue::from_static("1"));
    // Some servers insist on a length even where there is no body.
    if !body.is_empty() || matches!(method, Method::POST | Method::PUT | Method::PATCH) {
        map.insert(header::CONTENT_LENGTH, body.len().into());
    }
    let mut total = 0;
    for (name, value) in headers {
        // It may be a credential.
        let value = Zeroizing::new(value);
        total += name.len() + value.len();
        let (name, mut value) = field(&name, &value, &mask)?;
        value.set_sensitive(is_for_credentials(name.as_str()));
        map.append(name, value);
    }
    if total > FIELDS_LIMIT {
        return Err(Error::RequestHeaderSectionSize);
    }
    let mut request = http::Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target.wire.clone().into();
    *request.headers_mut() = map;
    Ok(request)
}

fn field(
    written: &str,
    value: &[u8],
    mask: impl Fn(&str) -> String,
) -> Result<(HeaderName, HeaderValue), Error> {
    let forbidden = |flaw| Error::HeaderForbidden {
        name: text::shown(mask(written)),
        flaw,
    };
    if written.len() > NAME_LIMIT || value.len() > VALUE_LIMIT {
        return Err(Error::RequestHeaderSectionSize);
    }
    let name =
        HeaderName::from_bytes(written.as_bytes()).map_err(|_| forbidden(HeaderFlaw::Name))?;
    if is_host_owned(name.as_str()) {
        return Err(forbidden(HeaderFlaw::HostOwned));
    }
    if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(forbidden(HeaderFlaw::Value));
    }
    let value =
        HeaderValue::from_bytes(value.trim_ascii()).map_err(|_| forbidden(HeaderFlaw::Value))?;
    Ok((name, value))
}

/// Response headers that are about the connection, or would leave something behind in a browser.
const DROPPED: [&str; 14] = [
    "alt-svc",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "server-timing",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Refuses a head that is too large, whose body two readers could end at different places, or whose body is compressed.
pub(crate) fn check(head: &http::response::Parts, largest: usize) -> Result<(), Error> {
    // A head that arrives at once may be larger than the buffer that is made for it.
    let fields = head.headers.iter();
    let size = fields.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    if size.sum::<usize>() > largest {
        return Err(Error::ResponseHeaderSectionSize);
    }
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    let length = lengths.next();
    let chunked = codings.next();
    let ambiguous = head.status == StatusCode::SWITCHING_PROTOCOLS
        || lengths.next().is_some()
        || codings.next().is_some()
        || (length.is_some() && chunked.is_some())
        || length.is_some_and(|value| !value.as_bytes().iter().all(u8::is_ascii_digit))
        || chunked.is_some_and(|value| {
            head.version != Version::HTTP_11 || !value.as_bytes().eq_ignore_ascii_case(b"chunked")
        });
    if ambiguous {
        return Err(Error::HttpProtocolError);
    }
    let encoded = head
        .headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| {
            !value
                .as_bytes()
                .trim_ascii()
                .eq_ignore_ascii_case(b"identity")
        });
    if encoded {
        return Err(Error::ResponseContentCoding);
    }
    Ok(())
}

/// What of a head is for the guest.
pub(crate) fn headers(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let nominated = |name: &str| {
        map.get_all(header::CONNECTION).iter().any(|value| {
            value
                .as_bytes()
                .split(|byte| *byte == b',')
                .any(|option| option.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
        })
    };
    map.iter()
        .filter(|(name, _)| !DROPPED.contains(&name.as_str()) && !nominated(name.as_str()))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value.into_bytes())
        })
        .collect()
}
