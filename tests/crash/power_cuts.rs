//! Power cuts: whatever the disk has kept of what was not synced, and of names, a file under an
//! output's name is whole or the older one, and `--resume` ends with the same bytes.
//!
//! A run is recorded once. From the record, [`Disk`] tells what could be found after a power cut
//! behind each sync and each change of a name, right before these, and behind some of the other
//! steps.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use twox_hash::XxHash3_64;

use super::disk::{Disk, Fate, Found, Random};
use super::place::{
    Files, Given, Held, MONDAY, NAMING, Place, TUESDAY, WRITING, WRITTEN, can_trace, resuming, said,
};
use super::trace::{CALLS, Step, steps};

/// A run that a power cut ends, again and again.
struct Cuts<'p> {
    place: &'p Place,
    /// It goes on with these.
    args: &'p [String],
    expected: Given,
    code: Option<i32>,
    /// What files may hold under an output's name.
    whole: HashSet<(PathBuf, Vec<u8>)>,
    /// When files were written that are found to hold this.
    written: Vec<(usize, Vec<u8>, SystemTime)>,
    tried: HashSet<u64>,
    /// States in which another run's journal was found.
    refused: usize,
}

const OUTPUTS: [&str; 4] = ["output", "rejects", "duplicates", "stats"];

/// Behind how many steps a power cut comes in any case.
const EVERY: usize = 9;

/// What becomes of all that is not safe.
#[derive(Clone, Copy, Debug)]
enum Fates {
    /// Of bytes, and of names.
    All(Fate, Fate),
    /// Of each file's changes the first ones are kept; names are.
    FileByFile,
    /// The same, and any fate for names.
    FileByFileAndNames,
    Any,
}

const FATES: [Fates; 9] = [
    Fates::All(Fate::Kept, Fate::Kept),
    Fates::All(Fate::Lost, Fate::Lost),
    Fates::All(Fate::Lost, Fate::Kept),
    Fates::All(Fate::Zeros, Fate::Kept),
    Fates::All(Fate::Garbage, Fate::Kept),
    Fates::All(Fate::Kept, Fate::Lost),
    Fates::FileByFile,
    Fates::FileByFileAndNames,
    Fates::Any,
];

impl Cuts<'_> {
    /// Ends the recorded run behind its steps. Returns how many states of the disk were tried.
    fn everywhere(mut self, disk: &mut Disk, steps: &[Step]) -> usize {
        for (number, step) in steps.iter().enumerate() {
            disk.apply(step);
            let is_next = steps.get(number + 1).is_some_and(is_border);
            if is_border(step) || is_next || number % EVERY == 0 {
                for (at, fates) in FATES.iter().enumerate() {
                    let found = after_power_cut(disk, *fates, (number * FATES.len() + at) as u64);
                    let what = || format!("behind step {number}, {step:?}: {fates:?}");
                    self.power_cut(found, &what);
                }
            }
        }
        // Only a run that replaces another one's outputs may find its journal, and hardly ever does.
        assert!(
            self.refused * 5 < self.tried.len(),
            "{} refused",
            self.refused
        );
        self.tried.len()
    }

    fn power_cut(&mut self, found: Found, what: &dyn Fn() -> String) {
        let mut hash = XxHash3_64::new();
        found.hash(&mut hash);
        if !self.tried.insert(hash.finish()) {
            return;
        }
        let files: Files = found
            .into_iter()
            .filter_map(|(path, file)| {
                let name = path.strip_prefix(self.place.root()).unwrap().to_owned();
                let is_root = WRITTEN.iter().any(|root| Path::new(root) == name);
                (!is_root).then(|| (name, file.map(|file| self.held(file))))
            })
            .collect();
        for (name, held) in &files {
            let is_whole = |held: &Held| self.whole.contains(&(name.clone(), held.bytes.clone()));
            let is_whole = !is_output(name) || held.as_ref().is_some_and(is_whole);
            assert!(is_whole, "{}: {} is not whole", what(), name.display());
        }
        self.place.put(&files);
        let before = self.place.given();
        let mut resumed = self.place.run(self.args);
        if resumed.status.code() == Some(2) {
            assert_eq!(self.place.given(), before, "{}: {}", what(), said(&resumed));
            // All is done but to say so: then the output is one that is there.
            if before == self.expected {
                return;
            }
            // What is on the disk is another run's journal, and to begin anew is what is said.
            let is_said = said(&resumed).contains("--resume: PATH was");
            assert!(is_said, "{}: {}", what(), said(&resumed));
            let anew = self.args.iter().filter(|&arg| arg != "--resume");
            resumed = self.place.run(&anew.cloned().collect::<Vec<_>>());
            self.refused += 1;
        }
        let differs = self.place.given().differs_from(&self.expected);
        let lengths = || {
            let lengths = files.iter().map(|(name, held)| {
                let length = held.as_ref().map(|held| held.bytes.len());
                format!("{} {length:?}", name.display())
            });
            lengths.collect::<Vec<_>>().join(", ")
        };
        assert!(
            differs.is_empty() && resumed.status.code() == self.code,
            "{}: {differs:?}; exit {:?}, {}\nfound: {}",
            what(),
            resumed.status.code(),
            said(&resumed),
            lengths(),
        );
    }

    fn held(&self, (number, bytes): (usize, Vec<u8>)) -> Held {
        let same =
            |(other, whole, _): &&(usize, Vec<u8>, SystemTime)| *other == number && *whole == bytes;
        let written = self.written.iter().find(same);
        Held {
            modified: written.map_or(SystemTime::UNIX_EPOCH, |(.., time)| *time),
            bytes,
        }
    }
}

/// Whether it is an output's name, and not that of a file beside it.
fn is_output(name: &Path) -> bool {
    let outputs = OUTPUTS
        .iter()
        .flat_map(|output| ["", ".gz", ".zst"].map(|end| format!("o/{output}{end}")));
    outputs.into_iter().any(|output| name == Path::new(&output))
}

fn is_border(step: &Step) -> bool {
    let is_naming = |step: &Step| {
        matches!(
            step,
            Step::Rename { .. } | Step::Remove(_) | Step::MakeFolder(_)
        )
    };
    matches!(step, Step::EndSync { .. }) || is_naming(step)
}

fn after_power_cut(disk: &Disk, fates: Fates, seed: u64) -> Found {
    let (mut random, mut of_name) = (Random(seed), Random(!seed));
    let mut one_of = |fates: &[Fate]| fates[random.next() as usize % fates.len()];
    let any = [Fate::Kept, Fate::Lost, Fate::Zeros, Fate::Garbage];
    let mut of_bytes = |count: usize| match fates {
        Fates::All(of_bytes, _) => vec![of_bytes; count],
        Fates::Any => (0..count).map(|_| one_of(&any)).collect(),
        Fates::FileByFile | Fates::FileByFileAndNames => {
            let (first, rest) = (one_of(&any), one_of(&any[1..]));
            // All, none, or some of them.
            let kept = match first {
                Fate::Kept => count,
                Fate::Lost => 0,
                _ => count / 2,
            };
            [vec![Fate::Kept; kept], vec![rest; count - kept]].concat()
        }
    };
    let mut of_names = || match fates {
        Fates::All(_, of_names) => of_names,
        Fates::FileByFile => Fate::Kept,
        Fates::FileByFileAndNames | Fates::Any => any[of_name.next() as usize % 2],
    };
    disk.after_power_cut(&mut of_bytes, &mut of_names)
}

/// What is on the disk now, and safe.
fn disk_of(place: &Place) -> Disk {
    let folders = WRITTEN.map(|folder| (place.path(folder), None));
    let files = place.files().into_iter();
    let files = files.map(|(name, held)| (place.path(name), held.map(|held| held.bytes)));
    Disk::with(folders.into_iter().chain(files))
}

fn recorded(place: &Place, args: &[String]) -> Vec<Step> {
    let options = ["-f", "-y", "-xx", "-s", "10000000", "-e", CALLS];
    let ended = place.traced(&options, args);
    assert!(
        matches!(ended.status.code(), Some(0 | 1)),
        "{}",
        said(&ended)
    );
    steps(&place.trace(), place.root())
}

/// Records a run from what is there, and ends it by power cuts.
fn cut_anywhere(place: &Place, disk: &mut Disk, recording: &[String], args: &[String]) -> usize {
    let start = place.files();
    let whole = place.run(args);
    let (expected, code) = (place.given(), whole.status.code());
    assert!(matches!(code, Some(0 | 1)), "{}", said(&whole));
    place.put(&start);
    let steps = recorded(place, recording);
    let end = place.files();
    assert!(place.given().differs_from(&expected).is_empty());

    let mut last = disk.clone();
    for step in &steps {
        last.apply(step);
    }
    let mut written = Vec::new();
    for (files, disk) in [(&start, &*disk), (&end, &last)] {
        for (path, file) in disk.seen() {
            let held = files.get(path.strip_prefix(place.root()).unwrap());
            let Some((number, bytes)) = file else {
                continue;
            };
            let held = held.and_then(Option::as_ref);
            let held = held.unwrap_or_else(|| panic!("{} is not there", path.display()));
            assert!(held.bytes == bytes, "{} is not as recorded", path.display());
            written.push((number, bytes, held.modified));
        }
    }
    let whole = start.iter().chain(&end).filter(|(name, _)| is_output(name));
    let whole = whole.filter_map(|(name, held)| Some((name.clone(), held.as_ref()?.bytes.clone())));
    let cuts = Cuts {
        place,
        args,
        expected,
        code,
        whole: whole.collect(),
        written,
        tried: HashSet::new(),
        refused: 0,
    };
    let states = cuts.everywhere(disk, &steps);
    place.put(&end);
    states
}

#[test]
fn the_power_may_be_cut_in_a_run() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let args = resuming(MONDAY, "", &["--dedup", "run"]);
    let states = cut_anywhere(&place, &mut disk_of(&place), &args, &args);
    eprintln!("{states} states of the disk");
    assert!(states > 100, "{states}");
}

#[test]
fn the_power_may_be_cut_in_a_run_that_goes_on() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let args = resuming(TUESDAY, ".gz", &["--dedup", "run"]);
    let mut states = 0;
    for call in [WRITING, NAMING] {
        place.put(&Files::new());
        place.broken_off(&args, call);
        states += cut_anywhere(&place, &mut disk_of(&place), &args, &args);
    }
    eprintln!("{states} states of the disk");
    assert!(states > 100, "{states}");
}

/// What the first run has not synced may still be lost in the second one.
#[test]
fn the_power_may_be_cut_in_a_run_that_replaces_older_outputs() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let mut disk = disk_of(&place);
    let mut states = 0;
    for inputs in [MONDAY, TUESDAY] {
        let recording = Place::args(inputs, "", &[]);
        states += cut_anywhere(&place, &mut disk, &recording, &resuming(inputs, "", &[]));
    }
    eprintln!("{states} states of the disk");
    assert!(states > 100, "{states}");
}

#[test]
fn the_power_may_be_cut_in_a_run_that_adds_to_a_store() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let mut states = 0;
    for (inputs, ending) in [(MONDAY, ""), (TUESDAY, ".zst")] {
        let args = resuming(inputs, ending, &["--seen", "s/new/seen"]);
        states += cut_anywhere(&place, &mut disk_of(&place), &args, &args);
    }
    eprintln!("{states} states of the disk");
    assert!(states > 100, "{states}");
}
