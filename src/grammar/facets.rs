//! The filter lists beside the statements: their headings, and counts with labels.
//!
//! Only Citation Types and Year Published have a known meaning by position. In the
//! other lists a count's label is lost or dropped: a position is never given a name.

use std::iter;

use super::line::trim_end;
use super::number::bare_count;
use crate::model::StatementType;

/// Stands below the heading of a list.
pub const SELECT: &[u8] = b"Select...";

/// The lists a page can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Facet {
    PaperSections,
    CitationTypes,
    YearPublished,
    PublicationTypes,
    Relationship,
    Authors,
    Journals,
}

impl Facet {
    /// Headings of one word can also be a line of a title or an abstract.
    pub fn is_one_word(self) -> bool {
        matches!(self, Self::Relationship | Self::Authors | Self::Journals)
    }
}

/// heading = "Paper Sections" | "Citation Types" | … | "Journals"
pub fn heading(line: &[u8]) -> Option<Facet> {
    Some(match line {
        b"Paper Sections" => Facet::PaperSections,
        b"Citation Types" => Facet::CitationTypes,
        b"Year Published" => Facet::YearPublished,
        b"Publication Types" => Facet::PublicationTypes,
        b"Relationship" => Facet::Relationship,
        b"Authors" => Facet::Authors,
        b"Journals" => Facet::Journals,
        _ => return None,
    })
}

/// labelled = label blank+ count
///
/// No count is made of the end of `Results 2 of 7`: a number within the label says that it is another one's.
pub fn labelled_count(line: &[u8]) -> Option<(&[u8], u64)> {
    let last_blank = memchr::memrchr(b' ', line)?;
    let (label, number) = (trim_end(&line[..last_blank]), &line[last_blank + 1..]);
    let has_number = words(label).any(is_digits);
    (is_label(label) && !has_number).then_some((label, bare_count(number)?))
}

/// What a list may print before a number. What ends in one is a number that cannot be read, as `Results 2
/// of 7` and `Select...2`. A colon has nothing behind it, as in `Section: Results`.
pub fn is_label(line: &[u8]) -> bool {
    let colon = memchr::memchr(b':', line);
    starts_with_letter(line)
        && !line.starts_with(SELECT)
        && !words(line).last().is_some_and(is_digits)
        && colon.is_none_or(|colon| colon + 1 == line.len())
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b' ')
}

fn is_digits(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

/// What stands for a number but is none that can be read, as `1.2k`, `2022 – 2023` or `***`.
pub fn is_unread_number(line: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    line.iter().any(u8::is_ascii_digit) || !line.iter().any(is_letter)
}

pub fn has_word(line: &[u8]) -> bool {
    words(line).any(starts_with_letter)
}

fn starts_with_letter(line: &[u8]) -> bool {
    String::from_utf8_lossy(line).starts_with(char::is_alphabetic)
}

/// type-label = "Supporting" | "Mentioning" | … in any case, with a colon or without
pub fn type_label(label: &[u8]) -> Option<StatementType> {
    use StatementType::{Contrasting, Mentioning, Supporting, Unclassified};
    let label = label.strip_suffix(b":").unwrap_or(label);
    Some(match label.to_ascii_lowercase().as_slice() {
        b"supporting" => Supporting,
        b"mentioning" => Mentioning,
        b"contrasting" | b"contradicting" | b"disputing" => Contrasting,
        b"unclassified" => Unclassified,
        _ => return None,
    })
}

/// The four numbers of a list that tells by the place what a number is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places {
    numbers: [Option<u64>; 4],
    /// Places that are passed.
    next: usize,
}

impl Places {
    /// Takes the next number; false when there is no place for it.
    pub fn push(&mut self, number: u64) -> bool {
        let before = self.next;
        self.fill(iter::once(number));
        self.next > before
    }

    /// Takes numbers while there is a place for them.
    pub fn fill(&mut self, numbers: impl Iterator<Item = u64>) {
        let places = self.numbers.iter_mut().skip(self.next);
        for (place, number) in places.take_while(|place| place.is_none()).zip(numbers) {
            *place = Some(number);
            self.next += 1;
        }
    }

    /// Leaves a place empty, for a number that cannot be read.
    pub fn pass(&mut self) {
        self.next = self.numbers.len().min(self.next + 1);
    }

    /// No place tells any more what a number is.
    pub fn close(&mut self) {
        self.next = self.numbers.len();
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.iter().all(Option::is_none)
    }

    pub fn numbers(&self) -> &[Option<u64>; 4] {
        &self.numbers
    }
}

/// Statement counts by type, from one of the page's two lists. Equal when the counts
/// are, whether they came with labels or without.
#[derive(Clone, Copy, Debug, Default)]
pub struct TypeCounts {
    /// Those without a label come in the types' order.
    pub by_type: Places,
}

impl TypeCounts {
    /// Takes a number with its label; false when that type has one already.
    pub fn set(&mut self, statement_type: StatementType, count: u64) -> bool {
        let place = &mut self.by_type.numbers[statement_type as usize];
        let is_free = place.is_none();
        place.get_or_insert(count);
        is_free
    }

    pub fn is_empty(&self) -> bool {
        self.by_type.is_empty()
    }

    /// The sum; None when it does not fit 64 bits.
    pub fn sum(&self) -> Option<u64> {
        (self.by_type.numbers.iter().flatten()).try_fold(0u64, |sum, &count| sum.checked_add(count))
    }

    pub fn get(&self, statement_type: StatementType) -> Option<u64> {
        self.by_type.numbers[statement_type as usize]
    }

    /// True when `self` is the beginning of `whole`, as on a page that ends within it.
    pub fn is_cut_from(&self, whole: &Self) -> bool {
        let (read, rest) = self.by_type.numbers.split_at(self.by_type.next);
        whole.by_type.numbers.starts_with(read) && rest.iter().all(Option::is_none)
    }
}

impl PartialEq for TypeCounts {
    fn eq(&self, other: &Self) -> bool {
        self.by_type.numbers == other.by_type.numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_on_one_line() {
        assert_eq!(
            labelled_count(b"Supporting 8"),
            Some((&b"Supporting"[..], 8))
        );
        assert_eq!(
            labelled_count(b"Case report  1,008"),
            Some((&b"Case report"[..], 1008))
        );
        assert_eq!(labelled_count(b"Supporting"), None);
        assert_eq!(
            labelled_count("Étude 4".as_bytes()),
            Some(("Étude".as_bytes(), 4))
        );
        for line in [
            "8 Supporting",
            "Results 2 of 7",
            "2022 – 2023",
            "– 2",
            "“Two” 2",
            "A: b 2",
        ] {
            assert_eq!(labelled_count(line.as_bytes()), None, "{line}");
        }
        assert_eq!(labelled_count(b"COVID-19 4"), Some((&b"COVID-19"[..], 4)));
    }

    #[test]
    fn a_line_of_a_list_is_a_label_or_an_unread_number_or_neither() {
        for label in [
            "Supporting",
            "Supporting:",
            "Étude",
            "Results and Discussion",
            "COVID-19",
            "Phase 3 trial",
        ] {
            assert!(is_label(label.as_bytes()), "{label}");
        }
        for number in [
            "1.2k",
            "2022 – 2023",
            "From 2022 to 2023",
            "Select...2",
            "***",
        ] {
            assert!(
                !is_label(number.as_bytes()) && is_unread_number(number.as_bytes()),
                "{number}"
            );
        }
        for text in ["“Quote”", "Section: Results", "(none)"] {
            assert!(
                !is_label(text.as_bytes()) && !is_unread_number(text.as_bytes()),
                "{text}"
            );
        }
    }

    #[test]
    fn older_words_are_contrasting() {
        assert_eq!(type_label(b"Disputing"), Some(StatementType::Contrasting));
        assert_eq!(
            type_label(b"contradicting:"),
            Some(StatementType::Contrasting)
        );
        assert_eq!(type_label(b"Total"), None);
    }

    #[test]
    fn a_fifth_number_is_refused() {
        let mut counts = TypeCounts::default();
        assert!((0..4).all(|count| counts.by_type.push(count)));
        assert!(!counts.by_type.push(4));
        assert_eq!(counts.sum(), Some(6));
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let mut counts = TypeCounts::default();
        assert!(counts.set(StatementType::Supporting, 8));
        assert!(!counts.set(StatementType::Supporting, 9));
        assert!(!counts.by_type.push(3));
        assert_eq!(counts.get(StatementType::Supporting), Some(8));
        assert_eq!(counts.sum(), Some(8));
    }
}
