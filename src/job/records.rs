//! The pipeline as an iterator.

use std::mem;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::vec;

use super::{Config, Summary, run};
use crate::error::Error;
use crate::model::{Emit, Report};
use crate::sink::Form;

/// Reports of a run, in the input's order. Dropping it ends the run.
pub struct Records {
    lines: Option<Receiver<Vec<u8>>>,
    batch: vec::IntoIter<Report>,
    run: Option<JoinHandle<Result<Summary, Error>>>,
    summary: Option<Summary>,
}

/// Starts a run and gives its reports one by one; `config.form` does not matter.
///
/// ```
/// use citesift::{Config, Input, records};
///
/// let config = Config::new(vec![Input::Path("samples/complete-page/input.txt".into())]);
/// for report in records(config) {
///     println!("{:?}", report?.doi);
/// }
/// # Ok::<(), citesift::Error>(())
/// ```
pub fn records(mut config: Config) -> Records {
    config.form = Form::Ndjson(Emit::Reports);
    // One batch waits while another is iterated over.
    let (sender, lines) = sync_channel(1);
    let run = thread::spawn(move || {
        run(&config, |output| {
            Ok(match sender.send(output.records.to_vec()) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        })
    });
    Records {
        lines: Some(lines),
        batch: Vec::new().into_iter(),
        run: Some(run),
        summary: None,
    }
}

impl Records {
    /// What came of the run; none before the iterator has ended, or when it ended in an error.
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    fn end(&mut self) -> Option<Error> {
        self.lines = None;
        match self.run.take()?.join() {
            Ok(Ok(summary)) => {
                self.summary = Some(summary);
                None
            }
            Ok(Err(error)) => Some(error),
            Err(_) => Some(Error::Panic {
                stage: "records".to_owned(),
                message: "the run's thread panicked".to_owned(),
            }),
        }
    }
}

impl Iterator for Records {
    type Item = Result<Report, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(report) = self.batch.next() {
                return Some(Ok(report));
            }
            let Ok(lines) = self.lines.as_ref()?.recv() else {
                return self.end().map(Err);
            };
            let reports = serde_json::Deserializer::from_slice(&lines).into_iter();
            match reports.collect::<Result<Vec<Report>, _>>() {
                Ok(reports) => self.batch = reports.into_iter(),
                Err(error) => {
                    mem::take(&mut self.lines);
                    return Some(Err(Error::Panic {
                        stage: "records".to_owned(),
                        message: error.to_string(),
                    }));
                }
            }
        }
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        // The run ends when its output has nobody to go to; nothing outlives the iterator.
        self.end();
    }
}
