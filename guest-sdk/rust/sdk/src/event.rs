//! What happened, and to whom: the `event` of Auth0's `custom-phone-provider` trigger.
//!
//! Names are Auth0's. What Auth0 may leave out is an `Option`. Times are RFC 3339 text. The types
//! grow as Auth0's do, so they cannot be built by hand; `phonebox_sdk::test::event` makes one for a
//! unit test. `Debug` leaves out the number, the code, the texts and what identifies the person.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::{InvalidJson, json};

/// Everything an action learns about one notification.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// Stable over all attempts of this notification, different for every notification. Offer it
    /// to the provider as idempotency key, so that a retry after an unclear failure does not send
    /// a second message.
    pub notification_id: String,
    /// Which try this is, counted from 1. phonebox makes six at the most.
    pub attempt: u32,
    /// The application that the person is signing in to.
    pub client: Client,
    /// The connection that the person is signing in with, where there is one.
    pub connection: Option<Connection>,
    /// The custom domain that the request came in on, where there is one.
    pub custom_domain: Option<CustomDomain>,
    /// What has to be said, to which number, and how.
    pub notification: Notification,
    /// The organization that the person is signing in to, where there is one.
    pub organization: Option<Organization>,
    /// The request that set off this notification.
    pub request: RequestInfo,
    /// The tenant that the notification belongs to.
    pub tenant: Tenant,
    /// The sign-in transaction that this belongs to, where there is one.
    pub transaction: Option<Transaction>,
    /// The person who is to be reached.
    pub user: User,
}

/// An application.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Client {
    /// For example `gmOWNgklfRm4tyl5YYnl3JDSJy19h1bR`.
    pub client_id: String,
    /// The name that people see.
    pub name: String,
    /// What the tenant's administrator noted.
    pub metadata: Metadata,
}

/// Where the person's identity comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connection {
    /// For example `con_fpe5kj482KO1eOzQ`.
    pub id: String,
    /// The connection's name.
    pub name: String,
    /// For example `auth0`, `sms`, `google-oauth2`.
    pub strategy: String,
    /// What the tenant's administrator noted.
    pub metadata: Metadata,
}

/// A domain of the tenant's own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CustomDomain {
    /// For example `login.acme.example`.
    pub domain: String,
    /// What the tenant's administrator noted.
    pub domain_metadata: Metadata,
}

/// How the recipient is to be reached.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DeliveryMethod {
    /// A text message.
    Text,
    /// A voice call.
    Voice,
}

impl DeliveryMethod {
    /// Auth0's name for it: `text` or `voice`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Voice => "voice",
        }
    }
}

/// What the notification is for. The first two carry a code.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MessageType {
    /// A code that proves who is signing in.
    OtpVerify,
    /// A code that enrols the phone as a second factor.
    OtpEnroll,
    /// The account was blocked after too many failed sign-ins.
    BlockedAccount,
    /// A password change was asked for.
    ChangePassword,
    /// The password turned up in a known breach.
    PasswordBreach,
}

impl MessageType {
    /// Auth0's name for it, for example `otp_verify`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtpVerify => "otp_verify",
            Self::OtpEnroll => "otp_enroll",
            Self::BlockedAccount => "blocked_account",
            Self::ChangePassword => "change_password",
            Self::PasswordBreach => "password_breach",
        }
    }
}

/// What has to be said. `Debug` leaves out the number, the code and the texts.
#[derive(Clone)]
#[non_exhaustive]
pub struct Notification {
    /// The whole message, ready to be sent as text. At most 1,024 characters. Contains the code.
    pub as_text: String,
    /// The whole message, ready to be read aloud: digits stand apart and are repeated. At most
    /// 1,024 characters.
    pub as_voice: String,
    /// The one-time code alone, for providers that send their own wording. At most 20 characters.
    pub code: Option<String>,
    /// By text or by voice.
    pub delivery_method: DeliveryMethod,
    /// The sender that the tenant's template names, as it stands there. At most 16 characters.
    pub from: Option<String>,
    /// The language of the message, for example `en-US`. At most 15 characters.
    pub locale: Option<String>,
    /// What it is for.
    pub message_type: MessageType,
    /// The number to reach, in E.164: `+` and 7 to 15 digits, nothing else.
    pub recipient: String,
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("delivery_method", &self.delivery_method)
            .field("locale", &self.locale)
            .field("message_type", &self.message_type)
            .finish_non_exhaustive()
    }
}

/// An organization of the tenant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Organization {
    /// For example `org_6QIbcbEpSm1nUJ5b`.
    pub id: String,
    /// The name that stands in URLs.
    pub name: String,
    /// The name that people see.
    pub display_name: String,
    /// What the tenant's administrator noted.
    pub metadata: Metadata,
}

/// The request that set off the notification. It is the person's, not phonebox's. `Debug` leaves
/// out where the person is.
#[derive(Clone)]
#[non_exhaustive]
pub struct RequestInfo {
    /// The address that it came from.
    pub ip: String,
    /// The HTTP method.
    pub method: String,
    /// The host that it went to.
    pub hostname: Option<String>,
    /// The language that the person asked for, for example `en`.
    pub language: Option<String>,
    /// The browser or program that made it.
    pub user_agent: Option<String>,
    /// Where the address is thought to be.
    pub geoip: Geoip,
}

impl fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestInfo")
            .field("method", &self.method)
            .field("hostname", &self.hostname)
            .field("language", &self.language)
            .finish_non_exhaustive()
    }
}

/// Where the address of the request is thought to be. Any part may be unknown.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Geoip {
    /// For example `Bellevue`.
    pub city_name: Option<String>,
    /// For example `NA`.
    pub continent_code: Option<String>,
    /// ISO 3166-1 alpha-2, for example `US`.
    pub country_code: Option<String>,
    /// ISO 3166-1 alpha-3, for example `USA`.
    pub country_code3: Option<String>,
    /// For example `United States of America`.
    pub country_name: Option<String>,
    /// In degrees.
    pub latitude: Option<f64>,
    /// In degrees.
    pub longitude: Option<f64>,
    /// For example `WA`.
    pub subdivision_code: Option<String>,
    /// For example `Washington`.
    pub subdivision_name: Option<String>,
    /// For example `America/Los_Angeles`.
    pub time_zone: Option<String>,
}

impl fmt::Debug for Geoip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Geoip")
            .field("country_code", &self.country_code)
            .finish_non_exhaustive()
    }
}

/// The tenant. Optional parts are at most 1,024 characters each.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tenant {
    /// The tenant's name.
    pub id: String,
    /// The name that people see.
    pub friendly_name: Option<String>,
    /// Where people find the tenant.
    pub home_url: Option<String>,
    /// The tenant's logo.
    pub logo_url: Option<String>,
    /// Where people ask for help.
    pub support_email: Option<String>,
    /// Where people find help.
    pub support_url: Option<String>,
}

/// A sign-in transaction.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Transaction {
    /// What ties the steps of one sign-in together.
    pub correlation_id: Option<String>,
}

/// The person. Most of it is what the tenant stores about them. `Debug` shows the id alone.
#[derive(Clone)]
#[non_exhaustive]
pub struct User {
    /// For example `auth0|5f7c8ec7c33c6c004bbafe82`.
    pub user_id: String,
    /// The person's address.
    pub email: Option<String>,
    /// Whether the person has shown that the address is theirs.
    pub email_verified: bool,
    /// For example `Doe`.
    pub family_name: Option<String>,
    /// For example `Jane`.
    pub given_name: Option<String>,
    /// For example `Jane Doe`.
    pub name: Option<String>,
    /// For example `j.doe`.
    pub nickname: Option<String>,
    /// The URL of a picture.
    pub picture: Option<String>,
    /// The name that the person signs in with.
    pub username: Option<String>,
    /// As the tenant stores it; send to [`Notification::recipient`] instead.
    pub phone_number: Option<String>,
    /// Whether the person has shown that the number is theirs.
    pub phone_verified: Option<bool>,
    /// When the person was first known.
    pub created_at: String,
    /// When the entry last changed.
    pub updated_at: String,
    /// Only where the tenant keeps the password itself.
    pub last_password_reset: Option<String>,
    /// What the tenant keeps about the person: an object.
    pub app_metadata: Json,
    /// What the person may change: an object.
    pub user_metadata: Json,
    /// The ways in which the person signs in.
    pub identities: Vec<Identity>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("user_id", &self.user_id)
            .finish_non_exhaustive()
    }
}

/// One of the ways in which the person signs in. `Debug` leaves out the profile.
#[derive(Clone)]
#[non_exhaustive]
pub struct Identity {
    /// The connection's name.
    pub connection: Option<String>,
    /// Whether it is a social network.
    pub is_social: Option<bool>,
    /// What the provider says about the person: an object.
    pub profile_data: Option<Json>,
    /// For example `auth0`, `google-oauth2`.
    pub provider: Option<String>,
    /// The person's id there.
    pub user_id: Option<String>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("connection", &self.connection)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// Free text set by the tenant's administrator, by key.
///
/// ```
/// use phonebox_sdk::event::Metadata;
///
/// let metadata = Metadata::from(vec![("sms_sender".to_owned(), "Acme".to_owned())]);
/// assert_eq!(metadata.get("sms_sender"), Some("Acme"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metadata(Vec<(String, String)>);

impl Metadata {
    /// The text under this key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(other, _)| *other == key)
            .map(|(_, value)| value)
    }

    /// All keys and texts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl From<Vec<(String, String)>> for Metadata {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }
}

/// A value that may be any JSON, parsed when it is wanted. `Debug` leaves it out.
///
/// ```
/// use serde::Deserialize;
///
/// #[derive(Default, Deserialize)]
/// #[serde(default)]
/// struct Preferences {
///     sms_sender: Option<String>,
/// }
///
/// let mut event = phonebox_sdk::test::event().build();
/// event.user.app_metadata = r#"{"sms_sender": "Acme"}"#.to_owned().into();
///
/// let preferences: Preferences = event.user.app_metadata.parse()?;
/// assert_eq!(preferences.sms_sender.as_deref(), Some("Acme"));
/// # Ok::<_, phonebox_sdk::InvalidJson>(())
/// ```
#[derive(Clone)]
pub struct Json(String);

impl Json {
    /// The value, in the shape that the code expects.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, InvalidJson> {
        json::parse(self.0.as_bytes())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Json").finish_non_exhaustive()
    }
}
