use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde::Serialize;

use super::{Error, Response};
use crate::host;

/// A request in the making: [`http::post`](super::post) begins it, [`send`](Self::send) makes it.
///
/// What cannot be in a request, such as a line break in a header, is told by `send`.
/// `Debug` shows no more than the method: the rest holds credentials, the number and the code.
#[must_use = "nothing is sent before `send`"]
pub struct Request {
    prepared: Result<Prepared, Error>,
}

/// A finished request, as the host takes it. The host judges what it says; here is no second opinion.
pub(crate) struct Prepared {
    pub(crate) method: Method,
    pub(crate) url: String,
    /// By names in lower case.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) timeout: Option<Duration>,
}

impl Request {
    /// A request with this method, to this absolute URL.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            prepared: Ok(Prepared {
                method,
                url: url.into(),
                headers: Vec::new(),
                body: Vec::new(),
                timeout: None,
            }),
        }
    }

    /// Sets a header, in place of one of the same name.
    pub fn header(self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        self.set_header(name.as_ref(), value.as_ref())
    }

    /// Adds a parameter to the URL.
    ///
    /// Prefer [`form`](Self::form) or [`json`](Self::json) where the provider gives the choice:
    /// URLs end up in access logs.
    ///
    /// ```
    /// use phonebox_sdk::{Outcome, Result, http, test};
    ///
    /// # let host = test::Host::new().answer(test::Answer::text(200, ""));
    /// # host.run(|_event| {
    /// http::get("https://gateway.example/send").query("text", "49 & 20").send()?;
    /// # Ok(Outcome::sent())
    /// # }, test::event()).unwrap();
    /// # assert_eq!(host.requests()[0].url, "https://gateway.example/send?text=49+%26+20");
    /// ```
    pub fn query(self, name: &str, value: impl AsRef<str>) -> Self {
        self.add_query(name, value.as_ref())
    }

    /// Authenticates with a user's name and a password.
    pub fn basic(self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        let pair = format!("{}:{}", user.as_ref(), password.as_ref());
        self.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)))
    }

    /// Authenticates with a token.
    pub fn bearer(self, token: impl AsRef<str>) -> Self {
        self.header(AUTHORIZATION, format!("Bearer {}", token.as_ref()))
    }

    /// Makes these pairs the body, as an HTML form would (`application/x-www-form-urlencoded`).
    pub fn form<K: AsRef<str>, V: AsRef<str>>(
        self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Makes this value the body, as JSON.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body("application/json", body),
            // A map whose keys are not text, say. The content stays out of the error.
            Err(_) => Self {
                prepared: Err(Error::RequestBodyInvalid),
            },
        }
    }

    /// Makes these bytes the body.
    pub fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.header(CONTENT_TYPE, content_type).change(|request| {
            request.body = body.into();
        })
    }

    /// Limits how long the whole request may take. The host's own limit (12 seconds) and the rest
    /// of the run's time bound it.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.change(|request| {
            request.timeout = Some(timeout);
        })
    }

    /// Makes the request and waits for the whole answer, of whatever status.
    pub fn send(self) -> Result<Response, Error> {
        host::send(self.prepared?)
    }

    fn set_header(self, name: &str, value: &[u8]) -> Self {
        self.change(|request| {
            let name = name.to_ascii_lowercase();
            request.headers.retain(|(other, _)| *other != name);
            request.headers.push((name, value.to_vec()));
        })
    }

    fn add_query(self, name: &str, value: &str) -> Self {
        self.change(|request| {
            let start = request.url.find('?').map_or_else(
                || {
                    request.url.push('?');
                    request.url.len()
                },
                |mark| mark + 1,
            );
            let url = std::mem::take(&mut request.url);
            request.url = form_urlencoded::Serializer::for_suffix(url, start)
                .append_pair(name, value)
                .finish();
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Prepared)) -> Self {
        if let Ok(prepared) = &mut self.prepared {
            change(prepared);
        }
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.prepared.as_ref().map(|p| &p.method))
            .finish_non_exhaustive()
    }
}
