//! The host outside WebAssembly: the scripted one of `phonebox_sdk::test`, if a run is under way.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::cache;
use crate::http::{Error, Prepared, Response};
use crate::log::Level;
use crate::test::Script;

thread_local! {
    static CURRENT: RefCell<Option<Rc<RefCell<Script>>>> = const { RefCell::new(None) };
}

/// Lets `run` see this script as its host, and no longer than that, panic or not.
pub(crate) fn with_host<T>(script: &Rc<RefCell<Script>>, run: impl FnOnce() -> T) -> T {
    struct Restore(Option<Rc<RefCell<Script>>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(Rc::clone(script))));
    run()
}

fn host<T>(call: impl FnOnce(&mut Script) -> T) -> T {
    let script = CURRENT.with_borrow(Clone::clone).expect(
        "outside WebAssembly there is no host: call the handler by \
         `phonebox_sdk::test::Host::run`",
    );
    call(&mut script.borrow_mut())
}

pub(crate) fn secret_names() -> Vec<String> {
    host(|script| script.secret_names())
}

pub(crate) fn secret(name: &str) -> Option<String> {
    host(|script| script.secret(name))
}

pub(crate) fn cache_get(key: &str) -> Option<String> {
    host(|script| script.cache_get(key))
}

pub(crate) fn cache_set(key: &str, value: &str, ttl: Duration) -> Result<(), cache::Error> {
    host(|script| script.cache_set(key, value, ttl))
}

pub(crate) fn cache_delete(key: &str) -> Result<(), cache::Error> {
    host(|script| script.cache_delete(key))
}

pub(crate) fn log(level: Level, message: &str) {
    host(|script| script.log(level, message));
}

pub(crate) fn send(request: Prepared) -> Result<Response, Error> {
    host(|script| script.send(request))
}
