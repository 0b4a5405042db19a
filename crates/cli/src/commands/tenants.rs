use serde_json::{Value, json};

use crate::api::{Api, Ask, all, number, part, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;

pub(super) async fn run(arguments: &args::Tenants, output: Output) -> Result<Code, Failure> {
    let api = Api::new(&arguments.server, output)?;
    let mut tenants = Vec::new();
    let mut after = None;
    loop {
        let ask = Ask::get(&["tenants"]).query("after", after);
        let page = api.ask(ask.query("limit", Some(1000))).await?;
        tenants.extend(all(&page, "tenants").iter().cloned());
        match part(&page, "next").as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    let row = |tenant: &Value| {
        let waiting = part(tenant, "notifications");
        [
            text(tenant, "name"),
            number(tenant, "actions"),
            number(tenant, "keys"),
            number(waiting, "queued"),
            number(waiting, "leased"),
        ]
    };
    output.list(
        ["TENANT", "ACTIONS", "KEYS", "QUEUED", "LEASED"],
        tenants.iter().map(row),
        &json!({ "tenants": tenants }),
    );
    Ok(Code::Ok)
}
