//! What the README promises is shown by tests that are there, and each promise has a mutant that
//! fits the sources: a change that breaks it, which `tests/mutants/run` makes to see a test fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Each promise with the files that show it.
fn promises() -> Vec<(String, Vec<String>)> {
    let readme = read("README.md");
    let section = readme.split("\n## What is promised\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let promises: Vec<_> = rows
        .skip(1)
        .map(|row| {
            let (promise, shown) = row[2..].split_once(" | ").unwrap();
            let files = shown.split('`').skip(1).step_by(2).map(str::to_owned);
            (promise.to_owned(), files.collect())
        })
        .collect();
    assert!(promises.len() >= 10, "{}", promises.len());
    promises
}

struct Mutant {
    name: String,
    promise: String,
    test: Vec<String>,
    patch: String,
}

fn mutants() -> Vec<Mutant> {
    let entries = fs::read_dir(root().join("tests/mutants")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let patches = paths.filter(|path| path.extension().is_some_and(|end| end == "patch"));
    let mutant = |path: PathBuf| {
        let whole = fs::read_to_string(&path).unwrap();
        let (header, patch) = whole.split_once("\n\n").unwrap();
        let field = |name: &str| {
            let value = header.lines().find_map(|line| line.strip_prefix(name));
            value.unwrap_or_else(|| panic!("{} has no {name}", path.display()))
        };
        let test = field("Test: cargo test ").split(' ').map(str::to_owned);
        field("Mutant: ");
        Mutant {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            promise: field("Promise: ").to_owned(),
            test: test.collect(),
            patch: patch.to_owned(),
        }
    };
    patches.map(mutant).collect()
}

#[test]
fn every_promise_is_shown_by_tests_that_are_there() {
    for (promise, files) in promises() {
        assert!(!files.is_empty(), "{promise}");
        for file in files {
            // What measures has no test in it.
            let is_there = file.starts_with("benches/") || read(&file).contains("#[test]");
            assert!(is_there && root().join(&file).exists(), "{promise}: {file}");
        }
    }
}

#[test]
fn every_promise_has_a_mutant_and_every_mutant_a_test_of_its_promise() {
    let promises = promises();
    let broken: BTreeSet<_> = mutants().into_iter().map(|mutant| mutant.promise).collect();
    let known: BTreeSet<_> = promises
        .iter()
        .map(|(promise, _)| promise.clone())
        .collect();
    assert_eq!(broken, known);
    for mutant in mutants() {
        let (_, files) = promises
            .iter()
            .find(|(promise, _)| *promise == mutant.promise)
            .unwrap();
        let shows = files.iter().any(|file| is_in(&mutant.test, file));
        assert!(
            shows,
            "{}: {:?} is not in {files:?}",
            mutant.name, mutant.test
        );
    }
}

/// Whether what cargo is told to run is a test of this file.
fn is_in(test: &[String], file: &str) -> bool {
    let filter = test.last().unwrap();
    let name = if let Some(at) = test.iter().position(|word| word == "--test") {
        let name = &test[at + 1];
        let is_in_folder = file.starts_with(&format!("tests/{name}/"));
        (is_in_folder || file == format!("tests/{name}.rs")).then_some(&filter[..])
    } else {
        assert_eq!(test[0], "--lib");
        let module = file.strip_prefix("src/").unwrap_or_default();
        let module = module.trim_end_matches(".rs").replace('/', "::");
        let rest = filter.strip_prefix(&module).filter(|_| !module.is_empty());
        rest.map(|rest| rest.rsplit("::").next().unwrap())
    };
    // All tests of a module have no name.
    name.is_some_and(|name| {
        name.is_empty() || name == "tests" || read(file).contains(&format!("fn {name}"))
    })
}

/// The same rule as in `tests/mutants/run`: what a change replaces stands once in its file.
#[test]
fn every_mutant_fits_the_sources() {
    for Mutant { name, patch, .. } in mutants() {
        let mut hunks = 0;
        for change in patch.split("--- a/").skip(1) {
            let (_, rest) = change.split_once("\n+++ b/").unwrap();
            let (file, body) = rest.split_once('\n').unwrap();
            let mut text = read(file);
            for hunk in format!("\n{body}").split("\n@@ ").skip(1) {
                let lines: Vec<_> = hunk
                    .lines()
                    .skip(1)
                    .filter(|line| !line.is_empty())
                    .collect();
                let of = |mark: char| {
                    let lines = lines.iter().filter(|line| line.starts_with([' ', mark]));
                    lines.fold(String::new(), |text, line| text + &line[1..] + "\n")
                };
                let (before, after) = (of('-'), of('+'));
                assert_ne!(before, after, "{name}");
                assert_eq!(
                    text.matches(&before).count(),
                    1,
                    "{name} does not fit {file}"
                );
                text = text.replace(&before, &after);
                hunks += 1;
            }
        }
        assert!(hunks > 0, "{name} changes nothing");
    }
}
