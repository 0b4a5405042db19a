//! The root keys that the store is encrypted with: their ids, and what needs them. Not the keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use phonebox::{CannotRotate, Scope};

use crate::caller::Asking;
use crate::{App, Problem};

pub(crate) async fn list(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    asking.to(Scope::KeysWrite)?;
    let keys = app.0.handle.root_keys().await?;
    Ok(Json(serde_json::json!({ "root_keys": keys })).into_response())
}

/// They are read again. What follows goes on by itself.
pub(crate) async fn rotate(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    asking.to(Scope::KeysWrite)?;
    app.0.handle.rotate_root_keys().await?;
    let keys = app.0.handle.root_keys().await?;
    let body = Json(serde_json::json!({ "root_keys": keys }));
    Ok((StatusCode::ACCEPTED, body).into_response())
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
