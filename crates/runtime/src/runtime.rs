use std::fmt;
use std::hash::{Hash as _, Hasher};
use std::sync::{Arc, Mutex};

use phonebox_contract::world;
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::LoadError;
use crate::action::{LoadedAction, Origin, Program};
use crate::bindings::CustomPhoneProviderPre;
use crate::compiled::{self, CacheKey, CompiledCache};
use crate::host;
use crate::jail::Jail;
use crate::javascript::{self, Engine as Javascript, wait_for};
use crate::limits::{Limits, TICK};
use crate::sandbox::{State, lock};
use crate::shares::{Share, Shares, Tenant};

/// The stack of compiled code, in bytes. The JavaScript engine needs so much to notice a recursion without end by itself.
const WASM_STACK: usize = 1 << 20;
/// The stack that compiled code and the host functions it calls share, in bytes.
const ASYNC_STACK: usize = 2 << 20;
/// Core instances, memories and tables that one component may have.
const INSTANCES_PER_COMPONENT: u32 = 20;
const MEMORIES_PER_COMPONENT: u32 = 4;
const TABLES_PER_COMPONENT: u32 = 10;
/// What one place in the pool comes with. A component that needs more takes several places.
const INSTANCES_PER_PLACE: u32 = 6;
const MEMORIES_PER_PLACE: u32 = 1;
const TABLES_PER_PLACE: u32 = 2;

/// So much of each sandbox's memory, in bytes from 0, stays with the process. Scripts that bring large packages fit in it.
const KEPT: usize = 3 << 20;

/// The settings of a process's [`Runtime`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How many sandboxes there may be at once. A run beyond that waits. Each place reserves 4 GiB of address space, and
    /// no memory until it is used; then up to 3 MiB stay with the process, cleared for the next run. Default: 256.
    pub places: u32,
    /// How many of them one tenant may have at once. Its runs beyond that wait for its own. Default: 20.
    pub places_per_tenant: u32,
    /// Fuel for a run: a second line behind [`Limits::cpu`], which costs up to half of the speed of computing. Default: none,
    /// and fuel is not counted.
    pub fuel: Option<u64>,
    /// Where components are compiled. Default: in this process, which is for components of one's own. For those of
    /// others, a [`Jail`].
    pub jail: Option<Arc<Jail>>,
    /// The most memory that any run may have, in bytes; [`Limits::memory`] is cut to it. Default: 64 MiB.
    pub memory: usize,
}

/// Why a runtime cannot start.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine cannot start")]
pub struct StartError(#[source] wasmtime::Error);

/// A component's SHA-256. Printed as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; 32]);

/// A process's one engine, with its pool and its clock. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) engine: Engine,
    linker: Linker<State>,
    compiled: Option<CompiledCache>,
    /// The engine for JavaScript, once it was needed.
    javascript: Mutex<Option<Arc<Javascript>>>,
    jail: Option<Arc<Jail>>,
    shares: Shares,
    places: Semaphore,
    total_places: usize,
    pub(crate) fuel: Option<u64>,
    pub(crate) memory: usize,
    /// Identifies the engine's version and settings: code compiled under another one is compiled anew.
    engine_hash: u64,
}

impl Config {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            places: 256,
            places_per_tenant: 20,
            fuel: None,
            jail: None,
            memory: Limits::default().memory,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime {
    /// Starts the engine and its clock. Where the address space is too small for the pool (containers, `ulimit -v`), it
    /// makes do with fewer places and says so in the log.
    pub fn new(config: &Config, compiled: Option<CompiledCache>) -> Result<Self, StartError> {
        let mut places = config.places.max(1);
        let engine = loop {
            match Engine::new(&engine_config(config, places)) {
                Ok(engine) => break engine,
                Err(error) if places > 1 => {
                    tracing::warn!(
                        places,
                        error = format!("{error:#}"),
                        "no room for so many sandboxes"
                    );
                    places /= 4;
                    places = places.max(1);
                }
                Err(error) => return Err(StartError(error)),
            }
        };
        if places < config.places {
            tracing::warn!(
                places,
                wanted = config.places,
                "running with fewer sandboxes at once"
            );
        }
        tracing::info!(places, "the WebAssembly engine has started");
        let mut linker = Linker::new(&engine);
        host::link(&mut linker).map_err(StartError)?;
        start_clock(&engine);
        let mut hasher = StableHasher::default();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let shared = Shared {
            linker,
            compiled,
            javascript: Mutex::default(),
            jail: config.jail.clone(),
            shares: Shares::new(config.places_per_tenant),
            places: Semaphore::new(places as usize),
            total_places: places as usize,
            fuel: config.fuel,
            memory: config.memory,
            engine_hash: hasher.finish(),
            engine,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// What a tenant may have of this process. The same for the same name, as long as somebody holds it.
    pub fn share(&self, tenant: &str) -> Share {
        self.shared.shares.of(tenant)
    }

    /// Loads a tenant's component: from the cache of compiled code where it is there and authentic, otherwise by compiling
    /// it, which takes a core for some tenths of a second. Blocks; call it where that is allowed.
    pub fn load(&self, tenant: &str, component: &[u8]) -> Result<LoadedAction, LoadError> {
        self.load_digested(tenant, Digest::of(component), component)
    }

    /// [`Runtime::load`] for a component whose digest is known already.
    pub fn load_digested(
        &self,
        tenant: &str,
        digest: Digest,
        component: &[u8],
    ) -> Result<LoadedAction, LoadError> {
        let Shared {
            engine,
            compiled,
            engine_hash,
            ..
        } = &*self.shared;
        let key = CacheKey {
            digest,
            engine_hash: *engine_hash,
        };
        let kept = || compiled.as_ref().and_then(|cache| cache.load(engine, key));
        if let Some(loaded) = kept() {
            return self.link(digest, &loaded, Origin::Cache);
        }
        if !is_component(component) {
            return Err(LoadError::Invalid(
                "it does not begin with the header of a WebAssembly component".to_owned(),
            ));
        }
        let pass;
        let code = if let Some(jail) = &self.shared.jail {
            pass = jail.enter(tenant)?; // until the code is kept
            // Who waited may find that the same component was compiled meanwhile.
            if let Some(loaded) = kept() {
                return self.link(digest, &loaded, Origin::Cache);
            }
            jail.compile(&pass, digest, component, self.shared.fuel.is_some())?
        } else {
            engine
                .precompile_component(component)
                .map_err(|error| invalid(&error))?
        };
        let fresh = match compiled {
            Some(cache) => cache.load_trusted(engine, &code),
            None => compiled::load_trusted(engine, &code),
        };
        let action = self.link(
            digest,
            &fresh.map_err(|error| invalid(&error))?,
            Origin::Compiled,
        )?;
        // What does not fit the world is not kept: whoever uploads it again may have it told again.
        if let Some(cache) = compiled {
            // It runs without, and is compiled again the next time.
            if let Err(error) = cache.store(key, &code) {
                tracing::warn!(%digest, %error, "compiled code cannot be kept");
            }
        }
        Ok(action)
    }

    /// Loads a tenant's action that is written in JavaScript: has the engine run its top-level code, with nothing to reach, and
    /// look for its handler. Takes some milliseconds, and compiles none of it; what is kept in memory is what the action changes
    /// in the engine's, some 50 KiB for a small one and at most 1 MiB. `modules` are those that it may require, each a name and a
    /// source; one has those of the secrets that are called `actions:NAME:SECRET`.
    ///
    /// The engine is a component that `engine` gives. It is asked for the first time only, and its code is cached like that of
    /// others; it is ours, so it is compiled in this process. Blocks.
    pub fn load_javascript(
        &self,
        tenant: &str,
        digest: Digest,
        source: &str,
        modules: impl IntoIterator<Item = (String, String)>,
        engine: impl FnOnce() -> Vec<u8>,
    ) -> Result<LoadedAction, LoadError> {
        let (engine, origin) = self.javascript(engine)?;
        let share = self.share(tenant);
        let source = javascript::Source {
            source: source.into(),
            modules: modules.into_iter().collect(),
        };
        let script = wait_for(engine.build(&self.shared, &share.0, &source))?;
        Ok(LoadedAction::new(
            self.shared.clone(),
            digest,
            Program::Javascript(script),
            javascript::PLACES,
            origin,
        ))
    }

    /// The engine for JavaScript.
    fn javascript(
        &self,
        component: impl FnOnce() -> Vec<u8>,
    ) -> Result<(Arc<Javascript>, Origin), LoadError> {
        let Shared {
            engine,
            compiled,
            engine_hash,
            ..
        } = &*self.shared;
        // Who comes meanwhile waits, instead of compiling it too.
        let mut known = lock(&self.shared.javascript);
        if let Some(known) = &*known {
            return Ok((known.clone(), Origin::Cache));
        }
        let component = component();
        let key = CacheKey {
            digest: Digest::of(&component),
            engine_hash: *engine_hash,
        };
        let kept = compiled.as_ref().and_then(|cache| cache.load(engine, key));
        let (loaded, origin) = if let Some(kept) = kept {
            (kept, Origin::Cache)
        } else {
            let code = engine
                .precompile_component(&component)
                .map_err(LoadError::Engine)?;
            if let Some(cache) = compiled
                && let Err(error) = cache.store(key, &code)
            {
                tracing::warn!(%error, "the JavaScript engine's compiled code cannot be kept");
            }
            let fresh = match compiled {
                Some(cache) => cache.load_trusted(engine, &code),
                None => compiled::load_trusted(engine, &code),
            };
            (fresh.map_err(LoadError::Engine)?, Origin::Compiled)
        };
        let new = wait_for(Javascript::start(&self.shared, loaded, &component));
        let new = Arc::new(new.map_err(LoadError::Engine)?);
        *known = Some(new.clone());
        Ok((new, origin))
    }

    /// How busy the process is.
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            places: self.shared.total_places,
            places_free: self.shared.places.available_permits(),
            compiling: self.shared.jail.as_deref().map_or(0, Jail::compiling),
        }
    }

    /// Links a component against the world. Everything that can be checked without running it is checked here.
    fn link(
        &self,
        digest: Digest,
        component: &Component,
        origin: Origin,
    ) -> Result<LoadedAction, LoadError> {
        let engine = &self.shared.engine;
        let ty = component.component_type();
        let refused: Vec<String> = ty
            .imports(engine)
            .filter(|(name, item)| match item.ty {
                ComponentItem::Type(_) => false,
                _ => !world::allows(name),
            })
            .map(|(name, _)| name.to_owned())
            .collect();
        if !refused.is_empty() {
            return Err(LoadError::Imports(refused));
        }
        let pre = self
            .shared
            .linker
            .instantiate_pre(component)
            .map_err(LoadError::World)?;
        let pre = CustomPhoneProviderPre::new(pre).map_err(LoadError::World)?;
        let places = places_needed(component);
        Ok(LoadedAction::new(
            self.shared.clone(),
            digest,
            Program::Component(pre),
            places,
            origin,
        ))
    }
}

/// How busy a process is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Occupancy {
    /// Sandboxes that there may be at once.
    pub places: usize,
    /// Those of them that are free.
    pub places_free: usize,
    /// Components that are being compiled in the jail.
    pub compiling: usize,
}

impl Shared {
    /// Waits for places: first for the tenant's own, so that who has many runs waits for itself.
    pub(crate) async fn places<'a>(
        &'a self,
        tenant: &'a Tenant,
        needed: u32,
    ) -> [SemaphorePermit<'a>; 2] {
        let at_most = |most: usize| u32::try_from(most).map_or(needed, |most| needed.min(most));
        let own = tenant
            .places
            .acquire_many(at_most(self.shares.places()))
            .await;
        let all = self.places.acquire_many(at_most(self.total_places)).await;
        [own, all].map(|permit| permit.expect("these semaphores are never closed"))
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

impl Digest {
    /// The digest of a component.
    pub fn of(component: &[u8]) -> Self {
        Self(Sha256::digest(component).into())
    }

    /// The digest of these 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn engine_config(config: &Config, places: u32) -> wasmtime::Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_core_instances(places.saturating_mul(INSTANCES_PER_PLACE))
        .total_memories(places.saturating_mul(MEMORIES_PER_PLACE))
        .total_tables(places.saturating_mul(TABLES_PER_PLACE))
        .total_stacks(places)
        .max_core_instances_per_component(INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .max_memory_size(config.memory)
        .table_elements(Limits::default().table_elements)
        // What a run wrote is overwritten rather than given back to the system, whose system call and page faults cost more:
        // a script's run three times as much. The kernel could be asked which pages were written, but it does not tell of
        // those that were swapped out (wasmtime pull request 14357). A 0 for tables costs a system call for each of them.
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(64 << 10)
        .max_unused_warm_slots(100);
    let mut engine = compiler_config(config.fuel.is_some());
    engine.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    engine
}

/// The settings that compiled code depends on.
pub(crate) fn compiler_config(fuel: bool) -> wasmtime::Config {
    let mut engine = wasmtime::Config::new();
    engine
        .cranelift_opt_level(OptLevel::Speed)
        .consume_fuel(fuel)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .memory_init_cow(true)
        // The world has synchronous functions only; without the machinery for others a call costs a third less.
        .concurrency_support(false)
        // Compiled code stays in memory, so it comes without what only debuggers and profilers read: a quarter of it. A
        // trap is still told with the names of its functions. Windows cannot do without unwinding tables.
        .debug_symbols(false)
        .generate_address_map(false)
        .native_unwind_info(cfg!(windows))
        .wasm_custom_page_sizes(false)
        .wasm_memory64(false)
        // What carries strings and lists from one component to another in a composition has the memories of both. Modules
        // with several are refused before they come here.
        .wasm_multi_memory(true)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_wide_arithmetic(false);
    engine
}

/// The clock is a thread and no task: a busy runtime would hold a task up just when it is needed. It ends with its engine.
fn start_clock(engine: &Engine) {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("phonebox-clock".to_owned())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .expect("a process that starts can have one more thread");
}

/// How many places of the pool one instance of a component takes.
fn places_needed(component: &Component) -> u32 {
    component.resources_required().map_or(1, |required| {
        let tables = required.num_tables.div_ceil(TABLES_PER_PLACE);
        required
            .num_memories
            .div_ceil(MEMORIES_PER_PLACE)
            .max(tables)
            .max(1)
    })
}

fn invalid(error: &wasmtime::Error) -> LoadError {
    LoadError::Invalid(format!("{error:#}"))
}

fn is_component(bytes: &[u8]) -> bool {
    // The magic number, and the version and layer that mean a component.
    bytes.starts_with(b"\0asm\x0d\0\x01\0")
}

/// A hash that is the same in every process, as the standard library's are not: it is part of what is kept on disk.
#[derive(Default)]
struct StableHasher(blake3::Hasher);

impl Hasher for StableHasher {
    fn finish(&self) -> u64 {
        let hash = *self.0.finalize().as_bytes();
        hash.first_chunk().copied().map_or(0, u64::from_le_bytes)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}
