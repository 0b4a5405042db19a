//! Modules: code that actions share, with secrets of its own. What is worked on is a draft; published, it is a version, which
//! stays as it is. An action names versions, and has them as they were when it was built: it is its own artifact, and what is
//! published later changes nothing about what is deployed.
//!
//! The secrets of a module's version become the action's when that is deployed, under names that no secret of an action's own
//! can have. Those of which nobody has said where they may go are bound then, wherever the same value is kept: an action that
//! is deployed later cannot have them sent elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use phonebox_componentize::javascript::{self, MODULES, is_module_name, module_secret, of_module};
use phonebox_store::{
    ChangeModule, ChangedModule, CreateModule, Created, Module, ModuleUse, ModuleVersion, Place,
    PublishModule, Published, Removed, Sealed,
};
use serde::{Deserialize, Serialize};

use super::definition::{Definition, check_dependencies};
use super::{
    CannotManage, Dependency, SecretChange, SecretMode, Secrets, changed_secrets, check_modes,
    new_id, read_id, show_id,
};
use crate::delivery::Engine;
use crate::secret::{Given, Owner, SecretInfo};
use crate::tenant::Tenant;

/// Modules of a tenant, as in Auth0.
const MODULES_OF_TENANT: u32 = 100;
/// Versions of a module, as in Auth0.
const VERSIONS: u32 = 50;
/// Longest source, in characters, as in Auth0.
const CODE: usize = 65_536;

/// How a module is to be. What is not said stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ModuleChange {
    /// Its source.
    pub code: Option<String>,
    /// The packages of npm that it asks for.
    pub dependencies: Option<Vec<Dependency>>,
    /// All of its secrets.
    pub secrets: Option<Vec<SecretChange>>,
    /// How those who have it have its secrets, by name. Who changes that has to have the value.
    pub modes: BTreeMap<String, SecretMode>,
}

/// A module, and its latest version.
#[derive(Clone, Debug)]
pub struct ManagedModule {
    /// What is worked on.
    pub module: Module,
    /// The packages of npm that it asks for.
    pub dependencies: Vec<Dependency>,
    /// Its secrets by name; none of one that cannot be decrypted.
    pub secrets: Vec<(String, Option<SecretInfo>)>,
    /// Its latest version.
    pub latest: Option<ManagedModuleVersion>,
    /// How many deployed actions have one of its versions.
    pub uses: usize,
}

/// A module's version.
#[derive(Clone, Debug)]
pub struct ManagedModuleVersion {
    /// What is kept of it.
    pub version: ModuleVersion,
    /// The packages of npm that it asks for.
    pub dependencies: Vec<Dependency>,
    /// Its secrets by name; none of one that cannot be decrypted.
    pub secrets: Vec<(String, Option<SecretInfo>)>,
}

/// Names a module's version: by its id, or by its number and the module's id or name. What else is said has to be so.
#[derive(Clone, Debug, Default)]
pub struct ModuleRef {
    /// The module's id.
    pub module_id: Option<String>,
    /// The module's name.
    pub module_name: Option<String>,
    /// The version's id.
    pub version_id: Option<String>,
    /// The version's number.
    pub version_number: Option<u32>,
}

/// A module's version that an action has. It may be gone by now, and its module too.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BoundModule {
    /// The module's id.
    pub module_id: String,
    /// What the module is called.
    pub module_name: String,
    /// The version's id.
    pub version_id: String,
    /// The version's number.
    pub version_number: u32,
}

/// What there is to a module beside its code and its secrets. Kept as JSON.
#[derive(Default, Deserialize, Serialize)]
struct ModuleDefinition {
    dependencies: Vec<Dependency>,
}

/// A module as an action is built with it.
pub(super) struct Built {
    pub(super) module: javascript::Module,
    pub(super) dependencies: Vec<Dependency>,
    /// By the names that they have in the action.
    pub(super) secrets: Secrets,
}

impl ModuleDefinition {
    fn read(text: &str) -> Self {
        // It was written here.
        serde_json::from_str(text).unwrap_or_default()
    }

    fn write(&self) -> String {
        serde_json::to_string(self).expect("every key of it is a string")
    }
}

impl Engine {
    /// The modules that a draft names.
    pub(super) async fn modules(
        &self,
        tenant: &str,
        definition: &Definition,
    ) -> Result<Vec<Built>, CannotManage> {
        let mut modules = Vec::new();
        for bound in &definition.modules {
            let id = read_id(&bound.version_id).unwrap_or_default();
            let version = self.store.module_version(tenant, id).await?;
            let version = version.ok_or(CannotManage::MissingModuleVersion)?;
            let held = self.store.held_secrets(tenant, id).await?;
            let secrets = Owner::holding(tenant, id).open_all(&self.keys, &held)?;
            let secrets = secrets.into_iter();
            modules.push(Built {
                dependencies: ModuleDefinition::read(&version.definition).dependencies,
                secrets: secrets
                    .map(|(name, given)| (module_secret(&version.name, &name), given))
                    .collect(),
                module: javascript::Module {
                    name: version.name,
                    code: version.code,
                },
            });
        }
        Ok(modules)
    }
}

impl Tenant {
    /// Makes a module, which is not published yet.
    pub async fn create_module(
        &self,
        name: String,
        change: ModuleChange,
    ) -> Result<ManagedModule, CannotManage> {
        if !is_module_name(&name) {
            return Err(CannotManage::Invalid(
                "The name of a module has 1 to 255 characters, and none that cannot be seen"
                    .to_owned(),
            ));
        }
        let given = change.secrets.as_deref().unwrap_or_default();
        let secrets = changed_secrets(&[], given, &change.modes)?;
        let (code, definition) = changed(String::new(), ModuleDefinition::default(), &change)?;
        let id = new_id();
        let create = CreateModule {
            id,
            name,
            code,
            definition: definition.write(),
            secrets: Owner::holding(&self.name, id).seal_all(&self.engine.keys, &secrets),
            most: MODULES_OF_TENANT,
        };
        match self.engine.store.create_module(&self.name, create).await? {
            Created::Yes(module) => self.managed_of_module(*module).await,
            Created::TooMany => Err(CannotManage::TooManyModules),
            Created::NameTaken => Err(CannotManage::ModuleNameTaken),
        }
    }

    /// Its modules, by name.
    pub async fn modules(&self) -> Result<Vec<Module>, CannotManage> {
        Ok(self.engine.store.modules(&self.name).await?)
    }

    /// A module.
    pub async fn managed_module(&self, id: &str) -> Result<ManagedModule, CannotManage> {
        let module = self.module(id).await?;
        self.managed_of_module(module).await
    }

    /// Changes a module's draft.
    pub async fn change_module(
        &self,
        id: &str,
        change: ModuleChange,
    ) -> Result<ManagedModule, CannotManage> {
        let Engine { store, keys, .. } = &*self.engine;
        loop {
            let is = self.module(id).await?;
            let owner = Owner::holding(&self.name, is.id);
            let were = store.held_secrets(&self.name, is.id).await?;
            let secrets = if let Some(secrets) = &change.secrets {
                // What cannot be decrypted can be given anew.
                let open = |(name, sealed): &(String, Vec<u8>)| {
                    Some((name.clone(), owner.open(keys, name, sealed).ok()?))
                };
                let had: Vec<_> = were.iter().filter_map(open).collect();
                owner.seal_all(keys, &changed_secrets(&had, secrets, &change.modes)?)
            } else {
                check_modes(&owner.open_all(keys, &were)?, &change.modes)?;
                were.clone()
            };
            let definition = ModuleDefinition::read(&is.definition);
            let (code, definition) = changed(is.code.clone(), definition, &change)?;
            let changed = ChangeModule {
                revision: is.revision,
                were,
                code,
                definition: definition.write(),
                secrets,
                same_as: None,
            };
            if let Some(module) = self.put_module(is.id, changed).await? {
                return self.managed_of_module(module).await;
            }
        }
    }

    /// Removes a module with its versions. One that an action's draft has, or what is deployed of it, stays.
    pub async fn remove_module(&self, id: &str) -> Result<(), CannotManage> {
        let id = read_id(id).ok_or(CannotManage::MissingModule)?;
        match self.engine.store.remove_module(&self.name, id).await? {
            Removed::Yes(_) => Ok(()),
            Removed::InUse => Err(CannotManage::ModuleInUse),
            Removed::Missing => Err(CannotManage::MissingModule),
        }
    }

    /// Publishes a module's draft as its next version, with the draft's secrets.
    pub async fn publish_module(&self, id: &str) -> Result<ManagedModuleVersion, CannotManage> {
        let Engine { store, keys, .. } = &*self.engine;
        loop {
            let module = self.module(id).await?;
            let were = store.held_secrets(&self.name, module.id).await?;
            let secrets = Owner::holding(&self.name, module.id).open_all(keys, &were)?;
            let version = new_id();
            let publish = PublishModule {
                id: version,
                revision: module.revision,
                were,
                secrets: Owner::holding(&self.name, version).seal_all(keys, &secrets),
                most: VERSIONS,
            };
            match store.publish_module(&self.name, module.id, publish).await? {
                Published::Yes(version) => return self.managed_of_version(*version).await,
                Published::Nothing => return Err(CannotManage::NothingToPublish),
                Published::TooMany => return Err(CannotManage::TooManyModuleVersions),
                Published::Meanwhile => {}
                Published::Missing => return Err(CannotManage::MissingModule),
            }
        }
    }

    /// A module's versions, the latest first.
    pub async fn module_versions(&self, id: &str) -> Result<Vec<ModuleVersion>, CannotManage> {
        let module = self.module(id).await?;
        let store = &self.engine.store;
        Ok(store.module_versions(&self.name, module.id).await?)
    }

    /// One of a module's versions.
    pub async fn managed_module_version(
        &self,
        id: &str,
        version: &str,
    ) -> Result<ManagedModuleVersion, CannotManage> {
        let module = self.module(id).await?;
        let version = self.version_of_module(&module, version).await?;
        self.managed_of_version(version).await
    }

    /// Makes a module's draft what one of its versions is, with the secrets that it had.
    pub async fn roll_back_module(
        &self,
        id: &str,
        version: &str,
    ) -> Result<ManagedModule, CannotManage> {
        let Engine { store, keys, .. } = &*self.engine;
        loop {
            let module = self.module(id).await?;
            let version = self.version_of_module(&module, version).await?;
            if module.same_as == Some(version.number) {
                return Err(CannotManage::AlreadyCurrent);
            }
            let held = store.held_secrets(&self.name, version.id).await?;
            let secrets = Owner::holding(&self.name, version.id).open_all(keys, &held)?;
            let back = ChangeModule {
                revision: module.revision,
                were: store.held_secrets(&self.name, module.id).await?,
                code: version.code,
                definition: version.definition,
                secrets: Owner::holding(&self.name, module.id).seal_all(keys, &secrets),
                same_as: Some(version.number),
            };
            if let Some(module) = self.put_module(module.id, back).await? {
                return self.managed_of_module(module).await;
            }
        }
    }

    /// Which deployed actions have a module, by name.
    pub async fn module_uses(&self, id: &str) -> Result<Vec<ModuleUse>, CannotManage> {
        let module = self.module(id).await?;
        Ok(self.engine.store.module_uses(&self.name, module.id).await?)
    }

    /// All of a module.
    pub async fn managed_of_module(&self, module: Module) -> Result<ManagedModule, CannotManage> {
        let store = &self.engine.store;
        let versions = store.module_versions(&self.name, module.id).await?;
        let latest = match versions.into_iter().next() {
            Some(latest) => Some(self.managed_of_version(latest).await?),
            None => None,
        };
        let uses = store.module_uses(&self.name, module.id).await?;
        Ok(ManagedModule {
            dependencies: ModuleDefinition::read(&module.definition).dependencies,
            secrets: self.held(module.id).await?,
            latest,
            uses: uses.len(),
            module,
        })
    }

    /// All of a module's version.
    pub async fn managed_of_version(
        &self,
        version: ModuleVersion,
    ) -> Result<ManagedModuleVersion, CannotManage> {
        Ok(ManagedModuleVersion {
            dependencies: ModuleDefinition::read(&version.definition).dependencies,
            secrets: self.held(version.id).await?,
            version,
        })
    }

    /// The versions that an action is to have.
    pub(super) async fn bind_modules(
        &self,
        refs: &[ModuleRef],
    ) -> Result<Vec<BoundModule>, CannotManage> {
        let invalid = |fault: String| Err(CannotManage::Invalid(fault));
        if refs.len() > MODULES {
            return invalid(format!("modules: an action has at most {MODULES} modules"));
        }
        let (store, mut bound) = (&self.engine.store, Vec::new());
        let mut names = BTreeSet::new();
        for (index, wanted) in refs.iter().enumerate() {
            let number = index + 1;
            let version = if let Some(id) = &wanted.version_id {
                match read_id(id) {
                    Some(id) => store.module_version(&self.name, id).await?,
                    None => None,
                }
            } else {
                let modules = store.modules(&self.name).await?;
                let module = modules.into_iter().find(|module| wanted.is_of(module));
                match module {
                    Some(module) => {
                        let versions = store.module_versions(&self.name, module.id).await?;
                        let is_it =
                            |version: &ModuleVersion| Some(version.number) == wanted.version_number;
                        versions.into_iter().find(is_it)
                    }
                    None => None,
                }
            };
            let Some(version) = version.filter(|version| wanted.agrees(version)) else {
                return invalid(format!(
                    "modules: number {number} is no published version of a module: name one by module_version_id, or by \
                     module_version_number and module_id or module_name"
                ));
            };
            if !names.insert(version.module) {
                return invalid(format!("modules: number {number} is there twice"));
            }
            bound.push(BoundModule {
                module_id: show_id(version.module),
                module_name: version.name,
                version_id: show_id(version.id),
                version_number: version.number,
            });
        }
        Ok(bound)
    }

    /// Has the secrets of modules that are bound to origins from now on be bound to them wherever the same value is kept: in
    /// the module's draft and in all of its versions.
    pub(super) async fn keep_bound(
        &self,
        modules: &[BoundModule],
        were: &[(String, Given)],
        are: &[(String, Given)],
    ) -> Result<(), CannotManage> {
        let Engine { store, keys, .. } = &*self.engine;
        let newly_bound: Vec<_> = were
            .iter()
            .filter(|(_, was)| was.secret.origins().is_none())
            .filter_map(|(name, _)| are.iter().find(|(other, _)| other == name))
            .filter(|(_, is)| is.secret.origins().is_some())
            .filter_map(|(name, is)| Some((of_module(name)?, is)))
            .collect();
        let mut texts = Vec::new();
        for module in modules {
            let newly_bound: Vec<_> = newly_bound
                .iter()
                .filter(|((of, _), _)| *of == module.module_name)
                .collect();
            let Some(id) = read_id(&module.module_id).filter(|_| !newly_bound.is_empty()) else {
                continue;
            };
            let versions = store.module_versions(&self.name, id).await?;
            for holder in versions.iter().map(|version| version.id).chain([id]) {
                let owner = Owner::holding(&self.name, holder);
                for (name, text) in store.held_secrets(&self.name, holder).await? {
                    let bound = newly_bound.iter().find(|((_, other), _)| *other == name);
                    let Some((_, bound)) = bound else { continue };
                    let held = owner.open(keys, &name, &text)?;
                    let is_same = held.at == bound.at
                        && held.secret.value().reveal() == bound.secret.value().reveal();
                    if is_same && held.secret.origins().is_none() {
                        let sealed = owner.seal(keys, &name, bound);
                        let tenant = self.name.to_string();
                        let place = Place::HeldSecret {
                            tenant,
                            holder,
                            name,
                        };
                        texts.push((Sealed { place, text }, sealed));
                    }
                }
            }
        }
        store.reseal(texts).await?;
        Ok(())
    }

    /// None where it was changed meanwhile.
    async fn put_module(
        &self,
        id: [u8; 16],
        change: ChangeModule,
    ) -> Result<Option<Module>, CannotManage> {
        let store = &self.engine.store;
        match store.change_module(&self.name, id, change).await? {
            ChangedModule::Yes(module) => Ok(Some(*module)),
            ChangedModule::Meanwhile => Ok(None),
            ChangedModule::Missing => Err(CannotManage::MissingModule),
        }
    }

    async fn module(&self, id: &str) -> Result<Module, CannotManage> {
        let id = read_id(id).ok_or(CannotManage::MissingModule)?;
        let module = self.engine.store.module(&self.name, id).await?;
        module.ok_or(CannotManage::MissingModule)
    }

    async fn version_of_module(
        &self,
        module: &Module,
        id: &str,
    ) -> Result<ModuleVersion, CannotManage> {
        let id = read_id(id).ok_or(CannotManage::MissingModuleVersion)?;
        let version = self.engine.store.module_version(&self.name, id).await?;
        let version = version.filter(|version| version.module == module.id);
        version.ok_or(CannotManage::MissingModuleVersion)
    }

    /// What is told of the secrets that something holds.
    async fn held(
        &self,
        holder: [u8; 16],
    ) -> Result<Vec<(String, Option<SecretInfo>)>, CannotManage> {
        let Engine { store, keys, .. } = &*self.engine;
        let owner = Owner::holding(&self.name, holder);
        let held = store.held_secrets(&self.name, holder).await?;
        let tell = |(name, sealed): (String, Vec<u8>)| {
            let given = owner.open(keys, &name, &sealed).ok();
            let info = given.map(|given| owner.tell(keys, name.clone(), &given));
            (name, info)
        };
        Ok(held.into_iter().map(tell).collect())
    }
}

impl ModuleRef {
    fn is_of(&self, module: &Module) -> bool {
        let Self {
            module_id,
            module_name,
            ..
        } = self;
        (module_id.is_some() || module_name.is_some())
            && module_id
                .as_ref()
                .is_none_or(|id| read_id(id) == Some(module.id))
            && module_name.as_ref().is_none_or(|name| *name == module.name)
    }

    fn agrees(&self, version: &ModuleVersion) -> bool {
        let Self {
            module_id,
            module_name,
            version_number,
            ..
        } = self;
        module_id
            .as_ref()
            .is_none_or(|id| read_id(id) == Some(version.module))
            && module_name
                .as_ref()
                .is_none_or(|name| *name == version.name)
            && version_number.is_none_or(|number| number == version.number)
    }
}

fn changed(
    mut code: String,
    mut definition: ModuleDefinition,
    change: &ModuleChange,
) -> Result<(String, ModuleDefinition), CannotManage> {
    if let Some(anew) = &change.code {
        let length = anew.chars().count();
        if length > CODE || anew.contains('\0') {
            return Err(CannotManage::Invalid(format!(
                "The code of a module has at most {CODE} characters, and no NUL; this has {length}"
            )));
        }
        code.clone_from(anew);
    }
    if let Some(dependencies) = &change.dependencies {
        check_dependencies(dependencies)?;
        definition.dependencies.clone_from(dependencies);
    }
    Ok((code, definition))
}
