//! The example actions once more, made with no SDK: plain `wit-bindgen` on `guest-sdk/wit`.
//!
//! Each of `examples/` behaves as the one of its name in the repository's `examples/actions` and passes
//! the same fixtures. Here is what they share: the bindings, and how a provider wants its bytes.

mod bindings {
    wit_bindgen::generate!({
        world: "custom-phone-provider",
        path: "../../../../guest-sdk/wit",
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "phonebox_bare_guests",
    });
}

pub use bindings::*;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phonebox::action::http::{Error, Request, Response, send};
use phonebox::action::log::{Level, write};
use phonebox::action::secrets;
use phonebox::action::types::{Receipt, RetryRequest};
use serde_json::Value;

/// The secret, or what the action fails with.
pub fn secret(name: &str) -> Result<String, String> {
    secrets::get(name).ok_or_else(|| format!("there is no secret `{name}`"))
}

/// The value of an `Authorization` header.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Pairs as a form sends them.
pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// One request through the buffered import. An error that the provider is to blame for is told
/// as an outcome.
pub fn request(
    method: &str,
    url: String,
    headers: &[(&str, &str)],
    body: String,
    timeout_ms: Option<u32>,
) -> Result<Result<Response, Outcome>, String> {
    let request = Request {
        method: method.to_owned(),
        url,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body: body.into_bytes(),
        timeout_ms,
    };
    match send(&request) {
        Ok(response) => Ok(Ok(response)),
        Err(
            error @ (Error::ConnectionRefused
            | Error::ConnectionTerminated
            | Error::ConnectionTimeout
            | Error::DnsError
            | Error::DnsTimeout
            | Error::HttpProtocolError
            | Error::InternalError
            | Error::TlsProtocolError),
        ) => Ok(Err(retry(
            format!("the provider could not be asked: {error:?}"),
            None,
        ))),
        Err(Error::ResponseTimeout) => Ok(Err(retry(
            "the provider did not answer in time".to_owned(),
            None,
        ))),
        Err(error) => Err(format!("the request cannot be made: {error:?}")),
    }
}

/// What matters of an answer.
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<u32>,
    pub body: Vec<u8>,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let named = |(name, _): &&(String, Vec<u8>)| name.eq_ignore_ascii_case("retry-after");
        let retry_after = response.headers.iter().find(named);
        Self {
            status: response.status,
            retry_after: retry_after.and_then(|(_, value)| seconds(value)),
            body: response.body,
        }
    }
}

/// `Retry-After` as a number of seconds.
pub fn seconds(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body, or `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// 408, 425, 429 and 5xx may pass, the rest does not.
    pub fn failure(&self, reason: String) -> Outcome {
        match self.status {
            408 | 425 | 429 | 500.. => retry(reason, self.retry_after),
            _ => Outcome::Drop(reason),
        }
    }
}

pub fn sent(provider: &str, message_id: &Value) -> Outcome {
    Outcome::Sent(message_id.as_str().map(|message_id| Receipt {
        provider: provider.to_owned(),
        message_id: message_id.to_owned(),
    }))
}

pub fn retry(reason: String, after: Option<u32>) -> Outcome {
    Outcome::Retry(RetryRequest { reason, after })
}

pub fn log_error(message: &str) {
    write(Level::Error, message);
}

/// Text as it may stand in XML.
pub fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&apos;")
        .replace(['\t', '\r', '\n'], " ")
        .replace(|c: char| c.is_ascii_control(), "")
}
