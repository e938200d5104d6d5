//! Statements as rows of comma-separated values (RFC 4180, but for lines that end in LF alone),
//! flat, under one header. The order of the columns is the one of
//! [`StatementRow`](crate::model::StatementRow).
//!
//! A text is always quoted and null is nothing at all, so that `""` is the empty text. By hand,
//! because the `csv` crate writes both alike; tests read with it.
//!
//! Spreadsheets take a cell for a formula by its beginning, and the text comes from strangers. So
//! one that could be taken for a formula gets an apostrophe in front, and so does one that has an
//! apostrophe there already: whoever takes one leading apostrophe from each text has what was
//! printed.

use memchr::memchr;

use super::form::PagePieces;
use super::json::number;
use super::ndjson::{At, Decided, hexadecimal};
use crate::grammar::{Block, Page};

/// The names of the columns.
pub const HEADER: &[u8] = b"id,text,section,type,confidence,similar_to,similarity,see_more,\
    occurrences,doi,year,title,report_id,source_path,source_offset,source_length,source_record,\
    source_date,meta\n";

/// A block's piece begins with the id.
pub const BEFORE_ID: usize = 0;

/// Writes a block up to the value of `see_more`.
pub fn block(out: &mut Vec<u8>, block: &Block, id: u128, similar: Option<(u128, u16)>) {
    out.extend_from_slice(&hexadecimal(id));
    out.push(b',');
    text(out, Some(&block.text));
    text(out, block.section);
    let statement_type = block.statement_type.map(|word| word.as_str().as_bytes());
    text(out, statement_type);
    value(out, block.confidence.map(u64::from));
    if let Some((similar, share)) = similar {
        out.extend_from_slice(&hexadecimal(similar));
        out.extend_from_slice(format!(",{:?},", f64::from(share) / 1000.0).as_bytes());
    } else {
        out.extend_from_slice(b",,");
    }
}

/// Writes what stands behind the value of `occurrences`.
pub fn ending(out: &mut Vec<u8>, page: &Page, at: &At) {
    out.push(b',');
    text(out, page.doi.map(<[u8]>::to_ascii_lowercase).as_deref());
    value(out, page.year.map(u64::from));
    if !page.title.is_empty() {
        cell(out, &page.title);
    }
    out.push(b',');
    text(out, at.report_id);
    text(out, Some(at.path.as_bytes()));
    value(out, Some(at.offset));
    value(out, Some(at.length));
    text(out, at.record.as_deref().map(str::as_bytes));
    text(out, at.date.as_deref().map(str::as_bytes));
    if let Some(meta) = at.meta {
        cell(out, &[meta.as_bytes()]);
    }
    out.push(b'\n');
}

/// Puts a page's rows together.
pub fn assemble(out: &mut Vec<u8>, page: &PagePieces, statements: impl Iterator<Item = Decided>) {
    for decided in statements {
        out.extend_from_slice(&page.output[decided.piece]);
        value(out, decided.see_more);
        number(out, decided.occurrences);
        out.extend_from_slice(&page.output[page.ending.clone()]);
    }
}

fn value(out: &mut Vec<u8>, value: Option<u64>) {
    if let Some(value) = value {
        number(out, value);
    }
    out.push(b',');
}

fn text(out: &mut Vec<u8>, text: Option<&[u8]>) {
    if let Some(text) = text {
        cell(out, &[text]);
    }
    out.push(b',');
}

/// Writes lines as one text, a space between them.
fn cell(out: &mut Vec<u8>, lines: &[&[u8]]) {
    out.push(b'"');
    let start = out.len();
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        doubled(out, line);
    }
    if is_guarded(&out[start..]) {
        out.insert(start, b'\'');
    }
    out.push(b'"');
}

/// Writes a text with its quotation marks doubled.
fn doubled(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = memchr(b'"', text) {
        out.extend_from_slice(&text[..=at]);
        out.push(b'"');
        text = &text[at + 1..];
    }
    out.extend_from_slice(text);
}

/// With what a formula begins; the wide forms are taken for the others where they are typed.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Whether a text gets an apostrophe in front. Blanks before a formula are passed over, for some
/// programs do so too.
fn is_guarded(text: &[u8]) -> bool {
    match text.first() {
        None | Some(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z') => false,
        Some(b'\'' | b'\t' | b'\r' | b'\n') => true,
        Some(_) => {
            let is_blank = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
            let text = String::from_utf8_lossy(text);
            text.trim_start_matches(is_blank).starts_with(FORMULA)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        cell(&mut out, &[text.as_bytes()]);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_be_a_formula_or_has_an_apostrophe_gets_one_in_front() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "\u{a0}-1",
            "\0=1",
            "\u{feff}@x",
            "＝1",
            "＋1",
            "－1",
            "＠x",
            "'tis",
            "'=1",
            "\tplain",
        ] {
            assert_eq!(written(text), format!("\"'{text}\""), "{text:?}");
        }
        for text in [
            "",
            " ",
            "a=1",
            "1-2",
            "…",
            " plain",
            "(-1)",
            "“=1”",
            "\u{202e}x",
        ] {
            assert_eq!(written(text), format!("\"{text}\""), "{text:?}");
        }
    }

    #[test]
    fn quotation_marks_are_doubled_and_lines_joined() {
        assert_eq!(written(r#"a "b", "#), r#""a ""b"", ""#);
        assert_eq!(written("\""), "\"\"\"\"");
        let mut out = Vec::new();
        cell(&mut out, &[b"-a", b"=b"]);
        assert_eq!(out, b"\"'-a =b\"");
    }
}
