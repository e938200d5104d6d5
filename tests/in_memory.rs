//! Pages without a pipeline: they give what a run gives for a file that holds them.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::Path;

use citesift::input::{Format, Share, share_in};
use citesift::job::{Found, Spans, Take};
use citesift::model::{Reject, RejectReason, Report, Warning};
use citesift::{Config, Dedup, Input, ReadError, parse, parse_at, records};
use proptest::collection::vec;
use proptest::prelude::{prop_assert_eq, proptest};
use proptest::sample::select;

#[allow(dead_code, reason = "the cases are read where they are")]
mod samples;
use samples::{arguments, cases};

const PAGE: &str = "DOI: 10.5555/x\n|\nTitle\nHelp me understand this report\n";

#[test]
fn a_page_with_its_address_gives_the_record_of_a_container_s_page() {
    let url = "https://scite.ai/reports/a-paper-Ab1";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.jsonl");
    for text in [PAGE, "An abstract and nothing else."] {
        let line = serde_json::json!({"text": text, "url": url}).to_string();
        fs::write(&file, line).unwrap();
        let run = records(Config::new(vec![Input::Path(file.clone())]));
        let mut expected: Vec<Report> = run.map(Result::unwrap).collect();
        expected[0].source.path.clear();
        expected[0].source.record = None;
        assert_eq!(parse_at(text.as_bytes(), url).unwrap(), expected[0]);
    }
    let other = parse_at(PAGE.as_bytes(), "https://example.org/").unwrap();
    assert_eq!(other.url.as_deref(), Some("https://example.org/"));
    assert_eq!(other.report_id, None);
    assert!(parse_at(b"An abstract.", "https://example.org/").is_err());
    assert!(parse(b"An abstract.").is_err());
}

#[test]
fn a_page_is_parsed_wherever_it_stands_in_a_text() {
    let text = format!("Skip to content\n2012\n{PAGE}");
    let report = parse(text.as_bytes()).unwrap();
    assert_eq!(report.doi.as_deref(), Some("10.5555/x"));
    assert_eq!((report.year, report.source.offset), (Some(2012), 16));
    assert_eq!(report.warnings, parse(PAGE.as_bytes()).unwrap().warnings);
    let url = "https://scite.ai/reports/a-paper-Ab1";
    let at_address = parse_at(text.as_bytes(), url).unwrap();
    assert_eq!(at_address.source, report.source);
    assert_eq!(at_address.report_id.as_deref(), Some("Ab1"));
}

#[test]
fn of_several_reports_none_is_taken_for_the_text_s() {
    let text = format!("{PAGE}\n2012\n{PAGE}\n{PAGE}");
    for parsed in [
        parse(text.as_bytes()),
        parse_at(text.as_bytes(), "https://scite.ai/reports/a-paper-Ab1"),
    ] {
        let reject = parsed.unwrap_err();
        assert_eq!(reject.reason, RejectReason::SeveralReports);
        let start = PAGE.len() as u64 + 1;
        assert_eq!((reject.source.offset, reject.source.line), (start, Some(6)));
        assert!(reject.message.contains(&format!("byte {start}")));
        assert!(reject.excerpt.starts_with("2012\nDOI: 10.5555/x\n"));
    }
}

/// What a record shows that is not the page's own text.
#[derive(Debug, PartialEq)]
struct Shown {
    doi: Option<String>,
    url: Option<String>,
    place: (u64, u64, Option<String>),
    statements: Vec<(String, String, Option<u64>, u64)>,
    warnings: Vec<Warning>,
}

#[derive(Default)]
struct Spanned {
    shown: Vec<Shown>,
    refused: Vec<Reject>,
    bytes: u64,
}

impl Take for Spanned {
    fn take(&mut self, found: Found) {
        self.bytes += found.bytes();
        let span = match found {
            Found::Report(span) => span,
            Found::Refused(_, reject) => return self.refused.push(*reject),
            _ => return,
        };
        let text = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
        let statements = span.kept.iter().map(|kept| {
            let block = &span.page.blocks[kept.block];
            let id = format!("{:032x}", span.fingerprints[kept.block].id);
            (id, text(&block.text), kept.see_more, kept.occurrences)
        });
        let at = span.at;
        self.shown.push(Shown {
            doi: span.page.doi.map(|doi| text(doi).to_ascii_lowercase()),
            url: at.url.as_deref().map(str::to_owned),
            place: (
                at.offset,
                at.length,
                at.record.as_deref().map(str::to_owned),
            ),
            statements: statements.collect(),
            warnings: span.warnings.iter().collect(),
        });
    }

    fn go_on(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

fn shown(report: Report) -> Shown {
    let source = report.source;
    let statements = report.statements.into_iter().map(|statement| {
        let see_more = statement.see_more;
        (
            statement.id,
            statement.text,
            see_more,
            statement.occurrences,
        )
    });
    Shown {
        doi: report.doi,
        url: report.url,
        place: (source.offset, source.length, source.record),
        statements: statements.collect(),
        warnings: report.warnings,
    }
}

#[test]
fn spans_of_a_file_and_of_its_content_are_those_of_its_records() {
    let folder = tempfile::tempdir().unwrap();
    let two_pages = folder.path().join("two.jsonl");
    let two = serde_json::json!({
        "text": format!("Some other page.\n{PAGE}{PAGE}"),
        "url": "https://scite.ai/reports/a-paper-Ab1",
    });
    fs::write(&two_pages, two.to_string()).unwrap();
    let cases = cases();
    let inputs = cases.iter().filter_map(|case| match &arguments(case)[..] {
        [name] => Some(case.join(name)),
        _ => None,
    });
    let inputs = inputs.filter(|file| file.is_file());
    let mut files = 0;
    for file in inputs.chain([two_pages]) {
        check(&file);
        files += 1;
    }
    assert!(files > 50, "{files}");
}

fn check(file: &Path) {
    let config = Config::new(vec![Input::Path(file.to_owned())]);
    let mut run = records(config.clone());
    let expected: Vec<_> = run.by_ref().map(|report| shown(report.unwrap())).collect();
    let read = run.summary().unwrap().stats.bytes.read;
    let content = fs::read(file).unwrap();
    let name = || file.display().to_string();
    for is_in_memory in [true, false] {
        let (mut spans, mut found) = (Spans::new(&config), Spanned::default());
        let faults = match is_in_memory {
            true => spans.content(&config, name(), &content, &mut found),
            false => spans.file(&config, name(), file.to_owned(), &mut found),
        };
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(found.shown, expected, "{}", file.display());
        assert_eq!(found.bytes, read, "{}", file.display());
    }
}

/// What all who share a file find together, in cells of this size.
fn shared(config: &Config, file: &Path, size: u64) -> (Spanned, Vec<Range<u64>>) {
    let (mut found, mut shares, mut feeds) = (Spanned::default(), Vec::new(), 0);
    let length = fs::metadata(file).unwrap().len();
    for start in (0..length.max(1)).step_by(size as usize) {
        let cell = start..start + size;
        let Some((bytes, feeds_in)) = share_in(file, config.format, cell).unwrap() else {
            continue;
        };
        shares.push(bytes.clone());
        let (share, name) = (Share { bytes, feeds }, file.display().to_string());
        let faults = Spans::new(config).share(config, name, file.to_owned(), &share, &mut found);
        assert!(faults.is_empty(), "{faults:?}");
        feeds += feeds_in;
    }
    (found, shares)
}

#[test]
fn a_text_that_is_shared_has_the_pages_places_and_rejects_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for case in cases() {
        let texts = ["input.txt", "input.jsonl"].map(|name| case.join(name));
        files.extend(texts.into_iter().filter(|file| file.exists()));
    }
    let whole = |ending: &str| {
        let of_ending = files
            .iter()
            .filter(|file| file.extension().unwrap() == ending);
        let all = of_ending
            .map(|file| fs::read(file).unwrap())
            .collect::<Vec<_>>();
        let path = folder.path().join(format!("all.{ending}"));
        fs::write(&path, all.concat()).unwrap();
        path
    };
    let all = [whole("txt"), whole("jsonl")];
    let mut cut = 0;
    for file in files.iter().chain(&all) {
        let mut config = Config::new(Vec::new());
        config.max_page = NonZeroUsize::new(1500).unwrap();
        let (mut expected, name) = (Spanned::default(), file.display().to_string());
        Spans::new(&config).file(&config, name, file.clone(), &mut expected);
        let length = fs::metadata(file).unwrap().len();
        for size in [1, 50, 997, 4000, length + 1] {
            if size == 1 && length > 20_000 {
                continue;
            }
            let (found, shares) = shared(&config, file, size);
            assert_eq!(found.shown, expected.shown, "{}, {size}", file.display());
            assert_eq!(
                found.refused,
                expected.refused,
                "{}, {size}",
                file.display()
            );
            assert_eq!(found.bytes, expected.bytes, "{}, {size}", file.display());
            let ends = shares.iter().map(|share| share.end);
            let starts = shares.iter().map(|share| share.start);
            assert!([0].into_iter().chain(ends).eq(starts.chain([length])));
            cut += shares.len() - 1;
        }
    }
    assert!(cut > 200, "{cut}");
}

/// What the cutting of text into pages looks at.
const PIECES: [&str; 16] = [
    "DOI: 10.5555/a\n",
    "DOI: 10.5555/a DOI: 10.5555/b\n",
    "DOI:10.5555/aDOI:10.5555/b\r\n",
    "|\n",
    "Sign up to set email alerts\n",
    "Help me understand this report\n",
    "2012\n",
    "2012",
    " ",
    "\n",
    "\u{a0}\n",
    "\u{feff}",
    "confidence: 99%",
    "Title\n",
    "\u{201c}\u{2026}Cited.\u{2026}\u{201d}\nSection: Resultsmentioning\n",
    "x",
];

proptest! {
    #[test]
    fn a_text_is_the_same_however_it_is_shared(
        pieces in vec(select(&PIECES[..]), 1..60), size in 1_u64..80,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dump.txt");
        fs::write(&file, pieces.concat()).unwrap();
        let mut config = Config::new(Vec::new());
        config.format = Some(Format::Text);
        config.max_page = NonZeroUsize::new(200).unwrap();
        let (mut expected, name) = (Spanned::default(), file.display().to_string());
        Spans::new(&config).file(&config, name, file.clone(), &mut expected);
        let (found, _) = shared(&config, &file, size);
        prop_assert_eq!(found.shown, expected.shown);
        prop_assert_eq!(found.refused, expected.refused);
        prop_assert_eq!(found.bytes, expected.bytes);
    }

    #[test]
    fn a_text_in_memory_is_what_a_run_makes_of_it(pieces in vec(select(&PIECES[..]), 0..60)) {
        let text = pieces.concat();
        let mut config = Config::new(Vec::new());
        config.format = Some(Format::Text);
        let mut expected = Spanned::default();
        Spans::new(&config).content(&config, String::new(), text.as_bytes(), &mut expected);
        let reports = expected.shown.len();
        match parse(text.as_bytes()) {
            Ok(report) => prop_assert_eq!([shown(report)], &expected.shown[..]),
            Err(reject) if reports > 1 => {
                prop_assert_eq!(reject.reason, RejectReason::SeveralReports);
                prop_assert_eq!(reject.source.offset, expected.shown[1].place.0);
            }
            Err(reject) => {
                prop_assert_eq!(reject.reason, RejectReason::NotAReport);
                prop_assert_eq!(reports, 0);
            }
        }
    }
}

#[test]
fn other_files_are_read_by_one_of_those_who_share_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.warc");
    fs::write(&file, "WARC/1.0\r\nContent-Length: 0\r\n\r\n\r\n\r\n").unwrap();
    let length = fs::metadata(&file).unwrap().len();
    let in_cell = |cell| share_in(&file, None, cell).unwrap();
    assert_eq!(in_cell(0..10), Some((0..length, 0)));
    assert_eq!(in_cell(10..20), None);
    let (found, shares) = shared(&Config::new(Vec::new()), &file, 10);
    assert_eq!((found.bytes, shares.len()), (length, 1));
    let as_text = share_in(&file, Some(Format::Text), 0..10).unwrap();
    assert_eq!(as_text, Some((0..length, 5)));
    let share = Share {
        bytes: 10..20,
        feeds: 1,
    };
    let (config, mut found) = (Config::new(Vec::new()), Spanned::default());
    let faults = Spans::new(&config).share(&config, String::new(), file, &share, &mut found);
    let [fault] = &faults[..] else {
        panic!("{faults:?}")
    };
    assert!(
        fault
            .to_string()
            .contains("it has changed since it was shared")
    );
}

#[test]
fn a_file_of_a_kind_that_is_not_read_is_told_by_one_of_those_who_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump");
    let config = Config::new(Vec::new());
    let unread: [(&[u8], &str); 4] = [
        (b"[{\"text\": \"\"},\n{\"text\": \"\"}]", "one JSON array"),
        (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
        (b"\xFF\xFEa\0\n\0", "UTF-16"),
        (b"\x1F\x8B\x08\0\0\0\0\0\0\0\xFF\xFF\xFF", ""),
    ];
    for (content, message) in unread {
        fs::write(&file, content).unwrap();
        let length = content.len() as u64;
        let in_cell = |cell| share_in(&file, None, cell).unwrap();
        assert_eq!(in_cell(0..4), Some((0..length, 0)));
        assert_eq!(in_cell(4..8), None);
        let share = Share {
            bytes: 0..length,
            feeds: 0,
        };
        let mut spans = Spans::new(&config);
        let name = || "dump".to_owned();
        let mut ignored = Spanned::default();
        let shared = spans.share(&config, name(), file.clone(), &share, &mut ignored);
        let whole = spans.file(&config, name(), file.clone(), &mut ignored);
        let said =
            |faults: &[ReadError]| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(said(&shared), said(&whole));
        assert!(said(&shared)[0].contains(message), "{shared:?}");
    }
}

#[test]
fn a_share_of_a_file_that_was_cut_is_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.txt");
    fs::write(&file, PAGE).unwrap();
    let length = PAGE.len() as u64;
    let share = Share {
        bytes: 0..length + 1,
        feeds: 0,
    };
    let (config, mut found) = (Config::new(Vec::new()), Spanned::default());
    let faults = Spans::new(&config).share(&config, String::new(), file, &share, &mut found);
    assert_eq!(found.shown.len(), 1);
    let [fault] = &faults[..] else {
        panic!("{faults:?}")
    };
    assert_eq!(fault.offset, Some(length));
}

#[test]
fn the_keys_of_two_pages_are_equal_as_a_run_takes_them_for_equal() {
    let page = |doi: &str, title: &str| {
        format!(
            "DOI: {doi}\n|\n{title}\nHelp me understand this report\n\u{201c}\u{2026}Cited.\u{2026}\u{201d}\nSection: Resultsmentioning\n"
        )
    };
    let nameless = "Help me understand this report\n\u{201c}\u{2026}Cited.\u{2026}\u{201d}\nSection: Resultsmentioning\n";
    let keys = |dedup: Dedup, text: &str| {
        let mut config = Config::new(Vec::new());
        config.dedup = dedup;
        let mut keys = Keys(None);
        Spans::new(&config).content(&config, String::new(), text.as_bytes(), &mut keys);
        keys.0
    };
    let (one, other_title) = (page("10.5555/A", "One"), page("10.5555/a", "Two"));
    let other_paper = page("10.5555/b", "One");
    for dedup in [Dedup::Off, Dedup::Page] {
        assert_eq!(keys(dedup, &one), None);
    }
    let run = |text| keys(Dedup::Run, text).unwrap();
    assert_eq!(run(&one), run(&one));
    assert_eq!(run(&one).0, run(&other_title).0);
    assert_ne!(run(&one).1, run(&other_title).1);
    assert_eq!(run(&one).2, run(&other_title).2);
    assert_ne!(run(&one).2, run(&other_paper).2);
    assert_eq!((run(nameless).0, run(nameless).1), (None, None));
    let text = |text| keys(Dedup::Text, text).unwrap();
    assert_eq!(text(&one).2, text(&other_paper).2);
    assert_eq!(text(&one).2, text(nameless).2);
    assert!(text(nameless).0.is_none() && text(nameless).1.is_some());
}

/// The paper's, the page's and its first block's.
struct Keys(Option<(Option<u128>, Option<u128>, u128)>);

impl Take for Keys {
    fn take(&mut self, found: Found) {
        let Found::Report(span) = found else { return };
        self.0 = span.keys.map(|keys| {
            let block = keys.block(&span.fingerprints[0]);
            let number = |key: Option<citesift::dedup::Key>| key.map(|key| key.0);
            (number(keys.paper()), number(keys.page()), block.0)
        });
    }

    fn go_on(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
