//! `citesift verify OUTPUT INPUT…`: holds an output against its inputs, and says what does not hold.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use clap::Args;

use super::form::ToArg;
use super::shaping::{ShapingArgs, input};
use super::standard::{Closed, STANDARD_OUTPUT, bad_descriptor, print};
use super::{DONE, FAILED, refuse};
use crate::dedup::Contents;
use crate::error::Error;
use crate::input::{Input, Stream, text_of};
use crate::job::{Config, Watch};
use crate::place::Printable;
use crate::progress::say;
use crate::sink::Form;
use crate::summary::number;
use crate::verify::{Verified, verify};

/// Hold an output against the inputs that it was made from.
///
/// Every page of the inputs is parsed again by itself, and must give the output's next record, byte
/// for byte; every page and every record must be accounted for. Give the inputs as they were named
/// to the run, and the same flags, as far as they are listed here.
#[derive(Debug, Args)]
#[command(max_term_width = 100, after_help = EXIT_CODES)]
pub struct VerifyArgs {
    /// The output of a run, compressed or not; `-` is standard input.
    #[arg(value_name = "OUTPUT")]
    output: PathBuf,

    /// Files and folders as they were given to the run; `-` is standard input.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    shaping: ShapingArgs,

    /// The run knew what earlier runs had seen. What is missing and repeats no page of the inputs
    /// is then believed, and counted; DIR is only asked which repeats it is for.
    #[arg(long, value_name = "DIR", help_heading = "Work")]
    seen: Option<PathBuf>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  all holds
  1  something does not hold, or an input or the output could not be read whole
  2  wrong usage, nothing was done";

/// Findings that are named; the others are counted.
const NAMED: u64 = 10;

/// Verifies, and returns the exit code.
pub fn run(args: &VerifyArgs, closed: Closed) -> Result<u8, Error> {
    let config = match args.config() {
        Ok(config) => config,
        Err(Refused::Usage(message)) => return Ok(refuse(&message)),
        Err(Refused::Error(error)) => return Err(error),
    };
    if let Some(stream) = args.closed_stream(closed, &config) {
        say(&format!("citesift: {stream}: {}", bad_descriptor()));
        return Ok(FAILED);
    }
    let name = Printable(&args.output.to_string_lossy()).to_string();
    let output = match args.open() {
        Ok(output) => output,
        Err(error) => {
            say(&format!("citesift: {name}: {error}"));
            return Ok(FAILED);
        }
    };
    let watch = Watch {
        on_fault: &|fault| say(&format!("citesift: {fault}")),
        ..Watch::default()
    };
    let mut named = 0;
    let has_store = args.seen.is_some();
    let verified = verify(&config, has_store, output, &watch, &mut |finding| {
        named += 1;
        if named <= NAMED {
            say(&format!("citesift: {name}: {finding}"));
        }
    })?;
    if verified.findings > NAMED {
        say(&format!(
            "citesift: {name}: and {} more findings",
            number(verified.findings - NAMED)
        ));
    }
    if verified.held == 0 && verified.lines > 0 {
        say(
            "citesift: no record holds: give the inputs as they were named to the run, and its flags",
        );
    }
    print(&text(&verified, has_store))?;
    Ok(match verified.findings == 0 && verified.faults.is_empty() {
        true => DONE,
        false => FAILED,
    })
}

fn text(verified: &Verified, has_store: bool) -> String {
    let mut text = String::new();
    let broken = verified.lines - verified.held;
    let records = match broken {
        0 => format!("{} hold", number(verified.lines)),
        _ => format!(
            "{}: {} hold, {} do not",
            number(verified.lines),
            number(verified.held),
            number(broken)
        ),
    };
    let _ = writeln!(text, "records {records}");
    let pages = &verified.pages;
    let columns = [
        (pages.emitted, "emitted"),
        (pages.changed, "emitted otherwise"),
        (pages.missing, "missing"),
        (pages.repeated, "repeated"),
        (pages.believed, "left out on the store's word"),
        (pages.skipped, "skipped"),
        (pages.rejected, "rejected"),
        (pages.passed_over, "passed over"),
        (pages.unsampled, "not in the sample"),
    ];
    let columns: Vec<_> = columns
        .iter()
        .filter(|&&(pages, name)| pages > 0 || name == "emitted")
        .map(|&(pages, name)| format!("{} {name}", number(pages)))
        .collect();
    let _ = writeln!(
        text,
        "pages {}: {}",
        number(pages.seen()),
        columns.join(", ")
    );
    if has_store {
        let believed = number(verified.believed_statements);
        let _ = writeln!(text, "statements left out on the store's word {believed}");
    }
    text
}

/// Why nothing was verified.
enum Refused {
    Usage(String),
    Error(Error),
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self::Usage(message)
    }
}

impl VerifyArgs {
    fn config(&self) -> Result<Config, Refused> {
        let inputs = self.inputs.iter().map(|path| input(path));
        let inputs = inputs.collect::<Result<_, _>>()?;
        let mut config = self.shaping.config(inputs)?;
        self.refuse_other_forms(&config)?;
        let from_stdin = config.inputs.iter().filter(|&input| *input == Input::Stdin);
        if from_stdin.count() + usize::from(self.is_piped()) > 1 {
            return Err("`-` is given twice, and there is one standard input"
                .to_owned()
                .into());
        }
        if let Some(folder) = &self.seen {
            let contents = Contents::of(folder).map_err(|error| Refused::Error(error.into()))?;
            if self.shaping.scope().is_some() && config.dedup != contents.scope {
                let scope = contents.scope.as_str();
                return Err(format!("--seen: the store was made with --dedup {scope}").into());
            }
            config.dedup = contents.scope;
        }
        Ok(config)
    }

    /// Lines of NDJSON are what is held against pages.
    fn refuse_other_forms(&self, config: &Config) -> Result<(), String> {
        let promised = ToArg::promised_by(&self.output);
        let other = match config.form {
            Form::Ndjson(_) => promised.filter(|&promised| promised != ToArg::Ndjson),
            _ => Some(ToArg::Nquads),
        };
        other.map_or(Ok(()), |other| {
            Err(format!(
                "only NDJSON can be verified, and no {}: verify what the same run writes as NDJSON",
                other.name()
            ))
        })
    }

    fn is_piped(&self) -> bool {
        self.output.as_os_str() == "-"
    }

    fn closed_stream(&self, closed: Closed, config: &Config) -> Option<&'static str> {
        let needs_input = self.is_piped() || config.inputs.contains(&Input::Stdin);
        match closed {
            Closed { input: true, .. } if needs_input => Some("-"),
            Closed { output: true, .. } => Some(STANDARD_OUTPUT),
            _ => None,
        }
    }

    fn open(&self) -> io::Result<Stream<'static>> {
        text_of(match self.is_piped() {
            true => None,
            false => Some(Box::new(File::open(&self.output)?)),
        })
    }
}
