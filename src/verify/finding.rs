//! What does not hold, and where. It names strangers' text, and shows it harmless.

use std::fmt;

use crate::place::{Place, Printable};

/// One thing that does not hold.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The line of the output, from 1; none of what is not there.
    pub line: Option<u64>,
    /// The page of the inputs, as far as it is known.
    pub place: Option<Place>,
    /// What is wrong, in a sentence.
    pub what: String,
}

impl Finding {
    /// What is wrong with this line, of this page.
    pub fn new(line: Option<u64>, place: Option<Place>, what: impl Into<String>) -> Self {
        Self {
            line,
            place,
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self.line, &self.place) {
            (Some(line), Some(place)) => write!(f, "line {line} ({place}): ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            (None, Some(place)) => write!(f, "{place}: ")?,
            (None, None) => {}
        }
        Printable(&self.what).fmt(f)
    }
}
