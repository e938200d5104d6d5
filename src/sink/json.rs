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

/// Writes a part of a text in quotation marks. The text is UTF-8.
#[inline]
pub fn string_in(out: &mut Vec<u8>, text: &[u8], part: &[u8]) {
    out.push(b'"');
    escaped_in(out, text, part);
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

/// Writes the inside of a string that is a part of this text. How long the next one is no processor can
/// guess: its last bytes are looked at and copied together with what stands behind them, which is then
/// left out. That spares most of the jumps that depend on the length, and gains 1.5 % of a run.
#[multiversion(targets("x86_64+avx2"))]
pub fn escaped_in(out: &mut Vec<u8>, text: &[u8], part: &[u8]) {
    let (windows, rest) = part.as_chunks::<WINDOW>();
    for (number, window) in windows.iter().enumerate() {
        if !is_clean(window) {
            return escaped(out, &part[WINDOW * number..]);
        }
        append(out, window, WINDOW);
    }
    match window(text, rest) {
        Some(window) if begins_clean(window, rest.len()) => append(out, window, rest.len()),
        _ => escaped(out, rest),
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
    let small = usize::try_from(number).map(|number| SMALL_NUMBERS.get(number));
    let Ok(Some(&[digits @ .., length])) = small else {
        return large_number(out, number);
    };
    // Without a jump that depends on how many: a page's numbers have one, two or three digits, and a
    // processor cannot guess which comes next.
    append(out, &digits, length.into());
}

#[inline(never)]
fn large_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The digits of each number, and how many they are. Few numbers on a page but years have more.
static SMALL_NUMBERS: [[u8; 4]; 1000] = {
    let mut numbers = [[0; 4]; 1000];
    let mut number = 0;
    while number < numbers.len() {
        let [hundreds, tens, ones] = [number / 100, number / 10 % 10, number % 10];
        let [hundreds, tens, ones] = [hundreds as u8 + b'0', tens as u8 + b'0', ones as u8 + b'0'];
        numbers[number] = match number {
            0..10 => [ones, 0, 0, 1],
            10..100 => [tens, ones, 0, 2],
            _ => [hundreds, tens, ones, 3],
        };
        number += 1;
    }
    numbers
};

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
const WINDOW: usize = 64;

/// The window of a text that begins where a part of it does, unless the text ends before.
#[inline(always)]
fn window<'a>(text: &'a [u8], part: &[u8]) -> Option<&'a [u8; WINDOW]> {
    let start = part.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
    text.get(start..)?.first_chunk()
}

/// Appends so many of the first bytes, by appending all and leaving out the others again.
#[inline(always)]
fn append<const SIZE: usize>(out: &mut Vec<u8>, window: &[u8; SIZE], bytes: usize) {
    out.extend_from_slice(window);
    out.truncate(out.len() - (SIZE - bytes));
}

/// Bytes before the first that must be escaped. With vectors of 32 bytes, where the processor
/// has these, it takes half the instructions.
#[multiversion(targets("x86_64+avx2"))]
fn clean_prefix(text: &[u8]) -> usize {
    let start = clean_chunks(text);
    // What is left is less than a chunk, or has something in its first one. Nearly always it is
    // clean, which the last bytes tell at once, some of them for the second time.
    if text.len() - start < WINDOW && ends_clean(&text[start..], text) {
        return text.len();
    }
    let special = text[start..].iter().position(|&byte| is_special(byte) != 0);
    special.map_or(text.len(), |special| start + special)
}

/// Whether the tail of a text is clean that ends with so many bytes; false if it is not told easily.
#[inline(always)]
fn ends_clean(tail: &[u8], text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<WINDOW>() {
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
    let (chunks, _) = text.as_chunks::<WINDOW>();
    WINDOW * chunks.iter().take_while(|chunk| is_clean(chunk)).count()
}

/// Whether so many of a window's first bytes are clean.
#[inline(always)]
fn begins_clean(window: &[u8; WINDOW], bytes: usize) -> bool {
    let masks = MASKS[WINDOW - bytes..].iter();
    let bytes = window.iter().zip(masks);
    bytes.fold(0, |any, (&byte, mask)| any | is_special(byte) & mask) == 0
}

/// From any place on, a mask of as many bytes as are before a window's end.
const MASKS: [u8; 2 * WINDOW] = {
    let mut masks = [0; 2 * WINDOW];
    let mut at = 0;
    while at < WINDOW {
        masks[at] = u8::MAX;
        at += 1;
    }
    masks
};

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
        for behind in ["", "\"\\\n more than a window ".repeat(8).as_str()] {
            let (whole, start) = (format!("before{text}{behind}"), out.len());
            let part = &whole.as_bytes()["before".len()..][..text.len()];
            string_in(&mut out, whole.as_bytes(), part);
            assert!(out.starts_with(&out[start..]), "{text:?}");
            out.truncate(start);
        }
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
