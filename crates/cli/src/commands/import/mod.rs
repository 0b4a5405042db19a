//! `phonebox import`: what is kept elsewhere is taken over.

mod export;
mod keywords;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};

use http::Method;
use phonebox::{InvalidAction, JavascriptOptions, Sensitive};
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::export::{Action, Binding, Export, LeftOut, TRIGGER};
use self::keywords::Keywords;
use super::change::{Change, Did};
use super::deploy::{self, Secret, Source};
use super::{actions, provider, secrets, templates};
use crate::api::{Api, Ask, all, part, shown};
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;

/// The auth token of the built-in provider, as auth0-deploy-cli calls it.
const AUTH_TOKEN: &str = "TWILIO_AUTH_TOKEN";

/// What was done, or is to be.
#[derive(Serialize)]
struct Imported {
    dry_run: bool,
    changes: Vec<Change>,
    left_out: Vec<LeftOut>,
    /// What no export has, and nobody gave.
    missing_secrets: Vec<String>,
    /// Why the action would not be built, as far as that is known without building it.
    errors: Vec<String>,
}

/// Values that no export has, by name.
struct Given {
    values: BTreeMap<String, Sensitive>,
    used: Vec<String>,
    missing: Vec<String>,
}

pub(super) async fn run(arguments: args::Import, output: Output) -> Result<Code, Failure> {
    let args::Import::Auth0(arguments) = arguments;
    let dry = arguments.dry_run;
    let keywords = Keywords::read(arguments.mappings.as_deref(), arguments.env)?;
    let mut export = Export::read(&arguments.path, &keywords)?;
    let action = chosen(&mut export, arguments.action.as_deref())?;
    let mut given = Given::read(&arguments)?;
    let api = Api::new(&arguments.server, output)?;

    let is_action = match &action {
        Some(action) => actions::find(&api, &action.name).await?,
        None => None,
    };
    let is_provider = provider::find(&api).await?;
    let mut action = action.map(|action| wanted_action(action, is_action.as_ref(), &mut given));
    let mut provider = export
        .provider
        .take()
        .map(|provider| wanted_provider(provider, is_provider.as_ref(), &mut given));
    given.check()?;
    for LeftOut { what, why } in &export.left_out {
        output.step("left out", format!("{what}: {why}"));
    }
    let missing = given.missing.clone();
    if !dry {
        given.ask(output)?;
        for secret in action.iter_mut().flat_map(|action| &mut action.secrets) {
            let typed = || given.values.get(&secret.name).cloned();
            secret.value = secret.value.take().or_else(typed);
        }
        if let Some(provider) = &mut provider {
            let typed = || given.values.get(AUTH_TOKEN).cloned();
            provider.auth_token = provider.auth_token.take().or_else(typed);
        }
    }

    let mut imported = Imported {
        dry_run: dry,
        changes: Vec::new(),
        left_out: export.left_out,
        missing_secrets: missing,
        errors: Vec::new(),
    };
    if dry && let Some(action) = &action {
        imported.errors = errors(action);
        for error in &imported.errors {
            output.step(
                "error",
                format!(
                    "the action {} cannot be built: {error}",
                    shown(&action.name)
                ),
            );
        }
    }
    let mut tell = |change: Change| {
        output.step(change.did.heading(dry), &change);
        imported.changes.push(change);
    };
    if !export.settings.is_empty() {
        tell(settings(&api, &export.settings, dry).await?);
    }
    // As each needs the one before: a custom provider an action that is deployed, a binding too.
    if let Some(action) = &action {
        tell(if dry {
            deploy::difference(is_action.as_ref(), action).1
        } else {
            deploy::put(&api, is_action.as_ref(), action, output)
                .await?
                .0
        });
    }
    if let Some(provider) = &provider {
        tell(provider::put(&api, is_provider.as_ref(), provider, dry).await?);
    }
    if !export.templates.is_empty() {
        let are = templates::list(&api).await?;
        for template in export.templates {
            let is = are.iter().find(|is| part(is, "type") == &*template.kind);
            // A type that the server does not list may be one that it takes.
            let new = json!({ "type": template.kind });
            let wanted = templates::Wanted {
                text: template.content.body.text,
                voice: template.content.body.voice,
                from: template.content.from.filter(|from| !from.is_empty()),
                disabled: Some(template.disabled),
            };
            tell(templates::put(&api, is.unwrap_or(&new), &wanted, dry).await?);
        }
    }
    if let Some(action) = &action {
        let bindings = export.bindings.iter();
        let bindings: Vec<_> = bindings
            .filter(|binding| binding.action_name == action.name)
            .collect();
        if !bindings.is_empty() {
            tell(bind(&api, &bindings, dry).await?);
        }
    }
    finish(&imported, output);
    Ok(Code::Ok)
}

fn finish(imported: &Imported, output: Output) {
    let done = imported.changes.iter();
    let done = done.filter(|change| change.did != Did::Nothing).count();
    let missing = &imported.missing_secrets[..];
    if imported.dry_run && !missing.is_empty() {
        output.step(
            "missing",
            format!("values for {}: --secrets FILE", missing.join(", ")),
        );
    }
    let text = match (done, imported.dry_run) {
        (0, _) => "nothing has changed".to_owned(),
        (done, true) => format!("{done} to be changed; nothing was"),
        (done, false) => format!("{done} changed"),
    };
    output.result(text, imported);
}

/// The one action that a tenant has for its phone provider; the others are left out.
fn chosen(export: &mut Export, named: Option<&str>) -> Result<Option<Action>, Failure> {
    let actions = std::mem::take(&mut export.actions);
    let those = |are: &dyn Fn(&Action) -> bool| {
        let those = actions.iter().filter(|action| are(action));
        those.map(|action| action.name.clone()).collect::<Vec<_>>()
    };
    let every = those(&|_| true);
    let bound = those(&|action| {
        let mut bindings = export.bindings.iter();
        bindings.any(|binding| binding.action_name == action.name)
    });
    let deployed = those(&|action| action.deployed);
    let only = [&every, &bound, &deployed].into_iter();
    let mut only = only.filter_map(|names| match &names[..] {
        [name] => Some(name.clone()),
        _ => None,
    });
    let name = match named {
        Some(name) if every.iter().any(|action| action == name) => name.to_owned(),
        Some(name) => {
            return Err(
                Failure::new(format!("the export has no action {name} for {TRIGGER}"))
                    .hint(format!("it has: {}", shown(&every.join(", "))))
                    .code(Code::NotFound),
            );
        }
        None if every.is_empty() => return Ok(None),
        None => only.next().ok_or_else(|| {
            Failure::new(format!(
                "there are several actions for {TRIGGER}, and a tenant has one: {}",
                shown(&every.join(", "))
            ))
            .hint("say which one is to deliver: --action NAME")
            .code(Code::Usage)
        })?,
    };
    let mut chosen = None;
    for action in actions {
        if action.name == name {
            chosen = Some(action);
        } else {
            let why = format!("a tenant has one action for its phone provider, and that is {name}");
            let what = format!("action {}", action.name);
            export.left_out.push(LeftOut::new(what, why));
        }
    }
    Ok(chosen)
}

fn wanted_action(action: Action, is: Option<&Value>, given: &mut Given) -> deploy::Wanted {
    let has = |name: &str| {
        let secrets = is.map_or(&[][..], |is| all(is, "secrets"));
        secrets.iter().any(|secret| part(secret, "name") == name)
    };
    let secret = |secret: export::Secret| {
        let value = given.value(&secret.name, secret.value, has(&secret.name));
        Secret {
            name: secret.name,
            value,
            mode: None,
            origins: None,
        }
    };
    deploy::Wanted {
        secrets: action.secrets.into_iter().map(secret).collect(),
        name: action.name,
        source: Source::JavaScript {
            code: action.code,
            runtime: action.runtime,
            dependencies: Some(action.dependencies.iter().map(|one| json!(one)).collect()),
        },
        deployed: action.deployed,
    }
}

fn wanted_provider(
    provider: export::Provider,
    is: Option<&Value>,
    given: &mut Given,
) -> provider::Wanted {
    let export::Provider {
        name,
        disabled,
        configuration,
        credentials,
    } = provider;
    let auth_token = if name == "twilio" {
        // A token is good for one account.
        let sid = configuration.as_ref().and_then(|is| is.get("sid"));
        let has = is.is_some_and(|is| Some(part(part(is, "configuration"), "sid")) == sid);
        given.value(AUTH_TOKEN, credentials.auth_token, has)
    } else {
        None
    };
    provider::Wanted {
        name,
        disabled: Some(disabled),
        configuration,
        auth_token,
    }
}

/// Why an action cannot be built, as far as its source shows it.
fn errors(action: &deploy::Wanted) -> Vec<String> {
    let Source::JavaScript {
        code, dependencies, ..
    } = &action.source
    else {
        return Vec::new();
    };
    let names = dependencies.iter().flatten();
    let names = names.filter_map(|one| part(one, "name").as_str());
    let mut options = JavascriptOptions::new(TRIGGER);
    options.dependencies = names.map(ToOwned::to_owned).collect();
    match phonebox::Action::from_javascript(code, options) {
        Ok(_) => Vec::new(),
        Err(InvalidAction::Source(errors)) => errors
            .iter()
            .map(|error| shown(&error.to_string()))
            .collect(),
        Err(other) => vec![shown(&other.to_string())],
    }
}

async fn settings(api: &Api, wanted: &Map<String, Value>, dry: bool) -> Result<Change, Failure> {
    let path = ["tenants", "settings"];
    let are = api.ask(Ask::management(Method::GET, &path)).await?;
    let mut changes = wanted.clone();
    changes.retain(|name, value| part(&are, name) != value);
    if !dry && !changes.is_empty() {
        let ask = Ask::management(Method::PATCH, &path);
        api.ask(ask.json(&json!(changes))).await?;
    }
    let names = changes.into_iter().map(|(name, _)| name);
    Ok(Change::updated("the tenant's settings", names.collect()))
}

async fn bind(api: &Api, wanted: &[&Binding], dry: bool) -> Result<Change, Failure> {
    let path = ["actions", "triggers", TRIGGER, "bindings"];
    let are = api.every(&path, "bindings").await?;
    let are = are.iter().map(|is| {
        let name = part(part(is, "action"), "name").as_str();
        (name, part(is, "display_name").as_str())
    });
    let as_wanted = wanted.iter().map(|binding| {
        let name = &*binding.action_name;
        (Some(name), binding.display_name.as_deref().or(Some(name)))
    });
    let what = format!("what is bound to {TRIGGER}");
    if are.eq(as_wanted) {
        return Ok(Change::updated(what, Vec::new()));
    }
    let names = wanted.iter().map(|binding| binding.action_name.clone());
    let change = Change::updated(what, names.collect());
    if !dry {
        let bindings = wanted.iter().map(|binding| {
            json!({
                "ref": { "type": "action_name", "value": binding.action_name },
                "display_name": binding.display_name.as_ref().unwrap_or(&binding.action_name),
            })
        });
        let body = json!({ "bindings": bindings.collect::<Vec<_>>() });
        api.ask(Ask::management(Method::PATCH, &path).json(&body))
            .await?;
    }
    Ok(change)
}

impl Given {
    fn read(arguments: &args::ImportAuth0) -> Result<Self, Failure> {
        let values = match &arguments.secrets {
            Some(path) => secrets::lines(&secrets::file(path)?)?,
            None => Vec::new(),
        };
        Ok(Self {
            values: values.into_iter().collect(),
            used: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// The value of a secret, of which the export may say it or under which keyword it is to be had. None: it stays as it is, if
    /// the server has it; otherwise it is missing.
    fn value(&mut self, name: &str, said: Option<Sensitive>, has: bool) -> Option<Sensitive> {
        let keyword = said.as_ref().and_then(|said| keywords::name(said.reveal()));
        let names = [Some(name), keyword].into_iter().flatten();
        for name in names {
            self.used.push(name.to_owned());
            if let Some(value) = self.values.get(name) {
                return Some(value.clone());
            }
        }
        if keyword.is_none() && said.is_some() {
            return said;
        }
        if !has && !self.missing.iter().any(|missing| missing == name) {
            self.missing.push(name.to_owned());
        }
        None
    }

    /// Whether nothing was given that nobody asks for.
    fn check(&self) -> Result<(), Failure> {
        let unasked = self.values.keys().find(|name| !self.used.contains(name));
        match unasked {
            Some(name) => Err(
                Failure::new(format!("nothing in the export has a secret {name}"))
                    .hint(format!("it has: {}", self.used.join(", ")))
                    .code(Code::Usage),
            ),
            None => Ok(()),
        }
    }

    /// Asks for what is missing.
    fn ask(&mut self, output: Output) -> Result<(), Failure> {
        if !self.missing.is_empty() && !io::stdin().is_terminal() {
            return Err(Failure::new(format!(
                "no export has the values of secrets, and these are not given: {}",
                self.missing.join(", ")
            ))
            .hint("give them in a file, a line NAME=VALUE each: --secrets FILE")
            .code(Code::Usage));
        }
        for name in std::mem::take(&mut self.missing) {
            let value = secrets::value(&name, None, output)?;
            self.values.insert(name, value);
        }
        Ok(())
    }
}
