//! Tokens, as Auth0's clients ask for them: the id of a key and the key itself are a client and its secret.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Form, FromRequest as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use phonebox::{Caller, Jwk, Scope, Sensitive, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::caller::Asking;
use crate::limits::Peer;
use crate::management::Who;
use crate::problem::ProblemCode;
use crate::{App, Problem};

/// What a client asks with. What else there is in it is not read.
#[derive(Deserialize, ToSchema)]
#[schema(as = TokenRequest)]
struct Wanted {
    /// `client_credentials`.
    grant_type: Option<String>,
    /// The id of a key, unless it comes by Basic authentication, as the secret then does.
    client_id: Option<String>,
    /// The key.
    #[schema(value_type = Option<String>)]
    client_secret: Option<Sensitive>,
    /// `https://HOST/api/v2/`, where HOST is the server's.
    audience: Option<String>,
    /// Of what the key is good for, what the token is to be good for. Without it: all.
    scope: Option<String>,
    #[schema(ignore)]
    client_assertion: Option<serde::de::IgnoredAny>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct Issued {
    #[schema(value_type = String)]
    access_token: Sensitive,
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
    scope: String,
}

/// An error as OAuth has it (RFC 6749).
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(crate) struct Denied {
    #[serde(skip)]
    status: StatusCode,
    error: &'static str,
    error_description: String,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

#[derive(Serialize, ToSchema)]
struct JwkSet {
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Jwk>,
}

#[derive(Serialize, ToSchema)]
struct Rotated {
    /// The id of the key that signs from now on.
    id: String,
}

impl Denied {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            error_description: description.into(),
            retry_after: None,
        }
    }

    fn invalid(description: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "access_denied", "Unauthorized")
    }

    fn too_many(wait: Duration) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Self {
            retry_after: Some(wait),
            ..Self::new(status, "too_many_requests", "Too many requests")
        }
    }
}

/// A token for a day, that is worthless as soon as its key is.
#[utoipa::path(post, path = "/oauth/token", operation_id = "issue_token", tag = "tokens",
    request_body(content((Wanted = "application/x-www-form-urlencoded"), (Wanted = "application/json"))),
    responses(
        (status = 200, description = "It is good from now on", body = Issued),
        (status = 400, description = "Something in the request is not what it should be", body = Denied),
        (status = 401, description = "There is no such client, or its secret is another", body = Denied),
        (status = 403, description = "The audience is another server's", body = Denied),
        (status = 413, description = "The body is too large", body = Denied),
        (status = 415, description = "The body is of another kind", body = Denied),
        (status = 429, description = "Too many were asked for, or too many wrong secrets sent", body = Denied),
        (status = 503, description = "The store does not answer", body = Denied),
    ))]
pub(crate) async fn issue(State(app): State<App>, request: Request) -> Result<Response, Denied> {
    let who = Who::new(request.headers(), request.extensions());
    let mut client = None;
    let answer = issued(&app, request, &mut client).await;
    if let Some((tenant, id)) = client {
        let tenant = app.0.handle.tenant(&tenant);
        if let Err(denied) = &answer {
            let (error, status) = (denied.error, denied.status.as_u16());
            let details = json!({ "response": { "statusCode": status, "error": error } });
            let entry = who.entry("feccft", &denied.error_description, &id, &details);
            // How long it takes is not to tell that there is such a client.
            tokio::spawn(async move { tenant.log(entry).await });
        } else {
            let details = json!({ "response": { "statusCode": 200 } });
            let description = "a token for the client's own secret";
            tenant
                .log(who.entry("seccft", description, &id, &details))
                .await;
        }
    }
    answer
}

/// Also gives the client, and its tenant, whose log is to tell of it.
async fn issued(
    app: &App,
    request: Request,
    known: &mut Option<(String, String)>,
) -> Result<Response, Denied> {
    let headers = request.headers().clone();
    let peer = request.extensions().get::<Peer>().copied();
    let wanted = read(request).await?;
    match wanted.grant_type.as_deref() {
        Some("client_credentials") => {}
        None => return Err(Denied::invalid("Missing required parameter: grant_type")),
        Some(_) => {
            let description = "Unsupported grant type: there is client_credentials";
            let status = StatusCode::BAD_REQUEST;
            return Err(Denied::new(status, "unsupported_grant_type", description));
        }
    }
    if wanted.client_assertion.is_some() {
        let description = "client_assertion is not supported: send client_secret";
        return Err(Denied::invalid(description));
    }
    let asked = app.0.names.asked(&headers);
    let issuer = asked.issuer();
    let issuer = issuer.ok_or_else(|| Denied::invalid("The request does not say its host"))?;
    let (client, secret) = match (basic(&headers)?, wanted.client_id, wanted.client_secret) {
        (Some(both), None, None) => both,
        (Some(_), ..) => {
            return Err(Denied::invalid("The client is said twice"));
        }
        (None, None, _) => return Err(Denied::invalid("Missing required parameter: client_id")),
        (None, Some(_), None) => {
            return Err(Denied::invalid("Missing required parameter: client_secret"));
        }
        (None, Some(client), Some(secret)) => (client, secret),
    };
    let caller = app.0.keys.authenticate(secret.reveal()).await?;
    let is_it = |caller: &Caller| {
        let elsewhere = caller.tenant.as_ref().zip(asked.tenant.as_ref());
        caller.id == client && elsewhere.is_none_or(|(own, host)| own == host)
    };
    let Some(caller) = caller.filter(is_it) else {
        let limits = &app.0.limits;
        let client: String = client.chars().take(64).collect();
        let of_client = limits.wrong.count(client.clone()).refused_for;
        let tenant = app.0.keys.tenant_of(&client).await?;
        *known = tenant
            .filter(|_| of_client.is_none())
            .map(|tenant| (tenant, client));
        let refused = limits.stranger(peer).max(of_client);
        return Err(refused.map_or_else(Denied::unauthorized, Denied::too_many));
    };
    let tenant = caller.tenant.clone().or_else(|| asked.tenant.clone());
    *known = tenant.map(|tenant| (tenant, client.clone()));
    let audience = wanted
        .audience
        .as_deref()
        .map(|audience| audience.trim_end_matches('/'));
    if audience != Some(issuer.audience.trim_end_matches('/')) {
        let description = format!("Service not enabled: the audience is {}", issuer.audience);
        return Err(Denied::new(
            StatusCode::FORBIDDEN,
            "access_denied",
            description,
        ));
    }
    if let Some(wait) = app.0.limits.issued.count(client).refused_for {
        *known = None;
        return Err(Denied::too_many(wait));
    }
    let scopes = wanted.scope.as_deref();
    let scopes = scopes.map(|names| names.split(' ').filter_map(|name| name.parse().ok()));
    let scopes: Option<Vec<Scope>> = scopes.map(Iterator::collect);
    let token = app
        .0
        .tokens
        .issue(&issuer, &caller, scopes.as_deref())
        .await?;
    let names: Vec<_> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let body = Issued {
        access_token: token.token,
        token_type: "Bearer",
        expires_in: token.valid.as_secs(),
        scope: names.join(" "),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

async fn read(request: Request) -> Result<Wanted, Denied> {
    let of = |status| {
        let description = "The body is neither JSON nor a form with these parameters, each once";
        let status = match status {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        Denied::new(status, "invalid_request", description)
    };
    let is_json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| {
            kind.to_str()
                .is_ok_and(|kind| kind.starts_with("application/json"))
        });
    if is_json {
        let read: Result<Json<Wanted>, JsonRejection> = Json::from_request(request, &()).await;
        return read
            .map(|Json(wanted)| wanted)
            .map_err(|error| of(error.status()));
    }
    let read: Result<Form<Wanted>, FormRejection> = Form::from_request(request, &()).await;
    read.map(|Form(wanted)| wanted)
        .map_err(|error| of(error.status()))
}

/// A client and its secret by Basic authentication, if it comes so.
fn basic(headers: &HeaderMap) -> Result<Option<(String, Sensitive)>, Denied> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let read = || {
        let (scheme, both) = value.to_str().ok()?.split_once(' ')?;
        let both = STANDARD.decode(both.trim()).ok();
        let both = both.filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        // Nothing in an id or a key is percent-encoded.
        let (client, secret) = std::str::from_utf8(&both).ok()?.split_once(':')?;
        Some((client.to_owned(), Sensitive::new(secret)))
    };
    let unread = || Denied::invalid("The header Authorization is not that of a client");
    read().ok_or_else(unread).map(Some)
}

/// What tokens are verified by, by whoever wants to (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "show_signing_keys", tag = "tokens",
    responses((status = 200, description = "The keys that sign, or did a day ago", body = JwkSet)))]
pub(crate) async fn verified_by(State(app): State<App>) -> Result<Response, Problem> {
    let keys = app.0.tokens.verified_by().await?;
    Ok(Json(JwkSet { keys }).into_response())
}

/// What the key before signed is good for a day more; and what was signed by those before that one, no more.
#[utoipa::path(post, path = "/v1/signing-keys/rotate", operation_id = "rotate_signing_keys", tag = "operator",
    responses((status = 200, description = "Another key signs tokens from now on", body = Rotated)))]
pub(crate) async fn rotate(State(app): State<App>, asking: Asking) -> Result<Response, Problem> {
    asking.to(Scope::KeysWrite)?;
    let id = app.0.tokens.rotate().await?;
    Ok(Json(Rotated { id }).into_response())
}

impl From<StoreError> for Denied {
    fn from(error: StoreError) -> Self {
        let problem = Problem::from(error);
        Self::new(
            problem.status(),
            "temporarily_unavailable",
            problem.detail(),
        )
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self)).into_response();
        response.extensions_mut().insert(ProblemCode(self.error));
        let headers = response.headers_mut();
        let never = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, never);
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
