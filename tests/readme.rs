#![cfg(unix)]
//! The promises of the README and of the book in `docs`: shell blocks run and print something, or
//! what is shown, and the flags that are named exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

const MARK: &str = "<!-- test: uses -->\n```sh\n";

/// A block that needs a store, which `tests/cloud` has.
const CLOUD: &str = "<!-- test: cloud -->\n```sh\n";

/// A block of shell, and one with what it prints.
const RECIPE: &str = "<!-- test: recipe -->\n```sh\n";

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The pages of the book, and its summary, each by its name.
fn book() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src");
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let page = |file: fs::DirEntry| {
        let name = file.file_name().into_string().unwrap();
        (name, fs::read_to_string(file.path()).unwrap())
    };
    files.map(page).collect()
}

/// A folder with the samples in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    std::os::unix::fs::symlink(samples, folder.path().join("samples")).unwrap();
    folder
}

/// What a block prints in a folder, with the program on the path, and the tools that stand beside a Python.
fn printed(block: &str, folder: &Path, python: Option<&Path>) -> Vec<u8> {
    let program = Path::new(env!("CARGO_BIN_EXE_citesift"));
    let path = std::env::var("PATH").unwrap();
    let folders = [Some(program), python].into_iter().flatten();
    let folders = folders.map(|file| file.parent().unwrap().to_path_buf());
    let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", block])
        .current_dir(folder)
        .env("PATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{block}\n{messages}");
    output.stdout
}

/// What a block prints and writes.
fn run(block: &str) -> Vec<u8> {
    let folder = folder();
    let mut found = printed(block, folder.path(), None);
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
    assert!(uses(&readme).count() >= 3);
    let book = book();
    for block in uses(&readme).chain(book.values().flat_map(|page| uses(page))) {
        assert!(!run(block).is_empty(), "{block}");
    }
}

fn uses(page: &str) -> impl Iterator<Item = &str> {
    let marked = page.split(MARK).skip(1);
    marked.map(|rest| rest.split("```").next().unwrap())
}

#[test]
fn every_flag_that_is_named_exists() {
    let help = Command::new(env!("CARGO_BIN_EXE_citesift"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut pages = book();
    pages.insert("README.md".to_owned(), readme());
    let flags = pages.values().flat_map(|page| page.split("`--").skip(1));
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

/// A Python that has what recipes need.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("CITESIFT_PYTHON").map(PathBuf::from);
    if python.is_none() {
        eprintln!("CITESIFT_PYTHON is not set: recipes with other tools were NOT checked");
    }
    python
}

#[test]
fn every_recipe_prints_what_is_shown() {
    let Some(python) = python() else { return };
    let checked = check_recipes(&readme(), Some(&python));
    assert!(checked >= 5, "{checked} recipes");
}

/// How many recipes of a page print what it shows, which are all of them.
fn check_recipes(page: &str, python: Option<&Path>) -> usize {
    let recipes: Vec<_> = page.split(RECIPE).skip(1).collect();
    for recipe in &recipes {
        let (block, rest) = recipe.split_once("```\n\n```text\n").unwrap();
        let expected = rest.split("```").next().unwrap();
        let found = printed(block, folder().path(), python);
        assert_eq!(String::from_utf8(found).unwrap(), expected, "{block}");
    }
    recipes.len()
}

#[test]
fn every_recipe_of_the_book_prints_what_is_shown() {
    let book = book();
    let checked: usize = book.values().map(|page| check_recipes(page, None)).sum();
    assert!(checked >= 15, "{checked} recipes");
}

#[test]
fn every_shell_block_of_the_book_is_marked() {
    for (name, page) in book() {
        let fences = page.lines().filter(|line| line.starts_with("```"));
        let opening: Vec<_> = fences.step_by(2).collect();
        assert!(
            opening
                .iter()
                // Those in Python are run by `python/tests`.
                .all(|&fence| matches!(fence, "```sh" | "```text" | "```python")),
            "{name}: {opening:?}"
        );
        let shell = opening.iter().filter(|&&fence| fence == "```sh").count();
        let marks = [MARK, RECIPE, CLOUD].map(|mark| page.matches(mark).count());
        let marked: usize = marks.iter().sum();
        assert_eq!(shell, marked, "{name}");
    }
}

#[test]
fn the_book_has_every_page_in_its_summary_and_every_page_that_is_linked() {
    let mut book = book();
    let linked = |page: &str| -> BTreeSet<String> {
        let links = page.split("](").skip(1);
        links
            .map(|rest| rest.split(')').next().unwrap().to_owned())
            .collect()
    };
    let summary = linked(&book.remove("SUMMARY.md").unwrap());
    assert_eq!(summary, book.keys().cloned().collect::<BTreeSet<_>>());
    for (name, page) in &book {
        assert!(linked(page).is_subset(&summary), "{name}");
    }
}

/// The types of all columns, as the three tools tell them.
const TYPES: &str = "\
for form in reports statements; do
  columns=$(citesift schema $form | jq -rf samples/recipes/duckdb.jq)
  duckdb -csv -c \"DESCRIBE FROM read_json('$form.ndjson', columns = $columns)\"
  duckdb -csv -c \"SELECT count(*), count(columns(*)) FROM read_json('$form.ndjson', columns = $columns)\" >&2
  PYTHONPATH=samples/recipes python3 -c \"
from records import read_pandas, scan_polars
print(scan_polars('$form.ndjson', '$form').collect().schema)
print(read_pandas('$form.ndjson', '$form').dtypes.to_dict())\"
done";

#[test]
fn types_do_not_depend_on_what_a_file_holds() {
    let Some(python) = python() else { return };
    let folder = folder();
    let of = |block: &str| {
        let block = format!("{block}\n{TYPES}");
        String::from_utf8(printed(&block, folder.path(), Some(&python))).unwrap()
    };
    let full = of("\
for form in reports statements; do
  citesift --quiet --emit $form --near 0.5 samples/*/input.txt -o $form.ndjson
done");
    let null = of("\
for form in reports statements; do
  nullable=$(citesift schema $form | jq -c '[.properties | to_entries[]
    | select((.value.type | arrays | index(\"null\")) or .value.anyOf) | .key]')
  jq -c --argjson nullable \"$nullable\" '. + ($nullable | map({(.): null}) | add)' $form.ndjson > null.ndjson
  mv null.ndjson $form.ndjson
done");
    assert!(full.contains("BIGINT") && full.contains("Int64"), "{full}");
    assert_eq!(full, null);
}
