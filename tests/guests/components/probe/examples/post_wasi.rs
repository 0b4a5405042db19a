//! The same POST as `post`, through standard `wasi:http`.

use probe_guests::world::phonebox::action::secrets;
use probe_guests::world::phonebox::action::types::{Event, Outcome, Receipt};
use serde_json::Value;
use wasip2::http::types::{
    Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};

struct PostWasi;

impl probe_guests::world::Guest for PostWasi {
    fn deliver(event: Event) -> Result<Outcome, String> {
        let origin = secrets::get("ORIGIN").ok_or("no ORIGIN")?;
        let (scheme, authority) = origin.split_once("://").ok_or("no scheme")?;
        let token = secrets::get("TOKEN").ok_or("no TOKEN")?;
        let body = serde_json::json!({
            "to": event.notification.recipient, "text": event.notification.as_text
        });
        let answer = post(scheme, authority, &token, body.to_string().as_bytes())?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        let message_id = answer["id"].as_str().ok_or("no id")?.to_owned();
        Ok(Outcome::Sent(Some(Receipt {
            provider: "mock".to_owned(),
            message_id,
        })))
    }
}

fn post(scheme: &str, authority: &str, token: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let headers = [
        (
            "authorization".to_owned(),
            format!("Bearer {token}").into_bytes(),
        ),
        ("content-type".to_owned(), b"application/json".to_vec()),
    ];
    let headers = Fields::from_list(&headers).map_err(|error| error.to_string())?;
    let request = OutgoingRequest::new(headers);
    let scheme = if scheme == "http" {
        Scheme::Http
    } else {
        Scheme::Https
    };
    request.set_method(&Method::Post).map_err(|()| "method")?;
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    request
        .set_authority(Some(authority))
        .map_err(|()| "authority")?;
    request
        .set_path_with_query(Some("/messages"))
        .map_err(|()| "path")?;
    let outgoing = request.body().map_err(|()| "body")?;
    let response = wasip2::http::outgoing_handler::handle(request, None)
        .map_err(|error| format!("{error:?}"))?;
    let stream = outgoing.write().map_err(|()| "stream")?;
    stream
        .blocking_write_and_flush(body)
        .map_err(|error| format!("{error:?}"))?;
    drop(stream);
    OutgoingBody::finish(outgoing, None).map_err(|error| format!("{error:?}"))?;
    response.subscribe().block();
    let response = response.get().ok_or("not ready")?.map_err(|()| "taken")?;
    read(&response.map_err(|error| format!("{error:?}"))?)
}

fn read(response: &IncomingResponse) -> Result<Vec<u8>, String> {
    let body = response.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut bytes = Vec::new();
    while let Ok(chunk) = stream.blocking_read(64 << 10) {
        bytes.extend(chunk);
    }
    Ok(bytes)
}

probe_guests::world::export!(PostWasi);
