use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::{Json, extract};
use phonebox::{CannotLoad, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use utoipa::ToSchema;

use crate::Problem;
use crate::problem::{ProblemCode, answer};

/// What every answer with a body is.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// An error, as Auth0's clients read it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Refusal)]
pub(crate) struct Refusal {
    /// The HTTP status.
    status_code: u16,
    /// Its name.
    error: &'static str,
    /// What is wrong, and what to do about it, for people.
    message: String,
    /// What is wrong, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error_code: Option<&'static str>,
    /// Seconds until it may be asked again.
    #[serde(skip)]
    pub(super) retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status_code: status.as_u16(),
            error: status.canonical_reason().unwrap_or("Error"),
            message: message.into(),
            error_code: None,
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        }
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.error_code = Some(code);
        self
    }

    /// It may be asked again after this.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        self
    }

    /// 400 in place of 409, which Auth0's client for Python takes for something to be asked again.
    pub(crate) fn not_again(self) -> Self {
        if self.status_code != StatusCode::CONFLICT {
            return self;
        }
        Self {
            error_code: self.error_code,
            ..Self::new(StatusCode::BAD_REQUEST, self.message)
        }
    }

    /// The body is not what it should be: `fault` says in what, and repeats nothing secret.
    pub(crate) fn invalid_body(fault: &str) -> Self {
        let message = format!("Payload validation error: '{fault}'.");
        Self::new(StatusCode::BAD_REQUEST, message).code("invalid_body")
    }

    /// The address or its query is not what it should be.
    pub(crate) fn invalid_uri(fault: &str) -> Self {
        let message = format!("Query validation error: '{fault}'.");
        Self::new(StatusCode::BAD_REQUEST, message).code("invalid_uri")
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn insufficient_scope(wanted: &str) -> Self {
        let message = format!("Insufficient scope, expected any of: {wanted}");
        Self::new(StatusCode::FORBIDDEN, message).code("insufficient_scope")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = ProblemCode(self.error_code.unwrap_or(self.error));
        answer(status, JSON, &self, code, self.retry_after)
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let status = problem.status();
        let code = match status {
            StatusCode::UNAUTHORIZED => "invalid_token",
            _ => problem.code(),
        };
        let message = match problem.shown_hint() {
            Some(hint) => format!("{}: {hint}", problem.detail()),
            None => problem.detail().to_owned(),
        };
        let retry_after = problem.retry_after();
        Self {
            retry_after,
            ..Self::new(status, message).code(code)
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl From<CannotLoad> for Refusal {
    fn from(error: CannotLoad) -> Self {
        Problem::from(error).into()
    }
}

/// A body of JSON: [`Json`], with a [`Refusal`] where it is not what it should be.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::JsonDataError(error)) => Err(Refusal::invalid_body(&fault(&error))),
            Err(JsonRejection::JsonSyntaxError(_)) => {
                Err(Refusal::invalid_body("The body is not JSON"))
            }
            Err(other) => Err(Problem::from(other).into()),
        }
    }
}

/// There is no property of this name.
pub(super) fn not_allowed(name: &str) -> String {
    format!("Additional properties not allowed: {}", known(name))
}

/// What looks like nothing that could be meant may be a secret in the wrong place.
fn known(name: &str) -> &str {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_name = name.len() <= 32 && name.bytes().all(is_letter);
    if is_name { name } else { "(not shown)" }
}

/// What serde has to say, without the place, and without what was sent: there may be a secret in it.
fn fault(error: &dyn std::error::Error) -> String {
    let said = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    let said = said.split(" at line ").next().unwrap_or_default();
    let named = |serde| {
        let (_, rest) = said.split_once(serde)?;
        rest.split_once('`').map(|(name, _)| name)
    };
    if let Some(name) = named("missing field `") {
        return format!("Missing required property: {}", known(name));
    }
    if let Some(name) = named("unknown field `") {
        return not_allowed(name);
    }
    "Some property has not the type that it should have".to_owned()
}

/// A body of JSON that need not be there.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Refusal::invalid_body(&fault(&error)),
        _ => Refusal::invalid_body("The body is not JSON"),
    })
}

/// What is named in the address: [`extract::Path`], with a [`Refusal`] where it cannot be read.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match extract::Path::from_request_parts(parts, state).await {
            Ok(extract::Path(named)) => Ok(Self(named)),
            Err(_) => Err(Refusal::invalid_uri("The address cannot be read")),
        }
    }
}

/// A query: [`extract::Query`], with a [`Refusal`] where it is not what it should be.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let query: Result<extract::Query<T>, QueryRejection> =
            extract::Query::from_request_parts(parts, state).await;
        query
            .map(|extract::Query(query)| Self(query))
            .map_err(|error| Refusal::invalid_uri(&fault(&error)))
    }
}
