//! QuickJS-ng as a guest of phonebox, with what actions need of the web and of Node.
//!
//! Cast: [`engine`] holds the one context of an instance, loads an action's source into it and turns its event loop;
//! [`host`] is what the prelude has of Rust and of phonebox; the prelude, in `prelude/`, is JavaScript that makes `fetch`,
//! `Buffer`, `require` and the rest of it.
//!
//! One run in order: `load` compiles the source as the body of a CommonJS module, runs it, and looks for the handler;
//! `deliver` calls that with `event` and `api`, runs what is due, waits for requests and timers, and ends when the handler's
//! promise is settled. Before either, `pause` gives the memory away, for other instances to go on from there: the prelude
//! is evaluated once, and asks the host for nothing that would be the same in all of them.
//!
//! What it refuses to do: import anything but phonebox's own functions. There is no WASI in it.

mod encoding;
mod engine;
mod hash;
mod host;
mod sign;
mod url;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "phonebox:javascript/javascript",
        generate_all,
    });
}

use bindings::phonebox::action::types::Outcome;
use bindings::phonebox::javascript::engine::BuildError;
use engine::Engine;

struct Guest;

impl bindings::Guest for Guest {
    fn load(source: String, modules: Vec<(String, String)>) -> Result<(), BuildError> {
        engine::with(|engine| engine.load(&source, &modules))
    }

    fn pause() {
        engine::with(Engine::rest);
        host::keep_memory();
    }

    fn deliver() -> Result<Outcome, String> {
        engine::with(Engine::deliver)
    }
}

bindings::export!(Guest with_types_in bindings);
