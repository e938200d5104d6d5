//! What a source holds, told by its first bytes and never by its name.

use super::tar::is_header;
use crate::grammar::WARC_MAGIC;
use crate::split::BYTE_ORDER_MARK;

/// The kinds of sources, below any compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain text.
    Text,
    /// One JSON object on each line.
    Jsonl,
    /// WARC and WET.
    Warc,
    /// Parquet.
    Parquet,
    /// A tar archive.
    Tar,
    /// A zip archive.
    Zip,
}

/// Bytes that tell every format.
pub const BEGINNING: usize = 512;

const TAR_MAGIC_AT: usize = 257;

/// Bytes that are looked at where no mark tells the encoding, and the fewest units that tell it.
const WIDE_LOOKED_AT: usize = 64;
const FEWEST_UNITS: usize = 8;

impl Format {
    /// Its name, as `--format` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Jsonl => "jsonl",
            Self::Warc => "warc",
            Self::Parquet => "parquet",
            Self::Tar => "tar",
            Self::Zip => "zip",
        }
    }

    /// What begins so; anything unknown is text.
    pub fn of(beginning: &[u8]) -> Self {
        let text = unmarked(beginning);
        match beginning {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            [b'P', b'A', b'R', b'E', next @ ..] if begins_no_text(next) => Self::Parquet,
            _ if begins_record(text) => Self::Warc,
            _ if begins_tar(beginning) => Self::Tar,
            _ if begins_object(text) => Self::Jsonl,
            _ => Self::Text,
        }
    }
}

fn unmarked(beginning: &[u8]) -> &[u8] {
    beginning.strip_prefix(BYTE_ORDER_MARK).unwrap_or(beginning)
}

/// Numbers of a page's header or of its encrypted form, behind letters that also begin words.
fn begins_no_text(bytes: &[u8]) -> bool {
    let is_in_none = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    bytes.iter().take(4).any(is_in_none)
}

/// A WARC record, or line ends before it.
fn begins_record(text: &[u8]) -> bool {
    let line_ends = text.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    text[line_ends.count()..].starts_with(WARC_MAGIC)
}

/// A marked header, whole or not, or one of before there was a mark.
fn begins_tar(beginning: &[u8]) -> bool {
    let marked = beginning.get(TAR_MAGIC_AT..);
    marked.is_some_and(|tail| tail.starts_with(b"ustar"))
        || beginning.first_chunk().is_some_and(is_header)
}

/// An object with a first key, or without any, on one line.
fn begins_object(text: &[u8]) -> bool {
    let inside = text.trim_ascii_start().strip_prefix(b"{");
    let first = inside.and_then(|inside| inside.iter().find(|byte| !matches!(byte, b' ' | b'\t')));
    matches!(first, Some(b'"' | b'}'))
}

/// The encoding of a text with units of two or four bytes, as `iconv` calls it.
pub fn wide_encoding(beginning: &[u8]) -> Option<&'static str> {
    match beginning {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Some("UTF-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        [0, 0, 0, _, ..] => is_wide::<4>(beginning, u32::from_be_bytes).then_some("UTF-32BE"),
        [_, 0, 0, 0, ..] => is_wide::<4>(beginning, u32::from_le_bytes).then_some("UTF-32LE"),
        [0, _, ..] => {
            is_wide(beginning, |unit| u16::from_be_bytes(unit).into()).then_some("UTF-16BE")
        }
        [_, 0, ..] => {
            is_wide(beginning, |unit| u16::from_le_bytes(unit).into()).then_some("UTF-16LE")
        }
        _ => None,
    }
}

/// Whether units without a mark are text, most of it ASCII. Other formats with a NUL at every second
/// place have numbers between them that would be control characters.
fn is_wide<const WIDTH: usize>(beginning: &[u8], unit: fn([u8; WIDTH]) -> u32) -> bool {
    let (units, _) = beginning[..beginning.len().min(WIDE_LOOKED_AT)].as_chunks();
    let mut ascii = 0;
    for &bytes in units {
        match unit(bytes) {
            0x09 | 0x0A | 0x0D | 0x20..0x7F => ascii += 1,
            0..0xA0 => return false,
            _ => {}
        }
    }
    units.len() >= FEWEST_UNITS && 4 * ascii >= 3 * units.len()
}

/// What no text begins with, what it is, and what makes text of it or something that is read.
const UNREAD: [(&[u8], &str); 12] = [
    (
        b"\x02\x21\x4C\x18",
        "it is lz4 in its legacy form, which is not read; `lz4 -d` decompresses it",
    ),
    (b"x\x01", ZLIB),
    (b"x\x9C", ZLIB),
    (b"x\xDA", ZLIB),
    (
        b"\x1F\x9D",
        "it is compressed by `compress`, which is not read; `gzip -d` decompresses it",
    ),
    (
        b"LZIP\x01",
        "it is lzip, which is not read; `lzip -d` decompresses it",
    ),
    (
        b"\x89LZO\0",
        "it is lzop, which is not read; `lzop -d` decompresses it",
    ),
    (
        b"\xFF\x06\0\0sNaPpY",
        "it is Snappy in frames, which is not read; `snzip -d` decompresses it",
    ),
    (
        b"7z\xBC\xAF\x27\x1C",
        "it is a 7z archive, which is not read; `7z x` unpacks it",
    ),
    (
        b"Rar!\x1A\x07",
        "it is a RAR archive, which is not read; `unrar x` unpacks it",
    ),
    (
        b"Obj\x01",
        "it is Avro, which is not read; write its records as JSON Lines or Parquet",
    ),
    (
        b"ARROW1\0\0",
        "it is Arrow, which is not read; write its rows as JSON Lines or Parquet",
    ),
];

const ZLIB: &str = "it is zlib, which is not read; `pigz -d` decompresses it";

/// Says of what begins like a known form that is not read what it is, and what helps.
pub fn unread(beginning: &[u8]) -> Option<&'static str> {
    let mut known = UNREAD.iter();
    if let Some((_, message)) = known.find(|(magic, _)| beginning.starts_with(magic)) {
        return Some(message);
    }
    match beginning {
        // The usual settings, a dictionary of whole 64 KiB, a length, and the first byte of all.
        [0x5D, 0, 0, _, _, _, _, _, _, _, _, _, _, 0, ..] => {
            Some("it is LZMA and not xz, and is not read; `xz -d` decompresses it")
        }
        _ => unread_array(unmarked(beginning)),
    }
}

/// A whole data set in one JSON array, which is no JSON Lines.
fn unread_array(text: &[u8]) -> Option<&'static str> {
    let inside = text.trim_ascii_start().strip_prefix(b"[")?;
    match inside.trim_ascii_start() {
        [b'{', object @ ..] => matches!(object.trim_ascii_start(), [b'"' | b'}', ..])
            .then_some("it is one JSON array and not JSON Lines; `jq -c '.[]'` makes lines of it"),
        [b'"', string @ ..] => goes_on_as_string(string).then_some(
            "it is one JSON array and not JSON Lines; `jq -c '.[] | {text: .}'` makes lines of it",
        ),
        _ => None,
    }
}

/// Whether an array's first string goes on so: a title may begin with a bracket and a quotation. What
/// goes on beyond what is known has line ends, which are escaped in a string.
fn goes_on_as_string(mut string: &[u8]) -> bool {
    let mut has_escape = false;
    while let [byte, behind @ ..] = string {
        string = match byte {
            b'"' => return goes_on_as_array(behind.trim_ascii_start()),
            b'\\' => {
                has_escape = true;
                behind.get(1..).unwrap_or_default()
            }
            0..0x20 => return false,
            _ => behind,
        };
    }
    has_escape
}

fn goes_on_as_array(behind: &[u8]) -> bool {
    match behind {
        [b',', next @ ..] => matches!(next.trim_ascii_start(), [] | [b'"', ..]),
        [b']', end @ ..] => end.trim_ascii().is_empty(),
        _ => behind.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_beginning() {
        let tar = [&[0; TAR_MAGIC_AT][..], b"ustar"].concat();
        for (beginning, format) in [
            (&b"PK\x03\x04"[..], Format::Zip),
            (b"PAR1", Format::Parquet),
            (b"PARE\x15\x04\x15\x10", Format::Parquet),
            (b"PARE\x2c\0\0\0", Format::Parquet),
            (b"PARENTS and children", Format::Text),
            (b"PARE\r\n\r\nback", Format::Text),
            (b"WARC/1.0\r\n", Format::Warc),
            (b"\xEF\xBB\xBF\r\n\nWARC/1.0\r\n", Format::Warc),
            (b" WARC/1.0\r\n", Format::Text),
            (&tar, Format::Tar),
            (b"{\"a\":1}\n", Format::Jsonl),
            (b"\xEF\xBB\xBF \n{ \"a\":1}\n", Format::Jsonl),
            (b"{}\n", Format::Jsonl),
            (b"{braces} in text", Format::Text),
            (b"[1]", Format::Text),
            (b"{\n  \"pretty\": 1\n}", Format::Text),
            (b"2012\nDOI: 10.5555/x\n", Format::Text),
            (b"", Format::Text),
        ] {
            assert_eq!(Format::of(beginning), format, "{beginning:?}");
        }
    }

    #[test]
    fn tar_without_a_mark_is_told_by_its_check_sum() {
        let mut file = tar::Header::new_old();
        file.set_path("x.txt").unwrap();
        file.set_mode(0o644);
        file.set_size(1000);
        file.set_cksum();
        let mut label = tar::Header::new_old();
        label.set_path("{\"label").unwrap();
        label.set_entry_type(tar::EntryType::new(b'V'));
        label.set_cksum();
        for header in [file, label] {
            let header = header.as_bytes();
            assert_eq!(Format::of(header), Format::Tar);
            assert_ne!(Format::of(&header[..511]), Format::Tar);
            for at in 0..header.len() {
                let mut damaged = *header;
                damaged[at] ^= 1;
                assert_ne!(Format::of(&damaged), Format::Tar, "{at}");
            }
        }
    }

    #[test]
    fn text_is_no_tar_whatever_its_numbers() {
        let mut text = [b' '; 512];
        text[0] = b'{';
        text[1] = b'"';
        let sum: u32 = text.iter().map(|&byte| u32::from(byte)).sum();
        for field in [format!("{sum:o}  "), format!("{sum:08o}")] {
            text[148..156].copy_from_slice(format!("{field:<8}").as_bytes());
            assert_eq!(Format::of(&text), Format::Jsonl);
        }
        let mut header = tar::Header::new_old();
        header.set_cksum();
        assert_eq!(Format::of(header.as_bytes()), Format::Text);
        assert_eq!(Format::of(&[0; 512]), Format::Text);
    }

    fn encoded(text: &str, width: usize, is_big: bool) -> Vec<u8> {
        let bytes = |unit: u32| {
            let big = unit.to_be_bytes();
            let mut bytes = big[4 - width..].to_vec();
            if !is_big {
                bytes.reverse();
            }
            bytes
        };
        let units: Vec<u32> = match width {
            2 => text.encode_utf16().map(u32::from).collect(),
            _ => text.chars().map(u32::from).collect(),
        };
        units.into_iter().flat_map(bytes).collect()
    }

    #[test]
    fn texts_with_wide_units_are_told_with_a_mark_and_without_one() {
        for text in [
            "2012\nDOI: 10.5555/x\n|\n",
            "{\"text\": \"2012\\nDOI: 10.5555/x\"}",
            "2012\r\n\u{3b2}-catenin in \u{201c}salt\u{201d} \u{1d6fd}\r\n",
        ] {
            for (width, is_big, name) in [
                (2, false, "UTF-16LE"),
                (2, true, "UTF-16BE"),
                (4, false, "UTF-32LE"),
                (4, true, "UTF-32BE"),
            ] {
                let bytes = encoded(text, width, is_big);
                assert_eq!(wide_encoding(&bytes), Some(name), "{text}");
                let few = &bytes[..FEWEST_UNITS * width - 1];
                assert_eq!(wide_encoding(few), None, "{text}");
                let marked = encoded(&format!("\u{feff}{text}"), width, is_big);
                assert_eq!(wide_encoding(&marked), Some(&name[..6]), "{text}");
            }
            assert_eq!(wide_encoding(text.as_bytes()), None);
        }
    }

    #[test]
    fn numbers_with_zeros_between_them_are_no_text() {
        let numbers = |numbers: std::ops::Range<u8>| {
            let pairs = numbers.map(|number| [number, 0]);
            pairs.collect::<Vec<_>>().concat()
        };
        let mut tar = tar::Header::new_ustar();
        tar.set_path("x").unwrap();
        tar.set_cksum();
        for bytes in [
            &numbers(0..40)[..],
            &numbers(10..40),
            &numbers(100..160),
            &numbers(160..250),
            &[0; 64],
            // The beginnings of an icon, a font and an object file.
            &[
                &[0, 0, 1, 0, 1, 0, 0x20, 0x20, 0, 0, 1, 0, 0x20, 0][..],
                &[0; 50],
            ]
            .concat(),
            &[&[0, 1, 0, 0, 0, 0x0F, 0, 0x80, 0, 3, 0, 0x70][..], b"GDEF"].concat(),
            &[&[b'L', 1, 5, 0, 0, 0, 0, 0][..], &[0; 50]].concat(),
            tar.as_bytes(),
        ] {
            assert_eq!(wide_encoding(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn arrays_are_told_from_titles_in_brackets() {
        let long = format!("[\"2012\\nDOI: {}", "x".repeat(BEGINNING));
        for array in [
            "[{\"text\": 1}]",
            "\u{feff} [\n {}, {\"text\": 1}]",
            "[\"a \\\"b\\\" c\"\n,\n\"d\"",
            "[ \"a\", ",
            "[\"a\" ]\n",
            "[\"a\"",
            &long,
        ] {
            assert!(unread(array.as_bytes()).is_some(), "{array}");
        }
        for text in [
            "[{braces}]",
            "[]",
            "[1, 2] and more",
            "[\"Burnout\" in physicians]\n",
            &format!("[\"{}", "Burnout in physicians ".repeat(30)),
            "[\"Burnout\", a word]\n",
            "[\"Burnout\"] in physicians\n",
            "[\"Burnout in\nphysicians\"]\n",
        ] {
            assert_eq!(unread(text.as_bytes()), None, "{text}");
        }
    }
}
