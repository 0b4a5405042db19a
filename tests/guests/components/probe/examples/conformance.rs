//! Does what the `action.js` of a folder in `tests/conformance` does, as an action in Rust does it. Which folder it is stands in
//! the secret FOLDER, so that the event is the folder's own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use probe_guests::world::event_json;
use probe_guests::world::phonebox::action::types::{
    DeliveryMethod, Event, MessageType, Outcome, RetryRequest,
};
use probe_guests::world::phonebox::action::{cache, http, log, secrets};

const FOLDER: &str = "FOLDER";
const PROVIDER: &str = "http://provider.example:8000";
const FORM: &str = "application/x-www-form-urlencoded";
const TEXT: &str = "text/plain;charset=UTF-8";
const SENT: Result<Outcome, String> = Ok(Outcome::Sent(None));

/// Counts the runs that this instance has seen.
static RUNS: AtomicU32 = AtomicU32::new(0);

struct Conformance;

impl probe_guests::world::Guest for Conformance {
    fn deliver(event: Event) -> Result<Outcome, String> {
        match secret(FOLDER).as_str() {
            "answer-cut-short" => answer_cut_short(),
            "cache" => cache(),
            "cache-expiry" => cache_expiry(),
            "cache-refusals" => cache_refusals(),
            "drop-awaited" => drop("the number is barred"),
            "drop-returned" => match event.notification.delivery_method {
                DeliveryMethod::Text => drop("no texts"),
                DeliveryMethod::Voice => SENT,
            },
            "event" => told(&event),
            "fetch-abort" => fetch_abort(),
            "fetch-form-basic" => fetch_form_basic(&event),
            "fetch-json" => fetch_json(&event),
            "fetch-methods" => fetch_methods(),
            "last-word-counts" => retry("three"),
            "reason-is-cut" => drop(&"é".repeat(2000)),
            "response-body" => response_body(),
            "retry-not-awaited" => retry("the provider is down: 503"),
            "throw-string" => Err("a text".to_owned()),
            "top-level-state" => {
                say(&format!(
                    "{} sms 1",
                    RUNS.fetch_add(1, Ordering::Relaxed) + 1
                ));
                SENT
            }
            other => Err(format!("there is nothing for the folder {other}")),
        }
    }
}

probe_guests::world::export!(Conformance);

fn drop(reason: &str) -> Result<Outcome, String> {
    Ok(Outcome::Drop(reason.to_owned()))
}

fn retry(reason: &str) -> Result<Outcome, String> {
    let reason = reason.to_owned();
    Ok(Outcome::Retry(RetryRequest {
        reason,
        after: None,
    }))
}

fn say(line: &str) {
    log::write(log::Level::Info, line);
}

fn secret(name: &str) -> String {
    secrets::get(name).unwrap_or_default()
}

/// What is asked is what `fetch` asks.
fn ask(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
    timeout_ms: Option<u32>,
) -> Result<http::Response, http::Error> {
    let accept = [("accept", "*/*")];
    let headers = accept.iter().chain(headers);
    let headers = headers.map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    http::send(&http::Request {
        method: method.to_owned(),
        url: format!("{PROVIDER}{path}"),
        headers: headers.collect(),
        body: body.as_bytes().to_vec(),
        timeout_ms,
    })
}

fn answered(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<http::Response, String> {
    ask(method, path, headers, body, None).map_err(|error| error.to_string())
}

fn answer_cut_short() -> Result<Outcome, String> {
    match ask("GET", "/cut", &[], "", None) {
        Ok(_) => SENT,
        Err(_) => retry("the connection was lost"),
    }
}

/// An entry's end in milliseconds, as `api.cache` takes it.
fn expiry(ttl: Option<f64>, expires_at: Option<f64>) -> cache::Expiry {
    cache::Expiry { ttl, expires_at }
}

const UNSAID: cache::Expiry = cache::Expiry {
    ttl: None,
    expires_at: None,
};

fn code(error: cache::Error) -> &'static str {
    match error {
        cache::Error::MaxSideEffectsExceeded => "MaxSideEffectsExceeded",
        cache::Error::CacheKeySizeExceeded => "CacheKeySizeExceeded",
        cache::Error::CacheValueSizeExceeded => "CacheValueSizeExceeded",
        cache::Error::CacheSizeExceeded => "CacheSizeExceeded",
        cache::Error::ItemAlreadyExpired => "ItemAlreadyExpired",
        cache::Error::InvalidExpiry => "InvalidExpiry",
        cache::Error::FailedToSetCacheRecord => "FailedToSetCacheRecord",
        cache::Error::FailedToDeleteCacheRecord => "FailedToDeleteCacheRecord",
        cache::Error::CacheKeyDoesNotExist => "CacheKeyDoesNotExist",
    }
}

/// A result as `console.log` shows that of `api.cache`.
fn shown(result: Result<(), cache::Error>) -> String {
    match result {
        Ok(()) => "{ type: 'success' }".to_owned(),
        Err(error) => format!("{{ type: 'error', code: '{}' }}", code(error)),
    }
}

/// What a value is, and `undefined` where there is none.
fn value(key: &str) -> String {
    cache::get(key).map_or_else(|| "undefined".to_owned(), |entry| entry.value)
}

fn set(key: &str, value: &str, expiry: cache::Expiry) -> Result<cache::Entry, String> {
    cache::set(key, value, expiry).map_err(|error| code(error).to_owned())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "times are far from where it matters"
)]
fn cache() -> Result<Outcome, String> {
    let now = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default().as_millis() as f64
    };
    let left = |entry: &cache::Entry, of: f64| ((entry.expires_at as f64 - now()) / of).round();
    say(&format!(
        "{} {} {}",
        value("k"),
        shown(cache::delete("k")),
        value("constructor")
    ));
    let entry = set("k", "v", UNSAID)?;
    say(&format!(
        "success {} {} expires_at,value",
        entry.value,
        left(&entry, 60_000.0)
    ));
    let same = cache::get("k").is_some_and(|kept| kept.expires_at == entry.expires_at);
    say(&format!("{} {same} expires_at,value", value("k")));
    let ttl = set("k", "w", expiry(Some(60_000.9), None))?;
    say(&format!("{} true {}", left(&ttl, 1_000.0), value("k")));
    let at = now() + 5_000.0;
    let both = |ttl: f64| set("e", "x", expiry(Some(ttl), Some(at)));
    let floored = set("e", "x", expiry(None, Some(at + 0.5)))?.expires_at == at as u64;
    let earlier = both(1_000.0)?.expires_at < at as u64;
    say(&format!("{floored} {earlier}"));
    say(&format!("{}", both(99_000.0)?.expires_at == at as u64));
    set("", "", UNSAID)?;
    let empty = value("").is_empty();
    cache::delete("").map_err(code)?;
    say(&format!("success {empty} success {}", value("")));
    let first = shown(cache::delete("k"));
    say(&format!(
        "{first} {} {}",
        value("k"),
        shown(cache::delete("k"))
    ));
    SENT
}

fn cache_expiry() -> Result<Outcome, String> {
    set("short", "v", expiry(Some(200.0), None))?;
    say(&value("short"));
    std::thread::sleep(Duration::from_millis(250));
    let gone = cache::delete("long").map_or_else(code, |()| "there");
    say(&format!("{} {gone}", value("short")));
    SENT
}

fn cache_refusals() -> Result<Outcome, String> {
    let tried = |key: &str, value: &str, expiry| cache::set(key, value, expiry).map(|_| ());
    let kept = |key: &str, value: &str| tried(key, value, UNSAID).map_or_else(code, |()| "success");
    let late = |ttl, expires_at| shown(tried("k", "v", expiry(ttl, expires_at)));
    let two = |byte: &str, most: usize| (byte.repeat(most + 1), byte.repeat(most));
    let (long, longest) = two("é", 32);
    let refused = shown(tried(&long, "v", UNSAID));
    say(&format!("{refused} {}", kept(&longest, "v")));
    let (long, most) = two("x", 4096);
    let refused = shown(tried("k", &long, UNSAID));
    say(&format!("{refused} {}", kept("k", &most)));
    // What is no number in JavaScript is none here either.
    let none = f64::NAN;
    let [first, second, third, fourth] = [
        (Some(none), None),
        (Some(f64::INFINITY), None),
        (None, Some(none)),
        (Some(none), None),
    ]
    .map(|(ttl, at)| late(ttl, at));
    say(&format!("{first} {second} {third} {fourth}"));
    let [first, second, third, fourth] = [
        (Some(0.0), None),
        (Some(-1.0), None),
        (None, Some(1.0)),
        (Some(0.5), None),
    ]
    .map(|(ttl, at)| late(ttl, at));
    say(&format!("{first} {second} {third} {fourth}"));
    say(&format!("{} {}", late(Some(1e300), None), value("k").len()));
    let large = "y".repeat(4000);
    let codes = ["a", "b", "c", "d"].map(|key| match tried(key, &large, UNSAID) {
        Ok(()) => "undefined".to_owned(),
        Err(error) => format!("'{}'", code(error)),
    });
    say(&format!("[ {} ]", codes.join(", ")));
    let removed = cache::delete(&longest).map_or_else(code, |()| "success");
    let never = cache::delete("never").map_or_else(code, |()| "success");
    say(&format!("{removed} {never}"));
    SENT
}

/// The event, in the words of JavaScript where it has them.
fn told(event: &Event) -> Result<Outcome, String> {
    let undefined = || "undefined".to_owned();
    let json = event_json();
    let has = |name: &&str| json.contains(&format!("\"{name}\":{{"));
    let names = [
        "client",
        "configuration",
        "connection",
        "notification",
        "organization",
        "request",
        "secrets",
        "tenant",
        "user",
    ];
    let names: Vec<_> = names.into_iter().filter(has).collect();
    say(&names.join(","));
    let notification = &event.notification;
    let method = match notification.delivery_method {
        DeliveryMethod::Text => "text",
        DeliveryMethod::Voice => "voice",
    };
    let kind = match notification.message_type {
        MessageType::OtpVerify => "otp_verify",
        _ => "another",
    };
    let (locale, from) = (notification.locale.clone(), notification.from.clone());
    let (locale, from) = (
        locale.unwrap_or_else(undefined),
        from.unwrap_or_else(undefined),
    );
    let length = notification.as_voice.len();
    say(&format!("{method} {kind} {locale} {from} {length}"));
    let digits = notification.recipient.trim_start_matches('+').len();
    let code = notification.code.as_deref().unwrap_or_default();
    let holds = notification.as_text.contains(code);
    say(&format!("{digits} {} {holds}", code.len()));
    let user = &event.user;
    let greeting = user.user_metadata.trim_matches(['{', '}']);
    let greeting = greeting.replace("\"greeting\":\"", "greeting: '");
    let metadata = format!("{{ {} }}", greeting.replace('"', "'"));
    let verified = user.email_verified;
    say(&format!(
        "{} {} 1767323045678 {verified} {metadata}",
        user.user_id, user.created_at
    ));
    let country = event.request.geoip.country_code.clone();
    let country = country.unwrap_or_else(undefined);
    let hostname = event.request.hostname.clone().unwrap_or_else(undefined);
    let connection = event.connection.as_ref().map_or("undefined", |_| "there");
    let organization = event.organization.as_ref().map_or("undefined", |_| "there");
    say(&format!(
        "{{ id: '{}' }} {country} {hostname} {} {connection} {organization}",
        event.tenant.id, event.client.name
    ));
    let mut names = secrets::names();
    names.retain(|name| name != FOLDER);
    let token = secrets::get("TOKEN").map_or("undefined", |_| "string");
    let absent = secrets::get("ABSENT").map_or("undefined", |_| "string");
    let configuration = if json.contains("\"configuration\":{}") {
        "{}"
    } else {
        "other"
    };
    say(&format!(
        "{token} {absent} {} {} {configuration}",
        absent == "string",
        names.join(",")
    ));
    say("1");
    SENT
}

fn fetch_abort() -> Result<Outcome, String> {
    for milliseconds in [10, 10, 5] {
        if ask("GET", "/hold", &[], "", Some(milliseconds)).is_ok() {
            return Err("there was an answer".to_owned());
        }
    }
    answered("GET", "/after", &[], "")?;
    SENT
}

fn fetch_form_basic(event: &Event) -> Result<Outcome, String> {
    let (account, token) = (secret("ACCOUNT"), secret("TOKEN"));
    let basic = format!("Basic {}", base64(format!("{account}:{token}").as_bytes()));
    let notification = &event.notification;
    let body = format!(
        "To={}&From=%2B15005550006&Body={}",
        notification.recipient.replace('+', "%2B"),
        notification.as_text.replace(' ', "+")
    );
    let path = format!("/2010-04-01/Accounts/{account}/Messages.json");
    let kind = format!("{FORM};charset=UTF-8");
    let headers = [("authorization", &*basic), ("content-type", &*kind)];
    let response = answered("POST", &path, &headers, &body)?;
    let said = String::from_utf8_lossy(&response.body);
    say(&format!("{} {said}", response.status));
    let headers = [("authorization", &*basic), ("content-type", FORM)];
    answered("PUT", "/again", &headers, &body)?;
    SENT
}

fn fetch_json(event: &Event) -> Result<Outcome, String> {
    let bearer = format!("Bearer {}", secret("TOKEN"));
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/json"),
        ("x-trace", "a"),
    ];
    let notification = &event.notification;
    let body = format!(
        r#"{{"to":"{}","text":"{}","name":"Ünïcödé 😀"}}"#,
        notification.recipient, notification.as_text
    );
    let response = answered("POST", "/messages?x=1", &headers, &body)?;
    let said: serde_json::Value =
        serde_json::from_slice(&response.body).map_err(|error| error.to_string())?;
    if said["status"] == "queued" {
        SENT
    } else {
        drop("not queued")
    }
}

fn fetch_methods() -> Result<Outcome, String> {
    let text = [("content-type", TEXT)];
    for (method, path, headers, body) in [
        ("GET", "/GET", &[][..], ""),
        ("GET", "/get", &[], ""),
        ("DELETE", "/DELETE", &[], ""),
        ("PUT", "/PUT", &text, "of PUT"),
        ("PATCH", "/PATCH", &text, "of PATCH"),
        ("HEAD", "/HEAD", &[], ""),
        ("POST", "/request", &[("x-b", "3")], "text"),
        (
            "POST",
            "/request",
            &[("content-type", TEXT), ("x-a", "1, 2")],
            "text",
        ),
        ("POST", "/url", &[], "hi"),
        ("POST", "/empty", &[], ""),
    ] {
        answered(method, path, headers, body)?;
    }
    SENT
}

fn response_body() -> Result<Outcome, String> {
    for (path, length) in [
        ("/bytes", 5),
        ("/text", 8),
        ("/blob", 4),
        ("/read", 5000),
        ("/iterate", 11),
        ("/empty", 0),
        ("/bom", 10),
    ] {
        let response = answered("GET", path, &[], "")?;
        if response.body.len() != length {
            return Err(format!("{path} has {} bytes", response.body.len()));
        }
    }
    SENT
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().enumerate();
        let bits = bits.fold(0, |bits, (at, byte)| {
            bits | u32::from(*byte) << (16 - 8 * at)
        });
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) & 63;
            encoded.push(if place <= three.len() {
                char::from(ALPHABET[six as usize])
            } else {
                '='
            });
        }
    }
    encoded
}
