//! Templates as they are used: parsed once, and filled in for every notification that comes without words.

use std::sync::{Arc, LazyLock};

use liquid_core::Object;
use phonebox_contract::{Event, MessageType, Sensitive};
use phonebox_store::StoreError;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::liquid::Parsed;
use super::{ALL, Template};
use crate::delivery::Engine;

/// What is written and what is read aloud.
pub(super) const fn own(message_type: MessageType) -> [&'static str; 2] {
    match message_type {
        MessageType::OtpVerify => [
            "{{ code }} is your code for {{ friendly_name | truncate: 60 }}. Do not share it.",
            "Hello. This is {{ friendly_name | truncate: 60 }}. Your code is {{ pause }} {{ code }} {{ pause }} \
             Once more, your code is {{ pause }} {{ code }}",
        ],
        MessageType::OtpEnroll => [
            "{{ code }} is your code for {{ friendly_name | truncate: 60 }}. Type it in to add this phone to your \
             account. Do not share it.",
            "Hello. This is {{ friendly_name | truncate: 60 }}. To add this phone to your account, type in this code: \
             {{ pause }} {{ code }} {{ pause }} Once more, the code is {{ pause }} {{ code }}",
        ],
        MessageType::ChangePassword => [
            "{% if code %}{{ code }} is your code to change your password for {{ friendly_name | truncate: 60 }}. \
             Do not share it.{% else %}Somebody asked to change your password for {{ friendly_name | truncate: 60 }}. \
             If it was not you, do nothing.{% endif %}",
            "Hello. This is {{ friendly_name | truncate: 60 }}. {% if code %}Your code to change your password is \
             {{ pause }} {{ code }} {{ pause }} Once more, your code is {{ pause }} {{ code }}{% else %}Somebody asked \
             to change your password. If it was not you, do nothing.{% endif %}",
        ],
        MessageType::BlockedAccount => [
            "{{ friendly_name | truncate: 60 }}: your account was blocked after too many attempts to sign in\
             {% if user.city and user.country %} from {{ user.city | truncate: 60 }}, {{ user.country | truncate: 60 }}\
             {% elsif user.source_ip %} from {{ user.source_ip | truncate: 60 }}{% endif %}.\
             {% if support_email %} Help: {{ support_email | truncate: 100 }}{% endif %}",
            "Hello. This is {{ friendly_name | truncate: 60 }}. {{ pause }} Your account was blocked after too many \
             attempts to sign in{% if user.country %} from {{ user.country | truncate: 60 }}{% endif %}.",
        ],
        MessageType::PasswordBreach => [
            "{{ friendly_name | truncate: 60 }}: your password was found in a data breach of another site. Change it \
             before you sign in again.",
            "Hello. This is {{ friendly_name | truncate: 60 }}. {{ pause }} Your password was found in a data breach \
             of another site. Change it before you sign in again.",
        ],
    }
}

/// Phonebox's own, parsed.
static OWN: LazyLock<Vec<Arc<Wording>>> = LazyLock::new(|| {
    let wording = |message_type| Arc::new(Wording::new(&Template::own(message_type)));
    ALL.into_iter().map(wording).collect()
});

/// A template, parsed.
pub(crate) struct Wording {
    message_type: MessageType,
    from: Option<String>,
    text: Result<Parsed, String>,
    voice: Result<Parsed, String>,
}

/// A tenant's templates that are not disabled, once somebody has looked for them. Who comes meanwhile waits for that.
pub(crate) type Known = Arc<Mutex<Option<Vec<Arc<Wording>>>>>;

impl Wording {
    pub(super) fn new(template: &Template) -> Self {
        Self {
            message_type: template.message_type,
            from: template.from.clone(),
            text: Parsed::new(&template.text),
            voice: Parsed::new(&template.voice),
        }
    }

    /// Words an event, where it is without. Off the threads that others wait for: it may take some milliseconds. None where
    /// the process is ending.
    pub(super) async fn fill(
        self: Arc<Self>,
        mut event: Event,
    ) -> Option<(Event, Result<(), String>)> {
        let fill = move || {
            let filled = self.fill_now(&mut event);
            (event, filled)
        };
        tokio::task::spawn_blocking(fill).await.ok()
    }

    fn fill_now(&self, event: &mut Event) -> Result<(), String> {
        let notification = &event.notification;
        let render = |parsed: &Result<Parsed, String>, voice| {
            let parsed = parsed.as_ref().map_err(Clone::clone)?;
            parsed.render(&variables(event, voice))
        };
        let is_silent = |text: &str| text.is_empty();
        let text = is_silent(notification.as_text.reveal()).then(|| render(&self.text, false));
        let voice = is_silent(notification.as_voice.reveal()).then(|| render(&self.voice, true));
        let (text, voice) = (text.transpose()?, voice.transpose()?);
        let notification = &mut event.notification;
        if let Some(text) = text {
            notification.as_text = text.into();
        }
        if let Some(voice) = voice {
            notification.as_voice = voice.into();
        }
        if let (None, Some(from)) = (&notification.from, &self.from) {
            notification.from = Some(from.clone().into());
        }
        Ok(())
    }
}

/// Words an event as phonebox does by itself.
pub(super) fn fill_own(event: &mut Event) {
    let message_type = event.notification.message_type;
    let own = OWN
        .iter()
        .find(|wording| wording.message_type == message_type);
    if let Some(Err(fault)) = own.map(|wording| wording.fill_now(event)) {
        // Its code is longer than a code is: the action has to make do with that.
        tracing::warn!(fault, "there are no words for a notification");
    }
}

impl Engine {
    /// A tenant's own template for messages of a type, if it is used.
    pub(crate) async fn wording(
        &self,
        tenant: &str,
        message_type: MessageType,
    ) -> Result<Option<Arc<Wording>>, StoreError> {
        let known = self.known_wordings(tenant);
        let mut known = known.lock().await;
        let wordings = if let Some(wordings) = &*known {
            wordings
        } else {
            let kept = self.store.phone_templates(tenant).await?;
            let mut wordings = Vec::new();
            for kept in kept.into_iter().filter(|kept| !kept.disabled) {
                wordings.push(Arc::new(Wording::new(&Template::read(kept)?)));
            }
            known.insert(wordings)
        };
        let found = wordings
            .iter()
            .find(|wording| wording.message_type == message_type);
        Ok(found.cloned())
    }
}

/// What templates can say, as Auth0 calls it.
pub(crate) fn variables(event: &Event, voice: bool) -> Object {
    let all = serde_json::to_value(event).expect("every key of an event is a string");
    let at = |path: &str| all.pointer(path).cloned().unwrap_or_default();
    let notification = &event.notification;
    let code = notification.code.as_ref().map(Sensitive::reveal);
    let code = code.filter(|_| notification.message_type != MessageType::BlockedAccount);
    let code = code.map(|code| if voice { spelt(code) } else { code.to_owned() });
    let mut user = at("/user");
    if let Value::Object(user) = &mut user {
        user.insert("source_ip".to_owned(), at("/request/ip"));
        user.insert("city".to_owned(), at("/request/geoip/cityName"));
        user.insert("country".to_owned(), at("/request/geoip/countryName"));
    }
    let tenant = &event.tenant;
    let friendly_name = tenant.friendly_name.as_ref().unwrap_or(&tenant.id);
    let locale = notification.locale.as_ref();
    let locale = locale.or(event.request.language.as_ref());
    let locale = locale.map_or("en", String::as_str);
    let variables = json!({
        "tenant": tenant.id,
        "friendly_name": friendly_name,
        "support_email": tenant.support_email,
        "support_url": tenant.support_url,
        "logo_url": tenant.logo_url,
        "home_url": tenant.home_url,
        "locale": locale,
        "code": code,
        "pause": voice.then_some("."),
        "connection": at("/connection/name"),
        "user": user,
        "client": {
            "name": event.client.name, "clientID": event.client.client_id, "client_id": event.client.client_id,
            "metadata": event.client.metadata,
        },
        "application": {
            "name": event.client.name, "clientID": event.client.client_id, "client_metadata": event.client.metadata,
        },
        "organization": at("/organization"),
        "custom_domain": at("/custom_domain"),
        "region": at("/custom_domain/domain_metadata/region"),
    });
    liquid_core::to_object(&variables).unwrap_or_default()
}

/// A code as it is read aloud, one character after the other.
fn spelt(code: &str) -> String {
    let characters = code.chars().filter(|character| !character.is_whitespace());
    let spelt: Vec<_> = characters
        .map(|character| format!("{character}."))
        .collect();
    spelt.join(" ")
}
