//! Pages without a pipeline: they give what a run gives for a file that holds them.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use citesift::job::{Found, Spans, Take};
use citesift::model::{Report, Warning};
use citesift::{Config, Dedup, Input, parse, parse_at, records};

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
    bytes: u64,
}

impl Take for Spanned {
    fn take(&mut self, found: Found) {
        self.bytes += found.bytes();
        let Found::Report(span) = found else { return };
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
