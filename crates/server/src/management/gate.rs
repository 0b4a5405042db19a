use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::refusal::JSON;
use super::{Refusal, is_here};
use crate::App;
use crate::caller::Asking;
use crate::limits::Count;

/// Before every address of the Management API, those that are not there too: a token is asked for and requests are counted, and
/// every answer tells how many more there may be, and what it is, as Auth0 does.
pub(crate) async fn gate(State(app): State<App>, request: Request, next: Next) -> Response {
    if !is_here(request.uri().path()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let asking = Asking::from_request_parts(&mut parts, &app).await;
    let counted = &app.0.limits.managed;
    let count = match &asking {
        Ok(asking) => counted.count(asking.tenant.clone()),
        Err(_) => counted.untouched(),
    };
    let mut response = match (asking, count.refused_for) {
        (Err(problem), _) => Refusal::from(problem).into_response(),
        (Ok(_), Some(wait)) => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let refusal = Refusal::new(status, "Global limit has been reached");
            let refusal = refusal.code("too_many_requests");
            refusal.after(wait).into_response()
        }
        (Ok(asking), None) => {
            parts.extensions.insert(Arc::new(asking));
            next.run(Request::from_parts(parts, body)).await
        }
    };
    let headers = response.headers_mut();
    if let Some(kind) = headers.get_mut(header::CONTENT_TYPE) {
        *kind = HeaderValue::from_static(JSON);
    }
    for (name, value) in told(count) {
        headers.insert(name, value.into());
    }
    response
}

fn told(count: Count) -> [(HeaderName, u64); 3] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let reset = now.unwrap_or_default() + count.reset;
    [
        ("x-ratelimit-limit", u64::from(count.most)),
        ("x-ratelimit-remaining", u64::from(count.left)),
        (
            "x-ratelimit-reset",
            reset.as_secs() + u64::from(reset.subsec_nanos() > 0),
        ),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), value))
}
