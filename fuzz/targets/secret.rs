//! Sealed secrets: in a request that is sent, each value stands where its placeholder stood, and nothing else is changed; where
//! that cannot be, the request is refused.
//!
//! In a URL, that is: in segments of the path and in values of the query, which are as many as before.
//!
//! Input, between NULs: the secrets' values, and last the request: the URL on a line, a line for each header as `name: value`,
//! an empty line, the body. In it, the bytes 1 to 8 stand for placeholders; a value behind `basic:` is encoded.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use percent_encoding::percent_decode_str;
use phonebox_egress::Request;
use phonebox_egress::fuzzing::{placeholders, put_secrets};
use serde_json::Value;
use url::Url;

/// Security specification, 3.4: never there, whatever else a name says.
const NEVER: [&str; 8] = [
    "user-agent",
    "referer",
    "origin",
    "x-request-id",
    "idempotency-key",
    "accept",
    "sec-fetch-site",
    "traceparent",
];

/// What stands for the secrets, and their values.
struct Secrets(Vec<(String, String)>);

impl Secrets {
    /// A text of the input, with placeholders in it.
    fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        for c in text.chars() {
            match self.0.get((c as usize).wrapping_sub(1)) {
                Some((placeholder, _)) => filled += placeholder,
                None => filled.push(c),
            }
        }
        filled
    }

    fn put(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (placeholder, value)| {
                text.replace(placeholder, value)
            })
    }

    fn put_each(&self, texts: Vec<String>) -> Vec<String> {
        texts.iter().map(|text| self.put(text)).collect()
    }

    fn are_in(&self, text: &str) -> bool {
        self.0
            .iter()
            .any(|(placeholder, _)| text.contains(placeholder))
    }

    fn put_in_json(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.put(&text)),
            Value::Array(values) => values
                .into_iter()
                .map(|one| self.put_in_json(one))
                .collect(),
            Value::Object(values) => values
                .into_iter()
                .map(|(name, one)| (name, self.put_in_json(one)))
                .collect(),
            other => other,
        }
    }
}

/// Scheme, host and port. The dot that may end a name is left away on the wire.
fn origin(url: &Url) -> (&str, &str, Option<u16>) {
    let host = url.host_str().expect("what has no host is refused");
    let host = host.strip_suffix('.').unwrap_or(host);
    (url.scheme(), host, url.port_or_known_default())
}

/// The segments of the path. The standard parser takes `.` and `..` out of it.
fn segments(url: &Url) -> Vec<String> {
    let segments = url.path().split('/');
    segments
        .map(|one| percent_decode_str(one).decode_utf8_lossy().into_owned())
        .collect()
}

/// The names and the values of a form or a query.
fn pairs(form: &str) -> (Vec<String>, Vec<String>) {
    url::form_urlencoded::parse(form.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .unzip()
}

fn basic(value: &str) -> Option<String> {
    let (scheme, encoded) = value.split_once(' ')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    String::from_utf8(STANDARD.decode(is_basic.then_some(encoded)?).ok()?).ok()
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut fields = text.split('\0').collect::<Vec<_>>();
    let request = fields.pop().unwrap_or_default();
    let mut named = Vec::new();
    for value in fields.into_iter().take(8) {
        // What cannot be kept, and what is itself a placeholder, does not come here.
        if value.is_empty() || value.contains(['\r', '\n']) || value.contains("sealed_") {
            return;
        }
        named.push((format!("S{}", named.len()), value.to_owned()));
    }
    let values = named.iter().map(|(_, value)| value.clone());
    let texts = placeholders(&named);
    let texts = texts.iter().map(|one| one.as_str().to_owned());
    let secrets = Secrets(texts.zip(values).collect());

    let request = secrets.fill(request);
    let (head, body) = request.split_once("\n\n").unwrap_or((&request, ""));
    let (url, lines) = head.split_once('\n').unwrap_or((head, ""));
    let headers: Vec<(String, String)> = lines
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            let value = match value.strip_prefix("basic:") {
                Some(pair) => format!("Basic {}", STANDARD.encode(pair)),
                None => value.to_owned(),
            };
            (name.to_owned(), value)
        })
        .collect();
    let asked = Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
            .collect(),
        body: body.to_owned().into(),
        timeout: None,
    };
    let Some(sent) = put_secrets(&named, asked) else {
        return;
    };

    let mut swaps = 0;
    let mut count = |text: &str| {
        swaps += secrets
            .0
            .iter()
            .map(|(placeholder, _)| text.matches(placeholder.as_str()).count())
            .sum::<usize>();
    };
    let [before, after] =
        [url, &sent.url].map(|url| Url::parse(url).expect("what is no URL is refused"));
    assert_eq!(origin(&before), origin(&after));
    assert_eq!(segments(&after), secrets.put_each(segments(&before)));
    let (names, values) = pairs(before.query().unwrap_or_default());
    assert!(!names.iter().any(|name| secrets.are_in(name)), "{names:?}");
    assert_eq!(
        pairs(after.query().unwrap_or_default()),
        (names, secrets.put_each(values))
    );
    count(url);
    assert_eq!(sent.headers.len(), headers.len());
    for ((name, before), (same, after)) in headers.iter().zip(&sent.headers) {
        let after = String::from_utf8(after.clone()).expect("text stays text");
        assert_eq!(name, same);
        assert!(!secrets.are_in(name), "{name}");
        let pair = basic(before);
        let text = pair.as_deref().unwrap_or(before);
        if !secrets.are_in(text) {
            assert_eq!(before, &after);
            continue;
        }
        let lower = name.to_ascii_lowercase();
        assert!(!NEVER.contains(&&*lower), "{name}");
        count(text);
        let expected = match &pair {
            Some(pair) => format!("Basic {}", STANDARD.encode(secrets.put(pair))),
            None => secrets.put(before),
        };
        assert_eq!(after, expected, "{name}");
    }

    let after = String::from_utf8(sent.body.to_vec()).expect("text stays text");
    if !secrets.are_in(body) {
        assert_eq!(after, body);
    } else {
        count(body);
        let kind = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let kind = kind
            .expect("a body of no kind is refused")
            .1
            .to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind == "application/json" || kind.ends_with("+json") {
            let before = serde_json::from_str(body).expect("what is no JSON is refused");
            let after: Value = serde_json::from_str(&after).expect("JSON stays JSON");
            assert_eq!(after, secrets.put_in_json(before));
        } else {
            assert_eq!(kind, "application/x-www-form-urlencoded");
            let (names, values) = pairs(body);
            assert_eq!(pairs(&after), (names, secrets.put_each(values)));
        }
        assert!(!secrets.are_in(&after), "{after}");
    }
    assert!(swaps <= 8, "{swaps}");
});
