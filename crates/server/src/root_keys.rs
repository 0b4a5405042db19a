//! The root keys that the store is encrypted with: their ids, and what needs them. Not the keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use phonebox::{CannotRotate, RootKey, Scope};
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Asking;
use crate::{App, Problem};

#[derive(Serialize, ToSchema)]
struct RootKeys {
    #[schema(value_type = Vec<RootKeyShape>)]
    root_keys: Vec<RootKey>,
}

/// A root key, as [`RootKey`] is serialized.
#[derive(Serialize, ToSchema)]
#[schema(as = RootKey)]
struct RootKeyShape {
    id: String,
    /// Whether it is the one that encrypts.
    active: bool,
    /// Whether this process has it.
    present: bool,
    /// Secrets, events and marks that cannot be read without it.
    needed_by: u64,
}

#[utoipa::path(get, path = "/v1/root-keys", operation_id = "list_root_keys", tag = "operator",
    responses((status = 200, description = "Their ids, and what needs them", body = RootKeys)))]
pub(crate) async fn list(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    asking.to(Scope::KeysWrite)?;
    let root_keys = app.0.handle.root_keys().await?;
    Ok(Json(RootKeys { root_keys }).into_response())
}

/// They are read again. What follows goes on by itself.
#[utoipa::path(post, path = "/v1/root-keys/rotate", operation_id = "rotate_root_keys", tag = "operator",
    responses((status = 202, description = "What is encrypted will be by the first of them", body = RootKeys)))]
pub(crate) async fn rotate(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    asking.to(Scope::KeysWrite)?;
    app.0.handle.rotate_root_keys().await?;
    let root_keys = app.0.handle.root_keys().await?;
    Ok((StatusCode::ACCEPTED, Json(RootKeys { root_keys })).into_response())
}

impl From<CannotRotate> for Problem {
    fn from(error: CannotRotate) -> Self {
        if let CannotRotate::Store(error) = error {
            return error.into();
        }
        // Only the operator is told, and there is no key in it.
        let mut detail = error.to_string();
        if let Some(cause) = std::error::Error::source(&error) {
            detail = format!("{detail}: {cause}");
        }
        Self::new(StatusCode::CONFLICT, "root_keys_refused", detail)
            .hint(error.hint())
            .fault(error.fault())
    }
}
