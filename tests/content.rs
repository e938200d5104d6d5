//! What a run counts of the kept pages and statements: it is what the records say, for any number
//! of threads and any batches, and for a run that was interrupted.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use citesift::job::{Checkpoint, Watch, run_from};
use citesift::model::{Report, StatementType};
use citesift::stats::{ByType, Content, EXAMPLES, Emitted, HEADINGS};
use citesift::{Config, Dedup, Input};

mod world;

fn config(input: &Path, threads: usize, batch: usize) -> Config {
    let mut config = Config::new(vec![Input::Path(input.to_owned())]);
    config.dedup = Dedup::Run;
    config.tells_content = true;
    config.threads = NonZeroUsize::new(threads).unwrap();
    config.batch = NonZeroUsize::new(batch).unwrap();
    config.max_page = NonZeroUsize::new(20_000).unwrap();
    config
}

/// A checkpoint, and what was new before it.
type Noted = (String, Vec<u8>);

/// What a run counts, its reports, and the checkpoints as the journal holds them.
fn run(config: &Config, start: &Checkpoint, news: &[u8]) -> (Content, Vec<Report>, Vec<Noted>) {
    let (mut reports, mut checkpoints, mut noted) = (Vec::new(), Vec::new(), news.to_vec());
    let mut memory = config.memory();
    memory.replay(news).unwrap();
    memory.count_as_new(start.new);
    memory.note_news();
    let summary = run_from(config, start, &mut memory, &Watch::default(), |output| {
        let lines = output.records.split(|&byte| byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        reports.extend(lines.map(|line| serde_json::from_slice::<Report>(line).unwrap()));
        noted.extend_from_slice(output.news);
        if let Some(checkpoint) = &output.checkpoint {
            checkpoints.push((serde_json::to_string(checkpoint).unwrap(), noted.clone()));
        }
        Ok(ControlFlow::Continue(()))
    });
    (summary.unwrap().content.unwrap(), reports, checkpoints)
}

fn counted(config: &Config) -> (Content, Vec<Report>) {
    let (content, reports, _) = run(config, &Checkpoint::default(), &[]);
    (content, reports)
}

fn years_of(reports: &[Report]) -> (BTreeMap<u16, Emitted>, Emitted) {
    let (mut years, mut none) = (BTreeMap::new(), Emitted::default());
    for report in reports {
        let counted = match report.year {
            Some(year) => years.entry(year).or_default(),
            None => &mut none,
        };
        counted.pages += 1;
        counted.statements += report.statements.len() as u64;
    }
    (years, none)
}

fn types_of(reports: &[Report], section: Option<&str>) -> ByType {
    let mut types = ByType::default();
    for statement in reports.iter().flat_map(|report| &report.statements) {
        if statement.section.as_deref() == section {
            types.add(statement.statement_type, 1);
        }
    }
    types
}

#[test]
fn what_is_counted_is_what_the_records_say() {
    let folder = tempfile::tempdir().unwrap();
    let scopes = [Dedup::Off, Dedup::Page, Dedup::Run].map(|scope| (scope, None));
    let scopes = [&scopes[..], &[(Dedup::Page, Some(3))]].concat();
    for (name, path) in world::dumps(folder.path()) {
        for &(scope, limit) in &scopes {
            let mut config = config(&path, 2, 3000);
            (config.dedup, config.limit) = (scope, limit);
            let (content, reports) = counted(&config);
            let name = format!("{name}, {scope:?}, {limit:?}");
            let (years, no_year) = years_of(&reports);
            assert!(!reports.is_empty(), "{name}");
            assert_eq!(
                (&content.years, content.no_year),
                (&years, no_year),
                "{name}"
            );
            for section in &content.sections {
                let expected = types_of(&reports, Some(&section.heading));
                assert_eq!(section.statements, expected, "{name}: {}", section.heading);
                assert!(expected.total() > 0, "{name}: {}", section.heading);
            }
            assert_eq!(content.no_section, types_of(&reports, None), "{name}");
            let statements = reports.iter().flat_map(|report| &report.statements);
            let sure = statements.filter(|statement| statement.confidence == Some(99));
            assert_eq!(content.confidences[99], sure.count() as u64, "{name}");
            for (warning, examples) in &content.warned {
                let having = reports
                    .iter()
                    .filter(|report| report.warnings.contains(warning));
                let first: Vec<_> = having.take(EXAMPLES).collect();
                assert_eq!(first.len(), examples.len(), "{name}: {warning:?}");
                for (report, example) in first.iter().zip(examples) {
                    let source = &report.source;
                    assert_eq!(example.place.path, source.path, "{name}");
                    assert_eq!(example.place.offset, source.offset, "{name}");
                    assert_eq!(example.place.record, source.record, "{name}");
                    assert_eq!(example.title, report.title, "{name}");
                    assert_eq!(example.doi, report.doi, "{name}");
                }
            }
        }
    }
}

#[test]
fn what_is_counted_depends_on_neither_threads_nor_batches() {
    let folder = tempfile::tempdir().unwrap();
    for (name, path) in world::dumps(folder.path()) {
        let (expected, _) = counted(&config(&path, 1, 1 << 20));
        for (threads, batch) in [(2, 3000), (3, 777)] {
            let (content, _) = counted(&config(&path, threads, batch));
            assert!(
                content == expected,
                "{name}: {threads} threads, {batch} bytes"
            );
        }
    }
}

#[test]
fn a_run_that_goes_on_ends_with_the_counts_of_one_that_was_not_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    for (name, path) in world::dumps(folder.path()) {
        let mut config = config(&path, 2, 3000);
        config.checkpoints = Some(Duration::ZERO);
        let (whole, _, checkpoints) = run(&config, &Checkpoint::default(), &[]);
        assert!(checkpoints.len() > 2, "{name}");
        for number in (0..checkpoints.len()).step_by(checkpoints.len() / 4 + 1) {
            let (checkpoint, news) = &checkpoints[number];
            let start = serde_json::from_str(checkpoint).unwrap();
            let (resumed, ..) = run(&config, &start, news);
            assert!(resumed == whole, "{name}: checkpoint {number}");
        }
    }
}

fn page(number: usize, section: &str) -> String {
    format!(
        "2012\nDOI: 10.5555/{number}\n|Cite\n|\n\nTitle\n\nHelp me understand this report\n\n\
         “…One.…”\nSection: {section}supporting\nconfidence: 99%\n"
    )
}

/// Which headings are told apart must not depend on how the input was cut.
#[test]
fn headings_beyond_a_number_are_counted_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("headings");
    let names = (0..HEADINGS + 50).map(|number| format!("Heading {number}"));
    let names = names.chain(["Heading 0".to_owned(), "x".repeat(300)]);
    let pages = names.enumerate().map(|(number, name)| page(number, &name));
    fs::write(&path, pages.collect::<String>()).unwrap();
    for batch in [500, 1 << 20] {
        let (content, _) = counted(&config(&path, 2, batch));
        assert_eq!(content.sections.len(), HEADINGS);
        assert_eq!(content.sections[0].heading, "Heading 0");
        assert_eq!(content.sections[0].statements.supporting, 2);
        assert_eq!(content.other_sections.supporting, 51);
        assert_eq!(content.types().total(), HEADINGS as u64 + 52);
    }
}

#[test]
fn statements_are_counted_by_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("types");
    let text = page(1, "Results")
        + "“…Two.…”\nSection: Resultsdisputing\n“…Three.…”\nSection: unclassified\n“…Four.…";
    fs::write(&path, text).unwrap();
    let (content, reports) = counted(&config(&path, 1, 1 << 20));
    let mut expected = ByType::default();
    expected.add(Some(StatementType::Supporting), 1);
    expected.add(Some(StatementType::Contrasting), 1);
    assert_eq!(content.sections[0].statements, expected);
    assert_eq!(
        (content.no_section.unclassified, content.no_section.none),
        (1, 1)
    );
    assert_eq!(reports[0].statements.len(), 4);
    assert_eq!((content.confidences[99], content.no_confidence), (1, 3));
}

#[test]
fn nothing_is_counted_that_nobody_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page");
    fs::write(&path, page(1, "Results")).unwrap();
    let mut config = config(&path, 1, 1 << 20);
    config.tells_content = false;
    let summary = citesift::run(&config, |_| Ok(ControlFlow::Continue(()))).unwrap();
    assert_eq!(summary.content, None);
}
