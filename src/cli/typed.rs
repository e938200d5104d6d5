//! What was typed, with what a file of settings says beside it: the two become one set of flags.

use std::env;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::args::Args;
use super::colour::{self, coloured};
use super::settings::{Settings, settable};
use crate::progress::say;

/// What is to be done.
pub enum Typed {
    Args(Box<Args>),
    /// What holds is to be printed, and nothing else done.
    Shown(String),
    /// So is the help, or the version.
    Help(clap::Error),
}

/// Parses what was typed; wrong usage ends the program here.
///
/// # Errors
/// The sentence that says what to change in a file of settings.
pub fn parse() -> Result<Typed, String> {
    let command = settable(coloured(Args::command()));
    // Once for the file's name, and once with what it says.
    let matches = match matches_of(&mut command.clone()) {
        Ok(matches) => matches,
        Err(help) => return Ok(Typed::Help(help)),
    };
    let settings = Settings::of(&matches, &command)?;
    let mut command = settings.applied(command);
    let matches = match matches_of(&mut command) {
        Ok(matches) => matches,
        Err(help) => return Ok(Typed::Help(help)),
    };
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    colour::choose(args.color);
    if args.print_config {
        return Ok(Typed::Shown(settings.shown(&command, &matches)));
    }
    // A file that came with a dump cannot silence what is said of it.
    let is_quiet = args.quiet && is_typed(&matches, "quiet");
    let subcommand = matches.subcommand_name();
    let subcommand = subcommand.and_then(|name| command.find_subcommand(name));
    let said = settings.said(subcommand.unwrap_or(&command));
    if let Some(said) = said.filter(|_| !is_quiet) {
        say(&said);
    }
    Ok(Typed::Args(Box::new(args)))
}

fn is_typed(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}

/// What was typed, or the help that was asked for.
fn matches_of(command: &mut Command) -> Result<ArgMatches, clap::Error> {
    let matches = command.try_get_matches_from_mut(env::args_os());
    matches.map_err(|error| match error.use_stderr() {
        true => error.exit(),
        false => error,
    })
}
