use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use phonebox::{CannotLoad, Fault, Refused, SendError, StoreError, WebhookError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::openapi::FaultName;

/// An error, as it is answered (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    status: u16,
    /// Its name, for programs. Stays the same.
    code: &'static str,
    /// What is wrong, for people.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
    /// Whose fault it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<FaultName>, nullable = false)]
    fault: Option<Fault>,
    /// Seconds until it may be asked again.
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// What an answer's problem is, for the log.
#[derive(Clone, Copy)]
pub(crate) struct ProblemCode(pub(crate) &'static str);

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status: status.as_u16(),
            code,
            detail: detail.into(),
            hint: None,
            fault: None,
            retry_after: (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1),
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// It may be asked again after this.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        self
    }

    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn shown_hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Nothing is asked of the store, and it would not do it.
    pub(crate) fn not_ready(error: &StoreError) -> Self {
        let (_, code) = of_store(error);
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, code, "nothing can be kept now; the log says why").fault(Fault::Platform)
    }

    pub(crate) fn shutting_down() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "shutting_down", "phonebox is shutting down")
            .hint(SendError::ShuttingDown.hint())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = ProblemCode(self.code);
        let kind = "application/problem+json";
        answer(self.status(), kind, &self, code, self.retry_after)
    }
}

/// An error's answer: this, as JSON of this kind.
pub(crate) fn answer(
    status: StatusCode,
    kind: &'static str,
    error: &impl Serialize,
    code: ProblemCode,
    retry_after: Option<u64>,
) -> Response {
    let body = serde_json::to_string(error).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
    response.extensions_mut().insert(code);
    let headers = response.headers_mut();
    if status == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer");
        headers.insert(header::WWW_AUTHENTICATE, bearer);
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn of_store(error: &StoreError) -> (StatusCode, &'static str) {
    tracing::error!(%error, hint = error.hint(), "the store failed");
    match error {
        StoreError::Full => (StatusCode::INSUFFICIENT_STORAGE, "store_full"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (status, code) = of_store(&error);
        // Where the store lies is the operator's to know.
        Self::new(status, code, "it cannot be kept now: nothing was accepted")
            .fault(Fault::Platform)
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        let (status, code) = match error {
            SendError::Store(error) => return error.into(),
            SendError::ShuttingDown => return Self::shutting_down(),
            SendError::Refused(refused) => return refused.into(),
            SendError::Conflict => (StatusCode::CONFLICT, "idempotency_key_used"),
            SendError::Unknown => (StatusCode::NOT_FOUND, "not_found"),
            SendError::NotSettled(_) => (StatusCode::CONFLICT, "not_settled"),
            SendError::Expired => (StatusCode::CONFLICT, "expired"),
            SendError::Erased => (StatusCode::GONE, "erased"),
            SendError::Unreadable => (StatusCode::SERVICE_UNAVAILABLE, "event_unreadable"),
            SendError::ProviderDisabled => (StatusCode::CONFLICT, "provider_disabled"),
            SendError::MethodNotOffered(_) => (StatusCode::CONFLICT, "method_not_offered"),
            SendError::ProviderIncomplete => (StatusCode::CONFLICT, "provider_incomplete"),
            _ => (StatusCode::CONFLICT, "no_action"),
        };
        Self::new(status, code, error.to_string()).hint(error.hint())
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        let (status, code) = match error {
            WebhookError::Store(error) => return error.into(),
            WebhookError::Denied(_) => (StatusCode::FORBIDDEN, "address_not_allowed"),
            _ => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        };
        Self::new(status, code, error.to_string()).hint(error.hint())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let status = match refused.after() {
            Some(_) => StatusCode::TOO_MANY_REQUESTS,
            None => StatusCode::FORBIDDEN,
        };
        let problem = Self::new(status, refused.code(), refused.to_string());
        Self {
            retry_after: refused.after().map(|after| after.as_secs().max(1)),
            ..problem.hint(refused.hint()).fault(Fault::Policy)
        }
    }
}

impl From<CannotLoad> for Problem {
    fn from(error: CannotLoad) -> Self {
        let status = match error {
            CannotLoad::Store(error) => return error.into(),
            CannotLoad::ShuttingDown => return Self::shutting_down(),
            CannotLoad::Action(_) | CannotLoad::Deploy(_) | CannotLoad::InvalidSecret(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            _ => StatusCode::CONFLICT,
        };
        let problem = Self::new(status, error.kind(), error.to_string()).fault(error.fault());
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl From<JsonRejection> for Problem {
    /// What was sent is not repeated: there may be a code in it.
    fn from(rejection: JsonRejection) -> Self {
        let (code, detail) = match &rejection {
            JsonRejection::JsonDataError(_) => ("invalid", "the body is not what it should be"),
            JsonRejection::JsonSyntaxError(_) => ("invalid", "the body is not JSON"),
            JsonRejection::MissingJsonContentType(_) => (
                "invalid",
                "the body is not said to be JSON: set content-type to application/json",
            ),
            _ => ("unreadable", "the body cannot be read, or is too large"),
        };
        Self::new(rejection.status(), code, detail)
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        let detail = "the body cannot be read, or is too large";
        Self::new(rejection.status(), "unreadable", detail)
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        let detail = "the query is not what it should be";
        Self::new(rejection.status(), "invalid", detail)
            .hint("/openapi.json has the parameters that this address knows")
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        let detail = "the address cannot be read";
        Self::new(rejection.status(), "invalid", detail)
            .hint("what is percent-encoded in it has to be UTF-8")
    }
}

/// What is named in the address: [`axum::extract::Path`], with a [`Problem`] where it cannot be read.
pub(crate) struct Path<T>(pub(crate) T);

impl<T, S> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let axum::extract::Path(named) =
            axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Self(named))
    }
}
