//! Puts the guest SDK and the examples that `phonebox new` starts from into the program, so that it works without the
//! repository. Written as Rust source: a list of paths and contents for each. The Twilio example is compiled, too, and is the
//! built-in provider.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to a build script by its environment"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The target that makes components.
const TARGET: &str = "wasm32-wasip2";

fn main() {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let root = Path::new(&own).join("../..");
    let root = root.canonicalize().expect("the repository is there");
    let mut source = String::new();
    embed(&mut source, "SDK", &root.join("guest-sdk/rust"));
    for template in ["twilio", "twilio-verify", "generic-http"] {
        let folder = root.join(format!("examples/actions/{template}-rust"));
        embed(
            &mut source,
            &template.replace('-', "_").to_uppercase(),
            &folder,
        );
    }
    embed(&mut source, "TYPES", &root.join("guest-sdk/js/sdk"));
    for language in ["javascript", "typescript"] {
        let folder = root.join(format!("examples/actions/twilio-{language}"));
        let name = format!("TWILIO_{}", language.to_uppercase());
        embed(&mut source, &name, &folder);
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let twilio = component(&root.join("examples/actions/twilio-rust"), &out);
    writeln!(
        source,
        "pub(super) static TWILIO_COMPONENT: &[u8] = include_bytes!({:?});",
        twilio.to_string_lossy()
    )
    .expect("a String");
    fs::write(out.join("embedded.rs"), source).expect("OUT_DIR can be written to");
}

/// Compiles an example, with exactly what its lock file names. Cargo asks for the network only where it lacks some of that.
fn component(example: &Path, out: &Path) -> PathBuf {
    let target_dir = out.join("guests");
    let mut cargo = Command::new(std::env::var_os("CARGO").expect("cargo sets it"));
    cargo
        .current_dir(example)
        .args(["build", "--release", "--locked", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target_dir)
        .stdin(Stdio::null());
    // What the outer cargo says about its own compilations is not for the inner one.
    for variable in [
        "CARGO_BUILD_TARGET",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
    ] {
        cargo.env_remove(variable);
    }
    let built = cargo.output().expect("cargo can be started");
    let said = String::from_utf8_lossy(&built.stderr);
    let mend = if said.contains("target may not be installed") {
        format!("\nThe compilation target is missing: rustup target add {TARGET}")
    } else {
        String::new()
    };
    assert!(
        built.status.success(),
        "{} does not compile:\n{said}{mend}",
        example.display()
    );
    target_dir.join(TARGET).join("release/twilio.wasm")
}

/// Writes a constant with all files of a folder, and one with what identifies them.
fn embed(source: &mut String, name: &str, folder: &Path) {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let mut hasher = blake3::Hasher::new();
    writeln!(
        source,
        "pub(super) static {name}: Folder = Folder {{ files: &["
    )
    .expect("a String");
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let relative = file.strip_prefix(folder).expect("it was found there");
        hasher
            .update(relative.as_os_str().as_encoded_bytes())
            .update(b"\0");
        hasher
            .update(&fs::read(file).expect("the file can be read"))
            .update(b"\0");
        let (relative, file) = (relative.to_string_lossy(), file.to_string_lossy());
        writeln!(source, "    ({relative:?}, include_bytes!({file:?})),").expect("a String");
    }
    let hash = hasher.finalize().to_hex();
    writeln!(source, "], hash: {:?} }};", &hash[..16]).expect("a String");
}

/// All files of a folder and its folders, but what a build left there and what is this machine's own.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.expect("the folder can be read").path();
        let name = path
            .file_name()
            .expect("an entry has a name")
            .to_string_lossy()
            .into_owned();
        if [".cargo", ".git", "node_modules", "target"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
