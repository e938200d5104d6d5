//! How far pages have moved away from the layout that the grammar knows.
//!
//! Lines that no part of a page claims are counted by their shape. The memory is bounded, and what is
//! counted does not depend on threads or batches: of a page the first [`ON_PAGE`] different
//! shapes are told apart, of a run the first [`IN_RUN`], both in the input's order. The lines of
//! any others are counted together.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::model::RejectPlace;

/// Different shapes that are told apart on one page, and in a run.
pub const ON_PAGE: usize = 32;
pub const IN_RUN: usize = 256;

/// Lines that no part of an emitted page claims, by their shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Lines of the emitted pages, known or not, blank ones too.
    pub lines: u64,
    /// The commonest first when the run has ended, in the order of the shapes before.
    pub shapes: Vec<Shape>,
    /// Unrecognized lines of further shapes.
    pub other: u64,
}

/// Unrecognized lines of one shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The line, with numbers and names folded.
    pub shape: String,
    pub lines: u64,
    /// Where the first of them stands.
    pub first: RejectPlace,
}

impl Drift {
    /// Adds lines of one shape.
    pub fn add(&mut self, shape: &str, lines: u64, first: impl FnOnce() -> RejectPlace) {
        let by_shape = |known: &Shape| known.shape.as_str().cmp(shape);
        match self.shapes.binary_search_by(by_shape) {
            Ok(known) => self.shapes[known].lines += lines,
            Err(_) if self.shapes.len() >= IN_RUN => self.other += lines,
            Err(at) => {
                let shape = Shape {
                    shape: shape.to_owned(),
                    lines,
                    first: first(),
                };
                self.shapes.insert(at, shape);
            }
        }
    }

    /// Lines of any shape.
    pub fn unrecognized(&self) -> u64 {
        self.other + self.shapes.iter().map(|shape| shape.lines).sum::<u64>()
    }

    /// Puts the commonest shapes first, of equally common ones the first in the order of shapes.
    pub fn rank(&mut self) {
        self.shapes.sort_by_key(|shape| Reverse(shape.lines));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> RejectPlace {
        RejectPlace {
            path: "a".to_owned(),
            offset: 0,
            line: None,
            record: None,
        }
    }

    #[test]
    fn the_first_shapes_are_counted_and_the_rest_together() {
        let mut drift = Drift::default();
        for number in (0..IN_RUN + 10).rev() {
            drift.add(&format!("{number:03}"), 1, place);
        }
        drift.add("265", 2, place);
        drift.add("000", 5, place);
        assert_eq!((drift.shapes.len(), drift.other), (IN_RUN, 10 + 5));
        assert_eq!(drift.unrecognized(), (IN_RUN + 10 + 2 + 5) as u64);
        drift.rank();
        let names = drift.shapes.iter().map(|shape| shape.shape.as_str());
        assert_eq!(names.take(3).collect::<Vec<_>>(), ["265", "010", "011"]);
    }
}
