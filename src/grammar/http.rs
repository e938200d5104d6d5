//! HTTP responses as crawlers store them: the header, and a body in chunks.

use memchr::memchr;
use nom::Parser;
use nom::bytes::complete::{tag, take, take_until, take_while_m_n};
use nom::combinator::map_opt;
use nom::sequence::terminated;

use super::Rule;
use super::warc::{field_name, is, without_end};

/// What the header of a response says of its body.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HttpHeader<'a> {
    /// Bytes of the header, with the blank line that ends it.
    pub length: usize,
    pub content_type: Option<&'a [u8]>,
    /// How the body is compressed; none when it is not.
    pub content_encoding: Option<&'a [u8]>,
    /// How it was compressed for its way alone.
    pub transfer_encoding: Option<&'a [u8]>,
    /// The body comes in chunks.
    pub is_chunked: bool,
}

/// header = "HTTP/" rest-of-line field* line-end; none when there is no whole one.
pub fn http_header(block: &[u8]) -> Option<HttpHeader<'_>> {
    let feed = memchr(b'\n', block)?;
    if !block.starts_with(b"HTTP/") {
        return None;
    }
    let mut rest = &block[feed + 1..];
    let mut header = HttpHeader::default();
    loop {
        let feed = memchr(b'\n', rest)?;
        let line;
        (line, rest) = (without_end(&rest[..feed]), &rest[feed + 1..]);
        if line.is_empty() {
            header.length = block.len() - rest.len();
            return Some(header);
        }
        let Ok((value, name)) = field_name(line) else {
            continue;
        };
        let value = value.trim_ascii();
        if is(name, b"Content-Type") {
            header.content_type = Some(value);
        } else if is(name, b"Content-Encoding") && !value.is_empty() && !is(value, b"identity") {
            header.content_encoding = Some(value);
        } else if is(name, b"Transfer-Encoding") {
            for coding in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                if is(coding, b"chunked") {
                    header.is_chunked = true;
                } else if !coding.is_empty() && !is(coding, b"identity") {
                    header.transfer_encoding = Some(coding);
                }
            }
        }
    }
}

impl HttpHeader<'_> {
    /// The body is not stored as it is.
    pub fn is_encoded(&self) -> bool {
        self.is_chunked || self.content_encoding.is_some() || self.transfer_encoding.is_some()
    }
}

/// body = chunk* last-chunk; none when it begins with no chunk, for many crawlers store what they have
/// already put together.
///
/// # Errors
/// Behind a chunk comes none, nor the last one.
pub fn put_together(body: &[u8]) -> Option<Result<Vec<u8>, &'static str>> {
    let (mut rest, mut joined) = (body, Vec::with_capacity(body.len()));
    loop {
        match chunk(rest) {
            Ok((_, [])) => return Some(Ok(joined)),
            Ok((behind, bytes)) => {
                joined.extend_from_slice(bytes);
                rest = behind;
            }
            Err(_) if rest.len() == body.len() => return None,
            Err(_) => return Some(Err("its chunks end before the last one")),
        }
    }
}

/// chunk = hexadecimal [extension] CRLF byte{size} CRLF; the last has the size 0 and what follows is not looked at
fn chunk(input: &[u8]) -> Rule<'_, &[u8]> {
    let (input, size) = terminated(size, (take_until("\r\n"), tag("\r\n"))).parse(input)?;
    match size {
        0 => Ok((input, &input[..0])),
        size => terminated(take(size), tag("\r\n")).parse(input),
    }
}

/// size = hexadecimal-digit{1,8}
fn size(input: &[u8]) -> Rule<'_, usize> {
    let digits = take_while_m_n(1, 8, |byte: u8| byte.is_ascii_hexdigit());
    map_opt(digits, |digits| {
        usize::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    })
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_how_the_body_is_stored() {
        let block = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nbody");
        let text = block("content-type: text/plain\r\nno field\r\nContent-Encoding: identity");
        let header = http_header(text.as_bytes()).unwrap();
        assert_eq!(&text[header.length..], "body");
        assert_eq!(header.content_type, Some(&b"text/plain"[..]));
        assert!(!header.is_encoded());
        let text = block("Transfer-Encoding: chunked");
        assert!(http_header(text.as_bytes()).unwrap().is_chunked);
        for text in ["gzip, chunked", "Chunked\r\nTransfer-Encoding: gzip"] {
            let text = block(&format!("Transfer-Encoding: {text}"));
            let header = http_header(text.as_bytes()).unwrap();
            assert!(header.is_chunked, "{text}");
            assert_eq!(header.transfer_encoding, Some(&b"gzip"[..]), "{text}");
        }
        let text = block("Content-Encoding: gzip");
        let header = http_header(text.as_bytes()).unwrap();
        assert_eq!(header.content_encoding, Some(&b"gzip"[..]));
        assert_eq!(http_header(b"GET / HTTP/1.1\r\n\r\n"), None);
        assert_eq!(http_header(b"HTTP/1.1 200 OK\r\nA: b\r\n"), None);
    }

    #[test]
    fn chunks_are_put_together_and_other_text_is_told_apart() {
        let body = b"4\r\nWiki\r\nA;ext=1\r\npedia in\r\n\r\n0\r\nTrailer: x\r\n\r\n";
        assert_eq!(put_together(body).unwrap().unwrap(), b"Wikipedia in\r\n");
        for body in ["4\r\nWiki\r\n", "4\r\nWiki\r\n5\r\npedi", "4\r\nWiki\r\nx"] {
            assert!(put_together(body.as_bytes()).unwrap().is_err(), "{body:?}");
        }
        for text in [
            &b"2012\nDOI: 10.5555/x"[..],
            b"",
            b"4\r\nWik",
            b"FFFFFFFFF\r\n",
        ] {
            assert_eq!(put_together(text), None);
        }
    }
}
