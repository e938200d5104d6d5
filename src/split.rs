//! Cuts a stream of text into pages, without I/O and without parsing them.
//!
//! A page starts at a line `DOI: 10.…` whose next filled line is the bar. The year
//! line right above belongs to it. Files that end without a newline and are put
//! together by `cat` glue that year (or the DOI line itself) to the last line of the
//! page before; such a line is cut in two.
//!
//! Deciding looks back at most `LOOK_BEHIND` and ahead at most `LOOK_AHEAD` bytes,
//! both counted from the candidate and not from the ends of a buffer, so that the
//! result does not depend on how the stream was chunked. A bare number at the end of a
//! page and a year glued to it (`172014`) are told apart by the same rule: the last
//! four digits are the year.

use std::ops::Range;

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};

use crate::blank::{trim_end, trim_start};
use crate::doi::{self, LABEL};

/// Bytes of a line that are looked at before a candidate or before its line.
const LOOK_BEHIND: usize = 128;

/// Bytes from a candidate's beginning within which the bar must begin.
const LOOK_AHEAD: usize = 4096;

const SIGN_UP: &[u8] = b"Sign up to set email alerts";
/// Stands before some texts, and is no part of them.
pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A place where one page ends and the next begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// End of the text before.
    pub previous_end: usize,
    /// First byte of the page; between the two stands at most a byte order mark.
    pub at: usize,
}

/// Finds page starts in a text that grows at its end and is consumed at its beginning.
pub struct Splitter {
    label: Finder<'static>,
    decided: usize,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            label: Finder::new(LABEL),
            decided: 0,
        }
    }
}

enum Verdict {
    Start {
        start: Start,
        /// Where the DOI begins: a label before it, as of `DOI: doi:10.…`, is no candidate.
        doi: usize,
    },
    No,
    NeedsMore,
}

impl Splitter {
    /// The next page start behind the first byte of `text`; none also when more text is
    /// needed to decide. `at_end` says that there is no more.
    pub fn next_start(&mut self, text: &[u8], at_end: bool) -> Option<Start> {
        while let Some(found) = self.label.find(&text[self.decided..]) {
            let candidate = self.decided + found;
            match judge(text, candidate, at_end) {
                Verdict::NeedsMore => {
                    self.decided = candidate;
                    return None;
                }
                Verdict::Start { start, doi } => {
                    self.decided = doi;
                    if start.at > 0 {
                        return Some(start);
                    }
                }
                Verdict::No => self.decided = candidate + LABEL.len(),
            }
        }
        self.decided = self.decided.max(text.len().saturating_sub(LABEL.len() - 1));
        None
    }

    /// Tells that the first `bytes` of the text are gone.
    pub fn consume(&mut self, bytes: usize) {
        self.decided = self.decided.saturating_sub(bytes);
    }

    /// Bytes at the text's beginning that no decision to come looks at.
    pub fn settled(&self) -> usize {
        self.decided.saturating_sub(3 * LOOK_BEHIND)
    }
}

/// The pages of a text that is there as a whole: its start, then every page start.
pub fn pages(text: &[u8]) -> Vec<Range<usize>> {
    let mut splitter = Splitter::default();
    let (mut pages, mut from) = (Vec::new(), 0);
    loop {
        let start = splitter.next_start(&text[from..], true);
        let end = start.map_or(text.len(), |start| from + start.previous_end);
        pages.extend(page_within(text, from..end));
        let Some(start) = start else { return pages };
        from += start.at;
        splitter.consume(start.at);
    }
}

/// The page in a stretch of text between two starts: without the blank lines around it,
/// the last line's end, and byte order marks. None when nothing else is there.
pub fn page_within(text: &[u8], stretch: Range<usize>) -> Option<Range<usize>> {
    let Range { mut start, mut end } = stretch;
    loop {
        let before = start;
        start += mark_length(&text[start..end]);
        let filled = start + blank_lines_before(&text[start..end]);
        if filled == end {
            return None;
        }
        start += memrchr(b'\n', &text[start..filled]).map_or(0, |feed| feed + 1);
        if start == before {
            break;
        }
    }
    let last_filled = start + without_blank_lines_after(&text[start..end]).len();
    if let Some(feed) = memchr(b'\n', &text[last_filled..end]) {
        end = last_filled + feed;
        if text[..end].ends_with(b"\r") {
            end -= 1;
        }
    }
    Some(start..end)
}

/// Line feeds in a stretch of text.
pub fn feeds_in(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

fn judge(text: &[u8], candidate: usize, at_end: bool) -> Verdict {
    let horizon = text.len().min(candidate + LOOK_AHEAD);
    let more_may_come = !at_end && text.len() < candidate + LOOK_AHEAD + SIGN_UP.len();
    let undecided = || match more_may_come {
        true => Verdict::NeedsMore,
        false => Verdict::No,
    };

    let line = line_start(text, candidate);
    let glued_to = trim_start(strip_mark(&text[line..candidate]));
    let value = &text[candidate + LABEL.len()..horizon];
    let Some(feed) = memchr(b'\n', value) else {
        return undecided();
    };
    let printed = trim_end(&value[..feed]);
    let Some(doi) = doi::named_by(printed) else {
        return Verdict::No;
    };
    let may_begin = glued_to.is_empty() || (is_token(doi) && can_be_glued(glued_to));
    if !may_begin || has_header_glued_on(doi) {
        return Verdict::No;
    }

    let bar = candidate + LABEL.len() + feed + blank_lines_before(&value[feed..]);
    match text.get(bar..) {
        None | Some([]) => return undecided(),
        Some(_) if bar >= candidate + LOOK_AHEAD => return Verdict::No,
        Some([b'|', ..]) => {}
        Some(next) if next.starts_with(SIGN_UP) => {}
        Some(next) if next.len() < SIGN_UP.len() && may_go_on_to_bar(next) => return undecided(),
        Some(_) => return Verdict::No,
    }
    let start = match glued_to.is_empty() {
        true => start_with_year(text, line..candidate + LABEL.len() + printed.len()),
        false => glued_at(text, candidate),
    };
    Verdict::Start {
        start,
        doi: candidate + LABEL.len() + printed.len() - doi.len(),
    }
}

/// A buffer's end may cut the bar's first words, or a NBSP before it, in two.
fn may_go_on_to_bar(cut: &[u8]) -> bool {
    SIGN_UP.starts_with(cut) || cut == [0xC2]
}

/// The line of a `DOI:` that ends a file, glued to the next file's first: only the second one is a header.
fn has_header_glued_on(doi: &[u8]) -> bool {
    let mut colons = memchr::memrchr_iter(b':', doi);
    let Some(colon) = colons.find(|&colon| doi[..=colon].ends_with(LABEL)) else {
        return false;
    };
    let label = colon + 1 - LABEL.len();
    let header = doi::named_by(&doi[label + LABEL.len()..]);
    can_be_glued(&doi[..label]) && header.is_some_and(is_token)
}

fn is_token(doi: &[u8]) -> bool {
    memchr::memchr2(b' ', b'\t', doi).is_none()
}

/// The start at the DOI line that stands there, or at the year right above it.
fn start_with_year(text: &[u8], doi_line: Range<usize>) -> Start {
    let line = doi_line.start;
    let without_year = Start {
        previous_end: line,
        at: line + mark_length(&text[line..]),
    };
    if line == 0 {
        return without_year;
    }
    let above = line_start(text, line - 1);
    let year_line = trim_end(&text[above..line - 1]);
    let Some((before, digits)) = year_line.split_last_chunk::<4>() else {
        return without_year;
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return without_year;
    }
    let own_line = strip_mark(before);
    if trim_start(own_line).is_empty() {
        return Start {
            previous_end: above,
            at: above + before.len() - own_line.len(),
        };
    }
    // A line that the next one repeats was doubled, and its last digits are its own.
    let is_doubled = year_line == &text[doi_line];
    if is_plausible_year(*digits) && can_be_glued(before) && !is_doubled {
        return glued_at(text, above + before.len());
    }
    without_year
}

fn glued_at(text: &[u8], at: usize) -> Start {
    let before = &text[..at];
    Start {
        previous_end: before.strip_suffix(BYTE_ORDER_MARK).unwrap_or(before).len(),
        at,
    }
}

/// A file's last line rarely ends in a blank, and running text before a number always
/// does: after a blank only a line that surely ends there counts as glued.
fn can_be_glued(before: &[u8]) -> bool {
    let before = before.strip_suffix(BYTE_ORDER_MARK).unwrap_or(before);
    let trimmed = trim_end(before);
    let surely_ended = || {
        let ends: [&[u8]; 4] = [b"%", b"Smart Citation", b"Smart Citations", "”".as_bytes()];
        ends.iter().any(|end| trimmed.ends_with(end))
    };
    trimmed.len() == before.len() || surely_ended()
}

/// Glued to text, four digits must be a year of print; alone on their line any four are taken.
fn is_plausible_year(digits: [u8; 4]) -> bool {
    (*b"1500"..=*b"2100").contains(&digits)
}

/// Start of the line that holds the byte before `end`, as far as is looked back.
fn line_start(text: &[u8], end: usize) -> usize {
    let window = end.saturating_sub(LOOK_BEHIND);
    memrchr(b'\n', &text[window..end]).map_or(window, |feed| window + feed + 1)
}

fn mark_length(text: &[u8]) -> usize {
    text.len() - strip_mark(text).len()
}

fn strip_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Length of the blanks and line feeds at the beginning.
fn blank_lines_before(text: &[u8]) -> usize {
    let mut rest = trim_start(text);
    while let Some(below) = rest.strip_prefix(b"\n") {
        rest = trim_start(below);
    }
    text.len() - rest.len()
}

/// The text without the blanks and line feeds at its end.
fn without_blank_lines_after(text: &[u8]) -> &[u8] {
    let mut rest = trim_end(text);
    while let Some(above) = rest.strip_suffix(b"\n") {
        rest = trim_end(above);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "DOI: 10.5555/a\n|View full text |Cite\n|\n";

    fn cut(text: &str) -> Vec<&str> {
        pages(text.as_bytes())
            .into_iter()
            .map(|page| &text[page])
            .collect()
    }

    #[test]
    fn a_page_is_cut_free_of_blank_lines_and_line_ends() {
        assert_eq!(cut("\u{feff}\n \r\n a \r\n\u{a0}\n"), [" a "]);
        assert_eq!(cut("\u{feff}\n\u{feff}a\r\n"), ["a"]);
        assert_eq!(cut("a "), ["a "]);
        assert_eq!(cut(" \n\u{a0}"), [""; 0]);
        assert_eq!(cut(""), [""; 0]);
    }

    #[test]
    fn year_and_doi_start_a_page_when_the_bar_follows() {
        let page = PAGE.trim_end();
        let dated = format!("2020\n{page}");
        for between in ["\n", "\n\n", "\r\n \r\n"] {
            assert_eq!(cut(&format!("{dated}{between}{dated}")), [&dated, &dated]);
            assert_eq!(cut(&format!("{page}{between}{page}")), [page, page]);
        }
        assert_eq!(cut("a\nDOI: 10.5555/a\nb"), ["a\nDOI: 10.5555/a\nb"]);
        assert_eq!(
            cut("a\nDOI: 10.5555/a\n\u{a0}\nSign up to set email alerts"),
            ["a", "DOI: 10.5555/a\n\u{a0}\nSign up to set email alerts"]
        );
    }

    #[test]
    fn glued_pages_come_apart() {
        for end in [
            "confidence: 99%",
            "See 1 more Smart Citation",
            "…”",
            "reserved.",
            "17",
            "99% ",
            "99%\u{feff}",
        ] {
            let expected = end.trim_end_matches('\u{feff}');
            let dated = format!("2012\n{PAGE}x");
            assert_eq!(
                cut(&format!("a\n{end}{dated}")),
                [&format!("a\n{expected}"), &dated]
            );
            let bare = format!("{PAGE}x");
            assert_eq!(
                cut(&format!("a\n{end}{bare}")),
                [&format!("a\n{expected}"), &bare]
            );
        }
    }

    #[test]
    fn a_doi_that_a_header_is_glued_to_starts_no_page() {
        let page = PAGE.trim_end();
        for above in [
            "x\nDOI: 10.5555/foot",
            "DOI: 10.5555/foot",
            "2012\nDOI: 10.5555/foot",
        ] {
            assert_eq!(cut(&format!("{above}{page}")), [above, page]);
        }
        let both = "DOI: 10.5555/a see DOI: 10.5555/b\n|";
        assert_eq!(cut(&format!("x\n{both}")), ["x", both]);
    }

    #[test]
    fn a_doubled_doi_line_keeps_its_last_digits() {
        for end in ["\n", "\r\n"] {
            let doubled = format!("2012\nDOI: 10.5555/35.2012{end}");
            let page = format!("DOI: 10.5555/35.2012{end}|\n");
            let both = format!("{doubled}{page}");
            let [first, second] = [&doubled[..], &page].map(str::trim_end);
            assert_eq!(cut(&both), [first, second]);
        }
    }

    #[test]
    fn a_number_in_running_text_is_no_glued_year() {
        let page = PAGE.trim_end();
        for line in ["as we said in 2012", "Room 9999", "x9999"] {
            assert_eq!(cut(&format!("{line}\n{page}")), [line, page]);
        }
        assert_eq!(cut(&format!("see {page}")), [format!("see {page}")]);
        assert_eq!(cut("(DOI: 10.5555/a) b\n|c"), ["(DOI: 10.5555/a) b\n|c"]);
    }

    #[test]
    fn a_doi_may_be_printed_with_a_resolver() {
        for doi in [
            "www.doi.org/10.5555/b",
            "dx.doi.org/10.5555/b",
            "https://library.example.org/10.5555/b",
            "doi:  10.5555/b",
            "https://doi.org/DOI:10.5555/b",
            "DOI:10.5555/b",
        ] {
            for label in ["DOI:", "DOI: "] {
                let page = format!("2012\n{label}{doi}\n|");
                assert_eq!(cut(&page), [&page]);
                for end in ["a\n", "confidence: 99%"] {
                    let glued = format!("{end}{page}");
                    assert_eq!(cut(&glued), [end.trim_end(), &page], "{glued}");
                }
            }
        }
        let other = "a\nDOI: httpsfoo10.1\n|";
        assert_eq!(cut(other), [other]);
    }

    #[test]
    fn a_stream_gives_the_same_starts_in_any_chunks() {
        let text = format!(
            "junk\n{PAGE}a\nconfidence: 99%2012\n{PAGE}\n\n\u{feff}1999\n{PAGE}DOI: DOI:10.1\n \u{a0}\n\nSign up to set email alerts"
        );
        let text = text.as_bytes();
        let whole = starts(text, text.len());
        assert_eq!(whole.len(), 4);
        for size in 1..text.len() {
            assert_eq!(starts(text, size), whole, "chunks of {size} bytes");
        }
    }

    fn starts(text: &[u8], chunk: usize) -> Vec<Start> {
        let (mut splitter, mut found) = (Splitter::default(), Vec::new());
        for end in (chunk..text.len()).step_by(chunk).chain([text.len()]) {
            while let Some(start) = splitter.next_start(&text[..end], end == text.len()) {
                found.push(start);
            }
        }
        found
    }
}
