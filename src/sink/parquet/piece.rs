//! What parsers prepare for the encoder: the values of a block or of a page, in the order of their
//! columns, as a page of Parquet holds them. So nothing behind the parsers looks into a value.

use std::io;

use crate::grammar::{Block, Page};
use crate::sink::ndjson::{At, hexadecimal};

/// The length of a value that is not there.
const NULL: u64 = u64::MAX;

/// Bytes before a value: its length.
const BEFORE: usize = size_of::<u64>();

/// Bytes before a text in its value: the text's length.
const BEFORE_TEXT: usize = size_of::<u32>();

/// Bytes of an id.
const ID: usize = 32;

/// Bytes of a block's piece before the id.
pub const BEFORE_ID: usize = BEFORE + BEFORE_TEXT;

/// Writes a block up to its text's end, with room for its id. Returns where in `out` the text stands.
pub fn block_text(out: &mut Vec<u8>, block: &Block) -> usize {
    text(out, Some(&[0; ID]));
    text(out, Some(&block.text));
    out.len() - block.text.len()
}

/// Writes the rest of a block whose piece begins at `start`, before the deduplicator has spoken.
///
/// `similar` is the id of a statement that it is like, and in thousandths how much.
pub fn block(
    out: &mut Vec<u8>,
    start: usize,
    block: &Block,
    id: u128,
    similar: Option<(u128, u16)>,
) {
    out[start + BEFORE_ID..][..ID].copy_from_slice(&hexadecimal(id));
    let similar_to = similar.map(|(id, _)| hexadecimal(id));
    text(out, block.section);
    let statement_type = block.statement_type.map(|word| word.as_str().as_bytes());
    text(out, statement_type);
    number(out, block.confidence.map(u64::from));
    text(out, similar_to.as_ref().map(<[u8; ID]>::as_slice));
    // A share in thousandths.
    let similarity = similar.map(|(_, share)| f64::from(share) / 1000.0);
    number(out, similarity.map(f64::to_bits));
}

/// Writes what is said of a page.
pub fn ending(out: &mut Vec<u8>, page: &Page, at: &At) {
    let title = (!page.title.is_empty()).then(|| page.title.join(&b' '));
    text(out, page.doi.map(<[u8]>::to_ascii_lowercase).as_deref());
    number(out, page.year.map(u64::from));
    text(out, title.as_deref());
    text(out, at.report_id);
    text(out, Some(at.path.as_bytes()));
    number(out, Some(at.offset));
    number(out, Some(at.length));
    text(out, at.record.as_deref().map(str::as_bytes));
    text(out, at.date.as_deref().map(str::as_bytes));
    text(out, at.meta.map(str::as_bytes));
}

/// The values of a piece; none for one that is not there.
pub struct Values<'a>(pub &'a [u8]);

impl<'a> Iterator for Values<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        let length = u64::from_le_bytes(*length);
        if length == NULL {
            return Some(None);
        }
        let value;
        (value, self.0) = rest.split_at(length as usize);
        Some(Some(value))
    }
}

/// Refuses what no page of Parquet can hold, before its length is said in too few bits.
///
/// # Errors
/// For a value that is too large for the format.
#[inline]
pub fn fits(value: &[u8]) -> io::Result<()> {
    match i32::try_from(value.len()) {
        Ok(_) => Ok(()),
        Err(_) => Err(io::Error::other("a text is too long for Parquet")),
    }
}

fn number(out: &mut Vec<u8>, number: Option<u64>) {
    let length = number.map_or(NULL, |_| size_of::<u64>() as u64);
    out.extend_from_slice(&length.to_le_bytes());
    if let Some(number) = number {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn text(out: &mut Vec<u8>, text: Option<&[u8]>) {
    let length = text.map_or(NULL, |text| (BEFORE_TEXT + text.len()) as u64);
    out.extend_from_slice(&length.to_le_bytes());
    if let Some(text) = text {
        // Where it does not fit, [`fits`] says so later.
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text);
    }
}
