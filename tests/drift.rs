//! Lines that no part of a page claims: counted by shape, shown with a place, and a gate.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use citesift::stats::Stats;
use citesift::{Config, Dedup, Input, run};
use serde_json::{Value, json};

const LINES: u64 = 13;

/// So many lines, and what stands behind them.
fn page(number: usize, behind: &str) -> String {
    format!(
        "2012\nDOI: 10.5555/x.{number}\n|View full text |Cite\n|\n\nTitle {number}\n\n\
         Help me understand this report\n\nOrder By: Relevance\n\
         “…One {number}.…”\nSection: Resultsmentioning\nconfidence: 99%\n{behind}"
    )
}

fn command(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citesift"));
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn stats_of(bytes: &[u8], batch: usize, threads: usize, dedup: Dedup) -> Stats {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let mut config = Config::new(vec![Input::Path(file.path().to_owned())]);
    config.batch = NonZeroUsize::new(batch).unwrap();
    config.threads = NonZeroUsize::new(threads).unwrap();
    config.dedup = dedup;
    let summary = run(&config, |_| Ok(ControlFlow::Continue(())));
    let mut stats = summary.unwrap().stats;
    for shape in &mut stats.drift.shapes {
        shape.first.path.clear();
    }
    stats
}

fn shapes(stats: &Stats) -> Vec<(&str, u64, u64, Option<u64>)> {
    let shapes = stats.drift.shapes.iter();
    let told = shapes.map(|shape| {
        (
            &*shape.shape,
            shape.lines,
            shape.first.offset,
            shape.first.line,
        )
    });
    told.collect()
}

#[test]
fn the_commonest_shapes_are_told_with_the_place_of_the_first() {
    let first = page(
        1,
        "About us\nCopyright 2023 Example Inc.\n\n  12 new badges\n",
    );
    let second = page(
        2,
        "Copyright 2024 Other & Sons\nAbout us\nCopyright 2025 Third One Inc.",
    );
    let dump = [&*first, &second].concat();
    let place = |line: &str| {
        let at = dump.find(line).unwrap();
        (at as u64, Some(1 + dump[..at].matches('\n').count() as u64))
    };
    let stats = stats_of(dump.as_bytes(), 1 << 20, 1, Dedup::Page);
    let of = |shape, lines, line| (shape, lines, place(line).0, place(line).1);
    assert_eq!(
        shapes(&stats),
        [
            of("A 0 A.", 2, "Copyright 2023"),
            of("A us", 2, "About us"),
            of("0 new badges", 1, "12 new"),
            of("A 0 A & A", 1, "Copyright 2024"),
        ]
    );
    assert_eq!(stats.unrecognized_lines, 6);
    assert_eq!((stats.drift.lines, stats.drift.other), (2 * LINES + 7, 0));
}

/// Pages with more shapes than are told apart on one, and in all.
fn many_shapes() -> String {
    let word = |number: usize| {
        let letters = number.to_string().into_bytes();
        letters
            .iter()
            .map(|digit| char::from(digit - b'0' + b'a'))
            .collect::<String>()
    };
    let behind = |number: usize| {
        let lines = (0..number % 50).map(|line| format!("{}\n", word(number * 7 + line)));
        lines.collect::<String>() + "common\n"
    };
    (0..200)
        .map(|number| page(number, &behind(number)))
        .collect()
}

#[test]
fn counts_do_not_depend_on_threads_and_batches() {
    let dump = many_shapes();
    for dedup in [Dedup::Page, Dedup::Run] {
        let usual = stats_of(dump.as_bytes(), 1 << 20, 1, dedup);
        assert_eq!(usual.drift.shapes.len(), 256);
        assert!(usual.drift.other > 100, "{}", usual.drift.other);
        assert_eq!(usual.check(), Ok(()));
        for (batch, threads) in [(300, 1), (1000, 3), (7777, 5)] {
            assert_eq!(stats_of(dump.as_bytes(), batch, threads, dedup), usual);
        }
    }
}

#[test]
fn of_a_page_the_first_shapes_are_told_apart() {
    let lines: String = (b'a'..=b'z')
        .flat_map(|a| [[a, b'a', b'\n'], [a, b'b', b'\n']])
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    let stats = stats_of(
        page(1, &(lines + "aa\n")).as_bytes(),
        1 << 20,
        1,
        Dedup::Page,
    );
    assert_eq!((stats.drift.shapes.len(), stats.drift.other), (32, 52 - 32));
    assert_eq!(
        (
            stats.drift.shapes[0].shape.as_str(),
            stats.drift.shapes[0].lines
        ),
        ("aa", 2)
    );
}

#[test]
fn a_place_is_right_behind_bytes_that_are_no_text() {
    let mut bytes = page(1, "").into_bytes();
    bytes.extend(b"\xFF\xFE bad\n  footer \xFF\nlast\n");
    let stats = stats_of(&bytes, 1 << 20, 1, Dedup::Page);
    let at = page(1, "").len() as u64;
    assert_eq!(
        shapes(&stats),
        [
            ("footer \u{fffd}", 1, at + 7 + 2, Some(LINES + 2)),
            ("last", 1, at + 7 + 11, Some(LINES + 3)),
            ("\u{fffd}\u{fffd} bad", 1, at, Some(LINES + 1)),
        ]
    );
}

#[test]
fn pages_that_give_no_record_are_not_counted() {
    let dump = page(1, "footer\n") + &page(1, "footer\n") + &page(2, "");
    let stats = stats_of(dump.as_bytes(), 1 << 20, 1, Dedup::Run);
    assert_eq!((stats.pages.emitted, stats.pages.repeated), (2, 1));
    assert_eq!(
        (stats.unrecognized_lines, stats.drift.lines),
        (1, 2 * LINES + 1)
    );
    let stats = stats_of(b"Some other site.\nWith text.\n", 1 << 20, 1, Dedup::Page);
    assert_eq!(
        (
            stats.pages.skipped,
            stats.drift.lines,
            stats.drift.unrecognized()
        ),
        (1, 0, 0)
    );
}

#[test]
fn the_summary_and_the_numbers_show_shapes_and_places() {
    let folder = tempfile::tempdir().unwrap();
    let line = json!({ "text": page(1, "About us\nAbout 2\nNews\u{1b}[31m of 5 May\n") });
    fs::write(
        folder.path().join("d.jsonl"),
        format!("{{\"text\": null}}\n{line}\n"),
    )
    .unwrap();
    let output = command(&["d.jsonl", "--stats", "stats"], folder.path());
    let messages = String::from_utf8(output.stderr).unwrap();
    let at = page(1, "").len();
    let said = format!(
        "citesift: 3 of 16 lines unrecognized (18.750 %); the commonest:\n\
         citesift:   1 like `A 0`, first in d.jsonl: byte {}, record 2\n\
         citesift:   1 like `A us`, first in d.jsonl: byte {at}, record 2\n\
         citesift:   1 like `A\u{fffd}[0m of 0 A`, first in d.jsonl: byte {}, record 2\n",
        at + 9,
        at + 17
    );
    assert!(messages.contains(&said), "{messages}\n{said}");
    let stats: Value =
        serde_json::from_slice(&fs::read(folder.path().join("stats")).unwrap()).unwrap();
    let first = &stats["drift"]["shapes"][1];
    let place = json!({ "path": "d.jsonl", "offset": at, "line": null, "record": "2" });
    assert_eq!(
        first,
        &json!({ "shape": "A us", "lines": 1, "first": place })
    );
    assert_eq!(
        (&stats["drift"]["lines"], &stats["drift"]["other"]),
        (&json!(16), &json!(0))
    );
}

#[test]
fn the_gate_holds_up_to_its_share() {
    let folder = tempfile::tempdir().unwrap();
    // One line of twenty.
    fs::write(
        folder.path().join("page.txt"),
        page(1, "\n\n\n\n\n\nfooter"),
    )
    .unwrap();
    for (most, code) in [("5%", 0), ("4.99%", 3), ("0%", 3), ("100%", 0)] {
        let output = command(&["-q", "page.txt", "--fail-on-drift", most], folder.path());
        let messages = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{most}: {messages}");
        let said = "citesift: --fail-on-drift does not hold: 1 of 20 lines were unrecognized\n";
        assert_eq!(messages, if code == 3 { said } else { "" });
        assert!(output.stdout.ends_with(b"}\n"));
    }
    for most in ["0.1", "101%", "-1%", "x"] {
        let flag = format!("--fail-on-drift={most}");
        let output = command(&["page.txt", "-o", "out", &flag], folder.path());
        let messages = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        assert!(
            messages.contains("expected a share of the lines, such as 0.1%"),
            "{messages}"
        );
        assert!(!folder.path().join("out").exists());
    }
    fs::write(folder.path().join("empty"), "").unwrap();
    let output = command(&["-q", "empty", "--fail-on-drift", "0%"], folder.path());
    assert_eq!(output.status.code(), Some(0));
}
