//! Headers of WARC records (1.0 and 1.1).
//!
//! Lenient where writers differ and nothing is lost by it: a line may end in LF alone, names
//! are compared without case, lines that are no field are passed over. Where a record ends
//! is its reader's business.

use memchr::memchr;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::character::complete::{digit1, one_of};
use nom::combinator::{all_consuming, map_opt};
use nom::sequence::terminated;

use super::Rule;

/// What a record begins with.
pub const WARC_MAGIC: &[u8] = b"WARC/1.";

/// The fields of a record's header that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WarcHeader<'a> {
    /// Bytes of the header, with the blank line that ends it.
    pub length: usize,
    /// Bytes of the block behind it.
    pub content_length: u64,
    pub record_type: &'a [u8],
    pub record_id: Option<&'a [u8]>,
    /// Without the angle brackets that some writers put around it.
    pub target_uri: Option<&'a [u8]>,
    pub date: Option<&'a [u8]>,
    pub content_type: Option<&'a [u8]>,
}

/// Why there is no header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoHeader {
    /// The text ends within it.
    Incomplete,
    /// It does not begin with a version line.
    NoVersion,
    /// Its length field is missing or no number.
    NoLength,
    /// Another record begins within it.
    NoEnd,
}

/// header = version line-end field* line-end
///
/// A line that begins as a record does ends the search for the header's end: without that,
/// each of a million version lines would be searched from to the end of the text.
///
/// # Errors
/// A text that does not begin with a whole header.
pub fn warc_header(text: &[u8]) -> Result<WarcHeader<'_>, NoHeader> {
    let shorter = text.len().min(WARC_MAGIC.len());
    if text[..shorter] != WARC_MAGIC[..shorter] {
        return Err(NoHeader::NoVersion);
    }
    let feed = memchr(b'\n', text).ok_or(NoHeader::Incomplete)?;
    let (first, mut rest) = text.split_at(feed + 1);
    version(first).ok_or(NoHeader::NoVersion)?;

    let mut header = WarcHeader::default();
    let mut content_length = None;
    loop {
        let feed = memchr(b'\n', rest).ok_or(NoHeader::Incomplete)?;
        let line;
        (line, rest) = (without_end(&rest[..feed]), &rest[feed + 1..]);
        if line.is_empty() {
            break;
        }
        if line.starts_with(WARC_MAGIC) {
            return Err(NoHeader::NoEnd);
        }
        let Ok((value, name)) = field_name(line) else {
            continue;
        };
        let value = value.trim_ascii();
        match name.len() {
            9 if is(name, b"WARC-Type") => header.record_type = value,
            9 if is(name, b"WARC-Date") => header.date = Some(value),
            12 if is(name, b"Content-Type") => header.content_type = Some(value),
            14 if is(name, b"Content-Length") => content_length = number(value),
            14 if is(name, b"WARC-Record-ID") => header.record_id = Some(value),
            15 if is(name, b"WARC-Target-URI") => header.target_uri = Some(without_brackets(value)),
            _ => {}
        }
    }
    header.length = text.len() - rest.len();
    header.content_length = content_length.ok_or(NoHeader::NoLength)?;
    Ok(header)
}

/// version = "WARC/1." ("0" | "1") line-end
fn version(line: &[u8]) -> Option<()> {
    let line_end = alt((tag("\r\n"), tag("\n")));
    let parsed: Rule<_> = (tag(WARC_MAGIC), one_of("01"), line_end).parse(line);
    parsed.ok().map(drop)
}

/// field-name = not-colon* ":"
pub fn field_name(line: &[u8]) -> Rule<'_, &[u8]> {
    terminated(take_while(|byte| byte != b':'), tag(":")).parse(line)
}

/// number = digit+
fn number(value: &[u8]) -> Option<u64> {
    let number = map_opt(digit1, |digits| str::from_utf8(digits).ok()?.parse().ok());
    let parsed: Rule<_> = all_consuming(number).parse(value);
    parsed.ok().map(|(_, number)| number)
}

pub fn is(name: &[u8], known: &[u8]) -> bool {
    name.eq_ignore_ascii_case(known)
}

pub fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn without_brackets(uri: &[u8]) -> &[u8] {
    let inner = uri
        .strip_prefix(b"<")
        .and_then(|uri| uri.strip_suffix(b">"));
    inner.unwrap_or(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] =
        b"WARC/1.0\r\nWARC-Type: response\r\nwarc-target-uri: <https://a.b/c>\r\n\
        no field\r\nWARC-Date: 2024-05-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:1>\r\n\
        Content-Type: text/plain\r\nContent-Length:  12 \r\n\r\n";

    #[test]
    fn fields_are_found_in_any_case_and_order() {
        let record = [HEADER, b"block"].concat();
        let header = warc_header(&record).unwrap();
        assert_eq!(header.length, HEADER.len());
        assert_eq!(header.content_length, 12);
        assert_eq!(header.record_type, b"response");
        assert_eq!(header.target_uri, Some(&b"https://a.b/c"[..]));
        assert_eq!(header.record_id, Some(&b"<urn:uuid:1>"[..]));
        let date: Option<&[u8]> = Some(b"2024-05-01T00:00:00Z");
        assert_eq!(
            (header.date, header.content_type),
            (date, Some(&b"text/plain"[..]))
        );
        let bare = warc_header(b"WARC/1.1\nContent-Length: 0\n\n").unwrap();
        assert_eq!(bare.content_length, 0);
    }

    #[test]
    fn a_cut_header_is_incomplete_and_a_wrong_one_is_named() {
        for cut in 0..HEADER.len() {
            assert_eq!(
                warc_header(&HEADER[..cut]),
                Err(NoHeader::Incomplete),
                "{cut}"
            );
        }
        for (text, error) in [
            (&b"WARC/2.0\r\n\r\n"[..], NoHeader::NoVersion),
            (b"WARC/1.0 x\r\n\r\n", NoHeader::NoVersion),
            (b"{}", NoHeader::NoVersion),
            (b"WARC/1.0\r\n\r\n", NoHeader::NoLength),
            (
                b"WARC/1.0\r\nContent-Length: 1x\r\n\r\n",
                NoHeader::NoLength,
            ),
            (
                b"WARC/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
                NoHeader::NoLength,
            ),
            (b"WARC/1.0\nA: b\nWARC/1.0\n", NoHeader::NoEnd),
        ] {
            assert_eq!(warc_header(text), Err(error), "{text:?}");
        }
    }
}
