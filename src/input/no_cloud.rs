//! What stands in for `cloud` in a build without it: no address can be made, so none is read.

use std::io;

use super::{Opened, Patience, Stream, WalkError, without_user};
use crate::place::Printable;

/// None can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {}

/// None can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {}

impl Address {
    /// None.
    ///
    /// # Errors
    /// The sentence that says which build reads it.
    pub fn of(typed: &str, scheme: &str) -> Result<Self, String> {
        Err(format!(
            "`{}`: this build reads no {scheme}://; the released programs do, and so does one \
             that is built with `--features cloud`",
            Printable(&without_user(typed))
        ))
    }

    pub fn as_str(&self) -> &str {
        match *self {}
    }
}

impl Object {
    pub fn name(&self) -> &str {
        match *self {}
    }

    pub fn length(&self) -> Option<u64> {
        match *self {}
    }

    pub fn opened(&self) -> Opened {
        match *self {}
    }

    /// Not called.
    ///
    /// # Errors
    /// None.
    pub fn open(&self, _from: u64) -> io::Result<(Stream<'static>, u64)> {
        match *self {}
    }
}

/// Where objects would be asked for.
pub struct Reach;

impl Reach {
    pub fn new(_patience: &Patience, _ahead: bool) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the other one needs it")]
    pub fn objects(
        &mut self,
        address: &Address,
    ) -> Box<dyn Iterator<Item = Result<Object, WalkError>> + Send> {
        match *address {}
    }
}
