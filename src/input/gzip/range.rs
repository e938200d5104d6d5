//! Ranges of whole blocks of a large member, each decoded at once by libdeflate.
//!
//! libdeflate knows only whole streams, so a range is made one: a stored block with the text
//! before it, empty blocks up to the bit at which the range begins, the range, and a last
//! block that holds a number nobody can foresee. If the text ends with that number, the last
//! block was read as a block, so the range does end where it was thought to.

use std::hash::{BuildHasher, RandomState};

use libdeflater::{DecompressionError, Decompressor};

/// How far back a block may reach.
const WINDOW: usize = 32 * 1024;

/// Decoded bytes of a range, with those before it; a member that has more is streamed.
const MOST_TEXT: usize = 4 * 1024 * 1024;

/// What of these bytes is at first made ready. Zeroing all of them for each source took a tenth
/// of the time of files of 10 MB.
const USUAL_TEXT: usize = 1536 * 1024;

/// An empty block with codes of its own: two of its 257 symbols and the one distance have a
/// length, and only the end is used. It takes 91 bits.
const ODD: u128 = {
    // 18 lengths of 3 bits: zeros have the third, the length 1 the last.
    let header = 0b100 | 14 << 13 | 1 << (17 + 3 * 2) | 1 << (17 + 3 * 17);
    // A length 1, 138 zeros, 117 zeros, two lengths 1; the end.
    let lengths = 1 << 1 | 127 << 2 | 1 << 9 | 106 << 10 | 1 << 19;
    header | lengths << 71
};
const ODD_BITS: usize = 91;

/// An empty block with the fixed codes.
const EVEN: u128 = 0b010;
const EVEN_BITS: usize = 10;

/// Begins a stream whose text so far is `window` and that goes on `shift` bits behind the
/// beginning of the byte `first`; that byte is the last one.
pub(super) fn open(stream: &mut Vec<u8>, window: &[u8], shift: usize, first: u8) {
    stream.push(0);
    store(stream, window);
    let (mut blocks, mut length) = match shift % 2 {
        0 => (0, 0),
        _ => (ODD, ODD_BITS),
    };
    while length % 8 != shift {
        blocks |= EVEN << length;
        length += EVEN_BITS;
    }
    blocks |= u128::from(first >> shift) << length;
    stream.extend(&blocks.to_le_bytes()[..=length / 8]);
}

/// Ends a stream within its last byte, behind so many bits of it, with a last block.
fn close(stream: &mut Vec<u8>, bits: usize, text: &[u8]) {
    if bits == 0 {
        stream.push(0);
    }
    if let Some(last) = stream.last_mut() {
        *last = *last & ((1 << bits) - 1) | 1 << bits;
    }
    // The block's head has three bits, and all but the first are zero.
    if bits > 8 - 3 {
        stream.push(0);
    }
    store(stream, text);
}

/// What follows a stored block's head.
fn store(stream: &mut Vec<u8>, text: &[u8]) {
    let length = text.len() as u16;
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(text);
}

/// A range, and what came of it.
#[derive(Default)]
pub(super) struct Range {
    /// From the byte in which it begins to the one in which it ends.
    pub(super) compressed: Vec<u8>,
    /// Bits of the first byte that are before it, and of the last one that are in it; a
    /// byte of which nothing is in it is not there.
    pub(super) begin: usize,
    pub(super) end: usize,
    /// The text before it and its own.
    text: Vec<u8>,
    decoded: std::ops::Range<usize>,
}

impl Range {
    /// With room for a text, and none in it.
    pub(super) fn emptied(self) -> Self {
        let decoded = 0..0;
        Self { decoded, ..self }
    }

    /// Its text; none if it was not decoded.
    pub(super) fn text(&self) -> &[u8] {
        &self.text[self.decoded.clone()]
    }

    /// Its bytes without the one that is also the next range's.
    pub(super) fn whole_bytes(&self) -> usize {
        self.compressed.len() - usize::from(self.end > 0)
    }

    /// The text on which what follows may build.
    pub(super) fn window(&self) -> &[u8] {
        &self.text[self.decoded.end.saturating_sub(WINDOW)..self.decoded.end]
    }
}

/// Decodes a member's ranges one after another.
pub(super) struct Decoder {
    decompressor: Decompressor,
    stream: Vec<u8>,
    window: Vec<u8>,
    number: [u8; 8],
    has_failed: bool,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            decompressor: Decompressor::new(),
            stream: Vec::new(),
            window: Vec::new(),
            number: RandomState::new().hash_one(0).to_le_bytes(),
            has_failed: false,
        }
    }

    /// After one failure all fail: their window is not known.
    pub(super) fn decode(&mut self, mut range: Range) -> Range {
        range.decoded = 0..0;
        if !self.has_failed {
            self.join(&range);
            let end = self.decode_into(&mut range.text).and_then(|length| {
                let text = range.text[..length].strip_suffix(&self.number)?;
                Some(text.len())
            });
            self.has_failed = end.is_none();
            range.decoded = end.map_or(0..0, |end| self.window.len()..end);
        }
        if !self.has_failed {
            self.window.clear();
            self.window.extend_from_slice(range.window());
        }
        range
    }

    /// The stream's text; none if it is damaged or too long.
    fn decode_into(&mut self, text: &mut Vec<u8>) -> Option<usize> {
        for room in [USUAL_TEXT, MOST_TEXT] {
            if text.len() < room {
                *text = vec![0; room];
            }
            match self.decompressor.deflate_decompress(&self.stream, text) {
                Err(DecompressionError::InsufficientSpace) => {}
                decoded => return decoded.ok(),
            }
        }
        None
    }

    fn join(&mut self, range: &Range) {
        self.stream.clear();
        let (first, others) = range.compressed.split_at(1);
        open(&mut self.stream, &self.window, range.begin, first[0]);
        self.stream.extend_from_slice(others);
        close(&mut self.stream, range.end, &self.number);
    }
}
