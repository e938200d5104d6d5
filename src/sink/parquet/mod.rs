//! Statements as rows of a Parquet file, which is handed out piece by piece as it grows.
//!
//! Rows are gathered into slices, whatever the number of threads. Slices are encoded and compressed
//! on threads of their own, for that is more work than all before it, and come back in order: of a
//! row group only compressed pages are held. What a page says of its paper is held once for all its
//! rows. The names of the columns are known to the end of the file alone, so a file that was cut off
//! is none for any reader.

mod columns;
mod encode;
mod group;
mod hybrid;
mod piece;
mod slice;

use std::io;
use std::mem;
use std::num::NonZeroUsize;

use parquet::errors::ParquetError;

use self::columns::{OF_PAGE, UNIQUE, columns};
use self::encode::Encoder;
use self::group::RowGroups;
pub use self::piece::{BEFORE_ID, block, block_text, ending};
use self::piece::{Values, fits};
use self::slice::{Dictionaries, Slice};
use super::form::PagePieces;
use super::ndjson::Decided;
use crate::pipeline::{Ahead, Work};

/// Bytes of values from which on a row group is full: some ten thousand rows.
const GROUP: usize = 16 << 20;

/// Bytes of ids and texts from which on rows become pages.
const SLICE: usize = 1 << 20;

/// Threads that encode. Two slices are under way for each, so this bounds the memory.
const MOST_THREADS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// A file under way.
pub struct Table {
    /// The next rows.
    slice: Slice,
    /// What was looked up in their row group so far, and bytes of it that were sent.
    dictionaries: Dictionaries,
    sent: usize,
    ahead: Ahead<Sent>,
    /// What came back.
    groups: RowGroups,
    /// Memory of slices that came back.
    spare: Vec<Slice>,
    spare_dictionaries: Option<Dictionaries>,
}

/// A slice on its way through the threads, and how it went.
struct Sent {
    slice: Slice,
    result: Result<(), ParquetError>,
}

impl Table {
    /// Begins a file, which is encoded on at most so many threads.
    ///
    /// # Errors
    /// None that is known.
    pub fn new(threads: NonZeroUsize) -> Result<Self, ParquetError> {
        Ok(Self {
            slice: Slice::default(),
            dictionaries: Dictionaries::new(),
            sent: 0,
            ahead: Ahead::new("parquet", threads.min(MOST_THREADS).get(), encoding),
            groups: RowGroups::new(columns()?),
            spare: Vec::new(),
            spare_dictionaries: None,
        })
    }

    /// Adds a page's statements; writes the row groups that are ready.
    ///
    /// # Errors
    /// A value that is too large for the format; a thread that cannot be started.
    pub fn page(
        &mut self,
        out: &mut Vec<u8>,
        page: &PagePieces,
        statements: impl Iterator<Item = Decided>,
    ) -> io::Result<()> {
        let about_page = &page.output[page.ending.clone()];
        let mut rows = 0;
        for decided in statements {
            let about_block = &page.output[decided.piece.clone()];
            self.add(about_block, &decided)?;
            rows += 1;
            if self.slice.bytes() >= SLICE {
                self.add_page(about_page, mem::take(&mut rows))?;
                self.send(out, false)?;
            }
        }
        self.add_page(about_page, rows)?;
        if self.is_full() {
            self.send(out, false)?;
        }
        Ok(())
    }

    /// Writes what is left, and the file's end.
    ///
    /// # Errors
    /// Those of [`page`](Self::page).
    pub fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if self.sent + self.slice.bytes() > 0 {
            self.send(out, true)?;
        }
        while self.receive(out)? {}
        self.groups.end(out)?;
        Ok(())
    }

    /// Adds what is said of a row alone.
    fn add(&mut self, block: &[u8], decided: &Decided) -> io::Result<()> {
        let slice = &mut self.slice;
        let mut values = Values(block);
        for (column, value) in slice.unique.iter_mut().zip(&mut values) {
            let value = value.unwrap_or_default();
            fits(value)?;
            column.extend_from_slice(value);
        }
        let numbers =
            [decided.see_more, Some(decided.occurrences)].map(|n| n.map(u64::to_le_bytes));
        let numbers = numbers.iter().map(|n| n.as_ref().map(<[u8; 8]>::as_slice));
        for (column, value) in (UNIQUE..).zip(values.chain(numbers)) {
            self.look_up(column, value, 1)?;
        }
        self.slice.rows += 1;
        Ok(())
    }

    /// Adds what a page says of so many rows.
    fn add_page(&mut self, page: &[u8], rows: u32) -> io::Result<()> {
        if rows > 0 {
            for (column, value) in (OF_PAGE..).zip(Values(page)) {
                self.look_up(column, value, rows)?;
            }
        }
        Ok(())
    }

    fn look_up(&mut self, column: usize, value: Option<&[u8]>, rows: u32) -> io::Result<()> {
        let column = column - UNIQUE;
        let place = self.dictionaries.of(column).place_of(value)?;
        self.slice.looked_up[column].push(place, rows);
        Ok(())
    }

    /// Whether the row group is.
    fn is_full(&self) -> bool {
        self.sent + self.slice.bytes() + self.dictionaries.bytes() >= GROUP
    }

    /// Has the next rows encoded, when there is room for them. A row group ends with them when it is
    /// full or when they are the last.
    fn send(&mut self, out: &mut Vec<u8>, is_last: bool) -> io::Result<()> {
        self.sent += self.slice.bytes();
        if is_last || self.sent + self.dictionaries.bytes() >= GROUP {
            let next = self.spare_dictionaries.take();
            let next = next.unwrap_or_else(Dictionaries::new);
            self.slice.dictionaries = Some(mem::replace(&mut self.dictionaries, next));
            self.sent = 0;
        }
        while !self.ahead.has_room_beside(0) {
            self.receive(out)?;
        }
        let next = self.spare.pop().unwrap_or_default();
        self.ahead.send(Sent {
            slice: mem::replace(&mut self.slice, next),
            result: Ok(()),
        })
    }

    /// Takes the pages of the oldest slice under way; false when there is none.
    fn receive(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let Some(Sent { mut slice, result }) = self.ahead.receive()? else {
            return Ok(false);
        };
        result?;
        self.groups.add(out, &mut slice)?;
        if let Some(mut dictionaries) = slice.dictionaries.take() {
            dictionaries.clear();
            self.spare_dictionaries = Some(dictionaries);
        }
        slice.clear();
        self.spare.push(slice);
        Ok(true)
    }
}

fn encoding() -> Work<Sent> {
    let mut encoder = Encoder::new();
    Box::new(move |mut sent: Sent| {
        sent.result = match &mut encoder {
            Ok(encoder) => encoder.encode(&mut sent.slice),
            Err(error) => Err(ParquetError::General(error.to_string())),
        };
        sent
    })
}
