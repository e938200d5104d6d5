#![cfg(unix)]
//! The README's promises: its shell blocks run and print something, and the flags it names exist.

use std::fs;
use std::path::Path;
use std::process::Command;

const MARK: &str = "<!-- test: uses -->\n```sh\n";

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// Runs a block in a copy of the samples, with the program on the path.
fn run(block: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    std::os::unix::fs::symlink(samples, folder.path().join("samples")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_citesift")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", block])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", program.display()))
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{block}\n{messages}");
    let mut found = output.stdout;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            found.extend(fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn every_use_runs_and_gives_something() {
    let readme = readme();
    let blocks: Vec<_> = readme
        .split(MARK)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 3, "{} uses", blocks.len());
    for block in blocks {
        assert!(!run(block).is_empty(), "{block}");
    }
}

#[test]
fn every_flag_that_is_named_exists() {
    let help = Command::new(env!("CARGO_BIN_EXE_citesift"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let readme = readme();
    let flags = readme.split("`--").skip(1);
    let flags = flags.filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '-')?;
        Some(&rest[..end])
    });
    let mut checked = 0;
    for flag in flags {
        assert!(help.contains(&format!("--{flag}")), "--{flag}");
        checked += 1;
    }
    assert!(checked > 5, "{checked} flags");
}
