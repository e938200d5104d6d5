//! A batch's lines on their way out. Drafts that stay, one behind the other, are handed out where
//! the parser wrote them; lines are copied only where the deduplicator decided otherwise, and where
//! only few drafts stand between two of these. Copying all of them was 6 % of a run on one core.

use std::ops::Range;

/// Bytes of drafts in a row that are handed out by themselves.
const ALONE: usize = 16 * 1024;

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

    /// Bytes of all lines.
    pub fn len(&self) -> usize {
        self.copied.len() + self.drafted.len()
    }

    /// Whether a line that was drafted here stands right behind the last one.
    pub fn goes_on_at(&self, start: usize) -> bool {
        self.drafted.end == start
    }

    /// Adds a line that stays as it was drafted, behind the last one or behind copied ones.
    pub fn draft(&mut self, line: Range<usize>) {
        if self.drafted.is_empty() {
            self.drafted.start = line.start;
        }
        self.drafted.end = line.end;
    }

    /// Copies what was drafted in `output`, unless that is to be handed out by itself.
    pub fn settles(&mut self, output: &[u8]) -> bool {
        if self.drafted.len() >= ALONE {
            return false;
        }
        self.copied.extend_from_slice(&output[self.drafted.clone()]);
        self.drafted.start = self.drafted.end;
        true
    }

    /// Where a line is put together that has no such draft, when all others are copied.
    pub fn copied(&mut self) -> &mut Vec<u8> {
        &mut self.copied
    }

    /// All lines, in two pieces.
    pub fn pieces<'a>(&'a mut self, output: &'a [u8]) -> [&'a [u8]; 2] {
        if !self.copied.is_empty() && self.settles(output) {
            return [&[], &self.copied];
        }
        [&self.copied, &output[self.drafted.clone()]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is handed out of lines of the output, each of which is drafted or put together.
    fn handed_out(output: &[u8], lines: &[(Range<usize>, bool)]) -> Vec<Vec<u8>> {
        let (mut written, mut found) = (Written::default(), Vec::new());
        let mut hand_out = |written: &mut Written| {
            let pieces = written.pieces(output).into_iter();
            found.extend(pieces.filter(|piece| !piece.is_empty()).map(<[u8]>::to_vec));
            written.clear();
        };
        for (line, is_drafted) in lines {
            let goes_on = *is_drafted && written.goes_on_at(line.start);
            if !goes_on && !written.settles(output) {
                hand_out(&mut written);
            }
            match is_drafted {
                true => written.draft(line.clone()),
                false => written.copied().extend_from_slice(&output[line.clone()]),
            }
        }
        hand_out(&mut written);
        found
    }

    #[test]
    fn drafts_in_a_row_are_not_copied() {
        let (output, mut written) = (b"--a\nb\nc\n", Written::default());
        written.draft(2..4);
        written.draft(4..6);
        let [copied, drafted] = written.pieces(output);
        assert_eq!(drafted.as_ptr(), output[2..].as_ptr());
        assert_eq!((copied, drafted), (&b""[..], &b"a\nb\n"[..]));
    }

    #[test]
    fn few_drafts_are_copied_and_many_are_pieces_of_their_own() {
        let few = 0..2;
        let many = 4..4 + ALONE;
        let output: Vec<_> = (0..=u8::MAX).cycle().take(many.end + 8).collect();
        let last = many.end..many.end + 8;
        let lines = [
            (few, true),
            (2..4, false),
            (many.clone(), true),
            (last.clone(), false),
        ];
        let found = handed_out(&output, &lines);
        assert_eq!(
            found,
            [&output[..4], &output[many.clone()], &output[last.clone()]]
        );
        // What is left out is in none of them.
        let lines = [(0..2, true), (many, true), (last, true)];
        let expected = [&output[..2], &output[4..]].concat();
        assert_eq!(handed_out(&output, &lines).concat(), expected);
    }
}
