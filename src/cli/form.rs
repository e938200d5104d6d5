//! The form of a run's records: what `--emit` and `--to` say, and what the output's name promises.
//! Where two of them do not fit, this is wrong usage.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::shaping::EmitArg;
use crate::model::Emit;
use crate::place::Printable;
use crate::sink::Form;
#[cfg(feature = "parquet")]
use crate::sink::promises_compression;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ToArg {
    Ndjson,
    Csv,
    Parquet,
    Nquads,
}

impl ToArg {
    /// By the ending of a file's name, below that of a compression.
    pub fn promised_by(path: &Path) -> Option<Self> {
        let path = uncompressed(path);
        match &*path.extension()?.to_str()?.to_ascii_lowercase() {
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            "csv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            "nq" | "nquads" => Some(Self::Nquads),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "NDJSON",
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
            Self::Nquads => "N-Quads",
        }
    }
}

/// Endings of compressions, also of those in which nothing is written.
const COMPRESSIONS: [&str; 8] = ["br", "bz2", "gz", "gzip", "lz4", "lzma", "xz", "zst"];

/// A name without the endings of compressions.
pub fn uncompressed(path: &Path) -> PathBuf {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    match COMPRESSIONS.iter().any(|own| ending == *own) {
        true => uncompressed(&path.with_extension("")),
        false => path.to_owned(),
    }
}

/// The form to write, or the sentence that says what to change.
pub fn form(emit: EmitArg, to: Option<ToArg>, output: Option<&Path>) -> Result<Form, String> {
    let promised = output.and_then(ToArg::promised_by);
    let named = |ending: &str| named(output, ending);
    if let (Some(to), Some(promised), Some(output)) = (to, promised, output)
        && to != promised
    {
        return Err(format!(
            "--output: `{}` promises {}, and --to says {}; leave --to out, or choose another name",
            Printable(&output.to_string_lossy()),
            promised.name(),
            to.name(),
        ));
    }
    let usual = match emit {
        EmitArg::Reports | EmitArg::Statements => ToArg::Ndjson,
        EmitArg::Cito => ToArg::Nquads,
    };
    let to = to.or(promised).unwrap_or(usual);
    match (emit, to) {
        (EmitArg::Reports, ToArg::Ndjson) => Ok(Form::Ndjson(Emit::Reports)),
        (EmitArg::Statements, ToArg::Ndjson) => Ok(Form::Ndjson(Emit::Statements)),
        (EmitArg::Statements, ToArg::Csv) => Ok(Form::Csv),
        (EmitArg::Statements, ToArg::Parquet) => parquet(output),
        (EmitArg::Cito, ToArg::Nquads) => Ok(Form::Cito),
        (EmitArg::Reports, ToArg::Csv | ToArg::Parquet) => Err(format!(
            "{} has a row for each statement: add --emit statements, or write NDJSON{}",
            to.name(),
            named("ndjson"),
        )),
        (EmitArg::Reports | EmitArg::Statements, ToArg::Nquads) => Err(format!(
            "N-Quads are what --emit cito writes: add that, or write NDJSON{}",
            named("ndjson"),
        )),
        (EmitArg::Cito, ToArg::Ndjson | ToArg::Csv | ToArg::Parquet) => Err(format!(
            "--emit cito writes N-Quads, and no {}: write these{}, or choose another --emit",
            to.name(),
            named("nq"),
        )),
    }
}

#[cfg(feature = "parquet")]
fn parquet(output: Option<&Path>) -> Result<Form, String> {
    match output.filter(|output| promises_compression(output)) {
        None => Ok(Form::Parquet),
        Some(output) => Err(format!(
            "--output: Parquet is compressed in itself; write it{}",
            named(Some(output), "parquet")
        )),
    }
}

#[cfg(not(feature = "parquet"))]
fn parquet(output: Option<&Path>) -> Result<Form, String> {
    Err(format!(
        "this program was built without the feature `parquet`, and writes no Parquet; write CSV{}",
        named(output, "csv")
    ))
}

/// Where to write instead, if the output has a name.
fn named(output: Option<&Path>, ending: &str) -> String {
    output.map_or_else(String::new, |output| {
        let other = uncompressed(output).with_extension(ending);
        format!(" to `{}`", Printable(&other.to_string_lossy()))
    })
}

/// A form's name.
pub fn name(form: Form) -> &'static str {
    match form {
        Form::Ndjson(_) => ToArg::Ndjson,
        Form::Csv => ToArg::Csv,
        #[cfg(feature = "parquet")]
        Form::Parquet => ToArg::Parquet,
        Form::Cito => ToArg::Nquads,
    }
    .name()
}

/// The ending for a file of this form.
pub fn ending(form: Form) -> &'static str {
    match form {
        Form::Ndjson(_) => "ndjson",
        Form::Csv => "csv",
        #[cfg(feature = "parquet")]
        Form::Parquet => "parquet",
        Form::Cito => "nq",
    }
}
