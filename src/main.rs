//! The program: what was typed becomes a run, and what came of it an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    citesift::cli::main()
}
