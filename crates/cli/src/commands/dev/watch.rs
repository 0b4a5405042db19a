//! Changes to an action's source.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the files are looked at. They are few, and looking works on every file system; being told of changes does not,
/// and brings news of every file that a build merely reads.
const EVERY: Duration = Duration::from_millis(250);

/// What can be seen of a file without reading it: its name, when it changed, its length.
type Seen = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// An action's source, as it was when it was last looked at.
pub(super) struct Changes {
    folder: PathBuf,
    seen: Seen,
}

impl Changes {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            seen: look(folder),
        }
    }

    /// Waits until the source differs from how it was when this last returned, and has been at rest for one look: editors
    /// write a file in several steps.
    pub(super) async fn next(&mut self) {
        let mut before = self.seen.clone();
        loop {
            tokio::time::sleep(EVERY).await;
            let now = look(&self.folder);
            if now != self.seen && now == before {
                self.seen = now;
                return;
            }
            before = now;
        }
    }
}

/// The files that a build depends on.
fn look(folder: &Path) -> Seen {
    let mut seen = Seen::new();
    for name in ["action.js", "action.toml", "build.rs", "Cargo.toml"] {
        file(folder.join(name), &mut seen);
    }
    // A folder that cannot be read looks empty: its build will say why.
    let _unreadable = below(&folder.join("src"), &mut seen);
    seen.sort();
    seen
}

fn below(folder: &Path, seen: &mut Seen) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            below(&entry.path(), seen)?;
        } else {
            file(entry.path(), seen);
        }
    }
    Ok(())
}

fn file(path: PathBuf, seen: &mut Seen) {
    if let Ok(metadata) = fs::metadata(&path) {
        seen.push((path, metadata.modified().ok(), metadata.len()));
    }
}
