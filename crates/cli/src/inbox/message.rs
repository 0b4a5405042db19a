//! What is kept of each request, and the words in which the inbox is told to fail.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One request to a provider: what it meant, how it came, and what it was answered.
///
/// As JSON this is one element of `GET /messages`. It holds the code, the number and the
/// credentials in full, on purpose: it exists to be looked at by the person who made the request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// Counts from 1 in order of arrival.
    pub id: u64,
    /// When the request had been read.
    pub at: Timestamp,
    /// Whose dialect it was read in.
    pub provider: Provider,
    /// Whether it is read or heard.
    pub channel: Channel,
    /// Whether the provider took it. A failed attempt is kept as well, with `false` here.
    pub accepted: bool,
    /// The recipient, as it was written in the request.
    pub to: Option<String>,
    /// The sender, as it was written in the request; for Twilio a messaging service counts.
    pub from: Option<String>,
    /// What the person would read or hear.
    pub text: Option<String>,
    /// The one-time code, where the request carries it apart from the text.
    pub code: Option<String>,
    /// The id under which the provider accepted it.
    pub message_id: Option<String>,
    /// The request as it came.
    pub request: RecordedRequest,
    /// What it was answered.
    pub answer: RecordedAnswer,
}

/// A request as it came over the wire.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecordedRequest {
    /// In capitals.
    pub method: String,
    /// Absolute, with the host that the request named, and the port if it named one.
    pub url: String,
    /// In order of arrival, names in small letters, values with `U+FFFD` for bytes that are not UTF-8.
    pub headers: Vec<(String, String)>,
    /// At most [`Inbox::BODY_LIMIT`](super::Inbox::BODY_LIMIT) bytes, with `U+FFFD` for bytes that are not UTF-8.
    pub body: String,
    /// The decoded fields of a form, in order; empty when the body is no form.
    pub form: Vec<(String, String)>,
}

impl RecordedRequest {
    /// The first header of that name (small letters).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first field of a form by that exact name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What a request was answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecordedAnswer {
    /// `None` when no answer was given: a timeout or a closed connection.
    pub status: Option<u16>,
    /// Those that the provider's dialect or the script set; names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
}

/// How the person gets the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Read: an SMS or a chat message.
    Text,
    /// Heard: a call.
    Voice,
}

/// The dialects that the inbox speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Any host that is not known: taken with `200 {}`.
    Generic,
    /// Kannel's `sendsms`, on any host.
    Kannel,
    /// Amazon SNS.
    Sns,
    /// Twilio Messages, and what is unknown at Twilio's hosts.
    Twilio,
    /// Twilio Verify with a custom code.
    TwilioVerify,
    /// Twilio calls with inline `TwiML`.
    TwilioVoice,
    /// Vonage's SMS API.
    Vonage,
    /// Vonage's Messages API, and what is unknown at Vonage's hosts.
    VonageMessages,
}

impl Provider {
    /// The same word as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Kannel => "kannel",
            Self::Sns => "sns",
            Self::Twilio => "twilio",
            Self::TwilioVerify => "twilio-verify",
            Self::TwilioVoice => "twilio-voice",
            Self::Vonage => "vonage",
            Self::VonageMessages => "vonage-messages",
        }
    }
}

/// What the inbox does to every request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// Answers as the provider does when all is well.
    #[default]
    #[serde(rename = "none")]
    None,
    /// The provider's own way to say "too many requests", with `Retry-After: 2`.
    #[serde(rename = "429")]
    TooManyRequests,
    /// The provider's own way to say "our fault".
    #[serde(rename = "500")]
    ServerError,
    /// Accepts the request and never answers; ends when the client goes away.
    #[serde(rename = "timeout")]
    Timeout,
    /// The provider's own way to say that the recipient's number will never work.
    #[serde(rename = "wrong-number")]
    WrongNumber,
}

impl Failure {
    /// All of them, in the order in which the page and the terminal go through them.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::TooManyRequests,
        Self::ServerError,
        Self::Timeout,
        Self::WrongNumber,
    ];

    /// The same word as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::TooManyRequests => "429",
            Self::ServerError => "500",
            Self::Timeout => "timeout",
            Self::WrongNumber => "wrong-number",
        }
    }
}

/// An answer that is given instead of the provider's own, to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedAnswer {
    /// The HTTP status. A 2xx counts as accepted.
    pub status: http::StatusCode,
    /// Sent as they are; `content-length` is added.
    pub headers: http::HeaderMap,
    /// Sent as it is.
    pub body: bytes::Bytes,
    /// What goes wrong on the way; the rest is unused unless this is [`Fault::None`].
    pub fault: Fault,
}

/// What goes wrong with a [`ScriptedAnswer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The connection is closed without an answer.
    Close,
    /// Nothing: the answer is given.
    #[default]
    None,
    /// No answer ever comes.
    Timeout,
}
