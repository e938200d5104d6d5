//! The first stage: opens the sources in order and passes on batches of whole pages.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use super::Watch;
use crate::buffers::Buffers;
use crate::error::ReadError;
use crate::input::{Batch, Input, Limits, Source, Stream, TextReader, decoded, sources};

/// Reads every source; returns those that could not be read, or not to their end.
pub fn read_all(
    inputs: &[Input],
    limits: Limits,
    watch: &Watch,
    buffers: &Buffers,
    pass: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Vec<ReadError> {
    let mut faults = Vec::new();
    let mut fault = |path: String, offset, source| {
        let fault = ReadError {
            path,
            offset,
            source,
        };
        (watch.on_fault)(&fault);
        faults.push(fault);
    };
    let mut reader = TextReader::new(limits, &watch.bytes_read, buffers, pass);
    for source in sources(inputs) {
        let (name, opened) = match source {
            Ok(source) => (source.name(), open(&source)),
            Err(error) => (error.path, Err(error.error)),
        };
        let decoded = match opened.and_then(|stream| decoded(stream, &watch.bytes_read)) {
            Ok(decoded) => decoded,
            Err(error) => {
                fault(name, None, error);
                continue;
            }
        };
        let (flow, outcome) = reader.read(&name, decoded);
        if let Err((offset, error)) = outcome {
            fault(name, Some(offset), error);
        }
        if flow.is_break() {
            return faults;
        }
    }
    reader.finish();
    faults
}

fn open(source: &Source) -> io::Result<Stream<'static>> {
    Ok(match source {
        Source::Stdin => Box::new(io::stdin().lock()),
        Source::File(path) => Box::new(File::open(path)?),
    })
}
