//! `phonebox logs`: what actions did and said.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::notifications;
use crate::api::{Api, Ask, all, number, part, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::{BOLD, DIM, Output};

/// The attempts at the latest notifications, the earliest first; and then those that follow. As JSON, an attempt a line.
pub(super) async fn run(arguments: &args::Logs, output: Output) -> Result<Code, Failure> {
    let api = Api::new(&arguments.server, output)?;
    // Before the others are asked for: between the two none is missed, and what is in both is told once.
    let mut tail = None;
    if arguments.follow {
        tail = Some(api.events(Ask::get(&["tail"])).await?);
    }
    let ask = Ask::get(&["notifications"]).query("limit", Some(arguments.limit));
    let listed = api.ask(ask).await?;
    let mut told = HashSet::new();
    for item in all(&listed, "notifications").iter().rev() {
        let id = text(item, "id");
        let notification = api.ask(Ask::get(&["notifications", &id])).await?;
        for attempt in all(&notification, "attempts") {
            let mut with_id = json!({ "notification": id });
            if let (Some(with_id), Some(attempt)) = (with_id.as_object_mut(), attempt.as_object()) {
                with_id.extend(attempt.clone());
            }
            tell(&with_id, output);
            told.insert((id.clone(), number(attempt, "number")));
        }
    }
    let Some(mut tail) = tail else {
        return Ok(Code::Ok);
    };
    let stopped = super::dev::stopped();
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let (kind, event) = tokio::select! {
            event = tail.next() => event?,
            () = &mut stopped => return Ok(Code::Ok),
        };
        let id = text(&event, "notification");
        match &*kind {
            "attempt" if told.remove(&(id.clone(), number(&event, "number"))) => {}
            "attempt" => tell(&event, output),
            "status" => {
                let why =
                    notifications::waits(&event).map_or_else(String::new, |why| format!(": {why}"));
                output.say(format!(
                    "{DIM}{id} is {}{why}{DIM:#}",
                    text(&event, "status")
                ));
            }
            "missed" => output.step(
                "warning",
                format!(
                    "{} events came too fast, and are not shown",
                    number(&event, "count")
                ),
            ),
            _ => {}
        }
    }
}

fn tell(attempt: &Value, output: Output) {
    let lines = notifications::attempt(attempt);
    let id = part(attempt, "notification").as_str().unwrap_or_default();
    output.result(format!("{BOLD}{id}{BOLD:#}  {lines}"), attempt);
}
