//! The channels and threads that the pipeline is made of: nothing but names.

pub use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, scope};

pub use crossbeam_channel::{Receiver, Sender, bounded};
