//! What no part of a page claims: told with a reason, never dropped in silence.

use super::statement::confidence;

/// A line that no part of the page claims, without the blanks around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unrecognized<'a> {
    pub line: &'a [u8],
    pub why: Why,
}

/// Why no part claims a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No header and no landmark say that text above the statements is a title.
    Lead,
    /// A label in a list or a tab without a number.
    Label,
    /// A number where none is expected, or one more than there can be.
    Number,
    /// The page has said something else before.
    Contradiction,
    /// What begins like a confidence is none.
    Confidence,
    /// Anything else.
    Text,
}

impl Why {
    /// Why text is none that can stand behind a block or between parts.
    pub fn no_text(line: &[u8]) -> Self {
        match line.starts_with(b"confidence:") && confidence(line).is_none() {
            true => Self::Confidence,
            false => Self::Text,
        }
    }

    /// Why, in a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "text that neither a header nor a landmark makes a title",
            Self::Label => "a label without a number that is known",
            Self::Number => "a number that cannot be read, or for which there is no place",
            Self::Contradiction => "another number than the page gave before",
            Self::Confidence => "no confidence, which is a whole percentage from 0 to 100",
            Self::Text => "nothing known stands here",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_of_no_block_is_one_all_the_same() {
        assert_eq!(Why::no_text(b"confidence: 99%"), Why::Text);
        assert_eq!(Why::no_text(b"confidence: 101%"), Why::Confidence);
    }
}
