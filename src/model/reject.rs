//! Input that cannot become a record: a value that is counted and written, never an error.

use serde::{Deserialize, Serialize};

use crate::place::Place;

/// A page or a container's record that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Why, as a word to group by.
    pub reason: RejectReason,
    /// Why, as a sentence.
    pub message: String,
    /// Where it stands.
    pub source: RejectPlace,
    /// Its beginning, at most 80 characters.
    pub excerpt: String,
}

/// Where a refused page stands, or a line that no part of its page claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectPlace {
    /// The source as it was named or found; `-` is standard input.
    pub path: String,
    /// Bytes before it, counted as in a record's `source`; for a whole line or record, of the
    /// decompressed source.
    pub offset: u64,
    /// Line number of its first line, counted from 1; none in WARC and Parquet, and of a line of
    /// a page in JSON Lines.
    pub line: Option<u64>,
    /// The container's own record number or id, where it is known.
    pub record: Option<String>,
}

impl From<&RejectPlace> for Place {
    fn from(place: &RejectPlace) -> Self {
        Self {
            path: place.path.as_str().into(),
            offset: place.offset,
            line: place.line,
            record: place.record.as_deref().map(Into::into),
        }
    }
}

/// The kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// The page, or the line or the decoded body that holds it, is larger than `--max-page` lets it be.
    PageTooLarge,
    /// The text is some other site's page. In a run such text is skipped and counted, not rejected.
    NotAReport,
    /// The text holds more report pages than one. In a run each becomes a record.
    SeveralReports,
    /// A line that should hold a JSON object does not.
    InvalidJson,
    /// A line's JSON is no object, or the field for the text holds something else than a string.
    WrongType,
    /// A WARC record is not where, or not what, the file says.
    DamagedRecord,
}

impl RejectReason {
    /// The word as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PageTooLarge => "page_too_large",
            Self::NotAReport => "not_a_report",
            Self::SeveralReports => "several_reports",
            Self::InvalidJson => "invalid_json",
            Self::WrongType => "wrong_type",
            Self::DamagedRecord => "damaged_record",
        }
    }

    /// The reasons that say that an input is damaged: a run that met one did not read it whole.
    pub const DAMAGE: [Self; 3] = [Self::InvalidJson, Self::WrongType, Self::DamagedRecord];
}

/// Characters of a refused page that its reject shows.
const EXCERPT_CHARS: usize = 80;

impl Reject {
    /// Bytes of a refused page that its excerpt may be made of: a character takes at most four.
    pub const EXCERPT_BYTES: usize = 4 * EXCERPT_CHARS;

    /// The beginning of a refused page, at most 80 characters, invalid UTF-8 replaced.
    pub fn excerpt_of(page: &[u8]) -> String {
        let start = &page[..page.len().min(Self::EXCERPT_BYTES)];
        String::from_utf8_lossy(start)
            .chars()
            .take(EXCERPT_CHARS)
            .collect()
    }
}
