//! Puts the guest SDK and the examples that `phonebox new` starts from into the program, so that it works without the
//! repository. Written as Rust source: a list of paths and contents for each.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to a build script by its environment"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
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
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("embedded.rs"), source).expect("OUT_DIR can be written to");
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
        if [".cargo", ".git", "target"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
