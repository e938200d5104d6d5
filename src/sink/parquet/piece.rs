//! What parsers prepare for the encoder: numbers, then the lengths of texts, then the texts. No
//! text is cut or escaped, and each value is found without a look at the others' bytes.

use std::ops::Range;

use crate::grammar::{Block, Page};
use crate::sink::ndjson::{At, hexadecimal};

/// How many numbers a piece holds, and how many texts.
pub struct Layout {
    numbers: usize,
    texts: usize,
}

/// confidence, similarity · id, text, section, type, `similar_to`
pub const BLOCK: Layout = Layout {
    numbers: 2,
    texts: 5,
};

/// year, offset, length · doi, title, `report_id`, path, record, date, meta
pub const PAGE: Layout = Layout {
    numbers: 3,
    texts: 7,
};

const NUMBER: usize = size_of::<u64>();

/// A number, or a text's length, that is not there.
const NULL: u64 = u64::MAX;

/// Bytes of a block's piece before the id.
pub const BEFORE_ID: usize = BLOCK.before_texts();

impl Layout {
    const fn before_texts(&self) -> usize {
        (self.numbers + self.texts) * NUMBER
    }

    /// Where a text of the piece that begins at `at` stands.
    #[inline]
    pub fn text(&self, pieces: &[u8], at: usize, number: usize) -> Option<Range<usize>> {
        let lengths = at + self.numbers * NUMBER;
        let length = |number| value(pieces, lengths + number * NUMBER);
        let before: u64 = (0..number).filter_map(length).sum();
        let start = at + self.before_texts() + before as usize;
        Some(start..start + length(number)? as usize)
    }
}

/// A number of the piece that begins at `at`, of any layout.
pub fn number(pieces: &[u8], at: usize, number: usize) -> Option<u64> {
    value(pieces, at + number * NUMBER)
}

#[inline]
fn value(pieces: &[u8], at: usize) -> Option<u64> {
    let bytes = pieces[at..].first_chunk()?;
    Some(u64::from_le_bytes(*bytes)).filter(|&value| value != NULL)
}

/// Writes what is said of a block before the deduplicator has spoken.
pub fn block(out: &mut Vec<u8>, block: &Block, id: u128, similar: Option<(u128, u16)>) {
    let id = hexadecimal(id);
    let similar_to = similar.map(|(id, _)| hexadecimal(id));
    let statement_type = block.statement_type.map(|word| word.as_str().as_bytes());
    put(
        out,
        [
            block.confidence.map(u64::from),
            similar.map(|(_, share)| u64::from(share)),
        ],
        [
            Some(&id),
            Some(&block.text),
            block.section,
            statement_type,
            similar_to.as_ref().map(<[u8; 32]>::as_slice),
        ],
    );
}

/// Writes what is said of a page.
pub fn ending(out: &mut Vec<u8>, page: &Page, at: &At) {
    let title = (!page.title.is_empty()).then(|| page.title.join(&b' '));
    put(
        out,
        [page.year.map(u64::from), Some(at.offset), Some(at.length)],
        [
            page.doi.map(<[u8]>::to_ascii_lowercase).as_deref(),
            title.as_deref(),
            at.report_id,
            Some(at.path.as_bytes()),
            at.record.as_deref().map(str::as_bytes),
            at.date.as_deref().map(str::as_bytes),
            at.meta.map(str::as_bytes),
        ],
    );
}

fn put<const N: usize, const T: usize>(
    out: &mut Vec<u8>,
    numbers: [Option<u64>; N],
    texts: [Option<&[u8]>; T],
) {
    let lengths = texts.map(|text| text.map(|text| text.len() as u64));
    for value in numbers.into_iter().chain(lengths) {
        out.extend_from_slice(&value.unwrap_or(NULL).to_le_bytes());
    }
    for text in texts.into_iter().flatten() {
        out.extend_from_slice(text);
    }
}
