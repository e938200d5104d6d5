//! What the emitted pages and the kept statements are, counted for the run's report.
//!
//! The memory is bounded, and what is counted does not depend on threads or batches: of headings the
//! first [`HEADINGS`] different ones are told apart, and of pages with one warning or one reason
//! of refusal the first [`EXAMPLES`] are shown, all in the input's order.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::Stats;
use crate::model::{Reject, RejectPlace, RejectReason, StatementType, Warning};

/// Different headings of sections that are told apart in a run. Frequent ones are among the first; and to tell four
/// times as many apart takes 1 % of a run where many pages have headings of their own, for these
/// have left a core's cache when they come again. They are in every checkpoint.
pub const HEADINGS: usize = 256;

/// Bytes of a heading that is told apart.
pub const HEADING_BYTES: usize = 200;

/// Pages that are shown for one warning or one reason of refusal.
pub const EXAMPLES: usize = 3;

/// Percentages from 0 to 100.
const PERCENTAGES: usize = 101;

/// Statements by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByType {
    pub supporting: u64,
    pub mentioning: u64,
    pub contrasting: u64,
    pub unclassified: u64,
    /// Those without a type.
    pub none: u64,
}

/// Emitted pages, and statements kept of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emitted {
    pub pages: u64,
    pub statements: u64,
}

/// What the emitted pages and the kept statements are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// By the year of the cited paper.
    pub years: BTreeMap<u16, Emitted>,
    /// Those whose page prints no year.
    pub no_year: Emitted,
    /// Statements by their confidence in percent, which is the index.
    pub confidences: Vec<u64>,
    /// Statements without a confidence.
    pub no_confidence: u64,
    /// Statements by the heading of their section, as printed.
    pub sections: Vec<Section>,
    /// Statements under further headings.
    pub other_sections: ByType,
    /// Statements without a heading.
    pub no_section: ByType,
    /// The first emitted pages with each warning.
    pub warned: BTreeMap<Warning, Vec<Warned>>,
    /// The first rejects for each reason.
    pub refused: BTreeMap<RejectReason, Vec<Reject>>,
}

/// The statements under one heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub heading: String,
    pub statements: ByType,
}

/// A page with a warning; DOI and title may be cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warned {
    pub doi: Option<String>,
    pub title: Option<String>,
    pub place: RejectPlace,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            years: BTreeMap::new(),
            no_year: Emitted::default(),
            confidences: vec![0; PERCENTAGES],
            no_confidence: 0,
            sections: Vec::new(),
            other_sections: ByType::default(),
            no_section: ByType::default(),
            warned: BTreeMap::new(),
            refused: BTreeMap::new(),
        }
    }
}

impl ByType {
    /// Adds statements of a type.
    pub fn add(&mut self, statement_type: Option<StatementType>, statements: u64) {
        *match statement_type {
            Some(StatementType::Supporting) => &mut self.supporting,
            Some(StatementType::Mentioning) => &mut self.mentioning,
            Some(StatementType::Contrasting) => &mut self.contrasting,
            Some(StatementType::Unclassified) => &mut self.unclassified,
            None => &mut self.none,
        } += statements;
    }

    /// Statements of a type.
    pub fn get(&self, statement_type: Option<StatementType>) -> u64 {
        match statement_type {
            Some(StatementType::Supporting) => self.supporting,
            Some(StatementType::Mentioning) => self.mentioning,
            Some(StatementType::Contrasting) => self.contrasting,
            Some(StatementType::Unclassified) => self.unclassified,
            None => self.none,
        }
    }

    pub fn total(&self) -> u64 {
        self.supporting + self.mentioning + self.contrasting + self.unclassified + self.none
    }
}

impl AddAssign for ByType {
    fn add_assign(&mut self, other: Self) {
        self.supporting += other.supporting;
        self.mentioning += other.mentioning;
        self.contrasting += other.contrasting;
        self.unclassified += other.unclassified;
        self.none += other.none;
    }
}

impl Content {
    /// Keeps an emitted page as an example for its warning, if it is one of the first, and returns
    /// how many there are.
    pub fn warned(&mut self, warning: Warning, page: impl FnOnce() -> Warned) -> usize {
        let examples = self.warned.entry(warning).or_default();
        if examples.len() < EXAMPLES {
            examples.push(page());
        }
        examples.len()
    }

    /// Keeps a reject as an example for its reason, if it is one of the first.
    pub fn refused(&mut self, reject: &Reject) {
        let examples = self.refused.entry(reject.reason).or_default();
        if examples.len() < EXAMPLES {
            examples.push(reject.clone());
        }
    }

    /// All kept statements.
    pub fn types(&self) -> ByType {
        let mut types = self.other_sections;
        types += self.no_section;
        for section in &self.sections {
            types += section.statements;
        }
        types
    }

    /// Checks that all emitted pages and kept statements of the accounting are counted here.
    ///
    /// # Errors
    /// The first count that differs, with both numbers.
    pub fn check(&self, stats: &Stats) -> Result<(), String> {
        let years = || self.years.values().chain([&self.no_year]);
        let (pages, statements) = (stats.pages.emitted, stats.blocks.kept);
        let confidences = self.confidences.iter().sum::<u64>() + self.no_confidence;
        for (name, counted, all) in [
            ("pages by year", years().map(|year| year.pages).sum(), pages),
            (
                "statements by year",
                years().map(|year| year.statements).sum(),
                statements,
            ),
            ("statements by confidence", confidences, statements),
            ("statements by section", self.types().total(), statements),
        ] {
            if counted != all {
                return Err(format!("{name}: {counted} are counted of {all}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_differs_from_the_accounting_is_named() {
        let (mut content, mut stats) = (Content::default(), Stats::default());
        let emitted = Emitted {
            pages: 1,
            statements: 1,
        };
        content.years.insert(2012, emitted);
        content.confidences[99] = 1;
        content.no_section.add(Some(StatementType::Supporting), 1);
        (stats.pages.emitted, stats.blocks.kept) = (1, 1);
        assert_eq!(content.check(&stats), Ok(()));
        content.no_confidence += 1;
        let said = "statements by confidence: 2 are counted of 1";
        assert_eq!(content.check(&stats), Err(said.to_owned()));
    }
}
