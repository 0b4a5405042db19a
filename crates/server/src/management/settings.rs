//! What the tenant says of itself, and which countries its messages go to.

use axum::Json;
use axum::extract::State;
use phonebox::{Scope, Settings, SettingsError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::page::only_fields;
use super::refusal::not_allowed;
use super::{Body, Managing, Query, Refusal};
use crate::App;

/// Auth0's name for one API for all phones, which is the only one here.
const CONSOLIDATED: &str = "phone_consolidated_experience";
/// The language of whoever has said none.
const ENGLISH: &str = "en";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Names of what is to be there, or not to be there, with commas between them.
    fields: Option<String>,
    /// Whether `fields` are those to be there, as they are unless said.
    include_fields: Option<bool>,
}

/// Settings. What is null is taken away.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TenantSettings)]
struct Shape {
    /// What people know the tenant by.
    #[schema(max_length = 1024)]
    friendly_name: Option<String>,
    /// Where its logo is.
    #[schema(max_length = 1024)]
    picture_url: Option<String>,
    /// Where people get help by mail.
    #[schema(max_length = 1024)]
    support_email: Option<String>,
    /// Where people get help.
    #[schema(max_length = 1024)]
    support_url: Option<String>,
    /// Its languages, the first one for whoever asks for none of them. Unless said: `en`.
    enabled_locales: Option<Vec<String>>,
    country_codes: Option<CountriesShape>,
    /// True: there is one API for all that goes to telephones.
    phone_consolidated_experience: Option<bool>,
}

/// The countries that messages go to, within those that the operator lets them go to.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CountryCodes)]
struct CountriesShape {
    /// By two letters of ISO 3166.
    #[schema(min_items = 1)]
    list: Vec<String>,
    mode: ModeShape,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CountryMode)]
#[expect(dead_code, reason = "it says what is made of JSON")]
enum ModeShape {
    /// They go to these alone.
    Allow,
    /// They go to none of these.
    Deny,
}

#[utoipa::path(get, path = "/tenants/settings", operation_id = "show_tenant_settings", tag = "management",
    params(Wanted), responses((status = 200, description = "Those that phonebox knows", body = Shape)))]
pub(crate) async fn show(
    State(app): State<App>,
    managing: Managing,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Map<String, Value>>, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadTenantSettings)?;
    let settings = tenant.settings().await?;
    let settings = shown(&settings);
    let fields = wanted.fields.as_deref();
    Ok(Json(only_fields(fields, wanted.include_fields, settings)))
}

/// A setting of Auth0's that phonebox has not is refused: it would change nothing.
#[utoipa::path(patch, path = "/tenants/settings", operation_id = "change_tenant_settings", tag = "management",
    request_body = Shape, responses((status = 200, description = "What is accepted from now on goes by them", body = Shape)))]
pub(crate) async fn change(
    State(app): State<App>,
    managing: Managing,
    body: Result<Body<Map<String, Value>>, Refusal>,
) -> Result<Json<Map<String, Value>>, Refusal> {
    let tenant = managing.tenant(&app, Scope::UpdateTenantSettings)?;
    let Body(mut changes) = body?;
    if let Some(consolidated) = changes.remove(CONSOLIDATED)
        && consolidated != true
    {
        let fault = format!("{CONSOLIDATED} is always true here");
        return Err(Refusal::invalid_body(&fault));
    }
    let settings = tenant.change_settings(&changes).await?;
    Ok(Json(shown(&settings)))
}

fn shown(settings: &Settings) -> Map<String, Value> {
    let mut shown = match serde_json::to_value(settings) {
        Ok(Value::Object(shown)) => shown,
        _ => Map::new(),
    };
    shown.insert(CONSOLIDATED.to_owned(), true.into());
    shown
        .entry("enabled_locales")
        .or_insert_with(|| vec![ENGLISH].into());
    shown
}

impl From<SettingsError> for Refusal {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Store(error) => error.into(),
            SettingsError::Unknown(name) => Self::invalid_body(&not_allowed(&name)),
            other => Self::invalid_body(&other.to_string()),
        }
    }
}
