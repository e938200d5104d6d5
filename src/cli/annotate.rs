//! `citesift annotate FILE`: prints every line of a file with what it was taken for.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};
use clap::{Args, ColorChoice};
use serde::Serialize;

use super::outputs::line_for_terminals;
use super::shaping::{FormatArg, input, size};
use super::standard::{self, Closed, STANDARD_OUTPUT, bad_descriptor};
use super::{DONE, FAILED, WRONG_USAGE, refuse};
use crate::error::Error;
use crate::input::{Fields, Input};
use crate::job::{Config, Line, Totals, Watch, annotate};
use crate::model::Role;
use crate::place::Printable;
use crate::progress::say;
use crate::summary::not_read;

/// Show every line of a file with what the parser took it for.
///
/// Prints the line's offset in bytes, its role and its text, and at the end how many bytes each
/// role holds; they add up to the file. The lines of a container's records are shown as they are
/// after decoding, below the record's name.
#[derive(Debug, Args)]
#[command(max_term_width = 100, after_help = AFTER)]
pub struct AnnotateArgs {
    /// The file, compressed or not; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// One line of JSON for each line, and one with the numbers at the end.
    #[arg(long)]
    json: bool,

    /// What the file holds, below any compression. `auto` tells it by the content.
    #[arg(long, value_enum, default_value_t = FormatArg::Auto, help_heading = "Input")]
    format: FormatArg,

    /// The field or column with the page's text, in jsonl and parquet [default: text].
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    text_field: Option<String>,

    /// The field or column with the page's address [default: url, which may be missing].
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    url_field: Option<String>,

    /// Take settings from FILE instead of `citesift.toml` in the working folder; what is typed wins.
    ///
    /// The file is that of the run: what it sets and is no flag here has no meaning here. No file is
    /// read with `--config /dev/null`.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    config: Option<PathBuf>,

    /// Pages over SIZE are rejected, as in the run.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size, help_heading = "Input")]
    max_page: NonZeroUsize,
}

const AFTER: &str = "\
Exit codes:
  0  every line was shown; a reader of standard output that stops early counts as done
  1  FILE could not be read to its end
  2  wrong usage, or nothing of FILE could be read";

/// Shows the file, and returns the exit code.
pub fn run(args: &AnnotateArgs, color: ColorChoice, closed: Closed) -> Result<u8, Error> {
    let input = match args.readable() {
        Ok(input) => input,
        Err(message) => return Ok(refuse(&message)),
    };
    let config = args.config(input);
    let reads_stdin = config.inputs == [Input::Stdin];
    let stream = match closed {
        Closed { input: true, .. } if reads_stdin => Some("-"),
        Closed { output: true, .. } => Some(STANDARD_OUTPUT),
        _ => None,
    };
    if let Some(stream) = stream {
        say(&format!("citesift: {stream}: {}", bad_descriptor()));
        return Ok(FAILED);
    }
    let watch = Watch {
        on_fault: &|fault| say(&format!("citesift: {fault}")),
        ..Watch::default()
    };
    let output = standard::output().map_err(unwritten)?;
    let mut shown = Shown {
        output: BufWriter::new(output),
        form: match args.json {
            true => Form::Json,
            false => Form::Columns {
                is_coloured: is_coloured(color),
            },
        },
        record: None,
    };
    let mut reader_left = false;
    let (totals, faults) = annotate(&config, &watch, |line| {
        let flow = flow_of(shown.line(line))?;
        reader_left = flow.is_break();
        Ok(flow)
    })?;
    if reader_left {
        return Ok(DONE);
    }
    if !faults.is_empty() && totals.bytes() == 0 {
        return Ok(WRONG_USAGE);
    }
    // Whoever left before the end wants no more.
    let _ = flow_of(shown.totals(&totals))?;
    for sentence in not_read(&totals.not_read) {
        say(&format!("citesift: {sentence}"));
    }
    Ok(match faults.is_empty() {
        true => DONE,
        false => FAILED,
    })
}

fn unwritten(source: io::Error) -> Error {
    Error::Write {
        path: STANDARD_OUTPUT.to_owned(),
        source,
    }
}

/// A reader that leaves is no error.
fn flow_of(written: io::Result<()>) -> Result<ControlFlow<()>, Error> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        written => written.map(ControlFlow::Continue).map_err(unwritten),
    }
}

impl AnnotateArgs {
    /// What is to be read, or the sentence for what is no file to read.
    fn readable(&self) -> Result<Input, String> {
        let input = input(&self.file)?;
        let Input::Path(path) = &input else {
            return Ok(input);
        };
        let name = Printable(&path.to_string_lossy()).to_string();
        let metadata = File::open(path).and_then(|file| file.metadata());
        match metadata {
            Ok(metadata) if metadata.is_dir() => Err(format!(
                "FILE: `{name}` is a folder; name one of the files in it"
            )),
            Ok(_) => Ok(input),
            Err(error) => Err(format!(
                "FILE: `{name}` cannot be read ({error}); name a file that can, or `-`"
            )),
        }
    }

    fn config(&self, input: Input) -> Config {
        let default = Fields::default();
        let mut config = Config::new(vec![input]);
        config.format = self.format.into();
        config.fields = Fields {
            text: self.text_field.clone().unwrap_or(default.text),
            url: self.url_field.clone(),
            keep: default.keep,
        };
        config.max_page = self.max_page;
        config
    }
}

fn is_coloured(color: ColorChoice) -> bool {
    match color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    }
}

#[derive(Clone, Copy)]
enum Form {
    Columns { is_coloured: bool },
    Json,
}

struct Shown<W: Write> {
    output: BufWriter<W>,
    form: Form,
    /// The record whose lines are under way.
    record: Option<String>,
}

/// A line as `--json` writes it.
#[derive(Serialize)]
struct JsonLine<'a> {
    offset: u64,
    length: u64,
    line: Option<u64>,
    record: Option<&'a str>,
    page: Option<u64>,
    role: &'static str,
    block: Option<usize>,
    repeat_of: Option<usize>,
    reason: Option<&'a str>,
    text: &'a str,
}

#[derive(Serialize)]
struct JsonTotals {
    bytes: u64,
    lines: u64,
    roles: Vec<JsonRole>,
}

#[derive(Serialize)]
struct JsonRole {
    role: &'static str,
    bytes: u64,
    lines: u64,
}

impl<W: Write> Shown<W> {
    fn line(&mut self, line: &Line) -> io::Result<()> {
        let text = String::from_utf8_lossy(line.text);
        match self.form {
            Form::Json => self.json(&JsonLine {
                offset: line.offset,
                length: line.length,
                line: line.line,
                record: line.record,
                page: line.page,
                role: line.role.as_str(),
                block: line.block,
                repeat_of: line.repeat_of,
                reason: line.reason,
                text: &text,
            }),
            Form::Columns { is_coloured } => {
                self.enter(line.record)?;
                let shown = columns(line, &text, is_coloured);
                self.output.write_all(shown.as_bytes())
            }
        }
    }

    /// Names the record that the next lines are of.
    fn enter(&mut self, record: Option<&str>) -> io::Result<()> {
        if self.record.as_deref() == record {
            return Ok(());
        }
        self.record = record.map(str::to_owned);
        match record {
            Some(record) => writeln!(
                self.output,
                "{:>10}  {:<18}  {}",
                "",
                "record",
                Printable(record)
            ),
            None => Ok(()),
        }
    }

    fn totals(&mut self, totals: &Totals) -> io::Result<()> {
        let lines = totals.by_role().map(|(_, _, lines)| lines).sum();
        match self.form {
            Form::Json => {
                let roles = totals.by_role().map(|(role, bytes, lines)| JsonRole {
                    role: role.as_str(),
                    bytes,
                    lines,
                });
                self.json(&JsonTotals {
                    bytes: totals.bytes(),
                    lines,
                    roles: roles.collect(),
                })?;
            }
            Form::Columns { .. } => {
                writeln!(self.output, "\n{:>10}  {:>10}  role", "bytes", "lines")?;
                for (role, bytes, lines) in totals.by_role().filter(|&(_, bytes, _)| bytes > 0) {
                    writeln!(self.output, "{bytes:>10}  {lines:>10}  {}", role.as_str())?;
                }
                writeln!(self.output, "{:>10}  {lines:>10}  in all", totals.bytes())?;
            }
        }
        self.output.flush()
    }

    fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.output.write_all(&line_for_terminals(value)?)
    }
}

/// The line in columns, with everything that could steer a terminal escaped.
fn columns(line: &Line, text: &str, is_coloured: bool) -> String {
    let role = match (line.repeat_of, line.block) {
        (Some(first), _) if line.role == Role::Repeat => format!("repeat of block {first}"),
        (None, Some(block)) if line.role != Role::Blank => {
            format!("{} {block}", line.role.as_str())
        }
        _ => line.role.as_str().to_owned(),
    };
    let style = match is_coloured {
        true => style_of(line.role),
        false => Style::new(),
    };
    let (on, off) = (style.render(), style.render_reset());
    let mut shown = format!(
        "{:>10}  {on}{role:<18}  {}{off}",
        line.offset,
        Printable(text)
    );
    if let Some(reason) = line.reason {
        let _ = write!(shown, "  ← {}", Printable(reason));
    }
    shown.truncate(shown.trim_end().len());
    shown.push('\n');
    shown
}

fn style_of(role: Role) -> Style {
    let colour = match role {
        Role::Year | Role::Doi | Role::Title | Role::Abstract => AnsiColor::Green,
        Role::Facet | Role::CitingYears | Role::Tally | Role::TallyAgain | Role::References => {
            AnsiColor::Cyan
        }
        Role::Statement | Role::Section | Role::Confidence | Role::SeeMore => AnsiColor::Yellow,
        Role::Repeat => AnsiColor::Magenta,
        Role::Unrecognized | Role::Rejected => return AnsiColor::Red.on_default().bold(),
        Role::Boilerplate
        | Role::Landmark
        | Role::Heading
        | Role::Tab
        | Role::Blank
        | Role::ByteOrderMark
        | Role::Skipped
        | Role::Container => return Style::new().dimmed(),
    };
    colour.on_default()
}
