use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::http::{Error, Prepared};

/// A request that the handler made. `Debug` shows all of it: a test has nothing to hide.
#[derive(Clone)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The whole URL, with its parameters.
    pub url: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The limit that the handler set, if it did.
    pub timeout: Option<Duration>,
}

impl Request {
    /// The value of this header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The parameters of the URL, by name.
    pub fn query(&self) -> BTreeMap<String, String> {
        let (_, query) = self.url.split_once('?').unwrap_or_default();
        form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    /// The fields of a form, by name.
    ///
    /// # Panics
    /// If the body is not a form.
    pub fn form(&self) -> BTreeMap<String, String> {
        self.expect_content_type("application/x-www-form-urlencoded");
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If the body is not JSON.
    pub fn json(&self) -> Value {
        self.expect_content_type("application/json");
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("the body is not JSON ({error}): {self:#?}"))
    }

    fn expect_content_type(&self, expected: &str) {
        assert_eq!(
            self.header("content-type"),
            Some(expected),
            "the body is of another type: {self:#?}"
        );
    }
}

/// Refuses what the host would.
impl TryFrom<Prepared> for Request {
    type Error = Error;

    fn try_from(prepared: Prepared) -> Result<Self, Error> {
        let mut headers = HeaderMap::new();
        for (name, value) in prepared.headers {
            let forbidden = || Error::HeaderForbidden(name.clone());
            headers.insert(
                HeaderName::try_from(&name).map_err(|_| forbidden())?,
                HeaderValue::try_from(value).map_err(|_| forbidden())?,
            );
        }
        Ok(Self {
            method: prepared.method,
            url: prepared.url,
            headers,
            body: prepared.body,
            timeout: prepared.timeout,
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &self.headers)
            .field("body", &String::from_utf8_lossy(&self.body))
            .field("timeout", &self.timeout)
            .finish()
    }
}
