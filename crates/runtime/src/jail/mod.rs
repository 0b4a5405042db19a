//! Compiling what strangers upload: in a child process that can do nothing else and is not missed when it dies.
//!
//! Validation does not bound what compiling costs (a module of 23 KB can take seconds, one of 49 KB a third of a gigabyte),
//! and the compiler is a large program fed by an attacker. So each component is compiled in a process of its own, which is
//! this very program started anew: [`main`] is its whole life. It gives up files, network, processes and new
//! privileges before it reads the first byte, has bounds on memory and time, and says what it made on its standard output.

mod child;
mod gate;
mod restrict;

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

pub use child::main;

use self::gate::{Gate, Pass};
use crate::LoadError;
use crate::runtime::Digest;
use crate::sandbox::lock;

/// The first argument of the child. What follows are its settings.
const ARGUMENT: &str = "compile-in-jail";
const FUEL: &str = "--fuel";
const PROBE: &str = "--probe";
const CPU: &str = "--cpu-seconds=";
const MEMORY: &str = "--memory-mib=";

/// The most compiled code, in bytes, and how many times the size of the component it may be. Small components get
/// [`CODE_LEAST`].
const CODE: usize = 64 << 20;
const CODE_RATIO: usize = 40;
const CODE_LEAST: usize = 4 << 20;
/// How a Rust program ends that panicked.
const PANICKED: i32 = 101;
/// What is read of what it says on its standard error, in bytes.
const MESSAGE: u64 = 4096;
/// How long a component that was refused is remembered, and how many of them.
const REMEMBER: Duration = Duration::from_mins(10);
const REMEMBERED: usize = 1024;

/// Where components are compiled: in child processes, at most two at once, one for each tenant.
///
/// A component that cannot be compiled, or not within the [`Bounds`] and into code of at most 64 MiB and 40 times its own
/// size, is remembered for ten minutes and refused at once when it comes again.
pub struct Jail {
    program: PathBuf,
    arguments: Vec<OsString>,
    bounds: Bounds,
    gate: Gate,
    refused: Mutex<HashMap<Digest, (Instant, Refused)>>,
}

/// What compiling one component may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Bounds {
    /// Seconds of computing. Default: 30.
    pub cpu_seconds: u64,
    /// Seconds in all. Default: 60.
    pub seconds: u64,
    /// MiB of address space. Default: 2,048.
    pub memory_mib: u64,
}

/// Why a component was not compiled, as far as it is the component's fault.
#[derive(Clone)]
enum Refused {
    Invalid(String),
    TooCostly(String),
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            cpu_seconds: 30,
            seconds: 60,
            memory_mib: 2048,
        }
    }
}

impl Jail {
    /// A jail whose child is this very program, whose `main` calls [`jail::main`](main) before anything else. Linux finds the
    /// program also after its file was replaced by a newer one.
    pub fn this_program() -> io::Result<Self> {
        if cfg!(target_os = "linux") {
            return Ok(Self::new("/proc/self/exe", []));
        }
        Ok(Self::new(std::env::current_exe()?, []))
    }

    /// A jail whose child is another program, started with these arguments and then those of the jail. Its `main` hands those
    /// that follow its own to [`jail::main`](main).
    pub fn new(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
            bounds: Bounds::default(),
            gate: Gate::default(),
            refused: Mutex::default(),
        }
    }

    /// Sets what compiling one component may take.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Starts the child to see what holds it on this machine. Gives what is *not* held here, in words for
    /// the operator. Blocks for some milliseconds.
    pub fn probe(&self) -> io::Result<Vec<String>> {
        let done = self.start(&[PROBE], &[], CODE_LEAST)?;
        if !done.status.success() {
            let said = format!("{}: {}", done.status, done.said);
            return Err(io::Error::other(said));
        }
        let missing = String::from_utf8_lossy(&done.made);
        Ok(missing.lines().map(ToOwned::to_owned).collect())
    }

    /// How many components are being compiled.
    pub(crate) fn compiling(&self) -> usize {
        self.gate.inside()
    }

    /// Waits until this tenant may compile. Blocks.
    pub(crate) fn enter(&self, tenant: &str) -> Result<Pass<'_>, LoadError> {
        self.gate.enter(tenant).ok_or(LoadError::Busy)
    }

    /// Compiles a component, within the pass. Blocks.
    pub(crate) fn compile(
        &self,
        _: &Pass<'_>,
        digest: Digest,
        component: &[u8],
        fuel: bool,
    ) -> Result<Vec<u8>, LoadError> {
        if let Some(refused) = self.recall(digest) {
            return Err(refused.into());
        }
        let most = (component.len().saturating_mul(CODE_RATIO)).clamp(CODE_LEAST, CODE);
        let settings: &[&str] = if fuel { &[FUEL] } else { &[] };
        let done = self
            .start(settings, component, most)
            .map_err(LoadError::Jail)?;
        let refused = match done.verdict(self.bounds, most) {
            Ok(()) => return Ok(done.made),
            Err(None) => {
                let said = format!("{}: {}", done.status, done.said);
                return Err(LoadError::Jail(io::Error::other(said)));
            }
            Err(Some(refused)) => refused,
        };
        self.remember(digest, &refused);
        Err(refused.into())
    }

    fn recall(&self, digest: Digest) -> Option<Refused> {
        let refused = lock(&self.refused);
        let (when, refused) = refused.get(&digest)?;
        (when.elapsed() < REMEMBER).then(|| refused.clone())
    }

    fn remember(&self, digest: Digest, why: &Refused) {
        let mut refused = lock(&self.refused);
        if refused.len() >= REMEMBERED {
            refused.retain(|_, (when, _)| when.elapsed() < REMEMBER);
        }
        if refused.len() < REMEMBERED {
            refused.insert(digest, (Instant::now(), why.clone()));
        }
    }

    /// Starts the child, hands it its input, and reads what it makes until it ends or is over its bounds.
    fn start(&self, settings: &[&str], input: &[u8], most: usize) -> io::Result<Done> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg(ARGUMENT)
            .arg(format!("{CPU}{}", self.bounds.cpu_seconds))
            .arg(format!("{MEMORY}{}", self.bounds.memory_mib))
            .args(settings)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            command.current_dir("/");
        }
        let mut child = command.spawn()?;
        let (Some(mut stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("the child has no pipes"));
        };
        let child = Killed(Mutex::new(child));
        let wall = Duration::from_secs(self.bounds.seconds);
        std::thread::scope(|scope| {
            // A child that ends early closes its input, which is told by its status.
            scope.spawn(move || drop(stdin.write_all(input)));
            let said = scope.spawn(move || {
                let mut said = Vec::new();
                let read = stderr.by_ref().take(MESSAGE).read_to_end(&mut said);
                // What is too much is read and forgotten, so that the child does not hang on it.
                drop(read.and_then(|_| io::copy(&mut stderr, &mut io::sink())));
                String::from_utf8_lossy(&said).trim().to_owned()
            });
            let (ended, watch) = mpsc::channel::<()>();
            let watched = &child;
            let watchdog = scope.spawn(move || {
                let late = watch.recv_timeout(wall) == Err(mpsc::RecvTimeoutError::Timeout);
                if late {
                    watched.kill();
                }
                late
            });
            let mut made = Vec::new();
            let read = stdout.take(most as u64 + 1).read_to_end(&mut made);
            if made.len() > most {
                child.kill();
            }
            drop(ended);
            let late = watchdog.join().unwrap_or(true);
            let status = lock(&child.0).wait();
            let said = said.join().unwrap_or_default();
            read?;
            Ok(Done {
                status: status?,
                late,
                made,
                said,
            })
        })
    }
}

/// What became of a child.
struct Done {
    status: ExitStatus,
    /// Whether it was killed for being late.
    late: bool,
    made: Vec<u8>,
    said: String,
}

impl Done {
    /// Whether it compiled; otherwise why not, unless it is the platform's fault.
    fn verdict(&self, bounds: Bounds, most: usize) -> Result<(), Option<Refused>> {
        let too_costly = |what| Err(Some(Refused::TooCostly(what)));
        if self.late {
            return too_costly(format!("more than {} s", bounds.seconds));
        }
        if self.made.len() > most {
            return too_costly(format!("more than {most} bytes of code"));
        }
        match self.status.code() {
            Some(0) => return Ok(()),
            Some(code) if code == i32::from(child::INVALID) => {
                return Err(Some(Refused::Invalid(self.said.clone())));
            }
            // The compiler gave up on something that is valid. It would again.
            Some(PANICKED) => {
                tracing::error!(said = self.said, "the compiler panicked");
                let message = "the compiler cannot deal with it".to_owned();
                return Err(Some(Refused::Invalid(message)));
            }
            _ => {}
        }
        #[cfg(unix)]
        {
            use rustix::process::Signal;
            let signal = std::os::unix::process::ExitStatusExt::signal(&self.status);
            let is = |wanted: Signal| signal == Some(wanted.as_raw());
            if is(Signal::XCPU) || is(Signal::KILL) {
                return too_costly(format!("more than {} s of computing", bounds.cpu_seconds));
            }
            // How Rust ends when there is no memory left, and how a stack does.
            if is(Signal::ABORT) || is(Signal::SEGV) {
                return too_costly(format!("more than {} MiB of memory", bounds.memory_mib));
            }
        }
        Err(None)
    }
}

impl From<Refused> for LoadError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(message) => Self::Invalid(message),
            Refused::TooCostly(what) => Self::TooCostly(what),
        }
    }
}

/// A child that is killed when it is no longer waited for.
struct Killed(Mutex<Child>);

impl Killed {
    fn kill(&self) {
        // It fails only where the child has ended.
        drop(lock(&self.0).kill());
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.kill();
        drop(lock(&self.0).wait());
    }
}

impl std::fmt::Debug for Jail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jail")
            .field("program", &self.program)
            .field("compiling", &self.compiling())
            .finish_non_exhaustive()
    }
}
