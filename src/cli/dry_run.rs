//! `--dry-run`: what would be read, in order, and what would be written. Nothing is parsed, and
//! nothing is written but this.

use std::path::Path;

use super::args::Args;
use super::resume::journal_of;
use super::standard::{STANDARD_OUTPUT, print};
use super::{DONE, FAILED};
use crate::dedup::Store;
use crate::error::Error;
use crate::input::{Codec, Format, Looked, Source, WalkError, look, sources};
use crate::job::Config;
use crate::place::Printable;
use crate::summary::{number, size};

/// Prints the plan, and returns the exit code: that of the run, as far as it is known before it.
pub fn print_plan(args: &Args, config: &Config) -> Result<u8, Error> {
    let store = args.seen.as_deref().map(|folder| store(folder, args));
    let store = store.transpose()?;
    let (mut inputs, mut bytes, mut unread) = (0, 0, 0);
    print(&row("size", "kind", "compression", "input"))?;
    for source in sources(&config.inputs) {
        inputs += 1;
        let line = match looked(source, config.format) {
            Ok((name, Some(looked))) => {
                bytes += looked.bytes;
                let kind = looked.format.as_str();
                row(&size(looked.bytes), kind, &codecs(&looked.codecs), &name)
            }
            Ok((name, None)) => row("", "not looked at", "", &name),
            Err(error) => {
                unread += 1;
                row("", "cannot be read", "", &error)
            }
        };
        print(&line)?;
    }
    let unread = match unread {
        0 => String::new(),
        _ => format!(", {} of them cannot be read", number(unread)),
    };
    print(&format!(
        "\n{} inputs, {}{unread}\n\nwould write\n",
        number(inputs),
        size(bytes)
    ))?;
    writes(args, config, store)
        .iter()
        .try_for_each(|line| print(line))?;
    Ok(match unread.is_empty() {
        true => DONE,
        false => FAILED,
    })
}

/// A source's name and what it looks like, or its name with what is wrong.
fn looked(
    source: Result<Source, WalkError>,
    format: Option<Format>,
) -> Result<(String, Option<Looked>), String> {
    let failed = |name: &str, error| format!("{}: {error}", Printable(name));
    let source = source.map_err(|walk| failed(&walk.path, walk.error))?;
    let name = source.name();
    match look(&source, format) {
        Ok(looked) => Ok((Printable(&name).to_string(), looked)),
        Err(error) => Err(failed(&name, error)),
    }
}

fn codecs(codecs: &[Codec]) -> String {
    let names: Vec<_> = codecs.iter().map(|codec| codec.as_str()).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

fn row(size: &str, kind: &str, codec: &str, input: &str) -> String {
    format!("{size:>10}  {kind:<14}  {codec:<11}  {input}\n")
}

fn writes(args: &Args, config: &Config, store: Option<&str>) -> Vec<String> {
    let form = config.form.described();
    let mut lines = Vec::new();
    let mut line = |path: &str, what: &str| lines.push(format!("  {}: {what}\n", Printable(path)));
    if args.output.is_none() {
        line(STANDARD_OUTPUT, form);
    }
    for output in args.outputs() {
        let what = match output.flag {
            "--output" => form,
            "--rejects" => "what was refused",
            "--duplicates" => "what was removed as a repeat",
            "--report" => "a page about the run",
            _ => "the numbers of the run",
        };
        let fate = match output.path.exists() {
            true => "replaces what is there",
            false => "new",
        };
        line(&output.path.to_string_lossy(), &format!("{what}; {fate}"));
    }
    if let (Some(output), Some(_)) = (&args.output, config.checkpoints)
        && let Ok(journal) = journal_of(output)
    {
        line(
            &journal.to_string_lossy(),
            "how far the run is, until it is done",
        );
    }
    if let (Some(folder), Some(store)) = (&args.seen, store) {
        line(&folder.to_string_lossy(), store);
    }
    lines
}

fn store(folder: &Path, args: &Args) -> Result<&'static str, Error> {
    Ok(match Store::look(folder, args.scope())? {
        true => "the store of what was seen, brought up to date",
        false => "a new store of what was seen",
    })
}
