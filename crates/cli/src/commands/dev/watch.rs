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
    /// What its builds read beside what every build does.
    sources: Vec<PathBuf>,
    seen: Seen,
}

impl Changes {
    pub(super) fn new(folder: &Path, sources: Vec<PathBuf>) -> Self {
        Self {
            folder: folder.to_owned(),
            seen: look(folder, &sources),
            sources,
        }
    }

    /// Looks at these files, too. What has changed meanwhile of the others is still to be told.
    pub(super) fn include(&mut self, sources: Vec<PathBuf>) {
        for path in sources {
            if !self.sources.contains(&path) {
                if !self.seen.iter().any(|(seen, ..)| *seen == path) {
                    file(path.clone(), &mut self.seen);
                }
                self.sources.push(path);
            }
        }
        self.seen.sort();
    }

    /// Waits until the source differs from how it was when this last returned, and has been at rest for one look: editors
    /// write a file in several steps.
    pub(super) async fn next(&mut self) {
        let mut before = self.seen.clone();
        loop {
            tokio::time::sleep(EVERY).await;
            let now = look(&self.folder, &self.sources);
            if now != self.seen && now == before {
                self.seen = now;
                return;
            }
            before = now;
        }
    }
}

/// The files that a build depends on.
fn look(folder: &Path, sources: &[PathBuf]) -> Seen {
    let mut seen = Seen::new();
    for name in [
        "action.js",
        "action.toml",
        "action.ts",
        "build.rs",
        "Cargo.toml",
        "package.json",
        "tsconfig.json",
    ] {
        file(folder.join(name), &mut seen);
    }
    for path in sources {
        file(path.clone(), &mut seen);
    }
    // A folder that cannot be read looks empty: its build will say why.
    let _unreadable = below(&folder.join("src"), &mut seen);
    seen.sort();
    seen.dedup_by(|one, other| one.0 == other.0);
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
