//! What `src/pipeline/threads.rs` names, over shuttle.
//!
//! Two things are added to shuttle's threads. A panic in one is caught and is what joining it
//! returns, as with the standard library's; shuttle takes it for the end of the test. And
//! scoped threads have names.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::sync::mpsc::sync_channel;
pub use shuttle::sync::mpsc::{Receiver, SyncSender as Sender, TrySendError};
use shuttle::thread;
pub use shuttle::thread::{Scope, scope};

/// An empty channel that holds so many items.
pub fn bounded<T>(items: usize) -> (Sender<T>, Receiver<T>) {
    sync_channel(items)
}

#[derive(Default)]
pub struct Builder {
    name: Option<String>,
}

impl Builder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn name(mut self, name: String) -> Self {
        self.name = Some(name);
        self
    }

    pub fn spawn<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        if !crate::start_is_allowed() {
            return Err(no_thread());
        }
        let caught = || catch_unwind(AssertUnwindSafe(work));
        let handle = thread::Builder::new().spawn(caught)?;
        Ok(JoinHandle(handle))
    }

    pub fn spawn_scoped<'scope, T: Send + 'scope>(
        self,
        threads: &'scope Scope<'scope, '_>,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> io::Result<ScopedJoinHandle<'scope, T>> {
        if !crate::start_is_allowed() {
            return Err(no_thread());
        }
        let handle = threads.spawn(|| catch_unwind(AssertUnwindSafe(work)));
        let thread = Thread { name: self.name };
        Ok(ScopedJoinHandle { thread, handle })
    }
}

fn no_thread() -> io::Error {
    io::Error::other("no more threads")
}

pub struct JoinHandle<T>(thread::JoinHandle<thread::Result<T>>);

impl<T> JoinHandle<T> {
    pub fn join(self) -> thread::Result<T> {
        self.0.join().and_then(|caught| caught)
    }
}

pub struct ScopedJoinHandle<'scope, T> {
    thread: Thread,
    handle: thread::ScopedJoinHandle<'scope, thread::Result<T>>,
}

impl<T> ScopedJoinHandle<'_, T> {
    pub fn thread(&self) -> &Thread {
        &self.thread
    }

    pub fn join(self) -> thread::Result<T> {
        self.handle.join().and_then(|caught| caught)
    }
}

pub struct Thread {
    name: Option<String>,
}

impl Thread {
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}
