//! The accounting of a run: every byte, page and block in exactly one column.

mod content;
mod drift;
mod stages;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use content::{ByType, Content, EXAMPLES, Emitted, HEADING_BYTES, HEADINGS, Section, Warned};
pub use drift::{Drift, ON_PAGE, Shape};
pub use stages::{Share, Stage, Stages};

use crate::model::RejectReason;

/// Counts by name.
pub type ByName = BTreeMap<Cow<'static, str>, u64>;

/// What a run read, kept, removed and refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Bytes of the decompressed sources.
    pub bytes: Bytes,
    /// Report pages, and other pages that were skipped.
    pub pages: Pages,
    /// Statement blocks of the emitted and the repeated pages.
    pub blocks: Blocks,
    /// Records written: pages, or statements with `--emit statements` and `cito`. Only in NDJSON each is
    /// one line.
    pub records: u64,
    /// Bytes written, before the compression of a `.gz` or `.zst`.
    pub written: u64,
    /// Records of containers that hold no text to read, by why.
    pub not_read: ByName,
    /// Lines that no part of a report page claims.
    pub unrecognized_lines: u64,
    /// The same by their shape, and all lines that they are among.
    pub drift: Drift,
    /// Pages by warning.
    pub warnings: ByName,
    /// Pages by reason of refusal.
    pub rejects: ByName,
}

/// `read = pages + between_pages + skipped + left_out + container`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
    /// All that was read: of archives and Parquet files the texts in them, of encoded HTTP bodies
    /// the decoded ones.
    pub read: u64,
    /// In report pages, also rejected ones.
    pub pages: u64,
    /// Blank lines, line ends and byte order marks between them.
    pub between_pages: u64,
    /// In pages of other sites.
    pub skipped: u64,
    /// In pages that were passed over or not in the sample.
    pub left_out: u64,
    /// Of containers: headers, JSON around the text, records that hold no text.
    pub container: u64,
}

/// `seen = emitted + repeated + rejected + skipped + passed_over + unsampled`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    /// All pages.
    pub seen: u64,
    /// Pages that became a record.
    pub emitted: u64,
    /// Pages that were seen before and brought nothing new.
    pub repeated: u64,
    /// Pages that could not become a record.
    pub rejected: u64,
    /// Pages of other sites. Plain text of more than 1 MiB, or than the largest page where that is
    /// less, counts once for each stretch of at most 7/8 of that, also in a large WARC record.
    pub skipped: u64,
    /// Report pages before the first one that was asked for.
    pub passed_over: u64,
    /// Pages that may be reports, and are not in the sample that was asked for; nobody looked into them.
    pub unsampled: u64,
}

/// `seen = kept + repeated_in_page + repeated_in_run`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    /// All blocks.
    pub seen: u64,
    /// Blocks that became a statement.
    pub kept: u64,
    /// Repeats of a block of the same page.
    pub repeated_in_page: u64,
    /// Repeats of a block of an earlier page.
    pub repeated_in_run: u64,
}

impl Stats {
    /// Checks that the columns add up, and that `read` is what the reader counted.
    ///
    /// # Errors
    /// The first identity that does not hold, with its numbers.
    pub fn check(&self) -> Result<(), String> {
        let Self {
            bytes,
            pages,
            blocks,
            unrecognized_lines,
            drift,
            ..
        } = self;
        let columns = [
            (
                "bytes",
                bytes.read,
                vec![
                    bytes.pages,
                    bytes.between_pages,
                    bytes.skipped,
                    bytes.left_out,
                    bytes.container,
                ],
            ),
            (
                "pages",
                pages.seen,
                vec![
                    pages.emitted,
                    pages.repeated,
                    pages.rejected,
                    pages.skipped,
                    pages.passed_over,
                    pages.unsampled,
                ],
            ),
            (
                "blocks",
                blocks.seen,
                vec![blocks.kept, blocks.repeated_in_page, blocks.repeated_in_run],
            ),
            (
                "unrecognized_lines",
                *unrecognized_lines,
                vec![drift.unrecognized()],
            ),
        ];
        for (name, all, parts) in columns {
            if all != parts.iter().sum::<u64>() {
                return Err(format!("{name}: {all} are not the sum of {parts:?}"));
            }
        }
        Ok(())
    }

    /// Pages and records that were refused because the input is damaged.
    pub fn damaged(&self) -> u64 {
        let counts = RejectReason::DAMAGE.iter();
        counts
            .filter_map(|reason| self.rejects.get(reason.as_str()))
            .sum()
    }

    /// Adds one to a count by name.
    pub fn count(counts: &mut ByName, name: &'static str) {
        *counts.entry(Cow::Borrowed(name)).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_does_not_add_up_is_named() {
        let mut stats = Stats::default();
        assert_eq!(stats.check(), Ok(()));
        stats.pages.seen = 3;
        stats.pages.skipped = 2;
        assert_eq!(
            stats.check(),
            Err("pages: 3 are not the sum of [0, 0, 0, 2, 0, 0]".to_owned())
        );
    }
}
