//! `phonebox actions`: a tenant's actions, and their versions.

use std::io::{self, IsTerminal as _};

use http::Method;
use serde_json::{Value, json};

use super::{notifications, send};
use crate::api::{Api, Ask, all, number, part, shown, text};
use crate::args::{self, Channel};
use crate::failure::{Code, Failure};
use crate::output::{BAD, BOLD, DIM, GOOD, NOTE, Output};

/// Where they are.
pub(super) const ACTIONS: [&str; 2] = ["actions", "actions"];

pub(super) async fn run(arguments: args::Actions, output: Output) -> Result<Code, Failure> {
    match arguments {
        args::Actions::List { server } => {
            let api = Api::new(&server, output)?;
            let actions = api.every(&ACTIONS, "actions").await?;
            let row = |action: &Value| {
                let is_all = part(action, "all_changes_deployed") == true;
                [
                    text(action, "name"),
                    number(part(action, "deployed_version"), "number"),
                    if is_all { "yes" } else { "no" }.to_owned(),
                    text(action, "status"),
                    text(action, "updated_at"),
                ]
            };
            output.list(
                ["ACTION", "VERSION", "ALL DEPLOYED", "BUILD", "UPDATED"],
                actions.iter().map(row),
                &json!({ "actions": actions }),
            );
        }
        args::Actions::Show {
            action,
            code,
            server,
        } => {
            let api = Api::new(&server, output)?;
            let action = there(&api, &action).await?;
            if code {
                let code = part(&action, "code").as_str().unwrap_or_default();
                if io::stdout().is_terminal() {
                    output.plain(
                        &code
                            .lines()
                            .map(|line| shown(line) + "\n")
                            .collect::<String>(),
                    );
                } else {
                    output.plain(code);
                }
            } else {
                output.result(whole(&action), &action);
            }
        }
        args::Actions::Versions { action, server } => {
            let api = Api::new(&server, output)?;
            let versions = versions(&api, &there(&api, &action).await?).await?;
            let row = |version: &Value| {
                let deployed = part(version, "deployed") == true;
                [
                    number(version, "number"),
                    if deployed { "yes" } else { "no" }.to_owned(),
                    text(version, "created_at"),
                    digest(version),
                ]
            };
            output.list(
                ["VERSION", "DEPLOYED", "CREATED", "DIGEST"],
                versions.iter().map(row),
                &json!({ "versions": versions }),
            );
        }
        args::Actions::Rollback {
            action,
            version,
            server,
        } => {
            let api = Api::new(&server, output)?;
            let name = action;
            let action = there(&api, &name).await?;
            let versions = versions(&api, &action).await?;
            let found = versions
                .iter()
                .find(|one| part(one, "number").as_u64() == Some(version.into()));
            let found = found.ok_or_else(|| {
                Failure::new(format!("{name} has no version {version}"))
                    .hint(format!(
                        "see which it has: phonebox actions versions {name}"
                    ))
                    .code(Code::NotFound)
            })?;
            let id = part(found, "id").as_str().unwrap_or_default();
            let ask = one(Method::POST, &action, &["versions", id, "deploy"]);
            // What runs is what is deployed from here next time, too.
            let deployed = api.ask(ask.json(&json!({ "update_draft": true }))).await?;
            let now = number(&deployed, "number");
            let as_now = if now == version.to_string() {
                String::new()
            } else {
                format!(", as version {now}")
            };
            output.result(
                format!("version {version} of {name} is deployed{as_now}"),
                &deployed,
            );
        }
        args::Actions::Delete {
            action,
            force,
            server,
        } => {
            let api = Api::new(&server, output)?;
            let name = action;
            let action = there(&api, &name).await?;
            let ask = one(Method::DELETE, &action, &[]);
            api.ask(ask.query("force", force.then_some(true))).await?;
            output.result(format!("{name} is deleted"), &json!({ "deleted": name }));
        }
        args::Actions::Test {
            action,
            event,
            server,
        } => {
            let api = Api::new(&server, output)?;
            let event = match &event {
                Some(path) => send::from_file(path)?,
                None => send::made_up("+14155550100", None, None, Channel::Text),
            };
            let action = there(&api, &action).await?;
            let ask = one(Method::POST, &action, &["test"]);
            let body = json!({ "payload": { "event": event } });
            let tested = api.ask(ask.json(&body)).await?;
            let payload = part(&tested, "payload");
            output.result(ran(payload), &tested);
            if part(part(payload, "outcome"), "kind") != "sent" {
                return Ok(Code::Failed);
            }
        }
    }
    Ok(Code::Ok)
}

/// What a draft did, as an attempt is told.
fn ran(payload: &Value) -> String {
    let report = json!({
        "outcome": part(payload, "outcome"),
        "error": part(payload, "error"),
        "fault": part(payload, "fault"),
        "log": part(payload, "logs"),
        "exchanges": part(payload, "requests"),
        "hints": part(payload, "hints"),
    });
    notifications::attempt(&json!({ "number": 1, "report": report }))
}

/// What may be done with one.
pub(super) fn one(method: Method, action: &Value, more: &[&str]) -> Ask {
    let id = part(action, "id").as_str().unwrap_or_default();
    Ask::management(method, &[&ACTIONS, &[id][..], more].concat())
}

/// The action of a name, if there is one.
pub(super) async fn find(api: &Api, name: &str) -> Result<Option<Value>, Failure> {
    let ask = Ask::management(Method::GET, &ACTIONS).query("actionName", Some(name));
    let listed = api.ask(ask).await?;
    let mut found = all(&listed, "actions").iter();
    let found = found.find(|action| part(action, "name") == name);
    // A list may say less than all.
    match found {
        Some(found) => Ok(Some(api.ask(one(Method::GET, found, &[])).await?)),
        None => Ok(None),
    }
}

pub(super) async fn there(api: &Api, name: &str) -> Result<Value, Failure> {
    find(api, name).await?.ok_or_else(|| {
        Failure::new(format!("there is no action {name}"))
            .hint("see which there are: phonebox actions list")
            .code(Code::NotFound)
    })
}

async fn versions(api: &Api, action: &Value) -> Result<Vec<Value>, Failure> {
    let id = part(action, "id").as_str().unwrap_or_default();
    let path = [&ACTIONS, &[id, "versions"][..]].concat();
    api.every(&path, "versions").await
}

/// SHA-256 of the component, as phonebox tells it beside what Auth0 does.
pub(super) fn digest(version: &Value) -> String {
    text(part(version, "phonebox"), "digest")
}

/// Why an action could not be built: each error's name, and what it says.
pub(super) fn errors(action: &Value) -> Vec<[String; 2]> {
    let errors = all(action, "errors").iter();
    errors
        .map(|error| ["id", "msg"].map(|key| text(error, key)))
        .collect()
}

/// An action, as lines.
fn whole(action: &Value) -> String {
    let status = text(action, "status");
    let style = match &*status {
        "built" => GOOD,
        "failed" => BAD,
        _ => NOTE,
    };
    let deployed = part(action, "deployed_version");
    let mut lines = vec![format!(
        "{BOLD}{}{BOLD:#}  {DIM}{}{DIM:#}",
        text(action, "name"),
        text(action, "id")
    )];
    lines.push(match part(deployed, "number").as_u64() {
        Some(number) => format!(
            "version {number} is deployed  {DIM}since {}  {}{DIM:#}",
            text(deployed, "created_at"),
            digest(deployed)
        ),
        None => "nothing of it is deployed".to_owned(),
    });
    if part(action, "all_changes_deployed") != true {
        lines.push(format!(
            "there are changes that are not deployed: {style}{status}{style:#}  {DIM}since {}{DIM:#}",
            text(action, "updated_at")
        ));
    }
    let errors = errors(action).into_iter();
    lines.extend(errors.map(|[_, error]| format!("  {BAD}{error}{BAD:#}")));
    for dependency in all(action, "dependencies") {
        let [name, version] = ["name", "version"].map(|key| text(dependency, key));
        lines.push(format!("needs {name} {version}"));
    }
    for secret in all(action, "secrets") {
        let [name, at] = ["name", "updated_at"].map(|key| text(secret, key));
        lines.push(format!("secret {name}  {DIM}set {at}{DIM:#}"));
    }
    lines.join("\n")
}
