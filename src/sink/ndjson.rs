//! The record's text, in pieces.
//!
//! A record can be finished only when the deduplicator has spoken, but nearly all of its
//! text does not depend on what it says. So the parsers write pieces (a page's beginning
//! and end, each block up to `see_more`), and the ordered stages only put pieces together.
//! The two forms of a record share the blocks' pieces. The order of keys is the one of
//! [`Report`](crate::model::Report) and [`StatementRow`](crate::model::StatementRow).

use std::borrow::Cow;
use std::ops::Range;

use super::json::{escaped, escaped_in, joined_string, list, number, optional, string, string_in};
use crate::grammar::{Block, Page};
use crate::model::{Emit, StatementType, Warnings};

/// More bytes than a line on a page of so many has: a byte becomes six at most where it is escaped,
/// and small blocks get ids and keys.
pub fn longest_line(max_page: usize) -> u64 {
    (max_page as u64).saturating_mul(16).saturating_add(1 << 20)
}

/// Where a page stands, and what its container says of it, for the record.
#[derive(Default)]
pub struct At<'a> {
    pub path: &'a str,
    /// Bytes before the page, and its own.
    pub offset: u64,
    pub length: u64,
    pub record: Option<Cow<'a, str>>,
    pub date: Option<Cow<'a, str>>,
    pub url: Option<Cow<'a, str>>,
    pub report_id: Option<&'a [u8]>,
    /// A JSON object.
    pub meta: Option<&'a str>,
}

/// What the deduplicator decided about one block that stays.
pub struct Decided {
    /// The block's piece.
    pub piece: Range<usize>,
    pub see_more: Option<u64>,
    pub occurrences: u64,
}

/// Writes what stands before the statements; nothing for the statements form.
pub fn beginning(out: &mut Vec<u8>, emit: Emit, page: &Page, at: &At) {
    if emit == Emit::Statements {
        return;
    }
    let tallies = &page.tallies;
    out.extend_from_slice(b"{\"doi\":");
    optional(out, page.doi, lower_case);
    field(out, b",\"year\":", page.year.map(u64::from));
    out.extend_from_slice(b",\"title\":");
    lines(out, &page.title);
    out.extend_from_slice(b",\"abstract\":");
    lines(out, &page.abstract_lines);
    text(out, b",\"url\":", at.url.as_deref());
    out.extend_from_slice(b",\"report_id\":");
    optional(out, at.report_id, string);
    out.extend_from_slice(b",\"tallies\":{\"total\":");
    optional(out, tallies.total, number);
    field(out, b",\"supporting\":", tallies.supporting);
    field(out, b",\"mentioning\":", tallies.mentioning);
    field(out, b",\"contrasting\":", tallies.contrasting);
    field(out, b",\"unclassified\":", tallies.unclassified);
    field(
        out,
        b",\"citing_publications\":",
        tallies.citing_publications,
    );
    out.extend_from_slice(b"},\"references\":{\"publications\":");
    optional(out, page.references.publications, number);
    field(out, b",\"statements\":", page.references.statements);
    out.extend_from_slice(b"},\"citing_years\":{\"min\":");
    optional(out, page.citing_years.min, number);
    field(out, b",\"max\":", page.citing_years.max);
    out.extend_from_slice(b"},\"facets\":{\"paper_sections\":");
    list(out, page.paper_sections.iter().copied(), number);
    out.extend_from_slice(b",\"publication_types\":");
    list(out, page.publication_types.iter().copied(), number);
    out.extend_from_slice(b",\"relationship\":");
    list(out, page.relationship.iter().copied(), number);
    out.extend_from_slice(b",\"authors\":");
    let name = |out: &mut Vec<u8>, name| string_in(out, page.text, name);
    list(out, page.authors.iter().copied(), name);
    out.extend_from_slice(b",\"journals\":");
    list(out, page.journals.iter().copied(), name);
    out.extend_from_slice(b"},\"statements\":[");
}

/// Writes a block up to its text's end, with room for its id. `page` is the page's text. Returns where
/// in `out` the block's text stands as it is, unless something in it is escaped.
pub fn block_text(out: &mut Vec<u8>, page: &[u8], block: &Block) -> Option<usize> {
    out.extend_from_slice(b"{\"id\":\"00000000000000000000000000000000\",\"text\":\"");
    let start = out.len();
    escaped_in(out, page, &block.text);
    (out.len() - start == block.text.len()).then_some(start)
}

/// Writes the rest of a block whose piece begins at `start`, up to the value of `see_more`.
///
/// `similar` is the id of a statement that it is like, and in thousandths how much.
pub fn block(
    out: &mut Vec<u8>,
    start: usize,
    page: &[u8],
    block: &Block,
    id: u128,
    similar: Option<(u128, u16)>,
) {
    out[start + BEFORE_ID..][..32].copy_from_slice(&hexadecimal(id));
    match block.section {
        Some(section) => {
            out.extend_from_slice(b"\",\"section\":\"");
            escaped_in(out, page, section);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"\",\"section\":null"),
    }
    out.extend_from_slice(match block.statement_type {
        Some(StatementType::Supporting) => b",\"type\":\"supporting\",\"confidence\":",
        Some(StatementType::Mentioning) => b",\"type\":\"mentioning\",\"confidence\":",
        Some(StatementType::Contrasting) => b",\"type\":\"contrasting\",\"confidence\":",
        Some(StatementType::Unclassified) => b",\"type\":\"unclassified\",\"confidence\":",
        None => b",\"type\":null,\"confidence\":",
    });
    optional(out, block.confidence.map(u64::from), number);
    if let Some((similar, share)) = similar {
        out.extend_from_slice(b",\"similar_to\":\"");
        out.extend_from_slice(&hexadecimal(similar));
        let share = f64::from(share) / 1000.0;
        out.extend_from_slice(format!("\",\"similarity\":{share:?}").as_bytes());
    }
    out.extend_from_slice(b",\"see_more\":");
}

/// Writes what stands behind the statements (behind `duplicates_removed`, for reports;
/// behind every statement, for rows), with the line's end. Returns where in `out` the
/// value of `source` stands.
pub fn ending(
    out: &mut Vec<u8>,
    emit: Emit,
    page: &Page,
    warnings: Warnings,
    at: &At,
) -> Range<usize> {
    match emit {
        Emit::Reports => {
            out.extend_from_slice(b",\"warnings\":");
            list(out, warnings.iter(), |out, warning| {
                string(out, warning.as_str().as_bytes());
            });
        }
        Emit::Statements => {
            out.extend_from_slice(b",\"doi\":");
            optional(out, page.doi, lower_case);
            field(out, b",\"year\":", page.year.map(u64::from));
            out.extend_from_slice(b",\"title\":");
            lines(out, &page.title);
            out.extend_from_slice(b",\"report_id\":");
            optional(out, at.report_id, string);
        }
    }
    out.extend_from_slice(b",\"source\":");
    let start = out.len();
    source(out, at);
    let source = start..out.len();
    out.extend_from_slice(b",\"meta\":");
    out.extend_from_slice(at.meta.unwrap_or("null").as_bytes());
    out.extend_from_slice(b"}\n");
    source
}

/// Writes where a page stands.
pub fn source(out: &mut Vec<u8>, at: &At) {
    out.extend_from_slice(b"{\"path\":");
    string(out, at.path.as_bytes());
    field(out, b",\"offset\":", Some(at.offset));
    field(out, b",\"length\":", Some(at.length));
    text(out, b",\"record\":", at.record.as_deref());
    text(out, b",\"date\":", at.date.as_deref());
    out.push(b'}');
}

/// Bytes of a block's piece before the id.
pub const BEFORE_ID: usize = b"{\"id\":\"".len();

/// What was removed, or what stays for it: a block by its number from 1, or a page, and its place.
#[derive(Clone, Copy)]
pub struct Copied<'a> {
    pub block: Option<usize>,
    /// The value of `source`.
    pub source: &'a [u8],
    /// The earlier run that the place is of.
    pub run: Option<u64>,
}

/// Writes the line that tells of a removed block or page.
pub fn duplicate(out: &mut Vec<u8>, key: &[u8], removed: Copied, kept: Copied) {
    out.extend_from_slice(match removed.block {
        Some(_) => b"{\"kind\":\"block\",\"key\":\"",
        None => b"{\"kind\":\"page\",\"key\":\"",
    });
    out.extend_from_slice(key);
    out.push(b'"');
    out.push(b',');
    copied(out, removed);
    field(out, b",\"kept\":{\"run\":", kept.run);
    out.push(b',');
    copied(out, kept);
    out.extend_from_slice(b"}}\n");
}

fn copied(out: &mut Vec<u8>, copied: Copied) {
    field(
        out,
        b"\"block\":",
        copied.block.map(|block| block as u64 + 1),
    );
    out.extend_from_slice(b",\"source\":");
    out.extend_from_slice(copied.source);
}

/// Puts a page's pieces together: one line for a report, or one for each statement.
pub fn assemble(
    out: &mut Vec<u8>,
    emit: Emit,
    pieces: &[u8],
    beginning: Range<usize>,
    statements: impl Iterator<Item = Decided>,
    removed: u64,
    ending: Range<usize>,
) {
    out.extend_from_slice(&pieces[beginning]);
    for (position, decided) in statements.enumerate() {
        if emit == Emit::Reports && position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&pieces[decided.piece]);
        behind_block(out, decided.see_more, decided.occurrences);
        match emit {
            Emit::Reports => out.push(b'}'),
            Emit::Statements => out.extend_from_slice(&pieces[ending.clone()]),
        }
    }
    if emit == Emit::Reports {
        behind_statements(out, removed);
        out.extend_from_slice(&pieces[ending]);
    }
}

/// Writes what the deduplicator says of a block, behind its piece.
#[inline]
pub fn behind_block(out: &mut Vec<u8>, see_more: Option<u64>, occurrences: u64) {
    if (see_more, occurrences) == (None, 1) {
        return out.extend_from_slice(b"null,\"occurrences\":1");
    }
    optional(out, see_more, number);
    field(out, b",\"occurrences\":", Some(occurrences));
}

/// Writes what the deduplicator says of a report's blocks, between the last one and the ending.
pub fn behind_statements(out: &mut Vec<u8>, removed: u64) {
    out.extend_from_slice(b"],\"duplicates_removed\":");
    number(out, removed);
}

/// 32 lower-case digits, the most significant first.
pub fn hexadecimal(id: u128) -> [u8; 32] {
    let mut digits = [0; 32];
    let eights = digits.as_chunks_mut::<8>().0.iter_mut();
    for (eight, word) in eights.zip((0..4).rev()) {
        *eight = eight_digits((id >> (32 * word)) as u32);
    }
    digits
}

/// Eight nibbles become eight bytes, and these digits, all at once in a word: half the
/// instructions of doing it byte by byte.
fn eight_digits(value: u32) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let halves = u64::from(value);
    let halves = (halves | halves << 16) & 0x0000_FFFF_0000_FFFF;
    let bytes = (halves | halves << 8) & 0x00FF_00FF_00FF_00FF;
    let nibbles = (bytes | bytes << 4) & (ONES * 0x0F);
    let letters = (nibbles + ONES * 6) >> 4 & ONES;
    let to_letter = u64::from(b'a' - b'0' - 10);
    (nibbles + ONES * u64::from(b'0') + letters * to_letter).to_be_bytes()
}

#[inline]
fn field(out: &mut Vec<u8>, key: &[u8], value: Option<u64>) {
    out.extend_from_slice(key);
    optional(out, value, number);
}

fn text(out: &mut Vec<u8>, key: &[u8], value: Option<&str>) {
    out.extend_from_slice(key);
    optional(out, value.map(str::as_bytes), string);
}

fn lines(out: &mut Vec<u8>, lines: &[&[u8]]) {
    optional(out, (!lines.is_empty()).then_some(lines), joined_string);
}

fn lower_case(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let start = out.len();
    escaped(out, text);
    // No escape holds a capital letter, so lower-casing behind the escaping is safe.
    out[start..].make_ascii_lowercase();
    out.push(b'"');
}
