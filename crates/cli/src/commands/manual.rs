//! What shells and `man` want to know of the commands.

use std::path::Path;

use clap::CommandFactory as _;

use crate::args::Arguments;
use crate::failure::{Code, Failure};

#[expect(clippy::unnecessary_wraps, reason = "as every command")]
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Code, Failure> {
    let mut command = Arguments::command();
    clap_complete::generate(shell, &mut command, "phonebox", &mut std::io::stdout());
    Ok(Code::Ok)
}

pub(super) fn pages(folder: &Path) -> Result<Code, Failure> {
    clap_mangen::generate_to(Arguments::command(), folder)
        .map_err(|error| Failure::file("cannot write to", folder, &error))?;
    Ok(Code::Ok)
}
