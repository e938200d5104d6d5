//! Where outputs may go, asked before any work: a name that promises another form than it gets, or
//! a place that cannot be, is wrong usage. Whether the system lets the program write there is found
//! out when the outputs are opened, which is before anything is read.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::collision::{Named, refuse_address};
use super::form::{self, ToArg};
use crate::place::Printable;
use crate::sink::{Form, promises_compression, target_of};

/// Endings that promise a form which is not written.
const OTHER_FORMS: [&str; 36] = [
    "7z", "arrow", "avro", "br", "bz2", "db", "duckdb", "feather", "gzip", "htm", "html", "ipc",
    "jsonld", "lz4", "lzma", "n3", "nt", "orc", "owl", "rar", "rdf", "rst", "sqlite", "tar", "tgz",
    "toml", "trig", "tsv", "ttl", "warc", "xls", "xlsx", "xml", "xz", "yaml", "zip",
];

/// Endings of forms in which records alone are written.
const RECORDS: [&str; 5] = ["csv", "nq", "nquads", "parquet", "pq"];

/// The sentence that says what to change, if an output cannot be where it was named.
pub fn refuse(outputs: &[Named], form: Form) -> Result<(), String> {
    outputs.iter().try_for_each(|output| {
        refuse_dash(output)?;
        refuse_ending(output, form)?;
        refuse_folder(output)
    })
}

/// Other programs mean standard output by it.
fn refuse_dash(output: &Named) -> Result<(), String> {
    if output.path.as_os_str() != "-" {
        return Ok(());
    }
    let flag = output.flag;
    Err(match flag {
        "--output" => format!(
            "{flag}: leave it out to write to standard output; a file of the name `-` is `./-`"
        ),
        _ => format!(
            "{flag}: standard output is for records; name a file, or `./-` for one of the name `-`"
        ),
    })
}

fn refuse_ending(output: &Named, form: Form) -> Result<(), String> {
    let mut plain = output.path.to_owned();
    while promises_compression(&plain) {
        plain.set_extension("");
    }
    let ending = ending_of(&plain);
    if !promises_other(output.flag, &ending) {
        return Ok(());
    }
    let (name, own) = match output.flag {
        "--output" => (form::name(form), form::ending(form)),
        "--report" => ("HTML", "html"),
        "--stats" => ("JSON", "json"),
        _ => ("NDJSON", "ndjson"),
    };
    let shown = |path: &Path| Printable(&path.to_string_lossy()).to_string();
    let named = shown(&named(output, name, own));
    let compressed = match own {
        "parquet" => String::new(),
        _ => format!(", or `{named}.gz` or `.zst` to compress it"),
    };
    Err(format!(
        "{}: `{}` promises {ending}, and {name} is written; name it `{named}`{compressed}",
        output.flag,
        shown(output.path),
    ))
}

fn ending_of(path: &Path) -> String {
    let ending = path.extension().unwrap_or_default();
    ending.to_string_lossy().to_ascii_lowercase()
}

fn promises_other(flag: &str, ending: &str) -> bool {
    let is_other = OTHER_FORMS.contains(&ending) || RECORDS.contains(&ending);
    match flag {
        "--output" => OTHER_FORMS.contains(&ending),
        "--report" if matches!(ending, "html" | "htm") => false,
        "--report" => is_other || matches!(ending, "json" | "ndjson" | "jsonl" | "pdf"),
        _ => is_other,
    }
}

/// The same name, with the ending of what is written, which it may have below the others.
fn named(output: &Named, form: &str, ending: &str) -> PathBuf {
    let plain = form::uncompressed(output.path);
    let below = plain.with_extension("");
    let is_own = |path: &&PathBuf| {
        let promised = ToArg::promised_by(path).is_some_and(|promised| promised.name() == form);
        promised || ending_of(path) == ending
    };
    if let Some(own) = [&plain, &below].into_iter().find(is_own) {
        return own.clone();
    }
    if promises_other(output.flag, &ending_of(&plain)) {
        return plain.with_extension(ending);
    }
    let mut name = plain.into_os_string();
    name.push(".");
    name.push(ending);
    name.into()
}

fn refuse_folder(output: &Named) -> Result<(), String> {
    let flag = output.flag;
    let shown = |path: &Path| Printable(&path.to_string_lossy()).to_string();
    refuse_address(flag, output.path, "name a file, and copy it there")?;
    if output.path.is_dir() {
        return Err(format!(
            "{flag}: `{}` is a folder; name a file in it",
            shown(output.path)
        ));
    }
    // A link that leads nowhere is told when it is opened.
    let target = target_of(output.path).unwrap_or_else(|_| output.path.to_owned());
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let Some(folder) = folder else { return Ok(()) };
    let is_there = match fs::metadata(folder) {
        Ok(metadata) => metadata.is_dir(),
        // One that cannot be looked at is told when the output is opened.
        Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    };
    match is_there {
        true => Ok(()),
        false => Err(format!(
            "{flag}: there is no folder `{}`; make it, or choose another place",
            shown(folder)
        )),
    }
}
