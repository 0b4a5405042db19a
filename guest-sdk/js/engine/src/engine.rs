use std::cell::OnceCell;
use std::ffi::CString;

use rquickjs::{
    Array, CatchResultExt as _, CaughtError, Context, Ctx, Error, Function, Object, Persistent,
    Runtime, Value, qjs,
};

use crate::bindings::phonebox::action::log;
use crate::bindings::phonebox::action::types::{Outcome, RetryRequest};
use crate::bindings::phonebox::javascript::engine::{self as host, BuildError, Ended};
use crate::host::Exports;

/// What the interpreter may use of the stack in memory, in bytes. The machine's own stack is the host's, and larger for what
/// this much of the other needs: so a recursion without end is an error that can be caught.
const STACK: usize = 240 << 10;
/// Up to here, in bytes, no cycles of garbage are looked for: it takes longer than most runs do.
const GARBAGE: usize = 8 << 20;
/// The name of an action's file, as stacks have it.
const FILE: &str = "action.js";
/// Put around a source, so that its first line is line 1: a script cannot begin with line 0, but it can with -1.
const BEFORE: &str = "\n(function (exports, require, module, __filename, __dirname) {\n";
const AFTER: &str = "\n})";
/// The same around a module that actions share: it has its secrets in `actions`.
const BEFORE_MODULE: &str =
    "\n(function (exports, require, module, __filename, __dirname, actions) {\n";

/// The parts of the prelude, in order.
const PRELUDE: &[(&str, &str)] = &[
    ("phonebox:base", include_str!("prelude/base.js")),
    ("phonebox:inspect", include_str!("prelude/inspect.js")),
    ("phonebox:console", include_str!("prelude/console.js")),
    ("phonebox:timers", include_str!("prelude/timers.js")),
    ("phonebox:abort", include_str!("prelude/abort.js")),
    ("phonebox:url", include_str!("prelude/url.js")),
    ("phonebox:intl", include_str!("prelude/intl.js")),
    ("phonebox:buffer", include_str!("prelude/buffer.js")),
    ("phonebox:crypto", include_str!("prelude/crypto.js")),
    ("phonebox:fetch", include_str!("prelude/fetch.js")),
    ("phonebox:modules", include_str!("prelude/modules.js")),
    ("phonebox:action", include_str!("prelude/action.js")),
];

/// Packages that actions use: as their authors publish them, made one file by `build`, or written for phonebox.
const PACKAGES: &[(&str, &str, &str)] = &[
    ("aws", "phonebox:aws", include_str!("packages/aws.js")),
    (
        "aws4",
        "phonebox:aws4",
        include_str!("../node_modules/.bundled/aws4.js"),
    ),
    (
        "axios",
        "phonebox:axios",
        include_str!("../node_modules/.bundled/axios.js"),
    ),
    (
        "jsonwebtoken",
        "phonebox:jsonwebtoken",
        include_str!("../node_modules/.bundled/jsonwebtoken.js"),
    ),
    (
        "twilio",
        "phonebox:twilio",
        include_str!("packages/twilio.js"),
    ),
    (
        "uuid",
        "phonebox:uuid",
        include_str!("../node_modules/.bundled/uuid.js"),
    ),
];

pub(crate) struct Engine {
    runtime: Runtime,
    context: Context,
    /// What the prelude's parts have of each other, and this of them.
    internals: Persistent<Object<'static>>,
}

/// The instance's one engine. It starts at the first call.
pub(crate) fn with<T>(call: impl FnOnce(&Engine) -> T) -> T {
    thread_local! {
        static ENGINE: OnceCell<Engine> = const { OnceCell::new() };
    }
    ENGINE.with(|engine| call(engine.get_or_init(Engine::start)))
}

impl Engine {
    fn start() -> Self {
        std::panic::set_hook(Box::new(|panic| {
            log::write(log::Level::Error, &panic.to_string());
        }));
        let runtime = Runtime::new().expect("there is memory for an empty engine");
        runtime.set_max_stack_size(STACK);
        runtime.set_gc_threshold(GARBAGE);
        // The interpreter asks now and then, and then throws what nothing can catch.
        runtime.set_interrupt_handler(Some(Box::new(host::exhausted)));
        let context = Context::full(&runtime).expect("there is memory for an empty context");
        let (internals, rejected) = context.with(|ctx| {
            let prelude = || -> rquickjs::Result<_> {
                let internals = Object::new(ctx.clone())?;
                let host = crate::host::object(&ctx)?;
                for (name, source) in PRELUDE {
                    let part: Function<'_> = evaluate(&ctx, name, source, 1)?;
                    part.call::<_, ()>((host.clone(), internals.clone()))?;
                }
                let rejected = internals.get::<_, Function<'_>>("rejected")?;
                let rejected = Persistent::save(&ctx, rejected);
                Ok((Persistent::save(&ctx, internals), rejected))
            };
            prelude()
                .catch(&ctx)
                .unwrap_or_else(|error| panic!("the prelude fails: {error}"))
        });
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            move |ctx, promise, reason, heard| {
                let rejected = rejected.clone().restore(&ctx);
                let noted = rejected.and_then(|rejected| rejected.call((promise, reason, heard)));
                // Without memory for it, the promise is as unheard of as before.
                noted.unwrap_or(());
            },
        )));
        Self {
            runtime,
            context,
            internals,
        }
    }

    pub(crate) fn load(
        &self,
        source: &str,
        modules: &[(String, String)],
    ) -> Result<(), BuildError> {
        self.call(|ctx, internals| {
            for (name, source) in modules {
                let file = format!("actions:{name}");
                let body = evaluate(ctx, &file, &format!("{BEFORE_MODULE}{source}{AFTER}"), -1)?;
                internals
                    .get::<_, Function<'_>>("addModule")?
                    .call::<_, ()>((file, body))?;
            }
            let module: Function<'_> =
                evaluate(ctx, FILE, &format!("{BEFORE}{source}{AFTER}"), -1)?;
            internals
                .get::<_, Function<'_>>("load")?
                .call::<_, ()>((module,))
        })?;
        self.run_jobs()?;
        self.call(|_, internals| {
            internals
                .get::<_, Function<'_>>("loaded")?
                .call::<_, ()>(())
        })
    }

    /// Throws away what is not used any more, so that it is not kept.
    pub(crate) fn rest(&self) {
        self.runtime.run_gc();
        // A registry of what was thrown away may want to know. Nobody would hear what goes wrong there.
        drop(self.run_jobs());
    }

    pub(crate) fn deliver(&self) -> Result<Outcome, String> {
        self.run().map_err(|error| error.message)
    }

    fn run(&self) -> Result<Outcome, BuildError> {
        self.call(|_, internals| {
            internals
                .get::<_, Function<'_>>("deliver")?
                .call::<_, ()>(())
        })?;
        loop {
            self.run_jobs()?;
            let wait: f64 =
                self.call(|_, internals| internals.get::<_, Function<'_>>("progress")?.call(()))?;
            if wait < 0.0 {
                return self.call(|_, internals| {
                    let outcome: Array<'_> =
                        internals.get::<_, Function<'_>>("outcome")?.call(())?;
                    let reason = outcome.get(1)?;
                    Ok(match outcome.get::<String>(0)?.as_str() {
                        "drop" => Outcome::Drop(reason),
                        "retry" => Outcome::Retry(RetryRequest {
                            reason,
                            after: None,
                        }),
                        _ => Outcome::Sent(None),
                    })
                });
            }
            if wait > 0.0
                && let Some(Ended { number, outcome }) = host::wait(wait as u32)
            {
                self.call(|_, internals| {
                    internals
                        .get::<_, Function<'_>>("ended")?
                        .call::<_, ()>((number, Exports(outcome)))
                })?;
            } else {
                self.call(|_, internals| {
                    internals.get::<_, Function<'_>>("fire")?.call::<_, ()>(())
                })?;
            }
        }
    }

    /// Runs what promises have to do.
    fn run_jobs(&self) -> Result<(), BuildError> {
        loop {
            match self.runtime.execute_pending_job() {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                // A promise keeps what its reactions throw; what comes out here is the engine's own, such as too little memory.
                Err(_) => self.call(|ctx, _| Err(ctx.throw(ctx.catch())))?,
            }
        }
    }

    fn call<T>(
        &self,
        call: impl for<'js> FnOnce(&Ctx<'js>, &Object<'js>) -> rquickjs::Result<T>,
    ) -> Result<T, BuildError> {
        self.context.with(|ctx| {
            let internals = self
                .internals
                .clone()
                .restore(&ctx)
                .expect("it is of this context");
            call(&ctx, &internals)
                .catch(&ctx)
                .map_err(|error| tell(&internals, error))
        })
    }
}

/// The body of a package that comes with the engine, as a function of `exports`, `require` and `module`.
pub(crate) fn package(ctx: Ctx<'_>, name: String) -> rquickjs::Result<Option<Function<'_>>> {
    let package = PACKAGES.iter().find(|(known, ..)| *known == name);
    package
        .map(|(_, file, source)| evaluate(&ctx, file, &format!("{BEFORE}{source}{AFTER}"), -1))
        .transpose()
}

/// Evaluates a script, whose first line has this number.
fn evaluate<'js>(
    ctx: &Ctx<'js>,
    file: &str,
    source: &str,
    line: i32,
) -> rquickjs::Result<Function<'js>> {
    let (file, source) = (CString::new(file)?, CString::new(source)?);
    let mut options = qjs::JSEvalOptions {
        version: qjs::JS_EVAL_OPTIONS_VERSION as i32,
        eval_flags: qjs::JS_EVAL_TYPE_GLOBAL as i32,
        filename: file.as_ptr(),
        line_num: line,
    };
    // SAFETY: both texts end with NUL and outlive the call; the value that it gives is owned.
    let value = unsafe {
        let value = qjs::JS_Eval2(
            ctx.as_raw().as_ptr(),
            source.as_ptr(),
            source.as_bytes().len() as _,
            &raw mut options,
        );
        if qjs::JS_IsException(value) {
            return Err(Error::Exception);
        }
        Value::from_raw(ctx.clone(), value)
    };
    value.get()
}

/// What went wrong, and where in the action's source.
fn tell<'js>(internals: &Object<'js>, error: CaughtError<'js>) -> BuildError {
    let message = match &error {
        CaughtError::Value(_) => "something was thrown that is no error".to_owned(),
        error => error.to_string(),
    };
    let thrown = match error {
        CaughtError::Exception(exception) => exception.into_object().into_value(),
        CaughtError::Value(value) => value,
        CaughtError::Error(_) => {
            return BuildError {
                id: "engine".to_owned(),
                message,
                module: None,
                line: None,
                column: None,
            };
        }
    };
    let describe = || -> rquickjs::Result<BuildError> {
        let told: Array<'_> = internals
            .get::<_, Function<'_>>("describe")?
            .call((thrown,))?;
        Ok(BuildError {
            id: told.get(0)?,
            message: told.get(1)?,
            line: told.get(2)?,
            column: told.get(3)?,
            module: told.get(4)?,
        })
    };
    // Where there is no memory or stack left to describe it with, or the action took away what that needs, it is told as the
    // engine has it.
    describe().unwrap_or(BuildError {
        id: "engine".to_owned(),
        message,
        module: None,
        line: None,
        column: None,
    })
}
