//! Input made to break the program: nothing panics or hangs, nothing is lost or made up, and
//! what is said to a person steers no terminal.
//!
//! How time grows with the size of such input is measured by `benches/growth`; here are the
//! answers, on sizes that a build without optimisation reads in seconds.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use citesift::model::Report;
use memory::most_held_by;
use serde_json::Value;

mod memory;

/// What a run gave, with everything checked that holds for every run.
struct Done {
    reports: Vec<Report>,
    rejects: Vec<Value>,
    stats: Value,
    messages: String,
    code: Option<i32>,
    /// The most memory it had, in kB; 0 where the system does not say.
    peak: u64,
}

/// More is a hang: the slowest of these runs takes a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the program on some bytes, from a file.
fn done(bytes: &[u8], flags: &[&str]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("input"), bytes).unwrap();
    let files = ["-o", "out", "--rejects", "rejects", "--stats", "stats"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_citesift"))
        .args(files)
        .args(flags)
        .arg("input")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stderr(fs::File::create(path("messages")).unwrap())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let mut peak = 0;
    let ended = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        peak = peak.max(most_held_by(&child));
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!(
                "it hangs on {:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(80)])
            );
        }
        thread::sleep(Duration::from_millis(1));
    };
    let messages = text_of(&path("messages"));
    assert!(matches!(ended.code(), Some(0 | 1)), "{ended}: {messages}");
    assert!(!messages.contains("bug"), "{messages}");
    assert_eq!(steering(&messages.replace('\n', "")), None, "{messages}");
    let rejects = text_of(&path("rejects"));
    assert_eq!(steering(&rejects.replace('\n', "")), None, "{rejects}");
    let stats: Value = serde_json::from_slice(&fs::read(path("stats")).unwrap()).unwrap();
    adds_up(&stats);
    let out = text_of(&path("out"));
    assert_eq!(stats["records"], out.matches('\n').count());
    Done {
        reports: lines_of(&out),
        rejects: lines_of(&rejects),
        stats,
        messages,
        code: ended.code(),
        peak,
    }
}

/// All lines, each of which is JSON by itself.
fn lines_of<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// The file's text, which is UTF-8.
fn text_of(path: &Path) -> String {
    let mut text = String::new();
    let mut file = fs::File::open(path).unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

/// The first character that steers a terminal: a control, or one that turns the direction of text.
fn steering(text: &str) -> Option<char> {
    text.chars().find(|c| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{feff}')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

fn adds_up(stats: &Value) {
    let number = |column: &str, name: &str| stats[column][name].as_u64().unwrap();
    let is_sum = |column: &str, of: &str, names: &[&str]| {
        let sum: u64 = names.iter().map(|name| number(column, name)).sum();
        assert_eq!(number(column, of), sum, "{stats}");
    };
    let bytes = ["pages", "between_pages", "skipped", "container"];
    is_sum("bytes", "read", &bytes);
    is_sum(
        "pages",
        "seen",
        &["emitted", "repeated", "rejected", "skipped"],
    );
    is_sum(
        "blocks",
        "seen",
        &["kept", "repeated_in_page", "repeated_in_run"],
    );
}

fn warc_record(length: usize, block: &str) -> String {
    format!("WARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: {length}\r\n\r\n{block}\r\n\r\n")
}

#[test]
fn version_lines_without_end_are_no_hang() {
    // 200 kB of them took seven seconds, and twice as many four times as long.
    let lines = "WARC/1.0\n".repeat(40_000);
    let good = warc_record(14, "DOI: 10.5/x\n|\n");
    let done = done(format!("{lines}{good}").as_bytes(), &[]);
    assert_eq!((done.reports.len(), done.code), (1, Some(1)));
    assert_eq!(done.stats["pages"]["rejected"], 40_000);
}

#[test]
fn damaged_records_without_number_are_each_said_and_the_next_good_one_is_read() {
    let good = warc_record(14, "DOI: 10.5/x\n|\n");
    for damaged in [
        "WARC/1.0\nA: b\n\n".to_owned(),
        warc_record(3, "some text"),
        warc_record(40, "some text"),
        warc_record(5_000_000, "some text"),
    ] {
        let bytes = damaged.repeat(3000) + &good;
        let done = done(bytes.as_bytes(), &[]);
        assert_eq!(
            (done.reports.len(), done.rejects.len()),
            (1, 3000),
            "{damaged}"
        );
        let offset = |number: usize| done.rejects[number]["source"]["offset"].as_u64();
        assert_eq!(offset(2999), Some(2999 * damaged.len() as u64), "{damaged}");
        assert_eq!(done.stats["bytes"]["read"], bytes.len());
    }
}

#[test]
fn damage_of_any_length_is_not_held() {
    let good = warc_record(2, "ab");
    let done = done((good + &"WARC/1.0\n".repeat(110_000)).as_bytes(), &[]);
    assert_eq!(done.rejects.len(), 109_999);
    assert!(done.peak < 36 << 10, "{} kB", done.peak);
}

#[test]
fn line_ends_between_two_records_are_not_held() {
    let record = warc_record(14, "DOI: 10.5/x\n|\n");
    let ends = "\r\n".repeat(20_000_000);
    let done = done([&*record, &ends, &record].concat().as_bytes(), &[]);
    assert_eq!((done.reports.len(), done.rejects.len()), (2, 0));
    assert!(done.peak < 20 << 10, "{} kB", done.peak);
}

#[test]
fn a_message_does_not_repeat_a_line_of_any_length() {
    let line = format!("\"DOI: {}\"\n", "x".repeat(1_000_000));
    let done = done(format!("{{}}\n{line}").as_bytes(), &[]);
    assert_eq!(done.rejects[0]["reason"], "wrong_type");
    let message = done.rejects[0]["message"].as_str().unwrap();
    assert!(
        message.starts_with("invalid type: string \"DOI: x"),
        "{message}"
    );
    assert!(message.contains("x…x") && message.contains("x\", expected an object, at column "));
    assert!(message.chars().count() < 200, "{message}");
    assert!(done.messages.len() < 1000, "{}", done.messages);
}

/// Moves the cursor, colours, sets the title of the window, turns the direction; and what
/// tables, pages and shells take for more than text.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{7f}\u{85}\u{b}\0\u{202e}\u{2066}\u{feff}\u{2028}=cmd|' /C'!A1,\";\\<script>&amp;</a> $(x) `y`";

#[test]
fn what_is_said_of_hostile_text_steers_no_terminal() {
    let bad = format!("{{\"text\": \"DOI: {HOSTILE}\n");
    let done_json = done(format!("{{}}\n{bad}{bad}").as_bytes(), &[]);
    assert_eq!(done_json.rejects.len(), 2);
    assert_eq!(
        done_json.rejects[0]["excerpt"],
        bad.trim_end().chars().take(80).collect::<String>()
    );

    let page = format!("DOI: 10.5/{HOSTILE}\n|\n{}", "x\n".repeat(1000));
    let done_text = done(page.as_bytes(), &["--max-page", "1K"]);
    assert_eq!(done_text.rejects[0]["reason"], "page_too_large");

    let record = warc_record(3, "text").replace(
        "Content-Length",
        &format!("WARC-Record-ID: {HOSTILE}\r\nContent-Length"),
    );
    let done_warc = done(record.repeat(2).as_bytes(), &[]);
    assert_eq!(done_warc.rejects[0]["source"]["record"], HOSTILE.trim());
    assert!(
        done_warc.messages.contains("\\u{1b}[2J"),
        "{}",
        done_warc.messages
    );
}

#[test]
fn a_kept_value_is_as_it_was_however_deep_it_is() {
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    let line = format!("{{\"text\":\"DOI: 10.5/x\\n|\",\"a\":{{\"b\":{nested}}}}}\n");
    let done = done(line.as_bytes(), &["--keep", "a.b"]);
    let kept = done.reports[0].meta.as_ref().unwrap();
    assert_eq!(kept.0.get(), format!("{{\"a\":{{\"b\":{nested}}}}}"));
}

/// One page with everything above its statements.
const BEFORE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\n\nA title\n\n\
    Help me understand this report\n\ncitations\nCited by 1 publication\n\
    (1 citation statement)\nOrder By: Relevance\n";

#[test]
fn a_page_of_many_blocks_gives_all_of_them_and_counts_repeats() {
    const BLOCKS: usize = 20_000;
    let block = |n: usize| {
        format!(
            "“…Statement {n}.…”\nSection: Resultsmentioning\nconfidence: {}%\n",
            n % 101
        )
    };
    let blocks: String = (0..BLOCKS).chain(0..BLOCKS).map(block).collect();
    let page = format!("{BEFORE}{blocks}");
    let usual = done(page.as_bytes(), &[]);
    let statements = &usual.reports[0].statements;
    assert_eq!(statements.len(), BLOCKS);
    for (n, statement) in statements.iter().enumerate() {
        assert_eq!(statement.text, format!("Statement {n}."));
        assert_eq!(statement.confidence.map(usize::from), Some(n % 101));
        assert_eq!(statement.occurrences, 2);
    }
    assert_eq!(usual.reports[0].duplicates_removed, BLOCKS as u64);
    let off = done(page.as_bytes(), &["--dedup", "off"]);
    assert_eq!(off.reports[0].statements.len(), 2 * BLOCKS);
}

#[test]
fn many_pages_of_a_header_alone_give_a_record_each() {
    let page = |n: usize| format!("DOI: 10.5555/{n}\n|\n");
    let pages: String = (0..20_000).map(page).collect();
    let done = done(pages.as_bytes(), &["--dedup", "run"]);
    let expected = (0..20_000).map(|n| Some(format!("10.5555/{n}")));
    assert!(
        done.reports
            .iter()
            .map(|report| report.doi.clone())
            .eq(expected)
    );
}

#[test]
fn text_made_to_break_terminals_tables_and_pages_is_kept_to_the_letter() {
    let lower = HOSTILE.to_ascii_lowercase();
    let page = format!(
        "DOI: 10.5/{HOSTILE}\n|\n\n{HOSTILE}\n\nAbstract: {HOSTILE}\nHelp me understand this report\n\n\
         Authors\n{HOSTILE}\n\nJournals\n{HOSTILE}\n\nOrder By: Relevance\n\
         “…{HOSTILE}.…”\nSection: {HOSTILE}mentioning\nconfidence: 99%\n"
    );
    for flags in [&[][..], &["--dedup", "run"], &["--near", "0.5"]] {
        let done = done(page.as_bytes(), flags);
        let report = &done.reports[0];
        assert_eq!(report.doi.as_deref(), Some(&*format!("10.5/{lower}")));
        assert_eq!(report.title.as_deref(), Some(HOSTILE));
        assert_eq!(report.abstract_text.as_deref(), Some(HOSTILE));
        assert_eq!(report.facets.authors, [HOSTILE]);
        assert_eq!(report.facets.journals, [HOSTILE]);
        let statement = &report.statements[0];
        assert_eq!(statement.text, format!("{HOSTILE}."));
        assert_eq!(statement.section.as_deref(), Some(HOSTILE));
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    }
}

#[test]
fn every_character_is_kept_in_a_statement_and_in_a_title() {
    let all: Vec<char> = (0..=0x3_0000)
        .filter_map(char::from_u32)
        .filter(|&c| c != '\n')
        .collect();
    for chunk in all.chunks(20_000) {
        let text: String = chunk.iter().collect();
        let page = format!(
            "DOI: 10.5/x\n|\n\na{text}z\n\nHelp me understand this report\n\
             “…a{text}z…”\nSection: mentioning\nconfidence: 1%\n"
        );
        let done = done(page.as_bytes(), &[]);
        let report = &done.reports[0];
        let text = format!("a{text}z");
        assert!(report.title.as_deref() == Some(&*text) && report.statements[0].text == text);
    }
}

#[test]
fn all_byte_values_are_survived_wherever_they_stand() {
    let all: Vec<u8> = (0..=255).collect();
    // The first two would be the mark of UTF-16.
    let backwards: Vec<u8> = all
        .iter()
        .rev()
        .cycle()
        .skip(1)
        .take(256)
        .copied()
        .collect();
    let page = [
        BEFORE.as_bytes(),
        "“…One.…”\nSection: Resultsmentioning\nconfidence: 99%\n".as_bytes(),
    ]
    .concat();
    for bytes in [&all, &backwards] {
        for many in [1, 1000] {
            let noise = bytes.repeat(many);
            let alone = done(&noise, &[]);
            assert_eq!(
                (alone.reports.len(), &alone.stats["bytes"]["read"]),
                (0, &(noise.len() as u64).into())
            );
            let around = [&noise[..], b"\n", &page, &noise, b"\n", &page, &noise].concat();
            let around = done(&around, &[]);
            let dois: Vec<_> = around
                .reports
                .iter()
                .map(|report| report.doi.as_deref())
                .collect();
            assert_eq!(dois, [Some("10.5555/x"); 2]);
        }
        // As a container, too, the first bytes may be of any kind.
        let beginnings: [&[u8]; 6] = [
            b"{\"text\":\"",
            b"WARC/1.0\r\n",
            b"PK\x03\x04",
            b"PAR1",
            b"\x1f\x8b\x08",
            b"BZh91",
        ];
        for beginning in beginnings {
            done(&[beginning, &bytes.repeat(10)].concat(), &[]);
        }
    }
}

#[test]
fn overlong_forms_and_surrogates_are_replaced_and_warned_of() {
    for (bytes, replaced) in [
        (&b"\xc0\xaf"[..], 2),
        (b"\xe0\x80\xaf", 3),
        (b"\xf0\x80\x80\xaf", 4),
        (b"\xed\xa0\x80", 3),
        (b"\xed\xa0\xbd\xed\xb8\x80", 6),
        (b"\xf4\x90\x80\x80", 4),
        (b"\xff\xfe", 2),
        (b"\x80", 1),
        (b"\xe2\x80", 1),
    ] {
        let statement = [
            &b"\xe2\x80\x9c\xe2\x80\xa6a"[..],
            bytes,
            "b.…”\nSection: mentioning\nconfidence: 1%\n".as_bytes(),
        ];
        let page = [BEFORE.as_bytes(), &statement.concat()].concat();
        let done = done(&page.repeat(2), &[]);
        assert_eq!(done.reports.len(), 2);
        for report in &done.reports {
            let expected = format!("a{}b.", "\u{fffd}".repeat(replaced));
            assert_eq!(report.statements[0].text, expected, "{bytes:?}");
            assert_eq!(
                format!("{:?}", report.warnings),
                "[InvalidUtf8]",
                "{bytes:?}"
            );
        }
    }
    // Half of a pair, escaped in JSON.
    let page = serde_json::to_string(&format!(
        "{BEFORE}“…a#b.…”\nSection: mentioning\nconfidence: 1%"
    ))
    .unwrap();
    let line = format!("{{\"text\":{}}}\n", page.replace('#', "\\ud83d"));
    let done = done(line.as_bytes(), &[]);
    assert!(done.reports[0].statements[0].text.contains('\u{fffd}'));
    assert_eq!(format!("{:?}", done.reports[0].warnings), "[InvalidUtf8]");
    // Nor is an address lost with it, and a bare abstract is a page by that alone.
    let address = r"https://scite.ai/reports/caf\ud800-Zz9";
    let line = format!("{{\"text\":\"Abstract: Bare.\",\"url\":\"{address}\"}}\n");
    let done = crate::done(line.as_bytes(), &[]);
    let [report] = &done.reports[..] else {
        panic!("{} records", done.reports.len());
    };
    let url = "https://scite.ai/reports/caf\u{fffd}-Zz9";
    assert_eq!(report.url.as_deref(), Some(url));
}

#[test]
fn a_page_without_a_header_is_whole_wherever_it_stands_in_other_text() {
    let page = "Flax, dye and debt\n\nAbstract: Account books\nwere read.\n\nHelp me understand this report\n\n“…One\ntwo.…”\nSection: Resultsmentioning\nconfidence: 99%\n";
    let line = "Some other site's text.\n";
    for (around, far) in [(7 << 17, 9), (1 << 20, 9), (2 << 20, 9), (300_000, 0)] {
        for lines in around / line.len() - far..=around / line.len() {
            let text = format!("{}\n{page}", line.repeat(lines));
            let found = done(text.as_bytes(), &[]);
            let [report] = &found.reports[..] else {
                panic!("{} records behind {lines} lines", found.reports.len());
            };
            assert_eq!(report.title.as_deref(), Some("Flax, dye and debt"));
            assert_eq!(
                report.abstract_text.as_deref(),
                Some("Account books were read.")
            );
            assert_eq!(report.statements[0].text, "One\ntwo.");
        }
    }
}

#[test]
fn facets_without_end_and_numbers_without_bound_are_kept_or_counted() {
    let number = "9".repeat(100_000);
    let list = "9223372036854775807\n".repeat(5000);
    let page = format!(
        "{BEFORE}Paper Sections\n\n{list}{number}\n\nYear Published\n\n{list}\n\
         Citation Types\n\n{list}\nAuthors\n\n{}",
        "A. Author\n".repeat(5000)
    );
    let done = done(page.as_bytes(), &[]);
    let report = &done.reports[0];
    assert_eq!(report.facets.paper_sections, [i64::MAX as u64].repeat(5000));
    assert_eq!(report.facets.authors.len(), 5000);
    assert_eq!(report.tallies.supporting, Some(i64::MAX as u64));
    // The enormous number, and what is beyond four years and four types.
    assert_eq!(done.stats["unrecognized_lines"], 1 + 4996 + 4996);
}

#[test]
fn a_line_over_the_limit_is_refused_with_its_place_in_bounded_memory() {
    let good = "DOI: 10.5555/x\n|\nTitle\n";
    let long = "x".repeat(64 << 20);
    let page = format!("{good}{long}\n");
    let text = done(
        format!("{good}{page}{good}").as_bytes(),
        &["--max-page", "1M"],
    );
    let json = serde_json::json!({ "text": good }).to_string();
    let line = format!("{{\"text\":\"DOI: {long}\"}}");
    let lines = done(
        format!("{json}\n{line}\n{json}\n").as_bytes(),
        &["--max-page", "1M"],
    );
    for (done, offset, number, bytes) in [
        (text, good.len(), 4, page.len()),
        (lines, json.len() + 1, 2, line.len() + 1),
    ] {
        assert_eq!(
            (done.reports.len(), done.rejects.len(), done.code),
            (2, 1, Some(0))
        );
        let reject = &done.rejects[0];
        assert_eq!(reject["reason"], "page_too_large");
        assert_eq!(reject["source"]["offset"], offset);
        assert_eq!(reject["source"]["line"], number);
        assert!(
            reject["message"]
                .as_str()
                .unwrap()
                .contains(&bytes.to_string()),
            "{reject}"
        );
        assert!(done.peak < 20 << 10, "{} kB", done.peak);
    }
}

#[test]
fn marks_and_landmarks_without_a_page_around_them_are_no_hang() {
    for unit in [
        "“…\n",
        "“\n",
        "”\n",
        "…”\n",
        "“”",
        "“a”\n\n",
        "\"",
        "Section:\n",
        "confidence: 99%\n",
        "Cite\n",
        "Citation Types\n",
        "Abstract:\n",
        "DOI:",
        "DOI: 10.",
        "DOI: 10.5/x\n",
        "2012\n",
        "\u{feff}",
        "\r",
        "\u{a0}",
        "[",
        "{\"a\":",
        "{\n",
        "WARC/1.0\n",
        "WARC/1.0\nA: b\n\n",
        "\n",
    ] {
        for before in ["", BEFORE, "{}\n", "{\"text\":\""] {
            let bytes = format!("{before}{}", unit.repeat(10_000 / unit.len()));
            let done = done(bytes.as_bytes(), &["--near", "0.5"]);
            assert_eq!(
                done.stats["bytes"]["read"],
                bytes.len(),
                "{before:?} {unit:?}"
            );
        }
    }
}
