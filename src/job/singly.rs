//! The pages of the inputs one by one, each parsed by itself into a report, for those who hold an
//! output against them.
//!
//! The reader is that of a run, and so is the grammar. A page's bytes alone are parsed, not the
//! batch they came in, none is passed over because it shows no sign of a report, and no piece of
//! output is written. Nothing is decided about repeats.

use std::borrow::Cow;
use std::mem;
use std::ops::{ControlFlow, Range};
use std::sync::mpsc::sync_channel;
use std::thread;

use serde_json::value::RawValue;

use super::checkpoint::Checkpoint;
use super::page::{Alone, string};
use super::read::Reading;
use super::stand::{self, InRecord};
use super::{Config, Watch, error_of};
use crate::buffers::Buffers;
use crate::dedup::Dedup;
use crate::error::{Error, ReadError};
use crate::grammar::may_be_report;
use crate::input::{Batch, Behind, Content, Entry, Origin, Part, Paths, Taking, Text};
use crate::model::{Meta, Report};
use crate::pipeline::{Passage, Stages};
use crate::sink::ndjson::At;
use crate::split::pages;

/// What stands in one place of the inputs.
#[derive(Debug)]
pub enum Single {
    /// A report page, with every block that it prints.
    Report(Box<Report>),
    /// Another site's page.
    Skipped,
    /// A page that may be a report, and is not in the sample.
    Unsampled,
    /// What a run rejects.
    Refused,
    /// A container's record without a page.
    NotRead,
}

/// Hands out what the inputs hold, in their order, until they end or `each` breaks. Returns the
/// sources that could not be read, or not to their end.
///
/// # Errors
/// What `each` returns; a thread that did not start; a panic in a stage.
pub fn singly(
    config: &Config,
    watch: &Watch,
    mut each: impl FnMut(Single) -> Result<ControlFlow<()>, Error>,
) -> Result<Vec<ReadError>, Error> {
    let buffers = Buffers::new(config.largest_buffer());
    let start = Checkpoint::default();
    let taking = Taking {
        paths: Paths::new(&config.fields),
        max_page: config.max_page.get(),
    };
    let reading = Reading::new(config, &start, watch, &buffers);
    thread::scope(|threads| {
        // One batch waits while another is looked at.
        let (sender, batches) = sync_channel(1);
        let stages = Stages {
            sections: reading.sections(),
            read: |section, passage: &mut dyn Passage<_>| reading.read(section, passage),
            worker: || |batch, _: &mut dyn FnMut(_)| singles_of(batch, config, &taking, &buffers),
            decide: |singles: Vec<Met>| singles,
            write: move |singles| {
                Ok(match sender.send(singles) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                })
            },
        };
        let read = threads.spawn(|| stages.run(config.threads).map_err(error_of));
        let (mut looked_at, mut faults) = (Ok(ControlFlow::Continue(())), Vec::new());
        for met in batches.iter().flatten() {
            match met {
                Ok(single) => looked_at = each(single),
                Err(fault) => {
                    (watch.on_fault)(&fault);
                    faults.push(fault);
                }
            }
            if !matches!(looked_at, Ok(ControlFlow::Continue(()))) {
                break;
            }
        }
        drop(batches);
        let read = read.join().unwrap_or_else(|_| {
            Err(Error::Panic {
                stage: "singly".to_owned(),
                message: "the run's thread panicked".to_owned(),
            })
        });
        let _ = looked_at?;
        read.map(|_| faults)
    })
}

/// What stands in a place, or a source that could not be read.
type Met = Result<Single, ReadError>;

fn singles_of(mut batch: Batch, config: &Config, taking: &Taking, buffers: &Buffers) -> Vec<Met> {
    let mut taken = Taken {
        config,
        singles: Vec::new(),
    };
    let (mut all, mut faults) = (Vec::new(), mem::take(&mut batch.faults));
    for (number, part) in batch.parts.iter().enumerate() {
        all.extend(faults.before(number).map(Err));
        match &part.content {
            Content::Pages(pages) => taken.pages(&batch, part, pages.clone()),
            Content::Records(records) => batch.entries(part, records, taking, &mut |entry| {
                taken.entry(entry, &part.origin);
            }),
        }
        taken.singles.extend(match &part.behind {
            Some(Behind::Refused(_)) => Some(Single::Refused),
            Some(Behind::Passed { not_read, .. }) => not_read.map(|_| Single::NotRead),
            None => None,
        });
        all.extend(taken.singles.drain(..).map(Ok));
    }
    all.extend(faults.rest().map(Err));
    buffers.give(batch.text);
    all
}

struct Taken<'a> {
    config: &'a Config,
    singles: Vec<Single>,
}

impl Taken<'_> {
    fn pages(&mut self, batch: &Batch, part: &Part, pages: Range<usize>) {
        for (number, range) in batch.pages[pages].iter().enumerate() {
            let text = &batch.text[range.clone()];
            if may_be_report(text) && self.leaves_out(text) {
                self.singles.push(Single::Unsampled);
                continue;
            }
            self.page(text, false, &stand::in_text(part, range, number == 0));
        }
    }

    fn entry(&mut self, entry: Entry, origin: &Origin) {
        match entry {
            Entry::Text(text) => self.text(&text, origin),
            Entry::Skipped(_) => self.singles.push(Single::Skipped),
            Entry::NotRead(_) => self.singles.push(Single::NotRead),
            Entry::Refused(_) => self.singles.push(Single::Refused),
        }
    }

    fn text(&mut self, text: &Text, origin: &Origin) {
        let mut stand = InRecord::of(text, origin);
        let ranges = pages(&text.text);
        let is_single = ranges.len() == 1;
        let may_be_left_out = stand.is_at_report() || may_be_report(&text.text);
        if ranges.is_empty() {
            self.singles.push(Single::Skipped);
        }
        for range in ranges {
            let at = stand.at(&range);
            let at_address = is_single && stand.is_at_report();
            let page = &text.text[range];
            if page.len() > self.config.max_page.get() {
                self.singles.push(Single::Refused);
            } else if may_be_left_out && self.leaves_out(page) {
                self.singles.push(Single::Unsampled);
                if self.report(page, at_address).is_some() {
                    stand.give_address();
                }
            } else if self.page(page, at_address, &at) {
                stand.give_address();
            }
        }
    }

    /// Parses one page; true when it is a report.
    fn page(&mut self, text: &[u8], at_address: bool, at: &At) -> bool {
        let Some(mut report) = self.report(text, at_address) else {
            self.singles.push(Single::Skipped);
            return false;
        };
        let owned = |text: &Option<Cow<str>>| text.as_deref().map(str::to_owned);
        report.url = owned(&at.url);
        report.report_id = at.report_id.map(string);
        at.path.clone_into(&mut report.source.path);
        report.source.offset = at.offset;
        report.source.record = owned(&at.record);
        report.source.date = owned(&at.date);
        let meta = at.meta.map(|meta| RawValue::from_string(meta.to_owned()));
        report.meta = meta.and_then(Result::ok).map(Meta);
        self.singles.push(Single::Report(Box::new(report)));
        true
    }

    fn report(&self, text: &[u8], at_address: bool) -> Option<Report> {
        let alone = Alone {
            at_address,
            scope: Dedup::Off,
            near: self.config.near,
        };
        alone.report(text)
    }

    fn leaves_out(&self, page: &[u8]) -> bool {
        self.config.sample.is_some_and(|sample| !sample.has(page))
    }
}
