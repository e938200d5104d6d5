//! Faults in the environment, each injected for real: the run ends with a message that names what
//! failed, with the right exit code, and never with less than it says.
//!
//! Where a fault needs a privilege or a program that is missing, the test says loudly that it
//! checked nothing.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const PAGE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\n\nTitle\n\nHelp me understand this report\n\n\
    citations\nCited by 1 publication\n(1 citation statement)\nOrder By: Relevance\n\
    “…One.…”\nSection: Resultsmentioning\nconfidence: 99%";

/// The dump's pages; about 7 MB, so that its records fill every buffer on their way.
const PAGES: usize = 30_000;

/// A folder with one page in `a.txt` and [`PAGES`] in `dump.txt`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), PAGE).unwrap();
    let page = |number| PAGE.replace("10.5555/x", &format!("10.5555/{number}")) + "\n";
    let dump: String = (0..PAGES).map(page).collect();
    fs::write(folder.path().join("dump.txt"), dump).unwrap();
    folder
}

/// Runs a line of shell, in which `$citesift` is the program.
fn shell(line: &str, folder: &Path) -> Output {
    Command::new("sh")
        .args(["-c", line])
        .env("citesift", env!("CARGO_BIN_EXE_citesift"))
        .current_dir(folder)
        .output()
        .unwrap()
}

fn messages(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn lines(output: &[u8]) -> usize {
    output.split(|&byte| byte == b'\n').count() - 1
}

fn lines_of(path: &Path) -> usize {
    lines(&fs::read(path).unwrap())
}

#[test]
fn messages_that_nobody_can_read_change_nothing() {
    let folder = folder();
    for (line, code) in [
        ("$citesift a.txt -o out 2> /dev/full", 0),
        (
            "$citesift a.txt -o out --strict --max-rejects 0 2> /dev/full",
            0,
        ),
        ("$citesift no-such-file a.txt -o out 2> /dev/full", 1),
        ("$citesift a.txt --stats out -o out 2> /dev/full", 2),
        // A pipe that nobody reads.
        (
            "{ sleep 0.2; $citesift a.txt -o out; echo $? > code; } 2>&1 | :; while [ ! -s code ]; do sleep 0.1; done; exit $(cat code)",
            0,
        ),
    ] {
        let _ = fs::remove_file(folder.path().join("out"));
        let output = shell(line, folder.path());
        assert_eq!(output.status.code(), Some(code), "{line}");
        if code < 2 {
            assert_eq!(lines_of(&folder.path().join("out")), 1, "{line}");
        }
    }
}
