//! Where the program keeps what it can make again: compiled code, the SDK, the built-in example. And the one place that
//! reads the environment.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use phonebox::{CompiledCache, OpenError};

use crate::failure::{Code, Failure};

/// The program's folder: `PHONEBOX_HOME`, or `phonebox` in the user's cache folder.
pub(crate) fn home() -> Result<PathBuf, Failure> {
    let home =
        variable("PHONEBOX_HOME").or_else(|| Some(variable("XDG_CACHE_HOME")?.join("phonebox")));
    let home = home.or_else(|| Some(variable("HOME")?.join(".cache/phonebox")));
    // Windows has this instead.
    let home = home.or_else(|| Some(variable("LOCALAPPDATA")?.join("phonebox")));
    home.ok_or_else(|| {
        Failure::new("there is no home folder to keep compiled code in")
            .hint("set PHONEBOX_HOME to a folder of yours")
            .code(Code::Unavailable)
    })
}

/// A variable of the environment; one that is empty is none.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line reads the environment, here"
    )]
    let value = std::env::var_os(name)?;
    (!value.is_empty()).then(|| value.into())
}

/// The cache of compiled code. Its key lies outside the folder that it vouches for.
pub(crate) fn compiled() -> Result<CompiledCache, Failure> {
    let code = home()?.join("code");
    CompiledCache::open(&code, code_key()?).map_err(|error| unusable(&code, &error))
}

/// The key that authenticates compiled code on this machine.
pub(crate) fn code_key() -> Result<[u8; 32], Failure> {
    let path = home()?.join("code.key");
    key(&path).map_err(|error| Failure::file("cannot read or make", &path, &error))
}

/// A folder that cannot hold compiled code.
pub(crate) fn unusable(folder: &Path, error: &OpenError) -> Failure {
    Failure::chain(error).hint(format!("see to {}, or remove it", folder.display()))
}

/// The key in a file that only its owner can read. Made at the first call.
fn key(path: &Path) -> io::Result<[u8; 32]> {
    let read = || {
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::mode(&fs::metadata(path)?) & 0o077 != 0 {
            return Err(io::Error::other(
                "others may read it; make its mode 0600, or remove it to have another one made",
            ));
        }
        let key = fs::read(path)?;
        key.try_into().map_err(|_| {
            io::Error::other("a key has 32 bytes; remove the file to have another one made")
        })
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read,
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    match write_new(path, &key) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(),
        written => written.map(|()| key),
    }
}

/// Makes a folder that only its owner can look into, if it is not there.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a file, or empties one, that only its owner can read.
pub(crate) fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    private_file(path)?.write_all(text.as_bytes())
}

/// Makes a file with all its content at once, readable by its owner alone.
fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    private_file(&temporary)?.write_all(content)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    linked
}
