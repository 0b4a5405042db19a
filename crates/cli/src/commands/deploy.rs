//! `phonebox deploy`: an action goes to a server, and its secrets with it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use phonebox::{Action, Fault, Manifest, Mode, Sensitive};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::actions::{self, ACTIONS, errors, one};
use super::change::{Change, Did};
use super::{provider, secrets};
use crate::api::{Api, Ask, all, number, part, text};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::project::Project;
use crate::stage;

/// What a compiled action's code begins with.
const COMPONENT: &str = "data:application/wasm;base64,";
/// How long a build is waited for. Longer than the server lets one take.
const BUILD: Duration = Duration::from_mins(4);
/// How long is waited between two looks at it: at first, and at the most.
const LOOK: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// An action as it should be.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) source: Source,
    /// Those that are to be set, or have to be there. Others stay.
    pub(super) secrets: Vec<Secret>,
    /// Whether it is to run.
    pub(super) deployed: bool,
}

/// What an action is made from.
pub(super) enum Source {
    Component(Vec<u8>),
    JavaScript {
        code: String,
        /// None: as it is.
        runtime: Option<String>,
        /// Packages of npm, as the Management API has them. None: as they are.
        dependencies: Option<Vec<Value>>,
    },
}

pub(super) struct Secret {
    pub(super) name: String,
    /// None: that which it has.
    pub(super) value: Option<Sensitive>,
    /// None: as it is, or else as the server has it.
    pub(super) mode: Option<Mode>,
    /// None: as it is, or else those that the action asks for.
    pub(super) origins: Option<Vec<String>>,
}

pub(super) async fn run(arguments: &args::Deploy, output: Output) -> Result<Code, Failure> {
    if arguments.path.is_file() && arguments.path.extension().is_some_and(|is| is == "ts") {
        return Err(
            Failure::new(format!("{} is TypeScript", arguments.path.display()))
                .hint("give its folder, with an action.toml, which is built first")
                .code(Code::Usage),
        );
    }
    let api = Api::new(&arguments.server, output)?;
    let given = match &arguments.secrets {
        Some(path) => secrets::lines(&secrets::file(path)?)?,
        None => Vec::new(),
    };
    let wanted = if arguments.path.extension().is_some_and(|is| is == "js") {
        javascript(arguments, given)?
    } else {
        component(arguments, given, output).await?
    };
    let is = actions::find(&api, &wanted.name).await?;
    let (change, action) = put(&api, is.as_ref(), &wanted, output).await?;
    let deployed = part(&action, "deployed_version");
    for note in all(part(&action, "phonebox"), "notes")
        .iter()
        .filter_map(Value::as_str)
    {
        output.step("note", note);
    }
    // Whoever may deploy need not be allowed to see that.
    if let Ok(Some(provider)) = provider::find(&api).await {
        if part(&provider, "name") != "custom" {
            let name = text(&provider, "name");
            output.step(
                "note",
                format!("what is sent goes by {name}, until `phonebox provider set custom`"),
            );
        } else if part(&provider, "disabled") == true {
            output.step("note", "nothing is sent until `phonebox provider enable`");
        }
    }
    let number = number(deployed, "number");
    let done = match change.did {
        Did::Nothing => format!(
            "nothing has changed: version {number} of {} is deployed",
            wanted.name
        ),
        _ => format!("version {number} of {} is deployed", wanted.name),
    };
    output.result(
        done,
        &json!({
            "name": wanted.name,
            "version": part(deployed, "number"),
            "digest": part(part(deployed, "phonebox"), "digest"),
            "did": change.did,
            "changes": change.changes,
        }),
    );
    Ok(Code::Ok)
}

/// What a file of JavaScript is to become.
fn javascript(
    arguments: &args::Deploy,
    given: Vec<(String, Sensitive)>,
) -> Result<Wanted, Failure> {
    let path = &arguments.path;
    let code =
        fs::read_to_string(path).map_err(|error| Failure::file("cannot read", path, &error))?;
    let name = arguments
        .name
        .clone()
        .or_else(|| named(path))
        .ok_or_else(|| {
            Failure::new("what the action is called is not said")
                .hint("name it: --name NAME")
                .code(Code::Usage)
        })?;
    let dependency = |said: &String| match said.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() => json!({ "name": name, "version": version }),
        _ => json!({ "name": said }),
    };
    let dependencies: Vec<_> = arguments.dependencies.iter().map(dependency).collect();
    let secret = |(name, value)| Secret {
        name,
        value: Some(value),
        mode: None,
        origins: None,
    };
    Ok(Wanted {
        name,
        source: Source::JavaScript {
            code,
            runtime: None,
            dependencies: Some(dependencies).filter(|named| !named.is_empty()),
        },
        secrets: given.into_iter().map(secret).collect(),
        deployed: true,
    })
}

/// What an action in a file is called by that: as auth0-deploy-cli has it, each `code.js` lies in a folder of its name.
fn named(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    if !matches!(stem, "action" | "code" | "index") {
        return Some(stem.to_owned());
    }
    let folder = path.canonicalize().ok()?;
    Some(folder.parent()?.file_name()?.to_str()?.to_owned())
}

/// What an action's folder or a component is to become.
async fn component(
    arguments: &args::Deploy,
    given: Vec<(String, Sensitive)>,
    output: Output,
) -> Result<Wanted, Failure> {
    let path = arguments.path.clone();
    let action = stage::blocking(move || {
        if path.is_file() {
            Ok(Action::from_component(Failure::or_component(&path)?)?)
        } else {
            Ok(Project::open(&path)?.build(output)?.action)
        }
    });
    let action = action.await?;
    let Manifest {
        name,
        secrets: asked_for,
        egress,
        ..
    } = action.manifest();
    let mut origins: Vec<_> = egress.iter().map(|rule| rule.origin().to_owned()).collect();
    origins.dedup();
    let secret = |(name, value): (String, Sensitive)| {
        if !action.manifest().takes_secret(&name) {
            return Err(Failure::new(format!("the action has no secret {name}"))
                .hint(format!(
                    "add [secrets.{name}] to action.toml, or leave the value out"
                ))
                .code(Code::Usage));
        }
        // Who gives the values deploys the code, and so grants what it asks for.
        let mode = asked_for.get(&name).map(|spec| {
            if spec.reveal {
                Mode::Revealed
            } else {
                Mode::Sealed
            }
        });
        Ok(Secret {
            name,
            value: Some(value),
            mode,
            origins: Some(origins.clone()).filter(|origins| !origins.is_empty()),
        })
    };
    Ok(Wanted {
        name: arguments.name.clone().unwrap_or_else(|| name.clone()),
        secrets: given.into_iter().map(secret).collect::<Result<_, _>>()?,
        source: Source::Component(action.component().to_vec()),
        deployed: true,
    })
}

/// What has to be done for an action to be so: what is to be sent, and in words. It is made where there `is` none.
pub(super) fn difference(is: Option<&Value>, wanted: &Wanted) -> (Map<String, Value>, Change) {
    let mut body = Map::new();
    let mut changes = Vec::new();
    let none = Value::Null;
    let was = is.unwrap_or(&none);
    let code = match &wanted.source {
        Source::Component(component) => format!("{COMPONENT}{}", STANDARD.encode(component)),
        Source::JavaScript { code, .. } => code.clone(),
    };
    // What could not be built may be built now, with what was set since.
    if part(was, "code") != code.as_str() || part(was, "status") == "failed" {
        body.insert("code".into(), code.into());
        changes.push("its code".to_owned());
    }
    if let Source::JavaScript {
        runtime,
        dependencies,
        ..
    } = &wanted.source
    {
        if let Some(runtime) = runtime
            .as_deref()
            .filter(|runtime| part(was, "runtime") != *runtime)
        {
            body.insert("runtime".into(), runtime.into());
            changes.push("its runtime".to_owned());
        }
        let dependencies = dependencies.as_deref();
        if let Some(dependencies) = dependencies.filter(|are| all(was, "dependencies") != *are) {
            body.insert("dependencies".into(), dependencies.into());
            changes.push("its dependencies".to_owned());
        }
    }
    let names = all(was, "secrets").iter();
    let kept: Vec<_> = names
        .filter_map(|secret| part(secret, "name").as_str())
        .collect();
    let mut set = Vec::new();
    let mut modes = Map::new();
    for secret in &wanted.secrets {
        let Secret {
            name,
            value,
            mode,
            origins,
        } = secret;
        if value.is_some() {
            set.push(json!({ "name": name, "value": value }));
            changes.push(format!("the secret {name}"));
            if mode.is_some() || origins.is_some() {
                modes.insert(name.clone(), json!({ "mode": mode, "origins": origins }));
            }
        }
    }
    if !set.is_empty() {
        let is_set = |name| {
            wanted
                .secrets
                .iter()
                .any(|secret| secret.name == name && secret.value.is_some())
        };
        // It is all of them that are sent.
        set.extend(
            kept.into_iter()
                .filter(|name| !is_set(*name))
                .map(|name| json!({ "name": name })),
        );
        body.insert("secrets".into(), set.into());
    }
    if !modes.is_empty() {
        body.insert("phonebox".into(), json!({ "secrets": modes }));
    }
    let what = format!("the action {}", wanted.name);
    if is.is_none() {
        return (body, Change::created(what));
    }
    if wanted.deployed && changes.is_empty() && part(was, "all_changes_deployed") != true {
        changes.push("deployed".to_owned());
    }
    (body, Change::updated(what, changes))
}

/// Has an action be so, and waits until it is. Gives what is told of it then.
pub(super) async fn put(
    api: &Api,
    is: Option<&Value>,
    wanted: &Wanted,
    output: Output,
) -> Result<(Change, Value), Failure> {
    let (mut body, change) = difference(is, wanted);
    let mut action = match is {
        None => {
            body.insert("name".into(), wanted.name.as_str().into());
            let trigger = json!([{ "id": "custom-phone-provider", "version": "v1" }]);
            body.insert("supported_triggers".into(), trigger);
            api.ask(Ask::management(Method::POST, &ACTIONS).json(&body.into()))
                .await?
        }
        Some(is) if body.is_empty() => is.clone(),
        Some(is) => {
            api.ask(one(Method::PATCH, is, &[]).json(&body.into()))
                .await?
        }
    };
    if change.did != Did::Nothing || part(&action, "status") != "built" {
        action = built(api, action, output).await?;
    }
    if wanted.deployed && change.did != Did::Nothing {
        api.ask(one(Method::POST, &action, &["deploy"])).await?;
        action = api.ask(one(Method::GET, &action, &[])).await?;
    }
    Ok((change, action))
}

/// The action once it is built. Why it cannot be is told.
async fn built(api: &Api, mut action: Value, output: Output) -> Result<Value, Failure> {
    let name = text(&action, "name");
    let began = Instant::now();
    let [mut wait, longest] = LOOK;
    loop {
        match part(&action, "status").as_str() {
            Some("built") => return Ok(action),
            Some("failed") => break,
            status if began.elapsed() > BUILD => {
                return Err(Failure::new(format!(
                    "{name} is still {}",
                    status.unwrap_or("not built")
                ))
                .hint(format!(
                    "see later whether it was: phonebox actions show {name}"
                ))
                .code(Code::Unavailable));
            }
            _ => {}
        }
        sleep(wait).await;
        wait = (wait * 2).min(longest);
        action = api.ask(one(Method::GET, &action, &[])).await?;
    }
    let errors = errors(&action);
    let Some(([id, first], others)) = errors.split_first() else {
        return Err(Failure::new(format!(
            "{name} cannot be built, and why is not said"
        )));
    };
    for [_, error] in others {
        output.step("error", error);
    }
    let hint = match &**id {
        "secret_missing" => format!(
            "set it first, with `phonebox secrets set {name} …` or --secrets FILE, or say optional = true in action.toml"
        ),
        _ => "what runs is what was deployed before; mend it, and deploy it again".to_owned(),
    };
    Err(Failure::new(format!("{name} cannot be built: {first}"))
        .hint(hint)
        .fault(Fault::Action))
}
