//! Runs that are interrupted: whatever the moment, the input and the output, a run that goes on ends
//! with the same bytes as one that was never interrupted.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use citesift::job::{Checkpoint, Watch, run_from};
use citesift::stats::Stats;
use citesift::{Config, Dedup, Error, Input};

mod world;
use world::{crawl, dumps};

/// All that a run gives.
#[derive(Clone, Debug, Default, PartialEq)]
struct Given {
    records: Vec<u8>,
    rejects: Vec<String>,
    duplicates: Vec<u8>,
    stats: Stats,
    faults: Vec<String>,
}

/// A run with what it had given at each checkpoint, and what its memory had noted by then.
struct Watched {
    given: Given,
    checkpoints: Vec<(Checkpoint, Given, Vec<u8>)>,
}

fn config(input: &Path, dedup: Dedup) -> Config {
    let mut config = Config::new(vec![Input::Path(input.to_owned())]);
    config.dedup = dedup;
    config.tells_duplicates = true;
    config.threads = NonZeroUsize::new(2).unwrap();
    config.batch = NonZeroUsize::new(3000).unwrap();
    config.max_page = NonZeroUsize::new(20_000).unwrap();
    config.checkpoints = Some(Duration::ZERO);
    config
}

/// Runs from a checkpoint on, behind what was given before it.
fn run(config: &Config, start: &Checkpoint, before: &Given, news: &[u8]) -> Result<Watched, Error> {
    let mut memory = config.memory();
    memory.replay(news).unwrap();
    memory.count_as_new(start.new);
    memory.note_news();
    let (mut given, mut noted) = (before.clone(), news.to_vec());
    let mut checkpoints = Vec::new();
    let summary = run_from(config, start, &mut memory, &Watch::default(), |output| {
        given.records.extend_from_slice(output.records);
        let rejects = output.rejects.iter();
        given
            .rejects
            .extend(rejects.map(|reject| serde_json::to_string(reject).unwrap()));
        given.duplicates.extend_from_slice(output.duplicates);
        noted.extend_from_slice(output.news);
        if let Some(checkpoint) = &output.checkpoint {
            // As the journal holds it.
            let text = serde_json::to_string(checkpoint).unwrap();
            checkpoints.push((
                serde_json::from_str(&text).unwrap(),
                given.clone(),
                noted.clone(),
            ));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    given.stats = summary.stats;
    given.faults = summary.faults.iter().map(ToString::to_string).collect();
    Ok(Watched { given, checkpoints })
}

fn goes_on_anywhere(name: &str, input: &Path, dedup: Dedup) -> usize {
    let config = config(input, dedup);
    let whole = run(&config, &Checkpoint::default(), &Given::default(), &[]).unwrap();
    let most = whole.checkpoints.len();
    assert!(!whole.given.records.is_empty(), "{name}");
    // All of a few, some of many.
    for number in (0..most).step_by(most / 40 + 1) {
        let (checkpoint, before, news) = &whole.checkpoints[number];
        let mut config = config.clone();
        config.batch = NonZeroUsize::new(2000 + 977 * (number % 5)).unwrap();
        let resumed = run(&config, checkpoint, before, news).unwrap();
        assert!(
            resumed.given == whole.given,
            "{name}, {dedup:?}: checkpoint {number} of {most}, {:?}",
            checkpoint.border
        );
    }
    most
}

#[test]
fn a_run_goes_on_from_any_checkpoint_of_any_input() {
    let folder = tempfile::tempdir().unwrap();
    for (name, path) in dumps(folder.path()) {
        for dedup in [Dedup::Page, Dedup::Run] {
            let checkpoints = goes_on_anywhere(&name, &path, dedup);
            assert!(checkpoints > 2, "{name}: {checkpoints}");
        }
    }
}

#[test]
fn checkpoints_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("crawl.txt");
    fs::write(&path, crawl(0..60, 6)).unwrap();
    let mut config = config(&path, Dedup::Run);
    let with = run(&config, &Checkpoint::default(), &Given::default(), &[]).unwrap();
    config.checkpoints = None;
    let without = run(&config, &Checkpoint::default(), &Given::default(), &[]).unwrap();
    assert!(with.given == without.given);
    assert!(without.checkpoints.is_empty());
}
