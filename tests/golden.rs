//! The golden cases: every folder under `samples/` is run as a user would run it, and its
//! output compared byte for byte, held against the schema, and read back.
//!
//! `CITESIFT_BLESS=1` rewrites the expected files; read the difference before you keep it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use citesift::Emit;
use citesift::model::{self, Report, StatementRow};

mod samples;
use samples::{FEWEST_CASES, arguments, cases, copy, program};

fn run(case: &Path, folder: &Path) -> Vec<u8> {
    copy(case, folder);
    let output = Command::new(program())
        .args(arguments(case))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {messages}", case.display());
    output.stdout
}

/// Compares, or rewrites where that is asked for.
fn expect(file: &Path, found: &[u8]) -> Result<(), String> {
    if std::env::var_os("CITESIFT_BLESS").is_some() {
        fs::write(file, found).unwrap();
    }
    let expected = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let text = String::from_utf8_lossy;
    (expected == found).then_some(()).ok_or_else(|| {
        format!(
            "{}:\n- {}\n+ {}",
            file.display(),
            text(&expected),
            text(found)
        )
    })
}

#[test]
fn every_case_gives_its_expected_output() {
    let mut wrong = Vec::new();
    for case in cases() {
        if cfg!(not(feature = "parquet")) && case.ends_with("container-parquet") {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let output = run(&case, folder.path());
        wrong.extend(expect(&case.join("expected.ndjson"), &output).err());
        for name in ["rejects", "duplicates"] {
            if let Ok(lines) = fs::read(folder.path().join(format!("{name}.ndjson"))) {
                let expected = case.join(format!("expected.{name}.ndjson"));
                wrong.extend(expect(&expected, &lines).err());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_expected_line_satisfies_the_schema_and_reads_back_the_same() {
    let reports = jsonschema::validator_for(model::schema(Emit::Reports).as_value()).unwrap();
    let rows = jsonschema::validator_for(model::schema(Emit::Statements).as_value()).unwrap();
    let mut lines = 0;
    for case in cases() {
        let are_rows = arguments(&case).iter().any(|arg| arg == "statements");
        let expected = fs::read_to_string(case.join("expected.ndjson")).unwrap();
        for line in expected.lines() {
            let value = serde_json::from_str(line).unwrap();
            let (schema, written) = match are_rows {
                true => (
                    &rows,
                    serde_json::from_str::<StatementRow>(line)
                        .map(|row| serde_json::to_string(&row)),
                ),
                false => (
                    &reports,
                    serde_json::from_str::<Report>(line)
                        .map(|report| serde_json::to_string(&report)),
                ),
            };
            assert!(schema.is_valid(&value), "{}: {line}", case.display());
            assert_eq!(written.unwrap().unwrap(), line, "{}", case.display());
            lines += 1;
        }
    }
    assert!(lines >= FEWEST_CASES);
}

#[test]
fn the_schema_refuses_what_is_no_record() {
    let schema = jsonschema::validator_for(model::schema(Emit::Reports).as_value()).unwrap();
    let case = &cases()[0];
    let line = fs::read_to_string(case.join("expected.ndjson")).unwrap();
    let record: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    assert!(schema.is_valid(&record));
    for key in record.as_object().unwrap().keys() {
        let mut without = record.clone();
        without.as_object_mut().unwrap().remove(key);
        assert!(!schema.is_valid(&without), "without {key}");
    }
}

#[test]
fn every_case_is_described_and_every_described_case_exists() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `"));
    let mut described: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
    described.sort_unstable();
    let cases = cases();
    let names: Vec<_> = cases
        .iter()
        .map(|case| case.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(described, names);
}
