//! The record as users see it: plain values, no behaviour but their names.
//!
//! The order of fields here is the order of keys in the output, and the doc comments
//! are the descriptions in the JSON Schema; `unit` there is what a number counts. Changing any of
//! these changes the schema, and so its version.

mod duplicate;
mod not_read;
mod reject;
mod report;
mod role;
mod warning;

pub use duplicate::{Duplicate, DuplicateKind, KeptCopy};
pub use not_read::NotRead;
pub use reject::{Reject, RejectPlace, RejectReason};
pub use report::{
    CitingYears, Facets, Meta, References, Report, Source, Statement, StatementRow, StatementType,
    Tallies,
};
pub use role::Role;
pub use warning::{Warning, Warnings};

/// Which of the two record forms a run writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Emit {
    /// One line per report page ([`Report`]).
    #[default]
    Reports,
    /// One line per kept statement ([`StatementRow`]).
    Statements,
}

/// The version of the schemas of both forms, in the manner of Semantic Versioning: a key that is
/// removed, renamed or gets another type is a new first number, one that is added a new second
/// one, and a better description a new third one. The schemas' `$id` ends with it.
pub const SCHEMA_VERSION: &str = "1.0.0";

/// The JSON Schema (draft 2020-12) that every line of the given form satisfies.
pub fn schema(emit: Emit) -> schemars::Schema {
    // The contract is the one of what is written: every key is present, also a null one.
    let mut generator = schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let (form, mut schema) = match emit {
        Emit::Reports => ("reports", generator.root_schema_for::<Report>()),
        Emit::Statements => ("statements", generator.root_schema_for::<StatementRow>()),
    };
    let id = format!("urn:citesift:{form}:{SCHEMA_VERSION}");
    schema.insert("$id".to_owned(), id.into());
    schema
}
