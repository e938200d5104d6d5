//! A page from its lines: which part a line belongs to is told by the line and by the part before it.
//!
//! Parts are known by their own headings and may come in any order, or not at all.
//! One pass, one decision a line.

use std::mem;

use super::facets::{
    Facet, Places, TypeCounts, has_word, is_label, is_unread_number, labelled_count, type_label,
};
use super::header::header;
use super::kind::{HELP, Line, classify, is_landmark};
use super::line::{KnownLines, Lines, trim};
use super::number::bare_count;
use super::page::Page;
use super::roles::{Roles, offset_in};
use super::statement::{BlockReader, certain_block, late_see_more, opens};
use super::tabs::Tab;
use super::unrecognized::{Unrecognized, Why};
use crate::model::{CitingYears, Role, StatementType, Warning};

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

/// The lists of names whose headings have been passed.
#[derive(Clone, Copy, Default)]
struct NamesSeen {
    authors: bool,
    journals: bool,
}

/// A paragraph of an abstract that reads as a heading of names. It is one if no `Help me understand this
/// report` ends the abstract below.
struct Interrupted {
    /// Bytes before it.
    at: usize,
    names_seen: NamesSeen,
    /// Unrecognized lines above it.
    unrecognized: usize,
}

/// Reads the lines of one page into it.
pub struct PageReader<'p, 'a, R> {
    page: &'p mut Page<'a>,
    roles: &'p mut R,
    part: Part,
    blocks: BlockReader,
    first_counts: TypeCounts,
    repeated_counts: TypeCounts,
    years: Places,
    /// A label whose number is expected on the next line.
    label: Option<&'a [u8]>,
    /// The last list with labels.
    labelled: Option<Facet>,
    names_seen: NamesSeen,
    interrupted: Option<Interrupted>,
    after_blank: bool,
    has_abstract: bool,
    tabs_seen: bool,
    list_reached: bool,
}

impl<'p, 'a, R: Roles> PageReader<'p, 'a, R> {
    pub fn new(page: &'p mut Page<'a>, roles: &'p mut R) -> Self {
        Self {
            page,
            roles,
            part: Part::Lead,
            blocks: BlockReader::default(),
            first_counts: TypeCounts::default(),
            repeated_counts: TypeCounts::default(),
            years: Places::default(),
            label: None,
            labelled: None,
            names_seen: NamesSeen::default(),
            interrupted: None,
            after_blank: true,
            has_abstract: false,
            tabs_seen: false,
            list_reached: false,
        }
    }

    pub fn read(mut self, mut lines: Lines<'a>) {
        self.read_header(&mut lines);
        loop {
            if !R::ARE_TOLD {
                self.read_plain_counts(&mut lines);
                if lines.pass_empty() {
                    self.after_blank = true;
                    self.pass_heading(&mut lines);
                    continue;
                }
            }
            let start = lines.at();
            let Some(line) = lines.next() else { break };
            if opens(line) {
                let mut behind = lines;
                if self.read_block(line, start, &mut behind) {
                    lines = behind;
                    continue;
                }
            }
            let line = trim(line);
            self.read_line(line);
            if !R::ARE_TOLD && line == HELP && !self.tabs_seen && lines.pass(&LANDMARKS) {
                self.enter_list(Facet::PaperSections);
            }
        }
        self.finish(lines.feeds());
    }

    fn read_header(&mut self, lines: &mut Lines<'a>) {
        if let Some(header) = header(lines, self.roles) {
            self.page.year = header.year;
            self.page.doi = Some(header.doi);
            self.page.is_report = true;
            self.part = Part::Title;
            if R::ARE_TOLD || !lines.pass(&BAR) {
                self.pass_bar(lines);
            }
        }
    }

    /// Passes the next filled line if it begins as the bar does, whatever it says: so it does where a page
    /// starts.
    fn pass_bar(&mut self, lines: &mut Lines<'a>) {
        let mut ahead = *lines;
        if let Some(line) = ahead.next_filled().map(trim)
            && line.starts_with(b"|")
        {
            self.roles.tell(line, Role::Boilerplate);
            *lines = ahead;
        }
    }

    fn read_block(&mut self, line: &'a [u8], start: usize, lines: &mut Lines<'a>) -> bool {
        let roles = &mut *self.roles;
        let found = match self.part {
            Part::Title | Part::Abstract => certain_block(line, start, lines, is_landmark, roles),
            _ => (self.blocks).block(line, start, lines, is_landmark, roles),
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
                self.drop_label();
                self.roles.tell(line, Role::Boilerplate);
            }
            Line::Help => {
                self.roles.tell(line, Role::Landmark);
                if let Some(paragraph) = self.interrupted.take() {
                    self.resume_abstract(&paragraph);
                }
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
                let interrupted = self.interrupted_at(line, facet);
                self.enter_list(facet);
                self.interrupted = interrupted;
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
        self.interrupted = None;
    }

    /// Where the abstract was interrupted, while nothing but lists of names has come behind it.
    fn interrupted_at(&mut self, heading: &[u8], facet: Facet) -> Option<Interrupted> {
        if !matches!(facet, Facet::Authors | Facet::Journals) {
            return None;
        }
        match self.part {
            Part::Abstract => Some(Interrupted {
                at: offset_in(self.page.text, heading),
                names_seen: self.names_seen,
                unrecognized: self.page.unrecognized.len(),
            }),
            _ => self.interrupted.take(),
        }
    }

    /// Reads again as abstract what was taken for lists of names, up to `Help me understand this report`.
    #[cold]
    fn resume_abstract(&mut self, paragraph: &Interrupted) {
        self.names_seen = paragraph.names_seen;
        if !self.names_seen.authors {
            self.page.authors.clear();
        }
        if !self.names_seen.journals {
            self.page.journals.clear();
        }
        self.page.unrecognized.truncate(paragraph.unrecognized);
        let below = Lines::new(&self.page.text[paragraph.at..]).map(trim);
        for line in below.take_while(|&line| line != HELP) {
            if !line.is_empty() {
                self.roles.tell(line, Role::Abstract);
                self.page.abstract_lines.push(line);
            }
        }
    }

    /// Enters a list, unless its numbers are there already: what is printed again fills no other places. Lists
    /// of names are nearly always empty, and a footer has their headings too: behind tabs and statements
    /// another one counts no more.
    fn enter_list(&mut self, facet: Facet) {
        self.page.is_report |= facet == Facet::CitationTypes;
        let was_seen = match facet {
            Facet::Authors => Some(mem::replace(&mut self.names_seen.authors, true)),
            Facet::Journals => Some(mem::replace(&mut self.names_seen.journals, true)),
            _ => None,
        };
        let is_there = match was_seen {
            None => self.is_filled(facet),
            Some(false) => false,
            // The first one, if it is empty, may have been a line of a menu.
            Some(true) => self.is_filled(facet) || self.tabs_seen || !self.page.blocks.is_empty(),
        };
        self.enter(match is_there {
            true => Part::Between,
            false => Part::List(facet),
        });
    }

    /// The list has an entry.
    fn is_filled(&self, facet: Facet) -> bool {
        match facet {
            Facet::PaperSections => !self.page.paper_sections.is_empty(),
            Facet::CitationTypes => !self.first_counts.is_empty(),
            Facet::YearPublished => !self.years.is_empty(),
            Facet::PublicationTypes => !self.page.publication_types.is_empty(),
            Facet::Relationship => !self.page.relationship.is_empty(),
            Facet::Authors => !self.page.authors.is_empty(),
            Facet::Journals => !self.page.journals.is_empty(),
        }
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

    /// A label without a number right below it is none. It may be the heading of a list that is not known,
    /// so that it ends this one: the numbers behind it have no place here.
    fn drop_label(&mut self) {
        if let Some(label) = self.label.take() {
            self.drop_line(label, Why::Label);
            self.part = Part::Between;
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
        if self.after_blank && self.label.is_some_and(|label| self.may_be_heading(label)) {
            self.drop_label();
        }
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

    /// Whether a label may be the heading of a list that is not known. Where labels are not looked at, it
    /// is a label.
    fn may_be_heading(&self, label: &[u8]) -> bool {
        let list = matches!(
            self.part,
            Part::List(Facet::CitationTypes | Facet::YearPublished) | Part::Tabs
        );
        list && type_label(label).is_none()
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
            Part::List(Facet::CitationTypes) => {
                self.first_counts.by_type.fill(lines.plain_counts());
            }
            Part::Tabs => self.repeated_counts.by_type.fill(lines.plain_counts()),
            Part::List(Facet::YearPublished) => self.years.fill(lines.plain_counts()),
            _ => {}
        }
    }

    /// Passes the lines between the last list and the next one, if it is the usual one.
    fn pass_heading(&mut self, lines: &mut Lines) {
        let Part::List(facet) = self.part else { return };
        let Some((known, part)) = NEXT_LISTS.get(facet as usize) else {
            return;
        };
        if !lines.pass(known) {
            return;
        }
        match *part {
            Part::List(facet) => self.enter_list(facet),
            part => {
                self.names_seen = NamesSeen {
                    authors: true,
                    journals: true,
                };
                self.enter(part);
            }
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
            Part::List(Facet::YearPublished) => self.years.push(number),
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
        let labelled = labelled_count(line);
        let is_label = labelled.is_some() || is_label(line);
        if self.label.is_some() || (is_label && !self.may_be_labelled()) {
            self.end_list(line);
            return;
        }
        self.roles.tell(line, self.role_of_count());
        match labelled {
            Some((label, number)) => {
                if !self.read_count(Some(label), number) {
                    self.drop_line(line, Why::Number);
                }
            }
            None if is_label => self.label = Some(line),
            None if is_unread_number(line) => self.read_unread_number(line),
            None => self.end_list(line),
        }
    }

    /// All numbers of a list have labels or none has, as far as that is not told by the labels themselves.
    fn may_be_labelled(&mut self) -> bool {
        let Part::List(facet) = self.part else {
            return true;
        };
        if self.labelled != Some(facet) && facet != Facet::CitationTypes && self.is_filled(facet) {
            return false;
        }
        self.labelled = Some(facet);
        true
    }

    /// Leaves the number's place empty, where the place tells what it is.
    fn read_unread_number(&mut self, line: &'a [u8]) {
        match self.part {
            // Another word than a type's may say that it is none of these.
            Part::List(Facet::CitationTypes) | Part::Tabs if has_word(line) => {
                self.part = Part::Between;
            }
            Part::List(Facet::CitationTypes) => self.first_counts.by_type.pass(),
            Part::List(Facet::YearPublished) => self.years.pass(),
            Part::Tabs => self.repeated_counts.by_type.pass(),
            _ => {}
        }
        self.drop_line(line, Why::Number);
    }

    /// Ends a list at a line that is not of it.
    fn end_list(&mut self, line: &'a [u8]) {
        self.drop_label();
        self.part = Part::Between;
        self.drop_line(line, Why::no_text(line));
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
        let years = self.years.numbers();
        page.citing_years = CitingYears {
            min: years[0],
            max: years[3],
        };

        let total = page.tallies.total;
        let ends_in_tabs = !self.list_reached && page.blocks.is_empty();
        let repeats = self.repeated_counts == self.first_counts
            || counts.is_empty()
            || self.repeated_counts.is_empty()
            || (ends_in_tabs && self.repeated_counts.is_cut_from(counts));
        let in_order = years.iter().flatten().is_sorted();
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
    let Some(label) = label else {
        return counts.by_type.push(number);
    };
    counts.by_type.close();
    type_label(label).is_some_and(|found| counts.set(found, number))
}
