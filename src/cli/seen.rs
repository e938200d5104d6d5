//! `citesift seen DIR`: what a store holds, one line for each fact, and one for each run.

use std::fmt::Write as _;
use std::path::Path;

use super::standard;
use crate::dedup::{Contents, Dedup, STORE_VERSION};
use crate::error::Error;
use crate::place::Printable;
use crate::summary::{number, size};

/// Prints what a store holds to standard output.
pub fn print(folder: &Path) -> Result<u8, Error> {
    let contents = Contents::of(folder)?;
    standard::print(&text(&contents))?;
    Ok(super::DONE)
}

fn text(contents: &Contents) -> String {
    let rule = match contents.scope {
        Dedup::Text => "a block is known on every paper's page",
        _ => "a block is known on the pages of one cited paper",
    };
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<8}{value}");
    };
    line(
        "rules",
        &format!(
            "--dedup {}: {rule}; XXH3-128, version {STORE_VERSION}",
            contents.scope.as_str()
        ),
    );
    line("blocks", &number(contents.total.blocks));
    line("papers", &number(contents.total.papers));
    line("pages", &number(contents.total.pages));
    line("size", &size(contents.bytes));
    line("runs", &number(contents.runs.len() as u64));
    for (run, at) in contents.runs.iter().zip(1..) {
        let output = Printable(&run.output);
        let (blocks, pages) = (number(run.new.blocks), number(run.new.pages));
        line(
            &format!("run {at}"),
            &format!("{blocks} blocks and {pages} pages new, in {output}"),
        );
    }
    if contents.is_pending {
        line(
            "",
            "A run goes on, or was broken off, while its output gets its name.",
        );
    }
    text
}
