//! The library's promises beyond the record: errors and panics end a run once and without
//! a hang, and the iterator gives the run's records.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use citesift::{Config, Error, Input, records, run};

const PAGE: &str = "DOI: 10.5555/x\n|\nTitle\nHelp me understand this report\n";

fn config(folder: &Path, pages: usize) -> Config {
    let dump = folder.join("dump.txt");
    fs::write(&dump, PAGE.repeat(pages)).unwrap();
    Config::new(vec![Input::Path(dump)])
}

#[test]
fn an_error_of_the_caller_ends_the_run_with_that_error() {
    let folder = tempfile::tempdir().unwrap();
    let failed = run(&config(folder.path(), 100_000), |_| {
        Err(Error::Write {
            path: "there".to_owned(),
            source: io::Error::other("enough"),
        })
    });
    assert_eq!(failed.unwrap_err().to_string(), "there: enough");
}

#[test]
fn a_panic_of_the_caller_is_an_error_that_names_the_stage() {
    let folder = tempfile::tempdir().unwrap();
    let failed = run(&config(folder.path(), 100_000), |_| panic!("boom\u{1b}"));
    assert_eq!(
        failed.unwrap_err().to_string(),
        "bug in stage writer: boom\\u{1b}"
    );
}

#[test]
fn a_break_of_the_caller_ends_the_run_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let summary = run(&config(folder.path(), 100_000), |_| {
        Ok(ControlFlow::Break(()))
    })
    .unwrap();
    assert!(summary.stopped && summary.stats.pages.emitted < 100_000);
}

#[test]
fn the_limit_is_exact_and_the_columns_still_add_up() {
    let folder = tempfile::tempdir().unwrap();
    for limit in [1, 2, 7, 100] {
        let mut config = config(folder.path(), 50);
        config.limit = Some(limit);
        let summary = run(&config, |_| Ok(ControlFlow::Continue(()))).unwrap();
        assert_eq!(summary.stats.pages.emitted, limit.min(50));
        assert_eq!(summary.stopped, limit <= 50);
    }
}

#[test]
fn the_iterator_gives_every_record_and_then_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let mut reports = records(config(folder.path(), 5000));
    assert!(reports.summary().is_none());
    assert_eq!(reports.by_ref().map(Result::unwrap).count(), 5000);
    assert_eq!(reports.summary().unwrap().stats.pages.emitted, 5000);
}

#[test]
fn an_iterator_dropped_early_ends_its_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut reports = records(config(folder.path(), 200_000));
    assert_eq!(reports.next().unwrap().unwrap().doi.unwrap(), "10.5555/x");
    drop(reports);
}

#[test]
fn a_source_that_fails_is_told_of_and_the_rest_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), 3);
    config
        .inputs
        .insert(0, Input::Path(folder.path().join("missing")));
    let summary = run(&config, |_| Ok(ControlFlow::Continue(()))).unwrap();
    assert_eq!(summary.faults.len(), 1);
    assert_eq!(summary.stats.pages.emitted, 3);
}
