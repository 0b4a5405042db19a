//! The phone provider: who delivers what a tenant sends.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use phonebox::store::Time;
use phonebox::{
    DeliveryMethod, NewProvider, PhoneNumber, Provider, ProviderChange, ProviderConfiguration,
    ProviderError, ProviderName, Scope, SendError, Sensitive, Tenant,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Body, Managing, Path, Query, Refusal};
use crate::App;
use crate::notifications::stamp;
use crate::openapi::{MethodName, ProviderNames};

/// What clients know by heart: Auth0 says it of a Twilio provider without a sender.
const BAD_OPERATION: &str = "Bad Operation on Notification Resource";
/// Longest number to try, in characters.
const NUMBER: usize = 16;

/// Every address about it.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, remove))
        .routes(routes!(attempt))
}

/// How it is set up: the SID of an account and a sender for `twilio`, nothing but the methods for `custom`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes another crate's")]
struct ProviderConfigurationShape {
    /// Of the account.
    #[schema(nullable = false, pattern = "^[A-Za-z0-9_-]{1,255}$")]
    sid: Option<String>,
    /// The sender where a template names none.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    default_from: Option<String>,
    /// Of the messaging service that chooses the sender of texts.
    #[schema(nullable = false, pattern = "^[A-Za-z0-9_-]{1,255}$")]
    mssid: Option<String>,
    #[schema(min_items = 1, max_items = 2)]
    delivery_methods: Vec<MethodName>,
}

/// What it signs in with: `auth_token` for `twilio`, nothing for `custom`. Nobody is told it again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PhoneProviderCredentials)]
struct Credentials {
    #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 255)]
    auth_token: Option<Sensitive>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPhoneProvider)]
struct Create {
    #[schema(value_type = ProviderNames)]
    name: ProviderName,
    credentials: Credentials,
    #[schema(value_type = Option<ProviderConfigurationShape>, nullable = false)]
    configuration: Option<ProviderConfiguration>,
    /// Whether nothing is sent.
    #[serde(default)]
    disabled: bool,
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PhoneProviderChange)]
struct Change {
    #[schema(value_type = Option<ProviderNames>, nullable = false)]
    name: Option<ProviderName>,
    #[schema(nullable = false)]
    credentials: Option<Credentials>,
    #[schema(value_type = Option<ProviderConfigurationShape>, nullable = false)]
    configuration: Option<ProviderConfiguration>,
    #[schema(nullable = false)]
    disabled: Option<bool>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PhoneProvider)]
struct Shown {
    #[schema(example = "pro_3UzyS4veHQLMTCt3EzXgTt")]
    id: String,
    tenant: String,
    #[schema(value_type = ProviderNames)]
    name: ProviderName,
    /// `phone`
    channel: &'static str,
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ProviderConfigurationShape>, nullable = false)]
    configuration: Option<ProviderConfiguration>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PhoneProviders)]
struct Listed {
    providers: Vec<Shown>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Disabled {
    /// Only what is disabled, or what is not.
    pub(super) disabled: Option<bool>,
}

/// To whom a message is sent, to see whether it arrives.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Try {
    #[schema(value_type = String, example = "+14155550100", min_length = 1, max_length = 16)]
    to: Sensitive,
    #[schema(value_type = Option<MethodName>, nullable = false)]
    delivery_method: Option<DeliveryMethod>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Tried {
    /// `202`
    code: u16,
    /// Names the notification, whose attempts tell what came of it.
    pub(super) message: String,
}

impl Try {
    /// The number, and how it is reached.
    pub(super) fn read(self) -> Result<(PhoneNumber, DeliveryMethod), Refusal> {
        let to = self.to.reveal();
        if !(1..=NUMBER).contains(&to.chars().count()) {
            let fault = format!("to is not 1 to {NUMBER} characters");
            return Err(Refusal::invalid_body(&fault));
        }
        let to = to.parse().map_err(|error| {
            Refusal::invalid_body(&format!("to is not a telephone number: {error}"))
        })?;
        Ok((to, self.delivery_method.unwrap_or_default()))
    }
}

impl Tried {
    pub(super) fn new(sent: &phonebox::Sent) -> Self {
        Self {
            code: StatusCode::ACCEPTED.as_u16(),
            message: format!(
                "The notification {} has been accepted; GET /v1/notifications/{0} tells what came of it",
                sent.id()
            ),
        }
    }
}

/// The phone provider, or none: there is at most one.
#[utoipa::path(get, path = "/branding/phone/providers", operation_id = "list_phone_providers", tag = "management",
    params(Disabled), responses((status = 200, description = "None or one", body = Listed)))]
async fn list(
    State(app): State<App>,
    managing: Managing,
    Query(wanted): Query<Disabled>,
) -> Result<Json<Listed>, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadPhoneProviders)?;
    let provider = tenant.phone_provider().await?;
    let is_wanted = |provider: &Provider| wanted.disabled.is_none_or(|is| provider.disabled == is);
    let providers = provider.filter(is_wanted).into_iter();
    Ok(Json(Listed {
        providers: providers
            .map(|provider| Shown::new(&tenant, provider))
            .collect(),
    }))
}

/// Has a tenant's messages delivered by Twilio, or by its own action.
#[utoipa::path(post, path = "/branding/phone/providers", operation_id = "create_phone_provider", tag = "management",
    request_body = Create, responses(
        (status = 201, description = "It delivers what is sent from now on", body = Shown),
        (status = 409, description = "The tenant has one", body = Refusal)))]
async fn create(
    State(app): State<App>,
    managing: Managing,
    body: Result<Body<Create>, Refusal>,
) -> Result<(StatusCode, Json<Shown>), Refusal> {
    let tenant = managing.tenant(&app, Scope::CreatePhoneProviders)?;
    let Body(new) = body?;
    let new = NewProvider {
        name: new.name,
        disabled: new.disabled,
        configuration: new.configuration,
        auth_token: new.credentials.auth_token,
    };
    let provider = tenant.create_phone_provider(new).await?;
    Ok((StatusCode::CREATED, Json(Shown::new(&tenant, provider))))
}

#[utoipa::path(get, path = "/branding/phone/providers/{id}", operation_id = "show_phone_provider", tag = "management",
    params(("id" = String, Path, description = "The provider's id")),
    responses((status = 200, description = "Without its credentials", body = Shown)))]
async fn show(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadPhoneProviders)?;
    let provider = tenant.phone_provider().await?;
    let provider = provider.filter(|provider| provider.id == id);
    let provider = provider.ok_or_else(unknown)?;
    Ok(Json(Shown::new(&tenant, provider)))
}

/// As lenient as Auth0: what a provider lacks after it is said when something is sent.
#[utoipa::path(patch, path = "/branding/phone/providers/{id}", operation_id = "change_phone_provider", tag = "management",
    request_body = Change, params(("id" = String, Path, description = "The provider's id")),
    responses((status = 200, description = "It delivers so what is sent from now on", body = Shown)))]
async fn change(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Body<Change>, Refusal>,
) -> Result<Json<Shown>, Refusal> {
    let tenant = managing.tenant(&app, Scope::UpdatePhoneProviders)?;
    let Body(change) = body?;
    let change = ProviderChange {
        name: change.name,
        disabled: change.disabled,
        configuration: change.configuration,
        auth_token: change
            .credentials
            .and_then(|credentials| credentials.auth_token),
    };
    let provider = tenant.change_phone_provider(&id, change).await?;
    Ok(Json(Shown::new(&tenant, provider.ok_or_else(unknown)?)))
}

#[utoipa::path(delete, path = "/branding/phone/providers/{id}", operation_id = "remove_phone_provider", tag = "management",
    params(("id" = String, Path, description = "The provider's id")),
    responses((status = 204, description = "It and its credentials are gone")))]
async fn remove(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let tenant = managing.tenant(&app, Scope::DeletePhoneProviders)?;
    if tenant.remove_phone_provider(&id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(unknown())
}

/// Sends a message with a made-up code, as any other is sent.
#[utoipa::path(post, path = "/branding/phone/providers/{id}/try", operation_id = "try_phone_provider", tag = "management",
    request_body = Try, params(("id" = String, Path, description = "The provider's id")),
    responses((status = 202, description = "It is on disk, and will be tried until it is settled", body = Tried)))]
async fn attempt(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Body<Try>, Refusal>,
) -> Result<(StatusCode, Json<Tried>), Refusal> {
    let tenant = managing.tenant(&app, Scope::CreatePhoneProviders)?;
    let Body(to) = body?;
    let (to, method) = to.read()?;
    let sent = tenant.try_phone_provider(&id, to, method).await?;
    let sent = sent.ok_or_else(unknown)?;
    Ok((StatusCode::ACCEPTED, Json(Tried::new(&sent))))
}

fn unknown() -> Refusal {
    Refusal::not_found("The phone provider is not configured.")
}

impl Shown {
    fn new(tenant: &Tenant, provider: Provider) -> Self {
        Self {
            id: provider.id,
            tenant: tenant.name().to_owned(),
            name: provider.name,
            channel: "phone",
            disabled: provider.disabled,
            configuration: provider.configuration,
            created_at: in_millis(provider.created_at),
            updated_at: in_millis(provider.updated_at),
        }
    }
}

/// As Auth0 writes the times of everything about phones: with three digits behind the point.
pub(super) fn in_millis(time: Time) -> String {
    stamp(time).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl From<ProviderError> for Refusal {
    fn from(error: ProviderError) -> Self {
        let said = format!("{error}: {}", error.hint());
        match error {
            ProviderError::Store(error) => error.into(),
            ProviderError::Exists => Self::new(StatusCode::CONFLICT, said),
            ProviderError::Incomplete => Self::new(StatusCode::BAD_REQUEST, BAD_OPERATION),
            ProviderError::NoAction => Self::new(StatusCode::BAD_REQUEST, said)
                .code("custom_phone_provider_deployed_action_not_found"),
            ProviderError::NoTwilio => {
                Self::new(StatusCode::BAD_REQUEST, said).code("operation_not_supported")
            }
            _ => Self::invalid_body(&said),
        }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Template(_) => Self::new(
                StatusCode::BAD_REQUEST,
                format!("{error}: {}", error.hint()),
            ),
            error => Self::from(crate::Problem::from(error)).not_again(),
        }
    }
}
