//! Phone templates: what is said in messages.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use phonebox::{MessageType, Scope, Template, TemplateChange, TemplateError, Tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::providers::{Disabled, Tried, Try, in_millis};
use super::{Body, Managing, Path, Query, Refusal};
use crate::openapi::MessageTypeName;
use crate::{App, Problem};

/// Every address about them.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, change, remove))
        .routes(routes!(reset))
        .routes(routes!(attempt))
}

/// What is written and what is read aloud, in Liquid.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PhoneTemplateBody)]
struct Said {
    #[schema(nullable = false, min_length = 1, max_length = 20000)]
    text: Option<String>,
    #[schema(nullable = false, min_length = 1, max_length = 20000)]
    voice: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PhoneTemplateSyntax)]
enum Syntax {
    #[default]
    Liquid,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = NewPhoneTemplateContent)]
struct NewContent {
    #[serde(rename = "syntax")]
    #[schema(inline)]
    _syntax: Syntax,
    /// The sender that it names.
    #[schema(nullable = false, min_length = 1, max_length = 16)]
    from: Option<String>,
    body: Said,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPhoneTemplate)]
struct Create {
    #[serde(rename = "type")]
    #[schema(value_type = MessageTypeName)]
    message_type: MessageType,
    /// Whether phonebox's own is used instead.
    #[serde(default)]
    disabled: bool,
    /// What is left out is phonebox's own.
    #[serde(default)]
    content: NewContent,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = PhoneTemplateContentChange)]
struct ContentChange {
    /// The sender that it names.
    #[schema(nullable = false, min_length = 1, max_length = 16)]
    from: Option<String>,
    body: Said,
}

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PhoneTemplateChange)]
struct Change {
    /// Whether phonebox's own is used instead.
    #[schema(nullable = false)]
    disabled: Option<bool>,
    #[serde(default)]
    content: ContentChange,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PhoneTemplateContent)]
struct Content {
    #[schema(inline)]
    syntax: Syntax,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from: Option<String>,
    body: Said,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PhoneTemplate)]
struct Shown {
    /// None: it is phonebox's own, and there is nothing to change or to delete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "tem_eB3MHus8uwdTPfPV1TWiSb")]
    id: Option<String>,
    tenant: String,
    /// `phone`
    channel: &'static str,
    #[serde(rename = "type")]
    #[schema(value_type = MessageTypeName)]
    message_type: MessageType,
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    updated_at: Option<String>,
    content: Content,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PhoneTemplates)]
struct Listed {
    templates: Vec<Shown>,
}

/// One for each type of message: the tenant's, or phonebox's own without an id.
#[utoipa::path(get, path = "/branding/phone/templates", operation_id = "list_phone_templates", tag = "management",
    params(Disabled), responses((status = 200, description = "All of them", body = Listed)))]
async fn list(
    State(app): State<App>,
    managing: Managing,
    Query(wanted): Query<Disabled>,
) -> Result<Json<Listed>, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadPhoneTemplates)?;
    let templates = tenant.phone_templates().await?.into_iter();
    let is_wanted = |template: &Template| wanted.disabled.is_none_or(|is| template.disabled == is);
    Ok(Json(Listed {
        templates: templates
            .filter(is_wanted)
            .map(|template| Shown::new(&tenant, template))
            .collect(),
    }))
}

#[utoipa::path(post, path = "/branding/phone/templates", operation_id = "create_phone_template", tag = "management",
    request_body = Create, responses(
        (status = 201, description = "It is what messages of its type say from now on", body = Shown),
        (status = 409, description = "The tenant has one for this type", body = Refusal)))]
async fn create(
    State(app): State<App>,
    managing: Managing,
    body: Result<Body<Create>, Refusal>,
) -> Result<(StatusCode, Json<Shown>), Refusal> {
    let tenant = managing.tenant(&app, Scope::CreatePhoneTemplates)?;
    let Body(new) = body?;
    let content = TemplateChange {
        disabled: Some(new.disabled),
        from: new.content.from,
        text: new.content.body.text,
        voice: new.content.body.voice,
    };
    let template = tenant
        .create_phone_template(new.message_type, content)
        .await?;
    Ok((StatusCode::CREATED, Json(Shown::new(&tenant, template))))
}

#[utoipa::path(get, path = "/branding/phone/templates/{id}", operation_id = "show_phone_template", tag = "management",
    params(("id" = String, Path, description = "The template's id")), responses((status = 200, description = "It", body = Shown)))]
async fn show(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<Json<Shown>, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadPhoneTemplates)?;
    let template = tenant.phone_template(&id).await?.ok_or_else(unknown)?;
    Ok(Json(Shown::new(&tenant, template)))
}

#[utoipa::path(patch, path = "/branding/phone/templates/{id}", operation_id = "change_phone_template", tag = "management",
    request_body = Change, params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, description = "It says so from now on", body = Shown)))]
async fn change(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Body<Change>, Refusal>,
) -> Result<Json<Shown>, Refusal> {
    let tenant = managing.tenant(&app, Scope::UpdatePhoneTemplates)?;
    let Body(change) = body?;
    let change = TemplateChange {
        disabled: change.disabled,
        from: change.content.from,
        text: change.content.body.text,
        voice: change.content.body.voice,
    };
    let template = tenant.change_phone_template(&id, change).await?;
    Ok(Json(Shown::new(&tenant, template.ok_or_else(unknown)?)))
}

/// Has it say what phonebox's own says. The body is not looked at.
#[utoipa::path(patch, path = "/branding/phone/templates/{id}/reset", operation_id = "reset_phone_template", tag = "management",
    params(("id" = String, Path, description = "The template's id")),
    responses((status = 200, description = "It says so from now on", body = Shown)))]
async fn reset(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Shown>, Refusal> {
    let tenant = managing.tenant(&app, Scope::UpdatePhoneTemplates)?;
    body.map_err(Problem::from)?;
    let template = tenant.reset_phone_template(&id).await?;
    Ok(Json(Shown::new(&tenant, template.ok_or_else(unknown)?)))
}

#[utoipa::path(delete, path = "/branding/phone/templates/{id}", operation_id = "remove_phone_template", tag = "management",
    params(("id" = String, Path, description = "The template's id")),
    responses((status = 204, description = "Phonebox's own is used from now on")))]
async fn remove(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let tenant = managing.tenant(&app, Scope::DeletePhoneTemplates)?;
    if tenant.remove_phone_template(&id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(unknown())
}

/// Sends what it makes of a made-up code, as any other message is sent.
#[utoipa::path(post, path = "/branding/phone/templates/{id}/try", operation_id = "try_phone_template", tag = "management",
    request_body = Try, params(("id" = String, Path, description = "The template's id")),
    responses((status = 202, description = "It is on disk, and will be tried until it is settled", body = Tried)))]
async fn attempt(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Body<Try>, Refusal>,
) -> Result<(StatusCode, Json<Tried>), Refusal> {
    let tenant = managing.tenant(&app, Scope::CreatePhoneTemplates)?;
    let Body(to) = body?;
    let (to, method) = to.read()?;
    let sent = tenant.try_phone_template(&id, to, method).await?;
    let sent = sent.ok_or_else(unknown)?;
    Ok((StatusCode::ACCEPTED, Json(Tried::new(&sent))))
}

fn unknown() -> Refusal {
    Refusal::not_found("The phone template does not exist.")
}

impl Shown {
    fn new(tenant: &Tenant, template: Template) -> Self {
        Self {
            id: template.id,
            tenant: tenant.name().to_owned(),
            channel: "phone",
            message_type: template.message_type,
            disabled: template.disabled,
            created_at: template.created_at.map(in_millis),
            updated_at: template.updated_at.map(in_millis),
            content: Content {
                syntax: Syntax::Liquid,
                from: template.from,
                body: Said {
                    text: Some(template.text),
                    voice: Some(template.voice),
                },
            },
        }
    }
}

impl From<TemplateError> for Refusal {
    fn from(error: TemplateError) -> Self {
        let said = format!("{error}: {}", error.hint());
        match error {
            TemplateError::Store(error) => error.into(),
            TemplateError::Exists(_) => Self::new(StatusCode::CONFLICT, said),
            _ => Self::invalid_body(&said),
        }
    }
}
