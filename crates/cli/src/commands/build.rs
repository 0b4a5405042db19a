use phonebox::{Action, Digest, Manifest};
use serde::Serialize;

use crate::args;
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::project::Project;

#[derive(Serialize)]
struct Built<'a> {
    path: String,
    digest: Digest,
    size: usize,
    manifest: &'a Manifest,
}

pub(super) fn run(arguments: &args::Project, output: Output) -> Result<Code, Failure> {
    let built = Project::open(&arguments.folder)?.build(output)?;
    let path = built.path.display().to_string();
    output.result(&path, &shown(&built.action, path.clone()));
    Ok(Code::Ok)
}

fn shown(action: &Action, path: String) -> Built<'_> {
    Built {
        path,
        digest: action.digest(),
        size: action.component().len(),
        manifest: action.manifest(),
    }
}
