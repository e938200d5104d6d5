//! Records of containers that hold no text to read.

/// Why a container's record was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotRead {
    /// An HTML page: the text in it was not extracted.
    Html,
    /// Another media type than text.
    OtherType,
    /// A body that is stored compressed or in chunks.
    Encoded,
    /// No field for the text, or null in it.
    NoText,
}

impl NotRead {
    /// The word as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::OtherType => "other_type",
            Self::Encoded => "encoded",
            Self::NoText => "no_text",
        }
    }
}
