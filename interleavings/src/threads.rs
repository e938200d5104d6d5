//! What `src/pipeline/threads.rs` names, over shuttle.
//!
//! Two things are added to shuttle's threads. A panic in one is caught and is what joining it
//! returns, as with the standard library's; shuttle takes it for the end of the test. And
//! scoped threads have names. To its channels is added how many items they hold.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

pub use shuttle::sync::mpsc::TryRecvError;
use shuttle::sync::mpsc::{RecvError, SendError, SyncSender, sync_channel};
use shuttle::thread;
pub use shuttle::thread::{Scope, scope, yield_now};

/// An empty channel that holds so many items.
pub fn bounded<T>(items: usize) -> (Sender<T>, Receiver<T>) {
    let ((sender, receiver), held) = (sync_channel(items), Arc::new(AtomicUsize::new(0)));
    let to = Sender {
        sender,
        held: Arc::clone(&held),
    };
    (to, Receiver { receiver, held })
}

pub struct Sender<T> {
    sender: SyncSender<T>,
    held: Arc<AtomicUsize>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            held: Arc::clone(&self.held),
        }
    }
}

impl<T> Sender<T> {
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.held.fetch_add(1, SeqCst);
        self.sender.send(item)
    }

    /// How many items it holds, and how many are about to be sent or have just been taken.
    pub fn len(&self) -> usize {
        self.held.load(SeqCst)
    }
}

pub struct Receiver<T> {
    receiver: shuttle::sync::mpsc::Receiver<T>,
    held: Arc<AtomicUsize>,
}

impl<T> Receiver<T> {
    pub fn recv(&self) -> Result<T, RecvError> {
        self.receiver.recv().inspect(|_| self.took())
    }

    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receiver.try_recv().inspect(|_| self.took())
    }

    fn took(&self) {
        self.held.fetch_sub(1, SeqCst);
    }
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
