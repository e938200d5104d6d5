//! The program: what was typed becomes a run, and what came of it an exit code.

use std::process::ExitCode;

use citesift::cli::{self, Closed};

/// Looked at before the standard library starts, which opens `/dev/null` in the place of what is
/// closed: nothing tells that apart from a `/dev/null` that was given.
#[cfg(unix)]
#[ctor::ctor]
static CLOSED: Closed = Closed::now();

#[cfg(not(unix))]
static CLOSED: &Closed = &Closed::NONE;

fn main() -> ExitCode {
    cli::main(*CLOSED)
}
