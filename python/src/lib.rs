//! The native half of the Python package `citesift`: the library's parser and pipeline, records as
//! JSON or as Arrow tables.
//!
//! Whatever can be said in Python is said there (`python/citesift`): options, exceptions, dicts.
//! Here flags come as the program takes them, and what is to be raised goes out as JSON. Pages
//! become columns straight from the grammar's spans, without a record in between.

mod columns;
mod exchange;
mod file;
mod given;
mod input;
mod lines;
mod outcomes;
mod parts;
mod reports;
mod run;
mod statements;
mod stream;
mod table;

use std::path::PathBuf;

use citesift::cli::config_of;
use citesift::{Config, model};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use self::exchange::{Batch, BatchSchema, batches_of};
use self::file::{File, Place, Shared};
use self::input::Places;
use self::run::{Run, json};
use self::table::Columns;

pyo3::import_exception!(citesift._errors, RunError);

#[pymodule]
#[pyo3(name = "_native")]
mod native {
    use citesift::model::RejectReason;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        Batch, BatchSchema, File, Run, Settings, json_schema, parse, parse_batch, parse_file,
        schema, share_in, to_lines,
    };

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_init]
    fn init(module: &Bound<PyModule>) -> PyResult<()> {
        let damage = RejectReason::DAMAGE.map(RejectReason::as_str);
        module.add("DAMAGE", damage)
    }
}

/// The page's record as JSON, or else the reject.
#[pyfunction]
#[pyo3(signature = (text, url))]
fn parse(py: Python, text: PyBackedBytes, url: Option<&str>) -> (Option<String>, Option<String>) {
    py.detach(|| {
        let parsed = match url {
            Some(url) => citesift::parse_at(&text, url),
            None => citesift::parse(&text),
        };
        match parsed {
            Ok(report) => (Some(json(&report)), None),
            Err(reject) => (None, Some(json(&reject))),
        }
    })
}

/// Options that were checked: each of the flags is one of the program's, as it is typed.
#[pyclass(frozen, module = "citesift._native")]
struct Settings(Config);

#[pymethods]
impl Settings {
    #[new]
    fn new(flags: Vec<String>) -> PyResult<Self> {
        let config = config_of(&flags, &[]).map_err(PyValueError::new_err)?;
        Ok(Self(config))
    }
}

impl Settings {
    fn columns(&self, outcomes: bool) -> PyResult<Columns> {
        Columns::new(&self.0, outcomes).map_err(PyValueError::new_err)
    }
}

/// The table of the pages in a table's rows.
#[pyfunction]
#[pyo3(signature = (batch, settings, *, path, record, outcomes))]
fn parse_batch(
    batch: &Bound<PyAny>,
    settings: &Settings,
    path: Option<String>,
    record: Option<String>,
    outcomes: bool,
) -> PyResult<Batch> {
    let columns = settings.columns(outcomes)?;
    let batches = batches_of("batch", batch)?;
    let places = Places { path, record };
    let parsed = batch
        .py()
        .detach(|| input::parse(&batches, &settings.0, &places, columns));
    parsed.map(Batch).map_err(PyValueError::new_err)
}

/// The tables of the pages in a file.
#[pyfunction]
#[pyo3(signature = (file, name, settings, *, outcomes, share))]
fn parse_file(
    file: Place,
    name: String,
    settings: &Settings,
    outcomes: bool,
    share: Option<Shared>,
) -> PyResult<File> {
    let columns = settings.columns(outcomes)?;
    File::parse(file, name, share, settings.0.clone(), columns)
}

/// The share of a file that begins in one of its cells.
#[pyfunction]
fn share_in(
    py: Python,
    file: PathBuf,
    settings: &Settings,
    start: u64,
    end: u64,
) -> PyResult<Option<Shared>> {
    let share = py.detach(|| citesift::input::share_in(&file, settings.0.format, start..end))?;
    Ok(share.map(|(bytes, feeds)| (bytes.start, bytes.end, feeds)))
}

/// The schema of what they give.
#[pyfunction]
#[pyo3(signature = (settings, *, outcomes))]
fn schema(settings: &Settings, outcomes: bool) -> PyResult<BatchSchema> {
    Ok(BatchSchema(settings.columns(outcomes)?.schema()))
}

/// The records in a table as lines.
#[pyfunction]
fn to_lines(table: &Bound<PyAny>) -> PyResult<Batch> {
    let batches = batches_of("table", table)?;
    let lines = table.py().detach(|| lines::lines_of(&batches));
    lines.map(Batch).map_err(PyValueError::new_err)
}

/// The JSON Schema of a record.
#[pyfunction]
fn json_schema(settings: &Settings) -> String {
    json(&model::schema(settings.0.form.emit()))
}

/// What ended a run early.
fn failed(message: String) -> PyErr {
    RunError::new_err(message)
}
