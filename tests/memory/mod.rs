//! How much memory a program has that a test has started.

use std::fs;
use std::process::Child;

/// The most it has held so far, in kB, without what it maps of its own file: a build for tests is
/// large. 0 where nothing tells it.
pub fn most_held_by(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let figure = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let size = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        size.unwrap_or(0_u64)
    };
    figure("VmHWM").saturating_sub(figure("RssFile"))
}
