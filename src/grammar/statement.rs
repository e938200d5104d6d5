//! Statement blocks: quoted text, section with its type, confidence, hidden rest.
//!
//! The text's end cannot be told from the text: quotation marks and lines like
//! `Section: …` occur inside it. It ends at a line that ends in `”` and is followed by
//! a section or confidence line; a block without such an end was cut off.

use std::borrow::Cow;

use nom::Parser;
use nom::bytes::complete::tag;
use nom::combinator::{all_consuming, opt};
use nom::sequence::delimited;

use super::header::abstract_line;
use super::line::{Lines, is_blank, trim, trim_end, trim_start};
use super::number::{bare_count, count, plain_between};
use super::roles::Roles;
use crate::model::{Role, StatementType};

const OPENING: &[u8] = "“".as_bytes();
const CLOSING: &[u8] = "”".as_bytes();
const ELLIPSIS: &[u8] = "…".as_bytes();
const USUAL_OPENING: &[u8; 6] = b"\xE2\x80\x9C\xE2\x80\xA6";
const USUAL_CLOSING: &[u8; 6] = b"\xE2\x80\xA6\xE2\x80\x9D";
const SECTION: &[u8] = b"Section:";

/// One printed block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block<'a> {
    /// Between the outermost quotation marks and ellipses. Owned only when a line in it ends in CR LF.
    pub text: Cow<'a, [u8]>,
    pub section: Option<&'a [u8]>,
    pub statement_type: Option<StatementType>,
    pub confidence: Option<u8>,
    pub see_more: Option<u64>,
    /// No closing quotation mark, no section line, or no type.
    pub truncated: bool,
    /// Closed by `…”` or by what follows: no other site's text looks like this.
    pub whole: bool,
}

impl Block<'_> {
    /// The two are the same block: all that a record shows of them but `see_more` is equal.
    pub fn is_repeated_by(&self, other: &Self) -> bool {
        self.text == other.text
            && self.section == other.section
            && self.statement_type == other.statement_type
            && self.confidence == other.confidence
    }
}

/// The line may open a block.
#[inline]
pub fn opens(line: &[u8]) -> bool {
    match line.first() {
        Some(b'\t' | b' ' | b'\r' | 0xC2 | 0xE2) => trim_start(line).starts_with(OPENING),
        _ => false,
    }
}

/// A block whose text is one line with its end, which leaves no doubt.
#[inline]
fn block_on_a_line<'a>(
    first: &'a [u8],
    lines: &mut Lines<'a>,
    roles: &mut impl Roles,
) -> Option<Block<'a>> {
    if !ends_in(first, &[CLOSING]) {
        return None;
    }
    let tail = Tail::read(lines, roles);
    if !tail.has_section && tail.confidence.is_none() {
        return None;
    }
    roles.tell(first, Role::Statement);
    let text = Cow::Borrowed(unquoted(first, End::Rule));
    Some(block_of(text, End::Rule, &tail))
}

/// A block that leaves no doubt: it may interrupt a title or an abstract. A text of more lines than one is
/// between `“…` and `…”`, without a line that may be the beginning of something else, and has a type and
/// a confidence below it.
pub fn certain_block<'a>(
    first: &'a [u8],
    start: usize,
    lines: &mut Lines<'a>,
    is_landmark: impl Fn(&[u8]) -> bool,
    roles: &mut impl Roles,
) -> Option<Block<'a>> {
    let before = *lines;
    if let Some(block) = block_on_a_line(first, lines, roles) {
        return Some(block);
    }
    *lines = before;
    if !starts_text(first) {
        return None;
    }
    let behind = certain_end(first, before, is_landmark)?;
    let tail = Tail::read(&mut behind.clone(), &mut ());
    tail.statement_type.and(tail.confidence)?;
    *lines = behind;
    Some(block_within(start, End::Rule, lines, roles))
}

/// The cursor behind the next line that ends in `…”`, if all lines before it are surely of one text.
fn certain_end<'a>(
    first: &'a [u8],
    mut lines: Lines<'a>,
    is_landmark: impl Fn(&[u8]) -> bool,
) -> Option<Lines<'a>> {
    let mut last = first;
    while !ends_in(last, &[ELLIPSIS, CLOSING]) {
        last = lines.next()?;
        let is_other = |line| is_landmark(line) || abstract_line(line).is_some();
        if is_blank(last) || opens(last) || is_other(trim(last)) {
            return None;
        }
    }
    Some(lines)
}

/// Reads blocks.
///
/// Remembers how far ahead no text can end: without that, a page of a million opening
/// quotation marks would be searched to its end once for each of them.
#[derive(Default)]
pub struct BlockReader {
    endless_until: usize,
}

impl BlockReader {
    /// block = text [section] [confidence] [see-more]
    ///
    /// `first` is the line just passed and began at `start`; `lines` stands behind it and
    /// moves only past a block. `is_landmark` says which lines no text contains.
    pub fn block<'a>(
        &mut self,
        first: &'a [u8],
        start: usize,
        lines: &mut Lines<'a>,
        is_landmark: impl Fn(&[u8]) -> bool,
        roles: &mut impl Roles,
    ) -> Option<Block<'a>> {
        if let Some(block) = certain_block(first, start, lines, &is_landmark, roles) {
            return Some(block);
        }
        let (behind, end) = match self.ruled_end(*lines, &is_landmark) {
            Some(behind) => (behind, End::Rule),
            None if starts_text(first) => open_end(first, *lines, &is_landmark),
            None => return None,
        };
        *lines = behind;
        Some(block_within(start, end, lines, roles))
    }

    /// The cursor behind the next line that ends a text by the rule, before any that can be in none.
    fn ruled_end<'a>(
        &mut self,
        mut lines: Lines<'a>,
        is_landmark: impl Fn(&[u8]) -> bool,
    ) -> Option<Lines<'a>> {
        while lines.at() >= self.endless_until {
            let before = lines.at();
            match lines.next() {
                Some(line) if !starts_text(line) && !is_landmark(trim(line)) => {
                    if ends_here(line, lines) {
                        return Some(lines);
                    }
                }
                _ => {
                    self.endless_until = before + 1;
                    return None;
                }
            }
        }
        None
    }
}

/// How a text came to its end.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// `”` with a section or confidence line behind it.
    Rule,
    /// `…”` with nothing of the kind behind it.
    Quoted,
    /// The capture cuts it off.
    Open,
}

/// A text that the rule does not end: up to its own `…”`, or else to the first line that cannot be part of it.
fn open_end<'a>(
    first: &'a [u8],
    mut lines: Lines<'a>,
    is_landmark: impl Fn(&[u8]) -> bool,
) -> (Lines<'a>, End) {
    let mut last = first;
    loop {
        if ends_in(last, &[ELLIPSIS, CLOSING]) {
            return (lines, End::Quoted);
        }
        let mut ahead = lines;
        match ahead.next() {
            Some(line) if can_continue(line) && !is_landmark(trim(line)) => last = line,
            _ if ends_in(last, &[CLOSING]) => return (lines, End::Quoted),
            _ => return (lines, End::Open),
        }
        lines = ahead;
    }
}

fn can_continue(line: &[u8]) -> bool {
    let typed_section = |line| section(line).is_some_and(|(_, found)| found.is_some());
    !is_blank(line)
        && !starts_text(line)
        && !typed_section(trim(line))
        && confidence(trim(line)).is_none()
}

/// `“…` opens a text wherever it stands at the start of a line.
fn starts_text(line: &[u8]) -> bool {
    let quoted = trim_start(line).strip_prefix(OPENING);
    quoted.is_some_and(|text| text.starts_with(ELLIPSIS))
}

fn ends_in(line: &[u8], marks: &[&[u8]]) -> bool {
    let mut line = Some(trim_end(line));
    for mark in marks.iter().rev() {
        line = line.and_then(|line| line.strip_suffix(*mark));
    }
    line.is_some()
}

/// The line ends in `”` and a section or confidence line follows.
#[inline]
fn ends_here<'a>(line: &'a [u8], mut behind: Lines<'a>) -> bool {
    ends_in(line, &[CLOSING])
        && behind.next_filled().is_some_and(|next| {
            let next = trim(next);
            next.starts_with(SECTION) || confidence(next).is_some()
        })
}

/// A block whose text began at `start` and has ended; `lines` moves past what stands below it.
fn block_within<'a>(
    start: usize,
    end: End,
    lines: &mut Lines<'a>,
    roles: &mut impl Roles,
) -> Block<'a> {
    let quoted = lines.since(start);
    roles.tell(quoted, Role::Statement);
    let text = unquoted(quoted, end);
    let tail = Tail::read(lines, roles);
    block_of(without_carriage_returns(text), end, &tail)
}

fn block_of<'a>(text: Cow<'a, [u8]>, end: End, tail: &Tail<'a>) -> Block<'a> {
    Block {
        text,
        section: tail.section,
        statement_type: tail.statement_type,
        confidence: tail.confidence,
        see_more: tail.see_more,
        truncated: end == End::Open || tail.statement_type.is_none(),
        whole: end != End::Open,
    }
}

/// Strips the quotation marks.
fn unquoted(quoted: &[u8], end: End) -> &[u8] {
    // `“…` and `…”` and no blanks around them: 1 % fewer instructions.
    let inside = quoted.strip_prefix(USUAL_OPENING);
    if let (Some(text), true) = (
        inside.and_then(|text| text.strip_suffix(USUAL_CLOSING)),
        end != End::Open,
    ) {
        return text;
    }
    let text = strip_prefix(trim_start(quoted), OPENING);
    let text = strip_prefix(text, ELLIPSIS);
    match end {
        End::Open => text,
        End::Rule | End::Quoted => strip_suffix(strip_suffix(trim_end(text), CLOSING), ELLIPSIS),
    }
}

fn strip_prefix<'a>(text: &'a [u8], mark: &[u8]) -> &'a [u8] {
    text.strip_prefix(mark).unwrap_or(text)
}

fn strip_suffix<'a>(text: &'a [u8], mark: &[u8]) -> &'a [u8] {
    text.strip_suffix(mark).unwrap_or(text)
}

/// A CR before LF belongs to the line's end, also within a text.
fn without_carriage_returns(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(text, b"\r\n").is_none() {
        return Cow::Borrowed(text);
    }
    let mut lines = text.split(|&byte| byte == b'\n').peekable();
    let mut joined = Vec::with_capacity(text.len());
    while let Some(line) = lines.next() {
        if lines.peek().is_some() {
            joined.extend_from_slice(strip_suffix(line, b"\r"));
            joined.push(b'\n');
        } else {
            joined.extend_from_slice(line);
        }
    }
    Cow::Owned(joined)
}

/// What stands below a text.
#[derive(Default)]
struct Tail<'a> {
    has_section: bool,
    section: Option<&'a [u8]>,
    statement_type: Option<StatementType>,
    confidence: Option<u8>,
    see_more: Option<u64>,
}

impl<'a> Tail<'a> {
    /// tail = [section] [confidence] [see-more], blank lines between them allowed
    #[inline]
    fn read<R: Roles>(lines: &mut Lines<'a>, roles: &mut R) -> Self {
        let mut tail = Self::default();
        if !R::ARE_TOLD {
            tail.take_usual(lines);
        }
        let mut ahead = *lines;
        // The next block's long line is told by its first byte and not looked at twice.
        while ahead.peek().is_some_and(|byte| byte != OPENING[0]) {
            let Some(line) = ahead.next().map(trim) else {
                break;
            };
            if line.is_empty() {
                continue;
            }
            if !tail.take(line, roles) {
                break;
            }
            *lines = ahead;
            if tail.see_more.is_some() {
                break;
            }
        }
        tail
    }

    /// Takes a section line and a confidence line if these come next as they are nearly always
    /// printed, without the questions that other lines are asked: 5 % fewer instructions.
    #[inline]
    fn take_usual(&mut self, lines: &mut Lines<'a>) {
        let mut ahead = *lines;
        let Some((heading, statement_type)) = ahead.next().and_then(section) else {
            return;
        };
        let Some(percent) = usual_confidence(&mut ahead) else {
            return;
        };
        *lines = ahead;
        *self = Self {
            has_section: true,
            section: heading,
            statement_type,
            confidence: Some(percent),
            see_more: None,
        };
    }

    /// Takes the line if it may stand behind what was taken before.
    fn take(&mut self, line: &'a [u8], roles: &mut impl Roles) -> bool {
        let at_section = !self.has_section && self.confidence.is_none();
        if let (true, Some((heading, statement_type))) = (at_section, section(line)) {
            (self.section, self.statement_type) = (heading, statement_type);
            self.has_section = true;
            roles.tell(line, Role::Section);
        } else if let (None, Some(percent)) = (self.confidence, confidence(line)) {
            self.confidence = Some(percent);
            roles.tell(line, Role::Confidence);
        } else {
            self.see_more = see_more(line);
            if self.see_more.is_none() {
                return false;
            }
            roles.tell(line, Role::SeeMore);
        }
        true
    }
}

/// section = "Section:" heading [type]
///
/// The type is a suffix, glued or after a blank, and only one is stripped: a heading
/// that itself ends in such a word keeps it.
fn section(line: &[u8]) -> Option<(Option<&[u8]>, Option<StatementType>)> {
    use StatementType::{Contrasting, Mentioning, Supporting, Unclassified};
    const TYPES: [(&[u8], StatementType); 6] = [
        (b"mentioning", Mentioning),
        (b"supporting", Supporting),
        (b"contrasting", Contrasting),
        (b"unclassified", Unclassified),
        (b"contradicting", Contrasting),
        (b"disputing", Contrasting),
    ];
    let printed = trim(line.strip_prefix(SECTION)?);
    let (heading, statement_type) = TYPES
        .iter()
        .find_map(|&(word, found)| Some((trim_end(printed.strip_suffix(word)?), Some(found))))
        .unwrap_or((printed, None));
    Some(((!heading.is_empty()).then_some(heading), statement_type))
}

/// confidence = "confidence:" blank* count "%", at most 100
pub fn confidence(line: &[u8]) -> Option<u8> {
    let line = trim_start(line.strip_prefix(b"confidence:")?);
    let percent = bare_count(line.strip_suffix(b"%")?)?;
    u8::try_from(percent).ok().filter(|&percent| percent <= 100)
}

/// usual-confidence = "confidence: " digit digit "%" LF
#[inline]
fn usual_confidence(lines: &mut Lines) -> Option<u8> {
    let line: &[u8; 16] = lines.rest().first_chunk()?;
    let [
        label @ ..,
        tens @ b'0'..=b'9',
        ones @ b'0'..=b'9',
        b'%',
        b'\n',
    ] = line
    else {
        return None;
    };
    (label == b"confidence: ").then(|| {
        lines.pass_line(line.len() - 1);
        10 * (tens - b'0') + (ones - b'0')
    })
}

/// A line of its own behind a block whose confidence is not in form still belongs to the block.
pub fn late_see_more(block: &mut Block, line: &[u8]) -> bool {
    let hidden = see_more(line);
    if block.see_more.is_some() || hidden.is_none() {
        return false;
    }
    block.see_more = hidden;
    true
}

/// see-more = "See " count " more Smart Citation" ["s"]
fn see_more(line: &[u8]) -> Option<u64> {
    plain_between(line, b"See ", b" more Smart Citation")
        .or_else(|| plain_between(line, b"See ", b" more Smart Citations"))
        .or_else(|| any_see_more(line))
}

fn any_see_more(line: &[u8]) -> Option<u64> {
    let named = (tag(" more Smart Citation"), opt(tag("s")));
    let (_, hidden) = all_consuming(delimited(tag("See "), count, named))
        .parse(line)
        .ok()?;
    Some(hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Option<Block<'_>> {
        let mut lines = Lines::new(text.as_bytes());
        let first = lines.next()?;
        let is_landmark = |line: &[u8]| line == b"Citation Types";
        BlockReader::default().block(first, 0, &mut lines, is_landmark, &mut ())
    }

    fn text(page: &str) -> String {
        let found = block(page).expect("a block");
        String::from_utf8(found.text.into_owned()).unwrap()
    }

    #[test]
    fn a_block_as_it_is_printed() {
        let found =
            block("“…a “b” c.…”\nSection: Results mentioning\nconfidence: 99%\nSee 2 more Smart Citations")
                .unwrap();
        assert_eq!(&found.text[..], "a “b” c.".as_bytes());
        assert_eq!(found.section, Some(&b"Results"[..]));
        assert_eq!(found.statement_type, Some(StatementType::Mentioning));
        assert_eq!((found.confidence, found.see_more), (Some(99), Some(2)));
        assert!(!found.truncated);
    }

    #[test]
    fn lines_inside_a_text_are_kept_but_for_a_carriage_return() {
        let end = "\nSection: mentioning\nconfidence: 50%";
        assert_eq!(text(&format!("“…a\nb…”{end}")), "a\nb");
        assert_eq!(text(&format!("“…a\r\n \r\n\rb\r…”\r{end}")), "a\n \n\rb\r");
        assert_eq!(
            text(&format!("“…a ”\nSection two\nb\nSection: x\nc”{end}")),
            "a ”\nSection two\nb\nSection: x\nc"
        );
    }

    #[test]
    fn a_text_without_its_end_stops_where_it_must() {
        for (page, expected) in [
            ("“…a", "a"),
            ("“…a…”", "a"),
            ("“…a…”\nfooter", "a"),
            ("“…a\nb\n\nfooter", "a\nb"),
            ("“…a\n“…b…”\nSection: mentioning", "a"),
            ("“…a\nCitation Types\n“…b…”", "a"),
            (
                "“…a\n“…b…”\nSection: mentioning\n“…c\nd…”\nSection: mentioning",
                "a",
            ),
            ("“…a…”\n“…b\nc…”\nSection: mentioning", "a"),
            ("“…a\nCitation Types\n“…b\nc…”\nSection: mentioning", "a"),
            ("“…a\nSection: Resultsmentioning\nconfidence: 9%", "a"),
            ("“…a ", "a "),
            ("“…”", ""),
        ] {
            let found = block(page).unwrap();
            assert_eq!(&found.text[..], expected.as_bytes(), "{page:?}");
            assert!(found.truncated, "{page:?}");
        }
    }

    #[test]
    fn a_quotation_without_ellipsis_and_end_is_no_block() {
        assert_eq!(block("“Nothing about us”\nwithout us"), None);
        let before = "“Red” Press\nCitation Types\n“…a\nb…”\nSection: mentioning";
        assert_eq!(block(before), None);
        assert_eq!(text("“a”\nSection: mentioning"), "a");
        assert_eq!(text("“a”\n\nconfidence: 7%"), "a");
    }

    #[test]
    fn one_type_word_goes_and_no_more() {
        let (results, none) = (Some(&b"Results"[..]), None);
        for (line, expected) in [
            (
                "Section: Resultsmentioning",
                (results, Some(StatementType::Mentioning)),
            ),
            (
                "Section: Results disputing",
                (results, Some(StatementType::Contrasting)),
            ),
            ("Section:Results", (results, None)),
            (
                "Section: mentioning",
                (none, Some(StatementType::Mentioning)),
            ),
            ("Section:", (none, None)),
            (
                "Section: Work supportingsupporting",
                (
                    Some(&b"Work supporting"[..]),
                    Some(StatementType::Supporting),
                ),
            ),
        ] {
            assert_eq!(section(line.as_bytes()), Some(expected), "{line:?}");
        }
    }

    #[test]
    fn a_confidence_is_a_whole_percentage() {
        assert_eq!(confidence(b"confidence: 99%"), Some(99));
        assert_eq!(confidence(b"confidence: 100%"), Some(100));
        for line in [
            "confidence: 101%",
            "confidence: 9",
            "confidence: 99.5%",
            "confidence: 99%2012",
        ] {
            assert_eq!(confidence(line.as_bytes()), None, "{line:?}");
        }
    }
}
