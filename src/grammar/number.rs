//! Counts as the site prints them: `7`, `1234` or `1,234`.

use nom::Parser;
use nom::bytes::complete::take_while1;
use nom::combinator::{all_consuming, map_opt};

use super::Rule;

/// count = digit+ | digit{1,3} ("," digit{3})+
///
/// A count that does not fit 64 bits with a sign, which tables and databases have for numbers, is
/// no count: the line stays unrecognised instead of turning into another number there.
pub fn count(input: &[u8]) -> Rule<'_, u64> {
    map_opt(
        take_while1(|byte: u8| byte.is_ascii_digit() || byte == b','),
        |printed| few_digits(printed).or_else(|| value_of(printed)),
    )
    .parse(input)
}

/// Nearly every count on a page: no separator, and too short to overflow.
#[inline]
fn few_digits(printed: &[u8]) -> Option<u64> {
    let few = (1..10).contains(&printed.len()) && printed.iter().all(u8::is_ascii_digit);
    few.then(|| digits(0, printed))?
}

/// A line that is a count without separators between two texts, as nearly every count within a line is.
#[inline]
pub fn plain_between<const BEFORE: usize, const BEHIND: usize>(
    line: &[u8],
    before: &[u8; BEFORE],
    behind: &[u8; BEHIND],
) -> Option<u64> {
    let line = line.strip_prefix(before)?;
    let (value, digits) = leading_digits(line)?;
    (line[digits..] == *behind).then_some(value)
}

/// The number that the first eight bytes begin with, and of how many digits, up to seven. A page's
/// numbers have one, two or three, and a processor cannot guess which comes next: nothing here jumps
/// by that.
#[inline]
pub fn leading_digits(text: &[u8]) -> Option<(u64, usize)> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(*text.first_chunk()?);
    let values = word ^ (EACH * u64::from(b'0'));
    // The highest bit is set in the first byte that is no digit, and in none before it.
    let others = (values.wrapping_add(EACH * (0x7F - 9)) | word) & (EACH << 7);
    let digits = others.trailing_zeros() as usize / 8;
    if !(1..8).contains(&digits) {
        return None;
    }
    // As the last of eight, behind zeros, and then in pairs.
    let values = values << (64 - 8 * digits);
    let pairs = values * 10 + (values >> 8);
    let pair = |at: u32| pairs >> (16 * at) & 0xFF;
    Some((
        ((pair(0) * 100 + pair(1)) * 100 + pair(2)) * 100 + pair(3),
        digits,
    ))
}

/// A line that is a count and nothing else.
#[inline]
pub fn bare_count(line: &[u8]) -> Option<u64> {
    if !line.first()?.is_ascii_digit() {
        return None;
    }
    few_digits(line).or_else(|| {
        let (_, value) = all_consuming(count).parse(line).ok()?;
        Some(value)
    })
}

fn value_of(printed: &[u8]) -> Option<u64> {
    let mut groups = printed.split(|&byte| byte == b',');
    let first = groups.next()?;
    let separated = printed.len() > first.len();
    if first.is_empty() || (separated && first.len() > 3) {
        return None;
    }
    let value = groups.try_fold(digits(0, first)?, |value, group| {
        (group.len() == 3).then(|| digits(value, group))?
    });
    value.filter(|&value| i64::try_from(value).is_ok())
}

fn digits(start: u64, digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(start, |value, digit| {
        value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_told_from_all_other_bytes() {
        let values = [0, 7, 10, 42, 99, 100, 255, 1234, 98_765, 123_456, 9_999_999];
        for value in values {
            let printed = value.to_string();
            for other in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                for behind in [b"\n1234567", b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"] {
                    let text = [printed.as_bytes(), &[other], behind].concat();
                    assert_eq!(
                        leading_digits(&text),
                        Some((value, printed.len())),
                        "{text:?}"
                    );
                    assert_eq!(leading_digits(&text[printed.len()..]), None, "{text:?}");
                }
            }
        }
        assert_eq!(leading_digits(b"12345678\n"), None);
        assert_eq!(leading_digits(b"0000007\n"), Some((7, 7)));
        assert_eq!(leading_digits(b"1234567"), None);
    }

    #[test]
    fn counts_with_and_without_separators() {
        for (line, value) in [
            ("0", Some(0)),
            ("1,234", Some(1234)),
            ("12,345,678", Some(12_345_678)),
            ("1234", Some(1234)),
            ("007", Some(7)),
            ("9223372036854775807", Some(i64::MAX as u64)),
            ("9,223,372,036,854,775,808", None),
            ("18446744073709551616", None),
            ("1,23", None),
            ("1234,567", None),
            (",123", None),
            ("1,", None),
            ("", None),
            ("12 ", None),
            ("-1", None),
        ] {
            assert_eq!(bare_count(line.as_bytes()), value, "{line:?}");
        }
    }
}
