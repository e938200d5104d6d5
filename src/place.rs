//! Where a byte came from, and how that is said to a person.
//!
//! Every message, reject and record names its origin through [`Place`]. Paths and
//! excerpts are strangers' text: whatever goes to a terminal passes through
//! [`Printable`], which lets no control character, bidirectional override or
//! unprintable separator through. JSON is not altered: in rejects and the run's numbers
//! these characters are escaped as JSON allows, in records only where it demands it.

use std::fmt;
use std::sync::Arc;

/// The origin of a stretch of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The source as the user named it or the walk found it; `-` is standard input.
    pub path: Arc<str>,
    /// Bytes before it in the (decompressed) source.
    pub offset: u64,
    /// Line number, counted from 1, when it is known.
    pub line: Option<u64>,
    /// The container's own number or id of the record, when there is a container.
    pub record: Option<Arc<str>>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: byte {}", Printable(&self.path), self.offset)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(record) = &self.record {
            write!(f, ", record {}", Printable(record))?;
        }
        Ok(())
    }
}

/// Shows a stranger's text with everything that could steer a terminal escaped as `\u{…}`.
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if steers_terminal(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// A control, or a character that turns the direction of text or breaks its lines.
pub fn steers_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_path_byte_line_and_record() {
        let place = Place {
            path: "dump.txt".into(),
            offset: 12,
            line: Some(3),
            record: Some("7".into()),
        };
        assert_eq!(place.to_string(), "dump.txt: byte 12, line 3, record 7");
    }

    #[test]
    fn nothing_that_steers_a_terminal_is_printed() {
        let hostile = "a\u{1b}[31mb\nc\u{9b}d\u{202e}e\u{7f}ü";
        assert_eq!(
            Printable(hostile).to_string(),
            "a\\u{1b}[31mb\\nc\\u{9b}d\\u{202e}e\\u{7f}ü"
        );
    }
}
