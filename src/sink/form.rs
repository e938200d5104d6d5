//! The forms that a run can write, each in a file of its own beside this one.
//!
//! Whatever the form, the parsers write pieces and the ordered stages only put them together:
//! [`Pieces`] does the one, [`Assembly`] the other.

use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;

use super::cito::{self, Names};
use super::csv;
use super::ndjson::{self, At, Decided};
#[cfg(feature = "parquet")]
use super::parquet::{self, Table};
use crate::grammar::{Block, Page};
use crate::model::{Emit, Warnings};

/// What a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line of JSON for each record.
    Ndjson(Emit),
    /// A row of comma-separated values for each statement.
    Csv,
    /// A row of a Parquet file for each statement.
    #[cfg(feature = "parquet")]
    Parquet,
    /// N-Quads about each statement, with the properties of `CiTO`.
    Cito,
}

impl Default for Form {
    fn default() -> Self {
        Self::Ndjson(Emit::default())
    }
}

impl Form {
    /// What one record is.
    pub fn emit(self) -> Emit {
        match self {
            Self::Ndjson(emit) => emit,
            _ => Emit::Statements,
        }
    }

    /// In words, for people.
    pub fn described(self) -> &'static str {
        match self {
            Self::Ndjson(Emit::Reports) => "records, one per report page",
            Self::Ndjson(Emit::Statements) => "records, one per statement",
            Self::Csv => "CSV, one row per statement",
            #[cfg(feature = "parquet")]
            Self::Parquet => "Parquet, one row per statement",
            Self::Cito => "N-Quads on each statement",
        }
    }

    /// Whether a part of an output can be gone on with.
    pub fn goes_on(self) -> bool {
        match self {
            #[cfg(feature = "parquet")]
            Self::Parquet => false,
            _ => true,
        }
    }

    /// Whether a page's pieces can be written one behind the other as the record that they most
    /// likely become.
    pub fn is_drafted(self) -> bool {
        self == Self::Ndjson(Emit::Reports)
    }

    /// Whether all that belongs to a page is written anew with each of its statements.
    pub fn is_rows(self) -> bool {
        matches!(self, Self::Ndjson(Emit::Statements) | Self::Csv)
    }

    /// The writer of a page's pieces.
    pub fn pieces<'a>(self, page: &'a Page<'a>, at: &'a At<'a>) -> Pieces<'a> {
        let form = match self {
            Self::Ndjson(emit) => PiecesOf::Ndjson(emit),
            Self::Csv => PiecesOf::Csv,
            #[cfg(feature = "parquet")]
            Self::Parquet => PiecesOf::Parquet,
            Self::Cito => PiecesOf::Cito(Names::of(page, at)),
        };
        Pieces { form, page, at }
    }

    /// The id in a block's piece.
    pub fn id_in(self, piece: &[u8]) -> &[u8] {
        let before = match self {
            Self::Ndjson(_) => ndjson::BEFORE_ID,
            Self::Csv => csv::BEFORE_ID,
            #[cfg(feature = "parquet")]
            Self::Parquet => parquet::BEFORE_ID,
            Self::Cito => cito::BEFORE_ID,
        };
        &piece[before..][..32]
    }
}

/// Writes the pieces of one page.
pub struct Pieces<'a> {
    form: PiecesOf,
    page: &'a Page<'a>,
    at: &'a At<'a>,
}

enum PiecesOf {
    Ndjson(Emit),
    Csv,
    #[cfg(feature = "parquet")]
    Parquet,
    Cito(Names),
}

impl Pieces<'_> {
    /// Writes what stands before the statements.
    pub fn beginning(&self, out: &mut Vec<u8>) {
        match &self.form {
            PiecesOf::Ndjson(emit) => ndjson::beginning(out, *emit, self.page, self.at),
            PiecesOf::Csv => {}
            #[cfg(feature = "parquet")]
            PiecesOf::Parquet => {}
            PiecesOf::Cito(names) => cito::beginning(out, self.page, self.at, names),
        }
    }

    /// Writes what stands of a block before what its id decides. Returns where in `out` the block's
    /// text stands as it is, if it does: there it need not be copied once more for the id.
    pub fn block_text(&self, out: &mut Vec<u8>, block: &Block) -> Option<usize> {
        match &self.form {
            PiecesOf::Ndjson(_) => ndjson::block_text(out, self.page.text, block),
            #[cfg(feature = "parquet")]
            PiecesOf::Parquet => Some(parquet::block_text(out, block)),
            _ => None,
        }
    }

    /// Writes the rest of a block whose piece begins at `start`, up to what the deduplicator says of it.
    /// `similar` is the id of a statement that it is like, and in thousandths how much.
    pub fn block(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        block: &Block,
        id: u128,
        similar: Option<(u128, u16)>,
    ) {
        match &self.form {
            PiecesOf::Ndjson(_) => ndjson::block(out, start, self.page.text, block, id, similar),
            PiecesOf::Csv => csv::block(out, block, id, similar),
            #[cfg(feature = "parquet")]
            PiecesOf::Parquet => parquet::block(out, start, block, id, similar),
            PiecesOf::Cito(names) => cito::block(out, block, id, names),
        }
    }

    /// Writes what stands behind the statements, or behind each. Returns where that is in `out`,
    /// and where the page's place as JSON is.
    pub fn ending(&self, out: &mut Vec<u8>, warnings: Warnings) -> (Range<usize>, Range<usize>) {
        let start = out.len();
        match &self.form {
            PiecesOf::Ndjson(emit) => {
                let source = ndjson::ending(out, *emit, self.page, warnings, self.at);
                return (start..out.len(), source);
            }
            PiecesOf::Csv => csv::ending(out, self.page, self.at),
            #[cfg(feature = "parquet")]
            PiecesOf::Parquet => parquet::ending(out, self.page, self.at),
            PiecesOf::Cito(_) => {}
        }
        let end = out.len();
        ndjson::source(out, self.at);
        (start..end, end..out.len())
    }
}

/// The pieces of a page that do not belong to one of its blocks.
pub struct PagePieces<'a> {
    /// All pieces of the page's batch.
    pub output: &'a [u8],
    pub beginning: Range<usize>,
    pub ending: Range<usize>,
}

/// Puts the pieces of what stays together.
pub enum Assembly {
    Ndjson(Emit),
    Csv,
    #[cfg(feature = "parquet")]
    Parquet(Box<Table>),
    Cito,
}

impl Assembly {
    /// One that writes this form, with at most so many threads where that takes some.
    ///
    /// # Errors
    /// Those of the form's encoder.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(unused_variables, reason = "Parquet needs it")
    )]
    pub fn new(form: Form, threads: NonZeroUsize) -> io::Result<Self> {
        Ok(match form {
            Form::Ndjson(emit) => Self::Ndjson(emit),
            Form::Csv => Self::Csv,
            #[cfg(feature = "parquet")]
            Form::Parquet => Self::Parquet(Box::new(Table::new(threads)?)),
            Form::Cito => Self::Cito,
        })
    }

    /// Writes what stands before the first record.
    pub fn begin(&self, out: &mut Vec<u8>) {
        if let Self::Csv = self {
            out.extend_from_slice(csv::HEADER);
        }
    }

    /// Writes a page's statements, of which `removed` repeats are not among `statements`.
    ///
    /// # Errors
    /// Those of the form's encoder.
    pub fn page(
        &mut self,
        out: &mut Vec<u8>,
        page: &PagePieces,
        statements: impl Iterator<Item = Decided>,
        removed: u64,
    ) -> io::Result<()> {
        match self {
            Self::Ndjson(emit) => ndjson::assemble(
                out,
                *emit,
                page.output,
                page.beginning.clone(),
                statements,
                removed,
                page.ending.clone(),
            ),
            Self::Csv => csv::assemble(out, page, statements),
            #[cfg(feature = "parquet")]
            Self::Parquet(table) => return table.page(out, page, statements),
            Self::Cito => cito::assemble(out, page, statements),
        }
        Ok(())
    }

    /// Writes what is still to come, and what stands behind the last record.
    ///
    /// # Errors
    /// Those of the form's encoder.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(unused_variables, clippy::ptr_arg, reason = "Parquet needs it")
    )]
    pub fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            #[cfg(feature = "parquet")]
            Self::Parquet(table) => table.end(out),
            _ => Ok(()),
        }
    }
}
