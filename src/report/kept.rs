//! What was kept: by year, type, section and confidence.

use std::cmp::Reverse;

use super::chart::{Chart, Column, bar};
use super::text::{counted, share, shown};
use crate::stats::{ByType, Content, Emitted, HEADING_BYTES, HEADINGS};
use crate::summary::number;

/// Columns of a chart that can be told apart.
const COLUMNS: u16 = 75;

/// Sections that have a row of their own.
const SECTIONS: usize = 20;

/// Characters of a heading that are shown.
const HEADING: usize = 120;

pub struct Kept {
    /// Kept statements and emitted pages.
    pub statements: u64,
    pub pages: u64,
    /// Drawings of pages and of statements by year, and the numbers.
    pub years: Vec<String>,
    pub year_rows: Vec<YearRow>,
    pub types: Vec<TypeRow>,
    pub sections: Vec<SectionRow>,
    /// What is said of headings without a row of their own.
    pub other_sections: String,
    pub confidence: String,
    pub confidence_rows: Vec<(String, u64, String)>,
    pub no_confidence: u64,
}

pub struct YearRow {
    pub label: String,
    /// The first year; none at an open end.
    pub first: Option<u16>,
    pub emitted: Emitted,
}

pub struct TypeRow {
    pub class: &'static str,
    pub name: &'static str,
    pub count: u64,
    pub share: String,
    pub bar: String,
}

pub struct SectionRow {
    pub heading: String,
    /// It is ours and no heading.
    pub is_rest: bool,
    pub types: ByType,
    pub share: String,
    pub bar: String,
}

impl Kept {
    pub fn of(content: &Content) -> Self {
        let types = content.types();
        let years = content.years.values().chain([&content.no_year]);
        let pages = years.map(|year| year.pages).sum();
        let bins = years_of(content);
        Self {
            statements: types.total(),
            pages,
            years: year_charts(&bins, content.no_year),
            year_rows: year_rows(bins, content.no_year),
            types: type_rows(&types),
            sections: section_rows(content, types.total()),
            other_sections: other_sections(content),
            confidence: confidence_chart(content),
            confidence_rows: confidence_rows(content, types.total()),
            no_confidence: content.no_confidence,
        }
    }
}

/// Years in steps of one or more, without gaps. Of many years, the few pages far out on either side
/// are in one step each.
fn years_of(content: &Content) -> Vec<YearRow> {
    let years = &content.years;
    let (Some((&first, _)), Some((&last, _))) = (years.first_key_value(), years.last_key_value())
    else {
        return Vec::new();
    };
    let (mut low, mut high) = (first, last);
    let pages: u64 = years.values().map(|year| year.pages).sum();
    for share in [1000, 200, 100] {
        if high - low < COLUMNS {
            break;
        }
        low = behind(years.iter(), pages / share).unwrap_or(first);
        high = behind(years.iter().rev(), pages / share).unwrap_or(last);
    }
    let widths = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
    let fits = |width: &u16| (high - low) / width < COLUMNS;
    let width = widths.into_iter().find(fits).unwrap_or(1000);
    low -= low % width;
    let sum = |from: u16, to: u16| {
        let years = years.range(from..=to).map(|(_, year)| year);
        years.fold(Emitted::default(), |sum, year| Emitted {
            pages: sum.pages + year.pages,
            statements: sum.statements + year.statements,
        })
    };
    let row = |label, first, emitted| YearRow {
        label,
        first,
        emitted,
    };
    let mut rows = Vec::new();
    if first < low {
        rows.push(row(format!("< {low}"), None, sum(first, low - 1)));
    }
    for from in (low..=high).step_by(usize::from(width)) {
        let to = (from + width - 1).min(high);
        let label = match width {
            1 => from.to_string(),
            _ => format!("{from}–{to}"),
        };
        rows.push(row(label, Some(from), sum(from, to)));
    }
    if last > high {
        rows.push(row(format!("> {high}"), None, sum(high + 1, last)));
    }
    rows
}

/// The first year behind those that hold at most so many pages together.
fn behind<'a>(mut years: impl Iterator<Item = (&'a u16, &'a Emitted)>, most: u64) -> Option<u16> {
    let mut pages = 0;
    let found = years.find(|(_, year)| {
        pages += year.pages;
        pages > most
    });
    found.map(|(&year, _)| year)
}

fn year_charts(bins: &[YearRow], no_year: Emitted) -> Vec<String> {
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else {
        return Vec::new();
    };
    let chart = |title: &str, unit: &str, without: u64, of: fn(&Emitted) -> u64| {
        let most = bins.iter().rev().max_by_key(|bin| of(&bin.emitted));
        let most = most.unwrap_or(first);
        let without = match without {
            0 => String::new(),
            _ => format!("; {} without a year", number(without)),
        };
        let chart = Chart {
            title,
            description: &format!(
                "Years {} to {}, most in {}: {} {unit}{without}",
                first.label.replace('<', "before"),
                last.label.replace('>', "after"),
                most.label.replace('<', "before").replace('>', "after"),
                number(of(&most.emitted)),
            ),
            across: "year of the cited paper",
            up: unit,
        };
        let columns = bins.iter().map(|bin| Column {
            label: bin.label.replace('<', "&lt;").replace('>', "&gt;"),
            number: bin.first.map(u64::from),
            value: of(&bin.emitted),
        });
        chart.columns(&columns.collect::<Vec<_>>())
    };
    vec![
        chart("Report pages by year", "pages", no_year.pages, |year| {
            year.pages
        }),
        chart(
            "Statements by year",
            "statements",
            no_year.statements,
            |year| year.statements,
        ),
    ]
}

fn year_rows(mut bins: Vec<YearRow>, no_year: Emitted) -> Vec<YearRow> {
    bins.retain(|bin| bin.emitted.pages > 0);
    if no_year.pages > 0 {
        bins.push(YearRow {
            label: "no year".to_owned(),
            first: None,
            emitted: no_year,
        });
    }
    bins
}

/// Types in the record's order, by the classes of their colours.
fn columns(types: &ByType) -> [(&'static str, u64); 5] {
    [
        ("supporting", types.supporting),
        ("mentioning", types.mentioning),
        ("contrasting", types.contrasting),
        ("unclassified", types.unclassified),
        ("untyped", types.none),
    ]
}

fn type_rows(types: &ByType) -> Vec<TypeRow> {
    let total = types.total();
    let rows = columns(types).map(|(class, value)| TypeRow {
        class,
        name: match class {
            "untyped" => "no type",
            name => name,
        },
        count: value,
        share: share(value, total),
        bar: bar(&[(class, value)], total),
    });
    rows.into_iter()
        .filter(|row| row.class != "untyped" || row.count > 0)
        .collect()
}

fn section_rows(content: &Content, statements: u64) -> Vec<SectionRow> {
    let mut sections: Vec<_> = content.sections.iter().collect();
    sections.sort_by_key(|section| (Reverse(section.statements.total()), &section.heading));
    let widest = sections
        .first()
        .map_or(0, |section| section.statements.total());
    let row = |heading: String, types: &ByType, is_rest: bool| SectionRow {
        heading,
        is_rest,
        types: *types,
        share: share(types.total(), statements),
        // A rest may be larger than any section, and is no measure for them.
        bar: match is_rest {
            true => String::new(),
            false => bar(&columns(types), widest),
        },
    };
    let own = sections.iter().take(SECTIONS);
    let mut rows: Vec<_> = own
        .map(|section| row(shown(&section.heading, HEADING), &section.statements, false))
        .collect();
    let mut rest = content.other_sections;
    for section in sections.iter().skip(SECTIONS) {
        rest += section.statements;
    }
    for (name, types) in [
        ("all other headings", rest),
        ("no heading", content.no_section),
    ] {
        if types.total() > 0 {
            rows.push(row(name.to_owned(), &types, true));
        }
    }
    rows
}

fn other_sections(content: &Content) -> String {
    match content.other_sections.total() {
        0 => format!(
            "{} in all.",
            counted(content.sections.len() as u64, "different heading")
        ),
        statements => format!(
            "The first {} different headings of at most {HEADING_BYTES} bytes were told apart; {} \
             under further ones are counted together, so that a heading which first came late in \
             the input may be among these.",
            number(HEADINGS as u64),
            counted(statements, "statement"),
        ),
    }
}

fn confidence_chart(content: &Content) -> String {
    let present = |(_, count): &(usize, &u64)| **count > 0;
    let known = || content.confidences.iter().enumerate().filter(present);
    let Some((least, _)) = known().next() else {
        return String::new();
    };
    let (most, count) = known()
        .rev()
        .max_by_key(|&(_, count)| count)
        .unwrap_or((0, &0));
    // Mostly all are near to 100.
    let first = (least / 10 * 10).min(90);
    let columns = content.confidences.iter().enumerate().skip(first);
    let columns = columns.map(|(percent, &value)| Column {
        label: format!("{percent} %"),
        number: Some(percent as u64),
        value,
    });
    let chart = Chart {
        title: "Statements by confidence",
        description: &format!(
            "From {least} percent on, most at {most} percent: {}",
            counted(*count, "statement")
        ),
        across: "confidence in the type, percent",
        up: "statements",
    };
    chart.columns(&columns.collect::<Vec<_>>())
}

fn confidence_rows(content: &Content, statements: u64) -> Vec<(String, u64, String)> {
    let known = content.confidences.iter().enumerate().rev();
    let known = known.map(|(percent, &count)| (format!("{percent} %"), count));
    let all = known.chain([("none".to_owned(), content.no_confidence)]);
    all.filter(|&(_, count)| count > 0)
        .map(|(label, count)| (label, count, share(count, statements)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(years: impl IntoIterator<Item = (u16, u64)>) -> Vec<(String, u64)> {
        let mut content = Content::default();
        for (year, pages) in years {
            let emitted = Emitted {
                pages,
                statements: pages,
            };
            content.years.insert(year, emitted);
        }
        let rows = years_of(&content).into_iter();
        rows.map(|row| (row.label, row.emitted.pages)).collect()
    }

    #[test]
    fn years_have_no_gaps_and_no_page_is_lost() {
        let found = labels([(1999, 2), (2001, 1)]);
        let found: Vec<_> = found
            .iter()
            .map(|(label, pages)| (&**label, *pages))
            .collect();
        assert_eq!(found, [("1999", 2), ("2000", 0), ("2001", 1)]);
        assert_eq!(labels([]), []);
        assert_eq!(labels([(0, 1)]).len(), 1);
    }

    #[test]
    fn a_few_pages_far_out_do_not_flatten_the_rest() {
        let years = (1990..2020).map(|year| (year, 20));
        let found = labels(years.chain([(1, 1), (9999, 2)]));
        assert_eq!(found.len(), 32);
        assert_eq!(found[0], ("< 1990".to_owned(), 1));
        assert_eq!(found[31], ("> 2019".to_owned(), 2));
    }

    #[test]
    fn many_years_are_in_few_columns() {
        for last in [75, 500, 9999] {
            let found = labels((0..=last).map(|year| (year, 3)));
            assert!(
                found.len() <= usize::from(COLUMNS) + 3,
                "{last}: {}",
                found.len()
            );
            let pages: u64 = found.iter().map(|(_, pages)| pages).sum();
            assert_eq!(pages, 3 * u64::from(last + 1));
        }
    }
}
