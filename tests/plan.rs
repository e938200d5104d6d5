//! What is said before a run and after it: `--dry-run`, the summary and `--stats`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

const PAGE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\n\nTitle\n\nHelp me understand this report\n\n\
    citations\nCited by 1 publication\n(1 citation statement)\nOrder By: Relevance\n\
    “…One.…”\nSection: Resultsmentioning\nconfidence: 99%";

fn citesift(folder: &Path, args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
    command.args(args.split_whitespace());
    command.current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("x.txt", options).unwrap();
    archive.write_all(PAGE.as_bytes()).unwrap();
    archive.finish().unwrap().into_inner()
}

/// Inputs of several kinds, whose names say nothing true.
fn world() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("in")).unwrap();
    fs::write(at("in/a.zip"), PAGE).unwrap();
    let line = serde_json::json!({ "text": PAGE }).to_string() + "\n";
    fs::write(at("in/b.txt"), gzip(&gzip(line.as_bytes()))).unwrap();
    fs::write(at("in/c"), "WARC/1.0\r\n\r\n\r\n\r\n").unwrap();
    fs::write(at("list.json"), r#"[{"text": 1}]"#).unwrap();
    folder
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[test]
fn a_dry_run_lists_inputs_and_outputs_in_order_and_writes_nothing() {
    let world = world();
    let folder = world.path();
    fs::write(folder.join("bad.ndjson"), "earlier").unwrap();
    let before = names(folder);
    let files = "-o out.ndjson.gz --rejects bad.ndjson --stats stats.json --seen seen";
    let output = citesift(folder, &format!("--dry-run in - {files} --emit statements"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let size = fs::metadata(folder.join("in/b.txt")).unwrap().len();
    let page = PAGE.len();
    let expected = format!(
        "      size  kind            compression  input
     {page} B  text            none         in/a.zip
     {size} B  jsonl           gzip, gzip   in/b.txt
      16 B  warc            none         in/c
            not looked at                -

4 inputs, {total} B

would write
  out.ndjson.gz: records, one per statement; new
  bad.ndjson: what was refused; replaces what is there
  stats.json: the numbers of the run; new
  seen: a new store of what was seen
",
        total = page as u64 + size + 16,
    );
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(names(folder), before);

    let plan = text(&citesift(folder, "--dry-run in -o out").stdout);
    assert!(plan.contains("  out.journal: how far the run is"), "{plan}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("target", folder.join("link")).unwrap();
        let plan = text(&citesift(folder, "--dry-run in -o link").stdout);
        assert!(
            plan.contains("  target.journal: how far the run is"),
            "{plan}"
        );
    }
    let plan = text(&citesift(folder, "--dry-run in --format text").stdout);
    assert_eq!(plan.matches("  text ").count(), 3, "{plan}");
    assert!(
        plan.contains("  standard output: records, one per report page\n"),
        "{plan}"
    );
}

#[test]
fn a_dry_run_says_what_a_run_could_not_read_and_ends_as_it_would() {
    let world = world();
    fs::write(world.path().join("zip.gz"), gzip(b"PK\x05\x06")).unwrap();
    let program = [b"#!/bin/sh\nexit\n", &zip()[..]].concat();
    fs::write(world.path().join("program.ZIP"), program).unwrap();
    let inputs = "no-such-file list.json zip.gz program.ZIP in/c";
    let dry = citesift(world.path(), &format!("--dry-run {inputs}"));
    let run = citesift(world.path(), inputs);
    assert_eq!(dry.status.code(), Some(1));
    assert_eq!(run.status.code(), Some(1));
    let (plan, said) = (text(&dry.stdout), text(&run.stderr));
    assert!(
        plan.contains("5 inputs, 16 B, 4 of them cannot be read\n"),
        "{plan}"
    );
    let unread = plan
        .lines()
        .filter(|line| line.contains("cannot be read  "));
    let mut told = 0;
    for line in unread {
        let error = line
            .split_whitespace()
            .skip(3)
            .collect::<Vec<_>>()
            .join(" ");
        assert!(said.contains(&error), "{error}: {said}");
        told += 1;
    }
    assert_eq!(told, 4);
    let archive = citesift(world.path(), "--format zip program.ZIP");
    assert_eq!(archive.status.code(), Some(0));
    assert_eq!(text(&archive.stdout).lines().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_dry_run_takes_nothing_from_pipes() {
    let world = world();
    let citesift = env!("CARGO_BIN_EXE_citesift");
    let line = format!("mkfifo pipe; {citesift} --dry-run pipe -; cat");
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(world.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"all of it").unwrap();
    let output = text(&child.wait_with_output().unwrap().stdout);
    assert_eq!(output.matches("not looked at").count(), 2, "{output}");
    assert!(output.ends_with("all of it"), "{output}");
}

#[test]
fn what_a_run_would_refuse_a_dry_run_refuses() {
    let world = world();
    let made = citesift(
        world.path(),
        "in/a.zip -q --seen store --dedup run -o first",
    );
    assert!(made.status.success());
    let before = names(world.path());
    for args in [
        "in -o in/x",
        "in -o x.parquet",
        "in --seen s --dedup page -o x",
        "in/c --seen store --dedup text -o x",
        "in/c --seen list.json -o x",
        "in/c --seen list.json/store -o x",
        "list.json --seen in -o x",
    ] {
        let dry = citesift(world.path(), &format!("--dry-run {args}"));
        let run = citesift(world.path(), args);
        assert_eq!(
            (dry.status.code(), run.status.code()),
            (Some(2), Some(2)),
            "{args}"
        );
        assert!(dry.stdout.is_empty(), "{args}");
        assert_eq!(dry.stderr, run.stderr, "{args}");
    }
    let plan = text(&citesift(world.path(), "--dry-run in --seen store -o x").stdout);
    assert!(plan.contains("brought up to date"), "{plan}");
    assert_eq!(names(world.path()), before);
}

/// With commas, as the summary writes numbers.
fn shown(number: &Value) -> String {
    let digits = number.as_u64().unwrap().to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().collect();
    text(&groups.join(&b','))
}

#[test]
fn the_summary_and_the_stats_tell_the_same_and_the_summary_fits_a_screen() {
    let folder = tempfile::tempdir().unwrap();
    let page = |doi: u32| PAGE.replace("10.5555/x", &format!("10.5555/{doi}"));
    let mut dump = (0..1200).map(|n| page(n % 1100) + "\n").collect::<String>();
    dump.push_str(&page(7).replace("confidence", "odd line\nconfidence"));
    fs::write(folder.path().join("a.txt"), dump).unwrap();
    fs::write(folder.path().join("other"), "other text").unwrap();
    let bad = "{\"text\": broken DOI:\n{\"text\": 1, \"a\": \"DOI:\"}\n{\"a\": \"DOI:\"}\n";
    fs::write(folder.path().join("bad.jsonl"), bad).unwrap();
    let args = "a.txt other bad.jsonl missing --dedup run --sample 99% --skip 2 --stats s.json";
    let said = text(&citesift(folder.path(), args).stderr);
    let stats: Value =
        serde_json::from_slice(&fs::read(folder.path().join("s.json")).unwrap()).unwrap();
    let (pages, blocks) = (&stats["pages"], &stats["blocks"]);
    let count = |value: &Value| value.as_u64().unwrap();
    let removed = Value::from(count(&blocks["seen"]) - count(&blocks["kept"]));
    let summary: Vec<_> = said
        .lines()
        .skip_while(|line| !line.contains("became"))
        .collect();
    for (number, words) in [
        (&pages["emitted"], "report pages became"),
        (&stats["records"], "records: "),
        (&blocks["kept"], "statements kept"),
        (&removed, "removed as repeats"),
        (&pages["repeated"], "pages repeated"),
        (&pages["skipped"], "page skipped"),
        (&pages["passed_over"], "report pages passed over"),
        (&pages["unsampled"], "not looked into"),
        (&pages["rejected"], "pages rejected"),
        (&stats["rejects"]["invalid_json"], ""),
        (&stats["not_read"]["no_text"], "record NOT read"),
        (&stats["unrecognized_lines"], "lines unrecognized"),
    ] {
        assert!(count(number) > 0, "{words}: {stats}");
        let number = shown(number);
        let told = summary
            .iter()
            .any(|line| line.contains(words) && line.contains(&number));
        assert!(told, "{number} {words}: {said}");
    }
    assert!(summary.len() < 20, "{said}");
    assert!(
        summary.iter().all(|line| line.chars().count() <= 160),
        "{said}"
    );
    let seconds = format!("{:.2} s", stats["elapsed_seconds"].as_f64().unwrap());
    assert!(summary.concat().contains(&seconds), "{seconds}: {said}");
}

/// Whether a run is held up is seen from the side that does it.
#[test]
fn the_time_says_whether_the_source_or_the_reader_of_the_output_was_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let pages = (0..1000).map(|n| PAGE.replace("10.5555/x", &format!("10.5555/{n}")) + "\n");
    let dump = pages.collect::<String>();
    let pause = Duration::from_secs(1);
    for slow in ["source", "output"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
        command.args(["--stats", "s.json"]).current_dir(&folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut run = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut input = run.stdin.take().unwrap();
        if slow == "source" {
            sleep(pause);
        }
        input.write_all(dump.as_bytes()).unwrap();
        drop(input);
        if slow == "output" {
            sleep(pause);
        }
        let output = run.wait_with_output().unwrap();
        let stats: Value =
            serde_json::from_slice(&fs::read(folder.path().join("s.json")).unwrap()).unwrap();
        assert_eq!(stats["limit"], slow, "{stats}");
        let stages = &stats["stages"];
        let held = stages[format!("{slow}_seconds")].as_f64().unwrap();
        assert!(held > 0.5 * pause.as_secs_f64(), "{stats}");
        for stage in ["reader", "parsers", "deduplicator", "writer"] {
            let stage = &stages[stage];
            assert!(stage["threads"].as_u64() >= Some(1), "{stats}");
            assert!(stage["busy_seconds"].as_f64() < Some(held), "{stats}");
            assert!(stage["waiting_seconds"].as_f64() > Some(0.0), "{stats}");
        }
        let said = text(&output.stderr);
        assert!(said.contains(&format!("; the limit: {slow}.")), "{said}");
        let shown = format!("{slow} {held:.2} s");
        assert!(said.contains(&shown), "{shown}: {said}");
    }
}
