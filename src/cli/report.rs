//! The file of `--report`: opened before the run, written when it has ended, and meanwhile told how
//! far that is.

use std::env;
use std::time::{Duration, Instant, SystemTime};

use super::args::Args;
use super::outputs::NamedFile;
use super::resume::Interrupted;
use crate::error::Error;
use crate::job::{Config, Summary, Watch};
use crate::progress::Timeline;
use crate::report::{self, Run};
use crate::stats::{Content, Stats};

/// A report that is to be written.
pub struct Report {
    file: NamedFile,
    began: SystemTime,
    timeline: Timeline,
    /// What was counted before this run, which goes on.
    before: Option<Stats>,
}

impl Report {
    /// Opens the file, where one is named.
    pub fn asked_for(
        args: &Args,
        started: Instant,
        interrupted: Option<&Interrupted>,
    ) -> Result<Option<Self>, Error> {
        let Some(path) = &args.report else {
            return Ok(None);
        };
        let before = interrupted.map(|run| &run.checkpoint().stats);
        let (bytes, pages) = before.map_or((0, 0), |stats| (stats.bytes.read, stats.pages.seen));
        Ok(Some(Self {
            file: NamedFile::create(path)?,
            began: SystemTime::now(),
            timeline: Timeline::begin(started, bytes, pages),
            before: before.cloned(),
        }))
    }

    /// Notes how far the run is.
    pub fn note(&mut self, watch: &Watch) {
        self.timeline.note(watch);
    }

    /// Writes what came of the run into the file, which is then to be given its name.
    pub fn written(
        mut self,
        config: &Config,
        (summary, content): (&Summary, &Content),
        elapsed: Duration,
        (code, verdict): (u8, Option<&str>),
    ) -> Result<NamedFile, Error> {
        let stats = &summary.stats;
        self.file.text(report::html(&Run {
            summary,
            content,
            config,
            before: self.before.as_ref(),
            points: self
                .timeline
                .end(elapsed, stats.bytes.read, stats.pages.seen),
            began: self.began,
            elapsed,
            command: env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            code,
            verdict,
        }))?;
        Ok(self.file)
    }
}
