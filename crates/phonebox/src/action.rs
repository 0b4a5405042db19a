use std::fmt;
use std::sync::Arc;

use phonebox_componentize::javascript::{self, Module};
use phonebox_componentize::{self as componentize, Checked, NotAComponent, Refusal};
use phonebox_contract::{BuildError, Fault};
use phonebox_egress::{Policy, Rule};
use phonebox_runtime::{Digest, LoadError, LoadedAction, Runtime};
use serde::Serialize;

use crate::manifest::{InvalidManifest, Manifest, WrittenLimits, within};

/// The least memory that an action in JavaScript may ask for, in MiB: what the engine has for itself, and 1 for the action.
const JAVASCRIPT_MIB: u64 = 4;

/// An action as it is uploaded and deployed: a component that has been checked, or a source in JavaScript, with its manifest in
/// it. Cheap to clone.
#[derive(Clone)]
pub struct Action(Arc<Parts>);

struct Parts {
    component: Vec<u8>,
    digest: Digest,
    checked: Checked,
    manifest: Manifest,
}

/// Why something is not an action.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAction {
    /// The component cannot be one.
    #[error(transparent)]
    Component(#[from] Refusal),
    /// There is no manifest in the component.
    #[error("the component has no action.toml in it")]
    NoManifest,
    /// The manifest is not right.
    #[error(transparent)]
    Manifest(#[from] InvalidManifest),
    /// The component is damaged.
    #[error(transparent)]
    Damaged(#[from] NotAComponent),
    /// The source cannot be an action. There is at least one error.
    #[error("the source is no action: {}", said(.0))]
    Source(Vec<BuildError>),
}

/// What goes with a source that has no `action.toml`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JavascriptOptions {
    /// The action's name, as in a manifest.
    pub name: String,
    /// What it may reach beside the https origins that stand in its source.
    pub egress: Vec<Rule>,
    /// The names of its secrets. With none, it has whatever secrets are set for it.
    pub secrets: Vec<String>,
    /// The npm packages that it was written for, as `name` or `name@version`.
    pub dependencies: Vec<String>,
    /// The modules that it may require.
    pub modules: Vec<Module>,
    /// The limits that it wants.
    pub limits: WrittenLimits,
}

impl JavascriptOptions {
    /// Those of an action of this name that reaches what its source names, and has whatever secrets are set for it.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            egress: Vec::new(),
            secrets: Vec::new(),
            dependencies: Vec::new(),
            modules: Vec::new(),
            limits: WrittenLimits::default(),
        }
    }
}

impl InvalidAction {
    /// What its author can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Component(refusal) => Some(refusal.hint().to_owned()),
            Self::NoManifest => Some(
                "build it with `phonebox build`, which puts the action.toml of its folder in"
                    .to_owned(),
            ),
            Self::Manifest(invalid) => invalid.hint(),
            Self::Damaged(_) => Some("build it again".to_owned()),
            Self::Source(_) => Some("mend the source, and build it again".to_owned()),
        }
    }

    /// Whose fault it is: the action's.
    pub fn fault(&self) -> Fault {
        Fault::Action
    }
}

impl Action {
    /// Takes a component with its manifest in it, as `phonebox build` makes it.
    pub fn from_component(component: Vec<u8>) -> Result<Self, InvalidAction> {
        let checked = componentize::check(&component)?;
        let manifest = checked
            .manifest
            .as_deref()
            .ok_or(InvalidAction::NoManifest)?;
        let mut manifest = Manifest::parse(manifest)?;
        if checked.source.is_some() {
            // JavaScript reads `event.secrets`, and nobody has to list what it finds there.
            manifest.any_secret = manifest.secrets.is_empty();
            let memory = u64::try_from(manifest.limits.memory >> 20).unwrap_or(u64::MAX);
            within("memory_mib", memory, JAVASCRIPT_MIB, 64)?;
        }
        let modules = checked.shared.iter().map(|module| module.name.clone());
        manifest.modules = modules.collect();
        let digest = Digest::of(&component);
        Ok(Self(Arc::new(Parts {
            component,
            digest,
            checked,
            manifest,
        })))
    }

    /// Puts a component and the text of its manifest together. A component that is no action is refused as such.
    pub fn assemble(component: &[u8], manifest: &str) -> Result<Self, InvalidAction> {
        componentize::check(component)?;
        Self::from_component(componentize::embed_manifest(component, manifest)?)
    }

    /// Makes an action from its JavaScript: a source as Auth0 has it, with what it requires bundled into it as far as phonebox
    /// does not have that itself. It may reach the https origins that stand in the source, by every method.
    ///
    /// The source is read, and not run: what is wrong with its syntax, its top-level code or its handler is known when it is
    /// built or deployed.
    pub fn from_javascript(
        source: &str,
        options: JavascriptOptions,
    ) -> Result<Self, InvalidAction> {
        let JavascriptOptions {
            name,
            mut egress,
            secrets,
            dependencies,
            modules,
            limits,
        } = options;
        let found = javascript::examine(source, &modules, &dependencies);
        let found = found.map_err(InvalidAction::Source)?;
        reach(&mut egress, &found.origins);
        let secrets = secrets.iter().map(String::as_str);
        let manifest = Manifest::write(&name, &egress, secrets, limits);
        Self::from_component(javascript::pack(source, None, &modules, &manifest))
    }

    /// Puts a source in JavaScript, the modules that it may require and the text of its manifest together. Where that has no
    /// `[[egress]]`, the action may reach the https origins that stand in the source, by every method. The source is read and not run, as by
    /// [`Action::from_javascript`].
    pub fn assemble_javascript(
        source: &str,
        modules: &[Module],
        manifest: &str,
    ) -> Result<Self, InvalidAction> {
        Self::assemble_script(source, None, modules, manifest)
    }

    /// The same for a bundle with its source map, which [`javascript::lessen`] has made one to be carried along. What is wrong
    /// with it, and what goes wrong in it, is told with its place in the author's files.
    pub fn assemble_bundle(
        bundle: &str,
        map: &str,
        modules: &[Module],
        manifest: &str,
    ) -> Result<Self, InvalidAction> {
        Self::assemble_script(bundle, Some(map), modules, manifest)
    }

    fn assemble_script(
        source: &str,
        map: Option<&str>,
        modules: &[Module],
        manifest: &str,
    ) -> Result<Self, InvalidAction> {
        #[derive(Serialize)]
        struct Reached {
            egress: Vec<Rule>,
        }
        let found = examine(source, map, modules).map_err(InvalidAction::Source)?;
        let mut manifest = manifest.to_owned();
        let mut egress = Vec::new();
        if Manifest::parse(&manifest)?.egress.is_empty() {
            reach(&mut egress, &found.origins);
        }
        if !egress.is_empty() {
            let reached = toml::to_string(&Reached { egress });
            manifest.push('\n');
            manifest.push_str(&reached.expect("every key of a rule is a string"));
        }
        Self::from_component(javascript::pack(source, map, modules, &manifest))
    }

    /// Loads it into a runtime, for a tenant. Blocks.
    pub fn load(&self, runtime: &Runtime, tenant: &str) -> Result<LoadedAction, LoadError> {
        match &self.checked().source {
            Some(source) => {
                let shared = &self.checked().shared;
                let modules = shared.iter().cloned();
                let modules = modules.map(|Module { name, code }| (name, code));
                let digest = self.digest();
                let loaded =
                    runtime.load_javascript(tenant, digest, source, modules, javascript::engine);
                loaded.map_err(|error| match error {
                    LoadError::Source(error) => {
                        let error = javascript::explain(source, shared, error);
                        // A module is no part of a bundle.
                        match self.map().filter(|_| error.file.is_none()) {
                            Some(map) => map.tell(error),
                            None => error,
                        }
                        .into()
                    }
                    other => other,
                })
            }
            None => runtime.load_digested(tenant, self.digest(), self.component()),
        }
    }

    /// What leads from a bundle in JavaScript back to its author's files. It is read anew at each call.
    pub(crate) fn map(&self) -> Option<javascript::Map<'_>> {
        javascript::Map::read(self.checked().map.as_deref()?)
    }

    /// What a source in JavaScript says of itself. Of a component, nothing.
    pub(crate) fn source(&self) -> javascript::Source {
        let Checked {
            source,
            map,
            shared,
            ..
        } = self.checked();
        let source = source.as_deref();
        let examined = source.and_then(|source| examine(source, map.as_deref(), shared).ok());
        examined.unwrap_or_default()
    }

    /// What the author of a source in JavaScript should know: what in it is likely not meant, and what it may reach, which
    /// nobody need have written down.
    pub fn notes(&self) -> Vec<String> {
        if self.checked().source.is_none() {
            return Vec::new();
        }
        let source = self.source();
        let mut notes: Vec<_> = source.mistakes.iter().map(ToString::to_string).collect();
        let reached: Vec<_> = self.manifest().egress.iter().map(Rule::origin).collect();
        if !reached.is_empty() {
            notes.push(format!("the action may reach {}", reached.join(", ")));
        } else if source.requests {
            notes.push(
                "the action may reach nothing: no https origin stands in its source, and none is granted to it"
                    .to_owned(),
            );
        }
        notes
    }

    /// The component, with its manifest in it.
    pub fn component(&self) -> &[u8] {
        &self.0.component
    }

    /// The component's digest.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// What the component is made of.
    pub fn checked(&self) -> &Checked {
        &self.0.checked
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action")
            .field("name", &self.manifest().name)
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}

/// Reads a source that was packed with the map of a bundle, or with none. A map that cannot be read leads nowhere.
fn examine(
    source: &str,
    map: Option<&str>,
    modules: &[Module],
) -> Result<javascript::Source, Vec<BuildError>> {
    let bundled: [&str; 0] = [];
    match map.and_then(javascript::Map::read) {
        Some(map) => javascript::examine_bundle(source, &map, modules),
        None => javascript::examine(source, modules, &bundled),
    }
}

/// Adds a rule for each origin that has none, as far as there may be more rules. What cannot be granted is left out: nobody
/// asked for it but a text.
fn reach(egress: &mut Vec<Rule>, origins: &[String]) {
    const METHODS: [&str; 6] = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
    for origin in origins {
        if egress.len() >= Policy::RULES {
            return;
        }
        let any_path: [&str; 0] = [];
        if let Ok(rule) = Rule::new(origin, &METHODS, &any_path)
            && !egress.iter().any(|known| known.origin() == rule.origin())
        {
            egress.push(rule);
        }
    }
}

fn said(errors: &[BuildError]) -> String {
    match errors {
        [] => String::new(),
        [one] => one.to_string(),
        [first, more @ ..] => format!("{first}; and {} more", more.len()),
    }
}
