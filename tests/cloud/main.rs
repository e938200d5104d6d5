#![cfg(unix)]
//! Inputs in object stores and on the web give what local files give, also from servers that
//! answer badly; what cannot be read ends with a message, and nothing hangs.
//!
//! Servers by others (moto's for S3, Python's own for TLS) run where `CITESIFT_PYTHON` names a
//! Python with moto; the server of `server.rs` is always there.

mod faults;
mod google_azure;
mod interrupted;
mod lists;
mod others;
mod server;
mod stores;
#[path = "../world/mod.rs"]
mod world;

use std::path::Path;
use std::process::{Command, Output};

type Variable = (&'static str, String);

/// As [`run`], with values that only the test's servers know.
fn run_with(folder: &Path, environment: &[Variable], args: &[&str]) -> Output {
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    run(folder, &environment, args)
}

/// What is missing is said, and what is there, a page, is read.
fn is_said_to_be_missing(
    folder: &Path,
    environment: &[Variable],
    missing: &str,
    said: &str,
    there: &str,
) {
    let output = run_with(folder, environment, &["--quiet", missing, there]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(messages(&output), format!("citesift: {missing}: {said}\n"));
    assert_eq!(str::from_utf8(&output.stdout).unwrap().lines().count(), 1);
}

/// A run in a folder, in an environment that holds this alone.
fn run(folder: &Path, environment: &[(&str, &str)], args: &[&str]) -> Output {
    command(folder, environment, args).output().unwrap()
}

fn command(folder: &Path, environment: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(environment.iter().copied());
    command
}

/// What an output says where its sources have another name.
fn renamed(output: &[u8], from: &str, to: &str) -> String {
    let text = str::from_utf8(output).unwrap();
    text.replace(&format!("\"path\":\"{from}"), &format!("\"path\":\"{to}"))
}

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
