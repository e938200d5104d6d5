//! A large member: ranges of its blocks are decoded ahead on a thread, one after another.
//!
//! The check sum is the reading thread's work, and so is looking for the next range's end.
//! Where no end is found and where a range turns out to be none, the streaming decoder takes
//! over for good: at the member's end, at damage, in blocks that are stored, have the fixed
//! codes or are very long, and for text that is a sixteenth compressed.

use std::cell::Cell;
use std::io::{self, BufRead, Chain, Cursor, ErrorKind, Read};
use std::mem;

use flate2::Crc;

use super::Compressed;
use super::blocks::next_block;
use super::range::{Decoder, Range, open};
use crate::input::stepwise::Inflating;
use crate::pipeline::{Ahead, Work};

/// Compressed bytes from which on a range ends.
const RANGE: usize = 256 * 1024;

/// Compressed bytes within which it must have ended.
const MOST_RANGE: usize = 512 * 1024;

thread_local! {
    /// What a large member used, for the thread's next one: to fetch it anew for each file of
    /// 10 MB took a twentieth of the time.
    pub(super) static SPARE: Cell<Vec<Range>> = const { Cell::new(Vec::new()) };
}

/// A member's text, up to where it is to be streamed.
pub(super) struct Large<R> {
    source: Compressed<R>,
    /// Bits of the source's next byte that belong to what was cut.
    begun: usize,
    ahead: Ahead<Range>,
    spare: Vec<Range>,
    /// What is being given out.
    range: Range,
    given: usize,
    failed: Option<Range>,
    crc: Crc,
}

impl<R: Read> Large<R> {
    /// For a source that is behind a member's header.
    pub(super) fn new(source: Compressed<R>, threads: usize) -> Self {
        let mut spare = SPARE.take();
        let range = spare.pop().map(Range::emptied).unwrap_or_default();
        Self {
            source,
            begun: 0,
            ahead: Ahead::new("inflate", threads.min(1), decoding),
            spare,
            range,
            given: 0,
            failed: None,
            crc: Crc::new(),
        }
    }

    /// Nothing where the rest begins.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.range.text().len() {
            if !self.next_range()? {
                return Ok(0);
            }
        }
        let text = &self.range.text()[self.given..];
        let length = text.len().min(buffer.len());
        buffer[..length].copy_from_slice(&text[..length]);
        self.given += length;
        Ok(length)
    }

    fn next_range(&mut self) -> io::Result<bool> {
        while self.ahead.has_room_beside(0) {
            let mut range = self.spare.pop().unwrap_or_default();
            if !self.cut(&mut range) {
                self.spare.push(range);
                break;
            }
            self.ahead.send(range)?;
        }
        match self.ahead.receive()? {
            Some(range) if !range.text().is_empty() => {
                self.crc.update(range.text());
                self.given = 0;
                self.spare.push(mem::replace(&mut self.range, range));
                Ok(true)
            }
            failed => {
                self.failed = failed;
                Ok(false)
            }
        }
    }

    fn cut(&mut self, range: &mut Range) -> bool {
        self.source.read_ahead(MOST_RANGE);
        // Near the source's end the ranges are shorter, so that less is left to be streamed.
        let from = RANGE.min(self.source.uncut.len() / 2);
        let Some(end) = next_block(&self.source.uncut, from) else {
            return false;
        };
        range.compressed.clear();
        range
            .compressed
            .extend_from_slice(&self.source.uncut[..end.div_ceil(8)]);
        self.source.uncut.drain(..end / 8);
        range.end = end % 8;
        range.begin = mem::replace(&mut self.begun, range.end);
        true
    }

    /// What no range holds.
    pub(super) fn into_rest(mut self) -> io::Result<Rest<R>> {
        let mut again = Vec::new();
        let mut shift = None;
        let mut next = self.failed.take();
        while let Some(range) = next {
            shift.get_or_insert(range.begin);
            // Without the byte in which it ends: that is the next one's first.
            again.extend_from_slice(&range.compressed[..range.whole_bytes()]);
            self.spare.push(range);
            next = self.ahead.receive()?;
        }
        let shift = shift.unwrap_or(self.begun);
        self.source.put_back(&again);
        let rest = Rest::new(self.source, self.range.window(), shift, self.crc);
        self.spare.push(self.range);
        SPARE.set(self.spare);
        rest
    }
}

fn decoding() -> Work<Range> {
    let mut decoder = Decoder::new();
    Box::new(move |range| decoder.decode(range))
}

/// A member, or the rest of one, streamed.
pub(super) struct Rest<R> {
    decoder: Inflating<Chain<Cursor<Vec<u8>>, Compressed<R>>>,
    crc: Crc,
}

impl<R: Read> Rest<R> {
    /// For a source that is behind a member's header.
    pub(super) fn of_whole(source: Compressed<R>) -> Self {
        Self {
            decoder: Inflating::new(Cursor::default().chain(source)),
            crc: Crc::new(),
        }
    }

    fn new(mut source: Compressed<R>, window: &[u8], shift: usize, crc: Crc) -> io::Result<Self> {
        let mut opening = Vec::new();
        let first = source.fill_buf()?.first().copied();
        let first = first.ok_or(ErrorKind::UnexpectedEof)?;
        source.consume(1);
        open(&mut opening, window, shift, first);
        let mut decoder = Inflating::new(Cursor::new(opening).chain(source));
        decoder.read_exact(&mut vec![0; window.len()])?;
        Ok(Self { decoder, crc })
    }

    /// Nothing at the deflated text's end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer)?;
        self.crc.update(&buffer[..read]);
        Ok(read)
    }

    /// The source behind the member.
    ///
    /// # Errors
    /// Those of [`flate2::bufread::GzDecoder`], also by their words.
    pub(super) fn finish(self) -> io::Result<Compressed<R>> {
        let (_, mut source) = self.decoder.into_inner().into_inner();
        let [mut sum, mut size] = [[0; 4]; 2];
        for check in [&mut sum, &mut size] {
            let read = source.read_exact(check);
            read.map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => ErrorKind::UnexpectedEof.into(),
                _ => error,
            })?;
        }
        let found = (self.crc.sum(), self.crc.amount());
        match found == (u32::from_le_bytes(sum), u32::from_le_bytes(size)) {
            true => Ok(source),
            false => Err(io::Error::new(
                ErrorKind::InvalidInput,
                "corrupt gzip stream does not have a matching checksum",
            )),
        }
    }
}
