//! What each line of a page is, as the grammar says it while it reads.
//!
//! The rules tell every line that they take to a [`Roles`]. A run listens to nothing, which
//! costs nothing: the rules are compiled for `()` by themselves. A line may be told more than
//! once, when a rule that looked ahead does not hold in the end; the last word counts, and for a
//! line that no part claims, that it is unrecognized.

use memchr::memchr_iter;

use super::page::{Page, parse_at_address_telling, parse_telling};
use super::unrecognized::Why;
use crate::model::Role;

/// One who is told what lines are. All spans are of the page's text.
pub trait Roles {
    /// Whether every line is to be told; else lines may be passed without a word.
    const ARE_TOLD: bool;

    /// A line, or several together; they are of no block until that is told.
    fn tell(&mut self, lines: &[u8], role: Role);

    /// The lines of a block, by its number on the page, from 0.
    fn tell_block(&mut self, lines: &[u8], block: usize);
}

impl Roles for () {
    const ARE_TOLD: bool = false;

    #[inline]
    fn tell(&mut self, _: &[u8], _: Role) {}

    #[inline]
    fn tell_block(&mut self, _: &[u8], _: usize) {}
}

/// One line of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRole {
    pub role: Role,
    /// The number of the block that it belongs to, among the page's printed blocks, from 0.
    pub block: Option<usize>,
    /// Why no part claims it.
    pub why: Option<Why>,
}

/// Reads one page into `page`, as [`parse`](super::parse) or, at a report's address, as
/// [`parse_at_address`](super::parse_at_address) does, and says what each of its lines is. A
/// line ends with its line feed.
pub fn line_roles<'a>(text: &'a [u8], at_address: bool, page: &mut Page<'a>) -> Vec<LineRole> {
    let mut roles = LineRoles::of(text);
    match at_address {
        true => parse_at_address_telling(text, page, &mut roles),
        false => parse_telling(text, page, &mut roles),
    }
    for unrecognized in &page.unrecognized {
        for line in roles.lines_of(unrecognized.line) {
            line.role = Role::Unrecognized;
            line.why = Some(unrecognized.why);
        }
    }
    roles.lines
}

/// Bytes of the text before a span of it.
pub fn offset_in(text: &[u8], span: &[u8]) -> usize {
    span.as_ptr().addr() - text.as_ptr().addr()
}

struct LineRoles<'a> {
    text: &'a [u8],
    /// Where each line begins.
    starts: Vec<usize>,
    lines: Vec<LineRole>,
}

impl<'a> LineRoles<'a> {
    /// Blank lines are never told, and all others are.
    fn of(text: &'a [u8]) -> Self {
        let begun = memchr_iter(b'\n', text).map(|feed| feed + 1);
        let starts: Vec<_> = [0]
            .into_iter()
            .chain(begun)
            .filter(|&start| start < text.len())
            .collect();
        let untold = LineRole {
            role: Role::Blank,
            block: None,
            why: None,
        };
        Self {
            text,
            lines: vec![untold; starts.len()],
            starts,
        }
    }

    /// The lines that a span of the text is of.
    fn lines_of(&mut self, span: &[u8]) -> &mut [LineRole] {
        let start = offset_in(self.text, span);
        let end = (start + span.len()).max(start + 1);
        let first = self.starts.partition_point(|&line| line <= start);
        let behind = self.starts.partition_point(|&line| line < end);
        &mut self.lines[first.saturating_sub(1)..behind]
    }
}

impl Roles for LineRoles<'_> {
    const ARE_TOLD: bool = true;

    fn tell(&mut self, lines: &[u8], role: Role) {
        for line in self.lines_of(lines) {
            (line.role, line.block) = (role, None);
        }
    }

    fn tell_block(&mut self, lines: &[u8], block: usize) {
        for line in self.lines_of(lines) {
            line.block = Some(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, at_address: bool) -> String {
        let mut page = Page::default();
        let roles = line_roles(text.as_bytes(), at_address, &mut page);
        let names = roles.iter().map(|line| {
            let block = line.block.map_or(String::new(), |block| block.to_string());
            format!("{}{block}", line.role.as_str())
        });
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_last_word_on_a_line_counts() {
        // The closing mark has no section behind it, and the text goes on.
        let text =
            "“…One”\nSee 1 more Smart Citation\n\nof two.…”\nSection: mentioning\n\nconfidence: 9%";
        assert_eq!(
            told(text, false),
            "statement0 statement0 statement0 statement0 section0 blank0 confidence0"
        );
        assert_eq!(
            told("Lead\n\nCitation Types\nSupporting", false),
            "unrecognized blank heading unrecognized"
        );
    }

    #[test]
    fn an_abstract_at_an_address_is_no_block() {
        assert_eq!(told("“…Cut\n\noff", false), "statement0 blank unrecognized");
        assert_eq!(told("“…Cut\n\noff", true), "abstract blank abstract");
        assert_eq!(told("", true), "");
    }
}
