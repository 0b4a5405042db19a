//! What there is to a draft beside its code and its secrets.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::module::BoundModule;
use super::{ActionChange, CannotManage, read_id};
use crate::manifest::{WrittenLimits, WrittenRule};

/// The runtime of a draft of which nobody says it.
const RUNTIME: &str = "node22";
/// Those that there are, and those that Auth0 had: JavaScript runs the same in all of them.
const RUNTIMES: [&str; 5] = ["node12", "node16", "node18", "node18-actions", RUNTIME];
/// Packages of npm that one action may name.
const DEPENDENCIES: usize = 10;
/// Longest name of a package, and of its version, in bytes.
const PACKAGE: [usize; 2] = [255, 50];
/// Longest JavaScript, in bytes.
const JAVASCRIPT: usize = 100 << 10;

/// What an action is made from. Cheap to clone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Code {
    /// A component.
    Component(Arc<[u8]>),
    /// JavaScript, as Auth0's actions are written.
    JavaScript(Arc<str>),
}

/// A package of npm that JavaScript asks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Which version of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it is, if that is not npm's registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_url: Option<String>,
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let version = self.version.as_ref();
        version.map_or(Ok(()), |version| write!(f, "@{version}"))
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Component,
    JavaScript,
}

/// What there is to a draft, or to a version, beside its code and its secrets. Kept as JSON.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Definition {
    pub(super) kind: Kind,
    pub(super) runtime: String,
    pub(super) dependencies: Vec<Dependency>,
    /// What a component may reach that has no manifest in it. None: nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) egress: Option<Vec<WrittenRule>>,
    #[serde(default)]
    pub(super) limits: WrittenLimits,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) modules: Vec<BoundModule>,
}

impl Definition {
    /// Of a component with a manifest in it.
    pub(crate) fn of_component() -> Self {
        Self {
            kind: Kind::Component,
            runtime: RUNTIME.to_owned(),
            dependencies: Vec::new(),
            egress: None,
            limits: WrittenLimits::default(),
            modules: Vec::new(),
        }
    }

    /// Of an action that nothing is known of yet.
    pub(super) fn new() -> Self {
        Self {
            kind: Kind::JavaScript,
            ..Self::of_component()
        }
    }

    pub(crate) fn read(text: &str) -> Self {
        // It was written here.
        serde_json::from_str(text).unwrap_or_else(|_| Self::new())
    }

    pub(crate) fn write(&self) -> String {
        serde_json::to_string(self).expect("every key of it is a string")
    }

    /// The same, changed, if it may be so.
    pub(super) fn changed(mut self, change: &ActionChange) -> Result<Self, CannotManage> {
        let invalid = |fault: String| Err(CannotManage::Invalid(fault));
        match &change.code {
            Some(Code::Component(_)) => self.kind = Kind::Component,
            Some(Code::JavaScript(code)) if code.len() > JAVASCRIPT => {
                return invalid(format!(
                    "The code has {} bytes, and may have {JAVASCRIPT}",
                    code.len()
                ));
            }
            Some(Code::JavaScript(_)) => self.kind = Kind::JavaScript,
            None => {}
        }
        if let Some(runtime) = &change.runtime {
            if !RUNTIMES.contains(&&**runtime) {
                return invalid(format!("The runtime is one of {}", RUNTIMES.join(", ")));
            }
            self.runtime.clone_from(runtime);
        }
        if let Some(dependencies) = &change.dependencies {
            check_dependencies(dependencies)?;
            self.dependencies.clone_from(dependencies);
        }
        if let Some(egress) = &change.egress {
            for (index, rule) in egress.iter().enumerate() {
                // What is written is not repeated: it may be a secret in the wrong place.
                if let Err(error) = rule.clone().read() {
                    let (number, hint) = (index + 1, error.hint());
                    return invalid(format!(
                        "phonebox.egress: rule {number} cannot be granted: {hint}"
                    ));
                }
            }
            self.egress = Some(egress.clone());
        }
        if let Some(limits) = change.limits {
            if let Err(error) = limits.read() {
                return invalid(format!("phonebox: {error}").replace(" of action.toml", ""));
            }
            self.limits = limits;
        }
        Ok(self)
    }
}

impl Definition {
    /// The ids of the versions of modules that it names.
    pub(super) fn module_versions(&self) -> Vec<[u8; 16]> {
        let ids = self.modules.iter().map(|module| &module.version_id);
        ids.filter_map(|id| read_id(id)).collect()
    }
}

/// Refuses packages of npm that nobody can have.
pub(super) fn check_dependencies(dependencies: &[Dependency]) -> Result<(), CannotManage> {
    let invalid = |fault: String| Err(CannotManage::Invalid(fault));
    if dependencies.len() > DEPENDENCIES {
        return invalid(format!("There are at most {DEPENDENCIES} dependencies"));
    }
    let [name, version] = PACKAGE;
    let is_fine = |one: &Dependency| {
        let of =
            |text: &str, most| (1..=most).contains(&text.len()) && !text.contains(char::is_control);
        of(&one.name, name) && one.version.as_deref().is_none_or(|text| of(text, version))
    };
    if !dependencies.iter().all(is_fine) {
        return invalid(format!(
            "A dependency has a name of at most {name} bytes, and a version of at most {version}"
        ));
    }
    Ok(())
}
