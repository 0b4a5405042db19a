use std::fmt;
use std::sync::Arc;

use phonebox_componentize::{self as componentize, Checked, NotAComponent, Refusal};
use phonebox_contract::Fault;
use phonebox_runtime::Digest;

use crate::manifest::{InvalidManifest, Manifest};

/// An action as it is uploaded and deployed: a component that has been checked, with its manifest in it. Cheap to clone.
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
        let manifest = Manifest::parse(manifest)?;
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
