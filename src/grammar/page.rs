//! What is on a page. [`Page`] is filled in place, so that its lists are allocated once for many pages.

use super::line::{Lines, trim};
use super::reader::PageReader;
use super::roles::Roles;
use super::statement::Block;
use super::unrecognized::Unrecognized;
use crate::model::{CitingYears, References, Role, Tallies, Warning, Warnings};

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
    /// The memory of its lists, for a page of a text that lives elsewhere.
    pub fn emptied<'b>(self) -> Page<'b> {
        Page {
            title: emptied(self.title),
            abstract_lines: emptied(self.abstract_lines),
            paper_sections: emptied(self.paper_sections),
            publication_types: emptied(self.publication_types),
            relationship: emptied(self.relationship),
            authors: emptied(self.authors),
            journals: emptied(self.journals),
            blocks: emptied(self.blocks),
            unrecognized: emptied(self.unrecognized),
            ..Page::default()
        }
    }

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

/// A list's memory, for another list: what is collected from its own iterator stays in it.
fn emptied<T, U>(mut list: Vec<T>) -> Vec<U> {
    list.clear();
    list.into_iter().map_while(|_| None).collect()
}

/// Reads one page into `page`, whatever stood there before.
pub fn parse<'a>(text: &'a [u8], page: &mut Page<'a>) {
    parse_telling(text, page, &mut ());
}

/// As [`parse`], telling what each line is.
pub fn parse_telling<'a, R: Roles>(text: &'a [u8], page: &mut Page<'a>, roles: &mut R) {
    page.begin(text);
    PageReader::new(page, roles).read(Lines::new(text));
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
    fn an_emptied_page_keeps_its_lists_memory_and_nothing_else() {
        let text = PAGE.to_owned();
        let page = parsed(&text);
        let (title, blocks) = (page.title.capacity(), page.blocks.capacity());
        let emptied = page.emptied();
        drop(text);
        assert_eq!(format!("{emptied:?}"), format!("{:?}", Page::default()));
        let kept = (emptied.title.capacity(), emptied.blocks.capacity());
        assert_eq!(kept, (title, blocks));
        assert!(title > 0 && blocks > 0);
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
    fn an_abstract_runs_up_to_its_end_through_words_that_are_headings() {
        let paragraphs = "One.\n\nJournals\n\nTwo.\n\nAuthors\n\n3\n\nJournals\nof four.";
        let text = PAGE
            .replace("Title\n", &format!("Title\n\nAbstract: {paragraphs}\n"))
            .replace(
                "Authors\n\nJournals\n\ncit",
                "Authors\nEk\nJournals\nNature\ncit",
            );
        let lines: Vec<_> = paragraphs.split_whitespace().collect();
        let page = parsed(&text);
        let joined = page.abstract_lines.join(&b' ');
        assert_eq!(str::from_utf8(&joined).unwrap(), lines.join(" "));
        assert_eq!(
            (&page.authors[..], &page.journals[..]),
            (&[&b"Ek"[..]][..], &[&b"Nature"[..]][..])
        );
        assert_eq!(page.unrecognized, []);
        let other = text.replace("Help me", "Citation Types\n1\n\nHelp me");
        let page = parsed(&other);
        assert_eq!((page.abstract_lines.len(), page.authors.len()), (1, 1));
    }

    #[test]
    fn a_count_that_cannot_be_read_leaves_its_place_empty() {
        for unread in ["1.2k", "99999999999999999999"] {
            let lists = PAGE.replace("\n1\n7\n0\n", &format!("\n{unread}\n7\n0\n"));
            let page = parsed(&lists);
            let tallies = page.tallies;
            assert_eq!((tallies.supporting, tallies.mentioning), (None, Some(7)));
            assert_eq!(tallies.contrasting, Some(0));
            let dropped: Vec<_> = page.unrecognized.iter().map(|it| it.line).collect();
            assert_eq!(dropped, [unread.as_bytes(); 2]);
        }
        let many = parsed(&PAGE.replace("\n1\n7\n0\n", &"\n1k".repeat(9))).tallies;
        assert_eq!((many.supporting, many.unclassified), (None, None));
        for unread in ["2013*", "2013 2013", "2013 – 2020", "From 2013 to 2020"] {
            let text = PAGE.replacen("2013", unread, 1);
            let page = parsed(&text);
            let (years, dropped) = (page.citing_years, &page.unrecognized);
            assert_eq!((years.min, years.max), (None, Some(2020)));
            assert_eq!((dropped.len(), dropped[0].line), (1, unread.as_bytes()));
        }
        for unread in [
            "1.2k",
            "2 1",
            "– 2",
            "5 – 7",
            "Results 2 of 7",
            "Select...2",
            "50%",
        ] {
            let text = PAGE.replacen("\n2\n", &format!("\n{unread}\n"), 1);
            let page = parsed(&text);
            let dropped = &page.unrecognized;
            assert_eq!(page.paper_sections, [1]);
            assert_eq!((dropped.len(), dropped[0].line), (1, unread.as_bytes()));
        }
    }

    fn dropped<'a>(page: &Page<'a>) -> Vec<&'a str> {
        let lines = page.unrecognized.iter();
        lines.map(|it| str::from_utf8(it.line).unwrap()).collect()
    }

    #[test]
    fn a_heading_that_is_not_known_ends_the_list_above() {
        let renamed = PAGE.replace("Citation Types", "Citation types");
        let page = parsed(&renamed);
        assert_eq!(
            (&page.paper_sections[..], page.tallies.mentioning),
            (&[2, 1][..], None)
        );
        assert_eq!(dropped(&page), ["Citation types", "1", "7", "0"]);
        for between in ["\n\n", "\nSelect...\n", "\n \nSelect...\n", "\nof origin\n"] {
            let countries = format!("Countries{between}3\n1\n\nAuthors");
            let text = PAGE.replacen("2013\n2013\n2020\n2020\n\nAuthors", &countries, 1);
            let page = parsed(&text);
            assert_eq!(page.citing_years, CitingYears::default(), "{between:?}");
            let dropped = dropped(&page);
            assert_eq!(dropped[0], "Countries");
            assert_eq!(dropped[dropped.len() - 2..], ["3", "1"]);
            assert_eq!(page.tallies.mentioning, Some(7));
        }
        for labels in [
            "\nResults\n2\n\nPhase 2 trial\n1\n",
            "\nResults\n\n2\n\nOther\n\n1\n",
        ] {
            let labelled = PAGE.replacen("\n2\n1\n", labels, 1);
            let page = parsed(&labelled);
            assert_eq!(
                (&page.paper_sections[..], page.unrecognized.len()),
                (&[2, 1][..], 0)
            );
        }
        let apart = "\nSupporting\n\n1\n\nMentioning\n\n7\n\nContrasting\n\n0\n";
        let apart = PAGE.replacen("\n1\n7\n0\n", apart, 1);
        let page = parsed(&apart);
        assert_eq!(
            (page.tallies.supporting, page.tallies.mentioning),
            (Some(1), Some(7))
        );
        assert_eq!(page.unrecognized, []);
    }

    #[test]
    fn behind_a_label_no_place_tells_the_type_of_a_number() {
        for (list, counts, unread) in [
            ("Filter by\n1\n7\n0", [None; 3], 4),
            ("1\nFilter by\n7\n0\n3", [Some(1), None, None], 4),
            ("1\n7\nTotal 8\n0", [Some(1), Some(7), None], 2),
            ("Mentioning 7\n1\n0", [None, Some(7), None], 2),
            (
                "Total 8\nMentioning 7\nSupporting 1",
                [Some(1), Some(7), None],
                1,
            ),
        ] {
            let text = PAGE.replacen("\n1\n7\n0\n", &format!("\n{list}\n"), 1);
            let page = parsed(&text);
            let tallies = &page.tallies;
            let found = [tallies.supporting, tallies.mentioning, tallies.contrasting];
            assert_eq!((found, page.unrecognized.len()), (counts, unread), "{list}");
            assert_eq!(tallies.unclassified, None);
        }
    }

    #[test]
    fn a_line_that_is_not_of_a_list_ends_it_and_is_told() {
        for line in [
            "“Quote”",
            "Section: Resultsmentioning",
            "Terms of Service",
            "Room 5",
        ] {
            for (above, below) in [("2\n", "\n1\n"), ("2013\n", "\n2013\n2020\n2020\n")] {
                let text = PAGE.replacen(
                    &format!("{above}{}", &below[1..]),
                    &format!("{above}{line}{below}"),
                    1,
                );
                assert_ne!(text, PAGE);
                let below: Vec<_> = [line].into_iter().chain(below.split_whitespace()).collect();
                assert_eq!(dropped(&parsed(&text)), below);
            }
        }
        // The first one is gone, and what stands in for it says nothing of where the others belong.
        for line in ["Showing 1 of 7", "Select...1", "12 items"] {
            let text = PAGE.replacen("\n1\n7\n0\n", &format!("\n{line}\n7\n0\n"), 1);
            let page = parsed(&text);
            assert_eq!(
                (page.tallies.supporting, page.tallies.mentioning),
                (None, None)
            );
            assert_eq!(dropped(&page), [line, "7", "0"]);
        }
    }

    #[test]
    fn a_list_that_is_printed_again_fills_no_other_places() {
        let lists = PAGE.find("Paper Sections").unwrap()..PAGE.find("Authors").unwrap();
        let (once, lists) = (parsed(PAGE), &PAGE[lists]);
        let twice = PAGE.replacen(lists, &lists.repeat(2), 1);
        let twice = parsed(&twice);
        assert_eq!(twice.tallies, once.tallies);
        assert_eq!(twice.citing_years, once.citing_years);
        assert_eq!(twice.paper_sections, once.paper_sections);
        assert!(twice.warnings.iter().eq([Warning::UnrecognizedLines]));
        assert_eq!(twice.unrecognized.len(), 2 + 3 + 4);
    }

    #[test]
    fn a_footer_s_heading_of_names_fills_nothing() {
        for blank in ["\n", " \n"] {
            let footer = "Journals\nPublishers\nAuthors\nAbout us\n";
            let text = format!("{PAGE}{footer}").replace('\n', blank);
            let page = parsed(&text);
            assert_eq!((page.authors.len(), page.journals.len()), (0, 0));
            assert_eq!(dropped(&page), ["Publishers", "About us"]);
        }
        let menu = PAGE.replacen("Paper Sections", "Journals\nAuthors\n\nPaper Sections", 1);
        let filled = menu.replace("Journals\n\ncit", "Journals\nNature\n\ncit");
        assert_ne!(menu, filled);
        assert_eq!(parsed(&filled).journals, [b"Nature"]);
        let below = parsed("“…One.…”\nSection: Xmentioning\n\nJournals\nNature\nAuthors\nEk\n");
        assert_eq!(
            (below.journals, below.authors),
            (vec![&b"Nature"[..]], vec![&b"Ek"[..]])
        );
    }

    #[test]
    fn counts_that_are_printed_once_contradict_nothing() {
        let page = parsed(PAGE.split_at(PAGE.find("citations").unwrap()).1);
        assert!(page.warnings.iter().eq([Warning::NoHeader]));
    }

    #[test]
    fn a_title_may_begin_with_a_bar() {
        for bar in ["|View PDF |Cite", "|", "|Share"] {
            let text = format!("DOI: 10.5555/x\n{bar}\n|\n|Vub| from decays\nAbstract: x\n");
            let page = parsed(&text);
            assert_eq!(page.title, [b"|Vub| from decays"], "{bar}");
            assert_eq!(page.unrecognized, []);
        }
    }

    #[test]
    fn a_text_of_several_lines_ends_a_title_and_an_abstract() {
        let block = "“…One\ntwo.…”\nSection: Resultsmentioning\nconfidence: 99%\n";
        for above in ["DOI: 10.5555/x\n|\nTitle\n", "Abstract: x\n\n", ""] {
            let text = format!("{above}{block}{}", block.replace("One", "Two"));
            let page = parsed(&text);
            assert!(page.is_report);
            let texts: Vec<_> = page.blocks.iter().map(|block| &block.text[..]).collect();
            assert_eq!(texts, [b"One\ntwo.", b"Two\ntwo."], "{above}");
        }
        let quoted = "Abstract: x\n“…One\ntwo.…”\nSection: Results\nconfidence: 99%\n";
        assert_eq!(parsed(quoted).blocks, []);
        let abstract_text = "Abstract: x\n“…never”, said\nmost.\n";
        for between in ["", "\n", "“One.”\n"] {
            let tail = "“…Two.…”\nSection: Resultsmentioning\nconfidence: 99%\n";
            let text = format!("DOI: 10.5555/x\n|\n“…never again”\n{abstract_text}{between}{tail}");
            let page = parsed(&text);
            assert_eq!(page.title, ["“…never again”".as_bytes()]);
            assert_eq!(page.abstract_lines[1], "“…never”, said".as_bytes());
            assert_eq!(page.blocks.len(), 1, "{between:?}");
        }
        let title = "DOI: 10.5555/x\n|\n“…never again\nAbstract: x…”\nSection: Xmentioning\nconfidence: 9%\n";
        assert_eq!(parsed(title).abstract_lines[0], "x…”".as_bytes());
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
