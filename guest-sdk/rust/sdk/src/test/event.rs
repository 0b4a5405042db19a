use crate::event::{
    Client, Connection, DeliveryMethod, Event, Geoip, Identity, MessageType, Metadata,
    Notification, Organization, RequestInfo, Tenant, Transaction, User,
};

/// An event as phonebox sends it: the code 123456 by text to +12065550100, to prove who signs in.
///
/// What a test wants otherwise, it changes by the builder's methods, or in the [`Event`] that
/// [`build`](EventBuilder::build) gives.
pub fn event() -> EventBuilder {
    let event = Event {
        notification_id: "01936f0e-8c44-7d4e-a0c5-9b1f2f8f4f11".to_owned(),
        attempt: 1,
        client: Client {
            client_id: "gmOWNgklfRm4tyl5YYnl3JDSJy19h1bR".to_owned(),
            name: "Acme Shop".to_owned(),
            metadata: Metadata::default(),
        },
        connection: Some(Connection {
            id: "con_fpe5kj482KO1eOzQ".to_owned(),
            name: "Username-Password-Authentication".to_owned(),
            strategy: "auth0".to_owned(),
            metadata: Metadata::default(),
        }),
        custom_domain: None,
        notification: Notification {
            as_text: String::new(),
            as_voice: String::new(),
            code: None,
            delivery_method: DeliveryMethod::Text,
            from: None,
            locale: Some("en-US".to_owned()),
            message_type: MessageType::OtpVerify,
            recipient: "+12065550100".to_owned(),
        },
        organization: None,
        request: RequestInfo {
            ip: "203.0.113.86".to_owned(),
            method: "POST".to_owned(),
            hostname: Some("acme.phonebox.example".to_owned()),
            language: Some("en".to_owned()),
            user_agent: Some("Mozilla/5.0".to_owned()),
            geoip: Geoip {
                country_code: Some("US".to_owned()),
                ..Geoip::default()
            },
        },
        tenant: Tenant {
            id: "acme".to_owned(),
            friendly_name: Some("Acme".to_owned()),
            home_url: None,
            logo_url: None,
            support_email: None,
            support_url: None,
        },
        transaction: Some(Transaction {
            correlation_id: Some("c0ffee".to_owned()),
        }),
        user: User {
            user_id: "auth0|5f7c8ec7c33c6c004bbafe82".to_owned(),
            email: Some("jane@acme.example".to_owned()),
            email_verified: true,
            family_name: Some("Doe".to_owned()),
            given_name: Some("Jane".to_owned()),
            name: Some("Jane Doe".to_owned()),
            nickname: None,
            picture: None,
            username: None,
            phone_number: Some("+12065550100".to_owned()),
            phone_verified: Some(true),
            created_at: "2026-01-05T09:30:00.000Z".to_owned(),
            updated_at: "2026-11-20T17:12:43.000Z".to_owned(),
            last_password_reset: None,
            app_metadata: "{}".to_owned().into(),
            user_metadata: "{}".to_owned().into(),
            identities: vec![Identity {
                connection: Some("Username-Password-Authentication".to_owned()),
                is_social: Some(false),
                profile_data: None,
                provider: Some("auth0".to_owned()),
                user_id: Some("5f7c8ec7c33c6c004bbafe82".to_owned()),
            }],
        },
    };
    EventBuilder { event }.code("123456")
}

/// An event in the making: [`event`] begins it, [`Host::run`](super::Host::run) takes it as it is.
#[derive(Clone, Debug)]
pub struct EventBuilder {
    event: Event,
}

impl EventBuilder {
    /// Sends it to this number.
    #[must_use]
    pub fn to(mut self, recipient: &str) -> Self {
        recipient.clone_into(&mut self.event.notification.recipient);
        self
    }

    /// Sends this code, with texts that hold it.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        let digits: Vec<String> = code.chars().map(String::from).collect();
        let spoken = digits.join(". ");
        let notification = &mut self.event.notification;
        notification.as_text = format!("Your Acme code is {code}");
        notification.as_voice =
            format!("Your Acme code is: {spoken}. Again, your code is: {spoken}.");
        notification.code = Some(code.to_owned());
        self
    }

    /// Sends this text. There is no code then, as in a notice of a changed password.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        let notification = &mut self.event.notification;
        text.clone_into(&mut notification.as_text);
        text.clone_into(&mut notification.as_voice);
        notification.code = None;
        notification.message_type = MessageType::ChangePassword;
        self
    }

    /// Sends it by voice.
    #[must_use]
    pub fn voice(mut self) -> Self {
        self.event.notification.delivery_method = DeliveryMethod::Voice;
        self
    }

    /// Lets the person sign in to this application.
    #[must_use]
    pub fn client(mut self, client_id: &str) -> Self {
        client_id.clone_into(&mut self.event.client.client_id);
        self
    }

    /// Lets the person sign in to this organization.
    #[must_use]
    pub fn organization(mut self, name: &str) -> Self {
        self.event.organization = Some(Organization {
            id: format!("org_{name}"),
            name: name.to_owned(),
            display_name: name.to_owned(),
            metadata: Metadata::default(),
        });
        self
    }

    /// The event.
    pub fn build(self) -> Event {
        self.event
    }
}

impl From<EventBuilder> for Event {
    fn from(builder: EventBuilder) -> Self {
        builder.build()
    }
}
