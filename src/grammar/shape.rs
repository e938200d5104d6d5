//! The shape of a line: what it has in common with others that only name other things.
//!
//! Lines that no part of a page claims are counted by it. A layout that changes prints the same
//! few lines on every page, with other numbers and names in them.

use crate::place::steers_terminal;

/// Characters of a shape, less the mark of one that was cut.
const LONGEST: usize = 60;

/// The shape of a line that is UTF-8, without the blanks around it.
///
/// Digits in a row become `0`, words in a row that begin with a capital become `A`, and blanks in
/// a row become one. What steers a terminal becomes U+FFFD. Of a longer shape 60 characters are
/// kept, with `…` behind them.
pub fn shape(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let mut shape = String::with_capacity(line.len().min(LONGEST) + '…'.len_utf8());
    let (mut rest, mut in_word) = (&*line, false);
    for _ in 0..LONGEST {
        let Some(c) = rest.chars().next() else {
            return shape;
        };
        let folded;
        (folded, rest) = match c {
            _ if c.is_numeric() => ('0', rest.trim_start_matches(char::is_numeric)),
            _ if c.is_whitespace() => (' ', rest.trim_start()),
            _ if c.is_uppercase() && !in_word => ('A', behind_names(rest)),
            _ if steers_terminal(c) => (char::REPLACEMENT_CHARACTER, &rest[c.len_utf8()..]),
            _ => (c, &rest[c.len_utf8()..]),
        };
        in_word = is_in_word(c);
        shape.push(folded);
    }
    if !rest.is_empty() {
        shape.push('…');
    }
    shape
}

/// What stands behind words that begin with a capital and have nothing but blanks between them.
fn behind_names(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches(is_in_word);
        let next = text.trim_start();
        if next.len() == text.len() || !next.starts_with(char::is_uppercase) {
            return text;
        }
        text = next;
    }
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\'' | '’' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_only_name_other_things_have_one_shape() {
        for (line, expected) in [
            ("Terms of Service", "A of A"),
            ("Privacy of Data", "A of A"),
            ("Copyright © 2024 Example LLC.", "A © 0 A."),
            ("10th of 1,234 – ٣ km", "0th of 0,0 – 0 km"),
            ("by Maria-Luise O’Neill and J. Ü. Ek", "by A and A. A. A"),
            ("eLife  iPhone\u{a0}\t5", "eLife iPhone 0"),
            ("“Łódź Ślad” abc", "“A” abc"),
            ("日本語 12", "日本語 0"),
            ("", ""),
        ] {
            assert_eq!(shape(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn a_shape_is_short_and_steers_no_terminal() {
        let exactly = "é".repeat(LONGEST);
        assert_eq!(shape(exactly.as_bytes()), exactly);
        assert_eq!(shape(format!("{exactly}x").as_bytes()), exactly + "…");
        assert_eq!(shape("X".repeat(1000).as_bytes()), "A");
        assert_eq!(
            shape("a\u{1b}[31mb\u{202e}c\0\u{85}d".as_bytes()),
            "a\u{fffd}[0mb\u{fffd}c\u{fffd} d"
        );
    }
}
