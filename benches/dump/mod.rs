//! Dumps to measure with: invented report pages that have the statistics of real ones.
//!
//! About 4.2 kB and 5.9 printed blocks a page; 27 % of the blocks are repeats and 5 % of
//! the pages whole repeats; 65 % have an abstract. Every page is whole and well-formed and
//! ends in one line feed: broken pages are the business of the samples and the fuzz corpus.
//!
//! The same seed gives the same bytes on every machine: whole numbers only, no clock and
//! no random source but the one below. A change of anything here changes every dump, and
//! with it what older measurements can be compared with.

#![expect(
    clippy::format_push_string,
    reason = "a dump is made once, and not while anything is measured"
)]

use std::io::{self, Write};

/// A dump of whole pages, the first size that is no less than `bytes`.
pub fn dump(seed: u64, bytes: usize) -> Vec<u8> {
    let mut dump = Vec::with_capacity(bytes + (64 << 10));
    write(seed, bytes, &mut dump).expect("a vector takes everything");
    dump
}

/// Writes the dump that [`dump`] returns, without holding it.
pub fn write(seed: u64, bytes: usize, out: &mut impl Write) -> io::Result<()> {
    let mut press = Press::new(seed);
    let mut written = 0;
    while written < bytes {
        let page = press.next_page();
        out.write_all(page.as_bytes())?;
        written += page.len();
    }
    Ok(())
}

const BAR: &str = "\n|View full text |Cite\n|\nSign up to set email alerts\n|\n\n";

/// Distinct blocks of a page: each number from none on, and how many of 1000 pages have it.
const BLOCKS: [usize; 11] = [85, 66, 82, 100, 152, 212, 140, 80, 46, 23, 14];

/// Pages of which one may be printed again.
const REMEMBERED: usize = 1024;

const SECTIONS: [&str; 9] = [
    "Introduction",
    "Results",
    "Discussion",
    "Methods",
    "Background",
    "Conclusion",
    "Results and Discussion",
    "Materials and Methods",
    "Related Work",
];

const TYPES: [&str; 4] = ["mentioning", "supporting", "contrasting", "unclassified"];

/// How many of 1000 statements have each type.
const TYPE_SHARES: [usize; 4] = [890, 70, 30, 10];

struct Press {
    chance: Chance,
    words: Vec<String>,
    names: Vec<String>,
    earlier: Vec<String>,
    printed: usize,
}

impl Press {
    fn new(seed: u64) -> Self {
        Self {
            chance: Chance(seed),
            words: words(),
            names: names(),
            earlier: Vec::new(),
            printed: 0,
        }
    }

    fn next_page(&mut self) -> &str {
        let number = self.printed;
        self.printed += 1;
        if number > 0 && self.chance.percent(5) {
            let again = self.chance.below(self.earlier.len());
            return &self.earlier[again];
        }
        let page = self.page(number);
        if self.earlier.len() < REMEMBERED {
            self.earlier.push(page);
            return &self.earlier[self.earlier.len() - 1];
        }
        let place = self.chance.below(REMEMBERED);
        self.earlier[place] = page;
        &self.earlier[place]
    }

    fn page(&mut self, number: usize) -> String {
        let year = self.chance.between(1986, 2023);
        let blocks = self.chance.weighted(&BLOCKS);
        let mut page = String::with_capacity(8 << 10);
        self.header(&mut page, year, number);
        self.facets(&mut page, year, blocks);
        for block in 0..blocks {
            self.block(&mut page, block == 0);
        }
        page.push('\n');
        page
    }

    fn header(&mut self, page: &mut String, year: usize, number: usize) {
        let journal = self.word().to_owned();
        page.push_str(&format!("{year}\nDOI: 10.5555/{journal}.{year}.{number}"));
        page.push_str(BAR);
        let words = self.chance.between(6, 16);
        self.phrase(page, words);
        page.push_str("\n\n");
        if self.chance.percent(65) {
            page.push_str("Abstract: ");
            let sentences = self.chance.between(4, 9);
            self.sentences(page, sentences);
            page.push_str("\n\n");
        }
    }

    /// All between the abstract and the first block.
    fn facets(&mut self, page: &mut String, year: usize, blocks: usize) {
        let (tallies, total) = self.tallies(blocks);
        let first = self.chance.between(year, 2023);
        let last = self.chance.between(first, 2024);
        page.push_str(
            "Help me understand this report\n\nSearch citation statements\n\nOrder By: Relevance\n\n\
             Paper Sections\n\nSelect...\n",
        );
        self.counts(page, 1, 4, 1);
        page.push_str("\nCitation Types\n\n");
        page.push_str(&tallies);
        page.push_str(&format!(
            "\nYear Published\n\n{first}\n{first}\n{last}\n{last}\n\nPublication Types\n\nSelect...\n"
        ));
        self.counts(page, 1, 2, 1);
        page.push_str("\nRelationship\n\n");
        self.counts(page, 2, 2, 0);
        let publications = self.chance.between(total.div_ceil(3), total);
        let references = self.chance.between(4, 95);
        page.push_str(&format!(
            "\nAuthors\n\nJournals\n\ncitations\nCited by {}\n({})\nreferences\nReferences {references} publications\n",
            counted(publications, "publication"),
            counted(total, "citation statement"),
        ));
        page.push_str(&tallies);
        page.push_str("Order By: Relevance");
    }

    /// The list of Citation Types and its sum; the sum is zero when no block follows.
    fn tallies(&mut self, blocks: usize) -> (String, usize) {
        let mut counts = [0; 4];
        if blocks > 0 {
            counts[0] = self.chance.below(15);
            counts[1] = self.chance.between(blocks, 40 * blocks);
            counts[2] = self.chance.below(5);
            counts[3] = self.chance.below(12);
        }
        let types = if self.chance.percent(60) { 4 } else { 3 };
        let counts = &counts[..types];
        let lines = counts.iter().map(|count| format!("{count}\n"));
        (lines.collect(), counts.iter().sum())
    }

    /// Counts one below the other, from `fewest` to `most` of them, none below `least`.
    fn counts(&mut self, page: &mut String, fewest: usize, most: usize, least: usize) {
        for _ in 0..self.chance.between(fewest, most) {
            let count = self.chance.between(least, 12);
            page.push_str(&format!("{count}\n"));
        }
    }

    /// A block, printed twice when it is the page's first or by chance.
    fn block(&mut self, page: &mut String, is_first: bool) {
        let start = page.len();
        page.push_str("\n“…");
        let sentences = self.chance.between(1, 7);
        self.sentences(page, sentences);
        page.push_str("…”\nSection: ");
        self.section(page);
        let confidence = match self.chance.percent(60) {
            true => 99,
            false => self.chance.between(50, 98),
        };
        page.push_str(&format!("\nconfidence: {confidence}%"));
        let end = page.len();
        self.see_more(page);
        if is_first || self.chance.percent(20) {
            page.extend_from_within(start..end);
            self.see_more(page);
        }
    }

    fn section(&mut self, page: &mut String) {
        if self.chance.percent(80) {
            page.push_str(SECTIONS[self.chance.below(SECTIONS.len())]);
        } else {
            let words = self.chance.between(2, 7);
            self.phrase(page, words);
        }
        if self.chance.percent(5) {
            page.push(' ');
        }
        page.push_str(TYPES[self.chance.weighted(&TYPE_SHARES)]);
    }

    fn see_more(&mut self, page: &mut String) {
        if self.chance.percent(25) {
            page.push_str("\nSee 1 more Smart Citation");
        }
    }

    fn sentences(&mut self, page: &mut String, number: usize) {
        for sentence in 0..number {
            if sentence > 0 {
                page.push(' ');
            }
            let words = self.chance.between(8, 18);
            self.phrase(page, words);
            self.ornament(page);
            page.push('.');
        }
    }

    /// Words with a capital letter at the beginning.
    fn phrase(&mut self, page: &mut String, words: usize) {
        let start = page.len();
        for word in 0..words {
            if word > 0 {
                page.push_str(if self.chance.percent(4) { ", " } else { " " });
            }
            page.push_str(self.word());
        }
        page[start..=start].make_ascii_uppercase();
    }

    /// What sentences of papers end in now and then: references, quotations, symbols.
    fn ornament(&mut self, page: &mut String) {
        match self.chance.below(100) {
            0..22 => {
                let (name, year) = (self.name().to_owned(), self.chance.between(1990, 2023));
                page.push_str(&format!(" ({name} et al., {year})"));
            }
            22..32 => {
                let number = self.chance.between(1, 80);
                page.push_str(&format!(" [{number}]"));
            }
            32..35 => {
                let quoted = self.word().to_owned();
                page.push_str(&format!(", the “{quoted}” of {}", self.name()));
            }
            35..38 => {
                let quoted = self.word().to_owned();
                page.push_str(&format!(" as \"{quoted}\""));
            }
            38..41 => {
                let degrees = self.chance.between(2, 60);
                page.push_str(&format!(" at {degrees} °C"));
            }
            41..44 => page.push_str(" (β‐form, p < 0.05)"),
            44..46 => page.push_str(" — the ‘naïve’ reading"),
            _ => {}
        }
    }

    /// Every third word is a common one; of the others the earlier ones come more often.
    fn word(&mut self) -> &str {
        let reach = match self.chance.below(3) {
            0 => COMMON.len(),
            _ => self.chance.below(self.words.len()) + 1,
        };
        let index = self.chance.below(reach);
        &self.words[index]
    }

    fn name(&mut self) -> &str {
        let index = self.chance.below(self.names.len());
        &self.names[index]
    }
}

/// splitmix64, as its authors published it.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let scaled = u128::from(self.next()) * bound as u128;
        usize::try_from(scaled >> 64).unwrap_or_default()
    }

    fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    /// An index, drawn as often as its weight says.
    fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut drawn = self.below(weights.iter().sum());
        let found = weights.iter().position(|&weight| {
            let is_here = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            is_here
        });
        found.unwrap_or_default()
    }
}

const COMMON: [&str; 24] = [
    "the", "of", "and", "in", "to", "a", "with", "for", "that", "by", "was", "were", "on", "as",
    "from", "between", "than", "which", "both", "under", "over", "these", "had", "after",
];

/// The common words, then words of science that no dictionary has.
fn words() -> Vec<String> {
    const HEADS: [&str; 20] = [
        "apid", "brack", "calor", "dorm", "estuar", "ferr", "glac", "harb", "lich", "marl", "nect",
        "orchid", "plank", "quarr", "radul", "sprat", "tarn", "umbel", "vesp", "wharf",
    ];
    const MIDDLES: [&str; 10] = ["", "al", "en", "ic", "od", "ur", "ast", "emb", "oll", "ith"];
    const TAILS: [&str; 18] = [
        "a", "ade", "ance", "ar", "ate", "ed", "er", "es", "ia", "ics", "ine", "ings", "ion",
        "ism", "ly", "ness", "ose", "y",
    ];
    let mut coined = Vec::new();
    for head in HEADS {
        for middle in MIDDLES {
            coined.extend(TAILS.map(|tail| format!("{head}{middle}{tail}")));
        }
    }
    // Always in the same disorder, so that the words drawn most often are not all alike.
    let mut chance = Chance(1);
    for last in (1..coined.len()).rev() {
        coined.swap(last, chance.below(last + 1));
    }
    COMMON
        .map(str::to_owned)
        .into_iter()
        .chain(coined)
        .collect()
}

fn names() -> Vec<String> {
    const BEGINNINGS: [&str; 14] = [
        "Ard", "Bran", "Cze", "Dú", "Ek", "Fjor", "Grö", "Hal", "Jaš", "Kovi", "Lin", "Mør", "Od",
        "Tama",
    ];
    const ENDINGS: [&str; 10] = [
        "aro", "berg", "dt", "ek", "ić", "ley", "mura", "skog", "uya", "wen",
    ];
    let name = |beginning: &str| ENDINGS.map(|ending| format!("{beginning}{ending}"));
    BEGINNINGS.into_iter().flat_map(name).collect()
}

fn counted(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        _ => format!("{number} {thing}s"),
    }
}
