//! The channels and threads that the pipeline is made of: nothing but names.
//!
//! `interleavings` puts a file with the same names in its place, over channels and threads
//! whose steps are put in order by a scheduler. So no other file of the pipeline names them.

pub use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle, scope, yield_now};

pub use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
