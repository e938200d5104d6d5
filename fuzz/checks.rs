//! What must hold for any bytes whatever: panics where it does not.
//!
//! Shared by the fuzz targets and by the test that replays their corpus, so that what the
//! fuzzer once found stays checked without it.

#![allow(dead_code, reason = "each fuzz target includes the file for one check")]

use std::ops::Range;

use citesift::model::Report;
use citesift::split::{Splitter, pages};

/// Chunks and what was thrown away before do not change where pages start; between pages
/// stands nothing but blanks. The first byte is the size of the chunks, less one.
pub fn split(input: &[u8]) {
    let Some((&size, text)) = input.split_first() else {
        return;
    };
    let chunk = usize::from(size) + 1;
    for forget in [Forget::Nothing, Forget::Pages, Forget::All] {
        let whole = starts(text, text.len().max(1), forget);
        let chunked = starts(text, chunk, forget);
        assert_eq!(chunked, whole, "chunks of {chunk} bytes, {forget:?}");
    }
    let (held, dropped) = (Forget::Pages, Forget::All);
    assert_eq!(
        starts(text, chunk, dropped),
        starts(text, chunk, held),
        "what is settled plays no part any more"
    );
    check_gaps(text, &pages(text));
}

/// A report is what its JSON says; its statements account for all blocks and are in the text;
/// the place it names gives it again.
pub fn grammar(text: &[u8]) {
    let Ok(report) = citesift::parse(text) else {
        return;
    };
    let json = serde_json::to_string(&report).expect("a report can be written");
    let read: Report = serde_json::from_str(&json).expect("a written report can be read");
    assert_eq!(read, report);

    check_statements(&report, text);
    check_place(&report, text);
}

/// What leaves the buffer while the splitter works.
#[derive(Clone, Copy, Debug)]
enum Forget {
    Nothing,
    /// Every page whose end is known.
    Pages,
    /// These, and of the page under way what no decision looks at.
    All,
}

/// Start and end of the page before, both counted from the text's beginning.
fn starts(text: &[u8], chunk: usize, forget: Forget) -> Vec<(usize, usize)> {
    let (mut splitter, mut from, mut found) = (Splitter::default(), 0, Vec::new());
    for end in (chunk..text.len()).step_by(chunk).chain([text.len()]) {
        while let Some(start) = splitter.next_start(&text[from..end], end == text.len()) {
            assert!(start.at > 0 && start.previous_end <= start.at);
            found.push((from + start.previous_end, from + start.at));
            if !matches!(forget, Forget::Nothing) {
                splitter.consume(start.at);
                from += start.at;
            }
        }
        if matches!(forget, Forget::All) {
            let settled = splitter.settled();
            splitter.consume(settled);
            from += settled;
        }
    }
    assert!(found.is_sorted(), "starts come in order");
    found
}

fn check_gaps(text: &[u8], pages: &[Range<usize>]) {
    let mut end = 0;
    for page in pages {
        assert!(page.start >= end && page.end > page.start, "pages overlap");
        assert!(is_blank(&text[end..page.start]), "text before {page:?}");
        end = page.end;
    }
    assert!(is_blank(&text[end..]), "text behind the last page");
}

/// Blanks, line ends and byte order marks only.
fn is_blank(mut gap: &[u8]) -> bool {
    loop {
        gap = match gap {
            [] => return true,
            [b' ' | b'\t' | b'\r' | b'\n', rest @ ..]
            | [0xC2, 0xA0, rest @ ..]
            | [0xEF, 0xBB, 0xBF, rest @ ..] => rest,
            _ => return false,
        };
    }
}

fn check_statements(report: &Report, text: &[u8]) {
    let occurrences: u64 = report.statements.iter().map(|it| it.occurrences).sum();
    let kept = report.statements.len() as u64;
    assert_eq!(kept + report.duplicates_removed, occurrences);

    let printed = String::from_utf8_lossy(text).replace("\r\n", "\n");
    for statement in &report.statements {
        assert!(statement.occurrences > 0);
        assert!(
            printed.contains(&statement.text),
            "not in the text: {:?}",
            statement.text
        );
    }
}

fn check_place(report: &Report, text: &[u8]) {
    let page = &text[usize::try_from(report.source.offset).expect("an offset in memory")..];
    let page = &page[..usize::try_from(report.source.length).expect("a length in memory")];
    let mut again = citesift::parse(page).expect("a page cut out is a page");
    again.source.offset = report.source.offset;
    assert_eq!(again, *report, "the page cut out is the same page");
}
