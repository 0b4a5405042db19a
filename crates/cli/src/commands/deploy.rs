//! `phonebox deploy`: an action goes to a server, and its secrets before it.

use phonebox::{Action, Manifest, Mode};
use serde_json::Value;

use super::secrets;
use crate::api::{Api, Ask, all, number, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::project::Project;
use crate::stage;

pub(super) async fn run(arguments: &args::Deploy, output: Output) -> Result<Code, Failure> {
    let api = Api::new(&arguments.server, output)?;
    let secrets = match &arguments.secrets {
        Some(path) => secrets::lines(&secrets::file(path)?)?,
        None => Vec::new(),
    };
    let path = arguments.path.clone();
    let action = stage::blocking(move || {
        if path.is_file() {
            Ok(Action::from_component(Failure::or_component(&path)?)?)
        } else {
            Ok(Project::open(&path)?.build(output)?.0)
        }
    });
    let action = action.await?;
    let Manifest {
        name,
        secrets: asked_for,
        ..
    } = action.manifest();
    if let Some((unknown, _)) = secrets
        .iter()
        .find(|(secret, _)| !asked_for.contains_key(secret))
    {
        return Err(Failure::new(format!("the action has no secret {unknown}"))
            .hint(format!(
                "add [secrets.{unknown}] to action.toml, or leave the value out"
            ))
            .code(Code::Usage));
    }
    let rules = action.manifest().egress.iter();
    let mut origins: Vec<_> = rules.map(|rule| rule.origin().to_owned()).collect();
    origins.dedup();
    for (secret, value) in &secrets {
        // Who gives the values deploys the code, and so grants what it asks for.
        let reveal = asked_for.get(secret).is_some_and(|spec| spec.reveal);
        let mode = if reveal { Mode::Revealed } else { Mode::Sealed };
        let set = secrets::set(&api, name, secret, value, mode, &origins).await?;
        output.step("set", format!("{secret}, {}", secrets::shown(&set)));
    }
    let ask = Ask::post(&["actions"]).bytes(action.component().to_vec());
    let deployed = api.ask(ask).await.map_err(|failure| {
        if failure.message.starts_with("the action needs the secret") {
            return failure.hint(format!(
                "set it first, with `phonebox secrets set {name} …` or --secrets FILE, or say optional = true in action.toml"
            ));
        }
        failure
    })?;
    for note in all(&deployed, "notes").iter().filter_map(Value::as_str) {
        output.step("note", note);
    }
    output.result(
        format!(
            "version {} of {} is deployed",
            number(&deployed, "version"),
            text(&deployed, "name")
        ),
        &deployed,
    );
    Ok(Code::Ok)
}
