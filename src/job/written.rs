//! A batch's lines on their way out. Drafts that stay, one behind the other, are handed out where
//! the parser wrote them; lines are copied only where the deduplicator decided otherwise, and where
//! only few drafts stand between two of these. Copying all of them was 6 % of a run on one core.

use std::mem;
use std::ops::Range;

/// Bytes of drafts in a row that are a piece of their own.
const ALONE: usize = 16 * 1024;

/// Lines in their order.
#[derive(Default)]
pub struct Written {
    copied: Vec<u8>,
    /// Drafts that are pieces of their own, as ranges of the batch's output, each with how many of the
    /// copied bytes stand before it.
    alone: Vec<(usize, Range<usize>)>,
    /// Drafts in a row behind all of these.
    drafted: Range<usize>,
}

impl Written {
    pub fn clear(&mut self) {
        self.copied.clear();
        self.alone.clear();
        self.drafted = 0..0;
    }

    /// Adds a line that stays as it was drafted in `output`.
    pub fn draft(&mut self, output: &[u8], line: Range<usize>) {
        if self.drafted.end != line.start {
            self.settle(output);
            self.drafted.start = line.start;
        }
        self.drafted.end = line.end;
    }

    /// Where a line is put together that has no such draft.
    pub fn assembled(&mut self, output: &[u8]) -> &mut Vec<u8> {
        self.settle(output);
        &mut self.copied
    }

    /// Bytes that are copied.
    pub fn copied(&self) -> usize {
        self.copied.len()
    }

    /// All lines, in one or more pieces of whole lines; an empty one if there are none.
    pub fn pieces<'a>(&'a self, output: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::with_capacity(2 * self.alone.len() + 2);
        let mut at = 0;
        for (before, drafts) in &self.alone {
            pieces.extend([&self.copied[at..*before], &output[drafts.clone()]]);
            at = *before;
        }
        pieces.push(&self.copied[at..]);
        pieces.retain(|piece| !piece.is_empty());
        if pieces.is_empty() || !self.drafted.is_empty() {
            pieces.push(&output[self.drafted.clone()]);
        }
        pieces
    }

    fn settle(&mut self, output: &[u8]) {
        let end = self.drafted.end;
        let drafts = mem::replace(&mut self.drafted, end..end);
        match drafts.len() {
            ..ALONE => self.copied.extend_from_slice(&output[drafts]),
            _ => self.alone.push((self.copied.len(), drafts)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_in_a_row_are_not_copied() {
        let (output, mut written) = (b"--a\nb\nc\n", Written::default());
        written.draft(output, 2..4);
        written.draft(output, 4..6);
        let pieces = written.pieces(output);
        assert_eq!(pieces[0].as_ptr(), output[2..].as_ptr());
        assert_eq!(pieces, [b"a\nb\n"]);
    }

    #[test]
    fn lines_stay_in_order_around_gaps_and_assembled_ones() {
        let (output, mut written) = (b"a\nb\nc\nd\n", Written::default());
        written.draft(output, 0..2);
        written.draft(output, 4..6);
        written.assembled(output).extend_from_slice(b"x\n");
        written.draft(output, 6..8);
        assert_eq!(written.pieces(output).concat(), b"a\nc\nx\nd\n");
        written.clear();
        assert_eq!(written.pieces(output), [b""]);
    }

    #[test]
    fn few_drafts_are_copied_and_many_are_pieces_of_their_own() {
        let mut written = Written::default();
        let many = 4..4 + ALONE;
        let output: Vec<_> = (0..=u8::MAX).cycle().take(many.end + 8).collect();
        let last = many.end..many.end + 8;
        written.draft(&output, 0..2);
        written.assembled(&output).extend(2..4);
        written.draft(&output, many.clone());
        written
            .assembled(&output)
            .extend_from_slice(&output[last.clone()]);
        let pieces = written.pieces(&output);
        assert_eq!(pieces[1].as_ptr(), output[4..].as_ptr());
        assert_eq!(
            pieces,
            [&output[..4], &output[many.clone()], &output[last.clone()]]
        );
        // What is left out is in none of them.
        written.clear();
        written.draft(&output, 0..2);
        written.draft(&output, many);
        written.draft(&output, last);
        assert_eq!(written.pieces(&output), [&output[..2], &output[4..]]);
    }
}
