//! `citesift merge`: the outputs of several runs become what one run over all their inputs gives,
//! byte for byte, and what cannot become that is refused with its place.

use std::fs;
use std::io::Write;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::slice;

use citesift::merge::{Merged, Settings, merge};
use citesift::model::{Report, StatementRow};
use citesift::split::feeds_in;
use citesift::{Config, Dedup, Emit, Error, Form, Input, run};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

mod samples;
use samples::{arguments, cases, copy, program};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
const SCOPES: [Dedup; 4] = [Dedup::Off, Dedup::Page, Dedup::Run, Dedup::Text];
const EMITS: [Emit; 2] = [Emit::Reports, Emit::Statements];
const PLENTY: usize = 1 << 30;

/// A run in memory.
fn ran(inputs: Vec<Input>, scope: Dedup, emit: Emit, near: Option<u16>) -> Vec<u8> {
    let mut config = Config::new(inputs);
    (config.dedup, config.form, config.near) = (scope, Form::Ndjson(emit), near);
    config.fields.keep = vec!["n".to_owned()];
    let mut records = Vec::new();
    let summary = run(&config, |batch| {
        records.extend_from_slice(batch.records);
        Ok(ControlFlow::Continue(()))
    });
    assert!(summary.unwrap().faults.is_empty());
    records
}

fn settings(dedup: Dedup) -> Settings {
    Settings {
        dedup,
        memory: PLENTY,
        threads: NonZeroUsize::MIN,
        max_page: 64 << 20,
    }
}

/// Merges these texts; what was handed out, and what came of it.
fn merged(parts: &[Vec<u8>], settings: Settings) -> (Vec<u8>, Result<Merged, Error>) {
    let folder = tempfile::tempdir().unwrap();
    let parts: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(number, text)| {
            let path = folder.path().join(format!("part-{number}"));
            fs::write(&path, text).unwrap();
            Input::Path(path)
        })
        .collect();
    let mut records = Vec::new();
    let outcome = merge(&parts, &settings, |batch| {
        records.extend_from_slice(batch);
        Ok(ControlFlow::Continue(()))
    });
    (records, outcome)
}

fn statements_in(records: &[u8], emit: Emit) -> u64 {
    let lines = records
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    let of = |line: &[u8]| {
        serde_json::from_slice::<Report>(line)
            .unwrap()
            .statements
            .len() as u64
    };
    match emit {
        Emit::Statements => lines.count() as u64,
        Emit::Reports => lines.map(of).sum(),
    }
}

/// What goes in is in one column.
fn add_up(merged: &Merged, parts: &[Vec<u8>], output: &[u8], emit: Emit) {
    let read = parts.concat();
    assert_eq!(merged.bytes.read, read.len() as u64);
    assert_eq!(merged.bytes.written, output.len() as u64);
    let records = &merged.records;
    assert_eq!(
        (records.read, records.written),
        (feeds_in(&read), feeds_in(output))
    );
    assert_eq!(records.read, records.written + records.repeated);
    let statements = &merged.statements;
    assert_eq!(statements.read, statements_in(&read, emit));
    assert_eq!(statements.kept, statements_in(output, emit));
    let repeated = statements.repeated_in_page + statements.repeated_in_run;
    assert_eq!(statements.read, statements.kept + repeated);
}

/// Scopes of parts from which a merge of this scope is exact.
fn suitable(scope: Dedup, emit: Emit) -> Vec<Dedup> {
    let narrower = |&part: &Dedup| match part {
        Dedup::Off => scope == Dedup::Off || emit == Emit::Reports,
        Dedup::Page => scope != Dedup::Off,
        Dedup::Run => scope.is_across_pages(),
        Dedup::Text => scope == Dedup::Text,
    };
    SCOPES.iter().copied().filter(narrower).collect()
}

const BLOCKS: &[&str] = &[
    "“…One “quoted” statement.…”\nSection: Resultsmentioning\nconfidence: 99%",
    "“…Another,\nin two lines.…”\nSection: Methods supporting\nconfidence: 80%\nSee 2 more Smart Citations",
    "“…One “quoted” statement.…”\nSection: Resultsmentioning\nconfidence: 98%",
    "“…One “quoted” statement.…”\nSection: Resultsmentioning\nconfidence: 99%\nSee 1 more Smart Citation",
    "“…Bytes \u{1f} \\ \"\u{0}\t and one “quoted” statement more.…”\nSection: mentioning",
    "“…\"see_more\":3,\"occurrences\":4}],\"duplicates_removed\":5,\"warnings\":[.…”\nSection: supporting",
];

/// Pages of few papers, with few titles and blocks, so that they repeat each other in all ways; some
/// name no paper, and some are no report.
fn page() -> impl Strategy<Value = String> {
    let blocks = prop::collection::vec(prop::sample::select(BLOCKS), 0..6);
    (0..5usize, 0..3usize, blocks, any::<bool>()).prop_map(|(paper, title, blocks, is_long)| {
        let doi = match paper {
            0 => String::new(),
            1 => "DOI: 10.5555/\"Quoted\\\n|View full text |Cite\n|\n\n".to_owned(),
            _ => format!("DOI: 10.5555/X.{paper}\n|View full text |Cite\n|\n\n"),
        };
        let abstract_text = match is_long {
            true => "Abstract: \"statements\":[,\"statements\":[ it says,\nand more.\n\n",
            false => "",
        };
        format!(
            "2012\n{doi}Title {title}\n\n{abstract_text}Help me understand this report\n\n\
             citations\nCited by 2 publications\n(3 citation statements)\nOrder By: Relevance\n{}\n",
            blocks.join("\n")
        )
    })
}

/// Pages as text, or each in a line of JSON with a field that is kept as it is written.
fn pages() -> impl Strategy<Value = Vec<u8>> {
    let other = Just("Some other site.\nIt says nothing.\n".to_owned());
    let pages = prop::collection::vec(prop_oneof![9 => page(), 1 => other], 0..5);
    (pages, any::<bool>(), any::<bool>()).prop_map(|(pages, is_json, has_address)| {
        if !is_json {
            return pages.concat().into_bytes();
        }
        // The same report at two addresses, and others at one each.
        let line = |(number, text): (usize, &String)| {
            let url = match has_address {
                true => json!(format!("https://scite.ai/reports/a-{number}-Q{}", number % 2)),
                false => Value::Null,
            };
            let text = json!(text);
            format!("{{\"text\":{text},\"url\":{url},\"n\":{{ \"a\" : [ {number}.50e1, \"\\u00e9\",\"]\" ] }}}}\n")
        };
        pages.iter().enumerate().map(line).collect::<String>().into_bytes()
    })
}

/// Lines that stand somewhere on pages, in any order, and bytes that are no text.
const LINES: &[&str] = &[
    "2012",
    "DOI: 10.5555/a",
    "DOI: https://doi.org/10.5555/B",
    "|View full text |Cite",
    "|",
    "",
    "A title",
    "Abstract: It is said",
    "Help me understand this report",
    "Citation Types",
    "Supporting 8",
    "1,234",
    "Authors",
    "A. Author",
    "citations",
    "Cited by 4 publications",
    "Order By: Relevance",
    "“…One statement.…”",
    "“…Another.…”",
    "“…Cut off",
    "Section: Resultsmentioning",
    "confidence: 99%",
    "See 1 more Smart Citation",
];

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        20 => prop::sample::select(LINES).prop_map(|line| line.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(line, 0..80).prop_map(|lines| lines.join(&b'\n'))
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => pages(), 1 => soup()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Files in parts of any size, each made with any scope that is enough.
    #[test]
    fn parts_become_what_one_run_gives(
        files in prop::collection::vec(file(), 1..9),
        borders in prop::collection::vec(0..9usize, 0..5),
        scope in prop::sample::select(&SCOPES[..]),
        of_parts in prop::collection::vec(any::<prop::sample::Index>(), 6),
        emit in prop::sample::select(&EMITS[..]),
        near in prop::option::of(Just(400u16)),
        memory in prop::sample::select(&[0usize, 4000, PLENTY][..]),
        threads in 1usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let inputs: Vec<_> = files.iter().enumerate().map(|(number, text)| {
            let path = folder.path().join(format!("{number}"));
            fs::write(&path, text).unwrap();
            Input::Path(path)
        }).collect();
        let expected = ran(inputs.clone(), scope, emit, near);
        let mut borders: Vec<_> = borders.iter().map(|border| border % (files.len() + 1)).collect();
        borders.extend([0, files.len()]);
        borders.sort_unstable();
        let parts: Vec<_> = borders.windows(2).zip(&of_parts).map(|(border, of_part)| {
            let inputs = inputs[border[0]..border[1]].to_vec();
            let suitable = suitable(scope, emit);
            // No input would be standard input.
            match inputs.is_empty() {
                true => Vec::new(),
                false => ran(inputs, suitable[of_part.index(suitable.len())], emit, near),
            }
        }).collect();
        let threads = NonZeroUsize::new(threads).unwrap();
        let settings = Settings { memory, threads, ..settings(scope) };
        let (records, outcome) = merged(&parts, settings);
        let outcome = outcome.unwrap();
        prop_assert_eq!(String::from_utf8_lossy(&records), String::from_utf8_lossy(&expected));
        add_up(&outcome, &parts, &records, emit);
        // What is merged is a part again.
        let again = merged(slice::from_ref(&records), settings);
        prop_assert_eq!(records, again.0);
        prop_assert_eq!(again.1.unwrap().records.repeated, 0);
    }
}

/// So many keys that they go to temporary files, and records to several batches.
#[test]
fn a_large_merge_is_the_same_in_little_memory_and_with_any_threads() {
    let folder = tempfile::tempdir().unwrap();
    let file = |number: usize| {
        let page = |page: usize| {
            let paper = (number * 350 + page) % 500;
            let block = |block: usize| {
                format!(
                    "“…Statement {} of it.…”\nSection: Resultsmentioning\n",
                    (page + block) % 40
                )
            };
            let blocks: String = (0..8).map(block).collect();
            format!(
                "2012\nDOI: 10.5555/{paper}\n|Cite\n|\n\nTitle {paper}\n\nHelp me understand this report\n\n{blocks}"
            )
        };
        let path = folder.path().join(number.to_string());
        fs::write(&path, (0..400).map(page).collect::<String>()).unwrap();
        Input::Path(path)
    };
    let inputs: Vec<_> = (0..4).map(file).collect();
    for emit in EMITS {
        let parts: Vec<_> = inputs
            .iter()
            .map(|input| ran(vec![input.clone()], Dedup::Page, emit, None))
            .collect();
        assert!(parts.iter().map(Vec::len).sum::<usize>() > 2 << 20);
        let expected = ran(inputs.clone(), Dedup::Run, emit, None);
        for (memory, threads) in [(PLENTY, 1), (0, 3), (50_000, 2)] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let settings = Settings {
                memory,
                threads,
                ..settings(Dedup::Run)
            };
            let (records, outcome) = merged(&parts, settings);
            let outcome = outcome.unwrap();
            assert!(records == expected, "{emit:?} in {memory} bytes");
            assert!(outcome.records.repeated > 100 && outcome.statements.repeated_in_run > 1000);
        }
    }
}

#[test]
fn the_samples_in_a_part_each_become_what_one_run_gives() {
    let inputs: Vec<_> = cases()
        .iter()
        .map(|case| case.join("input.txt"))
        .filter(|path| path.exists())
        .chain(
            ["march.txt", "june.txt"]
                .map(|name| Path::new(SAMPLES).join("option-dedup-run").join(name)),
        )
        .map(Input::Path)
        .collect();
    assert!(inputs.len() > 50);
    become_one(&inputs);
}

fn become_one(inputs: &[Input]) {
    for emit in EMITS {
        for scope in SCOPES {
            let expected = ran(inputs.to_vec(), scope, emit, None);
            for of_part in suitable(scope, emit) {
                let parts: Vec<_> = inputs
                    .iter()
                    .map(|input| ran(vec![input.clone()], of_part, emit, None))
                    .collect();
                let (records, outcome) = merged(&parts, settings(scope));
                add_up(&outcome.unwrap(), &parts, &records, emit);
                assert!(records == expected, "{emit:?}: {of_part:?} as {scope:?}");
            }
        }
    }
}

/// Whatever its container and fields: a part that is alone stays as it is.
#[test]
fn the_output_of_every_golden_case_stays_as_it_is() {
    for case in cases() {
        let args = arguments(&case);
        let scope = args.iter().position(|arg| arg == "--dedup");
        let scope = scope.map_or(Dedup::Page, |at| {
            let named = SCOPES
                .into_iter()
                .find(|scope| scope.as_str() == args[at + 1]);
            named.unwrap()
        });
        let part = fs::read(case.join("expected.ndjson")).unwrap();
        let (records, outcome) = merged(slice::from_ref(&part), settings(scope));
        outcome.unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        assert!(records == part, "{}", case.display());
    }
}

#[test]
fn real_pages_in_a_part_each_become_what_one_run_gives() {
    let named = std::env::var_os("CITESIFT_REAL_PAGES").filter(|name| !name.is_empty());
    let Some(root) = named else {
        // Not by `eprintln!`, which the test harness swallows.
        let said = "NOT CHECKED: CITESIFT_REAL_PAGES names no folder of real pages";
        let _ = writeln!(std::io::stderr(), "{said}");
        return;
    };
    let mut files = Vec::new();
    for folder in ["seeds", "captures", "seeds"] {
        let entries = fs::read_dir(Path::new(&root).join(folder)).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        files.extend(paths.into_iter().map(Input::Path));
    }
    assert_eq!(files.len(), 9);
    become_one(&files);
}

fn text_page(doi: &str, title: &str, blocks: &[&str]) -> String {
    let doi = match doi {
        "" => String::new(),
        doi => format!("DOI: 10.5555/{doi}\n|Cite\n|\n\n"),
    };
    let block = |text: &&str| format!("“…{text}…”\nSection: Resultsmentioning\nconfidence: 99%\n");
    let blocks: String = blocks.iter().map(block).collect();
    format!("2012\n{doi}{title}\n\nHelp me understand this report\n\n{blocks}")
}

/// What a part of these pages gives.
fn part(pages: &[String], scope: Dedup, emit: Emit) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    fs::write(&path, pages.concat()).unwrap();
    let records = ran(vec![Input::Path(path.clone())], scope, emit, None);
    let path = path.to_string_lossy().into_owned();
    String::from_utf8(records)
        .unwrap()
        .replace(&path, "dump")
        .into_bytes()
}

/// A part that lacks what the one run would have kept.
#[test]
fn a_part_that_was_made_with_a_wider_scope_is_refused_where_its_counts_show_it() {
    let pages = [
        text_page("a", "A", &["one", "one", "two"]),
        text_page("b", "B", &["three", "three"]),
        text_page("a", "A", &["two", "four"]),
        text_page("b", "B", &["five", "two"]),
        text_page("c", "C", &["five", "six"]),
    ];
    for (of_part, scope, line, flag) in [
        (Dedup::Page, Dedup::Off, 1, "make the part with --dedup off"),
        (Dedup::Run, Dedup::Off, 1, "make the part with --dedup off"),
        (Dedup::Text, Dedup::Off, 1, "make the part with --dedup off"),
        (
            Dedup::Run,
            Dedup::Page,
            3,
            "make the part with --dedup page",
        ),
        (
            Dedup::Text,
            Dedup::Page,
            3,
            "make the part with --dedup page",
        ),
        (
            Dedup::Text,
            Dedup::Run,
            5,
            "make the part with --dedup page or run",
        ),
    ] {
        let part = part(&pages, of_part, Emit::Reports);
        let (records, outcome) = merged(slice::from_ref(&part), settings(scope));
        let said = outcome.unwrap_err().to_string();
        assert!(
            said.contains(&format!(", line {line}: ")),
            "{of_part:?} as {scope:?}: {said}"
        );
        assert!(said.contains(flag), "{said}");
        // What comes before it was handed out as it is.
        assert_eq!(feeds_in(&records), line - 1);
        assert!(part.starts_with(&records));
    }
    for (of_part, scope, line) in [
        (Dedup::Page, Dedup::Off, 1),
        (Dedup::Off, Dedup::Page, 2),
        (Dedup::Off, Dedup::Run, 2),
    ] {
        let part = part(&pages, of_part, Emit::Statements);
        let said = merged(&[part], settings(scope)).1.unwrap_err().to_string();
        assert!(
            said.contains(&format!(", line {line}: ")),
            "{of_part:?} as {scope:?}: {said}"
        );
        assert!(said.contains("make the part with --dedup"), "{said}");
    }
}

/// Members of a tar archive with one name, or what was read from standard input.
#[test]
fn rows_of_two_pages_in_one_place_are_taken_where_a_row_tells_that_they_are_two() {
    let place = |pages: &[String], scope| {
        let parts = pages
            .iter()
            .map(|page| part(slice::from_ref(page), scope, Emit::Statements));
        parts.collect::<Vec<_>>().concat()
    };
    let counted = text_page("z", "Z", &["one", "one"]);
    for (pages, is_told) in [
        (
            ["A", "B"].map(|title| text_page("a", title, &["one"])),
            true,
        ),
        (["a", "b"].map(|doi| text_page(doi, "A", &["one"])), true),
        (
            [(); 2].map(|()| text_page("a", "A", &["one", "one", "two"])),
            true,
        ),
        (
            [(); 2].map(|()| text_page("a", "A", &["one", "two"])),
            false,
        ),
    ] {
        assert_eq!(pages[0].len(), pages[1].len());
        let rows = place(&pages, Dedup::Page);
        let counted = part(slice::from_ref(&counted), Dedup::Page, Emit::Statements);
        for (rows, is_taken) in [([&counted[..], &rows].concat(), true), (rows, is_told)] {
            let (merged_rows, outcome) = merged(slice::from_ref(&rows), settings(Dedup::Page));
            match outcome {
                Ok(_) => assert!(is_taken && merged_rows == rows),
                Err(error) => {
                    let said = error.to_string();
                    assert!(
                        !is_taken && said.contains("which rows do not tell apart"),
                        "{said}"
                    );
                }
            }
            let outcome = merged(slice::from_ref(&rows), settings(Dedup::Run)).1;
            assert_eq!(outcome.is_ok(), is_taken);
        }
        // The evidence is of its part alone.
        let off = place(&[text_page("a", "A", &["one", "one"])], Dedup::Off);
        let outcome = merged(&[counted, off], settings(Dedup::Page)).1;
        assert!(outcome.is_err());
    }
}

/// A page that names no paper is compared with others by `text` alone.
#[test]
fn a_page_without_a_paper_that_lacks_statements_is_refused_by_run() {
    let pages = [
        text_page("", "A", &["one"]),
        text_page("", "B", &["one", "two"]),
    ];
    // Two sources, for a page without a header starts nothing in mid-stream.
    let folder = tempfile::tempdir().unwrap();
    let input = |number: usize| {
        let path = folder.path().join(number.to_string());
        fs::write(&path, &pages[number]).unwrap();
        Input::Path(path)
    };
    let part = ran(vec![input(0), input(1)], Dedup::Text, Emit::Reports, None);
    let said = merged(slice::from_ref(&part), settings(Dedup::Run))
        .1
        .unwrap_err();
    assert!(said.to_string().contains(", line 2: "), "{said}");
    let (records, outcome) = merged(slice::from_ref(&part), settings(Dedup::Text));
    outcome.unwrap();
    assert_eq!(records, part);
}

/// The limits that the documentation tells: these parts look like any others.
#[test]
fn what_shows_nowhere_in_a_part_is_what_the_documentation_says() {
    let again = text_page("a", "A", &["one"]);
    let pages = [again.clone(), again.clone()];
    // A whole page that was dropped.
    let part_of_run = part(&pages, Dedup::Run, Emit::Reports);
    let (records, outcome) = merged(&[part_of_run], settings(Dedup::Page));
    outcome.unwrap();
    assert_ne!(records, part(&pages, Dedup::Page, Emit::Reports));
    // Rows that were removed.
    let pages = [text_page("a", "A", &["one"]), text_page("b", "B", &["one"])];
    let part_of_text = part(&pages, Dedup::Text, Emit::Statements);
    let (records, outcome) = merged(&[part_of_text], settings(Dedup::Run));
    outcome.unwrap();
    assert_ne!(records, part(&pages, Dedup::Run, Emit::Statements));
}

#[test]
fn what_no_id_covers_can_be_changed_unseen_as_the_documentation_says() {
    let folder = tempfile::tempdir().unwrap();
    let input = Input::Path(folder.path().join("dump"));
    let blocks = ["one two three four five", "one two three four six"];
    fs::write(folder.path().join("dump"), text_page("a", "A", &blocks)).unwrap();
    for (emit, name, is, becomes, is_seen) in [
        (Emit::Reports, "see_more", "null", "7", false),
        (Emit::Statements, "see_more", "null", "7", false),
        (Emit::Reports, "occurrences", "1", "2", true),
        (Emit::Statements, "occurrences", "1", "2", false),
        (Emit::Reports, "similarity", "0.666", "0.5", false),
        (Emit::Statements, "similarity", "0.666", "0.5", false),
    ] {
        let records = ran(vec![input.clone()], Dedup::Page, emit, Some(500));
        let records = String::from_utf8(records).unwrap();
        let [is, becomes] = [is, becomes].map(|value| format!("\"{name}\":{value}"));
        assert!(records.contains(&is), "{records}");
        let changed = records.replacen(&is, &becomes, 1).into_bytes();
        for scope in [Dedup::Page, Dedup::Run] {
            let (records, outcome) = merged(slice::from_ref(&changed), settings(scope));
            assert_eq!(outcome.is_err(), is_seen, "{emit:?}: {name}");
            assert!(is_seen || records == changed);
        }
    }
}

/// Outputs of runs with one store are what one run gives in pieces, and suit each other in order.
#[test]
fn parts_made_with_a_store_suit_each_other_in_their_order() {
    let world = World::new();
    world.write("1.txt", text_page("a", "A", &["one", "two"]));
    world.write("2.txt", text_page("a", "A", &["two", "three"]));
    for number in 1..3 {
        world.done(&format!("-q --seen seen {number}.txt -o {number}.ndjson"));
    }
    world.done("-q --dedup run 1.txt 2.txt -o one.ndjson");
    world.done("merge -q 1.ndjson 2.ndjson -o merged.ndjson");
    assert_eq!(world.read("merged.ndjson"), world.read("one.ndjson"));
    let said = world.ends("merge 2.ndjson 1.ndjson", 1);
    assert!(said.contains("2.ndjson: byte 0, line 1: "), "{said}");
    assert!(said.contains("without --seen"), "{said}");
}

#[test]
fn a_part_that_is_cut_or_changed_is_refused_or_says_so_itself() {
    let pages = [
        text_page("a", "A", &["one", "one", "two"]),
        text_page("b", "B", &["three"]),
    ];
    for emit in EMITS {
        let whole = part(&pages, Dedup::Page, emit);
        for end in 0..whole.len() {
            let cut = whole[..end].to_vec();
            let is_at_border = cut.is_empty() || cut.ends_with(b"\n");
            let (records, outcome) = merged(slice::from_ref(&cut), settings(Dedup::Run));
            assert_eq!(outcome.is_ok(), is_at_border, "{emit:?} cut at {end}");
            let end_of_line = cut
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1);
            assert_eq!(records, cut[..end_of_line]);
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let (_, outcome) = merged(slice::from_ref(&changed), settings(Dedup::Run));
            // What is changed outside of statements into another record is another record.
            if outcome.is_ok() {
                assert_eq!(
                    statement_values(&changed, emit),
                    statement_values(&whole, emit),
                    "{at}"
                );
                rewritten(&changed, emit);
            }
        }
    }
}

/// What the ids protect.
fn statement_values(records: &[u8], emit: Emit) -> Vec<Value> {
    let mut values = Vec::new();
    for line in serde_json::Deserializer::from_slice(records).into_iter::<Value>() {
        let line = line.unwrap();
        let statements = match emit {
            Emit::Reports => line["statements"].as_array().unwrap().clone(),
            Emit::Statements => vec![line],
        };
        let keys = ["id", "text", "section", "type", "confidence"];
        values.extend(
            statements
                .iter()
                .flat_map(|one| keys.map(|key| one[key].clone())),
        );
    }
    values
}

/// It is what a run could have written.
fn rewritten(records: &[u8], emit: Emit) {
    for line in records.split_inclusive(|&byte| byte == b'\n') {
        let again = match emit {
            Emit::Reports => serde_json::to_vec(&serde_json::from_slice::<Report>(line).unwrap()),
            Emit::Statements => {
                serde_json::to_vec(&serde_json::from_slice::<StatementRow>(line).unwrap())
            }
        };
        assert_eq!([&again.unwrap()[..], b"\n"].concat(), line);
    }
}

#[test]
fn what_is_no_record_of_a_run_is_told_with_its_place() {
    let pages = [
        text_page("a", "A", &["one", "one", "two"]),
        text_page("b", "B", &["three"]),
    ];
    let reports = String::from_utf8(part(&pages, Dedup::Page, Emit::Reports)).unwrap();
    let rows = String::from_utf8(part(&pages, Dedup::Page, Emit::Statements)).unwrap();
    let first = reports.lines().next().unwrap();
    let altered = |from: &str, to: &str| {
        assert!(first.contains(from), "{from}");
        first.replacen(from, to, 1)
    };
    for (line, what) in [
        (String::new(), "it is no record of a run: EOF"),
        ("no JSON".to_owned(), "it is no record of a run: expected"),
        ("{}".to_owned(), "missing field `tallies`"),
        ("[]".to_owned(), "it is no record of a run"),
        (altered("\"year\":", "\"years\":"), "unknown field `years`"),
        (altered(",\"meta\":null", ""), "other bytes"),
        (altered(",\"warnings\":[]", ""), "missing field `warnings`"),
        (altered("\"year\":2012", "\"year\": 2012"), "other bytes"),
        (
            altered("\"title\":\"A\"", "\"title\":\"\\u0041\""),
            "other bytes",
        ),
        (
            altered("\"text\":\"one\"", "\"text\":\"One\""),
            "the id of statement 1",
        ),
        (
            altered("\"text\":\"two\"", "\"text\":\"tw\""),
            "the id of statement 2",
        ),
        (
            altered("\"occurrences\":2", "\"occurrences\":3"),
            "do not fit each other",
        ),
        (
            altered("\"occurrences\":2", "\"occurrences\":0"),
            "do not fit each other",
        ),
        (
            altered("\"duplicates_removed\":1", "\"duplicates_removed\":0"),
            "do not fit each other",
        ),
        (
            altered(
                "\"duplicates_removed\":1",
                "\"duplicates_removed\":18446744073709551615",
            ),
            "do not fit each other",
        ),
        (rows.lines().next().unwrap().to_owned(), "another --emit"),
        (format!("{first}\r"), "other bytes"),
        (format!("{first}{first}"), "trailing characters"),
    ] {
        let text = format!("{reports}{line}\n{first}\n");
        let world = World::new();
        world.write("good.ndjson", &reports);
        world.write("bad.ndjson", &text);
        world.write("out.ndjson", "older\n");
        let said = world.ends("merge good.ndjson bad.ndjson -o out.ndjson", 1);
        let place = format!("citesift: bad.ndjson: byte {}, line 3: ", reports.len());
        assert!(said.starts_with(&place), "{line}: {said}");
        assert!(said.contains(what), "{line}: {said}");
        assert_eq!(world.read("out.ndjson"), "older\n");
    }
    // A repeat that a run with --dedup off leaves counts itself alone.
    let statement = first.split("\"statements\":[").nth(1).unwrap();
    let statement = statement.split_inclusive('}').next().unwrap();
    let twice = altered(statement, &format!("{statement},{statement}"))
        .replace("\"duplicates_removed\":1", "\"duplicates_removed\":2");
    let said = merged(&[format!("{twice}\n").into_bytes()], settings(Dedup::Page))
        .1
        .unwrap_err();
    assert!(said.to_string().contains("stands in it twice"), "{said}");
}

/// The scripts that the book shows, with a loop in place of `sbatch`.
#[cfg(unix)]
#[test]
fn an_array_of_slurm_gives_what_one_run_gives() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let book = fs::read_to_string(root.join("docs/src/many-machines.md")).unwrap();
    let world = World::new();
    for name in ["slurm-part.sh", "slurm-merge.sh"] {
        let script = fs::read_to_string(root.join("samples/recipes").join(name)).unwrap();
        assert!(book.contains(&format!("```text\n{script}```\n")), "{name}");
        world.write(name, script);
    }
    fs::create_dir(world.path("shards")).unwrap();
    let months = Path::new(SAMPLES).join("option-dedup-run");
    for (number, month) in ["march", "june", "march"].iter().enumerate() {
        let page = months.join(format!("{month}.txt"));
        fs::copy(page, world.path(&format!("shards/{number}.txt"))).unwrap();
    }
    let output = world.shell(
        "PATH=$(dirname $citesift):$PATH
         for task in 2 1 3; do SLURM_ARRAY_TASK_ID=$task SLURM_CPUS_PER_TASK=2 bash slurm-part.sh; done
         # One that is started again is whole already.
         SLURM_ARRAY_TASK_ID=3 bash slurm-part.sh
         bash slurm-merge.sh
         citesift --quiet --dedup run shards/* -o one.ndjson.zst
         cmp merged.ndjson.zst one.ndjson.zst
         rm parts/1.txt.ndjson.zst
         if bash slurm-merge.sh; then exit 1; fi",
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("citesift: parts/1.txt.ndjson.zst: "),
        "{said}"
    );
    let stats: Value = serde_json::from_str(&world.read("merged.json")).unwrap();
    assert_eq!(stats["parts"], 3);
}

/// The program on its own files, as users run it.
struct World(TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    fn run(&self, args: &str) -> Output {
        let mut command = Command::new(program());
        command.args(args.split_whitespace()).current_dir(&self.0);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn done(&self, args: &str) -> String {
        self.ends(args, 0)
    }

    /// What it says, on both streams.
    fn ends(&self, args: &str, code: i32) -> String {
        let output = self.run(args);
        let said = [&output.stdout[..], &output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args}: {said}");
        said
    }

    /// Runs a line of shell, in which `$citesift` is the program.
    #[cfg(unix)]
    fn shell(&self, line: &str) -> Output {
        let mut command = Command::new("bash");
        let command = command.args(["-euo", "pipefail", "-c", line]);
        let command = command.env("citesift", program());
        command.current_dir(&self.0).output().unwrap()
    }

    /// Two parts, and what one run gives over their inputs.
    fn with_parts() -> Self {
        let world = Self::new();
        copy(&Path::new(SAMPLES).join("option-dedup-run"), world.0.path());
        for month in ["march", "june"] {
            world.done(&format!("-q {month}.txt -o {month}.ndjson"));
        }
        world.done("-q --dedup run march.txt june.txt -o one.ndjson");
        world
    }
}

#[test]
fn parts_are_read_compressed_or_from_standard_input_and_the_output_has_its_name_when_it_is_whole() {
    let world = World::with_parts();
    world.done("-q march.txt -o march.ndjson.gz");
    world.done("-q june.txt -o june.ndjson.zst");
    let one = world.read("one.ndjson");
    for parts in [
        "march.ndjson june.ndjson",
        "march.ndjson.gz june.ndjson.zst",
    ] {
        let output = world.run(&format!("merge {parts}"));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), one);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(" of 2 parts became "), "{said}");
    }
    let said =
        world.done("merge -q march.ndjson june.ndjson -o merged.ndjson.gz --stats stats.json");
    assert_eq!(said, "");
    assert_eq!(world.run("merge merged.ndjson.gz").stdout, one.as_bytes());
    assert!(!world.path("merged.ndjson.gz.part").exists());
    let stats: Value = serde_json::from_str(&world.read("stats.json")).unwrap();
    assert_eq!(stats["parts"], 2);
    assert_eq!(stats["bytes"]["written"], one.len());
    let number = |column: &str, name: &str| stats[column][name].as_u64().unwrap();
    assert_eq!(
        number("records", "read"),
        number("records", "written") + number("records", "repeated")
    );
    assert!(number("records", "repeated") > 0 && number("statements", "repeated_in_run") > 0);
}

#[test]
fn a_merge_is_refused_before_it_is_begun() {
    let world = World::with_parts();
    let part = world.read("march.ndjson");
    for (args, says) in [
        ("merge", "<PART>..."),
        ("merge - -", "`-` is given twice"),
        (
            "merge march.ndjson -o march.ndjson",
            "--output names an input",
        ),
        (
            "merge march.ndjson --stats march.ndjson",
            "--stats names an input",
        ),
        (
            "merge march.ndjson -o x.csv",
            "--output: `x.csv` promises CSV, and NDJSON alone is written",
        ),
        (
            "merge march.ndjson -o x.ndjson --stats x.ndjson",
            "name the same file",
        ),
        ("merge march.ndjson -o none/x.ndjson", "there is no folder"),
        (
            "merge march.parquet",
            "PART: `march.parquet` promises Parquet, and NDJSON alone is merged",
        ),
        ("merge march.ndjson --dedup pages", "--dedup"),
        ("merge march.ndjson --memory none", "--memory"),
    ] {
        let said = world.ends(args, 2);
        assert!(said.contains(says), "{args}: {said}");
        assert_eq!(world.read("march.ndjson"), part);
    }
    let said = world.ends("merge march.ndjson none.ndjson -o out.ndjson", 1);
    assert!(said.starts_with("citesift: none.ndjson: "), "{said}");
    assert!(!world.path("out.ndjson.part").exists());
    let said = world.ends("merge . -o out.ndjson", 2);
    assert!(said.contains("--output is in `.`, which is read"), "{said}");
    let said = world.ends("merge march.ndjson .", 1);
    assert!(said.contains("citesift: .: "), "{said}");
}

#[test]
fn a_compressed_part_that_ends_early_is_told() {
    let world = World::with_parts();
    for ending in ["gz", "zst"] {
        world.done(&format!("-q march.txt -o march.ndjson.{ending}"));
        let whole = fs::read(world.path(&format!("march.ndjson.{ending}"))).unwrap();
        for end in [0, 1, 5, whole.len() / 2, whole.len() - 1] {
            world.write(&format!("cut.{ending}"), &whole[..end]);
            let said = world.ends(&format!("merge march.ndjson cut.{ending} -o out.ndjson"), 1);
            assert!(
                said.starts_with(&format!("citesift: cut.{ending}: ")),
                "{end}: {said}"
            );
            assert!(!world.path("out.ndjson").exists());
        }
    }
}

/// A line that ends nowhere is not held.
#[test]
fn a_line_longer_than_any_record_is_refused() {
    let world = World::with_parts();
    let march = world.read("march.ndjson");
    world.write(
        "long.ndjson",
        [march.as_bytes(), &vec![b'x'; 4 << 20]].concat(),
    );
    let said = world.ends("merge long.ndjson --max-page 1K -o out.ndjson", 1);
    let place = format!("byte {}, line {}: ", march.len(), march.lines().count() + 1);
    assert!(
        said.contains(&place) && said.contains("--max-page"),
        "{said}"
    );
    world.done("merge -q march.ndjson --max-page 1K -o out.ndjson");
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_is_no_error_and_a_full_disk_is_one() {
    let world = World::with_parts();
    // More than a pipe holds.
    let many = world.read("march.ndjson").repeat(300);
    world.write("many.ndjson", &many);
    // More than fits into the least memory.
    let pages = (0..3000).map(|number| text_page(&number.to_string(), "A", &["one", "two"]));
    world.write("dump.txt", pages.collect::<String>());
    world.done("-q dump.txt -o dump.ndjson");
    let output = world.shell("$citesift merge --dedup page many.ndjson | head -n 1 | wc -l");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    assert_eq!(output.stdout, b"1\n");
    let line = "cat march.ndjson | $citesift merge -q - june.ndjson | cmp - one.ndjson";
    assert!(world.shell(line).status.success());
    for (line, name) in [
        (
            "$citesift merge march.ndjson > /dev/full",
            "standard output",
        ),
        ("$citesift merge march.ndjson -o /dev/full", "/dev/full"),
        (
            "$citesift merge march.ndjson -o out.ndjson --stats /dev/full",
            "/dev/full",
        ),
        ("$citesift merge march.ndjson >&-", "standard output"),
        ("$citesift merge - <&-", "-"),
        (
            "ulimit -f 1; $citesift merge --dedup page many.ndjson -o out.ndjson",
            "out.ndjson",
        ),
        (
            "TMPDIR=$PWD/dump.txt $citesift merge --memory 1 dump.ndjson -o out.ndjson",
            "cannot remember what was seen",
        ),
    ] {
        let output = world.shell(line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{line}: {said}");
        assert!(
            said.starts_with(&format!("citesift: {name}: ")),
            "{line}: {said}"
        );
        assert!(!world.path("out.ndjson").exists(), "{line}");
    }
}
