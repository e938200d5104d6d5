//! What holds for any input: the same records for any chunking and any number of threads,
//! columns that add up, no invented text, and a fast path that writes what serde writes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;

use citesift::grammar::{self, json_may_hold_report, line_roles, may_be_report};
use citesift::job::{Totals, Watch, annotate};
use citesift::model::{
    Duplicate, DuplicateKind, Reject, Report, Role, Source, Statement, StatementType,
};
use citesift::split::feeds_in;
use citesift::verify::verify;
use citesift::{Config, Dedup, Emit, Form, Input, Summary, parse, run};
use proptest::prelude::*;
use serde_json::json;

/// Lines that mean something somewhere on a page, and some that never do.
const LINES: &[&str] = &[
    "2012",
    "2012",
    "DOI: 10.5555/a",
    "DOI: 10.5555/B.c",
    "DOI: https://doi.org/10.5555/d",
    "DOI: none",
    "|View full text |Cite",
    "|",
    "Sign up to set email alerts",
    "",
    "",
    " ",
    "\u{a0}",
    "A title",
    "of two lines",
    "Abstract: It is said",
    "and \"said\" again.",
    "Help me understand this report",
    "Search citation statements",
    "Order By: Relevance",
    "Paper Sections",
    "Select...",
    "1",
    "23",
    "1,234",
    "Citation Types",
    "Supporting 8",
    "Mentioning",
    "Year Published",
    "Publication Types",
    "Relationship",
    "Authors",
    "Journals",
    "A. Author",
    "citations",
    "Cited by 4 publications",
    "(7 citation statements)",
    "references",
    "References 21 publications",
    "“…One statement.…”",
    "“…Another.…”",
    "“…One statement.…”",
    "“…Cut off",
    "“plain”",
    "goes on…”",
    "Section: Resultsmentioning",
    "Section: supporting",
    "confidence: 99%",
    "confidence: 50%",
    "See 1 more Smart Citation",
    "About us",
    "\u{1f}\\\u{0}\t",
];

fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        30 => prop::sample::select(LINES).prop_map(|line| line.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![20 => Just("\n"), 2 => Just("\r\n"), 1 => Just("")]
}

fn any_dump() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop::collection::vec((line(), line_end()), 0..120);
    lines.prop_map(|lines| {
        lines
            .into_iter()
            .flat_map(|(line, end)| [line, end.as_bytes().to_vec()].concat())
            .collect()
    })
}

/// A dump that is not read at once: no less than 64 KiB are asked of a file.
fn long_dump() -> impl Strategy<Value = Vec<u8>> {
    let dumps = prop::collection::vec((any_dump(), 60_000..70_000usize), 2..4);
    dumps.prop_map(|dumps| {
        let each = dumps.into_iter();
        each.flat_map(|(dump, length)| [dump, vec![b'x'; length], b"\n".to_vec()].concat())
            .collect()
    })
}

const BLOCKS: &[&str] = &[
    "\n“…One “quoted” statement.…”\nSection: Resultsmentioning\nconfidence: 99%",
    "\n“…Another,\nin two lines.…”\nSection: Methods supporting\nconfidence: 80%\nSee 2 more Smart Citations",
    "\n“…One “quoted” statement.…”\nSection: Resultsmentioning\nconfidence: 98%",
];

/// What may stand between a header's label and its DOI, in an order that is known or not.
const BEFORE_DOI: &[&str] = &[
    " ",
    "\u{a0}",
    "doi:",
    "DOI:",
    "http://",
    "https://",
    "dx.",
    "www.",
    "doi.org/",
    "example.org/",
    "x",
];

fn page() -> impl Strategy<Value = String> {
    (
        0..3usize,
        prop::collection::vec(prop::sample::select(BLOCKS), 0..6),
    )
        .prop_map(|(number, blocks)| {
            format!(
                "{}\nDOI: 10.5555/x.{number}\n|View full text |Cite\n|\n\nTitle {number}\n\n\
             Help me understand this report\n\nCitation Types\n\n1\n2\n0\n\ncitations\n\
             Cited by 2 publications\n(3 citation statements)\nOrder By: Relevance{}",
                2000 + number,
                blocks.concat()
            )
        })
}

fn whole_pages() -> impl Strategy<Value = Vec<u8>> {
    let joint = prop_oneof![Just(""), Just("\n"), Just("\r\n\r\n")];
    (prop::collection::vec(page(), 1..6), joint)
        .prop_map(|(pages, joint)| pages.join(joint).into_bytes())
}

#[derive(Clone, Copy)]
struct Way {
    batch: usize,
    threads: usize,
    max_page: usize,
    emit: Emit,
    dedup: Dedup,
    memory: usize,
}

const USUAL: Way = Way {
    batch: 1 << 20,
    threads: 1,
    max_page: 64 << 20,
    emit: Emit::Reports,
    dedup: Dedup::Page,
    memory: 1 << 30,
};

struct Done {
    records: Vec<u8>,
    rejects: Vec<Reject>,
    duplicates: Vec<Duplicate>,
    summary: Summary,
}

fn config(files: &[&Path], way: Way) -> Config {
    let mut config = Config::new(
        files
            .iter()
            .map(|&file| Input::Path(file.to_owned()))
            .collect(),
    );
    config.batch = NonZeroUsize::new(way.batch).unwrap();
    config.threads = NonZeroUsize::new(way.threads).unwrap();
    config.max_page = NonZeroUsize::new(way.max_page).unwrap();
    (config.form, config.dedup) = (Form::Ndjson(way.emit), way.dedup);
    (config.memory, config.tells_duplicates) = (way.memory, true);
    config
}

fn done(files: &[&Path], way: Way) -> Done {
    let config = config(files, way);
    let (mut records, mut rejects, mut duplicates) = (Vec::new(), Vec::new(), Vec::new());
    let summary = run(&config, |batch| {
        records.extend_from_slice(batch.records);
        rejects.extend_from_slice(batch.rejects);
        duplicates.extend_from_slice(batch.duplicates);
        Ok(ControlFlow::Continue(()))
    });
    Done {
        records,
        rejects,
        duplicates: serde_json::Deserializer::from_slice(&duplicates)
            .into_iter()
            .map(Result::unwrap)
            .collect(),
        summary: summary.unwrap(),
    }
}

fn with_file<T>(text: &[u8], check: impl FnOnce(&Path) -> T) -> T {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    check(file.path())
}

fn reports(records: &[u8]) -> Vec<Report> {
    let lines = serde_json::Deserializer::from_slice(records).into_iter();
    lines.map(Result::unwrap).collect()
}

/// A line with its role, on its own.
#[derive(Debug, PartialEq)]
struct Row {
    offset: u64,
    length: u64,
    line: Option<u64>,
    page: Option<u64>,
    role: Role,
    block: Option<usize>,
    repeat_of: Option<usize>,
    has_reason: bool,
    text: Vec<u8>,
}

fn rows(file: &Path, way: Way) -> (Vec<Row>, Totals) {
    let mut rows = Vec::new();
    let annotated = annotate(&config(&[file], way), &Watch::default(), |line| {
        rows.push(Row {
            offset: line.offset,
            length: line.length,
            line: line.line,
            page: line.page,
            role: line.role,
            block: line.block,
            repeat_of: line.repeat_of,
            has_reason: line.reason.is_some(),
            text: line.text.to_vec(),
        });
        Ok(ControlFlow::Continue(()))
    });
    let (totals, faults) = annotated.unwrap();
    assert!(faults.is_empty());
    (rows, totals)
}

/// Every byte of the text is in one row, in order, and the totals are the sums of the rows.
fn rows_add_up(text: &[u8], rows: &[Row], totals: &Totals) {
    let mut at = 0;
    for row in rows {
        let end = at + row.length as usize;
        let place = (at as u64, Some(1 + feeds_in(&text[..at])));
        assert_eq!((row.offset, row.line), place, "{row:?}");
        if row.role != Role::Rejected {
            let line = &text[at..end];
            assert!(line.starts_with(&row.text), "{row:?}");
            assert!([&b""[..], b"\n", b"\r\n"].contains(&&line[row.text.len()..]));
        }
        let is_blank = joined(&shown(&row.text)).is_empty();
        assert!(is_blank || row.role != Role::Blank, "{row:?}");
        let refused = matches!(row.role, Role::Unrecognized | Role::Rejected);
        assert!(row.has_reason || !refused, "{row:?}");
        at = end;
    }
    assert_eq!((at, totals.bytes()), (text.len(), text.len() as u64));
    for (role, bytes, lines) in totals.by_role() {
        let of_role = || rows.iter().filter(|row| row.role == role);
        let sum: u64 = of_role().map(|row| row.length).sum();
        assert_eq!((bytes, lines), (sum, of_role().count() as u64), "{role:?}");
    }
}

/// What the rows say is what the run has counted and written.
fn rows_are_the_run(rows: &[Row], done: &Done) {
    let of_role = |role| rows.iter().filter(move |row| row.role == role);
    let stats = &done.summary.stats;
    let unrecognized = of_role(Role::Unrecognized).count() as u64;
    assert_eq!(unrecognized, stats.unrecognized_lines);
    let rejected = of_role(Role::Rejected).count() as u64;
    assert_eq!(rejected, stats.pages.rejected);
    let mut blocks: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.page, row.block?, row.repeat_of)))
        .collect();
    blocks.sort_unstable();
    blocks.dedup();
    let repeats = blocks.iter().filter(|(.., first)| first.is_some());
    assert_eq!(blocks.len() as u64, stats.blocks.seen);
    assert_eq!(repeats.count() as u64, stats.blocks.repeated_in_page);
    let last = rows.iter().filter_map(|row| row.page).max();
    assert_eq!(last.unwrap_or(0), stats.pages.emitted);
    for (report, number) in reports(&done.records).iter().zip(1..) {
        let text_of = |role| {
            let lines = of_role(role).filter(|row| row.page == Some(number));
            let lines: Vec<_> = lines.map(|row| shown(&row.text)).collect();
            joined(&lines.join("\n"))
        };
        assert_eq!(report.title.as_deref().unwrap_or(""), text_of(Role::Title));
        let abstract_text = text_of(Role::Abstract);
        let abstract_text = abstract_text.strip_prefix("Abstract:");
        let said = report.abstract_text.as_deref().unwrap_or("");
        assert_eq!(said, joined(abstract_text.unwrap_or("")));
        let doi = text_of(Role::Doi).to_ascii_lowercase();
        assert!(doi.ends_with(report.doi.as_deref().unwrap_or("")), "{doi}");
        assert_eq!(report.year.is_some(), !text_of(Role::Year).is_empty());
        let firsts = blocks
            .iter()
            .filter(|(page, _, first)| *page == Some(number) && first.is_none());
        assert_eq!(firsts.count(), report.statements.len());
    }
}

/// The text as a record may show it: invalid bytes replaced, no CR before LF.
fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace("\r\n", "\n")
}

/// Lines without the blanks around them, joined by one space: what titles and abstracts are cut from.
fn joined(text: &str) -> String {
    let blank = |c| matches!(c, ' ' | '\t' | '\r' | '\u{a0}');
    let lines = text.split('\n').map(|line| line.trim_matches(blank));
    lines
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A title may stand around the bar and the lists' placeholder, which are nothing.
fn without_bars(text: &str) -> String {
    let lines = text.split('\n').filter(|line| {
        let line = line.trim();
        let is_cite = line.starts_with('|') && line.ends_with("|Cite");
        let is_bar = line == "|" || line.starts_with("|View") || is_cite;
        !(is_bar || line == "Sign up to set email alerts" || line == "Select...")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn invents_nothing(report: &Report, page: &[u8]) {
    let shown = shown(page);
    if let Some(text) = &report.abstract_text {
        assert!(joined(&shown).contains(text.as_str()), "{text:?}");
    }
    if let Some(text) = &report.title {
        assert!(
            joined(&without_bars(&shown)).contains(text.as_str()),
            "{text:?}"
        );
    }
    for statement in &report.statements {
        assert!(shown.contains(&statement.text), "{:?}", statement.text);
        let section = statement.section.iter();
        section.for_each(|section| assert!(shown.contains(section.as_str()), "{section:?}"));
        assert!(statement.occurrences >= 1);
    }
    for name in report.facets.authors.iter().chain(&report.facets.journals) {
        assert!(shown.contains(name.as_str()), "{name:?}");
    }
    let doi = report.doi.iter();
    doi.for_each(|doi| assert!(shown.to_ascii_lowercase().contains(doi.as_str())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_and_any_threads_give_the_same_bytes(
        text in any_dump(), batch in 1usize..700, threads in 1usize..6, max_page in 1usize..2000,
        statements in any::<bool>(),
    ) {
        let emit = if statements { Emit::Statements } else { Emit::Reports };
        same_in_batches(&text, Way { max_page, emit, ..USUAL }, batch, threads);
    }

    #[test]
    fn every_page_stands_where_its_record_says_and_parses_to_it(text in any_dump()) {
        with_file(&text, |file| {
            for report in reports(&done(&[file], USUAL).records) {
                let start = report.source.offset as usize;
                let page = &text[start..start + report.source.length as usize];
                let mut again = parse(page).unwrap();
                again.source = report.source.clone();
                assert_eq!(&again, &report);
                invents_nothing(&report, page);
            }
        });
    }

    #[test]
    fn every_byte_is_in_one_column(text in any_dump(), max_page in 1usize..500) {
        with_file(&text, |file| {
            let stats = done(&[file], Way { max_page, ..USUAL }).summary.stats;
            assert_eq!(stats.bytes.read, text.len() as u64);
            assert_eq!(stats.check(), Ok(()));
        });
    }

    #[test]
    fn a_page_whose_lines_are_told_is_read_as_any(
        text in prop_oneof![any_dump(), whole_pages()], at_address in any::<bool>(),
    ) {
        let text = String::from_utf8_lossy(&text);
        let (mut usual, mut told) = (grammar::Page::default(), grammar::Page::default());
        match at_address {
            true => grammar::parse_at_address(text.as_bytes(), &mut usual),
            false => grammar::parse(text.as_bytes(), &mut usual),
        }
        let roles = line_roles(text.as_bytes(), at_address, &mut told);
        let unrecognized = told.unrecognized.iter().map(|line| line.line.as_ptr());
        assert!(unrecognized.is_sorted());
        assert_eq!(format!("{usual:?}"), format!("{told:?}"));
        for (line, role) in text.split_inclusive('\n').zip(&roles) {
            assert_eq!(role.why.is_some(), role.role == Role::Unrecognized);
            assert!(role.role != Role::Blank || joined(line).is_empty(), "{line:?}");
        }
        assert_eq!(roles.len(), text.split_inclusive('\n').count());
    }

    #[test]
    fn every_byte_has_one_role_and_the_roles_are_what_the_run_says(
        text in prop_oneof![any_dump(), whole_pages()], max_page in 1usize..3000, batch in 1usize..700,
    ) {
        with_file(&text, |file| {
            let way = Way { max_page, ..USUAL };
            let (found, totals) = rows(file, way);
            rows_add_up(&text, &found, &totals);
            rows_are_the_run(&found, &done(&[file], way));
            assert_eq!(rows(file, Way { batch, ..way }), (found, totals));
        });
    }

    #[test]
    fn cut_anywhere_a_page_gives_only_what_is_there(page in page(), invalid in any::<bool>()) {
        let mut page = page.into_bytes();
        if invalid {
            page.insert(page.len() / 2, 0xFF);
        }
        for end in 0..=page.len() {
            if let Ok(report) = parse(&page[..end]) {
                invents_nothing(&report, &page[..end]);
            }
        }
    }

    #[test]
    fn removing_repeats_keeps_the_set_of_statements(text in whole_pages()) {
        with_file(&text, |file| {
            let all = reports(&done(&[file], Way { dedup: Dedup::Off, ..USUAL }).records);
            let kept = reports(&done(&[file], USUAL).records);
            assert_eq!(all.len(), kept.len());
            for (all, kept) in all.iter().zip(&kept) {
                let mut expected: Vec<_> = Vec::new();
                for statement in all.statements.iter().map(values) {
                    if !expected.contains(&statement) {
                        expected.push(statement);
                    }
                }
                assert_eq!(kept.statements.iter().map(values).collect::<Vec<_>>(), expected);
                let occurrences: u64 = kept.statements.iter().map(|statement| statement.occurrences).sum();
                assert_eq!(occurrences, all.statements.len() as u64);
                assert_eq!(kept.duplicates_removed, occurrences - expected.len() as u64);
            }
        });
    }

    #[test]
    fn across_pages_threads_and_memory_change_nothing_and_what_is_removed_is_told(
        text in whole_pages(), more in whole_pages(), batch in 1usize..3000, threads in 1usize..5,
        memory in prop::sample::select(&[0usize, 4000, 1 << 30][..]),
        dedup in prop::sample::select(&[Dedup::Off, Dedup::Page, Dedup::Run, Dedup::Text][..]),
    ) {
        with_file(&text, |first| with_file(&more, |second| {
            let files = [first, second, first];
            let usual = done(&files, Way { dedup, ..USUAL });
            let other = done(&files, Way { batch, threads, dedup, memory, ..USUAL });
            assert_eq!(String::from_utf8(usual.records.clone()), String::from_utf8(other.records));
            assert_eq!(usual.duplicates, other.duplicates);
            assert_eq!(usual.summary.stats, other.summary.stats);
            all_is_kept_or_told(&done(&files, Way { dedup: Dedup::Off, ..USUAL }), &usual);
        }));
    }

    #[test]
    fn pages_glued_by_cat_come_out_as_from_two_files(one in whole_pages(), other in whole_pages()) {
        with_file(&one, |first| with_file(&other, |second| with_file(&[&one[..], &other].concat(), |glued| {
            let apart = reports(&done(&[first, second], USUAL).records);
            let together = reports(&done(&[glued], USUAL).records);
            assert_eq!(apart.len(), together.len());
            for (apart, mut together) in apart.into_iter().zip(together) {
                together.source = apart.source.clone();
                assert_eq!(apart, together);
            }
        })));
    }

    #[test]
    fn a_header_that_is_read_starts_a_page_behind_another(
        one in page(),
        other in page(),
        before_doi in prop::collection::vec(prop::sample::select(BEFORE_DOI), 0..5),
    ) {
        let named = format!("DOI:{}10.5555/b", before_doi.concat());
        let (header, rest) = other.split_once("\n|").unwrap();
        let other = format!("{}\n{named}\n|{rest}", &header[..4]);
        let read = |text: &str| with_file(text.as_bytes(), |file| {
            let mut reports = reports(&done(&[file], USUAL).records);
            reports.retain(|report| report.doi.is_some());
            reports.into_iter().map(|report| (report.doi, report.year, report.statements)).collect::<Vec<_>>()
        });
        let apart = [read(&one), read(&other)].concat();
        for joint in ["\n", ""] {
            let together = read(&format!("{one}{joint}{other}"));
            assert_eq!(apart.len(), together.len(), "{named}");
            assert_eq!(apart[1..], together[1..], "{named}");
        }
    }

    #[test]
    fn a_text_without_a_sign_is_no_report(text in any_dump(), ascii in any::<bool>()) {
        for page in citesift::split::pages(&text) {
            let page = &text[page];
            if parse(page).is_ok() {
                assert!(may_be_report(page));
                let json = serde_json::json!({ "text": String::from_utf8_lossy(page) }).to_string();
                let json = if ascii { escaped(&json) } else { json };
                assert!(json_may_hold_report(json.as_bytes()), "{json}");
            }
        }
    }

    #[test]
    fn rows_are_the_reports_statements(text in whole_pages()) {
        with_file(&text, |file| {
            let rows = done(&[file], Way { emit: Emit::Statements, ..USUAL }).records;
            let reports = reports(&done(&[file], USUAL).records);
            let expected: Vec<_> = reports.iter().flat_map(Report::rows)
                .map(|row| serde_json::to_string(&row).unwrap() + "\n").collect();
            assert_eq!(String::from_utf8(rows).unwrap(), expected.concat());
        });
    }

    #[test]
    fn records_are_written_as_serde_writes_them(text in any_dump()) {
        with_file(&text, |file| {
            let records = done(&[file], USUAL).records;
            let expected: Vec<_> = reports(&records).iter()
                .map(|report| serde_json::to_string(report).unwrap() + "\n").collect();
            assert_eq!(String::from_utf8(records).unwrap(), expected.concat());
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of text and of the same text in JSON Lines, with and without a report's address.
    #[test]
    fn what_a_run_writes_of_any_text_holds(
        texts in prop::collection::vec(prop_oneof![any_dump(), whole_pages()], 1..5),
        dedup in prop::sample::select(vec![Dedup::Off, Dedup::Page, Dedup::Run, Dedup::Text]),
        emit in prop::sample::select(vec![Emit::Reports, Emit::Statements]),
        near in prop::option::of(1u16..=1000),
        limit in prop::option::of(0u64..6),
        max_page in prop_oneof![1usize..500, Just(64 << 20)],
        batch in prop_oneof![1usize..300, Just(1 << 20)],
    ) {
        let lines: Vec<_> = texts.iter().zip(0..).map(|(text, number)| {
            let url = match number % 2 {
                0 => json!(format!("https://scite.ai/reports/some-title-Q{number}x")),
                _ => json!(null),
            };
            let text = String::from_utf8_lossy(text);
            json!({ "text": text, "url": url }).to_string() + "\n"
        }).collect();
        with_file(&texts.concat(), |text| with_file(lines.concat().as_bytes(), |lines| {
            let way = Way { emit, dedup, max_page, batch, memory: 0, ..USUAL };
            let mut config = config(&[text, lines], way);
            (config.near, config.limit) = (near, limit);
            let mut records = Vec::new();
            let ran = run(&config, |batch| {
                records.extend_from_slice(batch.records);
                Ok(ControlFlow::Continue(()))
            }).unwrap();
            let output = Box::new(Cursor::new(records));
            let verified = verify(&config, false, output, &Watch::default(), &mut |finding| {
                panic!("{finding}");
            }).unwrap();
            assert_eq!((verified.findings, verified.held), (0, ran.stats.records));
            let pages = &ran.stats.pages;
            if limit.is_none() {
                let found = [verified.pages.seen(), verified.pages.emitted, verified.pages.repeated,
                    verified.pages.skipped, verified.pages.rejected];
                assert_eq!(found, [pages.seen, pages.emitted, pages.repeated, pages.skipped, pages.rejected]);
            }
        }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunking_of_a_text_of_several_reads_gives_the_same_bytes(
        text in long_dump(), batch in 1usize..140_000, threads in 1usize..6,
        max_page in prop::sample::select(&[100usize, 1000, 1 << 20][..]),
    ) {
        same_in_batches(&text, Way { max_page, ..USUAL }, batch, threads);
    }
}

fn same_in_batches(text: &[u8], way: Way, batch: usize, threads: usize) {
    with_file(text, |file| {
        let usual = done(&[file, file], way);
        let other = done(
            &[file, file],
            Way {
                batch,
                threads,
                ..way
            },
        );
        assert_eq!(
            String::from_utf8(usual.records),
            String::from_utf8(other.records)
        );
        assert_eq!(usual.rejects, other.rejects);
        assert_eq!(usual.summary.stats, other.summary.stats);
    });
}

/// What makes two blocks the same; not the id, which is made of it.
fn values(statement: &Statement) -> (&str, Option<&str>, Option<StatementType>, Option<u8>) {
    (
        &statement.text,
        statement.section.as_deref(),
        statement.statement_type,
        statement.confidence,
    )
}

/// Kept and removed blocks together are all blocks, and for each removed one a copy stands where it is said.
fn all_is_kept_or_told(all: &Done, done: &Done) {
    let placed = |records: &[u8]| -> Vec<_> {
        let place = |report: &Report| (report.source.path.clone(), report.source.offset);
        let each = |report: &Report| {
            let ids = report.statements.iter().map(|one| one.id.clone());
            ids.map(|id| (place(report), id)).collect::<Vec<_>>()
        };
        reports(records).iter().flat_map(each).collect()
    };
    let (mut expected, kept) = (placed(&all.records), placed(&done.records));
    let of_kind = |kind| done.duplicates.iter().filter(move |one| one.kind == kind);
    let place = |source: &Source| (source.path.clone(), source.offset);
    let removed = of_kind(DuplicateKind::Block).map(|one| (place(&one.source), one.key.clone()));
    let mut together: Vec<_> = kept.iter().cloned().chain(removed).collect();
    together.sort();
    expected.sort();
    assert_eq!(together, expected);
    let printed: BTreeMap<_, _> = reports(&all.records)
        .into_iter()
        .map(|report| (place(&report.source), report.statements))
        .collect();
    let id = |source: &Source, block: Option<u64>| {
        let number = usize::try_from(block.unwrap()).unwrap();
        &printed[&place(source)][number - 1].id
    };
    for one in of_kind(DuplicateKind::Block) {
        assert!(
            kept.contains(&(place(&one.kept.source), one.key.clone())),
            "{one:?}"
        );
        assert_eq!(id(&one.source, one.block), &one.key);
        assert_eq!(id(&one.kept.source, one.kept.block), &one.key);
    }
    let stats = &done.summary.stats;
    assert_eq!(
        of_kind(DuplicateKind::Page).count() as u64,
        stats.pages.repeated
    );
    assert_eq!(
        stats.blocks.seen,
        stats.blocks.kept + of_kind(DuplicateKind::Block).count() as u64
    );
}

/// As programs write JSON that shall be ASCII.
fn escaped(json: &str) -> String {
    let mut out = String::new();
    for c in json.chars() {
        match c.is_ascii() {
            true => out.push(c),
            false => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out += &format!("{unit:04x}").replacen("", "\\u", 1);
                }
            }
        }
    }
    out
}

#[test]
fn a_page_over_the_limit_is_rejected_with_its_place_and_the_next_one_is_whole() {
    let start = "2012\nDOI: 10.5555/x\n|\nTitle\n\nHelp me understand this report\n";
    let large = format!("{start}{}", "unknown line\n".repeat(10_000));
    let text = format!("{start}{large}{start}");
    for batch in [100, 1 << 20] {
        with_file(text.as_bytes(), |file| {
            let way = Way {
                max_page: 1000,
                batch,
                ..USUAL
            };
            let done = done(&[file], way);
            assert_eq!(reports(&done.records).len(), 2);
            let reject = &done.rejects[0];
            assert_eq!(
                (reject.source.offset, reject.source.line),
                (start.len() as u64, Some(7))
            );
            assert!(reject.excerpt.starts_with("2012\nDOI: 10.5555/x"));
            assert!(
                reject.message.contains(&large.len().to_string()),
                "{}",
                reject.message
            );
            let stats = done.summary.stats;
            assert_eq!((stats.pages.emitted, stats.pages.rejected), (2, 1));
            assert_eq!(stats.bytes.read, text.len() as u64);
        });
    }
}

#[test]
fn other_text_is_skipped_in_stretches_and_what_follows_is_found() {
    let start = "2012\nDOI: 10.5555/x\n|\nTitle\n\nHelp me understand this report\n";
    let partial =
        "“…A statement without a header.…”\nSection: Resultsmentioning\nconfidence: 99%\n";
    let other = "nothing of ours\n".repeat(100_000);
    let text = format!("{other}\n{partial}{start}{other}");
    for (max_page, batch) in [(5000, 100), (64 << 20, 1 << 20)] {
        with_file(text.as_bytes(), |file| {
            let way = Way {
                batch,
                max_page,
                ..USUAL
            };
            let done = done(&[file], way);
            let reports = reports(&done.records);
            assert_eq!(reports[0].statements.len(), 1);
            let stats = done.summary.stats;
            assert!(stats.bytes.skipped as usize > other.len() / 2);
            let last = reports.last().unwrap();
            let is_held = max_page > other.len();
            assert_eq!(
                (reports.len(), stats.pages.rejected),
                if is_held { (2, 0) } else { (1, 1) }
            );
            assert_eq!(last.doi.is_some(), is_held);
        });
    }
}

/// A small page, which is a paper of its own.
fn paper(number: usize) -> String {
    format!(
        "2012\nDOI: 10.5555/{number}\n|\nTitle\n\nHelp me understand this report\n\n\
         “…Said of {number}.…”\nSection: Resultsmentioning\nconfidence: 99%\n"
    )
}

#[test]
fn what_stands_between_repeats_is_written_once_however_much_that_is() {
    // From less to more than what is handed out by itself, and a repeat behind each stretch.
    let stretches = [1, 2, 200, 3, 100, 0, 40, 300];
    let (mut text, mut fresh) = (paper(0), 1);
    for pages in stretches {
        text.extend((fresh..fresh + pages).map(paper));
        fresh += pages;
        text.push_str(&paper(fresh / 2));
    }
    with_file(text.as_bytes(), |file| {
        let way = |batch| Way {
            batch,
            dedup: Dedup::Run,
            ..USUAL
        };
        let (whole, page_by_page) = (done(&[file], way(1 << 20)), done(&[file], way(1)));
        assert!(whole.records == page_by_page.records);
        let dois = reports(&whole.records).into_iter().map(|report| report.doi);
        let expected = (0..fresh).map(|number| Some(format!("10.5555/{number}")));
        assert!(dois.eq(expected));
        let stats = whole.summary.stats;
        assert_eq!(stats.written, whole.records.len() as u64);
        assert_eq!(stats.pages.repeated, stretches.len() as u64);
    });
}

#[test]
fn what_a_batch_says_besides_its_records_is_told_to_one_who_leaves_at_the_first_of_them() {
    let stretch = |from: usize| (from..from + 200).map(paper).collect::<String>();
    let too_large = paper(0).replace("Title", &"Title ".repeat(1000));
    let text = [stretch(1), paper(1), stretch(201), too_large].concat();
    with_file(text.as_bytes(), |file| {
        let way = Way {
            batch: 1 << 20,
            max_page: 5000,
            dedup: Dedup::Run,
            ..USUAL
        };
        let (mut rejects, mut duplicates) = (0, Vec::new());
        let summary = run(&config(&[file], way), |output| {
            rejects += output.rejects.len();
            duplicates.extend_from_slice(output.duplicates);
            Ok(ControlFlow::Break(()))
        });
        let summary = summary.unwrap();
        assert!(summary.stopped);
        assert_eq!((rejects, summary.stats.pages.rejected), (1, 1));
        assert_eq!(summary.stats.pages.repeated, 1);
        let told = feeds_in(&duplicates);
        assert_eq!(told, 2, "the page and its block");
    });
}
