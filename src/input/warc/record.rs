//! A WARC record taken apart: which text is in it, if any.

use std::borrow::Cow;
use std::io::{self, Read};

use super::super::decode::decoded;
use super::super::format::wide_encoding;
use super::super::{Entry, Refused, Taking, Text};
use super::{damaged, line_ends, lossy};
use crate::grammar::{HttpHeader, WarcHeader, http_header, put_together, report_id, warc_header};
use crate::model::{NotRead, RejectReason};

/// Bytes that a body may have when it is decoded, also where pages are to be smaller, for it may
/// hold several. That is sixteen times as many as the largest block that is held; text is seldom
/// compressed so well.
const LARGEST_BODY: usize = 16 << 20;

/// Takes whole records apart. `offset` says where they stand; a last one may be cut off.
pub fn entries<'a>(
    mut records: &'a [u8],
    mut offset: u64,
    taking: &Taking,
    each: &mut dyn FnMut(Entry<'a>),
) {
    loop {
        let start = line_ends(records);
        let Ok(header) = warc_header(&records[start..]) else {
            return;
        };
        let block = &records[start + header.length..];
        let length = usize::try_from(header.content_length).unwrap_or(usize::MAX);
        let (block, rest) = block.split_at(length.min(block.len()));
        match text_in(&header, block) {
            Ok(found) => {
                let offset = offset + (start + header.length) as u64;
                each(entry(&header, block, found, offset, taking.max_page));
            }
            Err(Some(not_read)) => each(Entry::NotRead(not_read)),
            Err(None) => {}
        }
        offset += (records.len() - rest.len()) as u64;
        records = rest;
    }
}

/// `offset` is the block's. That of a body which is not stored as it is counts from its beginning.
fn entry<'a>(
    header: &WarcHeader<'a>,
    block: &'a [u8],
    found: FoundText,
    offset: u64,
    max_page: usize,
) -> Entry<'a> {
    let body = &block[found.start..];
    let start = offset + found.start as u64;
    let most = max_page.max(LARGEST_BODY);
    let refused = |refused: Refused| {
        Entry::Refused(Box::new(Refused {
            length: body.len() as u64,
            record: header.record_id.map(lossy),
            ..refused
        }))
    };
    let (text, stored, offset) = match found.http.filter(HttpHeader::is_encoded) {
        None => (Cow::Borrowed(body), None, start),
        Some(http) => match decoded_body(&http, body, most) {
            Ok(Some(text)) if text.len() > most => {
                return refused(too_large_body(&text, start, most));
            }
            Ok(Some(text)) => (Cow::Owned(text), Some(body.len() as u64), 0),
            Ok(None) => return Entry::NotRead(NotRead::Encoded),
            Err(error) => {
                let message = format!("the body is damaged: {error}");
                return refused(damaged(body, message, start));
            }
        },
    };
    if let Some(message) = unread_body(header, &text) {
        return refused(damaged(&text, message, start));
    }
    Entry::Text(Text {
        text,
        is_utf8: false,
        stored,
        offset,
        record: header.record_id.into(),
        url: header.target_uri.map(Cow::Borrowed),
        date: header.date,
        meta: None,
    })
}

/// Why a body that begins like this is not read, unless its address says that it is another site's.
pub(super) fn unread_body(header: &WarcHeader, beginning: &[u8]) -> Option<String> {
    let encoding = wide_encoding(beginning)?;
    let may_be_report = header.target_uri.is_none_or(|url| report_id(url).is_some());
    may_be_report.then(|| format!("the body is {encoding} and not UTF-8"))
}

/// A body that is decoded to more than `most` bytes and begins like this.
fn too_large_body(text: &[u8], offset: u64, most: usize) -> Refused {
    let message = format!(
        "the decoded body has more than {most} bytes; a larger --max-page lets it have more"
    );
    Refused::of(RejectReason::PageTooLarge, message, offset, text)
}

/// The body as the browser would show it; none when it is compressed in a way that is not read.
/// One of more than `most` bytes is cut behind the first that is too many.
fn decoded_body(http: &HttpHeader, body: &[u8], most: usize) -> io::Result<Option<Vec<u8>>> {
    let joined = http.is_chunked.then(|| put_together(body)).flatten();
    let joined = joined.transpose().map_err(io::Error::other)?;
    let body = joined.as_deref().unwrap_or(body);
    let known: [&[u8]; 3] = [b"gzip", b"x-gzip", b"zstd"];
    let is_known = |encoding: &[u8]| known.iter().any(|name| encoding.eq_ignore_ascii_case(name));
    let mut encodings = (http.content_encoding.into_iter()).chain(http.transfer_encoding);
    if !encodings.all(is_known) {
        return Ok(None);
    }
    // Told by its own first bytes: many crawlers keep the header and store the body decompressed.
    let mut text = Vec::new();
    let stream = decoded(Box::new(body), None, 1)?.stream;
    stream
        .take((most as u64).saturating_add(1))
        .read_to_end(&mut text)?;
    Ok(Some(text))
}

/// Where the text begins in a record's block.
#[derive(Clone, Copy)]
pub(super) struct FoundText<'a> {
    pub(super) start: usize,
    pub(super) http: Option<HttpHeader<'a>>,
}

/// The text in a record's block; else why there is none, or nothing for a record that is
/// about others.
pub(super) fn text_in<'a>(
    header: &WarcHeader,
    block: &'a [u8],
) -> Result<FoundText<'a>, Option<NotRead>> {
    let is = |kind: &[u8]| header.record_type.eq_ignore_ascii_case(kind);
    let (start, media_type, http) = if is(b"response") {
        let http = http_header(block).ok_or(NotRead::OtherType)?;
        (http.length, http.content_type, Some(http))
    } else if is(b"conversion") {
        (0, header.content_type.or(Some(b"text/plain")), None)
    } else if is(b"resource") {
        (0, header.content_type, None)
    } else {
        return Err(None);
    };
    let media_type = media_type.unwrap_or_default();
    let end = media_type.iter().position(|&byte| byte == b';');
    let media_type = media_type[..end.unwrap_or(media_type.len())].trim_ascii();
    match &media_type.to_ascii_lowercase()[..] {
        b"text/plain" => Ok(FoundText { start, http }),
        b"text/html" | b"application/xhtml+xml" => Err(Some(NotRead::Html)),
        _ => Err(Some(NotRead::OtherType)),
    }
}
