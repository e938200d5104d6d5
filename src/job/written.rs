//! A batch's lines on their way out. Drafts that stay, one behind the other, are handed out where
//! the parser wrote them; lines are copied only where the deduplicator decided otherwise. Copying all
//! of them was 6 % of a run on one core.

use std::ops::Range;

/// Lines in their order.
#[derive(Default)]
pub struct Written {
    copied: Vec<u8>,
    /// Drafts behind these that are not copied yet, as a range of the batch's output.
    drafted: Range<usize>,
}

impl Written {
    pub fn clear(&mut self) {
        self.copied.clear();
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

    /// All lines.
    pub fn lines<'a>(&'a mut self, output: &'a [u8]) -> &'a [u8] {
        if self.copied.is_empty() {
            return &output[self.drafted.clone()];
        }
        self.settle(output);
        &self.copied
    }

    fn settle(&mut self, output: &[u8]) {
        self.copied.extend_from_slice(&output[self.drafted.clone()]);
        self.drafted.start = self.drafted.end;
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
        assert_eq!(written.lines(output).as_ptr(), output[2..].as_ptr());
        assert_eq!(written.lines(output), b"a\nb\n");
    }

    #[test]
    fn lines_stay_in_order_around_gaps_and_assembled_ones() {
        let (output, mut written) = (b"a\nb\nc\nd\n", Written::default());
        written.draft(output, 0..2);
        written.draft(output, 4..6);
        written.assembled(output).extend_from_slice(b"x\n");
        written.draft(output, 6..8);
        assert_eq!(written.lines(output), b"a\nc\nx\nd\n");
        written.clear();
        assert_eq!(written.lines(output), b"");
    }
}
