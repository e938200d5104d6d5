//! What was typed, and the checks that turn it into what holds.

use std::io::{self, ErrorKind, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ColorChoice, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::annotate::AnnotateArgs;
use super::collision::{self, Named};
use super::form::{ToArg, ending, form};
use super::merge::MergeArgs;
use super::places;
use super::resume::{STORE_RUNS, Settings};
use super::schema::FormArg;
use super::shaping::{ShapingArgs, input, typed_share, typed_size};
use super::verify::VerifyArgs;
use crate::dedup::{Dedup, Store};
use crate::input::Input;
use crate::job::Config;
use crate::place::Printable;
use crate::sink::Form;

/// Turn dumps of scite report pages into clean, deduplicated NDJSON.
///
/// Reads plain text that holds one scraped report page or thousands, also glued together
/// by `cat`, JSON Lines, WARC and WET files, Parquet, tar and zip archives, and writes one JSON record
/// per line. Pages of other sites are skipped and counted. gzip, zstd, xz, bzip2 and lz4
/// are found by content and read as what is in them.
#[derive(Debug, Parser)]
#[command(version, long_version = version_with_features(), max_term_width = 100)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Args {
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Files and folders to read, in this order; a folder is walked in the byte order of
    /// its paths. None, or `-`, is standard input. A build with the feature `cloud`, as the
    /// released ones are, also reads s3://, gs://, az://, abfss://, https:// and http://.
    #[arg(value_name = "PATH")]
    inputs: Vec<PathBuf>,

    #[command(flatten)]
    shaping: ShapingArgs,

    /// Write records to FILE instead of standard output.
    ///
    /// The file is written as FILE.part and gets its name when it is whole. A name that ends
    /// in .gz or .zst is compressed.
    #[arg(
        short,
        long,
        value_name = "FILE",
        help_heading = "Output",
        display_order = 0
    )]
    pub output: Option<PathBuf>,

    /// How records are written [default: as the name of `-o` ends, or else ndjson].
    ///
    /// csv and parquet are for `--emit statements`, and nquads for `--emit cito`. Where a spreadsheet
    /// could take a text in csv for a formula, it has an apostrophe in front.
    #[arg(long, value_enum, value_name = "FORM", help_heading = "Output")]
    to: Option<ToArg>,

    /// Write what was refused to FILE, as NDJSON: reason, message, place, excerpt.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub rejects: Option<PathBuf>,

    /// Write what was removed as a repeat to FILE, as NDJSON: its key, its place, and the place of
    /// the copy that stayed.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub duplicates: Option<PathBuf>,

    /// Write the summary to FILE, as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub stats: Option<PathBuf>,

    /// Write a page about the run to FILE, as HTML, for people to look at: what came out and what did
    /// not, how fast, and what does not add up.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub report: Option<PathBuf>,

    /// Know what earlier runs saw, and write only what is new: DIR remembers it from run to run.
    /// It is brought up to date when the file of `-o`, which must be a new one, is safely on disk.
    #[arg(long, value_name = "DIR", requires = "output", help_heading = "Work")]
    pub seen: Option<PathBuf>,

    /// Go on where an interrupted run with the same `-o` stopped: its output, rejects, duplicates
    /// and store become what they had become without the interruption. Give what that run was given.
    #[arg(long, requires = "output", help_heading = "Work")]
    pub resume: bool,

    /// Say what would be read, with size, kind and compression, and what would be written. Of each
    /// input only the beginning is read, and of standard input and pipes nothing.
    #[arg(long, conflicts_with = "resume", help_heading = "Work")]
    pub dry_run: bool,

    /// How often a run with `-o` makes sure, in a journal beside FILE, that it can be resumed.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds, help_heading = "Work")]
    checkpoint: Duration,

    /// End with exit code 3 when a page was rejected or a record carries a warning.
    #[arg(long, help_heading = "Gates")]
    pub strict: bool,

    /// End with exit code 3 when more than N pages, or P% of the report pages, were rejected. Damaged
    /// lines and records are among them, and make it exit code 1 also where the gate holds.
    #[arg(long, value_name = "N|P%", value_parser = max_rejects, help_heading = "Gates")]
    pub max_rejects: Option<MaxRejects>,

    /// End with exit code 3 when of the lines of all pages that became a record, blank ones too, more
    /// than P% are claimed by no part of their page: the site has changed, and records may lack
    /// what it now prints otherwise.
    #[arg(long, value_name = "P%", value_parser = max_drift, help_heading = "Gates")]
    pub fail_on_drift: Option<f64>,

    /// Show progress on standard error: when that is a terminal, always, or never. What is no terminal
    /// has a line after 1, 2, 4, … seconds, and then each minute, as soon as more text has come through:
    /// while the input stalls there is none.
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Auto, help_heading = "Messages")]
    pub progress: When,

    /// Colour in messages: when they go to a terminal and `NO_COLOR` is not set, always, or never.
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        help_heading = "Messages"
    )]
    pub color: ColorChoice,

    /// Print what holds for a run, and where each value comes from, and do nothing else.
    #[arg(long, help_heading = "Messages")]
    pub print_config: bool,

    /// No summary and no progress; errors are still said.
    #[arg(short, long, help_heading = "Messages")]
    pub quiet: bool,
}

/// What else can be done than the main job.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print what a store of `--seen` holds.
    Seen {
        /// The store.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Print a script that completes what is typed in a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page, for `man -l -`.
    Man {
        /// The subcommand that it is about, instead of the program.
        #[arg(value_name = "COMMAND")]
        subcommand: Option<String>,
    },
    /// Print the JSON Schema of the records.
    Schema {
        /// The form of the records, as `--emit` names it.
        #[arg(value_enum, value_name = "FORM", default_value_t = FormArg::Reports)]
        form: FormArg,
    },
    /// Hold an output against the inputs that it was made from.
    Verify(Box<VerifyArgs>),
    /// Put the outputs of several runs together, as one run over all their inputs would have.
    Merge(MergeArgs),
    /// Show every line of a file with what the parser took it for.
    Annotate(AnnotateArgs),
}

/// Lines of which each begins with a command; behind several blanks it says what for.
pub const EXAMPLES: &str = "\
Examples:
  citesift pages/ -o reports.ndjson            every page below a folder, into a file
  cat pages/*.txt | citesift | jq -r .doi      in a pipeline
  citesift --emit statements dump.txt          one row per statement, for tables
  citesift --emit statements dump.txt -o statements.parquet  the same as Parquet
  citesift crawl/*.warc.wet.gz -o found.ndjson.zst   what a general crawl holds of report pages
  citesift --text-field content.body --keep id,lang dump.jsonl.zst
  citesift --seen seen/ monday.warc.gz -o monday.ndjson      what no earlier run has seen
  citesift --rejects bad.ndjson --stats run.json dump.txt > reports.ndjson
  citesift dump.txt -o reports.ndjson --report run.html      and a page about the run
  citesift s3://bucket/crawl/ -o found.ndjson  every object below a prefix (feature `cloud`)
  citesift verify reports.ndjson pages/        every record against its page
  citesift merge parts/*.ndjson -o all.ndjson  outputs of several runs, as of one
  citesift annotate page.txt                   every line with what it was taken for
  citesift --dry-run crawl/                    what would be read, and as what
  citesift --sample 1% --limit 100 crawl/ | jq .            a first look";

pub const EXIT_CODES: &str = "\
Exit codes:
  0  done; a reader of standard output that stops early counts as done
  1  an input could not be read whole or is damaged, whatever the gates take, or an output could
     not be written
  2  wrong usage, nothing was done
  3  done, but --strict, --max-rejects or --fail-on-drift does not hold
  130, 143  interrupted; --resume goes on";

/// A value in Parquet has less than 2 GiB, and a byte of a page takes three where it is replaced.
#[cfg(feature = "parquet")]
const MOST_IN_PARQUET: usize = 512 << 20;

/// When something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

/// How many rejects a run may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxRejects {
    Pages(u64),
    Percent(f64),
}

impl MaxRejects {
    /// Whether so many rejects of so many report pages are too many.
    pub fn is_exceeded(self, rejected: u64, pages: u64) -> bool {
        match self {
            Self::Pages(most) => rejected > most,
            Self::Percent(most) => is_more(rejected, pages, most),
        }
    }
}

/// Whether a part is more than so many percent of a whole. 57 of 10,000 are not more than 0.57 %,
/// which in binary is a little less.
pub fn is_more(part: u64, whole: u64, percent: f64) -> bool {
    part as f64 * 100.0 > percent * whole as f64 * (1.0 + 1e-12)
}

impl Args {
    /// What holds for the run, or the sentence that says what to change.
    pub fn config(&self) -> Result<Config, String> {
        let mut config = self.shaping.config(self.inputs()?)?;
        config.form = form(self.shaping.emit, self.to, self.output.as_deref())?;
        let outputs = self.outputs();
        collision::refuse(&outputs, &config.inputs)?;
        if let Some(store) = &self.seen {
            collision::refuse_store(store, &outputs, &config.inputs)?;
        }
        places::refuse(&outputs, config.form)?;
        self.refuse_forgetting()?;
        if config.form == Form::Cito && config.near.is_some() {
            return Err(
                "--near: N-Quads have no place for what it tells; leave it out, or choose \
                        another --emit"
                    .to_owned(),
            );
        }
        #[cfg(feature = "parquet")]
        self.refuse_what_parquet_lacks(&config)?;
        config.checkpoints = self.keeps_journal(&config).then_some(self.checkpoint);
        config.tells_duplicates = self.duplicates.is_some();
        config.tells_content = self.report.is_some();
        Ok(config)
    }

    #[cfg(feature = "parquet")]
    fn refuse_what_parquet_lacks(&self, config: &Config) -> Result<(), String> {
        let refusal = if config.form != Form::Parquet {
            return Ok(());
        } else if self.output.is_none() && io::stdout().is_terminal() {
            "Parquet is nothing to look at: name a file with -o, or lead it into a pipe or file"
        } else if self.resume {
            "--resume: a run that writes Parquet cannot be resumed, for a part of such a file is \
             none; leave --resume out to start again"
        } else if config.max_page.get() > MOST_IN_PARQUET {
            "--max-page: with Parquet at most 512MiB"
        } else {
            return Ok(());
        };
        Err(refusal.to_owned())
    }

    /// A run whose output is no file, or whose input is none, can only be begun again.
    fn keeps_journal(&self, config: &Config) -> bool {
        let is_file = self.output.as_ref().is_some_and(|output| {
            // One that is not there yet will be.
            output
                .metadata()
                .map_or(true, |metadata| metadata.is_file())
        });
        is_file && config.form.goes_on() && refuse_unseekable(&config.inputs).is_ok()
    }

    /// Which repeats are removed, if that was typed.
    pub fn scope(&self) -> Option<Dedup> {
        self.shaping.scope()
    }

    /// What earlier runs saw is not written again, so their output must not be replaced.
    fn refuse_forgetting(&self) -> Result<(), String> {
        if self.seen.is_none() {
            return Ok(());
        }
        if self.scope().is_some_and(|scope| !scope.is_across_pages()) {
            return Err("--seen needs --dedup run or text".to_owned());
        }
        match self.resume {
            true => Ok(()),
            false => self.refuse_replacing(),
        }
    }

    /// The sentence for an output that is there, with `--seen`, or of which nobody can say that.
    pub fn refuse_replacing(&self) -> Result<(), String> {
        let (Some(_), Some(output)) = (&self.seen, &self.output) else {
            return Ok(());
        };
        match output.symlink_metadata() {
            Ok(_) => Err(
                "--output names a file that is there; with --seen each run needs a new one, \
                 for what an earlier run has written is not written again"
                    .to_owned(),
            ),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!(
                "--output: {}: {error}; with --seen it must be sure that no file is there",
                Printable(&output.to_string_lossy())
            )),
        }
    }

    /// What a run must have in common with the one that it goes on with. A store that is asked
    /// for and not there is a new one.
    pub fn settings(&self, config: &Config, store: Option<&Store>) -> Settings {
        let paths = |paths: &mut dyn Iterator<Item = &PathBuf>| {
            let shown = paths.map(|path| path.to_string_lossy().into_owned());
            shown.collect::<Vec<_>>().join(" ")
        };
        let file = |path: &Option<PathBuf>| paths(&mut path.iter());
        let runs = self.seen.as_ref().map(|_| store.map_or(0, Store::runs));
        let settings = [
            ("the version", env!("CARGO_PKG_VERSION").to_owned()),
            ("PATH", paths(&mut self.inputs.iter())),
            (
                "--format",
                format!("{:?}", self.shaping.format).to_lowercase(),
            ),
            ("--text-field", config.fields.text.clone()),
            ("--url-field", config.fields.url().to_owned()),
            ("--keep", config.fields.keep.join(",")),
            ("--output", file(&self.output)),
            ("--emit", format!("{:?}", self.shaping.emit).to_lowercase()),
            ("--to", ending(config.form).to_owned()),
            ("--rejects", file(&self.rejects)),
            ("--duplicates", file(&self.duplicates)),
            ("--report", file(&self.report)),
            ("--dedup", config.dedup.as_str().to_owned()),
            ("--seen", file(&self.seen)),
            (
                STORE_RUNS,
                runs.map(|runs| runs.to_string()).unwrap_or_default(),
            ),
            ("--near", config.near.map(typed_share).unwrap_or_default()),
            (
                "--sample",
                self.shaping
                    .sample
                    .map(|percent| format!("{percent}% of seed {}", self.shaping.seed))
                    .unwrap_or_default(),
            ),
            ("--skip", config.skip.to_string()),
            (
                "--limit",
                config
                    .limit
                    .map(|limit| limit.to_string())
                    .unwrap_or_default(),
            ),
            ("--max-page", typed_size(config.max_page.get())),
        ];
        settings
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    fn inputs(&self) -> Result<Vec<Input>, String> {
        if self.inputs.is_empty() && io::stdin().is_terminal() {
            return Err(
                "standard input is a terminal: name a PATH, pipe text in, or give `-` to type"
                    .to_owned(),
            );
        }
        let Some(first) = self.inputs.first() else {
            return Ok(vec![Input::Stdin]);
        };
        if let Some(name) = first.to_str()
            && Command::has_subcommand(name)
            && !first.exists()
        {
            return Err(format!(
                "`{name}` is a command, and stands before all options: citesift {name} …; \
                 an input of that name is `./{name}`"
            ));
        }
        self.inputs.iter().map(|path| input(path)).collect()
    }

    /// The files that the run writes.
    pub fn outputs(&self) -> Vec<Named<'_>> {
        let outputs = [
            ("--output", &self.output),
            ("--rejects", &self.rejects),
            ("--duplicates", &self.duplicates),
            ("--stats", &self.stats),
            ("--report", &self.report),
        ];
        let named = outputs.into_iter().filter_map(|(flag, path)| {
            let path = path.as_deref()?;
            Some(Named { flag, path })
        });
        named.collect()
    }
}

/// The sentence for an input in whose middle no run can begin.
pub fn refuse_unseekable(inputs: &[Input]) -> Result<(), String> {
    let is_unsought = |input: &&Input| match input {
        Input::Stdin => true,
        Input::Address(_) => false,
        Input::Path(path) => {
            let metadata = path.metadata();
            metadata.is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
        }
    };
    match inputs.iter().find(is_unsought) {
        Some(Input::Path(path)) => Err(format!(
            "--resume: the input `{}` is no file, so nobody can go on in its middle",
            Printable(&path.to_string_lossy())
        )),
        Some(Input::Stdin) => Err(
            "--resume: standard input is no file, so nobody can go on in its middle; \
             name the file as PATH"
                .to_owned(),
        ),
        Some(Input::Address(_)) | None => Ok(()),
    }
}

/// What `--version` prints behind the program's name; `-V` prints the number alone.
fn version_with_features() -> String {
    let sign = |has| if has { '+' } else { '-' };
    format!(
        "{}\nfeatures: {}parquet {}cloud",
        env!("CARGO_PKG_VERSION"),
        sign(cfg!(feature = "parquet")),
        sign(cfg!(feature = "cloud")),
    )
}

fn seconds(typed: &str) -> Result<Duration, String> {
    let seconds = typed.parse().ok().map(Duration::try_from_secs_f64);
    let seconds = seconds.and_then(Result::ok);
    seconds.ok_or_else(|| "expected a number of seconds, such as 5 or 0.5".to_owned())
}

fn max_rejects(typed: &str) -> Result<MaxRejects, String> {
    let expected = || "expected a number of pages, such as 10, or a share, such as 0.5%".to_owned();
    match typed.ends_with('%') {
        true => percent(typed).map(MaxRejects::Percent),
        false => typed.parse().ok().map(MaxRejects::Pages),
    }
    .ok_or_else(expected)
}

fn max_drift(typed: &str) -> Result<f64, String> {
    percent(typed).ok_or_else(|| "expected a share of the lines, such as 0.1%".to_owned())
}

fn percent(typed: &str) -> Option<f64> {
    let percent = typed.strip_suffix('%')?.parse().ok();
    percent.filter(|percent| (0.0..=100.0).contains(percent))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn rejects_by_number_and_by_share() {
        assert!(!max_rejects("2").unwrap().is_exceeded(2, 5));
        assert!(max_rejects("2").unwrap().is_exceeded(3, 5));
        assert!(!max_rejects("50%").unwrap().is_exceeded(2, 4));
        assert!(!max_rejects("0.57%").unwrap().is_exceeded(57, 10_000));
        assert!(max_rejects("0.57%").unwrap().is_exceeded(58, 10_000));
        assert!(max_rejects("0.1%").unwrap().is_exceeded(2, 1999));
        assert!(!max_rejects("0%").unwrap().is_exceeded(0, 0));
        for wrong in ["%", "101%", "-1", "a", "nan%"] {
            assert!(max_rejects(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn drift_is_a_share() {
        assert_eq!((max_drift("0.1%"), max_drift("0%")), (Ok(0.1), Ok(0.0)));
        for wrong in ["0.1", "%", "101%", "-1%", "nan%", "1 %", ""] {
            assert!(max_drift(wrong).is_err(), "{wrong:?}");
        }
    }
}
