//! `citesift schema FORM`: the contract of what a run writes, for programs.

use super::refuse;
use super::shaping::EmitArg;
use super::standard::print;
use crate::error::Error;
use crate::model::{Emit, schema};

/// Prints the JSON Schema of a form of the records, and returns the exit code.
pub fn print_schema(form: EmitArg) -> Result<u8, Error> {
    let emit = match form {
        EmitArg::Reports => Emit::Reports,
        EmitArg::Statements => Emit::Statements,
        EmitArg::Cito => {
            return Ok(refuse(
                "N-Quads have no JSON Schema; give reports or statements",
            ));
        }
    };
    print(&format!("{:#}\n", schema(emit).as_value()))?;
    Ok(super::DONE)
}
