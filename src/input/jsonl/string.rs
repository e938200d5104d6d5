//! A string of JSON as text, in one pass and one piece of memory, where it is text.
//!
//! Raw control characters are taken for themselves, as the reader of JSON takes them where it is
//! asked for bytes; who must refuse them has that reader look first. What is no string, no escape
//! or half of a surrogate pair is refused without a word: the reader says why, or what it stands for.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// What the string stands for that the text begins with, in UTF-8, and what comes behind it.
pub fn decoded(json: &str) -> Option<(Cow<'_, [u8]>, &str)> {
    let mut rest = json.strip_prefix('"')?.as_bytes();
    let clean = memchr2(b'"', b'\\', rest)?;
    if rest[clean] == b'"' {
        return Some((Cow::Borrowed(&rest[..clean]), &json[clean + 2..]));
    }
    // No escape is shorter than what it stands for. To search the string's end first costs a pass,
    // and memory that is not filled costs next to nothing.
    let mut text = Vec::with_capacity(rest.len());
    loop {
        rest = copy_clean(&mut text, rest)?;
        rest = match rest {
            [b'"', behind @ ..] => {
                return Some((Cow::Owned(text), &json[json.len() - behind.len()..]));
            }
            [_, b'u', ..] => {
                let (character, behind) = unicode(&rest[1..])?;
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                behind
            }
            [_, letter, behind @ ..] => {
                text.push(escaped(*letter)?);
                behind
            }
            _ => return None,
        };
    }
}

/// Bytes that are looked at together.
const WINDOW: usize = 16;

/// Copies what stands before the next quotation mark or backslash, and gives what begins there.
///
/// Lines of a report page are short, and most runs between two escapes are shorter than a window. That
/// is copied whole, and what is not of the run left out again: a call to search and one to copy for each
/// run take half as long again.
#[inline]
fn copy_clean<'a>(text: &mut Vec<u8>, rest: &'a [u8]) -> Option<&'a [u8]> {
    let mut clean = 0;
    if let Some(window) = rest.first_chunk::<WINDOW>() {
        text.extend_from_slice(window);
        clean = first_mark(window);
        if clean < WINDOW {
            text.truncate(text.len() - (WINDOW - clean));
            return Some(&rest[clean..]);
        }
    }
    let (_, long) = rest.split_at(clean);
    let (more, behind) = long.split_at(memchr2(b'"', b'\\', long)?);
    text.extend_from_slice(more);
    Some(behind)
}

/// Where the window's first quotation mark or backslash stands, or the window's length.
#[inline]
fn first_mark(window: &[u8; WINDOW]) -> usize {
    let (words, _) = window.as_chunks();
    let marks = words.iter().map(|word| marks(u64::from_le_bytes(*word)));
    let places = marks.enumerate().filter(|(_, marks)| *marks != 0);
    let mut places = places.map(|(word, marks)| 8 * word + marks.trailing_zeros() as usize / 8);
    places.next().unwrap_or(WINDOW)
}

/// A high bit for the lowest quotation mark or backslash of eight bytes, and none below it.
#[inline]
fn marks(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xFF;
    let zeros = |word: u64| word.wrapping_sub(EACH) & !word;
    let marks = zeros(word ^ (EACH * u64::from(b'"'))) | zeros(word ^ (EACH * u64::from(b'\\')));
    marks & (EACH << 7)
}

/// escape = "\" (["\/bfnrt] | unicode)
fn escaped(letter: u8) -> Option<u8> {
    Some(match letter {
        b'n' => b'\n',
        b'"' | b'\\' | b'/' => letter,
        b'b' => 8,
        b'f' => 12,
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

/// unicode = unit | unit "\" unit
fn unicode(rest: &[u8]) -> Option<(char, &[u8])> {
    let (first, rest) = unit(rest)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, rest));
    }
    let (second, rest) = unit(rest.strip_prefix(b"\\")?)?;
    let mut pair = char::decode_utf16([first, second]);
    Some((pair.next()?.ok()?, rest))
}

/// unit = "u" hex{4}
fn unit(rest: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = rest.strip_prefix(b"u")?.split_at_checked(4)?;
    let mut digits = digits.iter().map(|&digit| char::from(digit).to_digit(16));
    let unit = digits.try_fold(0, |unit, digit| Some(unit << 4 | digit?))?;
    Some((unit as u16, rest))
}

/// Valid JSON in which halves of surrogate pairs are replaced: readers of JSON stop at them.
pub fn without_halves(json: &str) -> Cow<'_, str> {
    let mut whole = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = memchr(b'\\', &json.as_bytes()[at..]) {
        let start = at + found;
        // Not by `escape`, which is a part of the text's decoding as long as nobody else asks it.
        let Some((first, behind)) = unit(&json.as_bytes()[start + 1..]) else {
            at = start + 2;
            continue;
        };
        let is_text = |units: &[u16]| {
            let mut characters = char::decode_utf16(units.iter().copied());
            characters.all(|character| character.is_ok())
        };
        at = json.len() - behind.len();
        match behind.strip_prefix(b"\\").and_then(unit) {
            _ if is_text(&[first]) => {}
            Some((second, behind)) if is_text(&[first, second]) => at = json.len() - behind.len(),
            _ => {
                whole.push_str(&json[copied..start]);
                whole.push_str("\\ufffd");
                copied = at;
            }
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    whole.push_str(&json[copied..]);
    Cow::Owned(whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserializer;
    use serde::de::{Error, Visitor};

    use super::*;

    #[test]
    fn only_what_has_escapes_is_copied() {
        let borrowed = |text: &'static str| Some((Cow::Borrowed(text.as_bytes()), ", 1"));
        assert_eq!(decoded(r#""", 1"#), borrowed(""));
        assert_eq!(decoded(r#""ä /", 1"#), borrowed("ä /"));
        assert!(matches!(decoded(r#""ä /""#), Some((Cow::Borrowed(_), ""))));
        assert!(matches!(decoded(r#""a\n"b"#), Some((Cow::Owned(text), "b")) if text == b"a\n"));
    }

    #[test]
    fn memory_is_taken_once() {
        let json = format!(r#""{}""#, r"\u00e4\ud83d\ude00\n\u4e00ä".repeat(100));
        let Some((Cow::Owned(text), "")) = decoded(&json) else {
            panic!()
        };
        assert_eq!(text.capacity(), json.len() - 1);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for json in [
            "",
            "\"",
            "null",
            "1",
            r#"["a"]"#,
            r#"{"a": "b"}"#,
            r#" "a""#,
            r#""a"#,
            r#""\"#,
            r#""\""#,
            r#""\x""#,
            r#""\u00e""#,
            r#""\u+0e4""#,
            r#""\u00ä4""#,
            r#""\U00e4""#,
            r#""\ud83d""#,
            r#""\ud83dude00""#,
            r#""\ud83d \ude00""#,
            r#""\ud83d\n""#,
            r#""\ud83d\u0041""#,
            r#""\ud83d\ud83d\ude00""#,
            r#""\ude00\ud83d""#,
        ] {
            assert_eq!(decoded(json), None, "{json}");
        }
    }

    #[test]
    fn halves_of_surrogate_pairs_are_replaced_and_nothing_else() {
        for json in [
            "",
            "[1, null]",
            r#"{"a": "\\ud83d", "b": "\ud83d\ude00\u0041\n\\\"\/"}"#,
            r#""\\\\ud83d\\""#,
        ] {
            assert!(matches!(without_halves(json), Cow::Borrowed(same) if same == json));
        }
        for (json, whole) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (
                r#"["\uDE00", "a\\\uD83D\n"]"#,
                r#"["\ufffd", "a\\\ufffd\n"]"#,
            ),
            (r#""\ud83d\ud83d\ude00x""#, r#""\ufffd\ud83d\ude00x""#),
            (r#""\ud83d\\ude00""#, r#""\ufffd\\ude00""#),
            (r#""\ude00\ud83d\u0041""#, r#""\ufffd\ufffd\u0041""#),
        ] {
            assert_eq!(without_halves(json), whole, "{json}");
        }
    }

    /// A string's bytes, which is what a text was before it was decoded here.
    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a string")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }

    fn by_the_reader(json: &str) -> Option<Vec<u8>> {
        let mut reader = serde_json::Deserializer::from_str(json);
        reader.deserialize_bytes(Bytes).ok()
    }

    /// Text, escapes and surrogates of any kind; some are no escapes, and some end the string.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            6 => r#"[^"\\]{0,20}"#,
            4 => r#"\\["\\/bfnrt]"#,
            2 => r"\\u[0-9a-fA-F]{4}",
            3 => any::<char>().prop_map(escaped),
            1 => r"\\u[dD][89abAB][0-9a-fA-F]{2}",
            1 => r"\\u[dD][c-fC-F][0-9a-fA-F]{2}",
            1 => r#"\\?[u+0-9a-fx"ä]{0,5}"#,
        ]
    }

    fn escaped(character: char) -> String {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units).iter();
        units.fold(String::new(), |json, unit| format!(r"{json}\u{unit:04x}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// It decodes as the reader of JSON does, and leaves to it only what is no UTF-8.
        #[test]
        fn texts_are_those_of_the_reader(pieces in prop::collection::vec(piece(), 0..8)) {
            let json = format!("\"{}\"", pieces.concat());
            let text = decoded(&json).map(|(text, _)| text.into_owned());
            let is_text = |bytes: &Vec<u8>| std::str::from_utf8(bytes).is_ok();
            prop_assert_eq!(text, by_the_reader(&json).filter(is_text));
        }

        #[test]
        fn a_string_ends_where_it_does_for_the_reader(pieces in prop::collection::vec(piece(), 0..8)) {
            let json = format!("\"{}\"", pieces.concat());
            let mut values = serde_json::Deserializer::from_str(&json).into_iter::<String>();
            if let Some(Ok(_)) = values.next() {
                let (_, behind) = decoded(&json).unwrap();
                prop_assert_eq!(behind, &json[values.byte_offset()..]);
            }
        }
    }
}
