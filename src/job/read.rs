//! The first stage: reads the sources in order and passes on batches.

use std::ops::ControlFlow;

use super::{Config, Watch};
use crate::buffers::Buffers;
use crate::error::ReadError;
use crate::input::{self, Batch, Origin, Packer, sources};

/// Reads every source; returns those that could not be read, or not to their end.
pub fn read_all(
    config: &Config,
    watch: &Watch,
    buffers: &Buffers,
    pass: &mut dyn FnMut(Batch) -> ControlFlow<()>,
) -> Vec<ReadError> {
    let mut faults = Vec::new();
    let mut on_fault = |fault: ReadError| {
        (watch.on_fault)(&fault);
        faults.push(fault);
    };
    let (limits, progress) = (config.limits(), &watch.bytes_read);
    let fields = &config.fields;
    let mut packer = Packer::new(limits, fields, progress, buffers, pass, &mut on_fault);
    for source in sources(&config.inputs) {
        let flow = match source {
            Ok(source) => input::read(&mut packer, &source, config.format),
            Err(error) => {
                packer.fault(&Origin::of_source(error.path), None, error.error);
                ControlFlow::Continue(())
            }
        };
        if flow.is_break() {
            return faults;
        }
    }
    packer.finish();
    faults
}
