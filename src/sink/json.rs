//! JSON text, byte for byte as `serde_json` writes it, into a buffer.
//!
//! Hand-written because it is the larger half of the parsers' work: strings are copied
//! in long clean runs, found 64 bytes at a time by a loop that compiles to vector
//! instructions. `serde_json` stays the reference: a test compares the two.

#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for its caller's vectors"
)]

use multiversion::multiversion;

/// Writes a string in quotation marks. `text` is UTF-8.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// Writes a string's inside.
pub fn escaped(out: &mut Vec<u8>, mut text: &[u8]) {
    loop {
        let clean = clean_prefix(text);
        out.extend_from_slice(&text[..clean]);
        let Some((&special, rest)) = text[clean..].split_first() else {
            return;
        };
        escape(out, special);
        text = rest;
    }
}

/// Writes a list of lines as one string, a space between them.
pub fn joined_string(out: &mut Vec<u8>, lines: &[&[u8]]) {
    out.push(b'"');
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            out.push(b' ');
        }
        escaped(out, line);
    }
    out.push(b'"');
}

/// Writes a number.
#[inline]
pub fn number(out: &mut Vec<u8>, number: u64) {
    if number < 10_000 {
        return short_number(out, number as u32);
    }
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Writes a number of up to four digits, without a jump that depends on how many: a page's numbers
/// have one, two or three, and a processor cannot guess which comes next. It gains up to 1 % of a run.
#[inline]
fn short_number(out: &mut Vec<u8>, number: u32) {
    let pairs = (number / 100) | ((number % 100) << 16);
    // For both at once, and right for all below 179.
    let tens = ((pairs * 103) >> 10) & 0x000F_000F;
    let ones = pairs - 10 * tens;
    let digits = (tens | ones << 8) | 0x3030_3030;
    let zeros = [10, 100, 1000].map(|power| usize::from(number < power));
    let zeros = zeros.iter().sum::<usize>();
    out.extend_from_slice(&(digits >> (8 * zeros)).to_le_bytes());
    out.truncate(out.len() - zeros);
}

/// Writes a value or `null`.
pub fn optional<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// Writes a list.
pub fn list<T>(
    out: &mut Vec<u8>,
    values: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (number, value) in values.into_iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(out, value);
    }
    out.push(b']');
}

/// Bytes that are looked at together.
const CHUNK: usize = 64;

/// Bytes before the first that must be escaped. With vectors of 32 bytes, where the processor
/// has these, it takes half the instructions.
#[multiversion(targets("x86_64+avx2"))]
fn clean_prefix(text: &[u8]) -> usize {
    let start = clean_chunks(text);
    // What is left is less than a chunk, or has something in its first one. Nearly always it is
    // clean, which the last bytes tell at once, some of them for the second time.
    if text.len() - start < CHUNK && ends_clean(&text[start..], text) {
        return text.len();
    }
    let special = text[start..].iter().position(|&byte| is_special(byte) != 0);
    special.map_or(text.len(), |special| start + special)
}

/// Whether the tail of a text is clean that ends with so many bytes; false if it is not told easily.
#[inline(always)]
fn ends_clean(tail: &[u8], text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<CHUNK>() {
        return is_clean(last);
    }
    match tail.len() {
        32.. => both_clean::<32>(tail),
        16.. => both_clean::<16>(tail),
        8.. => both_clean::<8>(tail),
        _ => false,
    }
}

/// Whether the first so many bytes and the last ones are clean.
#[inline(always)]
fn both_clean<const SIZE: usize>(text: &[u8]) -> bool {
    let ends = (text.first_chunk::<SIZE>(), text.last_chunk::<SIZE>());
    matches!(ends, (Some(first), Some(last)) if is_clean(first) && is_clean(last))
}

/// Bytes in the chunks before the first that holds something to escape.
#[inline(always)]
fn clean_chunks(text: &[u8]) -> usize {
    let (chunks, _) = text.as_chunks::<CHUNK>();
    CHUNK * chunks.iter().take_while(|chunk| is_clean(chunk)).count()
}

#[inline(always)]
fn is_clean<const SIZE: usize>(chunk: &[u8; SIZE]) -> bool {
    chunk.iter().fold(0, |any, &byte| any | is_special(byte)) == 0
}

/// Not 0 for a byte that must be escaped. A number and no `bool`: folded over a chunk it
/// compiles to comparisons of whole vectors without widening (half the time).
#[inline(always)]
fn is_special(byte: u8) -> u8 {
    u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\')
}

fn escape(out: &mut Vec<u8>, special: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match special {
        b'"' | b'\\' => special,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(special >> 4)]);
            out.push(HEX[usize::from(special & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_of_each_length_are_written_as_they_are_displayed() {
        let lengths = (4..20).map(|digits| 10_u64.pow(digits));
        let longer = lengths.flat_map(|power| [power - 1, power]);
        for value in (0..10_100).chain(longer).chain([u64::MAX]) {
            let mut out = b"before".to_vec();
            number(&mut out, value);
            assert_eq!(out, format!("before{value}").into_bytes());
        }
    }

    #[test]
    fn every_character_below_300_is_written_as_serde_json_does() {
        for code in 0..300 {
            let text = format!("ab{}cd", char::from_u32(code).unwrap());
            assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }
    }

    proptest! {
        #[test]
        fn any_string_is_written_as_serde_json_does(text in r#"([a-z ]{0,40}|["\\\x00-\x1f]|\PC){0,40}"#) {
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
