//! The `phonebox` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before there is a second thread: this program is its own compiler's jail, too.
    phonebox::jail::main(std::env::args_os()).unwrap_or_else(phonebox_cli::main)
}
