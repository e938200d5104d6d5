//! What a line of the input was taken for.

/// The roles that lines can have. The order of the variants is that of the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// The year above the DOI.
    Year,
    /// The DOI of the cited paper.
    Doi,
    /// The title.
    Title,
    /// The abstract.
    Abstract,
    /// The bar below the DOI, and `Select...`: nothing is read from it.
    Boilerplate,
    /// A line that separates parts of the page.
    Landmark,
    /// The heading of a list.
    Heading,
    /// A count or a name in a list.
    Facet,
    /// A number of the slider of citing years.
    CitingYears,
    /// The name of a tab.
    Tab,
    /// A number of statements or of citing publications.
    Tally,
    /// The numbers by type a second time, which are only held against the first.
    TallyAgain,
    /// What the cited paper itself refers to.
    References,
    /// The text of a statement.
    Statement,
    /// A statement's section and type.
    Section,
    /// A statement's confidence.
    Confidence,
    /// How many statements are hidden behind one.
    SeeMore,
    /// Any line of a block that repeats an earlier one of its page.
    Repeat,
    /// No part of the page claims it.
    Unrecognized,
    /// A line of blanks alone.
    Blank,
    /// A byte order mark between two pages.
    ByteOrderMark,
    /// Text of another site.
    Skipped,
    /// A page, or a container's record, that was refused.
    Rejected,
    /// What a container puts around its texts.
    Container,
}

impl Role {
    /// Every role, in the order of the totals.
    pub const ALL: [Self; 24] = [
        Self::Year,
        Self::Doi,
        Self::Title,
        Self::Abstract,
        Self::Boilerplate,
        Self::Landmark,
        Self::Heading,
        Self::Facet,
        Self::CitingYears,
        Self::Tab,
        Self::Tally,
        Self::TallyAgain,
        Self::References,
        Self::Statement,
        Self::Section,
        Self::Confidence,
        Self::SeeMore,
        Self::Repeat,
        Self::Unrecognized,
        Self::Blank,
        Self::ByteOrderMark,
        Self::Skipped,
        Self::Rejected,
        Self::Container,
    ];

    /// The name as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Doi => "doi",
            Self::Title => "title",
            Self::Abstract => "abstract",
            Self::Boilerplate => "boilerplate",
            Self::Landmark => "landmark",
            Self::Heading => "heading",
            Self::Facet => "facet",
            Self::CitingYears => "citing_years",
            Self::Tab => "tab",
            Self::Tally => "tally",
            Self::TallyAgain => "tally_again",
            Self::References => "references",
            Self::Statement => "statement",
            Self::Section => "section",
            Self::Confidence => "confidence",
            Self::SeeMore => "see_more",
            Self::Repeat => "repeat",
            Self::Unrecognized => "unrecognized",
            Self::Blank => "blank",
            Self::ByteOrderMark => "byte_order_mark",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Container => "container",
        }
    }
}
