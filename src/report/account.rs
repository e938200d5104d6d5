//! The accounting: bytes, pages and blocks, each in exactly one column.

use super::chart::bar;
use super::text::{Count, count, share};
use crate::stats::Stats;

/// One identity.
pub struct Account {
    pub title: &'static str,
    /// What is counted, and what is told of it.
    pub unit: &'static str,
    pub about: &'static str,
    pub total_name: &'static str,
    pub total: Count,
    /// The identity as the names of `--stats` say it.
    pub identity: String,
    pub bar: String,
    pub parts: Vec<Part>,
}

pub struct Part {
    /// The class of its colour.
    pub class: &'static str,
    pub name: &'static str,
    pub meaning: &'static str,
    pub count: Count,
    pub share: String,
}

/// A column: its colour, its name in `--stats`, what it holds, and how much.
type Column = (&'static str, &'static str, &'static str, u64);

pub fn accounts(stats: &Stats) -> Vec<Account> {
    let (bytes, pages, blocks) = (&stats.bytes, &stats.pages, &stats.blocks);
    vec![
        account(
            ("Bytes", "bytes", "read", bytes.read),
            "Bytes of the decompressed input.",
            &[
                (
                    "one",
                    "pages",
                    "report pages, rejected ones too",
                    bytes.pages,
                ),
                (
                    "gap",
                    "between_pages",
                    "blank lines between pages",
                    bytes.between_pages,
                ),
                ("two", "skipped", "text of other sites", bytes.skipped),
                (
                    "three",
                    "left_out",
                    "outside of --sample and --skip",
                    bytes.left_out,
                ),
                (
                    "four",
                    "container",
                    "what a container puts around its texts",
                    bytes.container,
                ),
            ],
        ),
        account(
            ("Pages", "pages", "seen", pages.seen),
            "Report pages, and stretches of other text.",
            &[
                ("one", "emitted", "became a record", pages.emitted),
                (
                    "gap",
                    "repeated",
                    "seen before, with nothing new",
                    pages.repeated,
                ),
                (
                    "alarm",
                    "rejected",
                    "could not become a record",
                    pages.rejected,
                ),
                ("two", "skipped", "pages of other sites", pages.skipped),
                (
                    "three",
                    "passed_over",
                    "before the first, by --skip",
                    pages.passed_over,
                ),
                ("four", "unsampled", "not in the --sample", pages.unsampled),
            ],
        ),
        account(
            (
                "Statement blocks and repeats",
                "blocks",
                "seen",
                blocks.seen,
            ),
            "Blocks printed on emitted and on repeated pages.",
            &[
                ("one", "kept", "became a statement", blocks.kept),
                (
                    "two",
                    "repeated_in_page",
                    "repeat a block of the same page",
                    blocks.repeated_in_page,
                ),
                (
                    "three",
                    "repeated_in_run",
                    "repeat a block of an earlier page",
                    blocks.repeated_in_run,
                ),
            ],
        ),
    ]
}

fn account(
    (title, unit, total, all): (&'static str, &'static str, &'static str, u64),
    about: &'static str,
    columns: &[Column],
) -> Account {
    let colours: Vec<_> = columns
        .iter()
        .map(|&(class, _, _, value)| (class, value))
        .collect();
    let names: Vec<_> = columns.iter().map(|&(_, name, ..)| name).collect();
    let parts = columns.iter().map(|&(class, name, meaning, value)| Part {
        class,
        name,
        meaning,
        count: count(format!("{unit}.{name}"), value),
        share: share(value, all),
    });
    Account {
        title,
        unit,
        about,
        total_name: total,
        total: count(format!("{unit}.{total}"), all),
        identity: format!("{total} = {}", names.join(" + ")),
        bar: bar(&colours, all).replacen("bar", "bar tall", 1),
        parts: parts.collect(),
    }
}
