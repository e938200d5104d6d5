//! Where the time of a run went.

use std::time::Duration;

use serde::Serialize;

/// Seconds of each stage. They are counted on its thread's clock, so that on a machine with fewer
/// cores than threads they hold the time in which the thread had no core.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Stages {
    /// In which the reader's threads together read bytes from files or standard input.
    pub source_seconds: f64,
    /// Decompresses and cuts texts into pages and containers into records.
    pub reader: Stage,
    pub parsers: Stage,
    pub deduplicator: Stage,
    /// Puts lines together.
    pub writer: Stage,
    /// In which the writer handed lines out: compressed them, wrote them, waited for who reads them.
    pub output_seconds: f64,
}

/// A stage's threads, and their seconds together.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Stage {
    pub threads: usize,
    /// In its own work.
    pub busy_seconds: f64,
    /// For the stages beside it.
    pub waiting_seconds: f64,
}

/// A part of the time that can be the limit.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub name: &'static str,
    pub threads: usize,
    /// Of one of its threads.
    pub seconds: f64,
}

impl Stage {
    /// What so many threads did, of which some was for others, that is not their own work.
    pub fn new(threads: usize, busy: Duration, for_others: Duration, waiting: Duration) -> Self {
        Self {
            threads,
            busy_seconds: busy.saturating_sub(for_others).as_secs_f64(),
            waiting_seconds: waiting.as_secs_f64(),
        }
    }
}

impl Stages {
    /// All that can be the limit, in the order of the pipeline.
    pub fn each(&self) -> [Share; 6] {
        let share = |name, stage: Stage, seconds: f64| {
            let threads = stage.threads.max(1);
            let seconds = seconds / threads as f64;
            Share {
                name,
                threads,
                seconds,
            }
        };
        let busy = |name, stage: Stage| share(name, stage, stage.busy_seconds);
        [
            share("source", self.reader, self.source_seconds),
            busy("reader", self.reader),
            busy("parsers", self.parsers),
            busy("deduplicator", self.deduplicator),
            busy("writer", self.writer),
            share("output", self.writer, self.output_seconds),
        ]
    }

    /// The one that the others waited for: whose threads were busy longest, the first of equals.
    pub fn limit(&self) -> &'static str {
        let shares = self.each().into_iter();
        let longest = shares.reduce(|a, b| if b.seconds > a.seconds { b } else { a });
        longest.map_or("source", |share| share.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_where_one_thread_was_busy_longest() {
        let seconds = Duration::from_secs;
        let mut stages = Stages {
            source_seconds: 1.5,
            reader: Stage::new(1, seconds(3), seconds(1), seconds(9)),
            parsers: Stage::new(4, seconds(6), Duration::ZERO, seconds(0)),
            ..Stages::default()
        };
        assert_eq!(stages.limit(), "reader");
        stages.parsers.threads = 2;
        assert_eq!(stages.limit(), "parsers");
        stages.output_seconds = 3.5;
        assert_eq!(stages.limit(), "output");
        assert_eq!(Stages::default().limit(), "source");
        let threads = stages.each().map(|share| share.threads);
        assert_eq!(threads, [1, 1, 2, 1, 1, 1]);
        stages.reader.threads = 3;
        assert_eq!(stages.each()[1].threads, 3);
        assert!((stages.each()[1].seconds - 2.0 / 3.0).abs() < 1e-9);
    }
}
