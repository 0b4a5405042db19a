use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use phonebox_contract::{Outcome, Receipt, truncate_reason};
use phonebox_egress::{Caller, Credential, Exchange, Placeholder, Response, Trip};
use tokio::sync::Notify;
use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, Store, Trap, UpdateDeadline};
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::RunError;
use crate::action::{Loaded, Program, Run};
use crate::capabilities::Capabilities;
use crate::host;
use crate::limits::{CpuMeter, Growth, HostCalls, Limits, TICK};
use crate::redact::Redactor;
use crate::report::{Report, Usage};
use crate::runtime::{Digest, Shared};
use crate::shares::{Queued, Tenant};

/// Handles that one run may hold, of ours and of WASI's.
const HANDLES: usize = 1000;
/// What one call may copy from the guest into the host, in bytes.
const COPY_LIMIT: usize = 1 << 20;
/// Header fields of one request or response through `wasi:http`, with what they cost in memory, in bytes.
const FIELDS_LIMIT: usize = 32 << 10;
/// An action must be able to answer a request that timed out, so requests end a little before the run does.
const GRACE: Duration = Duration::from_millis(250);
/// How long a guest that asks whether its time is up may compute when it is: to tell where it was.
const LAST: Duration = TICK.saturating_mul(2);
/// With fuel on, a run lets others compute after so much of it.
const FUEL_SLICE: u64 = 10_000_000;

/// What belongs to one run.
pub(crate) struct State {
    pub(crate) run: Run,
    pub(crate) capabilities: Capabilities,
    pub(crate) wasi: WasiCtx,
    pub(crate) http: WasiHttpCtx,
    pub(crate) hooks: host::wasi_http::Hooks,
    pub(crate) table: ResourceTable,
    pub(crate) growth: Growth,
    pub(crate) calls: HostCalls,
    /// Random bytes that it may still ask for.
    pub(crate) random: u64,
    pub(crate) cache_changes: u32,
    pub(crate) begun: host::engine::Begun,
    pub(crate) record: Arc<Record>,
}

/// What every store has, whatever else is in it.
pub(crate) trait Bounded: Send + 'static {
    fn growth(&mut self) -> &mut Growth;
    fn calls(&mut self) -> &mut HostCalls;
}

impl Bounded for State {
    fn growth(&mut self) -> &mut Growth {
        &mut self.growth
    }

    fn calls(&mut self) -> &mut HostCalls {
        &mut self.calls
    }
}

/// What a run leaves behind. It outlives the store, so that a run that is cut off leaves its traces too.
pub(crate) struct Record {
    pub(crate) trip: Trip,
    pub(crate) log: Mutex<host::log::Log>,
    pub(crate) exchanges: Mutex<Vec<Exchange>>,
    pub(crate) missing_secrets: Mutex<Vec<String>>,
    sealed: Mutex<SealedUse>,
    /// The peak of memory in bytes, and the calls into the host. Told when the store is dropped.
    used: Mutex<(usize, u64)>,
    /// Requests that `wasi:http` makes in tasks of its own, which end a little after the run.
    pub(crate) requests: Requests,
    secretive: Arc<Secretive>,
}

/// Knows what must not be told of a run.
struct Secretive {
    action: Digest,
    run: Run,
    capabilities: Capabilities,
    redactor: OnceLock<Redactor>,
    placeholders: Arc<Placeholders>,
}

/// What a run was given in place of sealed secrets.
#[derive(Default)]
pub(crate) struct Placeholders(Mutex<Vec<Placeholder>>);

impl Placeholders {
    /// What stands for this secret, the same for the whole run.
    pub(crate) fn stand_in_for(&self, secret: &str) -> String {
        let mut given = lock(&self.0);
        if let Some(one) = given.iter().find(|one| *one.secret == *secret) {
            return one.as_str().to_owned();
        }
        let mut random = [0; Placeholder::RANDOM];
        getrandom::fill(&mut random).expect("the system has random bytes");
        let one = Placeholder::new(secret, random);
        let text = one.as_str().to_owned();
        given.push(one);
        text
    }

    pub(crate) fn all(&self) -> Vec<Placeholder> {
        lock(&self.0).clone()
    }
}

impl Secretive {
    /// The redactor is made when the first text has to be kept: most runs keep none.
    fn redactor(&self) -> &Redactor {
        self.redactor.get_or_init(|| {
            let placeholders = self.placeholders.clone();
            Redactor::new(&self.run.event, &self.capabilities.secrets, placeholders)
        })
    }
}

impl Caller for Secretive {
    fn action(&self) -> Cow<'_, str> {
        self.action.to_string().into()
    }

    fn notification(&self) -> Cow<'_, str> {
        self.run.id.to_string().into()
    }

    fn attempt(&self) -> u32 {
        self.run.attempt
    }

    fn mask(&self, text: &str) -> String {
        self.redactor().redact(text)
    }

    fn credential(&self, name: &str) -> Option<Credential> {
        Some(self.capabilities.secrets.get(name)?.credential())
    }

    fn placeholders(&self) -> Vec<Placeholder> {
        self.placeholders.all()
    }
}

/// What became of a run's sealed secrets.
#[derive(Default)]
struct SealedUse {
    sent: Vec<String>,
    /// Whether a provider answered 401 or 403.
    turned_away: bool,
}

/// Counts requests under way.
#[derive(Default)]
pub(crate) struct Requests {
    under_way: AtomicUsize,
    ended: Notify,
}

/// A request under way, until it is dropped.
pub(crate) struct UnderWay(Arc<Record>);

impl UnderWay {
    pub(crate) fn new(record: Arc<Record>) -> Self {
        record.requests.under_way.fetch_add(1, Ordering::SeqCst);
        Self(record)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.requests.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.requests.ended.notify_waiters();
    }
}

impl Requests {
    /// Waits for the last of them to end.
    async fn none(&self) {
        loop {
            let ended = self.ended.notified();
            if self.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Record {
    pub(crate) fn redactor(&self) -> &Redactor {
        self.secretive.redactor()
    }

    pub(crate) fn placeholders(&self) -> &Placeholders {
        &self.secretive.placeholders
    }

    /// Takes what the action must not see out of an answer.
    pub(crate) fn scrub(&self, response: &mut Response) {
        let Some(scrubber) = self.secretive.capabilities.secrets.scrubber() else {
            return;
        };
        for (_, value) in &mut response.headers {
            if let Some(scrubbed) = scrubber.scrub(value) {
                *value = scrubbed;
            }
        }
        if let Some(scrubbed) = scrubber.scrub(&response.body) {
            response.body = scrubbed.into();
            let length = response.body.len().to_string();
            for (name, value) in &mut response.headers {
                if name == "content-length" {
                    *value = length.clone().into_bytes();
                }
            }
        }
    }

    /// Notes which secrets a request carried, and whether it was turned away.
    pub(crate) fn note(&self, exchange: &Exchange) {
        let mut sealed = lock(&self.sealed);
        sealed.turned_away |= matches!(exchange.status, Some(401 | 403));
        for secret in &exchange.secrets {
            if !sealed.sent.contains(secret) {
                sealed.sent.push(secret.clone());
            }
        }
    }

    /// What the action's author should be told, beside what is wrong.
    fn hints(&self) -> Vec<String> {
        let sealed = lock(&self.sealed);
        if !sealed.turned_away {
            return Vec::new();
        }
        let given = self.placeholders().all();
        let unsent = given
            .iter()
            .filter(|one| !sealed.sent.iter().any(|sent| **sent == *one.secret));
        let hint = |secret: &str| {
            format!(
                "the secret {secret} is sealed: the action read what stands for it and sent that nowhere, and the \
                 provider refused the request, so the code probably signs with it. Sign with `auth` on the egress rule \
                 in action.toml, or have the secret's owner store it as revealed, and say so by reveal = true under \
                 [secrets.{secret}]"
            )
        };
        unsent.map(|one| hint(&one.secret)).collect()
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let calls = self.calls.calls.saturating_sub(self.growth.asked);
        *lock(&self.record.used) = (self.growth.peak_memory, calls);
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.hooks,
        }
    }
}

/// Runs an action once.
pub(crate) async fn run(action: &Loaded, mut run: Run, capabilities: &Capabilities) -> Report {
    run.limits.deadline = run.limits.deadline.min(Limits::LONGEST_DEADLINE);
    run.limits.memory = run.limits.memory.min(action.runtime.memory);
    let limits = run.limits;
    let tenant = &capabilities.share.0;
    let _places = action.runtime.places(tenant, action.places).await;
    let started = Instant::now();
    let deadline = tokio::time::Instant::now() + limits.deadline;
    let secretive = Arc::new(Secretive {
        action: action.digest,
        run: run.clone(),
        capabilities: capabilities.clone(),
        redactor: OnceLock::new(),
        placeholders: Arc::default(),
    });
    let record = Arc::new(Record {
        trip: capabilities
            .outbound
            .trip(deadline - GRACE.min(limits.deadline / 4), secretive.clone()),
        log: Mutex::default(),
        exchanges: Mutex::default(),
        missing_secrets: Mutex::default(),
        sealed: Mutex::default(),
        used: Mutex::default(),
        requests: Requests::default(),
        secretive,
    });
    let meter = CpuMeter::default();
    let mut usage = Usage::default();
    let result = {
        let sandbox = in_sandbox(action, run, capabilities, &record, &meter, &mut usage);
        tokio::time::timeout_at(deadline, metered(tenant, &meter, sandbox))
            .await
            .unwrap_or(Err(RunError::DeadlineExceeded {
                limit: limits.deadline,
            }))
    };
    record.requests.none().await;
    usage.wall = started.elapsed();
    usage.cpu = meter.spent();
    (usage.peak_memory, usage.host_calls) = *lock(&record.used);
    let (log, log_lines_dropped) = lock(&record.log).finish(&record);
    let mut exchanges = std::mem::take(&mut *lock(&record.exchanges));
    exchanges.extend(record.trip.abandoned());
    Report {
        result: redact(result, &record),
        log,
        log_lines_dropped,
        exchanges,
        missing_secrets: std::mem::take(&mut *lock(&record.missing_secrets)),
        hints: record.hints(),
        usage,
    }
}

/// Has a sandbox charged for what it computes, and its tenant take turns. A panic of the host that a guest provoked ends this
/// run and nothing else: its store is dropped, never used again.
pub(crate) async fn metered<T>(
    tenant: &Arc<Tenant>,
    meter: &CpuMeter,
    sandbox: impl Future<Output = Result<T, RunError>>,
) -> Result<T, RunError> {
    let mut sandbox = pin!(sandbox);
    let mut queued = Queued::default();
    std::future::poll_fn(|context| {
        ready!(queued.poll(tenant, context));
        let poll = || meter.charge(|| sandbox.as_mut().poll(context));
        let (poll, cost) = catch_unwind(AssertUnwindSafe(poll)).unwrap_or_else(|_| {
            tracing::error!("the host panicked during a run");
            (Poll::Ready(Err(RunError::Host)), Duration::ZERO)
        });
        tenant.pay(cost);
        queued = Queued::No;
        poll
    })
    .await
}

/// Everything that happens under the meter and the deadline.
async fn in_sandbox(
    action: &Loaded,
    run: Run,
    capabilities: &Capabilities,
    record: &Arc<Record>,
    meter: &CpuMeter,
    usage: &mut Usage,
) -> Result<Outcome, RunError> {
    let started = Instant::now();
    let limits = run.limits;
    let mut store = new_store(action, run, capabilities, record, meter);
    let answer = match &action.program {
        Program::Component(pre) => {
            let instance = pre.instantiate_async(&mut store).await;
            usage.instantiate = started.elapsed();
            match instance {
                Ok(instance) => {
                    let event = host::event::lower(&store.data().run);
                    instance.call_deliver(&mut store, &event).await
                }
                Err(error) => Err(error),
            }
        }
        Program::Javascript(script) => {
            let instance = script.instantiate(&mut store).await;
            usage.instantiate = started.elapsed();
            match instance {
                Ok(Ok(instance)) => instance.call_deliver(&mut store).await,
                Ok(Err(error)) => Ok(Err(error.to_string())),
                Err(error) => Err(error),
            }
        }
    };
    match answer {
        // It ended in time to tell where it was.
        Ok(told) if store.data().calls.exhausted => Err(RunError::CpuExceeded {
            limit: limits.cpu,
            place: told.err().as_deref().and_then(place).map(ToOwned::to_owned),
        }),
        Ok(Ok(outcome)) => Ok(host::event::lift(outcome)),
        // What an engine in the guest says of it, with how much it may have.
        Ok(Err(message))
            if store.data().growth.memory_refused && message.contains("out of memory") =>
        {
            let message = format!("{message} (it may have {} MiB)", limits.memory >> 20);
            Err(RunError::Returned { message })
        }
        Ok(Err(message)) => Err(RunError::Returned { message }),
        Err(error) => Err(classify(
            &error,
            &store.data().growth,
            limits,
            action.runtime.fuel,
        )),
    }
}

/// Where an error of the JavaScript engine's was thrown, as it says at its end.
fn place(message: &str) -> Option<&str> {
    let (_, place) = message.rsplit_once(", at ")?;
    let is_place = place.contains("action.js:") || place.contains("actions:");
    is_place.then_some(place)
}

fn new_store(
    action: &Loaded,
    run: Run,
    capabilities: &Capabilities,
    record: &Arc<Record>,
    meter: &CpuMeter,
) -> Store<State> {
    let limits = run.limits;
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(FIELDS_LIMIT);
    let state = State {
        wasi: host::wasi::context(record),
        http,
        hooks: host::wasi_http::Hooks(record.clone()),
        table,
        growth: Growth::new(limits),
        calls: HostCalls::new(limits.host_calls),
        random: limits.random,
        cache_changes: 0,
        begun: host::engine::Begun::default(),
        record: record.clone(),
        capabilities: capabilities.clone(),
        run,
    };
    bounded(&action.runtime, state, limits, meter)
}

/// A store that stays within the limits.
pub(crate) fn bounded<T: Bounded>(
    runtime: &Shared,
    state: T,
    limits: Limits,
    meter: &CpuMeter,
) -> Store<T> {
    let mut store = Store::new(&runtime.engine, state);
    store.limiter(|state| state.growth());
    store.set_hostcall_fuel(COPY_LIMIT);
    store.set_max_component_handles(HANDLES);
    store.call_hook(|mut store, hook| {
        if matches!(hook, CallHook::CallingHost) {
            store.data_mut().calls().call()?;
        }
        Ok(())
    });
    // The clock ticks for everybody, also while this run waits; so a tick is only an occasion to look at the meter. Where
    // there is budget left the thread is offered to others, so that a busy guest holds nobody up.
    let meter = meter.clone();
    store.epoch_deadline_callback(move |mut store| match meter.tick() {
        None => Ok(UpdateDeadline::Continue(1)),
        Some(spent) if spent > limits.cpu => {
            let calls = store.data_mut().calls();
            if calls.asks && spent <= limits.cpu + LAST {
                calls.exhausted = true;
                return Ok(UpdateDeadline::Continue(1));
            }
            Err(RunError::CpuExceeded {
                limit: limits.cpu,
                place: None,
            }
            .into())
        }
        Some(_) => Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        )),
    });
    store.set_epoch_deadline(1);
    if let Some(fuel) = runtime.fuel {
        store
            .set_fuel(fuel)
            .and_then(|()| store.fuel_async_yield_interval(Some(FUEL_SLICE)))
            .expect("the engine was told to count fuel");
    }
    store
}

/// Why a call ended in an error of the engine.
pub(crate) fn classify(
    error: &wasmtime::Error,
    growth: &Growth,
    limits: Limits,
    fuel: Option<u64>,
) -> RunError {
    if let Some(error) = error.downcast_ref::<RunError>() {
        return error.clone();
    }
    if let (Some(Trap::OutOfFuel), Some(limit)) = (error.downcast_ref::<Trap>(), fuel) {
        return RunError::FuelExceeded { limit };
    }
    if error.downcast_ref::<I32Exit>().is_some() {
        return RunError::Exited;
    }
    // A guest whose allocation failed traps by itself, and that its memory was refused is what its author has to know.
    if growth.memory_refused {
        return RunError::MemoryExceeded {
            limit: limits.memory,
        };
    }
    // What is no trap is still the guest's doing: a value of the wrong shape, a handle that it does not have.
    let what = error.downcast_ref::<Trap>().map_or_else(
        || error.root_cause().to_string(),
        |trap| {
            trap.to_string()
                .trim_start_matches("wasm trap: ")
                .to_owned()
        },
    );
    let frames = error
        .downcast_ref::<wasmtime::WasmBacktrace>()
        .map_or_else(Vec::new, |trace| {
            trace
                .frames()
                .iter()
                .filter_map(|frame| frame.func_name().map(demangle))
                .take(4)
                .collect()
        });
    let message = if frames.is_empty() {
        what
    } else {
        format!("{what}, in {}", frames.join(" < "))
    };
    RunError::Trapped { message }
}

fn demangle(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

fn redact(result: Result<Outcome, RunError>, record: &Record) -> Result<Outcome, RunError> {
    // A reason may go to a terminal, like a log line.
    let redact = |text: String| {
        let masked = record.redactor().redact(&text);
        truncate_reason(host::log::printable(&masked, usize::MAX))
    };
    match result {
        Ok(Outcome::Drop { reason }) => Ok(Outcome::Drop {
            reason: redact(reason),
        }),
        Ok(Outcome::Retry(mut request)) => {
            request.reason = redact(request.reason);
            Ok(Outcome::Retry(request))
        }
        Ok(Outcome::Sent {
            receipt: Some(receipt),
        }) => Ok(Outcome::Sent {
            receipt: Some(Receipt {
                provider: redact(receipt.provider),
                message_id: truncate_reason(record.redactor().redact_id(&receipt.message_id)),
            }),
        }),
        Err(RunError::Returned { message }) => Err(RunError::Returned {
            message: redact(message),
        }),
        Err(RunError::Trapped { message }) => Err(RunError::Trapped {
            message: redact(message),
        }),
        Err(RunError::CpuExceeded { limit, place }) => Err(RunError::CpuExceeded {
            limit,
            place: place.map(redact),
        }),
        other => other,
    }
}

/// Locks, also after a panic: what a record holds is whole after every single change.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
