//! A page from its lines: which part a line belongs to is told by the line and by the part before it.
//!
//! Parts are known by their own headings and may come in any order, or not at all.
//! One pass, one decision a line; [`Page`] is filled in place so that its lists are
//! allocated once for many pages.

use std::mem;

use super::facets::{Facet, TypeCounts, heading, labelled_count, type_label};
use super::header::{abstract_line, header, is_bar};
use super::line::{KnownLines, Lines, trim};
use super::number::bare_count;
use super::roles::Roles;
use super::statement::{Block, BlockReader, certain_block, late_see_more, opens};
use super::tabs::{Tab, tab_line};
use super::unrecognized::{Unrecognized, Why};
use crate::model::{CitingYears, References, Role, StatementType, Tallies, Warning, Warnings};

/// A parsed page: values, and spans of its text that are not yet joined or lower-cased.
#[derive(Clone, Debug, Default)]
pub struct Page<'a> {
    /// What all of it is a part of.
    pub text: &'a [u8],
    pub year: Option<u16>,
    /// As printed, resolver prefix and blanks removed.
    pub doi: Option<&'a [u8]>,
    /// Lines to be joined by one space; none means null.
    pub title: Vec<&'a [u8]>,
    /// Lines to be joined by one space; none means null.
    pub abstract_lines: Vec<&'a [u8]>,
    pub tallies: Tallies,
    pub references: References,
    pub citing_years: CitingYears,
    pub paper_sections: Vec<u64>,
    pub publication_types: Vec<u64>,
    pub relationship: Vec<u64>,
    pub authors: Vec<&'a [u8]>,
    pub journals: Vec<&'a [u8]>,
    /// Every printed block, repeats included.
    pub blocks: Vec<Block<'a>>,
    pub warnings: Warnings,
    /// Lines that no part claims, in the page's order.
    pub unrecognized: Vec<Unrecognized<'a>>,
    /// Line feeds in the page.
    pub feeds: u64,
    /// Something on the page is found on report pages only; without it the text is another site's.
    pub is_report: bool,
}

impl<'a> Page<'a> {
    /// Forgets all that was found in another text.
    fn begin(&mut self, text: &'a [u8]) {
        self.text = text;
        self.year = None;
        self.doi = None;
        self.title.clear();
        self.abstract_lines.clear();
        self.tallies = Tallies::default();
        self.references = References::default();
        self.citing_years = CitingYears::default();
        self.paper_sections.clear();
        self.publication_types.clear();
        self.relationship.clear();
        self.authors.clear();
        self.journals.clear();
        self.blocks.clear();
        self.warnings = Warnings::default();
        self.unrecognized.clear();
        self.feeds = 0;
        self.is_report = false;
    }
}

const HELP: &[u8] = b"Help me understand this report";

/// What nearly always follows the header; it says nothing.
const BAR: KnownLines =
    KnownLines::new("|View full text |Cite\n|\nSign up to set email alerts\n|\n\n");

/// What nearly always follows `Help me understand this report`, up to the first list's numbers.
/// Passing these lines and the bar at once instead of one by one saves 6 % of the instructions.
const LANDMARKS: KnownLines = KnownLines::new(
    "\nSearch citation statements\n\nOrder By: Relevance\n\nPaper Sections\n\nSelect...\n",
);

/// What nearly always stands between the numbers of one list and those of the next, behind
/// the blank line that ends a list; another 4 %. In the order of [`Facet`].
const NEXT_LISTS: [(KnownLines, Part); 5] = [
    (
        KnownLines::new("Citation Types\n\n"),
        Part::List(Facet::CitationTypes),
    ),
    (
        KnownLines::new("Year Published\n\n"),
        Part::List(Facet::YearPublished),
    ),
    (
        KnownLines::new("Publication Types\n\nSelect...\n"),
        Part::List(Facet::PublicationTypes),
    ),
    (
        KnownLines::new("Relationship\n\n"),
        Part::List(Facet::Relationship),
    ),
    (
        KnownLines::new("Authors\n\nJournals\n\ncitations\n"),
        Part::Tabs,
    ),
];

/// Reads one page into `page`, whatever stood there before.
pub fn parse<'a>(text: &'a [u8], page: &mut Page<'a>) {
    parse_telling(text, page, &mut ());
}

/// As [`parse`], telling what each line is.
pub fn parse_telling<'a, R: Roles>(text: &'a [u8], page: &mut Page<'a>, roles: &mut R) {
    page.begin(text);
    let mut reader = PageReader::new(page, roles);
    let mut lines = Lines::new(text);
    reader.read_header(&mut lines);
    loop {
        if !R::ARE_TOLD {
            reader.read_plain_counts(&mut lines);
            if lines.pass_empty() {
                reader.after_blank = true;
                reader.pass_heading(&mut lines);
                continue;
            }
        }
        let start = lines.at();
        let Some(line) = lines.next() else { break };
        if opens(line) {
            let mut behind = lines;
            if reader.read_block(line, start, &mut behind) {
                lines = behind;
                continue;
            }
        }
        let line = trim(line);
        reader.read_line(line);
        if !R::ARE_TOLD && line == HELP && !reader.tabs_seen && lines.pass(&LANDMARKS) {
            reader.enter(Part::List(Facet::PaperSections));
        }
    }
    reader.finish(lines.feeds());
}

/// As [`parse`], for a page that is known by its address: text without any sign of a report
/// is then the one thing that extractors leave of such a page, its abstract.
pub fn parse_at_address<'a>(text: &'a [u8], page: &mut Page<'a>) {
    parse_at_address_telling(text, page, &mut ());
}

/// As [`parse_at_address`], telling what each line is.
pub fn parse_at_address_telling<'a>(text: &'a [u8], page: &mut Page<'a>, roles: &mut impl Roles) {
    parse_telling(text, page, roles);
    if page.is_report || !page.abstract_lines.is_empty() {
        page.is_report = true;
        return;
    }
    let (feeds, mut lines) = (page.feeds, Lines::new(text));
    page.begin(text);
    // What was told before does not hold.
    roles.tell(text, Role::Blank);
    while let Some(line) = lines.next_filled() {
        roles.tell(line, Role::Abstract);
        page.abstract_lines.push(trim(line));
    }
    page.is_report = !page.abstract_lines.is_empty();
    page.feeds = feeds;
    page.warnings.add_if(true, Warning::NoHeader);
}

/// What a line is by itself.
enum Line<'a> {
    Help,
    Search,
    OrderBy,
    Select,
    Bar,
    Heading(Facet),
    Tab(Tab),
    Abstract(&'a [u8]),
    Text,
}

fn classify(line: &[u8]) -> Line<'_> {
    let found = match line.first() {
        Some(b'H') => (line == HELP).then_some(Line::Help),
        Some(b'O') => (line == b"Order By: Relevance").then_some(Line::OrderBy),
        Some(b'S') => match line {
            b"Select..." => Some(Line::Select),
            b"Search citation statements" => Some(Line::Search),
            _ => is_bar(line).then_some(Line::Bar),
        },
        Some(b'|') => Some(Line::Bar),
        Some(b'c' | b'r' | b'(') => tab_line(line).map(Line::Tab),
        Some(b'A' | b'C' | b'J' | b'P' | b'R' | b'Y') => heading(line)
            .map(Line::Heading)
            .or_else(|| tab_line(line).map(Line::Tab))
            .or_else(|| abstract_line(line).map(Line::Abstract)),
        _ => None,
    };
    found.unwrap_or(Line::Text)
}

/// Lines that stand for themselves wherever they are: no title, abstract or statement contains one.
fn is_landmark(line: &[u8]) -> bool {
    match classify(line) {
        Line::Help | Line::Search | Line::OrderBy => true,
        Line::Heading(facet) => !facet.is_one_word(),
        Line::Tab(tab) => tab != Tab::Name,
        _ => false,
    }
}

/// The part that the last line belonged to.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// Before anything was recognised, on a page without a header.
    Lead,
    Title,
    Abstract,
    List(Facet),
    Tabs,
    /// Behind a statement block.
    Statements,
    /// Where no line is expected.
    Between,
}

struct PageReader<'p, 'a, R> {
    page: &'p mut Page<'a>,
    roles: &'p mut R,
    part: Part,
    blocks: BlockReader,
    first_counts: TypeCounts,
    repeated_counts: TypeCounts,
    years: [Option<u64>; 4],
    /// A label whose number is expected on the next line.
    label: Option<&'a [u8]>,
    after_blank: bool,
    has_abstract: bool,
    tabs_seen: bool,
    list_reached: bool,
}

impl<'p, 'a, R: Roles> PageReader<'p, 'a, R> {
    fn new(page: &'p mut Page<'a>, roles: &'p mut R) -> Self {
        Self {
            page,
            roles,
            part: Part::Lead,
            blocks: BlockReader::default(),
            first_counts: TypeCounts::default(),
            repeated_counts: TypeCounts::default(),
            years: [None; 4],
            label: None,
            after_blank: true,
            has_abstract: false,
            tabs_seen: false,
            list_reached: false,
        }
    }

    fn read_header(&mut self, lines: &mut Lines<'a>) {
        if let Some(header) = header(lines, self.roles) {
            self.page.year = header.year;
            self.page.doi = Some(header.doi);
            self.page.is_report = true;
            self.part = Part::Title;
            if !R::ARE_TOLD {
                lines.pass(&BAR);
            }
        }
    }

    fn read_block(&mut self, line: &'a [u8], start: usize, lines: &mut Lines<'a>) -> bool {
        let found = match self.part {
            Part::Title | Part::Abstract => certain_block(line, lines, self.roles),
            _ => (self.blocks).block(line, start, lines, is_landmark, self.roles),
        };
        let Some(block) = found else { return false };
        if R::ARE_TOLD {
            self.roles
                .tell_block(lines.since(start), self.page.blocks.len());
        }
        self.enter(Part::Statements);
        self.page.is_report |= block.whole;
        self.page.blocks.push(block);
        true
    }

    #[inline]
    fn read_line(&mut self, line: &'a [u8]) {
        if line.is_empty() {
            self.after_blank = true;
            return;
        }
        match bare_count(line) {
            Some(number) => self.read_number(line, number),
            None => self.read_filled_line(line),
        }
        self.after_blank = false;
    }

    fn read_filled_line(&mut self, line: &'a [u8]) {
        match classify(line) {
            Line::Select | Line::Bar if self.part != Part::Abstract => {
                self.roles.tell(line, Role::Boilerplate);
            }
            Line::Help => {
                self.roles.tell(line, Role::Landmark);
                self.keep_title_and_enter(Part::Between);
            }
            Line::Search => {
                self.roles.tell(line, Role::Landmark);
                self.page.is_report = true;
                self.enter(Part::Between);
            }
            Line::OrderBy => {
                self.roles.tell(line, Role::Landmark);
                self.list_reached |= self.tabs_seen;
                self.enter(Part::Between);
            }
            Line::Heading(facet) if !facet.is_one_word() || self.may_interrupt() => {
                self.roles.tell(line, Role::Heading);
                self.page.is_report |= facet == Facet::CitationTypes;
                self.enter(Part::List(facet));
            }
            Line::Tab(Tab::Name) if self.may_interrupt() => {
                self.roles.tell(line, Role::Tab);
                self.enter(Part::Tabs);
            }
            Line::Tab(tab) if tab != Tab::Name => self.read_tab(line, &tab),
            Line::Abstract(text) if !self.has_abstract => {
                self.roles.tell(line, Role::Abstract);
                self.keep_title_and_enter(Part::Abstract);
                self.has_abstract = true;
                self.read_text(text);
            }
            _ => self.read_text(line),
        }
    }

    /// A one-word heading counts inside running text only as a paragraph of its own, and never as a title.
    fn may_interrupt(&self) -> bool {
        match self.part {
            Part::Title => self.after_blank && !self.page.title.is_empty(),
            Part::Lead | Part::Abstract => self.after_blank,
            _ => true,
        }
    }

    fn enter(&mut self, part: Part) {
        if self.part == Part::Lead {
            self.drop_lead();
        }
        self.drop_label();
        self.part = part;
    }

    #[cold]
    fn drop_lead(&mut self) {
        for line in mem::take(&mut self.page.title) {
            self.drop_line(line, Why::Lead);
        }
    }

    #[cold]
    fn drop_line(&mut self, line: &'a [u8], why: Why) {
        self.page.unrecognized.push(Unrecognized { line, why });
    }

    /// As [`Self::enter`], for the two landmarks that a title stands before.
    fn keep_title_and_enter(&mut self, part: Part) {
        self.page.is_report |= part == Part::Between;
        self.drop_label();
        self.part = part;
    }

    fn drop_label(&mut self) {
        if let Some(label) = self.label.take() {
            self.drop_line(label, Why::Label);
        }
    }

    fn read_tab(&mut self, line: &'a [u8], tab: &Tab) {
        self.enter(Part::Tabs);
        let Page {
            tallies,
            references,
            ..
        } = &mut *self.page;
        let known = match *tab {
            Tab::Name => true,
            Tab::CitedBy {
                publications,
                statements,
            } => {
                let known = fill(&mut tallies.citing_publications, Some(publications));
                fill(&mut tallies.total, statements) && known
            }
            Tab::CitationStatements(statements) => fill(&mut tallies.total, Some(statements)),
            Tab::References {
                publications,
                statements,
            } => {
                let known = fill(&mut references.publications, Some(publications));
                fill(&mut references.statements, statements) && known
            }
            Tab::ReferenceStatements(statements) => {
                fill(&mut references.statements, Some(statements))
            }
        };
        let citing = matches!(tab, Tab::CitedBy { .. } | Tab::CitationStatements(_));
        self.tabs_seen |= citing;
        self.page.is_report |= citing;
        let role = if citing {
            Role::Tally
        } else {
            Role::References
        };
        self.roles.tell(line, role);
        if !known {
            self.drop_line(line, Why::Contradiction);
        }
    }

    fn read_number(&mut self, line: &'a [u8], number: u64) {
        let label = self.label.take();
        let taken = match self.part {
            Part::Lead
            | Part::Title
            | Part::Abstract
            | Part::List(Facet::Authors | Facet::Journals) => {
                self.read_text(line);
                true
            }
            Part::List(_) | Part::Tabs => {
                self.roles.tell(line, self.role_of_count());
                self.read_count(label, number)
            }
            Part::Statements | Part::Between => false,
        };
        if taken {
            return;
        }
        if let Some(label) = label {
            self.drop_line(label, Why::Label);
        }
        self.drop_line(line, Why::Number);
    }

    /// Reads the lines that are up to seven digits and nothing else, where [`Self::read_number`] would
    /// take them for counts without a label. A quarter of all lines are; this spares them the
    /// questions that other lines are asked, and 7 % of the instructions.
    #[inline]
    fn read_plain_counts(&mut self, lines: &mut Lines<'a>) {
        if self.label.is_some() {
            return;
        }
        let page = &mut *self.page;
        match self.part {
            Part::List(Facet::PaperSections) => page.paper_sections.extend(lines.plain_counts()),
            Part::List(Facet::PublicationTypes) => {
                page.publication_types.extend(lines.plain_counts());
            }
            Part::List(Facet::Relationship) => page.relationship.extend(lines.plain_counts()),
            Part::List(Facet::CitationTypes) => self.first_counts.fill(lines.plain_counts()),
            Part::Tabs => self.repeated_counts.fill(lines.plain_counts()),
            Part::List(Facet::YearPublished) => {
                let places = self.years.iter_mut().filter(|year| year.is_none());
                for (year, number) in places.zip(lines.plain_counts()) {
                    *year = Some(number);
                }
            }
            _ => {}
        }
    }

    /// Passes the lines between the last list and the next one, if it is the usual one.
    fn pass_heading(&mut self, lines: &mut Lines) {
        let Part::List(facet) = self.part else { return };
        let Some((known, part)) = NEXT_LISTS.get(facet as usize) else {
            return;
        };
        if lines.pass(known) {
            self.page.is_report |= *part == Part::List(Facet::CitationTypes);
            self.enter(*part);
        }
    }

    /// What a count, or its label, is here.
    fn role_of_count(&self) -> Role {
        match self.part {
            Part::List(Facet::CitationTypes) => Role::Tally,
            Part::List(Facet::YearPublished) => Role::CitingYears,
            Part::Tabs => Role::TallyAgain,
            _ => Role::Facet,
        }
    }

    /// A count with or without a label; false when there is no place for it.
    fn read_count(&mut self, label: Option<&[u8]>, number: u64) -> bool {
        match self.part {
            Part::List(Facet::CitationTypes) => push_count(&mut self.first_counts, label, number),
            Part::Tabs => push_count(&mut self.repeated_counts, label, number),
            Part::List(Facet::YearPublished) => match self.years.iter_mut().find(|y| y.is_none()) {
                Some(year) => year.replace(number).is_none(),
                None => false,
            },
            Part::List(Facet::PaperSections) => push(&mut self.page.paper_sections, number),
            Part::List(Facet::PublicationTypes) => push(&mut self.page.publication_types, number),
            Part::List(Facet::Relationship) => push(&mut self.page.relationship, number),
            _ => false,
        }
    }

    fn read_text(&mut self, line: &'a [u8]) {
        match self.part {
            _ if line.is_empty() => {}
            Part::Lead => {
                if self.after_blank {
                    self.drop_lead();
                }
                self.roles.tell(line, Role::Title);
                self.page.title.push(line);
            }
            Part::Title => {
                self.roles.tell(line, Role::Title);
                self.page.title.push(line);
            }
            Part::Abstract => {
                self.roles.tell(line, Role::Abstract);
                self.page.abstract_lines.push(line);
            }
            Part::List(Facet::Authors) => {
                self.roles.tell(line, Role::Facet);
                self.page.authors.push(line);
            }
            Part::List(Facet::Journals) => {
                self.roles.tell(line, Role::Facet);
                self.page.journals.push(line);
            }
            Part::List(_) | Part::Tabs => self.read_label(line),
            Part::Statements => {
                let block = self.page.blocks.last_mut();
                if block.is_some_and(|block| late_see_more(block, line)) {
                    self.roles.tell(line, Role::SeeMore);
                    self.roles.tell_block(line, self.page.blocks.len() - 1);
                } else {
                    self.drop_line(line, Why::no_text(line));
                }
            }
            Part::Between => self.drop_line(line, Why::no_text(line)),
        }
    }

    /// `Supporting 8`, or a label alone whose number follows.
    fn read_label(&mut self, line: &'a [u8]) {
        self.drop_label();
        self.roles.tell(line, self.role_of_count());
        match labelled_count(line) {
            Some((label, number)) => {
                if !self.read_count(Some(label), number) {
                    self.drop_line(line, Why::Number);
                }
            }
            None => self.label = Some(line),
        }
    }

    fn finish(mut self, feeds: u64) {
        let has_header = self.page.doi.is_some();
        // A lead that no landmark ended is unknown text; so is a label without a number.
        self.enter(Part::Between);
        let page = self.page;
        page.feeds = feeds;
        let counts = &self.first_counts;
        page.tallies.supporting = counts.get(StatementType::Supporting);
        page.tallies.mentioning = counts.get(StatementType::Mentioning);
        page.tallies.contrasting = counts.get(StatementType::Contrasting);
        page.tallies.unclassified = counts.get(StatementType::Unclassified);
        page.citing_years = CitingYears {
            min: self.years[0],
            max: self.years[3],
        };

        let total = page.tallies.total;
        let ends_in_tabs = !self.list_reached && page.blocks.is_empty();
        let repeats = self.repeated_counts == self.first_counts
            || self.repeated_counts.is_empty()
            || (ends_in_tabs && self.repeated_counts.is_cut_from(counts));
        let in_order = self.years.iter().flatten().is_sorted();
        let truncated = has_header
            && page.blocks.is_empty()
            && (!self.list_reached || total.is_some_and(|total| total > 0));
        let warnings = &mut page.warnings;
        warnings.add_if(
            total.is_some() && !counts.is_empty() && counts.sum() != total,
            Warning::TallySumMismatch,
        );
        warnings.add_if(!repeats, Warning::TallyRepeatMismatch);
        warnings.add_if(!in_order, Warning::YearRangeDisorder);
        warnings.add_if(truncated, Warning::TruncatedPage);
        warnings.add_if(
            page.blocks.iter().any(|block| block.truncated),
            Warning::TruncatedStatement,
        );
        warnings.add_if(!has_header, Warning::NoHeader);
        warnings.add_if(!page.unrecognized.is_empty(), Warning::UnrecognizedLines);
    }
}

/// Takes a value for an empty place; false when there is another one already.
fn fill(place: &mut Option<u64>, value: Option<u64>) -> bool {
    match (*place, value) {
        (_, None) => true,
        (None, _) => {
            *place = value;
            true
        }
        (old, new) => old == new,
    }
}

fn push(list: &mut Vec<u64>, number: u64) -> bool {
    list.push(number);
    true
}

fn push_count(counts: &mut TypeCounts, label: Option<&[u8]>, number: u64) -> bool {
    match label {
        None => counts.push(number),
        Some(label) => type_label(label).is_some_and(|found| counts.set(found, number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "2012\nDOI: 10.5555/x\n|View full text |Cite\n|\nSign up to set email alerts\n|\n\n\
        Title\n\nHelp me understand this report\n\nSearch citation statements\n\nOrder By: Relevance\n\n\
        Paper Sections\n\nSelect...\n2\n1\n\nCitation Types\n\n1\n7\n0\n\nYear Published\n\n2013\n2013\n2020\n2020\n\n\
        Authors\n\nJournals\n\ncitations\nCited by 4 publications\n(8 citation statements)\n1\n7\n0\n\
        Order By: Relevance\n“…One.…”\nSection: Resultsmentioning\nconfidence: 99%\n";

    fn parsed(text: &str) -> Page<'_> {
        let mut page = Page::default();
        parse(text.as_bytes(), &mut page);
        page
    }

    fn shown(page: &Page) -> String {
        format!(
            "{:?}",
            Page {
                text: &[],
                feeds: 0,
                ..page.clone()
            }
        )
    }

    #[test]
    fn lines_passed_at_once_say_the_same_as_one_by_one() {
        let usual = parsed(PAGE);
        assert_eq!(
            (usual.paper_sections.as_slice(), usual.unrecognized.len()),
            (&[2, 1][..], 0)
        );
        for blank in [" \n", "\u{a0}\n", "\r\n"] {
            assert_eq!(shown(&parsed(&PAGE.replace('\n', blank))), shown(&usual));
        }
        assert_eq!(usual.feeds, PAGE.matches('\n').count() as u64);
    }

    #[test]
    fn a_page_used_again_keeps_nothing_of_the_one_before() {
        let mut page = Page::default();
        parse(PAGE.as_bytes(), &mut page);
        parse(b"other text", &mut page);
        assert_eq!(shown(&page), shown(&parsed("other text")));
        assert!(!page.is_report);
    }

    #[test]
    fn a_heading_of_one_word_is_text_where_text_runs() {
        let page = parsed(
            "DOI: 10.5555/x\n|\nAuthors\nAbstract: One\nJournals\nword.\n\nAuthors\nA. Author\n",
        );
        assert_eq!(page.title, [b"Authors"]);
        assert_eq!(page.abstract_lines, [&b"One"[..], b"Journals", b"word."]);
        assert_eq!(page.authors, [b"A. Author"]);
    }

    #[test]
    fn what_is_printed_twice_counts_once() {
        let page =
            parsed("Cited by 4 publications\nCited by 4 publications\nCited by 5 publications\n");
        assert_eq!(
            (page.tallies.citing_publications, page.unrecognized.len()),
            (Some(4), 1)
        );
    }
}
