//! JavaScript actions: one engine, compiled once, that is given each action's source.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use phonebox_contract::BuildError;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine as Wasmtime, Store};

use crate::bindings::javascript::phonebox::javascript::engine::{self, Ended};
use crate::bindings::javascript::{Javascript, JavascriptPre};
use crate::bindings::phonebox::action::http::Request;
use crate::bindings::phonebox::action::log::Level;
use crate::bindings::phonebox::action::{cache, http, log, secrets, types};
use crate::limits::{CpuMeter, Growth, HostCalls};
use crate::runtime::Shared;
use crate::sandbox::{Bounded, State, bounded, classify, metered};
use crate::shares::Tenant;
use crate::{Limits, LoadError, RunError, host};

/// How long who waits for a build does not look at it.
const LOOK: Duration = Duration::from_millis(1);
/// What is told of a build error, in bytes.
const MESSAGE: usize = 1024;

/// The engine, linked to what runs have, and to what there is while an action is built.
pub(crate) struct Engine {
    run: JavascriptPre<State>,
    build: JavascriptPre<Building>,
    places: u32,
}

/// An action's source, with the engine to run it.
pub(crate) struct Script {
    engine: Arc<Engine>,
    source: Box<str>,
}

/// What top-level code has while its action is built: nothing but a clock and random bytes.
struct Building {
    growth: Growth,
    calls: HostCalls,
    /// Random bytes that it may still ask for.
    random: u64,
}

impl Engine {
    pub(crate) fn link(
        engine: &Wasmtime,
        component: &Component,
        places: u32,
    ) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        Javascript::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        let run = JavascriptPre::new(linker.instantiate_pre(component)?)?;
        let mut linker = Linker::new(engine);
        Javascript::add_to_linker::<_, HasSelf<Building>>(&mut linker, |state| state)?;
        let build = JavascriptPre::new(linker.instantiate_pre(component)?)?;
        Ok(Self { run, build, places })
    }

    /// How many places of the pool a run takes.
    pub(crate) fn places(&self) -> u32 {
        self.places
    }

    /// Runs a source's top-level code, within the limits of a run.
    pub(crate) async fn build(
        &self,
        runtime: &Shared,
        tenant: &Arc<Tenant>,
        source: &str,
    ) -> Result<(), LoadError> {
        let mut limits = Limits::default();
        limits.memory = limits.memory.min(runtime.memory);
        let _places = runtime.places(tenant, self.places).await;
        let meter = CpuMeter::default();
        let state = Building {
            growth: Growth::new(limits),
            calls: HostCalls::new(limits.host_calls),
            random: limits.random,
        };
        let mut store = bounded(runtime, state, limits, &meter);
        let built = async {
            let built = match self.build.instantiate_async(&mut store).await {
                Ok(instance) => instance.call_load(&mut store, source).await,
                Err(error) => Err(error),
            };
            built.map_err(|error| classify(&error, &store.data().growth, limits, runtime.fuel))
        };
        match metered(tenant, &meter, built).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(told(&error).into()),
            Err(RunError::Host) => {
                Err(LoadError::Engine(wasmtime::Error::msg("the host panicked")))
            }
            Err(error) => Err(BuildError::new(
                error.kind(),
                format!("top-level code, which runs once to build the action: {error}"),
            )
            .into()),
        }
    }
}

impl Script {
    pub(crate) fn new(engine: Arc<Engine>, source: &str) -> Self {
        Self {
            engine,
            source: source.into(),
        }
    }

    /// An instance in which the source is loaded, or what is wrong with that.
    pub(crate) async fn instantiate(
        &self,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Result<Javascript, BuildError>> {
        let instance = self.engine.run.instantiate_async(&mut *store).await?;
        let loaded = instance.call_load(store, &self.source).await?;
        Ok(loaded.map(|()| instance).map_err(|error| told(&error)))
    }
}

/// What the engine says of a source, as it may be shown.
fn told(error: &engine::BuildError) -> BuildError {
    let shown = |text: &str| host::log::printable(text, MESSAGE);
    BuildError {
        id: shown(&error.id),
        message: shown(&error.message),
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

impl Bounded for Building {
    fn growth(&mut self) -> &mut Growth {
        &mut self.growth
    }

    fn calls(&mut self) -> &mut HostCalls {
        &mut self.calls
    }
}

impl types::Host for Building {}
impl http::Host for Building {
    async fn send(&mut self, _: Request) -> wasmtime::Result<Result<http::Response, http::Error>> {
        Ok(Err(http::Error::RequestDenied))
    }
}

impl engine::Host for Building {
    fn start(&mut self, _: Request) -> wasmtime::Result<u32> {
        Err(wasmtime::Error::msg("there are no requests at build"))
    }

    fn cancel(&mut self, _: u32) -> wasmtime::Result<()> {
        Ok(())
    }

    async fn wait(&mut self, _: u32) -> wasmtime::Result<Option<Ended>> {
        Ok(None)
    }

    fn event(&mut self) -> wasmtime::Result<String> {
        Ok("{}".to_owned())
    }

    fn now(&mut self) -> wasmtime::Result<f64> {
        Ok(host::engine::now())
    }

    fn random(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        let left = self.random.checked_sub(length.into());
        self.random = left.ok_or(RunError::RandomExceeded {
            limit: Limits::default().random,
        })?;
        Ok(host::engine::random(length))
    }
}

impl secrets::Host for Building {
    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn get(&mut self, _: String) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl cache::Host for Building {
    fn get(&mut self, _: String) -> wasmtime::Result<Option<cache::Entry>> {
        Ok(None)
    }

    fn set(
        &mut self,
        _: String,
        _: String,
        _: cache::Expiry,
    ) -> wasmtime::Result<Result<cache::Entry, cache::Error>> {
        Ok(Err(cache::Error::FailedToSetCacheRecord))
    }

    fn delete(&mut self, _: String) -> wasmtime::Result<Result<(), cache::Error>> {
        Ok(Err(cache::Error::CacheKeyDoesNotExist))
    }
}

impl log::Host for Building {
    fn write(&mut self, _: Level, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}
