use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;

use crate::{InvalidJson, Outcome, json};

/// A provider's whole answer.
///
/// `Debug` shows the status and the body's length: an answer often repeats the number.
#[derive(Clone)]
pub struct Response {
    pub(crate) status: StatusCode,
    /// As they came, so that an action that reads none carries no code for a map of them.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The value of the first header of this name, if it is text.
    pub fn header(&self, name: impl AsRef<str>) -> Option<&str> {
        let name = name.as_ref();
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The headers, without those that belong to the connection.
    pub fn headers(&self) -> HeaderMap {
        let headers = self.headers.iter().filter_map(|(name, value)| {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            Some((name, HeaderValue::from_bytes(value).ok()?))
        });
        headers.collect()
    }

    /// The body as it came.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text. What is not UTF-8 becomes `U+FFFD`.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body())
    }

    /// The body as JSON of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, InvalidJson> {
        json::parse(self.body())
    }

    /// How long the provider asks to wait: `Retry-After` in seconds (RFC 9110 §10.2.3). A date, which
    /// the RFC allows too, is left to phonebox's own schedule.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header("retry-after")?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// The outcome of an answer that is not a success, by the general rule.
    ///
    /// 408, 425, 429 and 5xx become [`Outcome::Retry`], after [`retry_after`](Self::retry_after) if
    /// the provider says; all else becomes [`Outcome::Drop`]. A provider's own codes refine it:
    /// handle those first and leave the rest to this. Mind the providers that answer 200 to what
    /// they refuse: look into the body before calling it sent.
    ///
    /// ```
    /// use std::time::Duration;
    /// use phonebox_sdk::{Outcome, http, test};
    ///
    /// let busy = test::Answer::text(429, "slow down").header("retry-after", "7");
    /// # let host = test::Host::new().answer(busy);
    /// # let handler = |_event| {
    /// let response = http::post("https://gateway.example/send").send()?;
    /// let outcome = response.failure("the gateway is busy");
    /// assert_eq!(outcome, Outcome::retry_after("the gateway is busy", Duration::from_secs(7)));
    /// # Ok(outcome)
    /// # };
    /// # host.run(handler, test::event()).unwrap();
    /// ```
    pub fn failure(&self, reason: impl Into<String>) -> Outcome {
        match self.status() {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                self.retry(reason)
            }
            status if status.is_server_error() => self.retry(reason),
            _ => Outcome::drop(reason),
        }
    }

    /// [`Outcome::Retry`], after [`retry_after`](Self::retry_after) if the provider says.
    pub fn retry(&self, reason: impl Into<String>) -> Outcome {
        Outcome::Retry {
            reason: reason.into(),
            after: self.retry_after(),
        }
    }
}

/// The answer as the `http` crate's own type.
impl From<Response> for http::Response<Vec<u8>> {
    fn from(response: Response) -> Self {
        let headers = response.headers();
        let mut converted = Self::new(response.body);
        *converted.status_mut() = response.status;
        *converted.headers_mut() = headers;
        converted
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status())
            .field("body_bytes", &self.body().len())
            .finish_non_exhaustive()
    }
}
