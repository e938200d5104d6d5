//! Files that are named twice. An output that is read would destroy an input, or feed a run with
//! its own records; two outputs in one file would destroy each other. So they are refused before
//! any work. Not seen is a link within a folder that leads out of it, to where an output is.

use std::fs;
use std::path::{Path, PathBuf};

use super::resume::journal_beside;
use crate::durable::part_of;
use crate::input::{Input, scheme_of, without_user};
use crate::place::Printable;
use crate::sink::target_of;

/// An output as it was named.
pub struct Named<'a> {
    pub flag: &'static str,
    pub path: &'a Path,
}

/// Where an output is written, without links and dots.
struct Placed<'a> {
    flag: &'static str,
    /// As it was named.
    path: Option<&'a Path>,
    place: PathBuf,
    /// Where it is until it is whole, and where the journal is meanwhile.
    beside: Vec<PathBuf>,
}

/// The sentence that says what to name instead, if what is to be written has an address.
pub fn refuse_address(flag: &str, path: &Path, instead: &str) -> Result<(), String> {
    let path = path.to_string_lossy();
    match scheme_of(&path) {
        Some(_) => Err(format!(
            "{flag}: `{}` is an address, and nothing is written to a store; {instead}",
            Printable(&without_user(&path))
        )),
        None => Ok(()),
    }
}

/// The sentence that says what to change, if the folder of a store is none, is read or holds an
/// output.
pub fn refuse_store(store: &Path, outputs: &[Named], inputs: &[Input]) -> Result<(), String> {
    refuse_address("--seen", store, "name a folder")?;
    let there = store.canonicalize().ok();
    let Some(place) = there.or_else(|| place_of(store)) else {
        return Ok(());
    };
    let shown = Printable(&store.to_string_lossy()).to_string();
    let mut placed = outputs.iter().filter_map(Placed::of);
    if let Some(output) = placed.find(|output| output.place.starts_with(&place)) {
        let flag = output.flag;
        return Err(format!(
            "{flag} is in `{shown}`, which --seen keeps for itself; choose a place outside that folder"
        ));
    }
    let read = |input: &Input| match input {
        Input::Path(path) => path
            .canonicalize()
            .is_ok_and(|read| place.starts_with(read)),
        Input::Stdin | Input::Address(_) => false,
    };
    match inputs.iter().any(read) {
        true => Err(format!(
            "--seen: `{shown}` is in a folder that is read; choose a place outside that folder"
        )),
        false => Ok(()),
    }
}

/// The sentence that says what to change, if an output collides with an input or another output.
pub fn refuse(outputs: &[Named], inputs: &[Input]) -> Result<(), String> {
    for (number, output) in outputs.iter().enumerate() {
        let mut others = outputs[..number].iter();
        // Also where both are one pipe; but what is written to nowhere destroys nothing.
        let is_lost = output.path == Path::new("/dev/null");
        if let Some(other) = others.find(|other| other.path == output.path && !is_lost) {
            return Err(same_file(other.flag, output.flag));
        }
    }
    let mut placed: Vec<_> = outputs.iter().filter_map(Placed::of).collect();
    if !outputs.iter().any(|output| output.flag == "--output") {
        placed.extend(standard_output());
    }
    for (number, output) in placed.iter().enumerate() {
        let others = placed[..number].iter().chain(&placed[number + 1..]);
        others.clone().try_for_each(|other| output.apart(other))?;
    }
    for input in inputs {
        let named = match input {
            Input::Stdin => Path::new("/dev/stdin"),
            Input::Path(path) => path,
            // Nothing is written to a store.
            Input::Address(_) => continue,
        };
        // What is not there is told when it is read.
        let Ok(read) = named.canonicalize() else {
            continue;
        };
        placed
            .iter()
            .try_for_each(|output| output.unread(named, &read))?;
    }
    Ok(())
}

fn same_file(one: &str, other: &str) -> String {
    format!("{one} and {other} name the same file")
}

impl<'a> Placed<'a> {
    /// None where nothing is replaced: a device, a pipe, a folder that is missing.
    fn of(named: &Named<'a>) -> Option<Self> {
        let is_special = fs::metadata(named.path).is_ok_and(|metadata| !metadata.is_file());
        let target = target_of(named.path).ok().filter(|_| !is_special)?;
        let place = place_of(&target)?;
        Some(Self {
            flag: named.flag,
            path: Some(named.path),
            beside: vec![part_of(&place), journal_beside(&place)],
            place,
        })
    }

    fn apart(&self, other: &Self) -> Result<(), String> {
        if self.place == other.place {
            return Err(same_file(self.flag, other.flag));
        }
        match self.beside.contains(&other.place) {
            true => Err(format!(
                "{}, and {} names that; choose another file",
                self.is_written_so(&other.place),
                other.flag
            )),
            false => Ok(()),
        }
    }

    /// `read` is the input's place.
    fn unread(&self, input: &Path, read: &Path) -> Result<(), String> {
        let flag = self.flag;
        if self.place == read {
            let verb = if self.beside.is_empty() {
                "is"
            } else {
                "names"
            };
            return Err(format!("{flag} {verb} an input; choose another file"));
        }
        if self.beside.iter().any(|beside| beside == read) {
            return Err(format!(
                "{}, and that is an input; choose another file",
                self.is_written_so(read)
            ));
        }
        match self.place.starts_with(read) {
            true => Err(format!(
                "{flag} is in `{}`, which is read; choose a place outside that folder",
                Printable(&input.to_string_lossy())
            )),
            false => Ok(()),
        }
    }

    /// What is beside an output, by a name like the one that was given.
    fn is_written_so(&self, beside: &Path) -> String {
        let ending = beside.extension().unwrap_or_default();
        let mut name = self.path.unwrap_or(&self.place).as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        let name = name.to_string_lossy();
        format!(
            "{} has `{}` beside it until it is whole",
            self.flag,
            Printable(&name)
        )
    }
}

/// Where something is or is to be that is itself no link; none in a folder that is missing.
fn place_of(path: &Path) -> Option<PathBuf> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(folder.join(path.file_name()?))
}

/// The file that the shell has opened for standard output, where the system can tell it.
fn standard_output() -> Option<Placed<'static>> {
    let place = Path::new("/dev/stdout").canonicalize().ok()?;
    place.is_file().then_some(Placed {
        flag: "standard output",
        path: None,
        place,
        beside: Vec::new(),
    })
}
