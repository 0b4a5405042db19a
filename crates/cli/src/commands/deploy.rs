//! `phonebox deploy`: an action goes to a server, and its secrets before it.

use phonebox::{Action, Manifest};

use super::secrets;
use crate::api::{Api, Ask, number, text};
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
    for (secret, value) in &secrets {
        secrets::set(&api, name, secret, value).await?;
        output.step("set", format!("the secret {secret}"));
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
