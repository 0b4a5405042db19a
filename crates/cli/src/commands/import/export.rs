//! What auth0-deploy-cli has written: a folder of JSON, or a file of YAML.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use phonebox::{Sensitive, Settings, SettingsError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::keywords::{self, Keywords};
use crate::api::shown;
use crate::failure::{Code, Failure};

/// The file of YAML in a folder.
const YAML: &str = "tenant.yaml";
/// The trigger that phonebox has.
pub(super) const TRIGGER: &str = "custom-phone-provider";

/// What there is of a tenant's telephony.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) actions: Vec<Action>,
    /// What is bound to the trigger, by the actions' names, with what the bindings are called.
    pub(super) bindings: Vec<Binding>,
    pub(super) provider: Option<Provider>,
    pub(super) templates: Vec<Template>,
    /// Those of the tenant's settings that phonebox has.
    pub(super) settings: Map<String, Value>,
    /// What of it phonebox has not, and why.
    pub(super) left_out: Vec<LeftOut>,
}

#[derive(Debug, serde::Serialize)]
pub(super) struct LeftOut {
    pub(super) what: String,
    pub(super) why: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Action {
    pub(super) name: String,
    /// The path of its code, and then the code itself.
    #[serde(default)]
    pub(super) code: String,
    pub(super) runtime: Option<String>,
    #[serde(default)]
    pub(super) dependencies: Vec<Dependency>,
    #[serde(default)]
    pub(super) secrets: Vec<Secret>,
    #[serde(default)]
    supported_triggers: Vec<Trigger>,
    #[serde(default)]
    pub(super) deployed: bool,
    #[serde(default)]
    modules: Vec<Value>,
    installed_integration_id: Option<Value>,
    integration: Option<Value>,
}

#[derive(Debug, Deserialize, Eq, PartialEq, serde::Serialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) registry_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) value: Option<Sensitive>,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Binding {
    pub(super) action_name: String,
    pub(super) display_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Provider {
    pub(super) name: String,
    #[serde(default)]
    pub(super) disabled: bool,
    pub(super) configuration: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) credentials: Credentials,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Credentials {
    pub(super) auth_token: Option<Sensitive>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Template {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) disabled: bool,
    #[serde(default)]
    pub(super) content: Content,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Content {
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) body: Words,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Words {
    pub(super) text: Option<String>,
    pub(super) voice: Option<String>,
}

/// An export as it lies there.
struct Folder<'a> {
    root: PathBuf,
    keywords: &'a Keywords,
}

impl Export {
    /// Reads it, with what its keywords stand for.
    pub(super) fn read(path: &Path, keywords: &Keywords) -> Result<Self, Failure> {
        let unreadable = |error| Failure::file("cannot read", path, &error);
        let path = path.canonicalize().map_err(unreadable)?;
        let yaml = if path.is_file() {
            Some(path.clone())
        } else {
            Some(path.join(YAML)).filter(|yaml| yaml.is_file())
        };
        let root = match &yaml {
            Some(yaml) => yaml.parent().unwrap_or(&path).to_owned(),
            None => path.clone(),
        };
        let folder = Folder { root, keywords };
        let assets = match yaml {
            Some(yaml) => folder.yaml(&yaml)?,
            None => folder.json()?,
        };
        folder.export(without_nulls(assets))
    }
}

impl Folder<'_> {
    fn text(&self, path: &Path) -> Result<String, Failure> {
        let text = fs::read_to_string(path);
        let text = text.map_err(|error| Failure::file("cannot read", path, &error))?;
        Ok(self.keywords.replace(&text))
    }

    fn yaml(&self, path: &Path) -> Result<Map<String, Value>, Failure> {
        serde_saphyr::from_str(&self.text(path)?).map_err(|error| {
            let place = error.location().map_or_else(String::new, |place| {
                format!(": line {}, column {}", place.line(), place.column())
            });
            Failure::new(format!("{} is no YAML of an export{place}", path.display()))
        })
    }

    /// The same as the file of YAML has it.
    fn json(&self) -> Result<Map<String, Value>, Failure> {
        let mut assets = Map::new();
        let mut found = false;
        for entry in entries(&self.root)? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            let (name, value) = match &*name {
                "actions" => ("actions", self.values(&entry)?),
                "phone-templates" => ("phoneTemplates", self.values(&entry)?),
                "phone-providers" => {
                    let file = entry.join("provider.json");
                    let value = file.is_file().then(|| self.value(&file)).transpose()?;
                    ("phoneProviders", value.unwrap_or_default())
                }
                "tenant.json" => ("tenant", self.value(&entry)?),
                "triggers" => {
                    let files = jsons(&entry)?;
                    let value = files.first().map(|file| self.value(file)).transpose()?;
                    ("triggers", value.unwrap_or_default())
                }
                other => {
                    if entry.is_dir() {
                        assets.insert(other.to_owned(), true.into());
                    }
                    continue;
                }
            };
            found = true;
            assets.insert(name.to_owned(), value);
        }
        if found {
            return Ok(assets);
        }
        Err(Failure::new(format!(
            "there is no export in {}: none of actions, triggers, phone-providers, phone-templates, tenant.json and {YAML}",
            self.root.display()
        ))
        .hint("make one with `a0deploy export --format directory --output_folder FOLDER`")
        .code(Code::NotFound))
    }

    fn values(&self, folder: &Path) -> Result<Value, Failure> {
        let files = jsons(folder)?.into_iter();
        files.map(|file| self.value(&file)).collect()
    }

    fn value(&self, path: &Path) -> Result<Value, Failure> {
        serde_json::from_str(&self.text(path)?).map_err(|error| {
            Failure::new(format!(
                "{} is not JSON: line {}, column {}",
                path.display(),
                error.line(),
                error.column()
            ))
            .hint("where ##NAME## or @@NAME@@ stands, say for what: --mappings FILE, or --env and the variable NAME")
        })
    }

    fn export(&self, mut assets: Map<String, Value>) -> Result<Export, Failure> {
        let mut left_out = Vec::new();
        let actions: Vec<Action> = take(&mut assets, "actions")?;
        let mut kept = Vec::new();
        for mut action in actions {
            if let Some(why) = action.is_none_of_ours() {
                left_out.push(LeftOut::new(format!("action {}", action.name), why));
                continue;
            }
            action.code = self.code(&action)?;
            kept.push(action);
        }
        let mut triggers: Map<String, Value> = take(&mut assets, "triggers")?;
        let bindings = take(&mut triggers, TRIGGER)?;
        for (trigger, bound) in triggers {
            if bound.as_array().is_some_and(|bound| !bound.is_empty()) {
                let why = why_not(&trigger);
                left_out.push(LeftOut::new(format!("bindings of {trigger}"), why));
            }
        }
        let mut providers: Vec<Provider> = take(&mut assets, "phoneProviders")?;
        let provider = providers.pop();
        if !providers.is_empty() {
            return Err(Failure::new("there are several phone providers")
                .hint("a tenant has one: leave that in provider.json which is to deliver"));
        }
        let settings = settings(take(&mut assets, "tenant")?, &mut left_out);
        let export = Export {
            actions: kept,
            bindings,
            provider,
            templates: take(&mut assets, "phoneTemplates")?,
            settings,
            left_out,
        };
        export.check()?;
        Ok(export.without(&assets))
    }

    /// An action's code, which lies in the export and nowhere else: what is imported goes to a server.
    fn code(&self, action: &Action) -> Result<String, Failure> {
        let path = self.root.join(action.code.replace('\\', "/"));
        let path = path
            .canonicalize()
            .map_err(|error| Failure::file("cannot read", &path, &error))?;
        if !path.starts_with(&self.root) {
            return Err(Failure::new(format!(
                "the code of {} is in {}, which is not in the export",
                shown(&action.name),
                path.display()
            ))
            .hint("put the file into the export's folder, and name it there"));
        }
        self.text(&path)
    }
}

impl Export {
    /// Whether everything is said that is needed. What is missing of secrets can be given yet.
    fn check(&self) -> Result<(), Failure> {
        let unsaid = |what: &str, text: &str| match keywords::first(text) {
            Some(keyword) => Err(Failure::new(format!(
                "{what} has {keyword}, and nobody has said for what that stands"
            ))
            .hint(format!(
                "say it in a file, --mappings FILE, or with --env in the variable {}",
                keyword.trim_matches(['#', '@'])
            ))
            .code(Code::Usage)),
            None => Ok(()),
        };
        for action in &self.actions {
            unsaid("the name of an action", &action.name)?;
        }
        if let Some(provider) = &self.provider {
            let configuration = serde_json::to_string(&provider.configuration).unwrap_or_default();
            unsaid("the provider's configuration", &configuration)?;
        }
        for (name, value) in &self.settings {
            unsaid(&format!("{name} of the tenant"), &value.to_string())?;
        }
        for template in &self.templates {
            let from = template.content.from.as_deref().unwrap_or_default();
            unsaid(&format!("the sender of {}", template.kind), from)?;
        }
        Ok(())
    }

    /// What else is there is left out.
    fn without(mut self, others: &Map<String, Value>) -> Self {
        let is_empty = |value: &Value| match value {
            Value::Array(all) => all.is_empty(),
            Value::Object(all) => all.is_empty(),
            _ => false,
        };
        let others = others.iter().filter(|(_, value)| !is_empty(value));
        let others: Vec<_> = others.map(|(name, _)| &**name).collect();
        if !others.is_empty() {
            let why = "this is no part of sending messages";
            self.left_out.push(LeftOut::new(others.join(", "), why));
        }
        self
    }
}

impl LeftOut {
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: shown(&what.into()),
            why: why.into(),
        }
    }
}

impl Action {
    /// Why phonebox does not have it.
    fn is_none_of_ours(&self) -> Option<String> {
        if self.installed_integration_id.is_some() || self.integration.is_some() {
            return Some(
                "it comes from Auth0's marketplace, and its code is not in an export".to_owned(),
            );
        }
        let triggers: Vec<_> = self
            .supported_triggers
            .iter()
            .map(|trigger| &*trigger.id)
            .collect();
        if !triggers.contains(&TRIGGER) {
            return Some(why_not(triggers.first().copied().unwrap_or("no trigger")));
        }
        if !self.modules.is_empty() {
            return Some("it has modules (`actions:…`), and those are not imported: import it with auth0-deploy-cli, which makes them, too".to_owned());
        }
        if self.code.is_empty() {
            return Some("it has no code".to_owned());
        }
        None
    }
}

/// Why there is nothing for a trigger.
fn why_not(trigger: &str) -> String {
    if trigger == "send-phone-message" {
        return "send-phone-message is Auth0's older trigger: make it one for custom-phone-provider, whose handler is \
                onExecuteCustomPhoneProvider, and which reads event.notification.recipient, .as_text, .as_voice, .code and \
                .delivery_method in place of event.message_options"
            .to_owned();
    }
    format!(
        "phonebox runs actions for {TRIGGER}, and this is for {}",
        shown(trigger)
    )
}

/// What phonebox has of a tenant's settings, as it has it. A tenant of Auth0's has many more.
fn settings(tenant: Map<String, Value>, left_out: &mut Vec<LeftOut>) -> Map<String, Value> {
    let mut known = Map::new();
    let mut unknown = Vec::new();
    for (name, value) in tenant {
        let says_nothing = value == "" || name == "phone_consolidated_experience" && value == true;
        if says_nothing {
            continue;
        }
        if keywords::first(&value.to_string()).is_some() {
            known.insert(name, value);
            continue;
        }
        let alone = Map::from_iter([(name.clone(), value)]);
        match Settings::default().with(&alone) {
            Ok(settings) => {
                let mut settings = serde_json::to_value(settings).unwrap_or_default();
                known.extend(settings.get_mut(&name).map(|value| (name, value.take())));
            }
            Err(SettingsError::Unknown(_)) => unknown.push(name),
            Err(error) => {
                let what = format!("{name} of the tenant");
                left_out.push(LeftOut::new(what, error.to_string()));
            }
        }
    }
    if !unknown.is_empty() {
        let what = format!("{} of the tenant", unknown.join(", "));
        left_out.push(LeftOut::new(what, "phonebox has no such settings"));
    }
    known
}

fn take<T: Default + DeserializeOwned>(
    assets: &mut Map<String, Value>,
    name: &str,
) -> Result<T, Failure> {
    match assets.remove(name) {
        None => Ok(T::default()),
        // What is wrong is told without what is there.
        Some(value) => serde_json::from_value(value).map_err(|error| {
            let error = error.to_string();
            let missing = error.strip_prefix("missing field ");
            let missing = missing.map(|name| format!(": {name} is missing"));
            Failure::new(format!(
                "{name} in the export: not as auth0-deploy-cli writes it{}",
                missing.unwrap_or_default()
            ))
            .hint("where ##NAME## or @@NAME@@ stands, say for what: --mappings FILE, or --env and the variable NAME")
        }),
    }
}

/// What is null is not said.
fn without_nulls(all: Map<String, Value>) -> Map<String, Value> {
    let all = all.into_iter().filter(|(_, value)| !value.is_null());
    all.map(|(name, value)| (name, without_nulls_in(value)))
        .collect()
}

fn without_nulls_in(value: Value) -> Value {
    match value {
        Value::Object(all) => without_nulls(all).into(),
        Value::Array(all) => all.into_iter().map(without_nulls_in).collect(),
        other => other,
    }
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error| Failure::file("cannot read", folder, &error);
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

fn jsons(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = entries(folder)?;
    files.retain(|file| file.extension() == Some(OsStr::new("json")) && file.is_file());
    Ok(files)
}
