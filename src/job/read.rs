//! The first stage: opens the sources in order and passes on batches of whole pages.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;

use super::Watch;
use crate::buffers::Buffers;
use crate::error::ReadError;
use crate::input::{Batch, Input, Limits, Source, TextReader, sources};

/// Reads every source; returns those that could not be read, or not to their end.
pub fn read_all(
    inputs: &[Input],
    limits: Limits,
    watch: &Watch,
    buffers: &Buffers,
    pass: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Vec<ReadError> {
    let mut faults = Vec::new();
    let mut fault = |path: String, source| {
        let fault = ReadError { path, source };
        (watch.on_fault)(&fault);
        faults.push(fault);
    };
    let mut reader = TextReader::new(limits, &watch.bytes_read, buffers, pass);
    for source in sources(inputs) {
        let (name, opened) = match source {
            Ok(source) => (source.name(), open(&source)),
            Err(error) => (error.path, Err(error.error)),
        };
        let mut stream = match opened {
            Ok(stream) => stream,
            Err(error) => {
                fault(name, error);
                continue;
            }
        };
        let (flow, outcome) = reader.read(&name, &mut *stream);
        if let Err(error) = outcome {
            fault(name, error);
        }
        if flow.is_break() {
            return faults;
        }
    }
    reader.finish();
    faults
}

fn open(source: &Source) -> io::Result<Box<dyn Read>> {
    Ok(match source {
        Source::Stdin => Box::new(io::stdin().lock()),
        Source::File(path) => Box::new(File::open(path)?),
    })
}
