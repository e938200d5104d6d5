//! How much memory a program has that a test has started.

use std::fs;
use std::process::Child;

/// A figure of `/proc/PID/status`, such as `VmHWM`, in kB; 0 where there is none.
pub fn memory_of(child: &Child, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(figure));
    let size = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    size.unwrap_or(0)
}
