//! The floors of the crate: a module names only modules below its own, nom, crossbeam,
//! indicatif and clap have one door each, and only the command line prints.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: &[&[&str]] = &[
    &["blank", "buffers", "durable", "meter", "pipeline", "place"],
    &["doi", "error", "model"],
    &["grammar", "split"],
    &["dedup", "input", "journal", "sink", "stats"],
    &["job"],
    &["merge", "progress", "summary", "verify"],
    &["report"],
    &["cli"],
];

const DOORS: &[(&str, &str)] = &[
    ("nom", "grammar"),
    ("crossbeam_channel", "pipeline"),
    ("indicatif", "progress"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("toml", "cli"),
    ("askama", "report"),
    ("object_store", "input"),
    ("quick_xml", "input"),
    ("tokio", "input"),
    ("reqwest", "input"),
    ("rustls", "input"),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file with its module's name, less the crate's two roots.
fn files() -> Vec<(String, PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![source()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let module = path
                .strip_prefix(source())
                .unwrap()
                .components()
                .next()
                .unwrap();
            let module = module
                .as_os_str()
                .to_str()
                .unwrap()
                .trim_end_matches(".rs")
                .to_owned();
            if module != "lib" && module != "main" {
                let text = fs::read_to_string(&path).unwrap();
                files.push((module, path, text));
            }
        }
    }
    assert!(files.len() > 20);
    files
}

fn floors() -> BTreeMap<&'static str, usize> {
    let numbered = FLOORS.iter().enumerate();
    numbered
        .flat_map(|(floor, modules)| modules.iter().map(move |&module| (module, floor)))
        .collect()
}

/// Words after `crate::` in the code; comments are not code.
fn named_modules(text: &str) -> Vec<&str> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .filter_map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        })
        .collect()
}

#[test]
fn a_module_names_only_floors_below_its_own() {
    let floors = floors();
    let mut named = 0;
    for (module, path, text) in files() {
        let floor = *floors
            .get(module.as_str())
            .unwrap_or_else(|| panic!("{module} has no floor"));
        for other in named_modules(&text) {
            let below = floors.get(other).is_some_and(|&below| below < floor);
            assert!(below || other == module, "{} names {other}", path.display());
            named += 1;
        }
    }
    assert!(named > 40, "the search finds what it should: {named}");
}

#[test]
fn libraries_with_one_door_are_named_behind_it_alone() {
    for (library, door) in DOORS {
        let uses = [format!("use {library}::"), format!("{library}::")];
        let named_in: Vec<_> = files()
            .into_iter()
            .filter(|(_, _, text)| uses.iter().any(|used| text.contains(used.as_str())))
            .map(|(module, ..)| module)
            .collect();
        assert!(
            !named_in.is_empty() && named_in.iter().all(|user| user == door),
            "{library}: {named_in:?}"
        );
    }
}

#[test]
fn only_the_command_line_prints() {
    for (module, path, text) in files() {
        let printed = ["println!", "eprint!", "dbg!", "print!("]
            .iter()
            .any(|print| text.contains(print));
        let in_doc_example = module == "job" && path.ends_with("records.rs");
        let may = matches!(module.as_str(), "cli" | "progress") || in_doc_example;
        assert!(!printed || may, "{} prints", path.display());
    }
}

#[test]
fn every_file_opens_with_why_it_exists() {
    for (_, path, text) in files() {
        assert!(text.starts_with("//! "), "{}", path.display());
    }
}
