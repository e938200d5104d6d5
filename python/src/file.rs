//! A file, on disk or in memory, as a stream of tables.

use std::ops::ControlFlow;
use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use citesift::Config;
use citesift::input::Share;
use citesift::job::{Found, Spans, Take};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::exchange::Batch;
use crate::run::{Damage, Fault, json};
use crate::stream::{Pieces, Stream};
use crate::table::{Columns, Table};

/// A file that is being parsed.
#[pyclass(frozen, module = "citesift._native")]
pub struct File(Stream<RecordBatch, End>);

/// Where a file is.
#[derive(FromPyObject)]
pub enum Place {
    Memory(PyBackedBytes),
    Disk(PathBuf),
}

/// A share of a file: its first byte, its end, and the line feeds before it.
pub type Shared = (u64, u64, u64);

/// What could not be read, and the first sign of damage, as JSON.
type End = Result<(String, Option<String>), String>;

/// A table is handed over when it holds so many bytes.
const LARGE: usize = 16 << 20;

impl File {
    pub fn parse(
        file: Place,
        name: String,
        share: Option<Shared>,
        config: Config,
        columns: Columns,
    ) -> PyResult<Self> {
        let run = move |batches| tables_of(file, name, share, &config, columns, batches);
        Stream::start("citesift", run).map(Self)
    }
}

#[pymethods]
impl File {
    /// The next table; None at the end.
    fn next(&self, py: Python) -> PyResult<Option<Batch>> {
        Ok(self.0.next(py)?.map(Batch))
    }

    /// Ends the parsing, and gives what could not be read, and the first sign of damage, as JSON.
    /// None when it was asked before.
    fn end(&self, py: Python) -> PyResult<Option<(String, Option<String>)>> {
        let ended = self.0.end(py)?;
        ended.transpose().map_err(crate::failed)
    }

    /// Ends the parsing, but does not wait for an input that says nothing.
    fn close(&self, py: Python) -> PyResult<()> {
        let ended = self.0.close(py)?;
        ended.transpose().map(|_| ()).map_err(crate::failed)
    }
}

fn tables_of(
    file: Place,
    name: String,
    share: Option<Shared>,
    config: &Config,
    columns: Columns,
    batches: Pieces<RecordBatch>,
) -> End {
    let mut tables = Tables {
        table: Table::new(columns),
        batches,
        damage: Damage::default(),
        failed: None,
        is_left: false,
    };
    let mut spans = Spans::new(config);
    let faults = match (file, share) {
        (Place::Memory(content), _) => spans.content(config, name, &content, &mut tables),
        (Place::Disk(file), None) => spans.file(config, name, file, &mut tables),
        (Place::Disk(file), Some((start, end, feeds))) => {
            let bytes = start..end;
            spans.share(config, name, file, &Share { bytes, feeds }, &mut tables)
        }
    };
    for fault in &faults {
        tables.table.fault(fault);
    }
    tables.table.end();
    if !tables.table.is_empty() {
        // Whether it is wanted or not, this is the end.
        let _ = tables.hand_over();
    }
    if let Some(error) = tables.failed {
        return Err(error.to_string());
    }
    let faults: Vec<_> = faults.iter().map(Fault::from).collect();
    Ok((json(&faults), tables.damage.json()))
}

/// Hands tables over as they become large.
struct Tables {
    table: Table,
    batches: Pieces<RecordBatch>,
    damage: Damage,
    failed: Option<ArrowError>,
    /// No more tables are wanted, or none can be made.
    is_left: bool,
}

impl Tables {
    fn hand_over(&mut self) -> ControlFlow<()> {
        match self.table.take_batch() {
            Ok(batch) => self.batches.hand_over(batch),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

impl Take for Tables {
    /// Looks at the size behind each page: a row may take a hundred times the bytes that it is read
    /// from, and a batch of those has hundreds of thousands.
    fn take(&mut self, found: Found) {
        if self.is_left {
            return;
        }
        if let Found::Refused(_, reject) = &found {
            self.damage.look_at([&**reject]);
        }
        self.table.take(found);
        if self.table.bytes() >= LARGE {
            self.is_left = self.hand_over().is_break();
        }
    }

    fn go_on(&mut self) -> ControlFlow<()> {
        match self.is_left {
            true => ControlFlow::Break(()),
            false => self.batches.go_on(),
        }
    }
}
