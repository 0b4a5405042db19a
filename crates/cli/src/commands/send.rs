//! `phonebox send`: one notification, by a server.

use std::path::Path;
use std::time::Duration;

use phonebox::Sensitive;
use serde_json::{Value, json};

use super::{notifications, secrets};
use crate::api::{Api, Ask, part, text};
use crate::args::{self, Channel};
use crate::failure::{Code, Failure};
use crate::fixture::read_event;
use crate::output::Output;

/// How long the server is asked to wait in one request.
const WAIT: u32 = 30;
/// How long is waited between two looks at a notification.
const LOOK: Duration = Duration::from_secs(1);

pub(super) async fn run(arguments: &args::Send, output: Output) -> Result<Code, Failure> {
    let api = Api::new(&arguments.server, output)?;
    let event = match &arguments.event {
        Some(path) => from_file(path)?,
        None => made_up(
            arguments.number.as_deref().unwrap_or_default(),
            arguments.code.as_deref(),
            arguments.text.as_deref(),
            arguments.channel,
        ),
    };
    let body = json!({ "event": event, "valid_seconds": arguments.valid_seconds });
    let wait = arguments.wait.then(|| format!("wait={WAIT}"));
    let ask = Ask::post(&["notifications"])
        .header("prefer", wait)
        .header("idempotency-key", arguments.idempotency_key.as_ref());
    let mut sent = api.ask(ask.json(&body)).await?;
    let id = text(&sent, "id");
    while arguments.wait && waits(&sent) {
        tokio::time::sleep(LOOK).await;
        sent = api.ask(Ask::get(&["notifications", &id])).await?;
    }
    output.result(notifications::whole(&sent), &sent);
    let failed = arguments.wait && part(&sent, "status") != "sent";
    Ok(if failed { Code::Failed } else { Code::Ok })
}

fn waits(notification: &Value) -> bool {
    matches!(
        part(notification, "status").as_str(),
        Some("queued" | "leased")
    )
}

/// What an event in a file says.
pub(super) fn from_file(path: &Path) -> Result<Value, Failure> {
    let text: Sensitive = secrets::file(path)?;
    // It is sent as it was written; that it is an event is seen here, where its name is known.
    read_event(&path.display().to_string(), text.reveal())?;
    serde_json::from_str(text.reveal())
        .map_err(|error| Failure::new(format!("{} is not JSON: {error}", path.display())))
}

/// An event with a code, which is a random one if need be.
pub(super) fn made_up(
    number: &str,
    code: Option<&str>,
    says: Option<&str>,
    channel: Channel,
) -> Value {
    let random = || rand::random_range(100_000..1_000_000).to_string();
    let code = code.map_or_else(random, ToOwned::to_owned);
    let spoken: Vec<String> = code.chars().map(String::from).collect();
    let [text, voice] = match says {
        Some(says) => [says.to_owned(), says.to_owned()],
        None => [
            format!("Your code is {code}"),
            format!("Your code is {0}. Again: {0}", spoken.join(". ")),
        ],
    };
    json!({
        "notification": {
            "as_text": text,
            "as_voice": voice,
            "code": code,
            "delivery_method": channel.as_str(),
            "locale": "en-US",
            "message_type": "otp_verify",
            "recipient": number,
        },
    })
}
