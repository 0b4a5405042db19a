use http::Method;
use serde_json::{Value, json};

use crate::api::{Api, Ask, all, number, part, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;

pub(super) async fn run(arguments: args::Actions, output: Output) -> Result<Code, Failure> {
    match arguments {
        args::Actions::List { server } => {
            let api = Api::new(&server, output)?;
            let listed = api.ask(Ask::get(&["actions"])).await?;
            let row = |action: &Value| {
                let deployed = part(action, "deployed");
                let bound = part(action, "bound") == true;
                [
                    text(action, "name"),
                    number(deployed, "version"),
                    if bound { "yes" } else { "no" }.to_owned(),
                    text(deployed, "created_at"),
                    text(deployed, "digest"),
                ]
            };
            output.list(
                ["ACTION", "VERSION", "SENDS", "CREATED", "DIGEST"],
                all(&listed, "actions").iter().map(row),
                &listed,
            );
        }
        args::Actions::Versions { action, server } => {
            let api = Api::new(&server, output)?;
            let listed = api.ask(Ask::get(&["actions", &action, "versions"])).await?;
            let row = |version: &Value| {
                [
                    number(version, "version"),
                    text(version, "created_at"),
                    text(version, "digest"),
                ]
            };
            output.list(
                ["VERSION", "CREATED", "DIGEST"],
                all(&listed, "versions").iter().map(row),
                &listed,
            );
        }
        args::Actions::RollBack {
            action,
            version,
            server,
        } => {
            let api = Api::new(&server, output)?;
            let path = ["actions", &action, "deployed"];
            let ask = Ask::new(Method::PUT, &path).json(&json!({ "version": version }));
            api.ask(ask).await?;
            output.result(
                format!("version {version} of {action} is deployed"),
                &json!({ "name": action, "version": version }),
            );
        }
    }
    Ok(Code::Ok)
}
