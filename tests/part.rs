//! A part of the pages, for a first look: the same part for any threads, batches and containers,
//! with columns that add up, and what is left out is not taken for seen.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use citesift::job::Sample;
use citesift::model::Report;
use citesift::stats::Stats;
use citesift::{Config, Input, run};
use serde_json::Value;
use tempfile::TempDir;

#[allow(dead_code)] // Its dumps of every kind.
mod world;

fn dump() -> (TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.txt");
    fs::write(&path, world::crawl(0..200, 6)).unwrap();
    let mut config = Config::new(vec![Input::Path(path)]);
    config.max_page = NonZeroUsize::new(20_000).unwrap();
    (folder, config)
}

fn lines(config: &Config) -> (Vec<String>, Stats) {
    let mut records = Vec::new();
    let summary = run(config, |output| {
        records.extend_from_slice(output.records);
        Ok(ControlFlow::Continue(()))
    });
    let text = String::from_utf8(records).unwrap();
    let lines = text.lines().map(str::to_owned).collect();
    (lines, summary.unwrap().stats)
}

#[test]
fn a_sample_is_a_part_of_the_whole_and_the_same_for_any_threads_and_batches() {
    let (_folder, mut config) = dump();
    let (whole, all) = lines(&config);
    config.sample = Some(Sample::new(30.0, 5));
    let (sample, stats) = lines(&config);
    let mut rest = whole.iter();
    assert!(sample.iter().all(|line| rest.any(|other| other == line)));
    assert!(sample.len() > 50 && sample.len() < 130, "{}", sample.len());
    let pages = &stats.pages;
    assert_eq!(
        (pages.seen, pages.skipped, pages.rejected),
        (all.pages.seen, all.pages.skipped, all.pages.rejected)
    );
    assert_eq!(pages.emitted + pages.unsampled, all.pages.emitted);
    assert_eq!(stats.bytes.pages + stats.bytes.left_out, all.bytes.pages);
    for (threads, batch) in [(1, 100), (3, 5000), (8, 1 << 20)] {
        config.threads = NonZeroUsize::new(threads).unwrap();
        config.batch = NonZeroUsize::new(batch).unwrap();
        assert_eq!(lines(&config), (sample.clone(), stats.clone()));
    }
}

/// What is in a record, less where it stands.
fn values(lines: &[String]) -> Vec<Report> {
    let reports = lines.iter().map(|line| {
        let mut report: Report = serde_json::from_str(line).unwrap();
        report.source.path.clear();
        (report.source.offset, report.source.record) = (0, None);
        report
    });
    reports.collect()
}

#[test]
fn the_same_pages_are_sampled_in_text_and_in_lines_of_json() {
    let folder = tempfile::tempdir().unwrap();
    // Other text between pages would go to the page before it.
    let mut pages = world::pages(0..200, 6);
    pages.retain(|page| page.contains("DOI:"));
    let of = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let mut config = Config::new(vec![Input::Path(path)]);
        config.sample = Some(Sample::new(20.0, 9));
        values(&lines(&config).0)
    };
    let json = |page: &String| serde_json::json!({ "text": page }).to_string() + "\n";
    let text = of("text", pages.concat());
    assert!(text.len() > 20);
    assert!(of("lines", pages.iter().map(json).collect()) == text);
}

#[test]
fn an_address_is_that_of_the_first_report_of_its_record_also_where_that_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.jsonl");
    let pages = world::pages(0..200, 2);
    let records = pages.chunks(2).map(|two| {
        let url = "https://scite.ai/reports/a-paper-Xy1";
        serde_json::json!({ "text": two.concat(), "url": url }).to_string() + "\n"
    });
    fs::write(&path, records.collect::<String>()).unwrap();
    let mut config = Config::new(vec![Input::Path(path)]);
    let (whole, _) = lines(&config);
    config.sample = Some(Sample::new(50.0, 0));
    let (sample, _) = lines(&config);
    assert!(sample.len() > 20);
    assert!(sample.iter().any(|line| line.contains(r#""url":null"#)));
    for line in sample {
        assert!(whole.contains(&line), "{line}");
    }
}

#[test]
fn skip_and_limit_cut_the_whole_into_pieces() {
    let (_folder, mut config) = dump();
    for sample in [None, Some(Sample::new(50.0, 1))] {
        (config.sample, config.skip, config.limit) = (sample, 0, None);
        let (whole, stats) = lines(&config);
        let mut pieces = Vec::new();
        config.limit = Some(40);
        loop {
            let (piece, _) = lines(&config);
            if piece.is_empty() {
                break;
            }
            pieces.extend(piece);
            config.skip += 40;
        }
        assert_eq!(pieces, whole);
        config.limit = None;
        let (none, passed) = lines(&config);
        assert!(none.is_empty());
        assert_eq!(passed.pages.passed_over, stats.pages.emitted);
        assert_eq!(passed.pages.rejected, stats.pages.rejected);
        assert_eq!(passed.blocks.seen, 0);
    }
}

fn citesift(folder: &Path, args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
    command.args(args.split_whitespace());
    command.current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn done(folder: &Path, args: &str) -> String {
    let output = citesift(folder, args);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{args}: {said}");
    String::from_utf8(output.stdout).unwrap() + &said
}

/// The statements of an output, by paper and id.
fn statements(folder: &Path, name: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    let rows = text.lines().map(|line| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("doi"), text("id"))
    });
    rows.collect()
}

#[test]
fn what_is_left_out_is_not_taken_for_seen() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("dump.txt"), world::pages(0..150, 6).concat()).unwrap();
    let run = "dump.txt --emit statements --dedup run";
    done(folder, &format!("{run} -o whole.ndjson"));
    let whole = statements(folder, "whole.ndjson");
    for part in [
        "--skip 100",
        "--sample 40%",
        "--sample 40% --skip 10 --limit 9",
    ] {
        done(folder, &format!("{run} {part} --seen seen -o part.ndjson"));
        done(folder, &format!("{run} --seen seen -o rest.ndjson"));
        let (part, rest) = (
            statements(folder, "part.ndjson"),
            statements(folder, "rest.ndjson"),
        );
        assert!(!part.is_empty() && !rest.is_empty());
        let both: Vec<_> = part.into_iter().chain(rest).collect();
        assert_eq!(both.len(), whole.len());
        assert_eq!(
            both.iter().collect::<BTreeSet<_>>(),
            whole.iter().collect::<BTreeSet<_>>()
        );
        fs::remove_dir_all(folder.join("seen")).unwrap();
        for name in ["part.ndjson", "rest.ndjson"] {
            fs::remove_file(folder.join(name)).unwrap();
        }
    }
}

#[test]
fn verify_holds_a_part_against_its_inputs_and_not_against_another_part() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("dump.txt"), world::pages(0..100, 6).concat()).unwrap();
    let part = "--dedup run --sample 50% --seed 4 --skip 7 --limit 30";
    done(folder, &format!("dump.txt {part} -o part.ndjson"));
    let said = done(folder, &format!("verify part.ndjson dump.txt {part}"));
    assert!(said.contains("records 30 hold"), "{said}");
    assert!(said.contains("7 passed over"), "{said}");
    for other in ["--dedup run", "--dedup run --sample 50% --seed 5 --skip 7"] {
        let output = citesift(folder, &format!("verify part.ndjson dump.txt {other}"));
        assert_eq!(output.status.code(), Some(1), "{other}");
    }
}

#[test]
fn the_summary_and_the_numbers_name_what_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("dump.txt"), world::pages(0..100, 6).concat()).unwrap();
    let said = done(
        folder,
        "dump.txt --sample 50% --skip 3 -o out --stats stats.json",
    );
    assert!(
        said.contains("3 report pages passed over: --skip."),
        "{said}"
    );
    assert!(said.contains("not in the --sample."), "{said}");
    let stats: Value =
        serde_json::from_slice(&fs::read(folder.join("stats.json")).unwrap()).unwrap();
    let pages = |name: &str| stats["pages"][name].as_u64().unwrap();
    assert_eq!(pages("passed_over"), 3);
    assert_eq!(
        pages("seen"),
        pages("emitted") + pages("skipped") + pages("passed_over") + pages("unsampled")
    );
}
