//! The program itself, in a folder and a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder to work in. Builds share what the test guests have built, so that dependencies are compiled once; so two tests
/// at once must not build packages of one name.
pub(crate) struct Desk {
    dir: tempfile::TempDir,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, and the folders that it lies in.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phonebox"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env(
                "PHONEBOX_HOME",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("home"),
            )
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("../guests"),
            )
            .env("NO_COLOR", "1")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let Output {
            status,
            stdout,
            stderr,
        } = self.command(arguments).output().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Runs with `--output json` and reads the one line that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let ran = self.run(&[&["--output", "json"], arguments].concat());
        let value = serde_json::from_str(&ran.stdout);
        (
            ran.code,
            value.unwrap_or_else(|error| panic!("{arguments:?}: {error}: {ran:?}")),
        )
    }
}

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}
