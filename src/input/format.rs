//! What a source holds, told by its first bytes and never by its name.

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
        let marked = beginning.strip_prefix("\u{feff}".as_bytes());
        match beginning {
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            [b'W', b'A', b'R', b'C', b'/', b'1', b'.', ..] => Self::Warc,
            _ if beginning
                .get(TAR_MAGIC_AT..)
                .is_some_and(|tail| tail.starts_with(b"ustar")) =>
            {
                Self::Tar
            }
            _ if begins_object(marked.unwrap_or(beginning)) => Self::Jsonl,
            _ => Self::Text,
        }
    }
}

/// An object with a first key, or without any, on one line.
fn begins_object(text: &[u8]) -> bool {
    let inside = text.trim_ascii_start().strip_prefix(b"{");
    let first = inside.and_then(|inside| inside.iter().find(|byte| !matches!(byte, b' ' | b'\t')));
    matches!(first, Some(b'"' | b'}'))
}

/// A whole data set in one JSON array, which is no JSON Lines.
pub fn begins_array(text: &[u8]) -> bool {
    let inside = text.trim_ascii_start().strip_prefix(b"[");
    let object = inside.and_then(|inside| inside.trim_ascii_start().strip_prefix(b"{"));
    object.is_some_and(|object| object.trim_ascii_start().starts_with(b"\""))
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
            (b"WARC/1.0\r\n", Format::Warc),
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
}
