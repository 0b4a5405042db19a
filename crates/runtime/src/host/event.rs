//! The event on its way in, the outcome on its way out.

use std::collections::BTreeMap;

use phonebox_contract as contract;
use phonebox_contract::{Outcome, Receipt, RetryRequest, Sensitive};

use crate::action::Run;
use crate::bindings::phonebox::action::types as wit;

pub(crate) use wit::{Event as Lowered, Outcome as Raised};

impl wit::Host for crate::sandbox::State {}

/// The event of a run as the world has it.
pub(crate) fn lower(run: &Run) -> Lowered {
    let event = &*run.event;
    Lowered {
        notification_id: run.id.to_string(),
        attempt: run.attempt,
        client: wit::Client {
            client_id: event.client.client_id.clone(),
            name: event.client.name.clone(),
            metadata: pairs(&event.client.metadata),
        },
        connection: event.connection.as_ref().map(|connection| wit::Connection {
            id: connection.id.clone(),
            name: connection.name.clone(),
            strategy: connection.strategy.clone(),
            metadata: connection.metadata.as_ref().map(pairs).unwrap_or_default(),
        }),
        custom_domain: event
            .custom_domain
            .as_ref()
            .map(|domain| wit::CustomDomain {
                domain: domain.domain.clone(),
                domain_metadata: pairs(&domain.domain_metadata),
            }),
        notification: notification(&event.notification),
        organization: event
            .organization
            .as_ref()
            .map(|organization| wit::Organization {
                id: organization.id.clone(),
                name: organization.name.clone(),
                display_name: organization.display_name.clone(),
                metadata: pairs(&organization.metadata),
            }),
        request: wit::RequestInfo {
            ip: event.request.ip.clone(),
            method: event.request.method.clone(),
            hostname: event.request.hostname.clone(),
            language: event.request.language.clone(),
            user_agent: event.request.user_agent.clone(),
            geoip: geoip(&event.request.geoip),
        },
        tenant: wit::Tenant {
            id: event.tenant.id.clone(),
            friendly_name: event.tenant.friendly_name.clone(),
            home_url: event.tenant.home_url.clone(),
            logo_url: event.tenant.logo_url.clone(),
            support_email: event.tenant.support_email.clone(),
            support_url: event.tenant.support_url.clone(),
        },
        transaction: event
            .transaction
            .as_ref()
            .map(|transaction| wit::Transaction {
                correlation_id: transaction.correlation_id.clone(),
            }),
        user: user(&event.user),
    }
}

/// An action's decision as the contract has it. Reasons are cut and redacted later.
pub(crate) fn lift(outcome: Raised) -> Outcome {
    match outcome {
        Raised::Sent(receipt) => Outcome::Sent {
            receipt: receipt.map(|receipt| Receipt {
                provider: receipt.provider,
                message_id: receipt.message_id,
            }),
        },
        Raised::Retry(request) => Outcome::Retry(RetryRequest {
            reason: request.reason,
            after: request.after,
        }),
        Raised::Drop(reason) => Outcome::Drop { reason },
    }
}

fn notification(notification: &contract::Notification) -> wit::Notification {
    wit::Notification {
        as_text: notification.as_text.reveal().to_owned(),
        as_voice: notification.as_voice.reveal().to_owned(),
        code: reveal(notification.code.as_ref()),
        delivery_method: match notification.delivery_method {
            contract::DeliveryMethod::Text => wit::DeliveryMethod::Text,
            contract::DeliveryMethod::Voice => wit::DeliveryMethod::Voice,
        },
        from: reveal(notification.from.as_ref()),
        locale: notification.locale.clone(),
        message_type: match notification.message_type {
            contract::MessageType::BlockedAccount => wit::MessageType::BlockedAccount,
            contract::MessageType::ChangePassword => wit::MessageType::ChangePassword,
            contract::MessageType::OtpEnroll => wit::MessageType::OtpEnroll,
            contract::MessageType::OtpVerify => wit::MessageType::OtpVerify,
            contract::MessageType::PasswordBreach => wit::MessageType::PasswordBreach,
        },
        recipient: notification.recipient.as_e164().to_owned(),
    }
}

fn geoip(geoip: &contract::Geoip) -> wit::Geoip {
    wit::Geoip {
        city_name: geoip.city_name.clone(),
        continent_code: geoip.continent_code.clone(),
        country_code: geoip.country_code.clone(),
        country_code3: geoip.country_code3.clone(),
        country_name: geoip.country_name.clone(),
        latitude: geoip.latitude,
        longitude: geoip.longitude,
        subdivision_code: geoip.subdivision_code.clone(),
        subdivision_name: geoip.subdivision_name.clone(),
        time_zone: geoip.time_zone.clone(),
    }
}

fn user(user: &contract::User) -> wit::User {
    wit::User {
        user_id: user.user_id.clone(),
        email: user.email.clone(),
        email_verified: user.email_verified,
        family_name: user.family_name.clone(),
        given_name: user.given_name.clone(),
        name: user.name.clone(),
        nickname: user.nickname.clone(),
        picture: user.picture.clone(),
        username: user.username.clone(),
        phone_number: reveal(user.phone_number.as_ref()),
        phone_verified: user.phone_verified,
        created_at: user.created_at.clone(),
        updated_at: user.updated_at.clone(),
        last_password_reset: user.last_password_reset.clone(),
        app_metadata: json(&user.app_metadata),
        user_metadata: json(&user.user_metadata),
        identities: user.identities.iter().map(identity).collect(),
    }
}

fn identity(identity: &contract::Identity) -> wit::Identity {
    wit::Identity {
        connection: identity.connection.clone(),
        is_social: identity.is_social,
        profile_data: identity.profile_data.as_ref().map(json),
        provider: identity.provider.clone(),
        user_id: identity.user_id.clone(),
    }
}

fn reveal(text: Option<&Sensitive>) -> Option<String> {
    text.map(|text| text.reveal().to_owned())
}

fn pairs(map: &BTreeMap<String, String>) -> Vec<(String, String)> {
    map.iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn json(object: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::to_string(object).expect("every key of a JSON object is a string")
}
