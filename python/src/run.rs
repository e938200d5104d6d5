//! A whole run of the library's pipeline, as a stream of records.

use std::path::PathBuf;
use std::time::Instant;

use citesift::dedup::Memory;
use citesift::job::{Checkpoint, Watch, run_from};
use citesift::model::{Reject, RejectReason};
use citesift::{Config, Output, ReadError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Serialize;

use crate::stream::{Pieces, Stream};
use citesift::cli::config_of;

/// A run under way.
#[pyclass(frozen, module = "citesift._native")]
pub struct Run(Stream<Piece, End>);

/// Whole lines of NDJSON.
struct Piece {
    records: Vec<u8>,
    rejects: Vec<u8>,
    duplicates: Vec<u8>,
}

type End = Result<Ended, String>;

/// What came of a run, as JSON.
struct Ended {
    figures: String,
    /// What could not be read, or not whole.
    faults: String,
    /// The first reject that says that the input is damaged.
    damage: Option<String>,
}

/// A source that could not be read, or not to its end.
#[derive(Serialize)]
pub struct Fault {
    message: String,
    path: String,
    offset: Option<u64>,
    line: Option<u64>,
    record: Option<String>,
}

impl From<&ReadError> for Fault {
    fn from(fault: &ReadError) -> Self {
        Self {
            message: fault.to_string(),
            path: fault.path.clone(),
            offset: fault.offset,
            line: None,
            record: fault.record.clone(),
        }
    }
}

#[pymethods]
impl Run {
    /// Starts a run over these paths; each of the flags is one of the program's, as it is typed.
    #[new]
    #[pyo3(signature = (paths, flags, *, tells_rejects, tells_duplicates))]
    fn new(
        paths: Vec<PathBuf>,
        flags: Vec<String>,
        tells_rejects: bool,
        tells_duplicates: bool,
    ) -> PyResult<Self> {
        let mut config = config_of(&flags, &paths).map_err(PyValueError::new_err)?;
        config.tells_duplicates = tells_duplicates;
        let run = move |pieces| run_through(&config, tells_rejects, &pieces);
        Stream::start("citesift", run).map(Self)
    }

    /// The next records, rejects and duplicates, as lines of NDJSON; None at the end.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<[Bound<'py, PyBytes>; 3]>> {
        let piece = self.0.next(py)?;
        Ok(piece.map(|piece| {
            [piece.records, piece.rejects, piece.duplicates].map(|lines| PyBytes::new(py, &lines))
        }))
    }

    /// Ends the run, and gives its figures, its faults and the first sign of damage, as JSON.
    /// None when it was asked before.
    fn end(&self, py: Python) -> PyResult<Option<Accounts>> {
        self.0.end(py)?.map(accounts).transpose()
    }

    /// As `end`, but None when the run does not end soon: its input may say nothing for ever.
    fn close(&self, py: Python) -> PyResult<Option<Accounts>> {
        self.0.close(py)?.map(accounts).transpose()
    }
}

/// Figures, faults and the first sign of damage.
type Accounts = (String, String, Option<String>);

fn accounts(end: End) -> PyResult<Accounts> {
    let ended = end.map_err(crate::failed)?;
    Ok((ended.figures, ended.faults, ended.damage))
}

fn run_through(config: &Config, tells_rejects: bool, pieces: &Pieces<Piece>) -> End {
    let started = Instant::now();
    let mut damage = Damage::default();
    let hand_over = |output: &Output| {
        damage.look_at(output.rejects);
        let piece = Piece {
            records: output.records.to_vec(),
            rejects: match tells_rejects {
                true => lines_of(output.rejects),
                false => Vec::new(),
            },
            duplicates: output.duplicates.to_vec(),
        };
        Ok(pieces.hand_over(piece))
    };
    let mut memory: Memory = config.memory();
    let (start, watch) = (Checkpoint::default(), Watch::default());
    let summary = run_from(config, &start, &mut memory, &watch, hand_over);
    let summary = summary.map_err(|error| error.to_string())?;
    let faults: Vec<_> = summary.faults.iter().map(Fault::from).collect();
    Ok(Ended {
        figures: json(&summary.figures(started.elapsed())),
        faults: json(&faults),
        damage: damage.json(),
    })
}

/// The first reject that says that the input is damaged.
#[derive(Default)]
pub struct Damage(Option<Reject>);

impl Damage {
    pub fn look_at<'a>(&mut self, rejects: impl IntoIterator<Item = &'a Reject>) {
        let is_damage = |reject: &&Reject| RejectReason::DAMAGE.contains(&reject.reason);
        if self.0.is_none() {
            self.0 = rejects.into_iter().find(is_damage).cloned();
        }
    }

    pub fn json(&self) -> Option<String> {
        self.0.as_ref().map(json)
    }
}

fn lines_of(rejects: &[Reject]) -> Vec<u8> {
    let lines = rejects.iter().map(|reject| json(reject) + "\n");
    lines.collect::<String>().into_bytes()
}

/// As JSON, in which nothing here fails to be written.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("{error}"))
}
