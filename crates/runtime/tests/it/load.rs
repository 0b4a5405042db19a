//! What can be loaded, what cannot, and what is kept of it.

use std::fs;
use std::path::PathBuf;

use phonebox_contract::Fault;
use phonebox_runtime::{CompiledCache, Config, OpenError, Origin, Runtime};
use phonebox_test_guests::NOOP;

fn runtime(compiled: Option<CompiledCache>) -> Runtime {
    let mut config = Config::new();
    config.places = 1;
    Runtime::new(&config, compiled).unwrap()
}

#[test]
fn what_is_no_action_is_refused_by_name() {
    let runtime = runtime(None);
    let wat = |text: &str| wat::parse_str(text).unwrap();
    let deliver_nothing = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func (export "deliver") (canon lift (core func $i "f"))))"#;
    for (what, bytes, expected) in [
        ("nothing", Vec::new(), "the component cannot be compiled"),
        (
            "text",
            b"hello".to_vec(),
            "the component cannot be compiled",
        ),
        (
            "a core module",
            wat("(module)"),
            "the component cannot be compiled",
        ),
        (
            "half a component",
            NOOP.bytes[..1000].to_vec(),
            "the component cannot be compiled",
        ),
        (
            "sockets and files",
            wat(r#"(component
                (import "wasi:sockets/tcp@0.2.0" (instance))
                (import "wasi:io/poll@0.2.0" (instance))
                (import "wasi:filesystem/types@0.2.0" (instance)))"#),
            "the component imports what actions may not use: wasi:sockets/tcp@0.2.0, \
             wasi:filesystem/types@0.2.0",
        ),
        (
            "another version",
            wat(r#"(component (import "phonebox:action/http@2.0.0" (instance)))"#),
            "the component imports what actions may not use: phonebox:action/http@2.0.0",
        ),
        (
            "no export",
            wat("(component)"),
            "the component does not fit the world phonebox:action/custom-phone-provider@1.0.0",
        ),
        (
            "another type",
            wat(deliver_nothing),
            "the component does not fit the world phonebox:action/custom-phone-provider@1.0.0",
        ),
    ] {
        let error = runtime.load("acme", &bytes).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with(expected), "{what}: {said}");
        assert_eq!(error.fault(), Fault::Action, "{what}");
        assert!(error.hint().is_some(), "{what}");
    }
}

struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn cache(&self, key: u8) -> CompiledCache {
        CompiledCache::open(&self.dir.path().join("code"), [key; 32]).unwrap()
    }

    fn load(&self, key: u8) -> Origin {
        runtime(Some(self.cache(key)))
            .load("acme", NOOP.bytes)
            .unwrap()
            .origin()
    }

    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(self.dir.path().join("code")).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "one component, one file");
        file
    }
}

#[test]
fn compiled_code_is_kept_and_loaded() {
    let folder = Folder::new();
    assert_eq!(folder.load(1), Origin::Compiled);
    assert_eq!(folder.load(1), Origin::Cache);
}

#[test]
fn what_is_not_authentic_is_compiled_anew() {
    let folder = Folder::new();
    assert_eq!(folder.load(1), Origin::Compiled);
    let good = fs::read(folder.file()).unwrap();
    let length = good.len();
    for (what, bad) in [
        ("magic", flipped(&good, 0)),
        ("authentication code", flipped(&good, 20)),
        ("code", flipped(&good, length / 2)),
        ("last byte", flipped(&good, length - 1)),
        ("truncated", good[..length - 1].to_vec()),
        ("longer", [&good[..], b"x"].concat()),
        ("only a header", good[..16].to_vec()),
        ("empty", Vec::new()),
    ] {
        fs::write(folder.file(), bad).unwrap();
        assert_eq!(folder.load(1), Origin::Compiled, "{what}");
        assert_eq!(folder.load(1), Origin::Cache, "{what}: mended");
    }
    assert_eq!(folder.load(2), Origin::Compiled, "another key");
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

#[cfg(unix)]
#[test]
fn links_are_not_followed_and_open_folders_are_refused() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let folder = Folder::new();
    assert_eq!(folder.load(1), Origin::Compiled);
    let elsewhere = folder.dir.path().join("elsewhere");
    fs::rename(folder.file(), &elsewhere).unwrap();
    let name = folder.dir.path().join("code");
    let loaded = runtime(Some(folder.cache(1)))
        .load("acme", NOOP.bytes)
        .unwrap();
    assert_eq!(loaded.origin(), Origin::Compiled);
    let file = folder.file();
    fs::remove_file(&file).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert_eq!(folder.load(1), Origin::Compiled, "a link to authentic code");

    fs::set_permissions(&name, fs::Permissions::from_mode(0o777)).unwrap();
    let error = CompiledCache::open(&name, [1; 32]).unwrap_err();
    assert!(matches!(error, OpenError::Writable), "{error}");
}
