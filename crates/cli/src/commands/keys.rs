//! `phonebox keys`: keys to the API.

use http::Method;
use serde_json::{Value, json};

use crate::api::{Api, Ask, all, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;

pub(super) async fn run(arguments: args::Keys, output: Output) -> Result<Code, Failure> {
    match arguments {
        args::Keys::Create { scopes, server } => {
            let api = Api::new(&server, output)?;
            let body = json!({ "tenant": api.tenant(), "scopes": scopes });
            let made = api.ask(Ask::post(&["keys"]).json(&body)).await?;
            output.say(format!(
                "this is shown once; its id, to revoke it by, is {}; to Auth0's clients they are the client secret and id",
                text(&made, "id")
            ));
            output.result(text(&made, "key"), &made);
        }
        args::Keys::List { server } => {
            let api = Api::new(&server, output)?;
            let Some(tenant) = api.tenant() else {
                return Err(Failure::new("whose keys is not said")
                    .hint("name the tenant: --tenant, or PHONEBOX_TENANT")
                    .code(Code::Usage));
            };
            let ask = Ask::get(&["keys"]).query("tenant", Some(tenant));
            let listed = api.ask(ask).await?;
            let row = |key: &Value| {
                let scopes = all(key, "scopes").iter().filter_map(Value::as_str);
                [
                    text(key, "id"),
                    text(key, "created_at"),
                    scopes.collect::<Vec<_>>().join(" "),
                ]
            };
            let rows = all(&listed, "keys").iter().map(row);
            output.list(["KEY", "CREATED", "SCOPES"], rows, &listed);
        }
        args::Keys::Revoke { id, server } => {
            let api = Api::new(&server, output)?;
            if id.starts_with("phb_") {
                return Err(Failure::new("this is a key, and its id is asked for")
                    .hint("find it by `phonebox keys list`; and revoke this one: it is in your shell's history now")
                    .code(Code::Usage));
            }
            api.ask(Ask::new(Method::DELETE, &["keys", &id])).await?;
            output.result(format!("{id} is worthless now"), &json!({ "revoked": id }));
        }
        args::Keys::RotateSigning { server } => {
            let api = Api::new(&server, output)?;
            let rotated = api.ask(Ask::post(&["signing-keys", "rotate"])).await?;
            let id = text(&rotated, "id");
            output.result(format!("tokens are signed with {id} now"), &rotated);
        }
    }
    Ok(Code::Ok)
}
