//! The command line: the only floor that knows flags and exit codes.

mod annotate;
mod args;
mod collision;
mod colour;
mod dry_run;
mod form;
mod manual;
mod merge;
mod outputs;
mod places;
mod report;
mod resume;
mod run;
mod schema;
mod seen;
mod settings;
mod shaping;
mod standard;
mod typed;
mod verify;

use std::panic;
use std::process::ExitCode;
use std::sync::OnceLock;

use self::args::{Args, Command};
pub use self::shaping::config_of;
pub use self::standard::Closed;
use self::standard::STANDARD_OUTPUT;
use self::typed::Typed;
use crate::error::Error;
use crate::input::Input;
use crate::job::Config;
use crate::progress::say;

const DONE: u8 = 0;
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const GATE_FAILED: u8 = 3;

/// Parses the command line, runs the job, says what came of it.
pub fn main(closed: Closed) -> ExitCode {
    leave_panics_to_the_run();
    // Where the signal cannot be taken, it ends the program as it always does.
    let _ = outputs::take_signal_of_full_files();
    let args = match typed::parse() {
        Ok(Typed::Args(args)) => args,
        Ok(Typed::Shown(config)) => return shown(closed, || standard::print(&config)),
        Ok(Typed::Help(help)) => return shown(closed, || standard::printed(help.print())),
        Err(message) => return ExitCode::from(refuse(&message)),
    };
    let is_open = || closed.refuse_output();
    ended(match &args.command {
        Some(Command::Seen { folder }) => is_open().and_then(|()| seen::print(folder)),
        Some(Command::Completions { shell }) => {
            is_open().and_then(|()| manual::print_completions(*shell))
        }
        Some(Command::Man { subcommand }) => {
            is_open().and_then(|()| manual::print_page(subcommand.as_deref()))
        }
        Some(Command::Schema { form }) => is_open().and_then(|()| schema::print_schema(*form)),
        Some(Command::Verify(args)) => verify::run(args, closed),
        Some(Command::Merge(args)) => merge::run(args, closed),
        Some(Command::Annotate(annotate)) => annotate::run(annotate, args.color, closed),
        None => match args.config() {
            Ok(config) => match closed_stream(closed, &args, &config) {
                Some(stream) => {
                    say(&format!(
                        "citesift: {stream}: {}",
                        standard::bad_descriptor()
                    ));
                    Ok(FAILED)
                }
                None if args.dry_run => dry_run::print_plan(&args, &config),
                None => run::run(&args, config),
            },
            Err(message) => Ok(refuse(&message)),
        },
    })
}

/// Prints what was asked for, and nothing else.
fn shown(closed: Closed, print: impl FnOnce() -> Result<(), Error>) -> ExitCode {
    let printed = closed.refuse_output().and_then(|()| print());
    ended(printed.map(|()| DONE))
}

fn ended(code: Result<u8, Error>) -> ExitCode {
    ExitCode::from(code.unwrap_or_else(|error| complain(&error)))
}

/// Says what to change, and returns the exit code.
fn refuse(message: &str) -> u8 {
    colour::say_error(&format!("{message}\n\nFor more information, try '--help'."));
    WRONG_USAGE
}

/// What a run needs and was closed before its start; then nothing is done.
fn closed_stream(closed: Closed, args: &Args, config: &Config) -> Option<&'static str> {
    match closed {
        Closed { output: true, .. } if args.output.is_none() || args.dry_run => {
            Some(STANDARD_OUTPUT)
        }
        Closed { input: true, .. } if config.inputs.contains(&Input::Stdin) => Some("-"),
        _ => None,
    }
}

static PANICKED_AT: OnceLock<String> = OnceLock::new();

/// A panicking stage says nothing by itself: the run ends with one message, which [`complain`] gives.
fn leave_panics_to_the_run() {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some("main") {
            default(panic);
        } else if let Some(location) = panic.location() {
            PANICKED_AT.get_or_init(|| location.to_string());
        }
    }));
}

/// Says what ended the run, and returns the exit code.
fn complain(error: &Error) -> u8 {
    match (error, PANICKED_AT.get()) {
        (Error::Panic { .. }, Some(location)) => say(&format!("citesift: {error} ({location})")),
        _ if is_usage(error) => colour::say_error(&error.to_string()),
        _ => say(&format!("citesift: {error}")),
    }
    match is_usage(error) {
        true => WRONG_USAGE,
        false => FAILED,
    }
}

/// Whether something else is to be typed, and nothing was done.
fn is_usage(error: &Error) -> bool {
    match error {
        Error::Store(store) => store.is_usage(),
        Error::Open { .. } | Error::Changed(_) => true,
        _ => false,
    }
}
