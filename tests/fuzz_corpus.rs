//! The fuzz targets' corpus, replayed by their own checks: every input that once broke
//! something, and every form a dump has, is looked at again in each test run, on stable.
//!
//! An empty or missing corpus fails: a test of nothing would pass for ever.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

#[path = "../fuzz/checks.rs"]
mod checks;
#[path = "../fuzz/containers.rs"]
mod containers;
#[path = "../fuzz/journals.rs"]
mod journals;

#[test]
fn chunks_do_not_move_page_starts_and_no_text_is_between_pages() {
    replay("split", checks::split);
}

#[test]
fn reports_agree_with_their_json_and_their_text() {
    replay("grammar", checks::grammar);
}

#[test]
fn json_lines_add_up_wherever_a_piece_of_them_ends() {
    replay("jsonl", containers::jsonl);
}

#[test]
fn warc_adds_up_wherever_a_piece_of_it_ends() {
    replay("warc", containers::warc);
}

#[test]
fn a_journal_is_read_up_to_its_damage_and_goes_on_there() {
    replay("journal", journals::journal);
}

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{} is empty", folder.display());

    let fails = |path: &&std::path::PathBuf| {
        let input = fs::read(path).expect("a readable file");
        catch_unwind(|| check(&input)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(fails).collect();
    assert!(failed.is_empty(), "these inputs break a check: {failed:#?}");
}
