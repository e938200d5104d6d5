//! `citesift schema FORM`: the contract of what a run writes, for programs.

use super::shaping::EmitArg;
use super::standard::print;
use crate::error::Error;
use crate::model::schema;

/// Prints the JSON Schema of a form of the records, and returns the exit code.
pub fn print_schema(form: EmitArg) -> Result<u8, Error> {
    print(&format!("{:#}\n", schema(form.into()).as_value()))?;
    Ok(super::DONE)
}
