//! Inputs in object stores and on the web: an address is one object, or a prefix whose objects
//! are walked as a folder's files are. What they hold is told and read as for files.
//!
//! An object is read in ranges, a few of them ahead, each tried again from the byte it had come to.
//! Every range must be of the version that the first one was: bytes of two versions never mix,
//! and an object that changes is a fault. Nothing is written to a store.

mod address;
mod feed;
mod fetch;
mod list;
mod listing;
mod network;
mod settings;
mod store;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

pub use self::address::Address;
use self::feed::{Begun, Feed};
use self::fetch::{Version, Wanted};
pub use self::list::Reach;
use self::network::Network;
use super::{Opened, Stream};

/// One stream of bytes in a store.
#[derive(Clone)]
pub struct Object {
    /// Its address, as it was typed or with what was found behind that.
    name: String,
    wanted: Wanted,
    network: Arc<Network>,
    /// What a listing says of it.
    listed: Option<Version>,
    /// Where it was begun to be read before it was asked for.
    begun: Arc<Mutex<Option<Feed>>>,
}

impl Object {
    /// The name it has in records and messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its bytes, as far as nobody has to be asked.
    pub fn length(&self) -> Option<u64> {
        self.listed.as_ref().map(|version| version.length)
    }

    /// What it looks like now.
    pub fn opened(&self) -> Opened {
        let version = match &self.listed {
            Some(version) => Some(version.clone()),
            None => self.looked_at().ok(),
        };
        Opened {
            path: self.name.clone().into(),
            state: None,
            version: version.as_ref().map(Version::to_string),
        }
    }

    /// Its bytes from there on, and how many it has in all.
    ///
    /// # Errors
    /// It is not there, may not be read, or its store cannot be reached.
    pub fn open(&self, from: u64) -> io::Result<(Stream<'static>, u64)> {
        if let Some(0) = self.length() {
            // A range of nothing cannot be asked for.
            return Ok((Box::new(io::empty()), 0));
        }
        let Begun { version, incoming } = self.begin(from)?;
        Ok((Box::new(incoming), version.length))
    }

    /// Begins to read it, before anyone waits for that.
    fn read_ahead(&self) {
        if self.length() != Some(0) {
            self.keep(Feed::begin(&self.network, self.wanted.clone(), 0));
        }
    }

    fn looked_at(&self) -> io::Result<Version> {
        let begun = self.begun().take();
        let mut feed = begun.unwrap_or_else(|| Feed::begin(&self.network, self.wanted.clone(), 0));
        let version = feed.version()?;
        self.keep(feed);
        Ok(version)
    }

    fn begin(&self, from: u64) -> io::Result<Begun> {
        let begun = self.begun().take().filter(|_| from == 0);
        begun
            .unwrap_or_else(|| Feed::begin(&self.network, self.wanted.clone(), from))
            .wait()
    }

    fn keep(&self, feed: Feed) {
        *self.begun() = Some(feed);
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, Option<Feed>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Object {}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_tuple("Object").field(&self.name).finish()
    }
}
