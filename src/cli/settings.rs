//! Settings: what stands in `citesift.toml`, or in the file of `--config`, holds where the command
//! line says nothing else.
//!
//! A setting is a long flag without its dashes. There is no list of them: the flags themselves are
//! asked which they are and what they take, and what the file says becomes their default. Only
//! what must not be set is listed, for a file may come with a dump from somewhere else, and
//! must then neither choose where the program writes nor have pages left out in silence.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::error::ContextKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::de::{DeTable, DeValue};

use crate::input::without_user;
use crate::place::Printable;

/// Where settings are looked for without `--config`.
const USUAL: &str = "citesift.toml";

/// The flags that are typed, and why.
const TYPED: [(&str, &str); 16] = [
    ("output", PLACE),
    ("rejects", PLACE),
    ("duplicates", PLACE),
    ("stats", PLACE),
    ("report", PLACE),
    ("seen", PLACE),
    ("skip", PART),
    ("sample", PART),
    ("seed", PART),
    ("limit", PART),
    ("resume", ONCE),
    ("dry-run", ONCE),
    ("config", ONCE),
    ("print-config", ONCE),
    ("help", ONCE),
    ("version", ONCE),
];
const PLACE: &str = "it names a place to write to";
const PART: &str = "it leaves pages out";
const ONCE: &str = "it is about one run";

/// A file of settings.
#[derive(Debug, Default)]
pub struct Settings {
    name: String,
    settings: Vec<Setting>,
}

#[derive(Debug)]
struct Setting {
    name: String,
    values: Vec<String>,
    /// Counted from 1.
    line: usize,
}

/// A command whose flags can all be set and taken back: one that is on or off takes a value, too.
pub fn settable(command: Command) -> Command {
    command.mut_args(|arg| {
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        match is_switch && is_setting(&arg) {
            true => arg
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .value_name("BOOL")
                .default_missing_value("true")
                .default_value("false")
                .hide_default_value(true)
                .hide_possible_values(true),
            false => arg,
        }
    })
}

/// Whether it reads what a run reads, and so has the settings of the run.
fn reads_settings(subcommand: &Command) -> bool {
    has_flag(subcommand, "config")
}

fn has_flag(command: &Command, name: &str) -> bool {
    let mut args = command.get_arguments();
    args.any(|arg| arg.get_long() == Some(name))
}

fn is_setting(arg: &Arg) -> bool {
    let typed = |name| TYPED.iter().any(|&(typed, _)| typed == name);
    arg.get_long().is_some_and(|name| !typed(name))
}

impl Settings {
    /// Those that hold for what was typed.
    ///
    /// # Errors
    /// The sentence that says what to change.
    pub fn of(matches: &ArgMatches, command: &Command) -> Result<Self, String> {
        let matches = match matches.subcommand() {
            None => matches,
            Some((_, matches)) => matches,
        };
        // A subcommand that knows no such flag needs no settings.
        let Ok(file) = matches.try_get_one::<PathBuf>("config") else {
            return Ok(Self::default());
        };
        let path = file.map_or(Path::new(USUAL), PathBuf::as_path);
        match fs::read_to_string(path) {
            Ok(text) => Self::read(path, &text, command),
            Err(error) if file.is_none() && error.kind() == ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => Err(format!(
                "{}: {error}; name a file of settings with --config",
                Printable(&without_user(&path.to_string_lossy()))
            )),
        }
    }

    fn read(path: &Path, text: &str, command: &Command) -> Result<Self, String> {
        let name = Printable(&path.to_string_lossy()).to_string();
        let line_of = |at: usize| text[..at].matches('\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| {
            let line = line_of(error.span().map_or(0, |span| span.start));
            format!("{name}:{line}: {}", Printable(error.message()))
        })?;
        let mut settings = Vec::new();
        for (key, value) in table.get_ref() {
            let line = line_of(key.span().start);
            let placed = |message: String| format!("{name}:{line}: {message}");
            let key = key.get_ref();
            let values = known(key, command)
                .and_then(|arg| values(arg, value.get_ref()))
                .map_err(placed)?;
            refuse_values(key, &values, command).map_err(placed)?;
            settings.push(Setting {
                name: key.to_string(),
                values,
                line,
            });
        }
        Ok(Self { name, settings })
    }

    /// The command, in which they are the defaults.
    pub fn applied(&self, command: Command) -> Command {
        let command = command.mut_subcommands(|subcommand| match reads_settings(&subcommand) {
            true => subcommand.mut_args(|arg| self.as_default(arg)),
            false => subcommand,
        });
        command.mut_args(|arg| self.as_default(arg))
    }

    fn as_default(&self, arg: Arg) -> Arg {
        match self.find(&arg) {
            Some(setting) => arg.default_values(setting.values.clone()),
            None => arg,
        }
    }

    fn find(&self, arg: &Arg) -> Option<&Setting> {
        let mut settings = self.settings.iter();
        settings.find(|setting| arg.get_long() == Some(&setting.name))
    }

    /// A sentence that says which of them hold for a command, if any do.
    pub fn said(&self, command: &Command) -> Option<String> {
        let names = self.settings.iter().map(|setting| &*setting.name);
        let names: Vec<_> = names.filter(|name| has_flag(command, name)).collect();
        (!names.is_empty()).then(|| format!("citesift: {} sets {}", self.name, names.join(", ")))
    }

    /// What holds, as a file of settings, with where each value comes from.
    pub fn shown(&self, command: &Command, matches: &ArgMatches) -> String {
        let mut text = String::new();
        for arg in command.get_arguments() {
            let Some(name) = arg.get_long().filter(|name| !ABOUT.contains(name)) else {
                continue;
            };
            let source = match (matches.value_source(arg.get_id().as_str()), self.find(arg)) {
                (Some(ValueSource::CommandLine), _) => "command line".to_owned(),
                (_, Some(setting)) => format!("{}:{}", self.name, setting.line),
                _ => "default".to_owned(),
            };
            let mark = if is_setting(arg) { "" } else { "# " };
            let line = match shown_value(arg, matches) {
                Some(value) => format!("{mark}{name} = {value}"),
                None => format!("# {name}: {}", stated_default(arg)),
            };
            let _ = writeln!(text, "{line:<40} # {source}");
        }
        text
    }
}

/// Flags that are about the settings themselves.
const ABOUT: [&str; 4] = ["config", "print-config", "help", "version"];

/// The flag that a key names.
fn known<'a>(key: &str, command: &'a Command) -> Result<&'a Arg, String> {
    let mut args = command.get_arguments();
    let arg = args.find(|arg| arg.get_long() == Some(key));
    if let Some(&(_, why)) = TYPED.iter().find(|&&(typed, _)| typed == key) {
        return Err(format!("`{key}` is no setting, for {why}; type --{key}"));
    }
    arg.ok_or_else(|| {
        let shown = Printable(key);
        match nearest(key, command) {
            Some(name) => format!("unknown key `{shown}`; did you mean `{name}`?"),
            None => format!("unknown key `{shown}`; the keys are {}", names(command)),
        }
    })
}

/// The known key that is like this one, as the command line tells it of flags.
fn nearest(key: &str, command: &Command) -> Option<String> {
    let wrong = command
        .clone()
        .try_get_matches_from(["citesift", &format!("--{key}")]);
    let suggested = wrong.err()?.get(ContextKind::SuggestedArg)?.to_string();
    let name = suggested.trim_start_matches('-').to_owned();
    let arg = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(&name))?;
    is_setting(arg).then_some(name)
}

fn names(command: &Command) -> String {
    let args = command.get_arguments().filter(|arg| is_setting(arg));
    args.filter_map(Arg::get_long)
        .collect::<Vec<_>>()
        .join(", ")
}

fn values(arg: &Arg, value: &DeValue) -> Result<Vec<String>, String> {
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    match value {
        DeValue::Array(values) if is_list => {
            values.iter().map(|value| word(value.get_ref())).collect()
        }
        DeValue::Array(_) => Err("it takes one value and no list".to_owned()),
        value if is_list => Ok(word(value)?.split(',').map(str::to_owned).collect()),
        value => Ok(vec![word(value)?]),
    }
}

/// A value as it would be typed.
fn word(value: &DeValue) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Float(number) => Ok(number.to_string()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        _ => {
            Err("it takes a string, a number, true or false; settings stand in no table".to_owned())
        }
    }
}

/// What the flag itself says of these values.
fn refuse_values(name: &str, values: &[String], command: &Command) -> Result<(), String> {
    let typed = values.iter().map(|value| format!("--{name}={value}"));
    let typed = std::iter::once("citesift".to_owned()).chain(typed);
    let Err(error) = command.clone().try_get_matches_from(typed) else {
        return Ok(());
    };
    let said = error.render().to_string();
    let said = said.split("\n\nFor more").next().unwrap_or_default();
    Err(said.trim_start_matches("error: ").to_owned())
}

/// A flag's value as TOML; none where it has none.
fn shown_value(arg: &Arg, matches: &ArgMatches) -> Option<String> {
    let raw = matches.get_raw(arg.get_id().as_str());
    let words: Vec<_> = raw
        .into_iter()
        .flatten()
        .map(|word| quoted(&word.to_string_lossy()))
        .collect();
    match arg.get_action() {
        ArgAction::Append => Some(format!("[{}]", words.join(", "))),
        // These are there only where they were typed.
        ArgAction::SetTrue => Some(matches.get_flag(arg.get_id().as_str()).to_string()),
        _ => words.first().cloned(),
    }
}

fn quoted(word: &str) -> String {
    let is_number = |number: i64| number >= 0 && number.to_string() == word;
    let is_bare = matches!(word, "true" | "false") || word.parse().is_ok_and(is_number);
    match is_bare {
        true => word.to_owned(),
        // Of the same form in TOML, but for a character that JSON leaves as it is.
        false => serde_json::Value::from(word)
            .to_string()
            .replace('\u{7f}', "\\u007f"),
    }
}

/// What the help says at its end.
fn stated_default(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let stated = help.rsplit_once("[default: ").map(|(_, stated)| stated);
    let stated = stated.and_then(|stated| stated.rsplit_once(']'));
    stated.map_or_else(|| "not set".to_owned(), |(stated, _)| stated.to_owned())
}
