//! Lines and blanks: the layer under every other rule.
//!
//! A line ends at LF, and a CR before it goes; nothing else ends a line. Blanks
//! around a landmark do not count.

use std::iter;

use memchr::memchr;

use super::number::leading_digits;
pub use crate::blank::{trim, trim_end, trim_start};

/// A cursor over the lines of a page. Copying it is how rules look ahead.
#[derive(Clone, Copy)]
pub struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    feeds: u64,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            feeds: 0,
        }
    }

    /// Bytes before the next line.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Line feeds passed.
    pub fn feeds(&self) -> u64 {
        self.feeds
    }

    /// The first byte of the next line.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// All that is not passed.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    /// Passes a line of so many bytes and its LF.
    #[inline]
    pub fn pass_line(&mut self, length: usize) {
        self.at += length + 1;
        self.feeds += 1;
    }

    /// Passes whole lines that are known beforehand, if these come next.
    #[inline]
    pub fn pass(&mut self, known: &KnownLines) -> bool {
        let comes_next = self.rest().starts_with(known.text);
        if comes_next {
            self.at += known.text.len();
            self.feeds += known.feeds;
        }
        comes_next
    }

    /// Passes the next line if it is empty but for its LF.
    #[inline]
    pub fn pass_empty(&mut self) -> bool {
        let is_empty = self.peek() == Some(b'\n');
        if is_empty {
            self.pass_line(0);
        }
        is_empty
    }

    /// The lines that come next and are up to seven digits each, as numbers; passes one when
    /// it is asked for.
    #[inline]
    pub fn plain_counts(&mut self) -> impl Iterator<Item = u64> {
        iter::from_fn(|| {
            let rest = self.rest();
            let (value, digits) = leading_digits(rest)?;
            (rest[digits] == b'\n').then(|| {
                self.pass_line(digits);
                value
            })
        })
    }

    /// The next line that is not blank, untrimmed.
    pub fn next_filled(&mut self) -> Option<&'a [u8]> {
        self.find(|line| !is_blank(line))
    }

    /// Everything from `start` to the end of the last line passed, line ends between as they stand.
    pub fn since(&self, start: usize) -> &'a [u8] {
        let passed = &self.text[start..self.at];
        match passed.strip_suffix(b"\n") {
            Some(lines) => lines.strip_suffix(b"\r").unwrap_or(lines),
            None => passed,
        }
    }
}

/// Lines that stand together on nearly every page, so that one comparison passes them.
pub struct KnownLines {
    text: &'static [u8],
    feeds: u64,
}

impl KnownLines {
    /// `text` ends with a line feed.
    pub const fn new(text: &'static str) -> Self {
        let (text, mut feeds, mut at) = (text.as_bytes(), 0, 0);
        while at < text.len() {
            feeds += (text[at] == b'\n') as u64;
            at += 1;
        }
        Self { text, feeds }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let Some(feed) = near_feed(rest).or_else(|| memchr(b'\n', rest)) else {
            self.at = self.text.len();
            return (!rest.is_empty()).then_some(rest);
        };
        self.pass_line(feed);
        Some(match rest[..feed] {
            [.., b'\r'] => &rest[..feed - 1],
            _ => &rest[..feed],
        })
    }
}

/// The first LF when it is within eight bytes, as on most lines above the statements:
/// comparing one word spares the call to memchr, which took 9 % of a run's time. More
/// words, or a vector, cost more than they spare.
#[inline]
fn near_feed(text: &[u8]) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(*text.first_chunk()?) ^ (LOW * u64::from(b'\n'));
    let zeros = word.wrapping_sub(LOW) & !word & (LOW << 7);
    (zeros != 0).then_some((zeros.trailing_zeros() / 8) as usize)
}

/// True for a line of blanks alone.
pub fn is_blank(line: &[u8]) -> bool {
    trim_start(line).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lf_ends_a_line_and_takes_one_cr_with_it() {
        let text = "a\r\n\u{85}b\rc\u{2028}d\x0b\x0c\n\r\r\n\ne".as_bytes();
        let lines: Vec<_> = Lines::new(text).collect();
        assert_eq!(
            lines,
            [
                "a".as_bytes(),
                "\u{85}b\rc\u{2028}d\x0b\x0c".as_bytes(),
                b"\r",
                b"",
                b"e"
            ]
        );
    }

    #[test]
    fn a_final_line_feed_opens_no_line() {
        let mut lines = Lines::new(b"a\n");
        assert_eq!((lines.next(), lines.next()), (Some(&b"a"[..]), None));
        assert_eq!((lines.at(), lines.feeds()), (2, 1));
    }

    #[test]
    fn blanks_around_a_landmark_go_nbsp_too() {
        assert_eq!(trim("\u{a0} \tx y\u{a0}\r".as_bytes()), b"x y");
        assert!(is_blank("\u{a0} ".as_bytes()));
        assert_eq!(trim("\u{a1}".as_bytes()), "\u{a1}".as_bytes());
    }
}
