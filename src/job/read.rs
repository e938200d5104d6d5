//! The first stage: reads the sources in order and passes on batches.

use std::cell::{Cell, RefCell};
use std::mem;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::checkpoint::{Checkpoint, Fault};
use super::{Config, Watch};
use crate::buffers::Buffers;
use crate::error::ReadError;
use crate::input::{self, Batch, Before, Origin, Packer, Patience, sources_to_read};

/// A batch, and what a checkpoint behind it needs of the reader.
#[derive(Default)]
pub struct ReadBatch {
    pub batch: Batch,
    /// Faults up to the batch's border, where it has one.
    pub faults: Vec<Fault>,
}

/// What came of reading.
pub struct Read {
    /// Sources that could not be read, or not to their end.
    pub faults: Vec<ReadError>,
    /// It stopped at a border, because that was asked for.
    pub is_interrupted: bool,
}

/// Reads every source from the checkpoint on.
pub fn read_all(
    config: &Config,
    start: &Checkpoint,
    watch: &Watch,
    buffers: &Buffers,
    pass: &mut dyn FnMut(ReadBatch) -> ControlFlow<()>,
) -> Read {
    let is_interrupted = Cell::new(false);
    let patience = Patience::until(&watch.interrupted);
    let faults = RefCell::new(
        start
            .faults
            .iter()
            .cloned()
            .map(ReadError::from)
            .collect::<Vec<_>>(),
    );
    let opened = RefCell::new(Vec::new());
    let mut on_fault = |fault: ReadError| {
        if patience.is_over() {
            return;
        }
        (watch.on_fault)(&fault);
        faults.borrow_mut().push(fault);
    };
    let mut pass_on = |mut batch: Batch| {
        // What is read now lacks what was not waited for: the run goes on from its last checkpoint.
        if patience.is_over() {
            is_interrupted.set(true);
            return ControlFlow::Break(());
        }
        batch.opened = mem::take(&mut *opened.borrow_mut());
        let is_last = batch.border.is_some() && watch.interrupted.load(Ordering::Relaxed);
        let faults = match batch.border {
            Some(_) => faults.borrow().iter().map(Fault::from).collect(),
            None => Vec::new(),
        };
        match pass(ReadBatch { batch, faults }) {
            ControlFlow::Continue(()) if is_last => {
                is_interrupted.set(true);
                ControlFlow::Break(())
            }
            flow => flow,
        }
    };
    let last = Cell::new(Instant::now());
    let mut is_due = || {
        let Some(interval) = config.checkpoints else {
            return false;
        };
        let is_due = last.get().elapsed() >= interval || watch.interrupted.load(Ordering::Relaxed);
        if is_due {
            last.set(Instant::now());
        }
        is_due
    };
    let (limits, meter) = (config.limits(), &watch.meter);
    let fields = &config.fields;
    let mut packer = Packer::new(limits, fields, meter, buffers, &mut pass_on, &mut on_fault);
    packer.is_due = Some(&mut is_due);
    let border = start.border;
    let end = || Read {
        faults: faults.take(),
        is_interrupted: is_interrupted.get(),
    };
    for (source, number) in sources_to_read(&config.inputs, &patience)
        .zip(0..)
        .skip(border.source as usize)
    {
        packer.source = number;
        let before = match number == border.source {
            true => Before {
                at: border.at,
                lines: border.lines,
                is_report: border.is_report,
            },
            false => Before::default(),
        };
        // The one in whose middle it begins was told before.
        if config.checkpoints.is_some() && before.at == 0 {
            opened.borrow_mut().push(input::opened(&source));
        }
        let flow = match source {
            Ok(source) => {
                let name = source.name();
                input::read(&mut packer, name, &source, before, config.format)
            }
            Err(error) => {
                packer.fault(&Origin::of_source(error.path), None, error.error);
                ControlFlow::Continue(())
            }
        };
        packer.source = number + 1;
        if flow.is_break() || packer.border(0).is_break() {
            return end();
        }
    }
    packer.finish();
    end()
}
