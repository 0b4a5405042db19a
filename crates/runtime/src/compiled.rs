use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::Digest;

/// Begins every file. Its end is the version of the layout.
const MAGIC: &[u8; 16] = b"phonebox-code\0\0\x01";
const MAC_LENGTH: usize = 32;

/// A folder of compiled code, so that a component is compiled once for each engine.
///
/// Loading compiled code is trusting it wholly. So a file is loaded only if its authentication code, made with a key of
/// this host over the component's digest, the engine and the code, is right. The code is copied first, and the copy is
/// checked and loaded: what was checked is what runs. The component remains the source of truth; what is wrong here is compiled
/// anew.
pub struct CompiledCache {
    dir: Dir,
    key: [u8; 32],
}

/// Names one piece of compiled code.
#[derive(Clone, Copy, Debug)]
pub struct CacheKey {
    pub(crate) digest: Digest,
    pub(crate) engine_hash: u64,
}

/// Why a folder cannot hold compiled code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder cannot be made or opened.
    #[error("the folder of compiled code cannot be opened")]
    Io(#[from] io::Error),
    /// Others may write to it.
    #[error(
        "the folder of compiled code may be written to by others than its owner; its mode should be 0700"
    )]
    Writable,
}

impl CompiledCache {
    /// Opens a folder, or makes it with mode 0700. The key authenticates what is in it; keep it elsewhere.
    pub fn open(path: &Path, key: [u8; 32]) -> Result<Self, OpenError> {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(path)?;
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path)?) & 0o022 != 0 {
            return Err(OpenError::Writable);
        }
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { dir, key })
    }

    /// The code under a key, if it is there, whole and authentic.
    pub(crate) fn load(&self, engine: &Engine, key: CacheKey) -> Option<Component> {
        let name = key.file_name();
        let file = match self.read(&name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(name, %error, "compiled code cannot be read; compiling anew");
                return None;
            }
        };
        let Some(code) = self.authenticate(key, &file) else {
            tracing::warn!(name, "compiled code is not authentic; compiling anew");
            return None;
        };
        self.load_trusted(engine, code)
            .inspect_err(|error| {
                tracing::warn!(name, %error, "compiled code cannot be loaded; compiling anew");
            })
            .ok()
    }

    /// Loads code of which it is known that our compiler made it: it was authenticated, or comes from the compiler just now.
    ///
    /// It is mapped from a file where that can be done, so that what of it lies idle is the system's to evict.
    pub(crate) fn load_trusted(&self, engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
        #[cfg(target_os = "linux")]
        if let Ok(file) = self.unnamed(code) {
            let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
            // SAFETY: the file holds `code`, which our compiler made. It has no name and is open nowhere else, so that nobody
            // changes it while it is mapped.
            #[expect(unsafe_code, reason = "precompiled code of our own is loaded")]
            let mapped = unsafe { Component::deserialize_file(engine, path) };
            match mapped {
                Ok(component) => return Ok(component),
                // A file system may forbid code, and /proc may be missing.
                Err(error) => tracing::debug!(%error, "compiled code cannot be mapped"),
            }
        }
        load_trusted(engine, code)
    }

    /// A file without a name in this folder.
    #[cfg(target_os = "linux")]
    fn unnamed(&self, content: &[u8]) -> io::Result<std::fs::File> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mut file = std::fs::File::from(openat(&self.dir, c".", flags, Mode::RUSR)?);
        file.write_all(content)?;
        Ok(file)
    }

    /// Keeps code under a key. Others see all of it or nothing.
    pub(crate) fn store(&self, key: CacheKey, code: &[u8]) -> io::Result<()> {
        let name = key.file_name();
        let temporary = format!("{name}.{}.{:x}.tmp", std::process::id(), unique());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = self
            .dir
            .open_with(&temporary, &options)
            .and_then(|mut file| {
                file.write_all(MAGIC)?;
                file.write_all(self.mac(key, code).as_bytes())?;
                file.write_all(code)?;
                file.sync_all()
            });
        written
            .and_then(|()| self.dir.rename(&temporary, &self.dir, &name))
            .inspect_err(|_| drop(self.dir.remove_file(&temporary)))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        // Whatever else lies there is not waited for.
        if !self.dir.symlink_metadata(name)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let mut file = self.dir.open_with(name, &options)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(length);
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn authenticate<'a>(&self, key: CacheKey, file: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, code) = file.strip_prefix(MAGIC)?.split_at_checked(MAC_LENGTH)?;
        // This comparison takes the same time whatever differs.
        (self.mac(key, code) == <[u8; MAC_LENGTH]>::try_from(mac).ok()?).then_some(code)
    }

    fn mac(&self, key: CacheKey, code: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(MAGIC)
            .update(key.file_name().as_bytes())
            .update(code);
        mac.finalize()
    }
}

/// [`CompiledCache::load_trusted`] where no folder is at hand.
pub(crate) fn load_trusted(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: our compiler made the code, see above; the engine checks that it was for this version and these settings, and
    // copies it.
    #[expect(unsafe_code, reason = "precompiled code of our own is loaded")]
    unsafe {
        Component::deserialize(engine, code)
    }
}

impl CacheKey {
    fn file_name(self) -> String {
        let digest = self.digest.to_string();
        format!(
            "{}-{:016x}.code",
            digest.trim_start_matches("sha256:"),
            self.engine_hash
        )
    }
}

impl fmt::Debug for CompiledCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledCache")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// A number that no other call in this process gets.
fn unique() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
