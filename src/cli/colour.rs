//! `--color`: it is looked for before all else that was typed, as the message that says what is wrong
//! with the rest has its colours, too.

use std::env;
use std::ffi::OsString;
use std::sync::OnceLock;

use clap::error::{Error, ErrorKind};
use clap::{ColorChoice, Command, CommandFactory, ValueEnum};

use super::args::Args;

/// The command, with the colours that were asked for.
pub fn coloured(command: Command) -> Command {
    command.color(choice_in(env::args_os().skip(1)))
}

static CHOICE: OnceLock<ColorChoice> = OnceLock::new();

/// From now on these are the colours, which may come from a file of settings.
pub fn choose(choice: ColorChoice) {
    let _ = CHOICE.set(choice);
}

/// Says what is to be changed, as clap does.
pub fn say_error(message: &str) {
    let error: Error = Error::raw(ErrorKind::ValueValidation, format!("{message}\n"));
    // Where that fails, nobody reads it.
    let choice = CHOICE.get().copied();
    let choice = choice.unwrap_or_else(|| choice_in(env::args_os().skip(1)));
    let _ = error.with_cmd(&Args::command().color(choice)).print();
}

/// The last one counts, of what stands before `--`.
fn choice_in(typed: impl Iterator<Item = OsString>) -> ColorChoice {
    let typed = typed.take_while(|word| word != "--");
    let mut choice = ColorChoice::Auto;
    let mut is_next = false;
    for word in typed.filter_map(|word| word.into_string().ok()) {
        let value = match word.strip_prefix("--color=") {
            _ if is_next => Some(&*word),
            value => value,
        };
        let chosen = value.and_then(|value| ColorChoice::from_str(value, false).ok());
        choice = chosen.unwrap_or(choice);
        is_next = word == "--color";
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_choice_counts() {
        for (typed, expected) in [
            ("", ColorChoice::Auto),
            ("--color never a", ColorChoice::Never),
            ("--color=always --wrong", ColorChoice::Always),
            ("--color always --color=never", ColorChoice::Never),
            ("--color sometimes", ColorChoice::Auto),
            ("-- --color never", ColorChoice::Auto),
        ] {
            let words = typed.split_whitespace().map(OsString::from);
            assert_eq!(choice_in(words), expected, "{typed}");
        }
    }
}
