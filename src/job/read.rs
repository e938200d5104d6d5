//! The first stage: opens the sources in order and passes on batches of whole pages.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Watch;
use crate::error::ReadError;
use crate::input::{Batch, Input, Limits, Source, TextReader, sources};

/// Reads every source; returns those that could not be read, or not to their end.
pub fn read_all(
    inputs: &[Input],
    limits: Limits,
    watch: &Watch,
    pass: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Vec<ReadError> {
    let mut faults = Vec::new();
    let mut fault = |path: String, source| {
        let fault = ReadError { path, source };
        (watch.on_fault)(&fault);
        faults.push(fault);
    };
    let mut reader = TextReader::new(limits, pass);
    for source in sources(inputs) {
        let (name, opened) = match source {
            Ok(source) => (source.name(), open(&source)),
            Err(error) => (error.path, Err(error.error)),
        };
        let stream = match opened {
            Ok(stream) => stream,
            Err(error) => {
                fault(name, error);
                continue;
            }
        };
        let mut counted = Counted {
            stream,
            bytes: &watch.bytes_read,
        };
        let (flow, outcome) = reader.read(&name, &mut counted);
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

/// Counts the bytes for those who watch.
struct Counted<'a> {
    stream: Box<dyn Read>,
    bytes: &'a AtomicU64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
