//! What a line is by itself.

use super::facets::{Facet, SELECT, heading};
use super::header::{abstract_line, is_bar};
use super::tabs::{Tab, tab_line};

pub const HELP: &[u8] = b"Help me understand this report";

pub enum Line<'a> {
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

pub fn classify(line: &[u8]) -> Line<'_> {
    let found = match line.first() {
        Some(b'H') => (line == HELP).then_some(Line::Help),
        Some(b'O') => (line == b"Order By: Relevance").then_some(Line::OrderBy),
        Some(b'S') => match line {
            SELECT => Some(Line::Select),
            b"Search citation statements" => Some(Line::Search),
            _ => is_bar(line).then_some(Line::Bar),
        },
        Some(b'|') => is_bar(line).then_some(Line::Bar),
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
pub fn is_landmark(line: &[u8]) -> bool {
    match classify(line) {
        Line::Help | Line::Search | Line::OrderBy => true,
        Line::Heading(facet) => !facet.is_one_word(),
        Line::Tab(tab) => tab != Tab::Name,
        _ => false,
    }
}
