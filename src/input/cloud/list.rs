//! Addresses as objects: one, or those below a prefix, in the byte order of their keys. Stores list
//! in that order or nearly so; the whole list is held and sorted, some 200 bytes an object.
//!
//! Of a run that reads them all, the next few are begun ahead: many small ones would otherwise
//! take a server's whole delay each.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::vec;

use super::address::path_of;
use super::fetch::Wanted;
use super::{Address, Network, Object};
use crate::input::{Patience, WalkError};

/// Objects that are begun before they are asked for.
const BEGUN: usize = 8;

/// A run's way to the stores.
pub struct Reach {
    patience: Patience,
    reads_ahead: bool,
    network: Option<Arc<Network>>,
}

/// An object, or a key that no object can be asked for by.
type Found = Result<Object, WalkError>;

type Objects = Box<dyn Iterator<Item = Found> + Send>;

impl Reach {
    /// `reads_ahead` where every object is read, one after the other.
    pub fn new(patience: &Patience, reads_ahead: bool) -> Self {
        Self {
            patience: patience.clone(),
            reads_ahead,
            network: None,
        }
    }

    /// The objects that an address stands for.
    pub fn objects(&mut self, address: &Address) -> Objects {
        match self.found(address) {
            Ok(objects) => Box::new(Ahead {
                objects: objects.into_iter(),
                begun: VecDeque::new(),
                most: if self.reads_ahead { BEGUN } else { 0 },
            }),
            Err(error) => Box::new(std::iter::once(Err(WalkError {
                path: address.as_str().to_owned(),
                error,
            }))),
        }
    }

    fn found(&mut self, address: &Address) -> io::Result<Vec<Found>> {
        let network = self.network()?;
        let store = network.store(&address.store)?;
        let path = address.path().map_err(io::Error::other)?;
        let wanted = Wanted { store, path };
        if !address.is_prefix() {
            return Ok(vec![Ok(Object {
                name: address.as_str().to_owned(),
                wanted,
                network,
                listed: None,
                begun: Arc::default(),
            })]);
        }
        // On the network's thread: a panic in it is this address's error alone.
        let below = wanted.clone();
        let listing = network.spawn(async move { below.below().await });
        let listed = network.wait(listing.outcome())??;
        let mut listed = listed.map_err(|failure| failure.error)?;
        if listed.is_empty() {
            return Err(io::Error::other("nothing is there"));
        }
        // The marks of folders, in stores that know none.
        listed.retain(|(key, version)| version.length > 0 || !key.ends_with('/'));
        listed.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let found = |(key, version): (String, _)| {
            let name = address.name_of(&key);
            match path_of(&key) {
                Ok(path) => Ok(Object {
                    name,
                    wanted: Wanted {
                        store: Arc::clone(&wanted.store),
                        path,
                    },
                    network: Arc::clone(&network),
                    listed: Some(version),
                    begun: Arc::default(),
                }),
                Err(why) => Err(WalkError {
                    path: name,
                    error: io::Error::other(why),
                }),
            }
        };
        Ok(listed.into_iter().map(found).collect())
    }

    fn network(&mut self) -> io::Result<Arc<Network>> {
        if let Some(network) = &self.network {
            return Ok(Arc::clone(network));
        }
        let network = Arc::new(Network::new(&self.patience)?);
        self.network = Some(Arc::clone(&network));
        Ok(network)
    }
}

/// Objects, of which the next ones are begun.
struct Ahead {
    objects: vec::IntoIter<Found>,
    begun: VecDeque<Found>,
    most: usize,
}

impl Iterator for Ahead {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while self.begun.len() <= self.most
            && let Some(object) = self.objects.next()
        {
            if self.most > 0
                && let Ok(object) = &object
            {
                object.read_ahead();
            }
            self.begun.push_back(object);
        }
        self.begun.pop_front()
    }
}
