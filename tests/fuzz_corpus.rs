//! The fuzz targets' corpus, replayed by their own checks: every input that once broke
//! something, and every form a dump has, is looked at again in each test run, on stable.
//!
//! An empty or missing corpus fails: a test of nothing would pass for ever.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

#[path = "../fuzz/checks.rs"]
mod checks;

#[test]
fn chunks_do_not_move_page_starts_and_no_text_is_between_pages() {
    replay("split", checks::split);
}

#[test]
fn reports_agree_with_their_json_and_their_text() {
    replay("grammar", checks::grammar);
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
