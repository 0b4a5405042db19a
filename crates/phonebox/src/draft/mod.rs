//! Actions as Auth0's Management API has them: what is worked on is a *draft*; deployed, it is a *version*, which stays as it is.
//!
//! Cast: an [`ActionChange`] is what an author sends; a [`Definition`] is what is kept of it beside the code and the secrets. A
//! draft is built in the background ([`build`]), and deployed when somebody says so. A [`ManagedAction`] is all of that to be shown.
//!
//! Secrets come twice. A draft has its own, which become those that run when it is deployed; the version keeps a copy, so that it
//! can be deployed again as it was. What [`Tenant::set_secret`] sets is set in both what runs and the draft.

mod build;
mod definition;
mod module;

use std::collections::BTreeMap;

use phonebox_componentize::javascript::of_module;
use phonebox_contract::{BuildError, Event, NotificationId, Sensitive};
use phonebox_egress::OriginPattern;
use phonebox_runtime::{Digest, Mode, Report, Secret};
use phonebox_store::{
    ActionItem, Binding, Build, ChangeAction, Changed, CreateAction, Created, Deploy, Draft,
    Expected, FollowingDraft, NewVersion, PutBinding, PutDraft, Removed, Rename, StoreError, Time,
    Version,
};
use uuid::Uuid;

use crate::action::Action;
use crate::delivery::{CannotLoad, Refused};
use crate::manifest::{WrittenLimits, WrittenRule, hides};
use crate::secret::{self, Given, Owner, SHORTEST, SecretInfo};
use crate::tenant::{SendError, Tenant};

pub(crate) use self::build::AT_ONCE;
pub(crate) use self::definition::Definition;
use self::definition::Kind;
pub use self::definition::{Code, Dependency};
pub use self::module::{BoundModule, ManagedModule, ManagedModuleVersion, ModuleChange, ModuleRef};

/// Secrets by name.
type Secrets = Vec<(String, Given)>;

/// Actions of a tenant's for this trigger, as in Auth0.
const ACTIONS: u32 = 1;
/// Versions of an action that are kept, as in Auth0. The oldest that is not deployed goes first.
pub(crate) const VERSIONS: u32 = 50;
/// Secrets of an action, as in Auth0.
const SECRETS: usize = 30;
/// Longest name of an action, in characters.
const NAME: usize = 255;
/// How the names of actions begin that are built in.
const RESERVED: &str = "phonebox:";

/// How an action is to be. What is not said stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ActionChange {
    /// What it is called.
    pub name: Option<String>,
    /// What it is made from.
    pub code: Option<Code>,
    /// The packages of npm that its JavaScript asks for.
    pub dependencies: Option<Vec<Dependency>>,
    /// What Auth0 would run it with.
    pub runtime: Option<String>,
    /// All of its secrets.
    pub secrets: Option<Vec<SecretChange>>,
    /// All of the modules that its JavaScript may require.
    pub modules: Option<Vec<ModuleRef>>,
    /// How it has secrets, by name. Who changes that has to have the value.
    pub modes: BTreeMap<String, SecretMode>,
    /// What a component may reach that has no manifest in it.
    pub egress: Option<Vec<WrittenRule>>,
    /// And the limits of one.
    pub limits: Option<WrittenLimits>,
    /// Whether it is to be deployed once it is built.
    pub deploy: bool,
}

/// One of a draft's secrets.
#[derive(Clone, Debug)]
pub struct SecretChange {
    /// Its name.
    pub name: String,
    /// Its value. None: the one that the draft has.
    pub value: Option<Sensitive>,
}

/// How an action is to have a secret.
#[derive(Clone, Debug, Default)]
pub struct SecretMode {
    /// None: as it had it before, or else sealed.
    pub mode: Option<Mode>,
    /// Where it may go. None: where the action asks to go that it is first deployed with.
    pub origins: Option<Vec<OriginPattern>>,
}

/// An action, its draft and what of it is deployed.
#[derive(Clone, Debug)]
pub struct ManagedAction {
    /// What is kept of it.
    pub item: ActionItem,
    /// What is worked on.
    pub draft: Content,
    /// What runs.
    pub deployed: Option<ManagedVersion>,
}

/// A version.
#[derive(Clone, Debug)]
pub struct ManagedVersion {
    /// What is kept of it.
    pub version: Version,
    /// What it is made of.
    pub content: Content,
}

/// What a draft or a version is made of.
#[derive(Clone, Debug)]
pub struct Content {
    /// Its code; none of a component that was not asked for.
    pub code: Option<Code>,
    /// Whether that is a component.
    pub is_component: bool,
    /// The packages of npm that it asks for.
    pub dependencies: Vec<Dependency>,
    /// The modules that it may require.
    pub modules: Vec<BoundModule>,
    /// What Auth0 would run it with.
    pub runtime: String,
    /// What it may reach, if it does not say so itself.
    pub egress: Option<Vec<WrittenRule>>,
    /// Its limits, where it does not say them itself.
    pub limits: WrittenLimits,
    /// Its secrets by name; none of one that cannot be decrypted.
    pub secrets: Vec<(String, Option<SecretInfo>)>,
    /// SHA-256 of its component, if there is one.
    pub digest: Option<Digest>,
}

/// Names the action that is to be bound.
#[derive(Clone, Debug)]
pub enum BindingRef {
    /// By its id.
    ActionId(String),
    /// By its name.
    ActionName(String),
    /// By the id of its binding.
    BindingId(String),
}

/// Why an action is not made, changed, deployed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CannotManage {
    /// There is no action of this id.
    #[error("That action does not exist.")]
    Missing,
    /// The action has no version of this id.
    #[error("That version does not exist.")]
    MissingVersion,
    /// Another action is called so.
    #[error("An action of this name exists already.")]
    NameTaken,
    /// The tenant has one.
    #[error("custom-phone-provider can only have one supported Action")]
    TooMany,
    /// There is no module of this id.
    #[error("That module does not exist.")]
    MissingModule,
    /// The module has no version of this id, or an action names one that is gone.
    #[error("That version of the module does not exist.")]
    MissingModuleVersion,
    /// Another module is called so.
    #[error("A module of this name exists already.")]
    ModuleNameTaken,
    /// The tenant has as many modules as it may have.
    #[error("A tenant has at most 100 modules: remove one that nothing uses.")]
    TooManyModules,
    /// The module's latest version is the same as its draft.
    #[error("There is nothing to publish: the latest version is the same.")]
    NothingToPublish,
    /// The module has as many versions as it may have.
    #[error("A module has at most 50 versions: make another one of it.")]
    TooManyModuleVersions,
    /// The module's draft is that version.
    #[error("The module is the same as this version already.")]
    AlreadyCurrent,
    /// An action's draft has the module, or what is deployed of it.
    #[error("This module is in use: take it out of the action's modules, and deploy that, first.")]
    ModuleInUse,
    /// Something about it is not as it must be. Says nothing secret.
    #[error("{0}")]
    Invalid(String),
    /// It is not built.
    #[error("A draft must be in the 'built' state before it can be {0}.")]
    NotBuilt(&'static str),
    /// Nothing of it is deployed.
    #[error(
        "Trying to create a binding for an action that has not been deployed: deploy it first."
    )]
    NotDeployed,
    /// It is bound, or the phone provider's.
    #[error(
        "This action is bound to a trigger, or the phone provider delivers by it. Unbind it and disable the provider first, or \
         delete it with force=true."
    )]
    InUse,
    /// It is not to be sent.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] CannotLoad),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Code {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Component(component) => component,
            Self::JavaScript(code) => code.as_bytes(),
        }
    }

    fn read(kind: Kind, bytes: Vec<u8>) -> Self {
        match kind {
            Kind::Component => Self::Component(bytes.into()),
            // It was a text when it was kept.
            Kind::JavaScript => Self::JavaScript(String::from_utf8_lossy(&bytes).into()),
        }
    }
}

impl ActionChange {
    /// Whether the draft is another one then.
    fn is_of_draft(&self) -> bool {
        self.code.is_some()
            || self.dependencies.is_some()
            || self.runtime.is_some()
            || self.secrets.is_some()
            || self.modules.is_some()
            || self.egress.is_some()
            || self.limits.is_some()
    }
}

impl ManagedAction {
    /// Why the draft cannot be deployed.
    pub fn errors(&self) -> Vec<BuildError> {
        match &self.item.draft.build {
            Build::Failed(errors) => serde_json::from_str(errors).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// What the draft's owner should know.
    pub fn notes(&self) -> Vec<String> {
        match &self.item.draft.build {
            Build::Built { notes, .. } => serde_json::from_str(notes).unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

impl Tenant {
    /// Makes an action, whose draft is built from now on. `change` has to say what it is called.
    pub async fn create_action(&self, change: ActionChange) -> Result<ManagedAction, CannotManage> {
        let name = change.name.clone().unwrap_or_default();
        check_name(&name)?;
        let id = new_id();
        let given = change.secrets.as_deref().unwrap_or_default();
        // What was set for an action of this name before there was one is its own.
        let kept = self.engine.store.secrets(&self.name, &name).await?;
        let kept = Owner::running(&self.name, &name).open_all(&self.engine.keys, &kept)?;
        let mut secrets = changed_secrets(&kept, given, &change.modes)?;
        let is_given = |name: &str| given.iter().any(|given| given.name == name);
        secrets.extend(kept.into_iter().filter(|(name, _)| !is_given(name)));
        let mut definition = Definition::new().changed(&change)?;
        if let Some(modules) = &change.modules {
            definition.modules = self.bind_modules(modules).await?;
        }
        let code = change.code.unwrap_or_else(|| Code::JavaScript("".into()));
        let create = CreateAction {
            id,
            name,
            draft: PutDraft {
                source: Digest::of(code.bytes()).to_bytes(),
                content: Some(code.bytes().to_vec()),
                definition: definition.write(),
                modules: definition.module_versions(),
                secrets: Owner::holding(&self.name, id).seal_all(&self.engine.keys, &secrets),
            },
            deploy: change.deploy,
            most: ACTIONS,
        };
        match self.engine.store.create_action(&self.name, create).await? {
            Created::Yes(item) => {
                self.engine.drafts.notify_one();
                self.managed(*item, true).await
            }
            Created::TooMany => Err(CannotManage::TooMany),
            Created::NameTaken => Err(CannotManage::NameTaken),
        }
    }

    /// An action.
    pub async fn managed_action(&self, id: &str) -> Result<ManagedAction, CannotManage> {
        let item = self.item(id).await?;
        self.managed(item, true).await
    }

    /// Changes an action. If its draft is another one then, that is built from now on; what is deployed goes on as it is.
    pub async fn change_action(
        &self,
        id: &str,
        change: ActionChange,
    ) -> Result<ManagedAction, CannotManage> {
        if let Some(name) = &change.name {
            check_name(name)?;
        }
        let store = &self.engine.store;
        let modules = match &change.modules {
            Some(modules) => Some(self.bind_modules(modules).await?),
            None => None,
        };
        loop {
            let item = self.item(id).await?;
            let was = store.held_secrets(&self.name, item.id).await?;
            let change_action = ChangeAction {
                revision: item.draft.revision,
                name: self.renamed(&item, change.name.as_deref()).await?,
                draft: self.changed_draft(&item, &was, &change, modules.as_deref())?,
                secrets: was,
                deploy: change.deploy,
            };
            match store
                .change_action(&self.name, item.id, change_action)
                .await?
            {
                Changed::Yes(now) => {
                    self.engine.drafts.notify_one();
                    if now.name != item.name {
                        self.engine.deployed(&self.name, &item.name, None);
                        self.engine.deployed(&self.name, &now.name, None);
                        self.engine.rerouted(&self.name);
                    }
                    return self.managed(*now, true).await;
                }
                Changed::Meanwhile => {}
                Changed::NameTaken => return Err(CannotManage::NameTaken),
                Changed::Missing => return Err(CannotManage::Missing),
            }
        }
    }

    async fn renamed(
        &self,
        item: &ActionItem,
        name: Option<&str>,
    ) -> Result<Option<Rename>, CannotManage> {
        let Some(name) = name.filter(|name| *name != item.name) else {
            return Ok(None);
        };
        let were = self.engine.store.secrets(&self.name, &item.name).await?;
        let secrets = Owner::running(&self.name, &item.name).open_all(&self.engine.keys, &were)?;
        Ok(Some(Rename {
            name: name.to_owned(),
            were,
            secrets: Owner::running(&self.name, name).seal_all(&self.engine.keys, &secrets),
        }))
    }

    fn changed_draft(
        &self,
        item: &ActionItem,
        was: &[(String, Vec<u8>)],
        change: &ActionChange,
        modules: Option<&[BoundModule]>,
    ) -> Result<Option<PutDraft>, CannotManage> {
        let (owner, keys) = (Owner::holding(&self.name, item.id), &self.engine.keys);
        let secrets = if let Some(secrets) = &change.secrets {
            // What cannot be decrypted can be given anew.
            let had: Vec<_> = was
                .iter()
                .filter_map(|(name, sealed)| {
                    Some((name.clone(), owner.open(keys, name, sealed).ok()?))
                })
                .collect();
            owner.seal_all(keys, &changed_secrets(&had, secrets, &change.modes)?)
        } else {
            check_modes(&owner.open_all(keys, was)?, &change.modes)?;
            was.to_vec()
        };
        if !change.is_of_draft() {
            return Ok(None);
        }
        let mut definition = Definition::read(&item.draft.definition).changed(change)?;
        if let Some(modules) = modules {
            definition.modules = modules.to_vec();
        }
        let code = change.code.as_ref().map(Code::bytes);
        Ok(Some(PutDraft {
            source: code.map_or(item.draft.source, |code| Digest::of(code).to_bytes()),
            content: code.map(<[u8]>::to_vec),
            definition: definition.write(),
            modules: definition.module_versions(),
            secrets,
        }))
    }

    /// Removes an action with its versions and secrets. One that is bound only if `force` says so: then nothing is sent until
    /// something is deployed.
    pub async fn remove_action(&self, id: &str, force: bool) -> Result<(), CannotManage> {
        let id = read_id(id).ok_or(CannotManage::Missing)?;
        match self
            .engine
            .store
            .remove_action(&self.name, id, force)
            .await?
        {
            Removed::Yes(name) => {
                self.engine.rerouted(&self.name);
                self.engine.deployed(&self.name, &name, None);
                Ok(())
            }
            Removed::InUse => Err(CannotManage::InUse),
            Removed::Missing => Err(CannotManage::Missing),
        }
    }

    /// Deploys an action's draft, which has to be built: as a version, with the draft's secrets.
    pub async fn deploy_action(
        &self,
        id: &str,
    ) -> Result<(ActionItem, ManagedVersion), CannotManage> {
        let id = read_id(id).ok_or(CannotManage::Missing)?;
        self.deploy_built(id, None).await
    }

    /// [`Tenant::deploy_action`], of this revision of the draft or of whichever there is.
    pub(crate) async fn deploy_built(
        &self,
        id: [u8; 16],
        revision: Option<u32>,
    ) -> Result<(ActionItem, ManagedVersion), CannotManage> {
        let store = &self.engine.store;
        loop {
            let item = store.action(&self.name, id).await?;
            let item = item.ok_or(CannotManage::Missing)?;
            let Build::Built { digest, at, notes } = &item.draft.build else {
                return Err(CannotManage::NotBuilt("deployed"));
            };
            if revision.is_some_and(|revision| item.draft.revision != revision) {
                return Err(CannotManage::NotBuilt("deployed"));
            }
            let was = store.held_secrets(&self.name, id).await?;
            let definition = Definition::read(&item.draft.definition);
            let modules = self.engine.modules(&self.name, &definition).await?;
            let draft = Deployable {
                source: item.draft.source,
                digest: *digest,
                definition: item.draft.definition.clone(),
                built_at: *at,
                expected: Expected {
                    revision: Some(item.draft.revision),
                    draft_secrets: Some(was.clone()),
                    secrets: None,
                },
                secrets: Owner::holding(&self.name, id).open_all(&self.engine.keys, &was)?,
                of_modules: modules
                    .into_iter()
                    .flat_map(|built| built.secrets)
                    .collect(),
                draft_follows: true,
                notes: notes.clone(),
            };
            if let Some(deployed) = self.deploy_made(&item, draft).await? {
                return Ok((item, deployed));
            }
        }
    }

    /// Deploys a version again: as a new one that is the same, with the secrets that it had. The draft becomes the same, too,
    /// if it is to.
    pub async fn deploy_version(
        &self,
        id: &str,
        version: &str,
        update_draft: bool,
    ) -> Result<(ActionItem, ManagedVersion), CannotManage> {
        let store = &self.engine.store;
        loop {
            let item = self.item(id).await?;
            let version = self.version(&item, version).await?;
            let was = store.held_secrets(&self.name, version.id).await?;
            let owner = Owner::holding(&self.name, version.id);
            let was = owner.open_all(&self.engine.keys, &was)?;
            let (of_modules, secrets) = was
                .into_iter()
                .partition(|(name, _)| of_module(name).is_some());
            let again = Deployable {
                source: version.source,
                digest: version.digest,
                built_at: version.built_at,
                expected: Expected {
                    revision: Some(item.draft.revision),
                    ..Expected::default()
                },
                secrets,
                of_modules,
                definition: version.definition,
                draft_follows: update_draft,
                notes: "[]".to_owned(),
            };
            if let Some(deployed) = self.deploy_made(&item, again).await? {
                return Ok((item, deployed));
            }
        }
    }

    /// None where something changed meanwhile.
    async fn deploy_made(
        &self,
        item: &ActionItem,
        made: Deployable,
    ) -> Result<Option<ManagedVersion>, CannotManage> {
        let (store, keys) = (&self.engine.store, &self.engine.keys);
        let Some(component) = store.component(&self.name, made.digest).await? else {
            return Ok(None);
        };
        let action = tokio::task::spawn_blocking(move || Action::from_component(component)).await;
        let action = action.map_err(|_| CannotLoad::ShuttingDown)?;
        let action = action.map_err(CannotLoad::from)?;
        let manifest = action.manifest();
        let bound = |secrets: &Secrets| -> Secrets {
            let secrets = secrets.iter().cloned();
            let bound = secrets.map(|(name, given)| {
                let is_asked_for = manifest.takes_secret(&name);
                let given = if is_asked_for {
                    given.bound(manifest)
                } else {
                    given
                };
                (name, given)
            });
            bound.collect()
        };
        let (secrets, of_modules) = (bound(&made.secrets), bound(&made.of_modules));
        let all = [&*secrets, &*of_modules].concat();
        let deployment = self
            .load(&action, secret::asked_for(&all, manifest))
            .await?;
        let definition = Definition::read(&made.definition);
        // Before it is deployed: nobody else is to have them bound elsewhere.
        self.keep_bound(&definition.modules, &made.of_modules, &of_modules)
            .await?;
        let version = new_id();
        let seal = |holder, secrets| Owner::holding(&self.name, holder).seal_all(keys, secrets);
        let deploy = Deploy {
            action: item.name.clone(),
            id: item.id,
            expected: made.expected,
            version: NewVersion {
                id: version,
                source: made.source,
                digest: made.digest,
                component: None,
                modules: definition.module_versions(),
                definition: made.definition,
                built_at: Some(made.built_at),
            },
            secrets: Owner::running(&self.name, &item.name).seal_all(keys, &secrets),
            held: seal(version, &all),
            draft: made.draft_follows.then(|| FollowingDraft {
                secrets: seal(item.id, &secrets),
                notes: made.notes,
            }),
            most: VERSIONS,
        };
        let Some(version) = self.keep(deploy, deployment).await? else {
            return Ok(None);
        };
        self.managed_of(item, version, true).await
    }

    /// An action and its versions, the latest first.
    pub async fn managed_versions(
        &self,
        id: &str,
    ) -> Result<(ActionItem, Vec<Version>), CannotManage> {
        let item = self.item(id).await?;
        let versions = self.versions_of(&item).await?;
        Ok((item, versions))
    }

    /// One of an action's versions.
    pub async fn managed_version(
        &self,
        id: &str,
        version: &str,
    ) -> Result<(ActionItem, ManagedVersion), CannotManage> {
        let item = self.item(id).await?;
        let version = self.version(&item, version).await?;
        let managed = self.managed_of(&item, version, true).await?;
        Ok((item, managed.ok_or(CannotManage::MissingVersion)?))
    }

    /// The binding that somebody made, and the action that it is of.
    pub async fn binding(&self) -> Result<Option<(Binding, ManagedAction)>, CannotManage> {
        let store = &self.engine.store;
        let Some(binding) = store.binding(&self.name).await? else {
            return Ok(None);
        };
        match store.action_named(&self.name, &binding.action).await? {
            Some(item) => Ok(Some((binding, self.managed(item, true).await?))),
            None => Ok(None),
        }
    }

    /// Binds an action, which has to be deployed: what this tenant sends goes to it. None: there is no binding any more, and what
    /// is deployed goes on.
    pub async fn bind(
        &self,
        to: Option<(BindingRef, Option<String>)>,
    ) -> Result<Option<(Binding, ManagedAction)>, CannotManage> {
        let store = &self.engine.store;
        let Some((to, display_name)) = to else {
            store.remove_binding(&self.name).await?;
            return Ok(None);
        };
        let item = match to {
            BindingRef::ActionId(id) => Some(self.item(&id).await?),
            BindingRef::ActionName(name) => store.action_named(&self.name, &name).await?,
            BindingRef::BindingId(id) => {
                let binding = store.binding(&self.name).await?;
                let binding = binding.filter(|binding| Some(binding.id) == read_id(&id));
                match binding {
                    Some(binding) => store.action_named(&self.name, &binding.action).await?,
                    None => None,
                }
            }
        };
        let item = item.ok_or(CannotManage::Missing)?;
        let binding = PutBinding {
            id: new_id(),
            display_name: display_name.unwrap_or_else(|| item.name.clone()),
            action: item.name,
        };
        if !store.put_binding(&self.name, binding).await? {
            return Err(CannotManage::NotDeployed);
        }
        self.engine.rerouted(&self.name);
        self.binding().await
    }

    /// Runs an action's draft, which has to be built, once, with the draft's secrets: what it sends is sent.
    pub async fn test_action(&self, id: &str, event: Event) -> Result<Report, CannotManage> {
        let store = &self.engine.store;
        let item = self.item(id).await?;
        let Build::Built { digest, .. } = item.draft.build else {
            return Err(CannotManage::NotBuilt("tested"));
        };
        let held = store.held_secrets(&self.name, item.id).await?;
        let mut held = Owner::holding(&self.name, item.id).open_all(&self.engine.keys, &held)?;
        let definition = Definition::read(&item.draft.definition);
        let modules = self.engine.modules(&self.name, &definition).await?;
        held.extend(modules.into_iter().flat_map(|built| built.secrets));
        let component = store.component(&self.name, digest).await?;
        // It is another draft by now.
        let component = component.ok_or(CannotManage::NotBuilt("tested"))?;
        let action = tokio::task::spawn_blocking(move || Action::from_component(component)).await;
        let action = action.map_err(|_| CannotLoad::ShuttingDown)?;
        let action = action.map_err(CannotLoad::from)?;
        let deployment = self
            .load(&action, secret::asked_for(&held, action.manifest()))
            .await?;
        self.engine.admit(&self.name, &event).await?;
        let event = match self.engine.worded(&self.name, event).await {
            Err(SendError::Store(error)) => return Err(error.into()),
            worded => worded.map_err(|_| CannotLoad::ShuttingDown)?,
        };
        Ok(deployment
            .attempt(event.into(), NotificationId::new(), 1)
            .await)
    }

    async fn item(&self, id: &str) -> Result<ActionItem, CannotManage> {
        let id = read_id(id).ok_or(CannotManage::Missing)?;
        let item = self.engine.store.action(&self.name, id).await?;
        item.ok_or(CannotManage::Missing)
    }

    async fn version(&self, item: &ActionItem, id: &str) -> Result<Version, CannotManage> {
        let id = read_id(id).ok_or(CannotManage::MissingVersion)?;
        let versions = self.versions_of(item).await?;
        let found = versions.into_iter().find(|version| version.id == id);
        found.ok_or(CannotManage::MissingVersion)
    }

    /// All versions of an action, though it may be called otherwise by now.
    async fn versions_of(&self, item: &ActionItem) -> Result<Vec<Version>, CannotManage> {
        let store = &self.engine.store;
        let mut name = item.name.clone();
        loop {
            let versions = store.versions(&self.name, &name).await?;
            let now = store.action(&self.name, item.id).await?;
            let now = now.ok_or(CannotManage::Missing)?;
            if now.name == name {
                return Ok(versions);
            }
            name = now.name;
        }
    }

    /// All of an action, as it is at one moment. Without `code`, components are left out: they are large.
    pub async fn managed(
        &self,
        mut item: ActionItem,
        code: bool,
    ) -> Result<ManagedAction, CannotManage> {
        let store = &self.engine.store;
        loop {
            let Draft {
                source, definition, ..
            } = &item.draft;
            let digest = match item.draft.build {
                Build::Built { digest, .. } => Some(digest),
                _ => None,
            };
            let held = store.held_secrets(&self.name, item.id).await?;
            let owner = Owner::holding(&self.name, item.id);
            let draft = self
                .content(*source, definition, digest, &owner, held, code)
                .await?;
            let deployed = match item.deployed.clone() {
                None => Some(None),
                Some(version) => self.managed_of(&item, version, code).await?.map(Some),
            };
            if let (Some(draft), Some(deployed)) = (draft, deployed) {
                return Ok(ManagedAction {
                    item,
                    draft,
                    deployed,
                });
            }
            // What it was made from is gone, so it is another one by now.
            let now = store.action(&self.name, item.id).await?;
            let now = now.ok_or(CannotManage::Missing)?;
            if now == item {
                return Err(CannotLoad::Missing(item.name).into());
            }
            item = now;
        }
    }

    /// All of a version; none where it was removed meanwhile. What is deployed has the secrets that run. Without `code`, a component
    /// is left out.
    pub async fn managed_of(
        &self,
        item: &ActionItem,
        version: Version,
        code: bool,
    ) -> Result<Option<ManagedVersion>, CannotManage> {
        let store = &self.engine.store;
        let runs = item
            .deployed
            .as_ref()
            .is_some_and(|deployed| deployed.id == version.id);
        let (owner, secrets) = if runs {
            let owner = Owner::running(&self.name, &item.name);
            (owner, store.secrets(&self.name, &item.name).await?)
        } else {
            let owner = Owner::holding(&self.name, version.id);
            (owner, store.held_secrets(&self.name, version.id).await?)
        };
        let Version {
            source,
            digest,
            definition,
            ..
        } = &version;
        let content = self.content(*source, definition, Some(*digest), &owner, secrets, code);
        Ok(content
            .await?
            .map(|content| ManagedVersion { version, content }))
    }

    /// None where its code is not there any more.
    async fn content(
        &self,
        source: [u8; 32],
        definition: &str,
        digest: Option<[u8; 32]>,
        owner: &Owner<'_>,
        secrets: Vec<(String, Vec<u8>)>,
        code: bool,
    ) -> Result<Option<Content>, CannotManage> {
        let Definition {
            kind,
            runtime,
            dependencies,
            egress,
            limits,
            modules,
        } = Definition::read(definition);
        let code = if code || kind == Kind::JavaScript {
            match self.engine.store.component(&self.name, source).await? {
                Some(bytes) => Some(Code::read(kind, bytes)),
                None => return Ok(None),
            }
        } else {
            None
        };
        let keys = &self.engine.keys;
        // A version has those of its modules, too.
        let own = secrets
            .into_iter()
            .filter(|(name, _)| of_module(name).is_none());
        let secrets = own.map(|(name, sealed)| {
            let given = owner.open(keys, &name, &sealed).ok();
            let info = given.map(|given| owner.tell(keys, name.clone(), &given));
            (name, info)
        });
        Ok(Some(Content {
            is_component: kind == Kind::Component,
            code,
            dependencies,
            modules,
            runtime,
            egress,
            limits,
            secrets: secrets.collect(),
            digest: digest.map(Digest::from_bytes),
        }))
    }
}

/// What can be deployed.
struct Deployable {
    source: [u8; 32],
    digest: [u8; 32],
    definition: String,
    built_at: Time,
    expected: Expected,
    secrets: Secrets,
    /// Those of its modules.
    of_modules: Secrets,
    /// Whether the draft becomes the same, and what its owner should know then.
    draft_follows: bool,
    notes: String,
}

/// A new id: a UUID of version 4.
pub(crate) fn new_id() -> [u8; 16] {
    Uuid::new_v4().into_bytes()
}

/// The id of an action, a version, a binding or an execution, as Auth0 writes it.
pub fn show_id(id: [u8; 16]) -> String {
    Uuid::from_bytes(id).to_string()
}

/// What [`show_id`] wrote.
pub fn read_id(text: &str) -> Option<[u8; 16]> {
    let id = Uuid::try_parse(text).ok()?;
    (id.as_hyphenated().to_string() == text).then(|| id.into_bytes())
}

fn check_name(name: &str) -> Result<(), CannotManage> {
    let length = name.chars().count();
    let is_free = !name.starts_with(RESERVED);
    if (1..=NAME).contains(&length) && !name.chars().any(hides) && is_free {
        return Ok(());
    }
    Err(CannotManage::Invalid(format!(
        "The name of an action has 1 to {NAME} characters, none that cannot be seen, and does not begin with {RESERVED}"
    )))
}

/// The secrets that a draft is to have. An error tells one by its number: its name may be a value that stands in the wrong place.
fn changed_secrets(
    had: &[(String, Given)],
    secrets: &[SecretChange],
    modes: &BTreeMap<String, SecretMode>,
) -> Result<Vec<(String, Given)>, CannotManage> {
    let invalid = |fault: String| Err(CannotManage::Invalid(fault));
    if secrets.len() > SECRETS {
        return invalid(format!("There are at most {SECRETS} secrets"));
    }
    let mut changed = BTreeMap::new();
    for (index, SecretChange { name, value }) in secrets.iter().enumerate() {
        let number = index + 1;
        let before = had.iter().find(|(other, _)| other == name);
        let given = match (value, before) {
            (Some(value), before) => {
                let before = before.map(|(_, given)| given);
                let secret = new_secret(value, before, modes.get(name));
                if let Err(error) = secret::check(name, &secret) {
                    let hint = error.hint();
                    return invalid(format!("secrets: number {number}: {error}; {hint}"));
                }
                Given::now(secret)
            }
            (None, Some((_, before))) => {
                check_mode(name, before, modes.get(name))?;
                before.clone()
            }
            (None, None) => return invalid(format!("secrets: number {number} has no value")),
        };
        if changed.insert(name.clone(), given).is_some() {
            return invalid(format!("secrets: number {number} is there twice"));
        }
    }
    if modes.keys().any(|name| !changed.contains_key(name)) {
        return Err(no_secret());
    }
    Ok(changed.into_iter().collect())
}

/// A secret whose value was given just now. How the action has it is said, or was said before, or is the safe way. What is too
/// short to be sealed would keep nobody out, and may be an identifier.
fn new_secret(value: &Sensitive, before: Option<&Given>, said: Option<&SecretMode>) -> Secret {
    let is_short = |value: &Sensitive| value.reveal().len() < SHORTEST;
    let before = before.map(|given| &given.secret);
    let chosen_before = before
        .filter(|secret| !is_short(secret.value()))
        .map_or(Mode::Sealed, Secret::mode);
    let usual = if is_short(value) {
        Mode::Revealed
    } else {
        chosen_before
    };
    let secret =
        Secret::new(value.clone()).with_mode(said.and_then(|said| said.mode).unwrap_or(usual));
    match said.and_then(|said| said.origins.clone()) {
        Some(origins) => secret.bound_to(origins),
        None => secret,
    }
}

/// [`check_mode`] for all that there are.
fn check_modes(
    had: &[(String, Given)],
    modes: &BTreeMap<String, SecretMode>,
) -> Result<(), CannotManage> {
    for (name, said) in modes {
        let given = had.iter().find(|(other, _)| other == name);
        let (_, given) = given.ok_or_else(no_secret)?;
        check_mode(name, given, Some(said))?;
    }
    Ok(())
}

/// Refuses to change how an action has a secret, for somebody who did not give its value.
fn check_mode(name: &str, given: &Given, said: Option<&SecretMode>) -> Result<(), CannotManage> {
    let secret = &given.secret;
    let same = said.is_none_or(|SecretMode { mode, origins }| {
        mode.is_none_or(|mode| mode == secret.mode())
            && origins
                .as_deref()
                .is_none_or(|origins| Some(origins) == secret.origins())
    });
    if same {
        return Ok(());
    }
    Err(CannotManage::Invalid(format!(
        "phonebox.secrets: to change how the action has {name}, or where it may go, send its value again in `secrets`"
    )))
}

fn no_secret() -> CannotManage {
    CannotManage::Invalid("phonebox.secrets names a secret that there is not".to_owned())
}
