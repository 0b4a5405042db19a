//! What there is while an action is built, and while the engine starts: a clock and random bytes.

use crate::RunError;
use crate::bindings::javascript::phonebox::javascript::engine::{self, Ended};
use crate::bindings::phonebox::action::http::Request;
use crate::bindings::phonebox::action::log::Level;
use crate::bindings::phonebox::action::{cache, http, log, secrets, types};
use crate::host;
use crate::limits::{Growth, HostCalls, Limits};
use crate::sandbox::Bounded;

use super::snapshot::Memory;

/// What stands for a secret, which nobody has at build. It looks like what stands for one in a run.
const STAND_IN: &str = "sealed_00000000000000000000000000";

/// What belongs to one build.
pub(super) struct Building {
    pub(super) growth: Growth,
    pub(super) calls: HostCalls,
    /// Random bytes that it may still ask for.
    random: u64,
    /// Whether top-level code had something of the clock or of chance, or logged.
    pub(super) asked: bool,
    /// Whether it had something of a secret.
    pub(super) read_secrets: bool,
    pub(super) kept: Option<Memory>,
}

impl Building {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            growth: Growth::new(limits),
            calls: HostCalls::new(limits.host_calls),
            random: limits.random,
            asked: false,
            read_secrets: false,
            kept: None,
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
        self.asked = true;
        Ok(host::engine::now())
    }

    fn random(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        self.asked = true;
        let left = self.random.checked_sub(length.into());
        self.random = left.ok_or(RunError::RandomExceeded {
            limit: Limits::default().random,
        })?;
        Ok(host::engine::random(length))
    }

    fn exhausted(&mut self) -> wasmtime::Result<bool> {
        Ok(self.calls.exhausted())
    }

    fn keep(&mut self, at: u32, memory: Vec<u8>) -> wasmtime::Result<()> {
        self.kept = Memory::new(at, memory);
        Ok(())
    }
}

/// Top-level code of a module may read secrets. What it makes of them is in no memory that is kept, and here it has what stands
/// for any.
impl secrets::Host for Building {
    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        (self.asked, self.read_secrets) = (true, true);
        Ok(Vec::new())
    }

    fn get(&mut self, _: String) -> wasmtime::Result<Option<String>> {
        (self.asked, self.read_secrets) = (true, true);
        Ok(Some(STAND_IN.to_owned()))
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
        self.asked = true;
        Ok(())
    }
}
