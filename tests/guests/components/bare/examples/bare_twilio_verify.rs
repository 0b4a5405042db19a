//! As `examples/actions/twilio-verify-rust`, and by standard `wasi:http` in place of phonebox's own
//! import: libraries that know nothing of phonebox take the same road.

use phonebox_bare_guests::phonebox::action::types::DeliveryMethod;
use phonebox_bare_guests::{
    Answer, Event, Guest, Outcome, basic, export, form, log_error, retry, seconds, secret, sent,
};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    Scheme,
};
use wasip2::io::streams::StreamError;

const LOCALES: &[&str] = &[
    "af", "ar", "ca", "cs", "da", "de", "el", "en", "en-GB", "es", "et", "fi", "fr", "he", "hi",
    "hr", "hu", "id", "it", "ja", "kn", "ko", "lt", "mr", "ms", "nb", "nl", "pl", "pt", "pt-BR",
    "ro", "ru", "sk", "sv", "te", "th", "tl", "tr", "uk", "vi", "zh", "zh-CN", "zh-HK",
];

struct TwilioVerify;

impl Guest for TwilioVerify {
    fn deliver(event: Event) -> Result<Outcome, String> {
        let message = event.notification;
        let Some(code) = message.code else {
            let kind = format!("{:?}", message.message_type);
            let kind = kind.trim_start_matches("MessageType::");
            return Ok(Outcome::Drop(format!(
                "twilio verify sends codes, not {}",
                snake(kind)
            )));
        };
        let channel = match message.delivery_method {
            DeliveryMethod::Text => "sms",
            DeliveryMethod::Voice => "call",
        };
        let mut pairs = vec![
            ("To", message.recipient.as_str()),
            ("Channel", channel),
            ("CustomCode", &code),
        ];
        let locale = message.locale.unwrap_or_default().replace('_', "-");
        let language = locale.split('-').next().unwrap_or_default();
        let supported = [locale.as_str(), language]
            .into_iter()
            .find(|l| LOCALES.contains(l));
        pairs.extend(supported.map(|locale| ("Locale", locale)));

        let path = format!(
            "/v2/Services/{}/Verifications",
            secret("TWILIO_VERIFY_SERVICE_SID")?
        );
        let authorization = basic(
            &secret("TWILIO_ACCOUNT_SID")?,
            &secret("TWILIO_AUTH_TOKEN")?,
        );
        Ok(
            match post(&path, &authorization, form(&pairs).as_bytes())? {
                Ok(answer) => outcome(&answer),
                Err(outcome) => outcome,
            },
        )
    }
}

fn outcome(answer: &Answer) -> Outcome {
    let json = answer.json();
    if answer.is_success() {
        return sent("twilio-verify", &json["sid"]);
    }
    let status = answer.status;
    let Some(code) = json["code"].as_u64() else {
        return answer.failure(format!("twilio verify answered {status}"));
    };
    let refused = |why| Outcome::Drop(format!("twilio verify: {why} ({code})"));
    match code {
        60200 | 21211 => refused("the number or the code is not valid"),
        60202 | 60203 => refused("too many codes for this number"),
        60205 => refused("the number is a landline"),
        60410 => refused("fraud guard blocks the number's prefix"),
        20429 | 60212 => retry(
            format!("twilio verify is busy ({code})"),
            answer.retry_after,
        ),
        20003 | 20404 => {
            log_error("twilio refused the credentials or the service");
            refused("the credentials or the service are wrong")
        }
        _ => answer.failure(format!("twilio verify answered {status} ({code})")),
    }
}

/// `PasswordBreach` as Auth0 writes it.
fn snake(kind: &str) -> String {
    let mut name = String::new();
    for character in kind.chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

fn post(path: &str, authorization: &str, body: &[u8]) -> Result<Result<Answer, Outcome>, String> {
    let headers = Fields::from_list(&[
        (
            "authorization".to_owned(),
            authorization.as_bytes().to_vec(),
        ),
        (
            "content-type".to_owned(),
            b"application/x-www-form-urlencoded".to_vec(),
        ),
        (
            "content-length".to_owned(),
            body.len().to_string().into_bytes(),
        ),
    ])
    .map_err(|error| format!("the headers are refused: {error:?}"))?;
    let request = OutgoingRequest::new(headers);
    let refused = |()| "the request is refused".to_owned();
    request.set_method(&Method::Post).map_err(refused)?;
    request.set_scheme(Some(&Scheme::Https)).map_err(refused)?;
    request
        .set_authority(Some("verify.twilio.com"))
        .map_err(refused)?;
    request.set_path_with_query(Some(path)).map_err(refused)?;

    let outgoing = request.body().map_err(refused)?;
    let pending = match outgoing_handler::handle(request, None) {
        Ok(pending) => pending,
        Err(error) => return failed(error).map(Err),
    };
    let stream = outgoing.write().map_err(refused)?;
    // A provider that went away is told by the response below.
    let _ = stream.blocking_write_and_flush(body);
    drop(stream);
    let _ = OutgoingBody::finish(outgoing, None);

    pending.subscribe().block();
    let response = pending
        .get()
        .ok_or("the response was not there when it was ready")?;
    let response = response.map_err(|()| "the response was taken twice".to_owned())?;
    match response {
        Ok(response) => Ok(read(&response)),
        Err(error) => failed(error).map(Err),
    }
}

/// The whole answer, or what it means that it broke off.
fn read(response: &IncomingResponse) -> Result<Answer, Outcome> {
    let broke_off = || retry("the provider's answer broke off".to_owned(), None);
    let retry_after = response.headers().get("retry-after");
    let incoming = response.consume().map_err(|()| broke_off())?;
    let stream = incoming.stream().map_err(|()| broke_off())?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(16 * 1024) {
            Ok(chunk) => body.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => return Err(broke_off()),
        }
    }
    drop(stream);
    drop(IncomingBody::finish(incoming));
    Ok(Answer {
        status: response.status(),
        retry_after: retry_after.first().and_then(|value| seconds(value)),
        body,
    })
}

/// What an error means: the provider's are tried again, the action's own are told.
fn failed(error: ErrorCode) -> Result<Outcome, String> {
    match error {
        ErrorCode::HttpResponseTimeout | ErrorCode::ConnectionReadTimeout => Ok(retry(
            "the provider did not answer in time".to_owned(),
            None,
        )),
        ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTerminated
        | ErrorCode::ConnectionTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DnsTimeout
        | ErrorCode::HttpProtocolError
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::InternalError(_)
        | ErrorCode::TlsProtocolError => {
            Ok(retry("the provider could not be asked".to_owned(), None))
        }
        error => Err(format!("the request cannot be made: {error:?}")),
    }
}

export!(TwilioVerify);
