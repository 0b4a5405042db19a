//! What the world's imports do, one file an interface. Each function is a look-up and a conversion.

mod cache;
pub(crate) mod engine;
pub(crate) mod event;
mod http;
pub(crate) mod log;
mod secrets;
pub(crate) mod wasi;
pub(crate) mod wasi_http;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings::{CustomPhoneProvider, CustomPhoneProviderImports};
use crate::sandbox::State;

/// Links the whole world.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    CustomPhoneProvider::add_to_linker::<_, HasSelf<_>>(linker, |state| state)?;
    wasi::link(linker)?;
    wasi_http::link(linker)
}

impl CustomPhoneProviderImports for State {
    fn event_json(&mut self) -> wasmtime::Result<String> {
        Ok(self.run.event.to_json())
    }
}
