//! Statements as rows of a Parquet file, which is handed out piece by piece as it grows.
//!
//! Rows are gathered until a row group is full, whatever the number of threads. Row groups are
//! encoded and compressed on threads of their own, for that is more work than all before it, and
//! put into the file in order. What a page says of its paper is held once for all its rows. The
//! names of the columns are known to the end of the file alone, so a file that was cut off is none
//! for any reader.

mod columns;
mod encode;
mod piece;

use std::io;
use std::mem;
use std::num::NonZeroUsize;

use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;

use self::columns::{Columns, columns};
use self::encode::{Encoded, encode};
pub use self::piece::{BEFORE_ID, block, ending};
use super::form::PagePieces;
use super::ndjson::Decided;
use crate::pipeline::{Ahead, Work};

/// Bytes of pieces from which on a row group is full: some ten thousand rows.
const GROUP: usize = 16 << 20;

/// Threads that encode. Two row groups are under way for each, so this bounds the memory.
const MOST_THREADS: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// A file under way.
pub struct Table {
    file: SerializedFileWriter<Vec<u8>>,
    /// The rows of the next row group.
    rows: Rows,
    ahead: Ahead<Group>,
    /// Memory of row groups that are in the file.
    spare: Vec<Rows>,
}

/// Rows that are not yet encoded.
struct Rows {
    /// Pieces of pages and blocks.
    pieces: Vec<u8>,
    rows: Vec<Row>,
}

impl Rows {
    /// None, with memory for a row group that would else be moved again and again as it grows.
    fn new() -> Self {
        Self {
            pieces: Vec::with_capacity(GROUP + GROUP / 8),
            rows: Vec::new(),
        }
    }

    fn clear(&mut self) {
        self.pieces.clear();
        self.rows.clear();
    }
}

struct Row {
    /// Where its pieces begin.
    page: usize,
    block: usize,
    see_more: Option<u64>,
    occurrences: u64,
}

/// A row group on its way through the threads, and what is empty behind them and used again.
struct Group {
    rows: Rows,
    encoded: Option<Result<Encoded, ParquetError>>,
}

impl Table {
    /// Begins a file, which is encoded on at most so many threads.
    ///
    /// # Errors
    /// None that is known.
    pub fn new(threads: NonZeroUsize) -> Result<Self, ParquetError> {
        let Columns {
            schema, properties, ..
        } = columns()?;
        Ok(Self {
            file: SerializedFileWriter::new(Vec::new(), schema, properties)?,
            rows: Rows::new(),
            ahead: Ahead::new("parquet", threads.min(MOST_THREADS), encoding),
            spare: Vec::new(),
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
        let mut at = None;
        for decided in statements {
            if self.rows.pieces.len() >= GROUP {
                self.send(out)?;
                at = None;
            }
            let rows = &mut self.rows;
            let about_page = &page.output[page.ending.clone()];
            rows.rows.push(Row {
                page: *at.get_or_insert_with(|| add(&mut rows.pieces, about_page)),
                block: add(&mut rows.pieces, &page.output[decided.piece]),
                see_more: decided.see_more,
                occurrences: decided.occurrences,
            });
        }
        Ok(())
    }

    /// Writes what is left, and the file's end.
    ///
    /// # Errors
    /// Those of [`page`](Self::page).
    pub fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        if !self.rows.rows.is_empty() {
            self.send(out)?;
        }
        while self.receive()? {}
        self.file.finish()?;
        out.append(self.file.inner_mut());
        Ok(())
    }

    /// Has the next row group encoded, when there is room for it.
    fn send(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while !self.ahead.has_room_beside(0) {
            self.receive()?;
        }
        self.file.flush()?;
        out.append(self.file.inner_mut());
        let next = self.spare.pop().unwrap_or_else(Rows::new);
        self.ahead.send(Group {
            rows: mem::replace(&mut self.rows, next),
            encoded: None,
        })
    }

    /// Puts the oldest row group under way into the file; false when there is none.
    fn receive(&mut self) -> io::Result<bool> {
        let Some(group) = self.ahead.receive()? else {
            return Ok(false);
        };
        if let Some(encoded) = group.encoded {
            encoded?.put_into(&mut self.file)?;
        }
        self.spare.push(group.rows);
        Ok(true)
    }
}

fn encoding() -> Work<Group> {
    let columns = columns();
    Box::new(move |mut group: Group| {
        group.encoded = Some(match &columns {
            Ok(columns) => encode(&mut group.rows, columns),
            Err(error) => Err(ParquetError::General(error.to_string())),
        });
        group
    })
}

/// Adds a piece and returns where it begins.
fn add(pieces: &mut Vec<u8>, piece: &[u8]) -> usize {
    let at = pieces.len();
    pieces.extend_from_slice(piece);
    at
}
