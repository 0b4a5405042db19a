use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema;
use crate::{InvalidPhoneNumber, PhoneNumber, Sensitive, Violation};

/// The `event` of Auth0's `custom-phone-provider` trigger, version 1, without its `secrets`.
///
/// Field names and optionality are Auth0's. What Auth0 requires is not an `Option` here; when it is missing in a posted
/// test event it is empty. Fields that this version does not know are kept, so that an event leaves as it came;
/// [`Event::check`] says which of them the contract does not allow.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// The application that the person is signing in to.
    #[serde(default)]
    pub client: Client,
    /// The connection that the person is signing in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// The custom domain that the request came in on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_domain: Option<CustomDomain>,
    /// What has to be said, and to whom.
    pub notification: Notification,
    /// The organization that the person is signing in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// The person's request that set off the notification.
    #[serde(default)]
    pub request: Request,
    /// The tenant.
    #[serde(default)]
    pub tenant: Tenant,
    /// The sign-in transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<Transaction>,
    /// The person.
    #[serde(default)]
    pub user: User,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Why a text is not an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// It is not JSON.
    #[error("the event is not JSON: line {line}, column {column}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A field has the wrong type. The value is not repeated.
    #[error("{path} of the event is not what it should be: expected {expected}")]
    Field {
        /// Where, for example `notification.code`.
        path: String,
        /// What should be there.
        expected: String,
    },
    /// `notification.recipient` is missing.
    #[error(
        "the event has no notification.recipient; give the number to reach, as in +14155550100"
    )]
    NoRecipient,
    /// `notification.recipient` is not a telephone number.
    #[error("notification.recipient is not a telephone number")]
    Recipient(#[source] InvalidPhoneNumber),
}

macro_rules! object {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Default, Deserialize, PartialEq, Serialize)]
        #[serde(default)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            #[serde(flatten)]
            extra: Map<String, Value>,
        }
    };
}

object! {
    /// An application.
    Client {
        /// Its id.
        client_id: String,
        /// Its name.
        name: String,
        /// Text by key, set by the tenant's administrator.
        metadata: BTreeMap<String, String>,
    }
}

object! {
    /// Where the person's identity comes from.
    Connection {
        /// Its id, for example `con_fpe5kj482KO1eOzQ`.
        id: String,
        /// Its name.
        name: String,
        /// For example `auth0` or `sms`.
        strategy: String,
        /// Text by key, set by the tenant's administrator.
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<BTreeMap<String, String>>,
    }
}

object! {
    /// A domain of the tenant's own.
    CustomDomain {
        /// The domain.
        domain: String,
        /// Text by key, set by the tenant's administrator.
        domain_metadata: BTreeMap<String, String>,
    }
}

/// How a recipient is to be reached.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMethod {
    /// A text message.
    #[default]
    Text,
    /// A voice call.
    Voice,
}

/// What a notification is for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// The account was blocked.
    BlockedAccount,
    /// A password change was asked for.
    ChangePassword,
    /// A code that enrols a phone.
    OtpEnroll,
    /// A code that proves who is signing in.
    #[default]
    OtpVerify,
    /// The password turned up in a breach.
    PasswordBreach,
}

/// What has to be said, to which number, and how.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Notification {
    /// The message to send as text, at most 1,024 characters.
    #[serde(default)]
    pub as_text: Sensitive,
    /// The message to read aloud, at most 1,024 characters.
    #[serde(default)]
    pub as_voice: Sensitive,
    /// The one-time code, at most 20 characters, only with `otp_*` types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Sensitive>,
    /// Text or voice.
    #[serde(default)]
    pub delivery_method: DeliveryMethod,
    /// The sender that the template names, at most 16 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Sensitive>,
    /// The language, for example `en-US`, at most 15 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub message_type: MessageType,
    /// The number to reach.
    pub recipient: PhoneNumber,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

object! {
    /// An organization of the tenant.
    Organization {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// The name that people see.
        display_name: String,
        /// Text by key, set by the tenant's administrator.
        metadata: BTreeMap<String, String>,
    }
}

object! {
    /// The person's request that set off the notification.
    Request {
        /// Where it came from.
        ip: String,
        /// Its HTTP method.
        method: String,
        /// The host that it went to.
        #[serde(skip_serializing_if = "Option::is_none")]
        hostname: Option<String>,
        /// The language asked for.
        #[serde(skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        /// The person's browser.
        #[serde(skip_serializing_if = "Option::is_none")]
        user_agent: Option<String>,
        /// Where the address is thought to be.
        geoip: Geoip,
    }
}

/// Where an address is thought to be. Auth0 spells these in camel case.
#[derive(Clone, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "camelCase")]
#[non_exhaustive]
pub struct Geoip {
    /// The city.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city_name: Option<String>,
    /// For example `NA`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continent_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// ISO 3166-1 alpha-3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_code3: Option<String>,
    /// The country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_name: Option<String>,
    /// Degrees north.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Degrees east.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// The state's or province's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdivision_code: Option<String>,
    /// The state or province.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdivision_name: Option<String>,
    /// For example `America/Los_Angeles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

object! {
    /// The tenant. Optional parts are at most 1,024 characters.
    Tenant {
        /// Its name.
        id: String,
        /// The name that people see.
        #[serde(skip_serializing_if = "Option::is_none")]
        friendly_name: Option<String>,
        /// Its website.
        #[serde(skip_serializing_if = "Option::is_none")]
        home_url: Option<String>,
        /// Its logo.
        #[serde(skip_serializing_if = "Option::is_none")]
        logo_url: Option<String>,
        /// Where people get help by mail.
        #[serde(skip_serializing_if = "Option::is_none")]
        support_email: Option<String>,
        /// Where people get help.
        #[serde(skip_serializing_if = "Option::is_none")]
        support_url: Option<String>,
    }
}

object! {
    /// A sign-in transaction.
    Transaction {
        /// Ties together what belongs to one sign-in.
        #[serde(skip_serializing_if = "Option::is_none")]
        correlation_id: Option<String>,
    }
}

object! {
    /// The person.
    User {
        /// The person's id, for example `auth0|5f7c8ec7c33c6c004bbafe82`.
        user_id: String,
        /// The mail address.
        #[serde(skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// Whether the mail address was verified.
        email_verified: bool,
        /// The family name.
        #[serde(skip_serializing_if = "Option::is_none")]
        family_name: Option<String>,
        /// The given name.
        #[serde(skip_serializing_if = "Option::is_none")]
        given_name: Option<String>,
        /// The full name.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The nickname.
        #[serde(skip_serializing_if = "Option::is_none")]
        nickname: Option<String>,
        /// A portrait's URL.
        #[serde(skip_serializing_if = "Option::is_none")]
        picture: Option<String>,
        /// The user name.
        #[serde(skip_serializing_if = "Option::is_none")]
        username: Option<String>,
        /// The number as the tenant stores it.
        #[serde(skip_serializing_if = "Option::is_none")]
        phone_number: Option<Sensitive>,
        /// Whether the number was verified.
        #[serde(skip_serializing_if = "Option::is_none")]
        phone_verified: Option<bool>,
        /// RFC 3339.
        created_at: String,
        /// RFC 3339.
        updated_at: String,
        /// RFC 3339; only where the tenant keeps the password.
        #[serde(skip_serializing_if = "Option::is_none")]
        last_password_reset: Option<String>,
        /// Any JSON by key.
        app_metadata: Map<String, Value>,
        /// Any JSON by key.
        user_metadata: Map<String, Value>,
        /// The ways in which the person signs in.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        identities: Vec<Identity>,
    }
}

/// One of the ways in which a person signs in.
#[derive(Clone, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Identity {
    /// The connection's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Whether it is a social connection.
    #[serde(rename = "isSocial", skip_serializing_if = "Option::is_none")]
    pub is_social: Option<bool>,
    /// What the provider knows of the person.
    #[serde(rename = "profileData", skip_serializing_if = "Option::is_none")]
    pub profile_data: Option<Map<String, Value>>,
    /// The identity provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The person's id there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl Event {
    /// An event with the parts that Auth0 requires of every event. The others are fields, to be set afterwards.
    pub fn new(
        notification: Notification,
        client: Client,
        tenant: Tenant,
        user: User,
        request: Request,
    ) -> Self {
        Self {
            client,
            connection: None,
            custom_domain: None,
            notification,
            organization: None,
            request,
            tenant,
            transaction: None,
            user,
            extra: Map::new(),
        }
    }

    /// Reads an event that somebody wrote by hand, to test with. Only the recipient is required of it; numbers may be
    /// written with separators, and unknown fields are kept. `secrets` and `configuration` are left out: an action gets
    /// its secrets from its host.
    pub fn from_json(json: &str) -> Result<Self, InvalidEvent> {
        let value: Value = serde_json::from_str(json).map_err(|error| InvalidEvent::Syntax {
            line: error.line(),
            column: error.column(),
        })?;
        let recipient = value
            .pointer("/notification/recipient")
            .and_then(Value::as_str);
        recipient
            .ok_or(InvalidEvent::NoRecipient)?
            .parse::<PhoneNumber>()
            .map_err(InvalidEvent::Recipient)?;
        let mut event: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            // Serde's message begins with the value, which may be a code.
            let message = error.inner().to_string();
            let expected = message
                .rsplit_once("expected ")
                .map_or("another value", |(_, end)| end);
            InvalidEvent::Field {
                path: error.path().to_string(),
                expected: expected.to_owned(),
            }
        })?;
        event.extra.remove("secrets");
        event.extra.remove("configuration");
        Ok(event)
    }

    /// Auth0's exact JSON, with the `secrets` and `configuration` that it always has, empty.
    pub fn to_json(&self) -> String {
        let mut value = self.to_value();
        if let Value::Object(event) = &mut value {
            event.insert("configuration".to_owned(), Value::Object(Map::new()));
            event.insert("secrets".to_owned(), Value::Object(Map::new()));
        }
        value.to_string()
    }

    /// Holds the event against Auth0's contract, strictly: required fields, unknown fields, limits, formats.
    pub fn check(&self) -> Result<(), Vec<Violation>> {
        let violations = schema::check(&self.to_value());
        if violations.is_empty() {
            Ok(())
        } else {
            Err(violations)
        }
    }

    fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("every key of an event is a string")
    }
}

impl Notification {
    /// A text message without a code.
    pub fn new(
        message_type: MessageType,
        recipient: PhoneNumber,
        text: impl Into<Sensitive>,
    ) -> Self {
        let text = text.into();
        Self {
            as_voice: text.clone(),
            as_text: text,
            code: None,
            delivery_method: DeliveryMethod::Text,
            from: None,
            locale: None,
            message_type,
            recipient,
            extra: Map::new(),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("tenant", &self.tenant.id)
            .field("notification", &self.notification)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification")
            .field("message_type", &self.message_type)
            .field("delivery_method", &self.delivery_method)
            .field("recipient", &self.recipient)
            .finish_non_exhaustive()
    }
}
