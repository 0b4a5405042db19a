//! Builds every guest as a component, so that `cargo test` needs no step before it, and writes a constant for each.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to a build script by its environment"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use phonebox_componentize::javascript;
use phonebox_componentize::rust::{self, TARGET};

fn main() {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let here = Path::new(&here);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let root = here
        .join("../..")
        .canonicalize()
        .expect("the repository is there");
    // Beside `debug` and `release`, so that all profiles share what was built: …/target/debug/build/NAME/out.
    let target_dir = out
        .ancestors()
        .nth(4)
        .expect("OUT_DIR is deep inside target")
        .join("guests");
    if rust::lacks_target(&root) {
        println!("cargo::warning=installing the compilation target {TARGET}");
        rust::install_target(&root).unwrap_or_else(|error| panic!("{error}: {}", error.hint()));
    }

    for shared in [
        "guest-sdk/wit",
        "guest-sdk/rust/sdk",
        "guest-sdk/rust/macros",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(shared).display());
    }
    let mut constants = String::new();
    for example in folders(&root.join("examples/actions")) {
        watch(&example);
        let component = rust::Project::new(&example)
            .target_dir(&target_dir)
            .build()
            .unwrap_or_else(|error| panic!("{}: {error}\n{error:?}", example.display()));
        let name = example
            .file_name()
            .expect("a folder has a name")
            .to_string_lossy()
            .into_owned();
        let path = out.join(format!("{name}.wasm"));
        std::fs::write(&path, component).expect("OUT_DIR can be written to");
        constant(&mut constants, &name, &path);
    }
    for package in folders(&here.join("components")) {
        watch(&package);
        let built = build_examples(&package, &target_dir);
        for name in built {
            let from = target_dir
                .join(TARGET)
                .join("release/examples")
                .join(format!("{name}.wasm"));
            let path = out.join(format!("{name}.wasm"));
            std::fs::copy(&from, &path)
                .unwrap_or_else(|error| panic!("{}: {error}", from.display()));
            constant(&mut constants, &name, &path);
        }
    }
    let path = out.join("javascript-engine.wasm");
    std::fs::write(&path, javascript::engine()).expect("OUT_DIR can be written to");
    constant(&mut constants, "javascript-engine", &path);
    std::fs::write(out.join("guests.rs"), constants).expect("OUT_DIR can be written to");
}

/// Builds a package's examples and gives their names: those of the files in its folder `examples`.
fn build_examples(package: &Path, target_dir: &Path) -> Vec<String> {
    let output = Command::new("cargo")
        .current_dir(package)
        .args([
            "build",
            "--release",
            "--examples",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(target_dir)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .output()
        .expect("cargo can be started");
    assert!(
        output.status.success(),
        "{}: {}",
        package.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let examples = std::fs::read_dir(package.join("examples")).expect("the package has examples");
    let mut names: Vec<String> = examples
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            path.file_stem()
                .expect("it has a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// The folders in a folder that are packages.
fn folders(parent: &Path) -> Vec<PathBuf> {
    println!("cargo::rerun-if-changed={}", parent.display());
    let entries =
        std::fs::read_dir(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .collect();
    folders.sort();
    folders
}

fn watch(package: &Path) {
    for part in [
        "src",
        "examples",
        "Cargo.toml",
        "Cargo.lock",
        "action.toml",
        "build.rs",
    ] {
        let part = package.join(part);
        if part.exists() {
            println!("cargo::rerun-if-changed={}", part.display());
        }
    }
}

fn constant(constants: &mut String, name: &str, path: &Path) {
    let constant = name.replace('-', "_").to_uppercase();
    let path = path.to_string_lossy();
    writeln!(
        constants,
        "/// The component built from `{name}`.\npub static {constant}: Guest = Guest {{ name: {name:?}, bytes: include_bytes!({path:?}) }};"
    )
    .expect("writing to a String never fails");
}
