//! Work that one stage has done ahead, on threads of its own, and takes back in order.
//!
//! Items are dealt to the threads in turn and collected in the same turn. No more are under
//! way than the channels hold, so nothing ever waits to send. The threads end with the value.

use std::io;

use super::threads::{Builder, JoinHandle, Receiver, Sender, bounded};

/// Items at one thread: one in its hands and one before or behind it.
const ITEMS: usize = 2;

/// What a thread does with an item.
pub type Work<T> = Box<dyn FnMut(T) -> T + Send>;

/// A few threads, each started when it is first needed; or none, and the one who sends does the work.
pub struct Ahead<T> {
    name: &'static str,
    most: usize,
    work: fn() -> Work<T>,
    threads: Vec<Thread<T>>,
    own: Option<Work<T>>,
    done: Option<T>,
    sent: usize,
    received: usize,
}

struct Thread<T> {
    to: Sender<T>,
    from: Receiver<T>,
    handle: JoinHandle<()>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Starts no thread yet; `work` is called once for each.
    pub fn new(name: &'static str, threads: usize, work: fn() -> Work<T>) -> Self {
        Self {
            name,
            most: threads,
            work,
            threads: Vec::new(),
            own: None,
            done: None,
            sent: 0,
            received: 0,
        }
    }

    /// Whether another item can be sent while so many others are kept elsewhere.
    pub fn has_room_beside(&self, others: usize) -> bool {
        self.sent - self.received + others < (self.most * ITEMS).max(1)
    }

    /// Sends an item, if there is room.
    ///
    /// # Errors
    /// A thread that cannot be started, and one that panicked.
    pub fn send(&mut self, item: T) -> io::Result<()> {
        if self.most == 0 {
            let work = self.own.get_or_insert_with(self.work);
            self.done = Some(work(item));
            self.sent += 1;
            return Ok(());
        }
        let turn = self.sent % self.most;
        if turn == self.threads.len() {
            self.threads.push(self.start(turn)?);
        }
        self.sent += 1;
        let sent = self.threads[turn].to.send(item);
        sent.map_err(|_| self.panicked())
    }

    /// Waits for the oldest item under way; none when there is none.
    ///
    /// # Errors
    /// A thread that panicked.
    pub fn receive(&mut self) -> io::Result<Option<T>> {
        if self.sent == self.received {
            return Ok(None);
        }
        self.received += 1;
        if self.most == 0 {
            return Ok(self.done.take());
        }
        let turn = (self.received - 1) % self.most;
        let received = self.threads[turn].from.recv();
        received.map(Some).map_err(|_| self.panicked())
    }

    fn start(&self, number: usize) -> io::Result<Thread<T>> {
        let (to, items) = bounded(ITEMS);
        let (results, from) = bounded(ITEMS);
        let mut work = (self.work)();
        let name = format!("{}-{number}", self.name);
        let handle = Builder::new().name(name).spawn(move || {
            while let Ok(item) = items.recv() {
                if results.send(work(item)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Thread { to, from, handle })
    }

    fn panicked(&self) -> io::Error {
        io::Error::other(format!("bug: a thread {} panicked", self.name))
    }
}

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        // All channels are closed before the first thread is waited for.
        let threads = self.threads.drain(..);
        let handles: Vec<_> = threads.map(|thread| thread.handle).collect();
        for handle in handles {
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(threads: usize) -> Ahead<usize> {
        Ahead::new("doubling", threads, || {
            Box::new(|n| {
                assert!(n != 7, "seven");
                2 * n
            })
        })
    }

    #[test]
    fn items_come_back_in_order_and_never_more_are_under_way_than_there_is_room() {
        for threads in [0, 1, 2, 5] {
            let mut ahead = ahead(threads);
            let (mut sent, mut found) = (100, Vec::new());
            while found.len() < 100 {
                while sent < 200 && ahead.has_room_beside(0) {
                    ahead.send(sent).unwrap();
                    sent += 1;
                }
                assert!(sent - 100 - found.len() <= (threads * ITEMS).max(1));
                found.extend(ahead.receive().unwrap());
            }
            assert_eq!(found, (100..200).map(|n| 2 * n).collect::<Vec<_>>());
            assert!(ahead.receive().unwrap().is_none());
        }
    }

    #[test]
    fn a_panic_is_an_error_and_dropping_it_with_items_under_way_ends_it() {
        let mut broken = ahead(1);
        broken.send(7).unwrap();
        assert!(broken.receive().is_err());
        let mut dropped = ahead(2);
        dropped.send(1).unwrap();
        dropped.send(2).unwrap();
    }
}
