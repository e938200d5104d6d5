//! The two record forms: a whole report page, or one row per statement.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Warning;

/// One scite report page: a cited paper and the statements that cite it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// DOI of the cited paper, ASCII-lower-cased, without a resolver prefix; null on a page without a header.
    pub doi: Option<String>,
    /// Year of publication of the cited paper, as printed.
    #[schemars(extend("unit" = "calendar year"))]
    pub year: Option<u16>,
    /// Title of the cited paper; wrapped lines joined by one space.
    pub title: Option<String>,
    /// Abstract of the cited paper; lines joined by one space.
    #[serde(rename = "abstract")]
    pub abstract_text: Option<String>,
    /// Address of the page, where the container knows it.
    pub url: Option<String>,
    /// scite's id of the report, the last part of its address.
    pub report_id: Option<String>,
    /// Citation statements counted by type, and the publications they come from.
    pub tallies: Tallies,
    /// What the cited paper itself refers to.
    pub references: References,
    /// First and last year of the citing publications.
    pub citing_years: CitingYears,
    /// Counts and names of the page's filter lists.
    pub facets: Facets,
    /// Statements in the page's order, repeats removed.
    pub statements: Vec<Statement>,
    /// Repeated statement blocks that were removed from this page.
    #[schemars(extend("unit" = "blocks"))]
    pub duplicates_removed: u64,
    /// What on the page does not add up, in a fixed order.
    pub warnings: Vec<Warning>,
    /// Where the page stands.
    pub source: Source,
    /// Other fields of the container's record, as `--keep` names them; null without it.
    pub meta: Option<Meta>,
}

/// Statement counts by type. Null where the page does not print the number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tallies {
    /// Citation statements in all.
    #[schemars(extend("unit" = "statements"))]
    pub total: Option<u64>,
    /// Statements that support the cited paper.
    #[schemars(extend("unit" = "statements"))]
    pub supporting: Option<u64>,
    /// Statements that mention it.
    #[schemars(extend("unit" = "statements"))]
    pub mentioning: Option<u64>,
    /// Statements that contrast with it.
    #[schemars(extend("unit" = "statements"))]
    pub contrasting: Option<u64>,
    /// Statements without a type; printed by the site only when above zero.
    #[schemars(extend("unit" = "statements"))]
    pub unclassified: Option<u64>,
    /// Publications that cite the paper.
    #[schemars(extend("unit" = "publications"))]
    pub citing_publications: Option<u64>,
}

/// Sizes of the references tab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct References {
    /// Publications that the paper refers to.
    #[schemars(extend("unit" = "publications"))]
    pub publications: Option<u64>,
    /// Statements in which it does so.
    #[schemars(extend("unit" = "statements"))]
    pub statements: Option<u64>,
}

/// The ends of the citing years' slider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CitingYears {
    /// Year of the first citing publication.
    #[schemars(extend("unit" = "calendar year"))]
    pub min: Option<u64>,
    /// Year of the last citing publication.
    #[schemars(extend("unit" = "calendar year"))]
    pub max: Option<u64>,
}

/// The filter lists. Their counts are of a sample of the citing papers and have lost their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Facets {
    /// Counts by section of the citing paper, in the page's order; never totals.
    #[schemars(extend("unit" = "citing papers of a sample"))]
    pub paper_sections: Vec<u64>,
    /// Counts by publication type, in the page's order; never totals.
    #[schemars(extend("unit" = "citing papers of a sample"))]
    pub publication_types: Vec<u64>,
    /// Counts by relationship, in the page's order; never totals.
    #[schemars(extend("unit" = "citing papers of a sample"))]
    pub relationship: Vec<u64>,
    /// Lines under the heading `Authors`.
    pub authors: Vec<String>,
    /// Lines under the heading `Journals`.
    pub journals: Vec<String>,
}

/// One citation statement ("Smart Citation").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// XXH3-128, 32 hexadecimal digits, of text, section, type and confidence joined by U+001F (null as the empty string).
    #[schemars(regex(pattern = r"^[0-9a-f]{32}$"))]
    pub id: String,
    /// The citing text as printed, without its outer quotation marks and ellipses.
    pub text: String,
    /// Heading of the citing paper's section.
    pub section: Option<String>,
    /// How the statement relates to the cited paper.
    #[serde(rename = "type")]
    pub statement_type: Option<StatementType>,
    /// scite's confidence in the type, percent.
    #[schemars(extend("unit" = "percent"), range(max = 100))]
    pub confidence: Option<u8>,
    /// The `id` of an earlier statement on the printed page that shares most of its words with
    /// this one, as far as `--near` tells; the key is there only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9a-f]{32}$"))]
    pub similar_to: Option<String>,
    /// The share of the shorter one's different sequences of three words that the other has
    /// too, cut off to thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("unit" = "share"), range(min = 0, max = 1))]
    pub similarity: Option<f64>,
    /// Further statements of the same citing paper that the page hides.
    #[schemars(extend("unit" = "statements"))]
    pub see_more: Option<u64>,
    /// How often the block stands on the page.
    #[schemars(extend("unit" = "blocks"), range(min = 1))]
    pub occurrences: u64,
}

/// scite's classes of statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatementType {
    /// Gives evidence for the cited claim.
    Supporting,
    /// Mentions it.
    Mentioning,
    /// Gives evidence against it; older pages print `contradicting` or `disputing`.
    Contrasting,
    /// Not classified.
    Unclassified,
}

impl StatementType {
    /// The word as written in the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supporting => "supporting",
            Self::Mentioning => "mentioning",
            Self::Contrasting => "contrasting",
            Self::Unclassified => "unclassified",
        }
    }
}

/// Where a page stands: cut out these bytes and they parse to the same record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The source as it was named or found; `-` is standard input.
    pub path: String,
    /// Bytes before the page: of the decompressed source for plain text and WARC, else of the
    /// text that `record` names.
    #[schemars(extend("unit" = "bytes"))]
    pub offset: u64,
    /// Length of the page in bytes.
    #[schemars(extend("unit" = "bytes"))]
    pub length: u64,
    /// The container's own name for the record: a WARC record's id, a line's number (from 1), a
    /// Parquet row's number (from 0), an archive member's path; in an archive's member, both, joined by `#`.
    pub record: Option<String>,
    /// When the page was captured, as the container says it (`WARC-Date`).
    pub date: Option<String>,
}

/// A JSON object, kept as it was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Meta(pub Box<RawValue>);

impl PartialEq for Meta {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for Meta {}

impl JsonSchema for Meta {
    fn schema_name() -> Cow<'static, str> {
        "Meta".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "Fields under the names that `--keep` gives, nested as these are.",
        })
    }
}

/// One kept statement with what identifies its page: a row for tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementRow {
    /// XXH3-128, 32 hexadecimal digits, of text, section, type and confidence joined by U+001F (null as the empty string).
    #[schemars(regex(pattern = r"^[0-9a-f]{32}$"))]
    pub id: String,
    /// The citing text as printed, without its outer quotation marks and ellipses.
    pub text: String,
    /// Heading of the citing paper's section.
    pub section: Option<String>,
    /// How the statement relates to the cited paper.
    #[serde(rename = "type")]
    pub statement_type: Option<StatementType>,
    /// scite's confidence in the type, percent.
    #[schemars(extend("unit" = "percent"), range(max = 100))]
    pub confidence: Option<u8>,
    /// The `id` of an earlier statement on the page that shares most of this one's words, as far
    /// as `--near` tells; the key is there only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9a-f]{32}$"))]
    pub similar_to: Option<String>,
    /// The share of the shorter one's sequences of three words that the two have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("unit" = "share"), range(min = 0, max = 1))]
    pub similarity: Option<f64>,
    /// Further statements of the same citing paper that the page hides.
    #[schemars(extend("unit" = "statements"))]
    pub see_more: Option<u64>,
    /// How often the block stands on the page.
    #[schemars(extend("unit" = "blocks"), range(min = 1))]
    pub occurrences: u64,
    /// DOI of the cited paper.
    pub doi: Option<String>,
    /// Year of publication of the cited paper.
    #[schemars(extend("unit" = "calendar year"))]
    pub year: Option<u16>,
    /// Title of the cited paper.
    pub title: Option<String>,
    /// scite's id of the report.
    pub report_id: Option<String>,
    /// Where the page stands.
    pub source: Source,
    /// Other fields of the container's record, as `--keep` names them; null without it.
    pub meta: Option<Meta>,
}

impl Report {
    /// The report as rows, one per statement: what `--emit statements` writes.
    pub fn rows(&self) -> impl Iterator<Item = StatementRow> + '_ {
        self.statements.iter().map(|statement| {
            let statement = statement.clone();
            StatementRow {
                id: statement.id,
                text: statement.text,
                section: statement.section,
                statement_type: statement.statement_type,
                confidence: statement.confidence,
                similar_to: statement.similar_to,
                similarity: statement.similarity,
                see_more: statement.see_more,
                occurrences: statement.occurrences,
                doi: self.doi.clone(),
                year: self.year,
                title: self.title.clone(),
                report_id: self.report_id.clone(),
                source: self.source.clone(),
                meta: self.meta.clone(),
            }
        })
    }
}
