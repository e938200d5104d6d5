//! What a record says about itself when its page does not add up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One kind of inconsistency. The order of the variants is the order in the record.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Warning {
    /// The counts by type do not sum to the total.
    TallySumMismatch,
    /// The counts' second copy differs from the first.
    TallyRepeatMismatch,
    /// The years of the slider are not in order.
    YearRangeDisorder,
    /// The page ends before its statements.
    TruncatedPage,
    /// A statement has no closing quotation mark, no section line, or no type.
    TruncatedStatement,
    /// The page has no DOI line at its top.
    NoHeader,
    /// Bytes that are no UTF-8 were replaced by U+FFFD.
    InvalidUtf8,
    /// Lines that no part of the page claims.
    UnrecognizedLines,
}

impl Warning {
    /// Every warning, in the record's order.
    pub const ALL: [Self; 8] = [
        Self::TallySumMismatch,
        Self::TallyRepeatMismatch,
        Self::YearRangeDisorder,
        Self::TruncatedPage,
        Self::TruncatedStatement,
        Self::NoHeader,
        Self::InvalidUtf8,
        Self::UnrecognizedLines,
    ];

    /// The name as written in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TallySumMismatch => "tally_sum_mismatch",
            Self::TallyRepeatMismatch => "tally_repeat_mismatch",
            Self::YearRangeDisorder => "year_range_disorder",
            Self::TruncatedPage => "truncated_page",
            Self::TruncatedStatement => "truncated_statement",
            Self::NoHeader => "no_header",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::UnrecognizedLines => "unrecognized_lines",
        }
    }
}

/// A set of warnings: a page holds each at most once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Warnings(u8);

impl Warnings {
    /// Adds one.
    pub fn add(&mut self, warning: Warning) {
        self.0 |= 1 << warning as u8;
    }

    /// Adds one when the condition holds.
    pub fn add_if(&mut self, condition: bool, warning: Warning) {
        if condition {
            self.add(warning);
        }
    }

    /// The warnings in the record's order.
    pub fn iter(self) -> impl Iterator<Item = Warning> {
        Warning::ALL
            .into_iter()
            .filter(move |&warning| self.0 & (1 << warning as u8) != 0)
    }
}
