//! The `phonebox` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    phonebox_cli::main()
}
