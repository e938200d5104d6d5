//! `citesift schema FORM`: the contract of what a run writes, for programs.

use clap::ValueEnum;

use super::standard::print;
use crate::error::Error;
use crate::model::{Emit, schema};

/// The forms that are JSON, as `--emit` names them.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormArg {
    Reports,
    Statements,
}

/// Prints the JSON Schema of a form of the records, and returns the exit code.
pub fn print_schema(form: FormArg) -> Result<u8, Error> {
    let emit = match form {
        FormArg::Reports => Emit::Reports,
        FormArg::Statements => Emit::Statements,
    };
    print(&format!("{:#}\n", schema(emit).as_value()))?;
    Ok(super::DONE)
}
