//! What the prelude has of phonebox and of Rust: one object of functions, each a conversion.

use rquickjs::function::{Func, Opt};
use rquickjs::{Array, Ctx, Exception, IntoJs, Object, Promise, Result, TypedArray, Value};

use crate::bindings::phonebox::action::{cache, http, log, secrets};
use crate::bindings::phonebox::javascript::engine as host;
use crate::{encoding, hash, sign, url};

/// QuickJS's `Date.now`.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    host::now() * 1000.0
}

pub(crate) fn object<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let object = Object::new(ctx.clone())?;
    object.set("log", Func::from(write_log))?;
    object.set("now", Func::from(host::now))?;
    object.set("random", Func::from(random))?;
    object.set("event", Func::from(host::event))?;
    object.set("secretNames", Func::from(secrets::names))?;
    object.set("secret", Func::from(|name: String| secrets::get(&name)))?;
    object.set("cacheGet", Func::from(cache_get))?;
    object.set("cacheSet", Func::from(cache_set))?;
    object.set("cacheDelete", Func::from(cache_delete))?;
    object.set("start", Func::from(start))?;
    object.set("cancel", Func::from(host::cancel))?;
    object.set("promise", Func::from(promise))?;
    object.set("package", Func::from(crate::engine::package))?;
    encoding::add(&object)?;
    hash::add(&object)?;
    sign::add(&object)?;
    url::add(&object)?;
    Ok(object)
}

/// Gives the memory to whoever wants to go on from here.
pub(crate) fn keep_memory() {
    unsafe extern "C" {
        /// Where the data begins, and the stack does too, downwards: the linker's word.
        static __global_base: u8;
    }
    const PAGE: usize = 1 << 16;
    let begin = &raw const __global_base;
    let length = core::arch::wasm32::memory_size(0) * PAGE - begin as usize;
    // SAFETY: all of it is this instance's memory, and nothing writes to it while the host reads it.
    let memory = unsafe { std::slice::from_raw_parts(begin, length) };
    host::keep(begin as u32, memory);
}

pub(crate) type Bytes<'js> = TypedArray<'js, u8>;

/// The bytes of an array, which are copied: it may be detached or resized by whatever is called next.
pub(crate) fn bytes(array: &Bytes<'_>) -> Vec<u8> {
    // SAFETY: nothing of the engine runs while they are borrowed.
    let bytes = unsafe { array.as_bytes() };
    bytes.map(<[u8]>::to_vec).unwrap_or_default()
}

fn write_log(level: u32, message: String) {
    let level = match level {
        0 => log::Level::Debug,
        1 => log::Level::Info,
        2 => log::Level::Warn,
        _ => log::Level::Error,
    };
    log::write(level, &message);
}

/// How far a promise is, and what it is settled with.
fn promise<'js>(ctx: Ctx<'js>, promise: Promise<'js>) -> Result<Array<'js>> {
    let (state, value) = match promise.result::<Value<'js>>() {
        None => ("pending", Value::new_undefined(ctx.clone())),
        Some(Ok(value)) => ("fulfilled", value),
        // It is thrown to whoever asks, and taken back.
        Some(Err(_)) => ("rejected", ctx.catch()),
    };
    let told = Array::new(ctx)?;
    told.set(0, state)?;
    told.set(1, value)?;
    Ok(told)
}

fn random(ctx: Ctx<'_>, length: u32) -> Result<Bytes<'_>> {
    TypedArray::new(ctx, host::random(length))
}

fn cache_get<'js>(ctx: Ctx<'js>, key: String) -> Result<Option<Object<'js>>> {
    let record = cache::get(&key).map(|entry| record(&ctx, entry));
    record.transpose()
}

/// Gives the record, or the name of what is wrong.
fn cache_set<'js>(
    ctx: Ctx<'js>,
    key: String,
    value: String,
    ttl: Opt<Option<f64>>,
    expires_at: Opt<Option<f64>>,
) -> Result<Value<'js>> {
    let expiry = cache::Expiry {
        ttl: ttl.0.flatten(),
        expires_at: expires_at.0.flatten(),
    };
    match cache::set(&key, &value, expiry) {
        Ok(entry) => Ok(record(&ctx, entry)?.into_value()),
        Err(error) => cache_code(error).into_js(&ctx),
    }
}

fn cache_delete(key: String) -> Option<&'static str> {
    cache::delete(&key).err().map(cache_code)
}

fn record<'js>(ctx: &Ctx<'js>, entry: cache::Entry) -> Result<Object<'js>> {
    let record = Object::new(ctx.clone())?;
    record.set("value", entry.value)?;
    record.set("expires_at", entry.expires_at as f64)?;
    Ok(record)
}

fn cache_code(error: cache::Error) -> &'static str {
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

/// Headers are a flat list of names and values, whose characters are bytes.
fn start(method: String, url: String, headers: Vec<String>, body: Bytes<'_>) -> u32 {
    let headers = headers
        .chunks_exact(2)
        .map(|pair| (pair[0].clone(), encoding::from_latin1(&pair[1])))
        .collect();
    host::start(&http::Request {
        method,
        url,
        headers,
        body: bytes(&body),
        timeout_ms: None,
    })
}

/// How a request ended, as the prelude has it: `{status, headers, body}` or `{code, message}`.
pub(crate) struct Exports(pub(crate) std::result::Result<http::Response, http::Error>);

impl<'js> IntoJs<'js> for Exports {
    fn into_js(self, ctx: &Ctx<'js>) -> Result<Value<'js>> {
        let object = Object::new(ctx.clone())?;
        match self.0 {
            Ok(response) => {
                object.set("status", response.status)?;
                let headers = Array::new(ctx.clone())?;
                for (index, (name, value)) in response.headers.into_iter().enumerate() {
                    headers.set(2 * index, name)?;
                    headers.set(2 * index + 1, encoding::to_latin1(&value))?;
                }
                object.set("headers", headers)?;
                object.set("body", TypedArray::<u8>::new(ctx.clone(), response.body)?)?;
            }
            Err(error) => {
                let (code, message) = describe(error);
                object.set("code", code)?;
                object.set("message", message)?;
            }
        }
        Ok(object.into_value())
    }
}

/// The code that Node has for it, where it has one.
fn describe(error: http::Error) -> (&'static str, String) {
    use http::Error as E;
    let (code, message) = match error {
        E::RequestDenied => (
            "ERR_EGRESS_DENIED",
            "the request is not allowed by the action's egress rules, or carries a secret where none is put: the \
             execution's report says which",
        ),
        E::DestinationIpProhibited => (
            "ERR_EGRESS_DENIED",
            "the name leads to an address that actions may not reach",
        ),
        E::RequestUriInvalid => ("ERR_INVALID_URL", "the URL cannot be requested"),
        E::RequestMethodInvalid => (
            "ERR_INVALID_ARG_VALUE",
            "the method is not one that can be used",
        ),
        E::HeaderForbidden(name) => {
            return (
                "UND_ERR_INVALID_ARG",
                format!("the header {name} is not the action's to set, or is malformed"),
            );
        }
        E::RequestHeaderSectionSize => ("UND_ERR_INVALID_ARG", "the headers are too large"),
        E::RequestBodySize(limit) => {
            return (
                "ERR_OUT_OF_RANGE",
                format!("the body is larger than {limit} bytes"),
            );
        }
        E::BudgetExceeded => (
            "ERR_EGRESS_BUDGET",
            "this run has made all the requests that it may",
        ),
        E::DnsError => ("ENOTFOUND", "the name is not known"),
        E::DnsTimeout => ("EAI_AGAIN", "the name was not found out in time"),
        E::ConnectionRefused => ("ECONNREFUSED", "the connection was refused"),
        E::ConnectionTimeout => ("UND_ERR_CONNECT_TIMEOUT", "no connection was made in time"),
        E::ConnectionTerminated => ("ECONNRESET", "the connection was closed"),
        E::TlsCertificateError => (
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
            "the certificate is not to be trusted",
        ),
        E::TlsProtocolError => ("EPROTO", "no TLS connection could be made"),
        E::ResponseTimeout => (
            "UND_ERR_HEADERS_TIMEOUT",
            "there was no answer in time; the provider may have sent the message",
        ),
        E::ResponseHeaderSectionSize => (
            "UND_ERR_HEADERS_OVERFLOW",
            "the answer's headers are too large",
        ),
        E::ResponseBodySize(limit) => {
            return (
                "UND_ERR_RES_EXCEEDED_MAX_SIZE",
                format!("the answer's body is larger than {limit} bytes"),
            );
        }
        E::ResponseContentCoding => (
            "UND_ERR_RESPONSE",
            "the answer is compressed although it was not asked to be",
        ),
        E::HttpProtocolError => ("HPE_INVALID_CONSTANT", "the answer is not HTTP"),
        E::InternalError => ("ERR_INTERNAL", "phonebox could not make the request"),
    };
    (code, message.to_owned())
}

/// What is thrown for an argument that a function cannot take.
pub(crate) fn wrong(ctx: &Ctx<'_>, message: &str) -> rquickjs::Error {
    Exception::throw_type(ctx, message)
}
