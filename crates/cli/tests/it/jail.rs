//! The jail with its real child, which is this program.

use std::sync::Arc;

use phonebox::jail::Bounds;
use phonebox::{Config, Digest, Jail, LoadError, Runtime};
use phonebox_test_guests::NOOP;

const PROGRAM: &str = env!("CARGO_BIN_EXE_phonebox");

fn runtime(jail: Jail, fuel: Option<u64>) -> Runtime {
    let mut config = Config::new();
    config.places = 1;
    config.fuel = fuel;
    config.jail = Some(Arc::new(jail));
    Runtime::new(&config, None).unwrap()
}

fn bounds(cpu_seconds: u64, memory_mib: u64) -> Bounds {
    let mut bounds = Bounds::default();
    bounds.cpu_seconds = cpu_seconds;
    bounds.memory_mib = memory_mib;
    bounds
}

/// A component of one function, whose cost grows with the square of its size.
fn nested_loops(depth: usize) -> Vec<u8> {
    let body = format!("{}{}", "(loop ".repeat(depth), ")".repeat(depth));
    wat::parse_str(format!(
        "(component (core module (func (export \"f\") {body})))"
    ))
    .unwrap()
}

/// A component with a long list of table elements, each of which takes some kilobytes to compile.
fn elements(count: usize) -> Vec<u8> {
    let elements = "(item ref.null func)".repeat(count);
    wat::parse_str(format!(
        "(component (core module (table {count} funcref) (elem (i32.const 0) funcref {elements})))"
    ))
    .unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn everything_is_given_up() {
    let jail = Jail::new(PROGRAM, []);
    assert_eq!(jail.probe().unwrap(), Vec::<String>::new());
}

#[test]
fn what_it_makes_is_what_this_process_would_make() {
    for fuel in [None, Some(1_000_000)] {
        let runtime = runtime(Jail::new(PROGRAM, []), fuel);
        let action = runtime.load("acme", NOOP.bytes).unwrap();
        assert_eq!(action.digest(), Digest::of(NOOP.bytes));
        assert_eq!(runtime.occupancy().compiling, 0);
    }
}

#[test]
#[cfg(unix)]
fn what_costs_too_much_is_ended_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("phonebox");
    std::os::unix::fs::symlink(PROGRAM, &program).unwrap();
    let runtime = runtime(Jail::new(&program, []).bounds(bounds(1, 2048)), None);
    let load = |component: &[u8]| runtime.load("acme", component).unwrap_err();

    let endless = nested_loops(11_000);
    let error = load(&endless);
    assert_eq!(
        error.to_string(),
        "the component takes too much to compile: more than 1 s of computing"
    );
    assert!(error.hint().is_some());
    let damaged = &NOOP.bytes[..NOOP.bytes.len() / 2];
    assert!(matches!(load(damaged), LoadError::Invalid(_)));

    // No further child is asked about either of them.
    std::fs::remove_file(&program).unwrap();
    assert!(matches!(load(&endless), LoadError::TooCostly(_)));
    assert!(matches!(load(damaged), LoadError::Invalid(_)));
    assert!(matches!(load(NOOP.bytes), LoadError::Jail(_)));
}

#[test]
#[cfg(target_os = "linux")]
fn memory_is_bounded() {
    let jail = Jail::new(PROGRAM, []).bounds(bounds(30, 256));
    let error = runtime(jail, None)
        .load("acme", &elements(200_000))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the component takes too much to compile: more than 256 MiB of memory"
    );
}
