//! `citesift schema`: the contract with programs that read the records. A copy of every version is
//! kept in `schemas/`, so that a schema that changes under an old version is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use citesift::model::SCHEMA_VERSION;
use serde_json::Value;

#[allow(dead_code)] // It can copy a case.
mod samples;
use samples::{FEWEST_CASES, arguments, cases, program};

fn printed(args: &[&str]) -> String {
    let output = Command::new(program())
        .args([&["schema"], args].concat())
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn schema(form: &str) -> Value {
    serde_json::from_str(&printed(&[form])).unwrap()
}

fn kept(form: &str) -> PathBuf {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    schemas.join(format!("{form}-{SCHEMA_VERSION}.json"))
}

#[test]
fn only_forms_that_are_json_are_offered() {
    assert!(!printed(&["--help"]).contains("cito"));
    let mut command = Command::new(program());
    let output = command.args(["schema", "cito"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    let offered = "[possible values: reports, statements]";
    assert!(said.contains(offered), "{said}");
}

#[test]
fn a_schema_that_changes_has_another_version() {
    assert_eq!(printed(&[]), printed(&["reports"]));
    for form in ["reports", "statements"] {
        let (found, path) = (printed(&[form]), kept(form));
        // One that is there is never written again.
        if std::env::var_os("CITESIFT_BLESS").is_some() && !path.exists() {
            fs::write(&path, &found).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == expected,
            "the schema of {form} is not that of {}: raise SCHEMA_VERSION in src/model/mod.rs, and \
             let CITESIFT_BLESS=1 keep the new one",
            path.display()
        );
        let id = format!("urn:citesift:{form}:{SCHEMA_VERSION}");
        assert_eq!(schema(form)["$id"], id.as_str());
    }
}

#[test]
fn every_line_of_every_golden_case_is_what_the_printed_schema_says() {
    let [reports, rows] = ["reports", "statements"].map(|form| {
        let schema = schema(form);
        assert!(jsonschema::meta::is_valid(&schema), "{form}");
        jsonschema::validator_for(&schema).unwrap()
    });
    let mut lines = 0;
    for case in cases() {
        let are_rows = arguments(&case).iter().any(|arg| arg == "statements");
        let (schema, other) = match are_rows {
            true => (&rows, &reports),
            false => (&reports, &rows),
        };
        let expected = fs::read_to_string(case.join("expected.ndjson")).unwrap();
        for line in expected.lines() {
            let value = serde_json::from_str(line).unwrap();
            let wrong: Vec<_> = schema.iter_errors(&value).map(|e| e.to_string()).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", case.display());
            assert!(!other.is_valid(&value), "{}", case.display());
            lines += 1;
        }
    }
    assert!(lines >= FEWEST_CASES);
}

/// Every property below a schema, with its name.
fn properties<'a>(schema: &'a Value, found: &mut Vec<(&'a str, &'a Value)>) {
    match schema {
        Value::Object(keys) => {
            for (key, value) in keys {
                if let ("properties", Value::Object(own)) = (&**key, value) {
                    found.extend(own.iter().map(|(name, property)| (&**name, property)));
                }
                properties(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| properties(value, found)),
        _ => {}
    }
}

#[test]
fn every_key_is_described_and_every_number_has_a_unit() {
    for form in ["reports", "statements"] {
        let schema = schema(form);
        let mut found = Vec::new();
        properties(&schema, &mut found);
        assert!(found.len() > 15, "{form}: {}", found.len());
        let mut numbers = 0;
        for (name, property) in found {
            let described = property["description"].as_str();
            assert!(
                described.is_some_and(|text| text.len() > 5),
                "{form}: {name}"
            );
            let is_number = |of: &Value| {
                let types = of["type"].to_string();
                types.contains("integer") || types.contains("number")
            };
            if is_number(property) || is_number(&property["items"]) {
                numbers += 1;
                assert!(property["unit"].is_string(), "{form}: {name}");
            }
        }
        assert!(numbers > 5, "{form}: {numbers}");
    }
}
