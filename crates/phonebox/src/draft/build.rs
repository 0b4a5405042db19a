//! Drafts become components, one after the other, beside the deliveries.

use std::sync::Arc;
use std::time::Duration;

use phonebox_contract::{BuildError, Fault};
use phonebox_runtime::LoadError;
use phonebox_store::{Build, Ended, StoreError, ToBuild};
use tokio::time::sleep;

use super::definition::{Definition, Kind};
use super::module::Built;
use super::{CannotManage, Secrets};
use crate::action::{Action, InvalidAction, JavascriptOptions};
use crate::delivery::{Engine, Phase, reached};
use crate::host::{DeployError, Phonebox};
use crate::manifest::{Manifest, TRIGGER};
use crate::secret::{self, Given, Owner};
use crate::tenant::Tenant;

/// Drafts that are built at once.
pub(crate) const AT_ONCE: usize = 2;
/// How long at the most until the store is looked at, though nobody said that there is something.
const LOOK: Duration = Duration::from_secs(1);
/// How long building one may take before it is taken for abandoned. Longer than the compiler has.
const LEASE: Duration = Duration::from_mins(3);
/// How often building one is begun with: what ends its process is not tried for ever.
const BUILDS: u32 = 5;
/// How long is waited before it is begun with again.
const AGAIN: Duration = Duration::from_secs(2);
/// The id of the error of a package that the engine does not have.
const NO_PACKAGE: &str = "dependency_not_available";

impl Engine {
    /// Builds what is to be built, until it is shut down.
    pub(crate) async fn build_drafts(self: Arc<Self>) {
        let mut phase = self.phase.subscribe();
        loop {
            let building = async {
                let wait = self.build_next().await.unwrap_or_else(|error| {
                    tracing::error!(%error, "no draft can be built");
                    LOOK
                });
                tokio::select! {
                    () = sleep(wait) => {}
                    () = self.drafts.notified() => {}
                }
            };
            tokio::select! {
                () = building => {}
                () = reached(&mut phase, Phase::Draining) => return,
            }
        }
    }

    /// Gives how long there is nothing to do, if nobody says otherwise.
    async fn build_next(self: &Arc<Self>) -> Result<Duration, StoreError> {
        let Some(due) = self.store.next_build().await? else {
            return Ok(LOOK);
        };
        let wait = due.since(self.store.now().await?);
        if !wait.is_zero() {
            return Ok(wait.min(LOOK));
        }
        let Some(work) = self.store.claim_build(LEASE).await? else {
            return Ok(Duration::ZERO);
        };
        let ToBuild {
            tenant, id, draft, ..
        } = &work;
        if let Build::Built { .. } = draft.build {
            let deployed = Tenant::new(self.clone(), tenant)
                .deploy_built(*id, Some(draft.revision))
                .await;
            match deployed {
                Err(CannotManage::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::warn!(tenant, %error, "a draft that was to be deployed cannot be");
                    self.store
                        .deploy_no_more(tenant, *id, draft.revision)
                        .await?;
                }
                Ok(_) => {}
            }
        } else {
            let ended = self.build(&work).await?;
            if let Ended::Failed(errors) = &ended {
                tracing::info!(tenant, errors, "a draft cannot be built");
            }
            self.store
                .end_build(tenant, *id, draft.revision, ended)
                .await?;
        }
        Ok(Duration::ZERO)
    }

    async fn build(&self, work: &ToBuild) -> Result<Ended, StoreError> {
        let ToBuild {
            tenant, id, draft, ..
        } = work;
        if work.begun > BUILDS {
            let what = format!("building it was begun with {BUILDS} times and never ended");
            let hint = Some("make it smaller, or tell the operator");
            return Ok(failed(&[told("abandoned", &what, hint)]));
        }
        let Some(source) = self.store.component(tenant, draft.source).await? else {
            // There is another draft by now.
            return Ok(Ended::Again(Duration::ZERO));
        };
        let held = self.store.held_secrets(tenant, *id).await?;
        let secrets = match Owner::holding(tenant, *id).open_all(&self.keys, &held) {
            Ok(secrets) => secrets,
            Err(error) => {
                let hint = error.hint();
                let error = told(error.kind(), &error.to_string(), hint.as_deref());
                return Ok(failed(&[error]));
            }
        };
        let definition = Definition::read(&draft.definition);
        let modules = match self.modules(tenant, &definition).await {
            Ok(modules) => modules,
            Err(CannotManage::Store(error)) => return Err(error),
            Err(error) => {
                let hint = Some("name published versions of modules that are there");
                return Ok(failed(&[told("module_missing", &error.to_string(), hint)]));
            }
        };
        let (phonebox, tenant) = (self.phonebox.clone(), tenant.clone());
        let begun = work.begun;
        let make = move || {
            build(
                &phonebox,
                &tenant,
                source,
                &definition,
                modules,
                secrets,
                begun,
            )
        };
        let ended = tokio::task::spawn_blocking(make).await;
        Ok(ended.unwrap_or(Ended::Again(AGAIN)))
    }
}

fn failed(errors: &[BuildError]) -> Ended {
    Ended::Failed(serde_json::to_string(errors).unwrap_or_default())
}

/// Makes a component of a draft and loads it, as deploying does. Where the platform is at fault it is tried again, but not for
/// ever; and once where a package is missing, for whoever watches a build has to see it go on, as at Auth0 (recorded traffic).
fn build(
    phonebox: &Phonebox,
    tenant: &str,
    source: Vec<u8>,
    definition: &Definition,
    modules: Vec<Built>,
    mut secrets: Secrets,
    begun: u32,
) -> Ended {
    let (action, has_manifest) = match make(source, definition, &modules, &secrets) {
        Ok(made) => made,
        Err(errors) if begun == 1 && errors.iter().any(|error| error.id == NO_PACKAGE) => {
            return Ended::Again(AGAIN);
        }
        Err(errors) => return failed(&errors),
    };
    let manifest = action.manifest();
    let mut notes = Vec::new();
    if has_manifest {
        let unknown = secrets
            .iter()
            .filter(|(name, _)| !manifest.takes_secret(name));
        notes.extend(unknown.map(|(name, _)| {
            format!("the action.toml in the component does not name the secret {name}, so the action does not get it")
        }));
        notes.extend(definition.egress.is_some().then(|| {
            "the action.toml in the component counts, and phonebox.egress does not".to_owned()
        }));
    }
    secrets.extend(modules.into_iter().flat_map(|built| built.secrets));
    let secrets = secret::asked_for(&secrets, manifest);
    match phonebox.deploy(tenant, &action, secrets) {
        Ok(deployment) => {
            notes.extend(deployment.notes());
            Ended::Built {
                digest: action.digest().to_bytes(),
                component: Some(action.component().to_vec()),
                notes: serde_json::to_string(&notes).unwrap_or_default(),
            }
        }
        Err(error) if error.fault() == Fault::Platform && begun < BUILDS => {
            tracing::warn!(tenant, %error, "a draft cannot be built now");
            Ended::Again(AGAIN)
        }
        Err(DeployError::Load(LoadError::Source(error))) => failed(&[error]),
        Err(error) => {
            let id = match &error {
                DeployError::Load(_) => "component_invalid",
                DeployError::MissingSecret { .. } | DeployError::UnknownSecret { .. } => {
                    "secret_missing"
                }
            };
            failed(&[told(id, &error.to_string(), error.hint().as_deref())])
        }
    }
}

/// The action that a draft describes, and whether its component came with a manifest.
fn make(
    source: Vec<u8>,
    definition: &Definition,
    modules: &[Built],
    secrets: &[(String, Given)],
) -> Result<(Action, bool), Vec<BuildError>> {
    let one = |id, what: String, hint: Option<&str>| vec![told(id, &what, hint)];
    let refused = |invalid: InvalidAction| match invalid {
        InvalidAction::Source(errors) => errors,
        other => one(
            "component_invalid",
            other.to_string(),
            other.hint().as_deref(),
        ),
    };
    let names = secrets.iter().map(|(name, _)| name.as_str());
    let egress = definition.egress.as_deref();
    if definition.kind == Kind::JavaScript {
        let source = String::from_utf8_lossy(&source);
        if source.is_empty() {
            return Err(one(
                "no_code",
                "there is no code".to_owned(),
                Some(
                    "send `code`, or a compiled component to the action's address with /module behind it",
                ),
            ));
        }
        let mut options = JavascriptOptions::new(TRIGGER);
        let rules = egress.unwrap_or_default().iter();
        // They were read when they came.
        options.egress = rules.filter_map(|rule| rule.clone().read().ok()).collect();
        // It has all that are set, unless a rule signs with some: those have to be named.
        if options.egress.iter().any(|rule| rule.auth().is_some()) {
            options.secrets = names.map(ToOwned::to_owned).collect();
        }
        let of_modules = modules.iter().flat_map(|built| &built.dependencies);
        let packages = definition.dependencies.iter().chain(of_modules);
        options.dependencies = packages.map(ToString::to_string).collect();
        let modules = modules.iter().map(|built| built.module.clone());
        options.modules = modules.collect();
        options.limits = definition.limits;
        let made = Action::from_javascript(&source, options);
        return made.map(|action| (action, false)).map_err(refused);
    }
    if !modules.is_empty() {
        return Err(one(
            "modules_of_component",
            "a component requires no modules".to_owned(),
            Some("take them out of `modules`; what it needs is compiled into it"),
        ));
    }
    let bare = match Action::from_component(source.clone()) {
        Err(InvalidAction::NoManifest) => source,
        made => return made.map(|action| (action, true)).map_err(refused),
    };
    let Some(egress) = egress else {
        return Err(one(
            "no_manifest",
            "the component has no action.toml in it, so nobody knows what it may reach".to_owned(),
            Some(
                "send `phonebox` with `egress`, as in {\"egress\":[{\"origin\":\"https://api.example.com\"}]}, or build it with \
                 `phonebox build`",
            ),
        ));
    };
    let manifest = Manifest::write(TRIGGER, egress, names, definition.limits);
    let made = Action::assemble(&bare, &manifest);
    made.map(|action| (action, false)).map_err(refused)
}

/// What is wrong, with what to do about it.
fn told(id: &str, what: &str, hint: Option<&str>) -> BuildError {
    let message = hint.map_or_else(|| what.to_owned(), |hint| format!("{what}: {hint}"));
    BuildError::new(id, message)
}
