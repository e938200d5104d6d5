//! What a package puts beside the program: its manual pages and completions for shells. They are
//! made of the flags themselves, so that they never say what the program does not do.

use std::fmt::Write as _;
use std::io;

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use super::args::{Args, EXAMPLES, EXIT_CODES};
use super::{DONE, refuse, standard::print};
use crate::error::Error;

/// Prints a shell's script, and returns the exit code.
pub fn print_completions(shell: Shell) -> Result<u8, Error> {
    let mut script = Vec::new();
    generate(shell, &mut Args::command(), "citesift", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(DONE)
}

/// Prints the page of the program, or of a subcommand, and returns the exit code.
pub fn print_page(subcommand: Option<&str>) -> Result<u8, Error> {
    let mut program = Args::command();
    program.build();
    let named = subcommand.map(|name| program.find_subcommand(name));
    let page = match named {
        None => page(&program.after_help(""), &[EXAMPLES, EXIT_CODES]),
        Some(Some(command)) => page(command, &[]),
        Some(None) => {
            let all: Vec<_> = program.get_subcommands().map(Command::get_name).collect();
            return Ok(refuse(&format!(
                "there is no subcommand of that name; name one of {}",
                all.join(", ")
            )));
        }
    };
    // Writing to memory does not fail.
    print(&page.unwrap_or_default())?;
    Ok(DONE)
}

fn page(command: &Command, tables: &[&str]) -> io::Result<String> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().next().is_some() {
        man.render_subcommands_section(&mut page)?;
    }
    let mut page = String::from_utf8_lossy(&page).into_owned();
    let own = command.get_after_help().map(ToString::to_string);
    let own = own.iter().flat_map(|own| own.split("\n\n"));
    for table in tables.iter().copied().chain(own) {
        page.push_str(&section(table));
    }
    Ok(page)
}

/// A table, whose first line is its name, with its line ends and columns.
fn section(table: &str) -> String {
    let (name, lines) = table.split_once('\n').unwrap_or((table, ""));
    if lines.is_empty() {
        return String::new();
    }
    let name = name.trim_end_matches(':').to_uppercase();
    let mut section = format!(".SH \"{name}\"\n.nf\n");
    for line in lines.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // What begins with a point or a quotation mark would be a command.
        let _ = writeln!(section, "\\&{line}");
    }
    section.push_str(".fi\n");
    section
}
