//! The child's side: everything here runs in the process that compiles.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use wasmtime::Engine;

use super::{ARGUMENT, Bounds, CPU, FUEL, MEMORY, PROBE, restrict};
use crate::runtime::compiler_config;

/// Ends a child whose component cannot be compiled. Its standard error says why.
pub(super) const INVALID: u8 = 3;

/// The whole life of a child that compiles, if that is what these arguments ask for: compiles the component on its standard
/// input and gives how the process ends. None for any other arguments.
///
/// To be called first thing in `main`, with the process's arguments, the program's name included: threads that are there already would
/// not be held by what holds this one.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()?.to_str() != Some(ARGUMENT) {
        return None;
    }
    let settings: Vec<String> = arguments
        .filter_map(|setting| setting.into_string().ok())
        .collect();
    let has = |setting: &str| settings.iter().any(|given| given == setting);
    let number = |setting: &str| {
        let given = settings
            .iter()
            .find_map(|given| given.strip_prefix(setting));
        given.and_then(|number| number.parse().ok())
    };
    let bounds = Bounds {
        cpu_seconds: number(CPU)?,
        memory_mib: number(MEMORY)?,
        ..Bounds::default()
    };
    let mut missing = restrict::restrict(bounds);
    let result = if has(PROBE) {
        missing.extend(restrict::still_possible());
        io::stdout().write_all(missing.join("\n").as_bytes())
    } else {
        match compile(has(FUEL)) {
            Ok(code) => io::stdout().write_all(&code),
            Err(error) => {
                // The parent reads it, and a parent that is gone needs no message.
                drop(write!(io::stderr(), "{error:#}"));
                return Some(ExitCode::from(INVALID));
            }
        }
    };
    // What was not written whole must not be taken for code.
    Some(match result.and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}

fn compile(fuel: bool) -> wasmtime::Result<Vec<u8>> {
    let mut component = Vec::new();
    io::stdin().read_to_end(&mut component)?;
    let mut config = compiler_config(fuel);
    // Threads cannot be started in here.
    config.parallel_compilation(false);
    Engine::new(&config)?.precompile_component(&component)
}
