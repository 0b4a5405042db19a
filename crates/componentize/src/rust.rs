//! Building actions written in Rust, with the author's own cargo.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// The target that makes components.
pub const TARGET: &str = "wasm32-wasip2";

/// A Rust action's folder.
#[derive(Clone, Debug)]
pub struct Project {
    dir: PathBuf,
    /// Where the SDK's source is, for as long as it comes with phonebox instead of a registry.
    sdk: Option<PathBuf>,
    target_dir: Option<PathBuf>,
}

/// Why a project was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no cargo.
    #[error("cargo cannot be started")]
    NoCargo(#[source] io::Error),
    /// The compiler found something wrong. This is what it said.
    #[error("the action does not compile")]
    Compiler(String),
    /// It compiled, and to something else than one component.
    #[error("the build made no component")]
    NoComponent,
    /// The target is missing and cannot be installed. This is what rustup said.
    #[error("the compilation target {TARGET} is not installed and cannot be")]
    NoTarget(String),
    /// The component is there and cannot be read.
    #[error("the component that was built cannot be read")]
    Io(#[source] io::Error),
}

impl BuildError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoCargo(_) => "install Rust with rustup, and see that `cargo` is on the PATH",
            Self::Compiler(_) => "mend what the compiler says above",
            Self::NoComponent => "put crate-type = [\"cdylib\"] under [lib] in Cargo.toml",
            Self::NoTarget(_) => "install it with `rustup target add wasm32-wasip2`",
            Self::Io(_) => "see that target/ can be read",
        }
    }
}

impl Project {
    /// The project in a folder with a `Cargo.toml`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            sdk: None,
            target_dir: None,
        }
    }

    /// Takes the crates `phonebox-sdk` and `phonebox-sdk-macros` from the folders `sdk` and `macros` in here.
    #[must_use]
    pub fn sdk(mut self, path: impl Into<PathBuf>) -> Self {
        self.sdk = Some(path.into());
        self
    }

    /// Builds into this folder instead of the project's `target`.
    #[must_use]
    pub fn target_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.target_dir = Some(path.into());
        self
    }

    /// Builds in release mode and reads the component. Blocks for as long as cargo takes.
    pub fn build(&self) -> Result<Vec<u8>, BuildError> {
        let mut cargo = self.cargo();
        cargo.args(["build", "--release", "--target", TARGET]);
        cargo.arg("--message-format=json-render-diagnostics");
        if let Some(target_dir) = &self.target_dir {
            cargo.arg("--target-dir").arg(target_dir);
        }
        let output = cargo
            .stdin(Stdio::null())
            .output()
            .map_err(BuildError::NoCargo)?;
        if !output.status.success() {
            return Err(BuildError::Compiler(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ));
        }
        let component = component(&output.stdout).ok_or(BuildError::NoComponent)?;
        std::fs::read(component).map_err(BuildError::Io)
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&self.dir);
        // What an outer cargo says about itself is not for the inner one.
        for variable in [
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTFLAGS",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_BUILD_TARGET",
        ] {
            cargo.env_remove(variable);
        }
        for (name, folder) in [("phonebox-sdk", "sdk"), ("phonebox-sdk-macros", "macros")] {
            if let Some(sdk) = &self.sdk {
                cargo.arg("--config").arg(patch(name, &sdk.join(folder)));
            }
        }
        cargo
    }
}

/// Whether the toolchain that the folder's projects use lacks the target. Where there is no toolchain, the build says so.
pub fn lacks_target(dir: &Path) -> bool {
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(dir)
        .output();
    let Ok(sysroot) = sysroot else { return false };
    let sysroot = String::from_utf8_lossy(&sysroot.stdout);
    !Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(TARGET)
        .join("lib")
        .is_dir()
}

/// Installs the target for the toolchain that the folder's projects use.
pub fn install_target(dir: &Path) -> Result<(), BuildError> {
    let rustup = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(dir)
        .output();
    match rustup {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(BuildError::NoTarget(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )),
        Err(error) => Err(BuildError::NoTarget(format!(
            "rustup cannot be started: {error}"
        ))),
    }
}

fn patch(name: &str, path: &Path) -> OsString {
    // A TOML literal string, so that a path needs no escapes; a path with a quote in it is not worth more.
    let mut setting = OsString::from(format!("patch.crates-io.{name}.path='"));
    setting.push(path);
    setting.push("'");
    setting
}

/// The last component that cargo says it has built: that of the project itself.
fn component(messages: &[u8]) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let messages = messages.split(|byte| *byte == b'\n').rev();
    let messages = messages.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    let is_component = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "wasm")
    };
    messages
        .flat_map(|message| message.filenames)
        .find(is_component)
}
