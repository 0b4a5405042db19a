//! What is said: a tenant's templates for messages to phones, and those that it has without doing anything.

mod each;
mod liquid;
mod wording;

use std::sync::Arc;

use phonebox_contract::{DeliveryMethod, Event, Fault, MessageType, PhoneNumber};
use phonebox_store::{NewPhoneTemplate, PatchPhoneTemplate, PhoneTemplate, StoreError, Time};

pub(crate) use self::wording::{Known, Wording};
use crate::provider::{new_id, trial};
use crate::tenant::{SendError, Sent, Tenant};

/// Longest sender, in characters.
const FROM: usize = 16;

/// A tenant's template for messages of one type.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Template {
    /// Its id: `tem_` and 22 letters and digits. None: the tenant has not made it, and it is phonebox's own.
    pub id: Option<String>,
    /// What it is for.
    pub message_type: MessageType,
    /// Whether phonebox's own is used instead.
    pub disabled: bool,
    /// The sender that it names.
    pub from: Option<String>,
    /// What is written, in Liquid.
    pub text: String,
    /// What is read aloud, in Liquid.
    pub voice: String,
    /// When it was made.
    pub created_at: Option<Time>,
    /// When it was changed last.
    pub updated_at: Option<Time>,
}

/// What becomes different about a template. What is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct TemplateChange {
    /// Whether phonebox's own is used instead.
    pub disabled: Option<bool>,
    /// The sender that it names.
    pub from: Option<String>,
    /// What is written, in Liquid: 1 to 20,000 characters.
    pub text: Option<String>,
    /// What is read aloud, in Liquid: 1 to 20,000 characters.
    pub voice: Option<String>,
}

/// Why a template stays as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is one for messages of this type.
    #[error("the tenant has a template for {}", type_name(*.0))]
    Exists(MessageType),
    /// A body is no template.
    #[error("{part} is no template: {fault}")]
    Body {
        /// Which.
        part: &'static str,
        /// What is wrong, with its line.
        fault: String,
    },
    /// The sender has too many characters, or none.
    #[error("content.from is not 1 to {FROM} characters")]
    From,
    /// The store does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TemplateError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Exists(_) => "change it, or delete it first",
            Self::Body { .. } => "mend that place; what Liquid has here is in phonebox's README",
            Self::From => "write a number as in +14155550100, or leave it out",
            Self::Store(error) => error.hint(),
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        Fault::Platform
    }
}

/// The types of messages that a tenant has templates for without doing anything, as in Auth0.
const DEFAULTS: [MessageType; 4] = [
    MessageType::OtpVerify,
    MessageType::OtpEnroll,
    MessageType::ChangePassword,
    MessageType::BlockedAccount,
];
const ALL: [MessageType; 5] = [
    MessageType::OtpVerify,
    MessageType::OtpEnroll,
    MessageType::ChangePassword,
    MessageType::BlockedAccount,
    MessageType::PasswordBreach,
];

pub(crate) const fn type_name(message_type: MessageType) -> &'static str {
    match message_type {
        MessageType::BlockedAccount => "blocked_account",
        MessageType::ChangePassword => "change_password",
        MessageType::OtpEnroll => "otp_enroll",
        MessageType::OtpVerify => "otp_verify",
        MessageType::PasswordBreach => "password_breach",
    }
}

impl Template {
    /// Phonebox's own.
    fn own(message_type: MessageType) -> Self {
        let [text, voice] = wording::own(message_type);
        Self {
            id: None,
            message_type,
            disabled: false,
            from: None,
            text: text.to_owned(),
            voice: voice.to_owned(),
            created_at: None,
            updated_at: None,
        }
    }

    fn read(kept: PhoneTemplate) -> Result<Self, StoreError> {
        let named = |known: &MessageType| type_name(*known) == kept.kind;
        let message_type = ALL.into_iter().find(named);
        let damaged = || StoreError::Damaged("a phone template cannot be read".to_owned());
        Ok(Self {
            message_type: message_type.ok_or_else(damaged)?,
            id: Some(kept.id),
            disabled: kept.disabled,
            from: kept.from,
            text: kept.text,
            voice: kept.voice,
            created_at: Some(kept.created_at),
            updated_at: Some(kept.updated_at),
        })
    }
}

impl TemplateChange {
    fn check(&self) -> Result<(), TemplateError> {
        for (part, text) in [
            ("content.body.text", &self.text),
            ("content.body.voice", &self.voice),
        ] {
            let parsed = text.as_deref().map(liquid::Parsed::new).transpose();
            parsed.map_err(|fault| TemplateError::Body { part, fault })?;
        }
        let fits = |from: &String| {
            (1..=FROM).contains(&from.chars().count()) && !from.contains(char::is_control)
        };
        if self.from.as_ref().is_some_and(|from| !fits(from)) {
            return Err(TemplateError::From);
        }
        Ok(())
    }
}

impl Tenant {
    /// Its templates, and phonebox's own for messages that it has none for.
    pub async fn phone_templates(&self) -> Result<Vec<Template>, StoreError> {
        let kept = self.engine.store.phone_templates(&self.name).await?;
        let mut kept: Vec<_> = kept
            .into_iter()
            .map(Template::read)
            .collect::<Result<_, _>>()?;
        let mut all = Vec::new();
        for message_type in ALL {
            let at = kept
                .iter()
                .position(|template| template.message_type == message_type);
            match at {
                Some(at) => all.push(kept.swap_remove(at)),
                None if DEFAULTS.contains(&message_type) => all.push(Template::own(message_type)),
                None => {}
            }
        }
        Ok(all)
    }

    /// Its template of this id.
    pub async fn phone_template(&self, id: &str) -> Result<Option<Template>, StoreError> {
        let kept = self.engine.store.phone_templates(&self.name).await?;
        let kept = kept.into_iter().find(|kept| kept.id == id);
        kept.map(Template::read).transpose()
    }

    /// Makes a template for messages of a type. What is left out is phonebox's own.
    pub async fn create_phone_template(
        &self,
        message_type: MessageType,
        content: TemplateChange,
    ) -> Result<Template, TemplateError> {
        let own = Template::own(message_type);
        content.check()?;
        let new = NewPhoneTemplate {
            id: new_id("tem_"),
            kind: type_name(message_type).to_owned(),
            disabled: content.disabled.unwrap_or(false),
            from: content.from,
            text: content.text.unwrap_or(own.text),
            voice: content.voice.unwrap_or(own.voice),
        };
        let kept = self
            .engine
            .store
            .create_phone_template(&self.name, new)
            .await?;
        self.engine.reworded(&self.name);
        let kept = kept.ok_or(TemplateError::Exists(message_type))?;
        Ok(Template::read(kept)?)
    }

    /// Changes a template. None where it has none of this id.
    pub async fn change_phone_template(
        &self,
        id: &str,
        change: TemplateChange,
    ) -> Result<Option<Template>, TemplateError> {
        change.check()?;
        let patch = PatchPhoneTemplate {
            disabled: change.disabled,
            from: change.from.map(Some),
            text: change.text,
            voice: change.voice,
        };
        Ok(self.patch_template(id, patch).await?)
    }

    /// Has a template say what phonebox's own says. None where it has none of this id.
    pub async fn reset_phone_template(&self, id: &str) -> Result<Option<Template>, StoreError> {
        let Some(template) = self.phone_template(id).await? else {
            return Ok(None);
        };
        let own = Template::own(template.message_type);
        let patch = PatchPhoneTemplate {
            disabled: None,
            from: Some(None),
            text: Some(own.text),
            voice: Some(own.voice),
        };
        self.patch_template(id, patch).await
    }

    async fn patch_template(
        &self,
        id: &str,
        patch: PatchPhoneTemplate,
    ) -> Result<Option<Template>, StoreError> {
        let store = &self.engine.store;
        let kept = store.change_phone_template(&self.name, id, patch).await?;
        self.engine.reworded(&self.name);
        kept.map(Template::read).transpose()
    }

    /// Forgets a template: phonebox's own is used from now on. False where it has none of this id.
    pub async fn remove_phone_template(&self, id: &str) -> Result<bool, StoreError> {
        let remove = self.engine.store.remove_phone_template(&self.name, id);
        let removed = remove.await?;
        self.engine.reworded(&self.name);
        Ok(removed)
    }

    /// Sends what a template makes of nobody's account and a made-up code, whether it is disabled or not. None where it has
    /// none of this id.
    pub async fn try_phone_template(
        &self,
        id: &str,
        to: PhoneNumber,
        method: DeliveryMethod,
    ) -> Result<Option<Sent>, SendError> {
        let Some(template) = self.phone_template(id).await? else {
            return Ok(None);
        };
        let event = trial(&self.name, template.message_type, to, method);
        let filling = Arc::new(Wording::new(&template)).fill(event);
        let (event, filled) = filling.await.ok_or(SendError::ShuttingDown)?;
        filled.map_err(SendError::Template)?;
        self.send(event).await.map(Some)
    }
}

/// Words an event, where it is without, by the tenant's own template or, if that makes no message, by phonebox's own. None where
/// the process is ending.
pub(crate) async fn word(
    wording: Option<Arc<Wording>>,
    tenant: &str,
    mut event: Event,
) -> Option<Event> {
    let message_type = event.notification.message_type;
    if let Some(wording) = wording {
        let (worded, filled) = wording.fill(event).await?;
        event = worded;
        match filled {
            Ok(()) => return Some(event),
            Err(fault) => tracing::warn!(
                tenant,
                template = type_name(message_type),
                fault,
                "a template makes no message; phonebox's own is used instead",
            ),
        }
    }
    wording::fill_own(&mut event);
    Some(event)
}
