//! What shapes the records: the flags that a run has in common with those who verify its output.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, ValueEnum};

use super::form::form;
use crate::dedup::Dedup;
use crate::input::{Address, Fields, Format, Input, scheme_of};
use crate::job::{Config, Sample};

/// How the inputs are read and what becomes of them. A flag that changes records belongs here.
#[derive(Debug, Args)]
pub struct ShapingArgs {
    /// What the inputs hold, below any compression. `auto` tells it by their content, never by
    /// their name; members of archives are always told so.
    #[arg(long, value_enum, default_value_t = FormatArg::Auto, help_heading = "Input")]
    pub format: FormatArg,

    /// The field or column with the page's text, in jsonl and parquet; dots lead into nested
    /// objects [default: text].
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    text_field: Option<String>,

    /// The field or column with the page's address [default: url, which may be missing].
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    url_field: Option<String>,

    /// Fields of jsonl that go into the record's `meta`, separated by commas; what they hold
    /// is kept as it is written.
    #[arg(
        long,
        value_name = "NAME,…",
        value_delimiter = ',',
        help_heading = "Input"
    )]
    keep: Vec<String>,

    /// Take settings from FILE instead of `citesift.toml` in the working folder; what is typed wins.
    ///
    /// A setting is a flag's long name without the dashes, such as `emit = "statements"`. Flags that
    /// name a place to write to, leave pages out or are about one run can only be typed. No file
    /// is read with `--config /dev/null`.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub config: Option<PathBuf>,

    /// One line per report page, one per statement, or N-Quads about each statement, with the
    /// properties of `CiTO`.
    #[arg(long, value_enum, default_value_t = EmitArg::Reports, help_heading = "Output")]
    pub emit: EmitArg,

    /// Remove statement blocks that are repeated: none of them, those within a page, also those
    /// of an earlier page on the same paper (and pages that bring nothing new), or those
    /// of any earlier page [default: page; with `--seen`, what DIR was made with, or run].
    #[arg(long, value_enum, help_heading = "Work")]
    dedup: Option<DedupArg>,

    /// Tell which statements of a page have at least SHARE of the shorter one's sequences of three
    /// words in common, from 0.001 to 1: the later one gets `similar_to` and `similarity`.
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Work")]
    near: Option<u16>,

    /// Memory for what was seen on other pages, with `--dedup run` and `text`; what is more goes
    /// to temporary files [default: a quarter of the machine's].
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Work")]
    memory: Option<NonZeroUsize>,

    /// Parser threads; the output is the same for any number [default: the number of cores].
    #[arg(long, value_name = "N", value_parser = threads, help_heading = "Work")]
    threads: Option<NonZeroUsize>,

    /// Look only into P% of the pages, chosen by a hash of each page's text: the same ones in any
    /// order and container.
    #[arg(long, value_name = "P%", value_parser = percent, help_heading = "Work")]
    pub sample: Option<f64>,

    /// Another N gives another `--sample`.
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Work")]
    pub seed: u64,

    /// Pass over the first N report pages, of a `--sample` its first.
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Work")]
    skip: u64,

    /// Stop when N report pages have come out. Those that are dropped as repeats, with `--dedup run`
    /// and `text`, do not count, and neither do rejected ones.
    #[arg(long, value_name = "N", help_heading = "Work")]
    limit: Option<u64>,

    /// Reject pages over SIZE: bytes, or with K, M, G (1024), kB, MB, GB (1000).
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size, help_heading = "Work")]
    max_page: NonZeroUsize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum EmitArg {
    Reports,
    Statements,
    Cito,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum FormatArg {
    Auto,
    Text,
    Jsonl,
    Warc,
    Parquet,
    Tar,
    Zip,
}

impl From<FormatArg> for Option<Format> {
    fn from(format: FormatArg) -> Self {
        Some(match format {
            FormatArg::Auto => return None,
            FormatArg::Text => Format::Text,
            FormatArg::Jsonl => Format::Jsonl,
            FormatArg::Warc => Format::Warc,
            FormatArg::Parquet => Format::Parquet,
            FormatArg::Tar => Format::Tar,
            FormatArg::Zip => Format::Zip,
        })
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DedupArg {
    Off,
    Page,
    Run,
    Text,
}

impl From<DedupArg> for Dedup {
    fn from(dedup: DedupArg) -> Self {
        match dedup {
            DedupArg::Off => Self::Off,
            DedupArg::Page => Self::Page,
            DedupArg::Run => Self::Run,
            DedupArg::Text => Self::Text,
        }
    }
}

impl ShapingArgs {
    /// What holds for these inputs, or the sentence that says what to change.
    pub fn config(&self, inputs: Vec<Input>) -> Result<Config, String> {
        let mut config = Config::new(inputs);
        config.form = form(self.emit, None, None)?;
        config.dedup = self.scope().unwrap_or_default();
        config.near = self.near;
        if let Some(memory) = self.memory {
            config.memory = memory.get();
        }
        if let Some(threads) = self.threads {
            config.threads = threads;
            config.batch = Config::batch_for(threads);
        }
        config.format = self.format.into();
        config.fields = self.fields()?;
        config.max_page = self.max_page;
        config.sample = self.sample.map(|share| Sample::new(share, self.seed));
        config.skip = self.skip;
        config.limit = self.limit;
        Ok(config)
    }

    /// Which repeats are removed, if that was typed.
    pub fn scope(&self) -> Option<Dedup> {
        self.dedup.map(Into::into)
    }

    /// The fields that were named, or the sentence that says what to change.
    fn fields(&self) -> Result<Fields, String> {
        let keep = &self.keep;
        let text = self.text_field.iter().map(|name| ("--text-field", name));
        let url = self.url_field.iter().map(|name| ("--url-field", name));
        let kept = keep.iter().map(|name| ("--keep", name));
        for (flag, name) in text.chain(url).chain(kept) {
            if name.split('.').any(str::is_empty) {
                return Err(format!("{flag}: `{name}` is no field's name"));
            }
        }
        for (number, name) in keep.iter().enumerate() {
            let clash = |other: &&String| {
                let inner = other.strip_prefix(name.as_str());
                inner.is_some_and(|inner| inner.is_empty() || inner.starts_with('.'))
            };
            let mut others = keep[..number].iter().chain(&keep[number + 1..]);
            if let Some(other) = others.find(clash) {
                return Err(format!(
                    "--keep: `{other}` is already in `{name}`; name one of them"
                ));
            }
        }
        let default = Fields::default();
        Ok(Fields {
            text: self.text_field.clone().unwrap_or(default.text),
            url: self.url_field.clone(),
            keep: keep.clone(),
        })
    }
}

/// What holds for these paths with these flags, each as it is typed, or the sentence that says
/// what to change: for a front end that is no command line and has the same options.
///
/// # Errors
/// A flag that does not shape records, and a value that it cannot have.
pub fn config_of(flags: &[String], paths: &[PathBuf]) -> Result<Config, String> {
    let typed = [&["citesift".to_owned()], flags].concat();
    let front = Front::try_parse_from(typed).map_err(|error| {
        let message = error.to_string();
        let said = message.split("\n\n").next().unwrap_or_default();
        said.trim_start_matches("error: ").trim_end().to_owned()
    })?;
    let inputs = paths.iter().map(|path| input(path));
    front.shaping.config(inputs.collect::<Result<_, _>>()?)
}

/// The flags alone.
#[derive(Debug, Parser)]
#[command(disable_help_flag = true)]
struct Front {
    #[command(flatten)]
    shaping: ShapingArgs,
}

/// What a path that was typed names, or the sentence that says what to change.
pub fn input(path: &Path) -> Result<Input, String> {
    if path.as_os_str() == "-" {
        return Ok(Input::Stdin);
    }
    let typed = path.to_str().unwrap_or_default();
    match scheme_of(typed) {
        Some(scheme) => Address::of(typed, scheme).map(Input::Address),
        None => Ok(Input::Path(path.to_owned())),
    }
}

/// Units of sizes by their names, of which the first is said, the largest unit first.
const UNITS: [(&[&str], usize); 7] = [
    (&["GiB", "G"], 1 << 30),
    (&["GB"], 1_000_000_000),
    (&["MiB", "M"], 1 << 20),
    (&["MB"], 1_000_000),
    (&["KiB", "K"], 1 << 10),
    (&["kB", "KB"], 1000),
    (&["", "B"], 1),
];

/// size = digits [K | M | G | KiB | MiB | GiB | kB | MB | GB]
pub fn size(typed: &str) -> Result<NonZeroUsize, String> {
    let digits = typed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let name = &typed[digits.len()..];
    let (_, unit) = UNITS
        .iter()
        .find(|(names, _)| names.contains(&name))
        .ok_or_else(|| format!("unknown unit `{name}`; use K, M, G, kB, MB or GB"))?;
    let number: usize = digits
        .parse()
        .map_err(|_| "a size is a whole number with or without a unit, such as 64MiB".to_owned())?;
    let bytes = number.checked_mul(*unit).ok_or("the size is too large")?;
    NonZeroUsize::new(bytes).ok_or_else(|| "the size must be above zero".to_owned())
}

/// How a size can be typed, in the largest unit of which it is a multiple.
pub fn typed_size(bytes: usize) -> String {
    let mut units = UNITS.iter();
    let found = units.find(|(_, unit)| bytes.is_multiple_of(*unit));
    let (names, unit) = found.expect("every size is a multiple of one byte");
    format!("{}{}", bytes / unit, names[0])
}

/// How a share of so many thousandths is typed.
pub fn typed_share(thousandths: u16) -> String {
    (f64::from(thousandths) / 1000.0).to_string()
}

/// A share in thousandths.
fn share(typed: &str) -> Result<u16, String> {
    let share: f64 = typed.parse().unwrap_or(f64::NAN);
    match (0.001..=1.0).contains(&share) {
        true => Ok((share * 1000.0).ceil() as u16),
        false => Err("expected a share from 0.001 to 1, such as 0.8".to_owned()),
    }
}

/// Threads that are worked for. With each more the run holds more batches.
pub fn threads(typed: &str) -> Result<NonZeroUsize, String> {
    let threads = typed.parse().ok();
    threads
        .filter(|threads: &NonZeroUsize| threads.get() <= 1024)
        .ok_or_else(|| "expected a number from 1 to 1024".to_owned())
}

/// A share of the pages, in percent.
fn percent(typed: &str) -> Result<f64, String> {
    let percent = typed.strip_suffix('%').and_then(|typed| typed.parse().ok());
    percent
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .ok_or_else(|| "expected a share above 0%, up to 100%, such as 0.5%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_units() {
        let bytes = |typed| size(typed).map(NonZeroUsize::get).ok();
        assert_eq!(bytes("17"), Some(17));
        assert_eq!(bytes("64MiB"), Some(64 << 20));
        assert_eq!(bytes("64M"), Some(64 << 20));
        assert_eq!(bytes("2kB"), Some(2000));
        for wrong in ["0", "", "-1", "1.5M", "1 M", "1X", "99999999999G"] {
            assert_eq!(bytes(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn shares_in_thousandths() {
        for (typed, expected) in [("0.8", 800), ("1", 1000), ("0.6667", 667), ("0.001", 1)] {
            assert_eq!(share(typed), Ok(expected));
        }
        for wrong in ["0", "1.1", "-1", "80%", "nan", ""] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_was_typed_can_be_said() {
        for typed in ["64MiB", "17", "2kB", "10GB", "3GiB", "1500KiB", "1234567"] {
            assert_eq!(typed_size(size(typed).unwrap().get()), typed);
        }
        for typed in ["0.8", "1", "0.667", "0.001"] {
            assert_eq!(typed_share(share(typed).unwrap()), typed);
        }
    }

    #[test]
    fn shares_in_percent() {
        for (typed, expected) in [("1%", 1.0), ("0.25%", 0.25), ("100%", 100.0)] {
            assert_eq!(percent(typed), Ok(expected));
        }
        for wrong in ["1", "0%", "101%", "-1%", "%", "nan%", ""] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
