//! JavaScript actions: one engine, compiled once, that each action's memory is given to.
//!
//! The engine's component is code that imports two core modules: the memory of an engine that has started, and what an action
//! changes in it. The first is made once in a process. The second is made when an action is loaded: its top-level code runs in
//! an instance of the engine, which then gives its memory away, and what is different there becomes the bytes of one data
//! segment. Neither has a function in it, so nothing that a tenant wrote is ever compiled: all that Wasmtime makes code for is
//! to copy that segment. They are not kept on disk: the source is the action.
//!
//! A run is an instance of the three. All runs share the memory of the engine that has started, whosever they are, each page
//! until they write to it. Where top-level code asked its host for something that differs from run to run, such as a module's
//! secret, or logged, or left too much, a run has the engine load the source anew.

mod building;
mod snapshot;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use phonebox_contract::BuildError;
use wasmparser::{Parser, Payload};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Module, Store};

use self::building::Building;
use self::snapshot::{LOADED, Memory, STARTED};
use crate::bindings::javascript::phonebox::javascript::engine;
use crate::bindings::javascript::{Javascript, JavascriptPre};
use crate::limits::CpuMeter;
use crate::runtime::Shared;
use crate::sandbox::{State, bounded, classify, lock, metered};
use crate::shares::Tenant;
use crate::{Limits, LoadError, RunError, host};

/// How long who waits for a build does not look at it.
const LOOK: Duration = Duration::from_millis(1);
/// What is told of a build error, in bytes.
const MESSAGE: usize = 1024;
/// What is added to an error of top-level code that has read a secret.
const UNKNOWN: &str = "; a secret's value is not known while the action is built: what needs it is done in a function";
/// Runs have a memory of a multiple of so many pages, 1 MiB, so that there are few kinds of it.
const PAGES: usize = 16;

/// How many places of the pool a run or a build takes: it has one memory, two tables and six core instances.
pub(crate) const PLACES: u32 = 1;

/// The engine, linked to what runs have, and to what there is while an action is built.
pub(crate) struct Engine {
    code: Component,
    build: JavascriptPre<Building>,
    /// All that a script imports but the two memories.
    run: Linker<State>,
    /// The memory of an engine that has started.
    started: Memory,
    /// The same as modules, by how many pages they have. All runs share them.
    kinds: Mutex<BTreeMap<usize, Module>>,
    /// What loading an action changes in it if it changes nothing.
    unchanged: Module,
}

/// An action's source, as the engine has it once its top-level code has run.
pub(crate) struct Script {
    loaded: JavascriptPre<State>,
    /// The source, where each run has to load it anew.
    anew: Option<Source>,
}

/// What an action is made of.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) source: Box<str>,
    /// Its modules: name and source.
    pub(crate) modules: Box<[(String, String)]>,
}

impl Engine {
    /// Starts the engine, from the code and the memory that its component has.
    pub(crate) async fn start(
        runtime: &Shared,
        code: Component,
        component: &[u8],
    ) -> wasmtime::Result<Self> {
        let wasmtime = &runtime.engine;
        let unchanged = Module::new(wasmtime, snapshot::unchanged())?;
        let mut build = Linker::new(wasmtime);
        Javascript::add_to_linker::<_, HasSelf<Building>>(&mut build, |state| state)?;
        build.allow_shadowing(true);
        build.root().module(LOADED, &unchanged)?;
        build
            .root()
            .module(STARTED, &Module::new(wasmtime, memory_of(component)?)?)?;
        let begins = JavascriptPre::new(build.instantiate_pre(&code)?)?;
        let mut store = building(runtime, &CpuMeter::default());
        if runtime.fuel.is_some() {
            store.set_fuel(u64::MAX)?; // it is nobody's
        }
        let instance = begins.instantiate_async(&mut store).await?;
        let started = kept(&instance, &mut store).await?;
        let module = Module::new(wasmtime, started.started(started.pages()))?;
        build.root().module(STARTED, &module)?;
        let build = JavascriptPre::new(build.instantiate_pre(&code)?)?;
        let mut run = Linker::new(wasmtime);
        Javascript::add_to_linker::<_, HasSelf<State>>(&mut run, |state| state)?;
        Ok(Self {
            code,
            build,
            run,
            started,
            kinds: Mutex::default(),
            unchanged,
        })
    }

    /// Runs a source's top-level code, within the limits of a run, and keeps what comes of it.
    pub(crate) async fn build(
        &self,
        runtime: &Shared,
        tenant: &Arc<Tenant>,
        source: &Source,
    ) -> Result<Script, LoadError> {
        let _places = runtime.places(tenant, PLACES).await;
        let meter = CpuMeter::default();
        let mut store = building(runtime, &meter);
        let built = async {
            let built = self.load(&mut store, source).await;
            let growth = &store.data().growth;
            built.map_err(|error| classify(&error, growth, limits(runtime), runtime.fuel))
        };
        let built = metered(tenant, &meter, built).await;
        let too_long = |error: &RunError| {
            format!("top-level code, which runs once to build the action: {error}")
        };
        let memory = match built {
            Ok(told) if store.data().calls.exhausted => {
                let (limit, place) = (limits(runtime).cpu, None);
                let error = RunError::CpuExceeded { limit, place };
                let at = told.err();
                return Err(BuildError {
                    file: at.as_ref().and_then(file_of),
                    line: at.as_ref().and_then(|at| at.line),
                    column: at.as_ref().and_then(|at| at.column),
                    ..BuildError::new(error.kind(), too_long(&error))
                }
                .into());
            }
            Ok(Ok(memory)) => memory,
            Ok(Err(error)) => {
                let mut error = told(&error);
                if store.data().read_secrets {
                    error.message.push_str(UNKNOWN);
                }
                return Err(error.into());
            }
            Err(RunError::Host) => {
                return Err(LoadError::Engine(wasmtime::Error::msg("the host panicked")));
            }
            Err(error) => {
                return Err(BuildError::new(error.kind(), too_long(&error)).into());
            }
        };
        drop(store);
        self.script(source, memory).map_err(LoadError::Engine)
    }

    /// Loads a source, and gives the memory in which it is loaded; none where each run has to load it anew: what its top-level
    /// code had of the clock or of chance would be the same in every run, and what it logged in none.
    async fn load(
        &self,
        store: &mut Store<Building>,
        source: &Source,
    ) -> wasmtime::Result<Result<Option<Memory>, engine::BuildError>> {
        let instance = self.build.instantiate_async(&mut *store).await?;
        if let Err(error) = source.load(&instance, store).await? {
            return Ok(Err(error));
        }
        let memory = kept(&instance, store).await?;
        Ok(Ok((!store.data().asked).then_some(memory)))
    }

    fn script(&self, source: &Source, memory: Option<Memory>) -> wasmtime::Result<Script> {
        let changed = memory.and_then(|memory| memory.loaded(&self.started));
        let (loaded, pages, anew) = match changed {
            Some((loaded, pages)) => (Module::new(self.build.engine(), loaded)?, pages, None),
            None => (self.unchanged.clone(), self.started.pages(), Some(source)),
        };
        let mut linker = self.run.clone();
        linker.root().module(STARTED, &self.with_pages(pages)?)?;
        linker.root().module(LOADED, &loaded)?;
        Ok(Script {
            loaded: JavascriptPre::new(linker.instantiate_pre(&self.code)?)?,
            anew: anew.cloned(),
        })
    }

    /// The memory of the engine that has started, with room for so many pages.
    fn with_pages(&self, pages: usize) -> wasmtime::Result<Module> {
        let pages = pages.next_multiple_of(PAGES);
        let mut kinds = lock(&self.kinds);
        if let Some(known) = kinds.get(&pages) {
            return Ok(known.clone());
        }
        let module = Module::new(self.build.engine(), self.started.started(pages))?;
        kinds.insert(pages, module.clone());
        Ok(module)
    }
}

impl Source {
    async fn load<T: Send>(
        &self,
        instance: &Javascript,
        store: &mut Store<T>,
    ) -> wasmtime::Result<Result<(), engine::BuildError>> {
        instance.call_load(store, &self.source, &self.modules).await
    }
}

impl Script {
    /// An instance in which the source is loaded, or what is wrong with that.
    pub(crate) async fn instantiate(
        &self,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Result<Javascript, BuildError>> {
        let instance = self.loaded.instantiate_async(&mut *store).await?;
        let loaded = match &self.anew {
            Some(source) => source.load(&instance, store).await?,
            None => Ok(()),
        };
        Ok(loaded.map(|()| instance).map_err(|error| told(&error)))
    }
}

/// What a build may use.
fn limits(runtime: &Shared) -> Limits {
    let mut limits = Limits::default();
    limits.memory = limits.memory.min(runtime.memory);
    limits
}

fn building(runtime: &Shared, meter: &CpuMeter) -> Store<Building> {
    let limits = limits(runtime);
    let mut store = bounded(runtime, Building::new(limits), limits, meter);
    // All of its memory is handed over.
    store.set_hostcall_fuel(limits.memory);
    store
}

/// Has an instance give its memory away.
async fn kept(instance: &Javascript, store: &mut Store<Building>) -> wasmtime::Result<Memory> {
    instance.call_pause(&mut *store).await?;
    let kept = store.data_mut().kept.take();
    kept.ok_or_else(|| wasmtime::Error::msg("the engine gave no memory away"))
}

/// The memory that the engine begins with: a module, and what else its component has beside the code.
fn memory_of(component: &[u8]) -> wasmtime::Result<&[u8]> {
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == STARTED
        {
            return Ok(section.data());
        }
    }
    Err(wasmtime::Error::msg("the engine comes without its memory"))
}

/// The module that an error is in, as it may be shown.
fn file_of(error: &engine::BuildError) -> Option<String> {
    let module = error.module.as_ref()?;
    Some(host::log::printable(&format!("actions:{module}"), MESSAGE))
}

/// What the engine says of a source, as it may be shown.
fn told(error: &engine::BuildError) -> BuildError {
    let shown = |text: &str| host::log::printable(text, MESSAGE);
    BuildError {
        id: shown(&error.id),
        message: shown(&error.message),
        file: file_of(error),
        line: error.line,
        column: error.column,
    }
}

/// Waits for a future where threads may be blocked.
pub(crate) fn wait_for<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // Tokio keeps back who yields until its own thread comes round, and that may be this one.
            Poll::Pending => thread::park_timeout(LOOK),
        }
    }
}
