//! Modules: code that actions share, and its versions.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use phonebox::store::ModuleUse;
use phonebox::{
    CannotManage, Dependency, ManagedModule, ManagedModuleVersion, ModuleChange, Scope, SecretInfo,
    Tenant,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::actions::{
    DependencyShape, ExtensionSecret, Paged, ShownMode, ShownSecret, SupportedTrigger,
    WrittenSecret, supported, uuid,
};
use super::{Body, Managing, Page, Path, Query, Refusal, nanos};
use crate::App;

/// A module that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ModuleWritten)]
pub(super) struct New {
    /// `require('actions:NAME')` gives what it exports.
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    /// JavaScript.
    #[schema(max_length = 65536)]
    code: String,
    /// At most 10.
    #[schema(value_type = Option<Vec<DependencyShape>>, max_items = 10)]
    dependencies: Option<Vec<Dependency>>,
    /// At most 30. Its code has them as `actions.secrets`.
    #[schema(max_items = 30)]
    secrets: Option<Vec<WrittenSecret>>,
    /// Read to be known: there is one.
    #[serde(rename = "api_version")]
    #[schema(max_length = 20)]
    _api_version: Option<String>,
    /// Whether its first version is made at once.
    publish: Option<bool>,
    /// What Auth0 has not.
    phonebox: Option<Extension>,
}

/// A module's draft, as it is to be. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ModuleChanged)]
pub(super) struct Written {
    /// JavaScript.
    #[schema(max_length = 65536)]
    code: Option<String>,
    /// At most 10.
    #[schema(value_type = Option<Vec<DependencyShape>>, max_items = 10)]
    dependencies: Option<Vec<Dependency>>,
    /// All of them, at most 30. One without a value keeps the value that it has.
    #[schema(max_items = 30)]
    secrets: Option<Vec<WrittenSecret>>,
    /// What Auth0 has not.
    phonebox: Option<Extension>,
}

/// What phonebox knows of a module and Auth0 does not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ModuleExtension)]
struct Extension {
    /// How it has secrets, by name. To change that, send the secret's value again.
    secrets: Option<BTreeMap<String, ExtensionSecret>>,
}

/// Which version the draft is to be again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RollBackModule)]
pub(super) struct Back {
    module_version_id: String,
}

/// A module. What is worked on is told; versions stay as they are.
#[derive(Serialize, ToSchema)]
#[schema(as = ManagedModule)]
pub(super) struct Shown {
    id: String,
    name: String,
    code: String,
    #[schema(value_type = Vec<DependencyShape>)]
    dependencies: Vec<Dependency>,
    secrets: Vec<ShownSecret>,
    /// How many deployed actions have one of its versions.
    actions_using_module_total: usize,
    /// Whether its latest version is the same.
    all_changes_published: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    latest_version_number: Option<u32>,
    created_at: String,
    updated_at: String,
    /// Not there in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    latest_version: Option<Latest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    phonebox: Option<ShownExtension>,
}

/// A module's latest version.
#[derive(Serialize, ToSchema)]
#[schema(as = LatestModuleVersion)]
struct Latest {
    id: String,
    version_number: u32,
    code: String,
    #[schema(value_type = Vec<DependencyShape>)]
    dependencies: Vec<Dependency>,
    secrets: Vec<ShownSecret>,
    created_at: String,
}

/// A module's version.
#[derive(Serialize, ToSchema)]
#[schema(as = ModuleVersion)]
pub(super) struct ShownVersion {
    module_id: String,
    #[serde(flatten)]
    version: Latest,
}

/// How those who have it have its secrets, where that is not the usual way.
#[derive(Serialize, ToSchema)]
#[schema(as = ModuleExtensionShown)]
struct ShownExtension {
    secrets: BTreeMap<String, ShownMode>,
}

/// A deployed action that has a module.
#[derive(Serialize, ToSchema)]
#[schema(as = ModuleUse)]
struct ShownUse {
    action_id: String,
    action_name: String,
    module_version_id: String,
    module_version_number: u32,
    supported_triggers: [SupportedTrigger; 1],
}

impl Written {
    fn read(self) -> Result<ModuleChange, Refusal> {
        let mut change = ModuleChange {
            code: self.code,
            dependencies: self.dependencies,
            secrets: self.secrets.map(WrittenSecret::read),
            ..ModuleChange::default()
        };
        let modes = self.phonebox.and_then(|phonebox| phonebox.secrets);
        for (name, secret) in modes.unwrap_or_default() {
            change.modes.insert(name, secret.read()?);
        }
        Ok(change)
    }
}

impl Shown {
    fn new(managed: ManagedModule) -> Self {
        let all_changes_published = managed.module.all_published();
        let ManagedModule {
            module,
            dependencies,
            secrets,
            latest,
            uses,
        } = managed;
        Self {
            id: uuid(module.id),
            name: module.name,
            code: module.code,
            dependencies,
            actions_using_module_total: uses,
            all_changes_published,
            latest_version_number: module.latest,
            created_at: nanos(module.created_at),
            updated_at: nanos(module.updated_at),
            latest_version: latest.map(Latest::new),
            phonebox: ShownExtension::new(&secrets),
            secrets: ShownSecret::all(&secrets),
        }
    }
}

impl Latest {
    fn new(managed: ManagedModuleVersion) -> Self {
        let ManagedModuleVersion {
            version,
            dependencies,
            secrets,
        } = managed;
        Self {
            id: uuid(version.id),
            version_number: version.number,
            code: version.code,
            dependencies,
            secrets: ShownSecret::all(&secrets),
            created_at: nanos(version.created_at),
        }
    }
}

impl ShownVersion {
    fn new(managed: ManagedModuleVersion) -> Self {
        Self {
            module_id: uuid(managed.version.module),
            version: Latest::new(managed),
        }
    }
}

impl ShownExtension {
    fn new(secrets: &[(String, Option<SecretInfo>)]) -> Option<Self> {
        let secrets = ShownMode::unusual(secrets, false);
        (!secrets.is_empty()).then_some(Self { secrets })
    }
}

impl ShownUse {
    fn new(of: ModuleUse) -> Self {
        Self {
            action_id: uuid(of.action),
            action_name: of.action_name,
            module_version_id: uuid(of.version),
            module_version_number: of.number,
            supported_triggers: supported(),
        }
    }
}

/// What is on a page. Here Auth0 does not leave out what is zero.
fn told<T: Serialize>(name: &str, on_it: &[T], total: usize, page: Page) -> Json<Value> {
    let Page { page, per_page } = page;
    Json(json!({ name: on_it, "total": total, "page": page, "per_page": per_page }))
}

#[utoipa::path(get, path = "/actions/modules", operation_id = "management_list_modules", tag = "management", params(Paged),
    responses((status = 200, description = "By name", body = Object)))]
pub(super) async fn list(
    State(app): State<App>,
    managing: Managing,
    Query(paged): Query<Paged>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let page = Page::new(paged.page, paged.per_page)?;
    let modules = tenant.modules().await?;
    let (total, mut shown) = (modules.len(), Vec::new());
    for module in page.of(modules) {
        let mut module = Shown::new(tenant.managed_of_module(module).await?);
        module.latest_version = None;
        shown.push(module);
    }
    Ok(told("modules", &shown, total, page).into_response())
}

#[utoipa::path(post, path = "/actions/modules", operation_id = "management_create_module", tag = "management",
    request_body = New, responses((status = 201, description = "It is there", body = Shown),
        (status = 409, description = "There is one of this name", body = Refusal)))]
pub(super) async fn create(
    State(app): State<App>,
    managing: Managing,
    body: Result<Body<New>, Refusal>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::CreateActions)?;
    let Body(new) = body?;
    let publish = new.publish.unwrap_or(false);
    let written = Written {
        code: Some(new.code),
        dependencies: new.dependencies,
        secrets: new.secrets,
        phonebox: new.phonebox,
    };
    let mut created = tenant.create_module(new.name, written.read()?).await?;
    if publish {
        let id = uuid(created.module.id);
        created = published(&tenant, &id).await?;
    }
    Ok((StatusCode::CREATED, Json(Shown::new(created))).into_response())
}

/// A module that was made just now, once it is published.
async fn published(tenant: &Tenant, id: &str) -> Result<ManagedModule, CannotManage> {
    match tenant.publish_module(id).await {
        // Somebody else was as fast.
        Ok(_) | Err(CannotManage::NothingToPublish) => tenant.managed_module(id).await,
        Err(error) => Err(error),
    }
}

#[utoipa::path(get, path = "/actions/modules/{id}", operation_id = "management_show_module", tag = "management",
    params(("id" = String, Path, description = "The module's id")), responses((status = 200, description = "It", body = Shown)))]
pub(super) async fn show(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let module = tenant.managed_module(&id).await?;
    Ok(Json(Shown::new(module)).into_response())
}

/// Its versions stay as they are, and so do actions that have them.
#[utoipa::path(patch, path = "/actions/modules/{id}", operation_id = "management_change_module", tag = "management",
    params(("id" = String, Path, description = "The module's id")), request_body = Written,
    responses((status = 200, description = "As it is now", body = Shown)))]
pub(super) async fn change(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Body<Written>, Refusal>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::UpdateActions)?;
    let Body(written) = body?;
    let module = tenant.change_module(&id, written.read()?).await?;
    Ok(Json(Shown::new(module)).into_response())
}

/// One that an action's draft names, or what is deployed of it, stays.
#[utoipa::path(delete, path = "/actions/modules/{id}", operation_id = "management_remove_module", tag = "management",
    params(("id" = String, Path, description = "The module's id")), responses((status = 204, description = "It is gone"),
        (status = 412, description = "It is in use", body = Refusal)))]
pub(super) async fn remove(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let tenant = managing.tenant(&app, Scope::DeleteActions)?;
    tenant.remove_module(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(get, path = "/actions/modules/{id}/actions", operation_id = "management_list_module_actions", tag = "management",
    params(("id" = String, Path, description = "The module's id"), Paged),
    responses((status = 200, description = "Deployed actions that have it, by name", body = Object)))]
pub(super) async fn uses(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    Query(paged): Query<Paged>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let page = Page::new(paged.page, paged.per_page)?;
    let uses = tenant.module_uses(&id).await?;
    let total = uses.len();
    let uses = page.of(uses).into_iter();
    let shown: Vec<_> = uses.map(ShownUse::new).collect();
    Ok(told("actions", &shown, total, page).into_response())
}

/// The draft becomes what a version is, with the secrets that it had.
#[utoipa::path(post, path = "/actions/modules/{id}/rollback", operation_id = "management_roll_back_module", tag = "management",
    params(("id" = String, Path, description = "The module's id")), request_body = Back,
    responses((status = 200, description = "As it is now", body = Shown),
        (status = 409, description = "It is that already", body = Refusal)))]
pub(super) async fn roll_back(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    body: Result<Body<Back>, Refusal>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant_by_any(&app, &[Scope::UpdateActions, Scope::CreateActions])?;
    let Body(back) = body?;
    let module = tenant.roll_back_module(&id, &back.module_version_id);
    Ok(Json(Shown::new(module.await?)).into_response())
}

#[utoipa::path(get, path = "/actions/modules/{id}/versions", operation_id = "management_list_module_versions", tag = "management",
    params(("id" = String, Path, description = "The module's id"), Paged),
    responses((status = 200, description = "The latest first", body = Object)))]
pub(super) async fn versions(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
    Query(paged): Query<Paged>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let page = Page::new(paged.page, paged.per_page)?;
    let versions = tenant.module_versions(&id).await?;
    let (total, mut shown) = (versions.len(), Vec::new());
    for version in page.of(versions) {
        shown.push(ShownVersion::new(tenant.managed_of_version(version).await?));
    }
    Ok(told("versions", &shown, total, page).into_response())
}

/// The draft becomes the next version.
#[utoipa::path(post, path = "/actions/modules/{id}/versions", operation_id = "management_publish_module", tag = "management",
    params(("id" = String, Path, description = "The module's id")),
    responses((status = 201, description = "The version", body = ShownVersion),
        (status = 409, description = "The latest is the same", body = Refusal),
        (status = 412, description = "There are as many as there may be", body = Refusal)))]
pub(super) async fn publish(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::CreateActions)?;
    let version = ShownVersion::new(tenant.publish_module(&id).await?);
    Ok((StatusCode::CREATED, Json(version)).into_response())
}

#[utoipa::path(get, path = "/actions/modules/{id}/versions/{module_version}", operation_id = "management_show_module_version", tag = "management",
    params(("id" = String, Path, description = "The module's id"), ("module_version" = String, Path, description = "The version's id")),
    responses((status = 200, description = "It", body = ShownVersion)))]
pub(super) async fn version(
    State(app): State<App>,
    managing: Managing,
    Path((id, version)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let version = tenant.managed_module_version(&id, &version).await?;
    Ok(Json(ShownVersion::new(version)).into_response())
}
