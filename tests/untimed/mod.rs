//! The numbers of a run without those that differ from run to run.

use serde_json::{Map, Value};

/// Takes all that is measured by a clock out of what `--stats` wrote.
pub fn without_times(stats: &mut Map<String, Value>) {
    let is_time = |name: &str| ["elapsed_seconds", "stages", "limit"].contains(&name);
    stats.retain(|name, _| !is_time(name));
}
