//! `citesift verify`: what a run writes holds, and nothing else does.

use std::fmt::Write as _;
use std::fs;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use citesift::input::Fields;
use citesift::job::Watch;
use citesift::model::{Report, StatementRow};
use citesift::verify::{Verified, verify};
use citesift::{Config, Dedup, Emit, Form, Input, run};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

mod samples;
use samples::{arguments, cases, copy, program};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");

/// Those of a run, less the files that it writes beside its output.
fn arguments_to_verify(args: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--rejects" | "--duplicates" => drop(args.next()),
            _ => kept.push(arg.clone()),
        }
    }
    kept
}

fn citesift(folder: &Path, args: &[String]) -> Output {
    let mut command = Command::new(program());
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn said(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(said).unwrap()
}

/// The program on its own files, as users run it.
struct World(TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn of(case: &str) -> Self {
        let world = Self::new();
        copy(&Path::new(SAMPLES).join(case), world.path());
        world
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn done(&self, args: &str) -> String {
        self.ends(args, 0)
    }

    fn ends(&self, args: &str, code: i32) -> String {
        let output = citesift(self.path(), &words(args));
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args}: {}",
            said(&output)
        );
        said(&output)
    }
}

#[test]
fn the_output_of_every_golden_case_holds_and_its_pages_are_in_the_columns_of_the_run() {
    for case in cases() {
        let world = World::new();
        copy(&case, world.path());
        let args = arguments(&case);
        for more in [
            "--emit reports",
            "--emit statements",
            "--sample 60% --seed 3 --skip 1",
        ] {
            if args.contains(&"--emit".to_owned()) && more.starts_with("--emit") {
                continue;
            }
            let form = words(more);
            let files = words("-o out.ndjson --stats stats.json");
            let ran = citesift(
                world.path(),
                &[&files, &form, &args].map(Vec::as_slice).concat(),
            );
            assert!(ran.status.success(), "{}: {}", case.display(), said(&ran));
            let verify = [words("verify out.ndjson"), form, arguments_to_verify(&args)];
            let output = citesift(world.path(), &verify.concat());
            let told = said(&output);
            assert!(output.status.success(), "{}: {told}", case.display());
            let stats: Value = serde_json::from_str(&world.read("stats.json")).unwrap();
            let mut expected = format!("records {} hold\n", stats["records"]);
            let pages = &stats["pages"];
            let (seen, emitted) = (&pages["seen"], &pages["emitted"]);
            write!(expected, "pages {seen}: {emitted} emitted").unwrap();
            for (column, name) in [
                ("repeated", "repeated"),
                ("skipped", "skipped"),
                ("rejected", "rejected"),
                ("passed_over", "passed over"),
                ("unsampled", "not in the sample"),
            ] {
                if pages[column] != 0 {
                    write!(expected, ", {} {name}", pages[column]).unwrap();
                }
            }
            assert_eq!(told, expected + "\n", "{}: {more}", case.display());
        }
    }
}

#[test]
fn outputs_are_read_compressed_and_piped() {
    let world = World::of("folder");
    for name in ["out.ndjson", "out.gz", "out.zst"] {
        world.done(&format!("input -q -o {name}"));
        // By its content, not by its name.
        fs::rename(world.path().join(name), world.path().join("out")).unwrap();
        assert!(world.done("verify out input").contains(" hold\n"));
        let output = Command::new(program())
            .args(["verify", "-", "input"])
            .current_dir(world.path())
            .stdin(fs::File::open(world.path().join("out")).unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn wrong_usage_and_what_cannot_be_read() {
    let world = World::of("complete-page");
    world.done("input.txt -q -o out.ndjson");
    world.ends("verify out.ndjson", 2);
    world.ends("verify - -", 2);
    world.ends("verify out.ndjson input.txt --keep a,a", 2);
    world.ends("verify out.ndjson input.txt --seen nowhere", 2);
    assert!(
        world
            .ends("verify none.ndjson input.txt", 1)
            .contains("none.ndjson")
    );
    let told = world.ends("verify out.ndjson input.txt none.txt", 1);
    assert!(
        told.contains("none.txt") && told.contains("records 1 hold"),
        "{told}"
    );
    world.done("input.txt -q -o out.gz");
    let whole = fs::read(world.path().join("out.gz")).unwrap();
    fs::write(world.path().join("out.gz"), &whole[..whole.len() - 9]).unwrap();
    let told = world.ends("verify out.gz input.txt", 1);
    assert!(told.contains("the output cannot be read on"), "{told}");
}

#[test]
fn ten_findings_are_named_and_the_rest_is_counted() {
    let world = World::of("complete-page");
    let page = world.read("input.txt");
    world.write("input.txt", &page.repeat(13));
    world.write("out.ndjson", "");
    let told = world.ends("verify out.ndjson input.txt", 1);
    assert_eq!(
        told.matches("what it gives is missing").count(),
        10,
        "{told}"
    );
    assert!(told.contains("and 3 more findings"), "{told}");
    assert!(
        told.contains("records 0 hold\npages 13: 0 emitted, 13 missing\n"),
        "{told}"
    );
    // Named otherwise than in the run.
    world.done("input.txt -q -o out.ndjson");
    let told = world.ends("verify out.ndjson ./input.txt", 1);
    assert!(
        told.contains("give the inputs as they were named"),
        "{told}"
    );
}

/// A run in memory, and what verifying says of other outputs.
struct Made {
    config: Config,
    lines: Vec<String>,
    folder: Option<TempDir>,
}

impl Made {
    fn of(mut config: Config) -> Self {
        config.threads = NonZeroUsize::MIN;
        let mut text = Vec::new();
        let ran = run(&config, |output| {
            text.extend_from_slice(output.records);
            Ok(ControlFlow::Continue(()))
        });
        assert!(ran.unwrap().faults.is_empty());
        let text = String::from_utf8(text).unwrap();
        let lines = text.split_inclusive('\n').map(str::to_owned).collect();
        let made = Self {
            config,
            lines,
            folder: None,
        };
        assert_eq!(made.findings(&made.lines), [] as [&str; 0]);
        made
    }

    fn of_case(case: &str, inputs: &[&str]) -> Self {
        Self::of(config(case, inputs))
    }

    fn findings(&self, lines: &[String]) -> Vec<String> {
        self.verified(lines, false).1
    }

    fn verified(&self, lines: &[String], has_store: bool) -> (Verified, Vec<String>) {
        let mut findings = Vec::new();
        let output = Box::new(Cursor::new(lines.concat().into_bytes()));
        let watch = Watch::default();
        let verified = verify(&self.config, has_store, output, &watch, &mut |finding| {
            findings.push(finding.to_string());
        });
        let verified = verified.unwrap();
        assert_eq!(verified.findings, findings.len() as u64);
        (verified, findings)
    }

    fn with(&self, number: usize, line: impl Into<String>) -> Vec<String> {
        let mut lines = self.lines.clone();
        lines[number] = line.into();
        lines
    }
}

fn config(case: &str, inputs: &[&str]) -> Config {
    let inputs = inputs
        .iter()
        .map(|input| Path::new(SAMPLES).join(case).join(input));
    Config::new(inputs.map(Input::Path).collect())
}

fn many() -> Made {
    let text: String = (0..8).map(page).collect();
    made_of(&text)
}

fn page(number: u32) -> String {
    format!(
        "2012\nDOI: 10.5555/paper.{number}\n|View full text |Cite\n|\n\nPaper {number}\n\n\
         Help me understand this report\n\n“…Said of {number}.…”\nSection: Resultssupporting\n\
         confidence: 91%\n\n"
    )
}

fn made_of(text: &str) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.txt");
    fs::write(&input, text).unwrap();
    Made {
        folder: Some(folder),
        ..Made::of(Config::new(vec![Input::Path(input)]))
    }
}

/// Every value of a record changed, one at a time, with its name.
fn mutants(name: &str, value: &Value) -> Vec<(String, Value)> {
    let mut changed: Vec<(String, Value)> = match value {
        Value::Null => vec![json!(1), json!("x"), json!([])],
        Value::Bool(is) => vec![json!(!is)],
        Value::Number(number) => match number.as_u64() {
            Some(number) => vec![json!(number + 1), json!(number.max(1) - 1), Value::Null],
            None => vec![json!(number.as_f64().unwrap() / 2.0)],
        },
        Value::String(text) => vec![
            json!(format!("{text} ")),
            json!(text.to_uppercase()),
            json!(text.get(1..).unwrap_or_default()),
            Value::Null,
        ],
        Value::Array(_) | Value::Object(_) => vec![Value::Null],
    }
    .into_iter()
    .map(|value| (name.to_owned(), value))
    .collect();
    match value {
        Value::Array(values) => {
            for (number, one) in values.iter().enumerate() {
                let rebuilt = |to: Option<Value>| {
                    let mut values = values.clone();
                    match to {
                        Some(to) => values[number] = to,
                        None => drop(values.remove(number)),
                    }
                    Value::Array(values)
                };
                changed.push((name.to_owned(), rebuilt(None)));
                let inner = mutants(&format!("{name}[{number}]"), one).into_iter();
                changed.extend(inner.map(|(name, to)| (name, rebuilt(Some(to)))));
            }
            for one in values.iter().chain([&json!(7), &json!("x")]) {
                let longer = [values.as_slice(), std::slice::from_ref(one)].concat();
                changed.push((name.to_owned(), Value::Array(longer)));
            }
            let reversed: Vec<_> = values.iter().rev().cloned().collect();
            changed.push((name.to_owned(), Value::Array(reversed)));
        }
        Value::Object(values) => {
            for (key, one) in values {
                let name = match name {
                    "" => key.clone(),
                    _ => format!("{name}.{key}"),
                };
                let mut without = values.clone();
                without.remove(key);
                changed.push((name.clone(), Value::Object(without)));
                for (name, to) in mutants(&name, one) {
                    let mut values = values.clone();
                    values.insert(key.clone(), to);
                    changed.push((name, Value::Object(values)));
                }
            }
            let mut more = values.clone();
            more.insert("more".to_owned(), json!(1));
            changed.push((name.to_owned(), Value::Object(more)));
        }
        _ => {}
    }
    changed.retain(|(_, to)| to != value);
    changed
}

/// As a run would write it, if it is a record at all.
fn line(value: &Value, emit: Emit) -> String {
    let text = value.to_string();
    let written = match emit {
        Emit::Reports => serde_json::from_str::<Report>(&text)
            .map(|report| serde_json::to_string(&report).unwrap()),
        Emit::Statements => serde_json::from_str::<StatementRow>(&text)
            .map(|row| serde_json::to_string(&row).unwrap()),
    };
    written.unwrap_or(text) + "\n"
}

#[test]
fn every_changed_value_is_found_and_named() {
    let mut checked = 0;
    let plain = |case| config(case, &["input.txt"]);
    let mut json_lines = config("container-jsonl", &["input.jsonl"]);
    json_lines.fields = Fields {
        keep: vec!["crawl.language".to_owned(), "id".to_owned()],
        ..Fields::default()
    };
    let mut near = plain("option-near");
    near.near = Some(666);
    let mut across = config(
        "option-dedup-run",
        &["march.txt", "june.txt", "extract.txt"],
    );
    across.dedup = Dedup::Run;
    let mut rows = plain("complete-page");
    rows.form = Form::Ndjson(Emit::Statements);
    let configs = [
        plain("complete-page"),
        plain("repeats-apart"),
        plain("warnings-together"),
        plain("facets-labelled-on-two-lines"),
        plain("authors-and-journals-with-entries"),
        config("container-warc", &["input.warc"]),
        config("container-tar", &["input.tar"]),
        json_lines,
        near,
        across,
        rows,
    ];
    for config in configs {
        let made = Made::of(config);
        let emit = made.config.form.emit();
        for (number, is) in made.lines.iter().enumerate() {
            let value: Value = serde_json::from_str(is).unwrap();
            for (name, mutant) in mutants("", &value) {
                let mutant = line(&mutant, emit);
                if mutant == *is {
                    // A key that may be missing was made null.
                    continue;
                }
                let findings = made.findings(&made.with(number, mutant.as_str()));
                assert!(!findings.is_empty(), "{name}: {mutant}");
                // What tells the page, or the row, apart makes it one of no page.
                let is_place = ["", "id"].contains(&&*name) || name.starts_with("source");
                let is_named = findings.len() == 1 && findings[0].contains(&name);
                assert!(is_place || is_named, "{name}: {findings:?}\n{mutant}");
                checked += 1;
            }
        }
    }
    assert!(checked > 1000, "{checked}");
}

#[test]
fn other_bytes_for_the_same_values_are_found() {
    let made = Made::of_case("complete-page", &["input.txt"]);
    let is = &made.lines[0];
    let value: Value = serde_json::from_str(is).unwrap();
    let twice = is.replacen("{\"doi\":", "{\"doi\":\"10.5555/other\",\"doi\":", 1);
    for other in [is.replacen(',', ", ", 1), twice, format!("{value}\n")] {
        let findings = made.findings(&[other]);
        assert!(
            findings[0].contains("the same in other bytes"),
            "{findings:?}"
        );
    }
    let findings = made.findings(&[is.trim_end().to_owned()]);
    assert!(findings[0].contains("its end is missing"), "{findings:?}");
}

#[test]
fn records_that_are_missing_doubled_swapped_or_made_up() {
    let made = many();
    let is = &made.lines;
    let check = |lines: &[String], expected: &[&str]| {
        let findings = made.findings(lines);
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, expected) in findings.iter().zip(expected) {
            assert!(finding.contains(expected), "{expected}: {findings:?}");
        }
    };
    for number in 0..is.len() {
        let mut without = is.clone();
        without.remove(number);
        check(&without, &["what it gives is missing"]);
        let mut doubled = is.clone();
        doubled.insert(number, is[number].clone());
        check(&doubled, &["it is there twice"]);
        let mut made_up = is.clone();
        made_up.insert(number, is[number].replace("in.txt", "other.txt"));
        check(&made_up, &["no page of the inputs gives it here"]);
        for garbage in ["\n", "{}\n", "no JSON\n", "{\"source\":1}\n"] {
            let mut lines = is.clone();
            lines.insert(number, garbage.to_owned());
            check(&lines, &["it is no record of a run"]);
        }
    }
    for number in 1..is.len() {
        let mut swapped = is.clone();
        swapped.swap(number - 1, number);
        let expected = [
            "no page of the inputs gives it here",
            "out of order, in line",
        ];
        check(&swapped, &expected);
    }
    let late: Vec<_> = is[1..].iter().chain(&is[..1]).cloned().collect();
    // All that stand before it are passed over.
    assert_eq!(made.findings(&late).len(), 14);
    check(&[], &["what it gives is missing"; 8]);
}

#[test]
fn statements_that_are_missing_added_moved_or_counted_otherwise() {
    let made = Made::of_case("repeats-apart", &["input.txt"]);
    let report: Report = serde_json::from_str(&made.lines[0]).unwrap();
    assert!(report.statements.len() > 1 && report.duplicates_removed > 0);
    let mut changed = vec![report.clone(); 6];
    changed[0].statements.remove(0);
    changed[1].statements.push(report.statements[0].clone());
    changed[2].statements.swap(0, 1);
    changed[3].statements[0].occurrences += 1;
    changed[4].statements.pop();
    changed[4].duplicates_removed += 1;
    changed[5].statements[1].see_more = Some(77);
    for report in changed {
        let line = serde_json::to_string(&report).unwrap() + "\n";
        let findings = made.findings(&[line]);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].contains("statements["), "{findings:?}");
    }
}

#[test]
fn a_page_that_was_added_removed_or_changed_in_the_input_is_found() {
    let text: String = (0..4).map(page).collect();
    let made = made_of(&text);
    let folder = made.folder.as_ref().unwrap().path();
    let found = |text: &str| {
        fs::write(folder.join("in.txt"), text).unwrap();
        made.findings(&made.lines)
    };
    assert_eq!(found(&(text.clone() + &page(9))).len(), 1);
    // Pages behind it are in other places.
    assert!(found(&(page(9) + &text)).len() > 4);
    let shorter: String = (0..3).map(page).collect();
    assert!(found(&shorter)[0].contains("no page of the inputs gives it here"));
    let changed = found(&text.replace("Said of 2", "Sung of 2"));
    assert_eq!(changed.len(), 1);
    assert!(changed[0].contains("statements[0].text"), "{changed:?}");
    assert_eq!(found(&text), [] as [&str; 0]);
}

#[test]
fn what_repeats_earlier_pages_must_not_be_there_and_the_rest_must() {
    let inputs = ["march.txt", "june.txt", "extract.txt"];
    let mut config = config("option-dedup-run", &inputs);
    let unaware = Made::of(config.clone());
    config.dedup = Dedup::Run;
    let made = Made::of(config);
    assert!(made.lines.len() < unaware.lines.len());
    // A page that is to be dropped, and blocks that are to be removed.
    assert!(!made.findings(&unaware.lines).is_empty());
    assert!(!unaware.findings(&made.lines).is_empty());
    let all: Vec<_> = unaware
        .lines
        .iter()
        .filter(|line| !made.lines.contains(line))
        .collect();
    for line in all {
        let report: Report = serde_json::from_str(line).unwrap();
        let same =
            |other: &String| serde_json::from_str::<Report>(other).unwrap().source == report.source;
        let number = made.lines.iter().position(same);
        if let Some(number) = number {
            let findings = made.findings(&made.with(number, line.as_str()));
            assert!(findings[0].contains("statements["), "{findings:?}");
        }
    }
}

#[test]
fn what_only_the_store_knows_is_counted_and_not_proven() {
    let world = World::of("option-dedup-run");
    world.done("--seen seen march.txt -q -o march.ndjson");
    world.done("--seen seen june.txt -q -o june.ndjson");
    let march = world.done("verify march.ndjson march.txt --seen seen");
    assert!(
        march.ends_with("word 0\n") && !march.contains("pages left out"),
        "{march}"
    );
    // Without the store, or with the other month's pages, nothing is to be believed.
    world.ends("verify june.ndjson june.txt --dedup run", 1);
    let june = world.done("verify june.ndjson june.txt --seen seen");
    assert!(
        june.contains("on the store's word") && !june.ends_with("word 0\n"),
        "{june}"
    );
    let both = world.read("march.ndjson") + &world.read("june.ndjson");
    world.write("both.ndjson", &both);
    world.done("verify both.ndjson march.txt june.txt --dedup run");
    let told = world.done("verify both.ndjson march.txt june.txt --seen seen");
    assert!(told.ends_with("word 0\n"), "{told}");
    world.ends("verify june.ndjson june.txt --seen seen --dedup text", 2);
    // What is there must be right all the same.
    let wrong = world
        .read("june.ndjson")
        .replacen("\"occurrences\":1", "\"occurrences\":2", 1);
    world.write("june.ndjson", &wrong);
    let told = world.ends("verify june.ndjson june.txt --seen seen", 1);
    assert!(
        told.contains("occurrences is 2, and the page gives 1"),
        "{told}"
    );
    let invented = wrong.replace("june.txt", "july.txt");
    world.write("june.ndjson", &invented);
    let told = world.ends("verify june.ndjson june.txt --seen seen", 1);
    assert!(
        told.contains("no page of the inputs gives it here"),
        "{told}"
    );
}

#[test]
fn rows_of_a_store_hold_too() {
    let world = World::of("option-dedup-run");
    for month in ["march", "june"] {
        world.done(&format!(
            "--seen seen --emit statements {month}.txt -q -o {month}.ndjson"
        ));
        world.done(&format!(
            "verify {month}.ndjson {month}.txt --seen seen --emit statements"
        ));
    }
    let rows = world.read("june.ndjson");
    let twice = rows.lines().next().unwrap().to_owned() + "\n" + &rows;
    world.write("june.ndjson", &twice);
    let told = world.ends(
        "verify june.ndjson june.txt --seen seen --emit statements",
        1,
    );
    assert!(told.contains("it is there twice"), "{told}");
}

/// A page on a paper, under this title, with these statements.
fn page_on(paper: &str, title: &str, statements: &[&str]) -> String {
    let mut page = format!(
        "2012\nDOI: 10.5555/paper.{paper}\n|View full text |Cite\n|\n\n{title}\n\n\
         Help me understand this report\n\n"
    );
    for statement in statements {
        let _ = writeln!(
            page,
            "“…{statement}…”\nSection: Resultssupporting\nconfidence: 91%"
        );
    }
    page
}

fn page_on_no_paper(statement: &str) -> String {
    format!(
        "A title\n\nHelp me understand this report\n\n“…{statement}…”\n\
         Section: Resultssupporting\nconfidence: 91%\n"
    )
}

#[test]
fn a_page_without_rows_that_the_store_may_have_known_is_not_called_emitted() {
    let world = World::new();
    world.write("before.txt", &page_on("a", "One", &["Said."]));
    world.done("--seen seen --emit statements before.txt -q -o before.ndjson");
    let no_paper = "A title\n\nHelp me understand this report\n\n";
    for (pages, expected) in [
        (page_on("a", "One", &[]), "1 left out on the store's word"),
        (page_on("b", "Two", &["Said."]), "1 emitted"),
        (no_paper.to_owned(), "1 emitted"),
    ] {
        world.write("after.txt", &pages);
        copy(&world.path().join("seen"), &world.path().join("copied"));
        world.done("--seen copied --emit statements after.txt -q -o after.ndjson");
        let told = world.done("verify after.ndjson after.txt --emit statements --seen seen");
        assert!(told.contains(expected), "{told}");
        fs::remove_dir_all(world.path().join("copied")).unwrap();
        fs::remove_file(world.path().join("after.ndjson")).unwrap();
    }
}

#[test]
fn with_a_store_and_a_limit_rows_hold_whether_pages_without_rows_counted_or_were_dropped() {
    let blank = page_on("a", "One", &[]);
    let other_blank = page_on("a", "Other", &[]);
    let known = page_on("a", "One", &["Said."]);
    let renamed = page_on("a", "Other", &["Said."]);
    let pages = [blank, other_blank, known, renamed];
    let new = [
        page_on("b", "Two", &["Said too."]),
        page_on_no_paper("Of none."),
    ];
    for before in [&pages[..1], &pages[2..3], &pages[1..4]] {
        let world = World::new();
        world.write("before.txt", &before.concat());
        world.done("--seen seen --emit statements before.txt -q -o before.ndjson");
        for number in 0..pages.len() * pages.len() {
            let (first, second) = (&pages[number / pages.len()], &pages[number % pages.len()]);
            for (number, page) in [first, second, &new[0], &new[1]].iter().enumerate() {
                world.write(&format!("{number}.txt"), page);
            }
            for limit in 1..=3 {
                copy(&world.path().join("seen"), &world.path().join("copied"));
                let flags = format!("--emit statements 0.txt 1.txt 2.txt 3.txt --limit {limit}");
                world.done(&format!("--seen copied {flags} -q -o out.ndjson"));
                world.done(&format!("verify out.ndjson --seen seen {flags}"));
                fs::remove_dir_all(world.path().join("copied")).unwrap();
                fs::remove_file(world.path().join("out.ndjson")).unwrap();
            }
        }
    }
}

#[test]
fn a_limit_that_may_have_been_reached_explains_nothing_that_is_missing_before_other_rows() {
    let world = World::new();
    world.write("before.txt", &page_on("a", "One", &[]));
    world.done("--seen seen --emit statements before.txt -q -o before.ndjson");
    world.write("0.txt", &page_on("a", "One", &[]));
    for number in 1..4 {
        let text = page_on_no_paper(&format!("Statement {number}."));
        world.write(&format!("{number}.txt"), &text);
    }
    let flags = "--seen seen --emit statements 0.txt 1.txt 2.txt 3.txt --limit";
    world.done(&format!("{flags} 3 -q -o out.ndjson"));
    let rows = world.read("out.ndjson");
    let rows: Vec<_> = rows.split_inclusive('\n').collect();
    assert_eq!(rows.len(), 3);
    world.done(&format!("verify out.ndjson {flags} 3"));
    world.write("out.ndjson", &[rows[0], rows[2]].concat());
    let told = world.ends(&format!("verify out.ndjson {flags} 3"), 1);
    assert!(told.contains("what it gives is missing"), "{told}");
    world.write("out.ndjson", rows[0]);
    let told = world.ends(&format!("verify out.ndjson {flags} 3"), 1);
    assert!(told.contains("what it gives is missing"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// An output in which lines were taken out, doubled and moved holds only if it is the same.
    #[test]
    fn only_the_lines_of_the_run_hold(picked in prop::collection::vec(0usize..8, 0..12)) {
        static MADE: std::sync::LazyLock<Made> = std::sync::LazyLock::new(many);
        let lines: Vec<_> = picked.iter().map(|&number| MADE.lines[number].clone()).collect();
        let (verified, findings) = MADE.verified(&lines, false);
        prop_assert_eq!(findings.is_empty(), lines == MADE.lines);
        prop_assert_eq!(verified.pages.seen(), 8);
        prop_assert_eq!(verified.pages.emitted, verified.held);
        prop_assert_eq!(verified.lines, lines.len() as u64);
    }
}
