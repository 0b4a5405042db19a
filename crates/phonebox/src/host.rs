use std::sync::Arc;

use phonebox_componentize::javascript;
use phonebox_contract::{Event, Fault, NotificationId};
use phonebox_egress::{Auth, Block, Egress};
use phonebox_runtime::{
    ActionCache, Capabilities, CompiledCache, Config, LoadError, LoadedAction, Mode, Occupancy,
    Origin, Report, Run, RunError, Runtime, Secret, Secrets, StartError,
};

use crate::action::Action;
use crate::manifest::Manifest;

/// A process's host of actions. Cheap to clone.
#[derive(Clone)]
pub struct Phonebox {
    runtime: Runtime,
    egress: Egress,
}

/// Settles how a [`Phonebox`] is to be.
#[derive(Default)]
pub struct Builder {
    runtime: Config,
    compiled: Option<CompiledCache>,
    egress: Option<Egress>,
}

/// An action deployed for a tenant. Cheap to clone; its runs share a cache and connections.
#[derive(Clone)]
pub struct Deployment {
    action: Action,
    loaded: LoadedAction,
    capabilities: Capabilities,
}

/// Why an action cannot be deployed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A secret that the manifest asks for has no value.
    #[error("the action needs the secret {}, which has no value", .name)]
    MissingSecret {
        /// Which.
        name: String,
        /// A secret that was given, that the manifest does not know, and that is spelt much like it.
        nearest: Option<String>,
    },
    /// A secret was given that the manifest does not know.
    #[error("the action has no secret {}", .name)]
    UnknownSecret {
        /// Which.
        name: String,
        /// The secret of the manifest that is spelt much like it.
        nearest: Option<String>,
    },
}

impl DeployError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Load(error) => error.hint(),
            Self::MissingSecret {
                nearest: Some(nearest),
                name,
            } => Some(format!("there is a value for {nearest}; is {name} meant?")),
            Self::MissingSecret { nearest: None, .. } => {
                Some("give it a value, or say optional = true in action.toml".to_owned())
            }
            Self::UnknownSecret {
                nearest: Some(nearest),
                ..
            } => Some(format!("did you mean {nearest}?")),
            Self::UnknownSecret {
                nearest: None,
                name,
            } => Some(format!(
                "add [secrets.{name}] to action.toml, or leave the value out"
            )),
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Load(error) => error.fault(),
            Self::MissingSecret { .. } | Self::UnknownSecret { .. } => Fault::Action,
        }
    }
}

impl Phonebox {
    /// Begins with the defaults: nothing kept on disk, and a way out to public addresses only.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Loads an action for a tenant. Its secrets must be those that its manifest asks for. Compiles where nothing is kept of
    /// an earlier time, which blocks for some tenths of a second.
    pub fn deploy(
        &self,
        tenant: &str,
        action: &Action,
        secrets: Secrets,
    ) -> Result<Deployment, DeployError> {
        check_secrets(action.manifest(), &secrets)?;
        let loaded = action.load(&self.runtime, tenant)?;
        let policy = Arc::new(action.manifest().policy());
        let capabilities = Capabilities {
            secrets: Arc::new(secrets),
            cache: Arc::new(ActionCache::default()),
            outbound: self.egress.outbound(tenant, policy),
            share: self.runtime.share(tenant),
        };
        Ok(Deployment {
            action: action.clone(),
            loaded,
            capabilities,
        })
    }
}

impl Phonebox {
    /// Stops requests at once, those under way too, until [`Phonebox::unblock`]: of all actions, of a tenant's, or to an
    /// origin. For incidents.
    pub fn block(&self, block: Block) {
        self.egress.block(block);
    }

    /// Lifts a block.
    pub fn unblock(&self, block: &Block) {
        self.egress.unblock(block);
    }

    pub(crate) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// How busy this process is.
    pub fn occupancy(&self) -> Occupancy {
        self.runtime.occupancy()
    }
}

impl Builder {
    /// The engine's settings.
    #[must_use]
    pub fn runtime(mut self, config: Config) -> Self {
        self.runtime = config;
        self
    }

    /// Where compiled code is kept.
    #[must_use]
    pub fn compiled(mut self, cache: CompiledCache) -> Self {
        self.compiled = Some(cache);
        self
    }

    /// The way out, with the operator's ceiling.
    #[must_use]
    pub fn egress(mut self, egress: Egress) -> Self {
        self.egress = Some(egress);
        self
    }

    /// Starts the engine.
    pub fn build(self) -> Result<Phonebox, StartError> {
        let runtime = Runtime::new(&self.runtime, self.compiled)?;
        let default = || Egress::builder().build().expect("the defaults are valid");
        Ok(Phonebox {
            runtime,
            egress: self.egress.unwrap_or_else(default),
        })
    }
}

impl Deployment {
    /// The action.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// Whether its compiled code was there already.
    pub fn origin(&self) -> Origin {
        self.loaded.origin()
    }

    /// The names and values that it runs with.
    pub fn secrets(&self) -> &Secrets {
        &self.capabilities.secrets
    }

    /// What its owner should know: that it will not work as its secrets are, say.
    pub fn notes(&self) -> Vec<String> {
        let manifest = self.action.manifest();
        let secrets = &self.capabilities.secrets;
        let sealed = manifest.secrets.iter().filter(|(name, spec)| {
            let mode = secrets.get(name).map(Secret::mode);
            spec.reveal && mode == Some(Mode::Sealed)
        });
        let sealed = sealed.map(|(name, _)| {
            format!(
                "the action asks for the value of {name}, which is sealed: it will get what stands for it. Set it again as \
                 revealed, if its code may have the value"
            )
        });
        let unbound = manifest.egress.iter().flat_map(|rule| {
            let names = rule.auth().into_iter().flat_map(Auth::secrets);
            names.filter_map(|name| {
                let origins = secrets.get(name)?.origins()?;
                let bound = origins.contains(rule.origins());
                (!bound).then(|| {
                    format!(
                        "the rule for {} signs with {name}, which may not be sent there. Set it again, with that origin \
                         among its own",
                        rule.origin()
                    )
                })
            })
        });
        let unset = self.action.source().secrets;
        let unset = unset
            .into_iter()
            .filter(|(name, _)| secrets.get(name).is_none());
        let unset = unset.map(|(name, at)| {
            let reads = match javascript::of_module(&name) {
                Some((_, name)) => format!("the module reads actions.secrets.{name}"),
                None => format!("the source reads event.secrets.{name}"),
            };
            format!("{reads} ({at}), and no such secret is set")
        });
        let notes = self.action.notes().into_iter();
        notes.chain(unset).chain(sealed).chain(unbound).collect()
    }

    /// Runs the action once. `id` stays the same over all attempts of one notification; `attempt` counts them from 1.
    /// Secrets that its manifest calls optional are not told as missing.
    pub async fn attempt(&self, event: Arc<Event>, id: NotificationId, attempt: u32) -> Report {
        let manifest = self.action.manifest();
        let run = Run {
            id,
            attempt,
            event,
            limits: manifest.limits,
        };
        let mut report = self.loaded.run(run, &self.capabilities).await;
        let is_optional =
            |name: &String| manifest.secrets.get(name).is_some_and(|spec| spec.optional);
        report.missing_secrets.retain(|name| !is_optional(name));
        lead_back(&mut report, &self.action);
        report
    }
}

/// Has a report name places in the files of a bundle's author.
fn lead_back(report: &mut Report, action: &Action) {
    let log = report.log.iter_mut().map(|line| &mut line.message);
    let error = match &mut report.result {
        Err(RunError::Returned { message }) => Some(message),
        Err(RunError::CpuExceeded { place, .. }) => place.as_mut(),
        _ => None,
    };
    let mut texts = log
        .chain(error)
        .filter(|text| text.contains("action.js:"))
        .peekable();
    if texts.peek().is_some()
        && let Some(map) = action.map()
    {
        for text in texts {
            *text = map.rewrite(text);
        }
    }
}

fn check_secrets(manifest: &Manifest, given: &Secrets) -> Result<(), DeployError> {
    let unknown = || given.names().filter(|name| !manifest.takes_secret(name));
    let missing = || {
        let needed = manifest.secrets.iter().filter(|(_, spec)| !spec.optional);
        needed
            .map(|(name, _)| name.as_str())
            .filter(|name| given.get(name).is_none())
    };
    if let Some(name) = missing().next() {
        let nearest = nearest(name, unknown());
        return Err(DeployError::MissingSecret {
            name: name.to_owned(),
            nearest,
        });
    }
    if let Some(name) = unknown().next() {
        let nearest = nearest(name, manifest.secrets.keys().map(String::as_str));
        return Err(DeployError::UnknownSecret {
            name: name.to_owned(),
            nearest,
        });
    }
    Ok(())
}

fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let alike = names.map(|other| (strsim::jaro_winkler(name, other), other));
    let best = alike.max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(alike, _)| *alike > 0.8)
        .map(|(_, name)| name.to_owned())
}
