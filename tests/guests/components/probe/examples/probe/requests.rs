//! Requests as an attacker writes them, through both imports. Each is one line of JSON, and what it leaves out is ordinary.
//! In it, `{{NAME}}` stands for what the host gives as the secret NAME, `((KEY))` for what the cache has under KEY, and
//! `<<TEXT>>` for the text in Base64.

use probe_guests::world::phonebox::action::{cache, http, secrets};
use serde::Deserialize;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};

/// What of an answer's body is said.
const SHOWN: usize = 800;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Request {
    method: String,
    url: String,
    /// For `wasi:http`, in place of the URL.
    scheme: String,
    authority: String,
    path: String,
    headers: Vec<(String, String)>,
    /// So many more headers, and how long their names and values are.
    more_headers: usize,
    name_size: usize,
    value_size: usize,
    body: String,
    /// So many bytes in place of the body.
    body_size: usize,
    trailers: Vec<(String, String)>,
    /// Milliseconds for our import, nanoseconds for `wasi:http`.
    timeout: Option<u64>,
    /// Stop there: `request`, `body` or `response`.
    drop_before: String,
    /// Say the answer's headers too.
    show_headers: bool,
    /// Say it with a bar behind every character, so that nobody finds anything in it.
    barred: bool,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "POST".to_owned(),
            url: String::new(),
            scheme: "https".to_owned(),
            authority: String::new(),
            path: "/".to_owned(),
            headers: Vec::new(),
            more_headers: 0,
            name_size: 8,
            value_size: 1,
            body: String::new(),
            body_size: 0,
            trailers: Vec::new(),
            timeout: None,
            drop_before: String::new(),
            show_headers: false,
            barred: false,
        }
    }
}

impl Request {
    fn read(json: &str) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| format!("the test is wrong: {error}");
        let mut value: serde_json::Value = serde_json::from_str(json).map_err(wrong)?;
        fill(&mut value);
        serde_json::from_value(value).map_err(wrong)
    }

    fn headers(&self) -> impl Iterator<Item = (String, Vec<u8>)> + '_ {
        let bytes = |(name, value): &(String, String)| (name.clone(), value.clone().into_bytes());
        let more = (0..self.more_headers).map(|index| {
            let name = format!("x{index:0>width$}", width = self.name_size.max(2) - 1);
            (name, vec![b'v'; self.value_size])
        });
        self.headers.iter().map(bytes).chain(more)
    }

    fn body(&self) -> Vec<u8> {
        match self.body_size {
            0 => self.body.clone().into_bytes(),
            size => vec![b'b'; size],
        }
    }
}

/// Puts into all texts what stands in them for something else.
fn fill(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::String(text) => {
            replace(text, "{{", "}}", |name| {
                secrets::get(name).unwrap_or_default()
            });
            let kept = |key: &str| cache::get(key).map_or(String::new(), |entry| entry.value);
            replace(text, "((", "))", kept);
            replace(text, "<<", ">>", base64);
        }
        Value::Array(values) => values.iter_mut().for_each(fill),
        Value::Object(values) => values.values_mut().for_each(fill),
        _ => {}
    }
}

fn replace(text: &mut String, open: &str, close: &str, with: impl Fn(&str) -> String) {
    while let Some((before, rest)) = text.split_once(open) {
        let Some((inner, after)) = rest.split_once(close) else {
            return;
        };
        *text = format!("{before}{}{after}", with(inner));
    }
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            encoded.push(if at > chunk.len() { '=' } else { digit.into() });
        }
    }
    encoded
}

/// Through `phonebox:action/http`.
pub(crate) fn buffered(json: &str) -> String {
    let asked = match Request::read(json) {
        Ok(asked) => asked,
        Err(error) => return error,
    };
    let request = http::Request {
        method: asked.method.clone(),
        url: asked.url.clone(),
        headers: asked.headers().collect(),
        body: asked.body(),
        timeout_ms: asked
            .timeout
            .map(|timeout| u32::try_from(timeout).unwrap_or(u32::MAX)),
    };
    match http::send(&request) {
        Ok(response) => shown(
            response.status,
            asked.show_headers.then_some(&response.headers[..]),
            &response.body,
            asked.barred,
        ),
        Err(error) => format!("{error:?}"),
    }
}

/// Through `wasi:http`.
pub(crate) fn wasi(json: &str) -> String {
    let asked = match Request::read(json) {
        Ok(asked) => asked,
        Err(error) => return error,
    };
    try_wasi(&asked).unwrap_or_else(|refused| format!("refused: {refused}"))
}

fn try_wasi(asked: &Request) -> Result<String, String> {
    let headers: Vec<_> = asked.headers().collect();
    let headers = Fields::from_list(&headers).map_err(|error| format!("header: {error}"))?;
    let request = OutgoingRequest::new(headers);
    let method = match asked.method.as_str() {
        "POST" => Method::Post,
        "GET" => Method::Get,
        other => Method::Other(other.to_owned()),
    };
    request.set_method(&method).map_err(|()| "method")?;
    let scheme = match asked.scheme.as_str() {
        "https" => Some(Scheme::Https),
        "http" => Some(Scheme::Http),
        "" => None,
        other => Some(Scheme::Other(other.to_owned())),
    };
    request.set_scheme(scheme.as_ref()).map_err(|()| "scheme")?;
    let authority = (!asked.authority.is_empty()).then_some(asked.authority.as_str());
    request.set_authority(authority).map_err(|()| "authority")?;
    request
        .set_path_with_query(Some(&asked.path))
        .map_err(|()| "path")?;
    let options = asked.timeout.map(|timeout| {
        let options = RequestOptions::new();
        let refused = [
            options.set_connect_timeout(Some(timeout)),
            options.set_first_byte_timeout(Some(timeout)),
            options.set_between_bytes_timeout(Some(timeout)),
        ];
        (options, refused.contains(&Err(())))
    });
    if options.as_ref().is_some_and(|(_, refused)| *refused) {
        return Err("timeout".to_owned());
    }
    let outgoing = request.body().map_err(|()| "body")?;
    if asked.drop_before == "request" {
        drop(request);
        return Ok("dropped the request".to_owned());
    }
    let response =
        wasip2::http::outgoing_handler::handle(request, options.map(|(options, _)| options))
            .map_err(|error| format!("{error:?}"))?;
    if asked.drop_before == "body" {
        drop(outgoing);
        return await_response(&response, asked);
    }
    let stream = outgoing.write().map_err(|()| "stream")?;
    for piece in asked.body().chunks(4096) {
        stream
            .blocking_write_and_flush(piece)
            .map_err(|error| format!("write: {error:?}"))?;
    }
    drop(stream);
    if asked.drop_before == "response" {
        drop(response);
        let finished = OutgoingBody::finish(outgoing, None);
        return Ok(format!("dropped the response, {finished:?}"));
    }
    let trailers: Vec<_> = asked
        .trailers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let trailers = if trailers.is_empty() {
        None
    } else {
        Some(Fields::from_list(&trailers).map_err(|error| format!("trailer: {error}"))?)
    };
    OutgoingBody::finish(outgoing, trailers).map_err(|error| format!("finish: {error:?}"))?;
    await_response(&response, asked)
}

fn await_response(response: &FutureIncomingResponse, asked: &Request) -> Result<String, String> {
    response.subscribe().block();
    let response = response
        .get()
        .ok_or("not ready")?
        .map_err(|()| "taken")?
        .map_err(|error| format!("{error:?}"))?;
    let headers = asked.show_headers.then(|| response.headers().entries());
    let body = read(&response)?;
    Ok(shown(
        response.status(),
        headers.as_deref(),
        &body,
        asked.barred,
    ))
}

fn read(response: &IncomingResponse) -> Result<Vec<u8>, String> {
    let body = response.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut bytes = Vec::new();
    while let Ok(chunk) = stream.blocking_read(64 << 10) {
        bytes.extend(chunk);
    }
    Ok(bytes)
}

fn shown(status: u16, headers: Option<&[(String, Vec<u8>)]>, body: &[u8], barred: bool) -> String {
    let mut shown = format!("{status} ");
    for (name, value) in headers.unwrap_or_default() {
        shown += &format!("{name}: {}; ", String::from_utf8_lossy(value));
    }
    let body: String = String::from_utf8_lossy(body).chars().take(SHOWN).collect();
    shown += &body;
    if barred {
        return shown.chars().flat_map(|c| [c, '|']).collect();
    }
    shown
}
