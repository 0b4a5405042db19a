//! The trigger, what is bound to it, and what ran for it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use phonebox::store::{Attempt, Binding, Notification};
use phonebox::{BindingRef, ManagedAction, NotificationId, Scope, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::actions::{Paged, Shown, uuid};
use super::{Body, Managing, Page, Path, Query, Refusal, TRIGGER, listed, nanos};
use crate::App;

#[derive(Serialize, ToSchema)]
#[schema(as = Triggers)]
pub(super) struct Listed {
    triggers: [Trigger; 1],
}

#[derive(Serialize, ToSchema)]
struct Trigger {
    id: &'static str,
    version: &'static str,
    status: &'static str,
    runtimes: [&'static str; 2],
    default_runtime: &'static str,
    binding_policy: &'static str,
    /// There are none.
    #[schema(value_type = Vec<Object>)]
    compatible_triggers: [Value; 0],
}

/// All that is to be bound: one action, or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Bind)]
pub(super) struct Written {
    #[schema(max_items = 1)]
    bindings: Vec<WrittenBinding>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WrittenBinding {
    r#ref: WrittenRef,
    /// Default: the action's name.
    #[schema(max_length = 255)]
    display_name: Option<String>,
    /// There are none: an action has its secrets itself.
    #[schema(max_items = 0)]
    secrets: Option<Vec<Value>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WrittenRef {
    r#type: Option<RefType>,
    value: String,
}

/// What an action is named by. Default: `action_name`.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RefType {
    ActionId,
    #[default]
    ActionName,
    BindingId,
}

/// What is bound.
#[derive(Serialize, ToSchema)]
#[schema(as = Bindings)]
pub(super) struct Bound {
    bindings: Vec<ShownBinding>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Binding)]
struct ShownBinding {
    id: String,
    trigger_id: &'static str,
    display_name: String,
    action: Shown,
    created_at: String,
    updated_at: String,
}

/// What a notification's attempts were.
#[derive(Serialize, ToSchema)]
pub(super) struct Execution {
    id: String,
    trigger_id: &'static str,
    /// `pending`, `final` or `canceled`.
    status: &'static str,
    results: Vec<ExecutionResult>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, ToSchema)]
struct ExecutionResult {
    action_name: String,
    /// Why nothing was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<ExecutionError>,
    started_at: String,
    ended_at: String,
}

#[derive(Serialize, ToSchema)]
struct ExecutionError {
    id: String,
    msg: String,
}

impl ShownBinding {
    fn new((binding, action): (Binding, ManagedAction)) -> Self {
        Self {
            id: uuid(binding.id),
            trigger_id: TRIGGER,
            display_name: binding.display_name,
            action: Shown::new(action),
            created_at: nanos(binding.created_at),
            updated_at: nanos(binding.updated_at),
        }
    }
}

impl Execution {
    fn new(notification: &Notification) -> Self {
        let item = &notification.item;
        let attempts = &notification.attempts;
        let latest = attempts.last().map(|latest| latest.ended);
        let updated_at = item.settled_at.or(latest).unwrap_or(item.accepted_at);
        let result = |attempt: &Attempt| ExecutionResult {
            action_name: item.action.clone(),
            error: ExecutionError::of(attempt),
            started_at: nanos(attempt.began),
            ended_at: nanos(attempt.ended),
        };
        Self {
            id: uuid(item.id.to_bytes()),
            trigger_id: TRIGGER,
            status: match item.status {
                Status::Queued | Status::Leased => "pending",
                Status::Canceled => "canceled",
                _ => "final",
            },
            results: attempts.iter().map(result).collect(),
            created_at: nanos(item.accepted_at),
            updated_at: nanos(updated_at),
        }
    }
}

impl ExecutionError {
    /// Of an attempt that did not send: why there is no outcome, or what the outcome says.
    fn of(attempt: &Attempt) -> Option<Self> {
        let report: Value = serde_json::from_str(&attempt.report).unwrap_or_default();
        let text = |pointer: &str| report.pointer(pointer).and_then(Value::as_str);
        if let (Some(kind), Some(message)) = (text("/error/kind"), text("/error/message")) {
            let msg = match text("/error/hint") {
                Some(hint) => format!("{message}: {hint}"),
                None => message.to_owned(),
            };
            let id = kind.to_owned();
            return Some(Self { id, msg });
        }
        let (kind, reason) = (text("/outcome/kind")?, text("/outcome/reason")?);
        Some(Self {
            id: kind.to_owned(),
            msg: reason.to_owned(),
        })
    }
}

#[utoipa::path(get, path = "/actions/triggers", operation_id = "management_list_triggers", tag = "management",
    responses((status = 200, description = "The one that there is", body = Listed)))]
pub(super) async fn list(State(app): State<App>, managing: Managing) -> Result<Response, Refusal> {
    managing.tenant(&app, Scope::ReadActions)?;
    let triggers = [Trigger {
        id: TRIGGER,
        version: "v1",
        status: "CURRENT",
        runtimes: ["node18-actions", "node22"],
        default_runtime: "node22",
        binding_policy: "trigger-bound",
        compatible_triggers: [],
    }];
    Ok(Json(Listed { triggers }).into_response())
}

/// What somebody has bound. What is deployed delivers without that, too.
#[utoipa::path(get, path = "/actions/triggers/{trigger}/bindings", operation_id = "management_list_bindings", tag = "management",
    params(("trigger" = String, Path, description = "The trigger's id", example = "custom-phone-provider"), Paged),
    responses((status = 200, description = "One at the most", body = Object)))]
pub(super) async fn bindings(
    State(app): State<App>,
    managing: Managing,
    Path(trigger): Path<String>,
    Query(paged): Query<Paged>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let page = Page::new(paged.page, paged.per_page)?;
    check_trigger(&trigger)?;
    let bound = tenant.binding().await?.map(ShownBinding::new);
    let bound = Vec::from_iter(bound);
    Ok(Json(listed("bindings", bound, page)).into_response())
}

/// Takes the place of what was bound.
#[utoipa::path(patch, path = "/actions/triggers/{trigger}/bindings", operation_id = "management_bind", tag = "management",
    params(("trigger" = String, Path, description = "The trigger's id", example = "custom-phone-provider")), request_body = Written,
    responses((status = 200, description = "What is bound now", body = Bound)))]
pub(super) async fn bind(
    State(app): State<App>,
    managing: Managing,
    Path(trigger): Path<String>,
    body: Result<Body<Written>, Refusal>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::UpdateActions)?;
    let Body(Written { bindings }) = body?;
    check_trigger(&trigger)?;
    if bindings.len() > 1 {
        return Err(Refusal::invalid_body(&format!(
            "bindings: {TRIGGER} has one action"
        )));
    }
    let mut to = None;
    for binding in bindings {
        if binding.secrets.is_some_and(|secrets| !secrets.is_empty()) {
            return Err(Refusal::invalid_body(
                "bindings: an action has its secrets itself, and a binding has none",
            ));
        }
        if let Some(name) = &binding.display_name {
            let length = name.chars().count();
            if !(1..=255).contains(&length) || name.contains(char::is_control) {
                return Err(Refusal::invalid_body(
                    "bindings: a display_name has 1 to 255 characters, and none that cannot be seen",
                ));
            }
        }
        let value = binding.r#ref.value;
        let named = match binding.r#ref.r#type.unwrap_or_default() {
            RefType::ActionId => BindingRef::ActionId(value),
            RefType::ActionName => BindingRef::ActionName(value),
            RefType::BindingId => BindingRef::BindingId(value),
        };
        to = Some((named, binding.display_name));
    }
    let bound = tenant.bind(to).await?.map(ShownBinding::new);
    Ok(Json(Bound {
        bindings: Vec::from_iter(bound),
    })
    .into_response())
}

fn check_trigger(trigger: &str) -> Result<(), Refusal> {
    if trigger == TRIGGER {
        return Ok(());
    }
    Err(Refusal::not_found("That trigger does not exist."))
}

/// An execution is a notification, by its id in the form of a UUID.
#[utoipa::path(get, path = "/actions/executions/{id}", operation_id = "management_show_execution", tag = "management",
    params(("id" = String, Path, description = "The notification's id, as a UUID")),
    responses((status = 200, description = "Its attempts", body = Execution)))]
pub(super) async fn execution(
    State(app): State<App>,
    managing: Managing,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let tenant = managing.tenant(&app, Scope::ReadActions)?;
    let missing = || Refusal::not_found("That execution does not exist.");
    let id = phonebox::read_id(&id).map(NotificationId::from_bytes);
    let found = tenant.notification(id.ok_or_else(missing)?).await?;
    let notification = found.ok_or_else(missing)?;
    Ok(Json(Execution::new(&notification)).into_response())
}
