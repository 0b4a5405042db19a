//! A tenant's phone provider: whether its own action delivers what it sends, or the built-in one for Twilio.

use jiff::Timestamp;
use phonebox_contract::{
    Client, DeliveryMethod, Event, Fault, MessageType, Notification, PhoneNumber, Sensitive, User,
};
use phonebox_egress::OriginPattern;
use phonebox_runtime::{Mode, Secret};
use phonebox_store::{
    NewPhoneProvider, PatchPhoneProvider, PhoneProvider as Kept, StoreError, Time,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::delivery::CannotLoad;
use crate::keys::{CannotDecrypt, Keys};
use crate::tenant::{SendError, Sent, Tenant};

/// What notifications have as their action that the built-in one delivers. No action of a tenant's is called so.
pub(crate) const TWILIO: &str = "phonebox:twilio";
/// Where the auth token may go.
const TWILIO_API: &str = "https://api.twilio.com";
/// Longest value of a provider's configuration and credentials, in bytes.
const LONGEST: usize = 255;

/// What delivers what a tenant sends.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderName {
    /// The built-in action for Twilio.
    Twilio,
    /// The tenant's own action.
    Custom,
}

/// How a phone provider is set up.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfiguration {
    /// Twilio: the account's SID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Twilio: the sender where a template names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_from: Option<Sensitive>,
    /// Twilio: the SID of the messaging service that chooses the sender of texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mssid: Option<String>,
    /// What it delivers; at least one, and each once.
    pub delivery_methods: Vec<DeliveryMethod>,
}

/// A phone provider that is to be made.
#[derive(Clone, Debug)]
pub struct NewProvider {
    /// What delivers.
    pub name: ProviderName,
    /// Whether nothing is sent.
    pub disabled: bool,
    /// How it is set up.
    pub configuration: Option<ProviderConfiguration>,
    /// Twilio: the account's auth token.
    pub auth_token: Option<Sensitive>,
}

/// What becomes different about a phone provider. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ProviderChange {
    /// What delivers.
    pub name: Option<ProviderName>,
    /// Whether nothing is sent.
    pub disabled: Option<bool>,
    /// How it is set up.
    pub configuration: Option<ProviderConfiguration>,
    /// Twilio: the account's auth token.
    pub auth_token: Option<Sensitive>,
}

/// A tenant's phone provider. Its credentials are told to nobody.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Provider {
    /// Its id: `pro_` and 22 letters and digits.
    pub id: String,
    /// What delivers.
    pub name: ProviderName,
    /// Whether nothing is sent.
    pub disabled: bool,
    /// How it is set up.
    pub configuration: Option<ProviderConfiguration>,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed last.
    pub updated_at: Time,
}

/// Why a phone provider stays as it is. Says nothing of what was given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// There is one.
    #[error("the tenant has a phone provider")]
    Exists,
    /// There is no action that a custom provider could deliver with.
    #[error(
        "a custom phone provider delivers by an action, and the tenant has none that is deployed"
    )]
    NoAction,
    /// Whoever started this process gave it no action for Twilio.
    #[error("this phonebox has no built-in action for Twilio")]
    NoTwilio,
    /// Twilio needs an account, and a sender or a messaging service.
    #[error(
        "Twilio needs configuration.sid, and configuration.default_from or configuration.mssid"
    )]
    Incomplete,
    /// Twilio needs credentials.
    #[error("Twilio needs credentials.auth_token")]
    NoCredentials,
    /// Something is not what it may be.
    #[error("{0} is not 1 to {LONGEST} bytes without control characters")]
    Text(&'static str),
    /// The account's or the service's SID, which becomes a part of an address.
    #[error("{0} is not 1 to {LONGEST} letters, digits, hyphens and underscores")]
    Sid(&'static str),
    /// It delivers nothing, or the same twice.
    #[error("configuration.delivery_methods is not text, voice, or both")]
    Methods,
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ProviderError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Exists => "change it, or delete it first",
            Self::NoAction => "deploy an action for custom-phone-provider first",
            Self::NoTwilio => {
                "deploy an action that speaks to Twilio, and make the provider custom"
            }
            Self::Incomplete => "give the account's SID, and the number or the service that sends",
            Self::NoCredentials => "take it from the Twilio Console",
            Self::Text(_) | Self::Sid(_) => "write it as Twilio's Console shows it",
            Self::Methods => "name each of those that it delivers once",
            Self::Store(error) => error.hint(),
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        Fault::Platform
    }
}

impl ProviderName {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::Custom => "custom",
        }
    }
}

impl Tenant {
    /// Its phone provider. Without one, what it sends goes to the action that is bound.
    pub async fn phone_provider(&self) -> Result<Option<Provider>, StoreError> {
        let kept = self.engine.store.phone_provider(&self.name).await?;
        kept.map(Provider::read).transpose()
    }

    /// Makes its phone provider. What is sent from now on goes by it.
    pub async fn create_phone_provider(&self, new: NewProvider) -> Result<Provider, ProviderError> {
        let NewProvider {
            name,
            disabled,
            configuration,
            auth_token,
        } = new;
        check(configuration.as_ref(), auth_token.as_ref())?;
        self.check_available(name)?;
        match name {
            ProviderName::Twilio => {
                let complete = configuration.as_ref().is_some_and(is_complete);
                if !complete {
                    return Err(ProviderError::Incomplete);
                }
                if auth_token.is_none() {
                    return Err(ProviderError::NoCredentials);
                }
            }
            ProviderName::Custom => {
                if self.engine.store.bound(&self.name).await?.is_none() {
                    return Err(ProviderError::NoAction);
                }
            }
        }
        let new = NewPhoneProvider {
            id: new_id("pro_"),
            name: name.as_str().to_owned(),
            disabled,
            configuration: configuration.as_ref().map(written),
            sealed: auth_token.map(|token| seal(&self.engine.keys, &self.name, &token)),
        };
        let kept = self
            .engine
            .store
            .create_phone_provider(&self.name, new)
            .await?;
        let kept = kept.ok_or(ProviderError::Exists)?;
        self.now_delivers(&kept.id, "a phone provider was made");
        Ok(Provider::read(kept)?)
    }

    /// Changes its phone provider. What is under way ends with what it began with. None where it has none of this id.
    ///
    /// As Auth0 does, this takes what [`Tenant::create_phone_provider`] would not: then sending says what is missing.
    pub async fn change_phone_provider(
        &self,
        id: &str,
        change: ProviderChange,
    ) -> Result<Option<Provider>, ProviderError> {
        check(change.configuration.as_ref(), change.auth_token.as_ref())?;
        if let Some(name) = change.name {
            self.check_available(name)?;
        }
        let patch = PatchPhoneProvider {
            name: change.name.map(|name| name.as_str().to_owned()),
            disabled: change.disabled,
            configuration: change.configuration.as_ref().map(written),
            sealed: change
                .auth_token
                .map(|token| seal(&self.engine.keys, &self.name, &token)),
        };
        let change = self
            .engine
            .store
            .change_phone_provider(&self.name, id, patch);
        let Some(kept) = change.await? else {
            return Ok(None);
        };
        self.now_delivers(&kept.id, "a phone provider was changed");
        Ok(Some(Provider::read(kept)?))
    }

    /// Forgets its phone provider, and its credentials. False where it has none of this id.
    pub async fn remove_phone_provider(&self, id: &str) -> Result<bool, StoreError> {
        let remove = self.engine.store.remove_phone_provider(&self.name, id);
        let removed = remove.await?;
        if removed {
            self.now_delivers(id, "a phone provider was removed");
        }
        Ok(removed)
    }

    /// Sends a message with a made-up code by its phone provider, like any other notification. None where it has none of this
    /// id.
    pub async fn try_phone_provider(
        &self,
        id: &str,
        to: PhoneNumber,
        method: DeliveryMethod,
    ) -> Result<Option<Sent>, SendError> {
        let kept = self.engine.store.phone_provider(&self.name).await?;
        if kept.is_none_or(|kept| kept.id != id) {
            return Ok(None);
        }
        let event = trial(&self.name, MessageType::OtpVerify, to, method);
        self.send(event).await.map(Some)
    }

    fn check_available(&self, name: ProviderName) -> Result<(), ProviderError> {
        match name {
            ProviderName::Twilio if self.engine.twilio().is_none() => Err(ProviderError::NoTwilio),
            _ => Ok(()),
        }
    }

    fn now_delivers(&self, id: &str, what: &'static str) {
        tracing::info!(target: "phonebox::secrets", tenant = &*self.name, provider = id, "{what}");
        self.engine.rerouted(&self.name);
        self.engine.deployed(&self.name, TWILIO, None);
    }
}

impl Provider {
    pub(crate) fn read(kept: Kept) -> Result<Self, StoreError> {
        let damaged = || StoreError::Damaged("a phone provider cannot be read".to_owned());
        let configuration = kept.configuration.as_deref().map(serde_json::from_str);
        let name = match &*kept.name {
            "twilio" => ProviderName::Twilio,
            "custom" => ProviderName::Custom,
            _ => return Err(damaged()),
        };
        Ok(Self {
            id: kept.id,
            name,
            disabled: kept.disabled,
            configuration: configuration.transpose().map_err(|_| damaged())?,
            created_at: kept.created_at,
            updated_at: kept.updated_at,
        })
    }
}

/// What the built-in action runs with, by the names in its manifest. Only the token is a secret.
pub(crate) fn twilio_secrets(
    keys: &Keys,
    tenant: &str,
    kept: Kept,
) -> Result<Vec<(String, Secret)>, CannotLoad> {
    let token = kept.sealed.as_deref().ok_or(CannotLoad::NoProvider)?;
    let token = keys.open_secret(&purpose(tenant), token);
    let token = token.and_then(|token| serde_json::from_slice(&token).map_err(|_| CannotDecrypt));
    let token: Sensitive = token.map_err(|source| CannotLoad::Secret {
        name: "auth_token".to_owned(),
        source,
    })?;
    let configuration = Provider::read(kept)?.configuration.unwrap_or_default();
    let origin = OriginPattern::parse(TWILIO_API).expect("Twilio's origin is one");
    let revealed = |value| Secret::new(value).with_mode(Mode::Revealed);
    let named = [
        (
            "TWILIO_AUTH_TOKEN",
            Some(Secret::new(token).bound_to([origin])),
        ),
        ("TWILIO_ACCOUNT_SID", configuration.sid.map(revealed)),
        (
            "TWILIO_FROM",
            configuration
                .default_from
                .map(|from| Secret::new(from).with_mode(Mode::Revealed)),
        ),
        (
            "TWILIO_MESSAGING_SERVICE_SID",
            configuration.mssid.map(revealed),
        ),
    ];
    let named = named.into_iter();
    Ok(named
        .filter_map(|(name, secret)| Some((name.to_owned(), secret?)))
        .collect())
}

/// Whether Twilio can be asked with it.
pub(crate) fn is_complete(configuration: &ProviderConfiguration) -> bool {
    configuration.sid.is_some()
        && (configuration.default_from.is_some() || configuration.mssid.is_some())
}

fn check(
    configuration: Option<&ProviderConfiguration>,
    auth_token: Option<&Sensitive>,
) -> Result<(), ProviderError> {
    let text = |name, value: &Sensitive| {
        let value = value.reveal();
        let fits = (1..=LONGEST).contains(&value.len()) && !value.contains(char::is_control);
        fits.then_some(()).ok_or(ProviderError::Text(name))
    };
    let sid = |name, value: &String| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let fits = (1..=LONGEST).contains(&value.len()) && value.bytes().all(fits);
        fits.then_some(()).ok_or(ProviderError::Sid(name))
    };
    if let Some(token) = auth_token {
        text("credentials.auth_token", token)?;
    }
    let Some(configuration) = configuration else {
        return Ok(());
    };
    for (name, value) in [
        ("configuration.sid", &configuration.sid),
        ("configuration.mssid", &configuration.mssid),
    ] {
        value.as_ref().map_or(Ok(()), |value| sid(name, value))?;
    }
    if let Some(from) = &configuration.default_from {
        text("configuration.default_from", from)?;
    }
    match configuration.delivery_methods[..] {
        [_] => Ok(()),
        [one, other] if one != other => Ok(()),
        _ => Err(ProviderError::Methods),
    }
}

fn written(configuration: &ProviderConfiguration) -> String {
    serde_json::to_string(configuration).expect("every key of a configuration is a string")
}

/// What a provider's credentials are encrypted for.
pub(crate) fn purpose(tenant: &str) -> [&str; 2] {
    ["phone-provider", tenant]
}

fn seal(keys: &Keys, tenant: &str, token: &Sensitive) -> Vec<u8> {
    let text = serde_json::to_vec(token).expect("a text is JSON");
    keys.seal_secret(&purpose(tenant), &Zeroizing::new(text))
}

/// An id like Auth0's: 22 characters, without those that look like others.
pub(crate) fn new_id(prefix: &str) -> String {
    const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let digit = |_| DIGITS.get(rand::random_range(0..DIGITS.len()));
    let digits = (0..22).filter_map(digit).map(|digit| char::from(*digit));
    prefix.chars().chain(digits).collect()
}

/// An event as a platform would send it, of nobody's, with a made-up code.
pub(crate) fn trial(
    tenant: &str,
    message_type: MessageType,
    to: PhoneNumber,
    method: DeliveryMethod,
) -> Event {
    let code = format!("{:06}", rand::random_range(0..1_000_000));
    let mut notification = Notification::new(message_type, to, "");
    notification.delivery_method = method;
    let has_code = matches!(
        message_type,
        MessageType::OtpEnroll | MessageType::OtpVerify
    );
    notification.code = has_code.then(|| code.into());

    let mut client = Client::default();
    "phonebox".clone_into(&mut client.client_id);
    "phonebox".clone_into(&mut client.name);
    let mut of = phonebox_contract::Tenant::default();
    tenant.clone_into(&mut of.id);
    let mut user = User::default();
    "phonebox|try".clone_into(&mut user.user_id);
    user.created_at = Timestamp::now().to_string();
    user.updated_at.clone_from(&user.created_at);
    let mut request = phonebox_contract::Request::default();
    "127.0.0.1".clone_into(&mut request.ip);
    "POST".clone_into(&mut request.method);
    Event::new(notification, client, of, user, request)
}
