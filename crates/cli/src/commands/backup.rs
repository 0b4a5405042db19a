//! `phonebox backup`: a copy of all that a server has kept.

use phonebox::store::Sqlite;
use serde::Serialize;

use super::serve::DATABASE;
use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::project::kilobytes;

#[derive(Serialize)]
struct Made {
    file: std::path::PathBuf,
    bytes: u64,
}

/// Reads beside the server, which goes on writing: what is on disk at one moment. Nobody needs a key for it who may read the
/// folder.
pub(super) async fn run(arguments: &args::Backup, output: Output) -> Result<Code, Failure> {
    let (from, file) = (arguments.data.join(DATABASE), &arguments.file);
    std::fs::metadata(&from)
        .map_err(|error| Failure::file("there is nothing to copy in", &from, &error))?;
    if file.exists() {
        return Err(
            Failure::new(format!("there is something called {}", file.display()))
                .hint("a backup is a new file")
                .code(Code::Conflict),
        );
    }
    Sqlite::copy(from, file).await?;
    let bytes = std::fs::metadata(file)
        .map_err(|error| Failure::file("cannot read", file, &error))?
        .len();
    let size = kilobytes(usize::try_from(bytes).unwrap_or(usize::MAX));
    output.result(
        format!("{} ({size})", file.display()),
        &Made {
            file: file.clone(),
            bytes,
        },
    );
    output.say("it is worth nothing without the root keys: keep those, and elsewhere");
    Ok(Code::Ok)
}
