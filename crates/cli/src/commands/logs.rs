//! `phonebox logs`: what actions did and said.

use serde_json::json;

use super::notifications;
use crate::api::{Api, Ask, all, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::{BOLD, Output};

/// The attempts at the latest notifications, the earliest first. As JSON, an attempt a line.
pub(super) async fn run(arguments: &args::Logs, output: Output) -> Result<Code, Failure> {
    let api = Api::new(&arguments.server, output)?;
    let ask = Ask::get(&["notifications"]).query("limit", Some(arguments.limit));
    let listed = api.ask(ask).await?;
    for item in all(&listed, "notifications").iter().rev() {
        let id = text(item, "id");
        let notification = api.ask(Ask::get(&["notifications", &id])).await?;
        for attempt in all(&notification, "attempts") {
            let lines = notifications::attempt(attempt);
            let mut with_id = json!({ "notification": id });
            if let (Some(with_id), Some(attempt)) = (with_id.as_object_mut(), attempt.as_object()) {
                with_id.extend(attempt.clone());
            }
            output.result(format!("{BOLD}{id}{BOLD:#}  {lines}"), &with_id);
        }
    }
    Ok(Code::Ok)
}
