//! The folders under `samples/`, for tests that run all of them.

use std::fs;
use std::path::{Path, PathBuf};

pub const FEWEST_CASES: usize = 20;

/// The program that is tested: one that was built elsewhere, such as a released one, where
/// `CITESIFT_PROGRAM` names it.
pub fn program() -> PathBuf {
    let named = std::env::var_os("CITESIFT_PROGRAM");
    named.map_or_else(|| env!("CARGO_BIN_EXE_citesift").into(), PathBuf::from)
}

/// Every case that this build can read, by name.
pub fn cases() -> Vec<PathBuf> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let entries = fs::read_dir(samples).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut cases: Vec<_> = paths
        .filter(|path| path.is_dir() && !path.ends_with("recipes") && !path.ends_with("forms"))
        .filter(|path| cfg!(feature = "parquet") || !path.ends_with("container-parquet"))
        .collect();
    cases.sort();
    assert!(cases.len() >= FEWEST_CASES, "{} cases", cases.len());
    cases
}

/// The command line of a case.
pub fn arguments(case: &Path) -> Vec<String> {
    match fs::read_to_string(case.join("args")) {
        Ok(args) => args.lines().map(str::to_owned).collect(),
        Err(_) => vec!["input.txt".to_owned()],
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &copied),
            false => drop(fs::copy(&path, &copied).unwrap()),
        }
    }
}
