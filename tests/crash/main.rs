//! Nothing is lost and nothing made up, whatever call of a run is its last, fails, or never reaches
//! the disk: `strace` makes it so at one call after another, and the same command with `--resume`
//! must end with the bytes of a run that nothing has happened to.
//!
//! Calls are those by which the standard library asks a Linux of this architecture.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod disk;
mod faults;
mod kills;
mod place;
mod power_cuts;
mod trace;
#[path = "../untimed/mod.rs"]
mod untimed;
