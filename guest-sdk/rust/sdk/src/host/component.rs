//! The host as a component sees it: the world of `guest-sdk/wit`. Lookups and conversions, no logic.

use std::time::Duration;

use http::StatusCode;

use self::bindings::phonebox::action::{cache as wit_cache, http as wit_http, types as wit};
use crate::error::settle;
use crate::event::{
    Client, Connection, CustomDomain, DeliveryMethod, Event, Geoip, Identity, Json, MessageType,
    Notification, Organization, RequestInfo, Tenant, Transaction, User,
};
use crate::http::{Error, Prepared, Response};
use crate::log::Level;
use crate::{Outcome, Receipt, Result, cache};

#[allow(
    clippy::all,
    clippy::pedantic,
    missing_docs,
    unnameable_types,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    reason = "generated from guest-sdk/wit"
)]
pub mod bindings {
    wit_bindgen::generate!({
        world: "custom-phone-provider",
        path: "wit",
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "::phonebox_sdk::__internal::bindings",
    });
}

/// The component's `deliver`: the author's handler between two conversions.
pub fn deliver(
    handler: fn(Event) -> Result<Outcome>,
    event: wit::Event,
) -> std::result::Result<wit::Outcome, String> {
    match settle(handler(event.into())) {
        Ok(outcome) => Ok(outcome.into()),
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) fn secret_names() -> Vec<String> {
    bindings::phonebox::action::secrets::names()
}

pub(crate) fn secret(name: &str) -> Option<String> {
    bindings::phonebox::action::secrets::get(name)
}

pub(crate) fn cache_get(key: &str) -> Option<String> {
    wit_cache::get(key).map(|entry| entry.value)
}

pub(crate) fn cache_set(
    key: &str,
    value: &str,
    ttl: Duration,
) -> std::result::Result<(), cache::Error> {
    let expiry = wit_cache::Expiry {
        ttl: Some(ttl.as_secs_f64() * 1000.0),
        expires_at: None,
    };
    wit_cache::set(key, value, expiry)?;
    Ok(())
}

pub(crate) fn cache_delete(key: &str) -> std::result::Result<(), cache::Error> {
    Ok(wit_cache::delete(key)?)
}

pub(crate) fn log(level: Level, message: &str) {
    use bindings::phonebox::action::log as wit_log;
    let level = match level {
        Level::Debug => wit_log::Level::Debug,
        Level::Info => wit_log::Level::Info,
        Level::Warn => wit_log::Level::Warn,
        Level::Error => wit_log::Level::Error,
    };
    wit_log::write(level, message);
}

pub(crate) fn send(request: Prepared) -> std::result::Result<Response, Error> {
    let answer = wit_http::send(&wit_http::Request {
        method: request.method.as_str().to_owned(),
        url: request.url,
        headers: request.headers,
        body: request.body,
        timeout_ms: request
            .timeout
            .map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)),
    })?;

    Ok(Response {
        status: StatusCode::from_u16(answer.status).map_err(|_| Error::HttpProtocolError)?,
        headers: answer.headers,
        body: answer.body,
    })
}

impl From<wit_http::Error> for Error {
    fn from(error: wit_http::Error) -> Self {
        use wit_http::Error as Wit;
        match error {
            Wit::RequestDenied => Self::RequestDenied,
            Wit::DestinationIpProhibited => Self::DestinationIpProhibited,
            Wit::RequestUriInvalid => Self::RequestUriInvalid,
            Wit::RequestMethodInvalid => Self::RequestMethodInvalid,
            Wit::HeaderForbidden(name) => Self::HeaderForbidden(name),
            Wit::RequestHeaderSectionSize => Self::RequestHeaderSectionSize,
            Wit::RequestBodySize(limit) => Self::RequestBodySize(limit),
            Wit::BudgetExceeded => Self::BudgetExceeded,
            Wit::DnsError => Self::DnsError,
            Wit::DnsTimeout => Self::DnsTimeout,
            Wit::ConnectionRefused => Self::ConnectionRefused,
            Wit::ConnectionTimeout => Self::ConnectionTimeout,
            Wit::ConnectionTerminated => Self::ConnectionTerminated,
            Wit::TlsCertificateError => Self::TlsCertificateError,
            Wit::TlsProtocolError => Self::TlsProtocolError,
            Wit::ResponseTimeout => Self::ResponseTimeout,
            Wit::ResponseHeaderSectionSize => Self::ResponseHeaderSectionSize,
            Wit::ResponseBodySize(limit) => Self::ResponseBodySize(limit),
            Wit::ResponseContentCoding => Self::ResponseContentCoding,
            Wit::HttpProtocolError => Self::HttpProtocolError,
            Wit::InternalError => Self::InternalError,
        }
    }
}

impl From<wit_cache::Error> for cache::Error {
    fn from(error: wit_cache::Error) -> Self {
        use wit_cache::Error as Wit;
        match error {
            Wit::MaxSideEffectsExceeded => Self::MaxSideEffectsExceeded,
            Wit::CacheKeySizeExceeded => Self::CacheKeySizeExceeded,
            Wit::CacheValueSizeExceeded => Self::CacheValueSizeExceeded,
            Wit::CacheSizeExceeded => Self::CacheSizeExceeded,
            Wit::ItemAlreadyExpired => Self::ItemAlreadyExpired,
            Wit::InvalidExpiry => Self::InvalidExpiry,
            Wit::FailedToSetCacheRecord => Self::FailedToSetCacheRecord,
            Wit::FailedToDeleteCacheRecord => Self::FailedToDeleteCacheRecord,
            Wit::CacheKeyDoesNotExist => Self::CacheKeyDoesNotExist,
        }
    }
}

impl From<Outcome> for wit::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Drop { reason } => Self::Drop(reason),
            Outcome::Retry { reason, after } => Self::Retry(wit::RetryRequest {
                reason,
                after: after.map(whole_seconds),
            }),
            Outcome::Sent(receipt) => Self::Sent(receipt.map(
                |Receipt {
                     provider,
                     message_id,
                 }| wit::Receipt {
                    provider,
                    message_id,
                },
            )),
        }
    }
}

/// Rounded up: phonebox waits at least as long as the provider asked for.
fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

impl From<wit::Event> for Event {
    fn from(event: wit::Event) -> Self {
        Self {
            notification_id: event.notification_id,
            attempt: event.attempt,
            client: Client {
                client_id: event.client.client_id,
                name: event.client.name,
                metadata: event.client.metadata.into(),
            },
            connection: event.connection.map(|connection| Connection {
                id: connection.id,
                name: connection.name,
                strategy: connection.strategy,
                metadata: connection.metadata.into(),
            }),
            custom_domain: event.custom_domain.map(|custom_domain| CustomDomain {
                domain: custom_domain.domain,
                domain_metadata: custom_domain.domain_metadata.into(),
            }),
            notification: event.notification.into(),
            organization: event.organization.map(|organization| Organization {
                id: organization.id,
                name: organization.name,
                display_name: organization.display_name,
                metadata: organization.metadata.into(),
            }),
            request: event.request.into(),
            tenant: Tenant {
                id: event.tenant.id,
                friendly_name: event.tenant.friendly_name,
                home_url: event.tenant.home_url,
                logo_url: event.tenant.logo_url,
                support_email: event.tenant.support_email,
                support_url: event.tenant.support_url,
            },
            transaction: event.transaction.map(|transaction| Transaction {
                correlation_id: transaction.correlation_id,
            }),
            user: event.user.into(),
        }
    }
}

impl From<wit::Notification> for Notification {
    fn from(notification: wit::Notification) -> Self {
        Self {
            as_text: notification.as_text,
            as_voice: notification.as_voice,
            code: notification.code,
            delivery_method: match notification.delivery_method {
                wit::DeliveryMethod::Text => DeliveryMethod::Text,
                wit::DeliveryMethod::Voice => DeliveryMethod::Voice,
            },
            from: notification.from,
            locale: notification.locale,
            message_type: match notification.message_type {
                wit::MessageType::OtpVerify => MessageType::OtpVerify,
                wit::MessageType::OtpEnroll => MessageType::OtpEnroll,
                wit::MessageType::BlockedAccount => MessageType::BlockedAccount,
                wit::MessageType::ChangePassword => MessageType::ChangePassword,
                wit::MessageType::PasswordBreach => MessageType::PasswordBreach,
            },
            recipient: notification.recipient,
        }
    }
}

impl From<wit::RequestInfo> for RequestInfo {
    fn from(request: wit::RequestInfo) -> Self {
        let geoip = request.geoip;
        Self {
            ip: request.ip,
            method: request.method,
            hostname: request.hostname,
            language: request.language,
            user_agent: request.user_agent,
            geoip: Geoip {
                city_name: geoip.city_name,
                continent_code: geoip.continent_code,
                country_code: geoip.country_code,
                country_code3: geoip.country_code3,
                country_name: geoip.country_name,
                latitude: geoip.latitude,
                longitude: geoip.longitude,
                subdivision_code: geoip.subdivision_code,
                subdivision_name: geoip.subdivision_name,
                time_zone: geoip.time_zone,
            },
        }
    }
}

impl From<wit::User> for User {
    fn from(user: wit::User) -> Self {
        Self {
            user_id: user.user_id,
            email: user.email,
            email_verified: user.email_verified,
            family_name: user.family_name,
            given_name: user.given_name,
            name: user.name,
            nickname: user.nickname,
            picture: user.picture,
            username: user.username,
            phone_number: user.phone_number,
            phone_verified: user.phone_verified,
            created_at: user.created_at,
            updated_at: user.updated_at,
            last_password_reset: user.last_password_reset,
            app_metadata: user.app_metadata.into(),
            user_metadata: user.user_metadata.into(),
            identities: user
                .identities
                .into_iter()
                .map(|identity| Identity {
                    connection: identity.connection,
                    is_social: identity.is_social,
                    profile_data: identity.profile_data.map(Json::from),
                    provider: identity.provider,
                    user_id: identity.user_id,
                })
                .collect(),
        }
    }
}
