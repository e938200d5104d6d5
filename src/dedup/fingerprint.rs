//! Fingerprints of blocks: XXH3, 128 bits.
//!
//! The odds that two different blocks share one are n² / 2¹²⁹ for n blocks: about 10⁻²¹
//! for a thousand million of them. A person who forges collisions on purpose can: XXH3
//! is no cryptographic hash.

use twox_hash::{XxHash3_64, XxHash3_128};

use crate::model::StatementType;

/// Equal for equal blocks, different for different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub u128);

/// What a block is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// The `id` of the record, which anyone can compute from the record alone.
    pub id: u128,
    pub key: Key,
}

/// Computes fingerprints in a buffer of its own.
#[derive(Default)]
pub struct Fingerprinter {
    joined: Vec<u8>,
}

/// Between the parts of a block in what is hashed.
const SEPARATOR: u8 = 0x1F;

impl Fingerprinter {
    /// The fingerprint of a block with these values.
    pub fn of(
        &mut self,
        text: &[u8],
        section: Option<&[u8]>,
        statement_type: Option<StatementType>,
        confidence: Option<u8>,
    ) -> Fingerprint {
        self.joined.clear();
        self.joined.extend_from_slice(text);
        Self::of_last(&mut self.joined, 0, section, statement_type, confidence)
    }

    /// The fingerprint of a block whose text stands last in a buffer. The buffer stays as it is.
    pub fn of_last(
        joined: &mut Vec<u8>,
        start: usize,
        section: Option<&[u8]>,
        statement_type: Option<StatementType>,
        confidence: Option<u8>,
    ) -> Fingerprint {
        let end = joined.len();
        joined.push(SEPARATOR);
        joined.extend_from_slice(section.unwrap_or_default());
        joined.push(SEPARATOR);
        joined.extend_from_slice(statement_type.map_or("", StatementType::as_str).as_bytes());
        joined.push(SEPARATOR);
        if let Some(percent) = confidence {
            joined.extend_from_slice(itoa::Buffer::new().format(percent).as_bytes());
        }
        let id = XxHash3_128::oneshot(&joined[start..]);
        joined.truncate(end);
        // A text that contains U+001F can be joined to the same bytes as another block;
        // with the text's length the parts are told apart.
        let length = (end - start) as u128;
        Fingerprint {
            id,
            key: Key(id ^ length.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)),
        }
    }
}

/// The fingerprint of anything else, kept apart from others by its kind.
pub fn fingerprint_of(kind: &str, bytes: &[u8]) -> Key {
    Key(XxHash3_128::oneshot_with_seed(
        XxHash3_64::oneshot(kind.as_bytes()),
        bytes,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, section: Option<&str>) -> Fingerprint {
        let section = section.map(str::as_bytes);
        Fingerprinter::default().of(
            text.as_bytes(),
            section,
            Some(StatementType::Mentioning),
            Some(99),
        )
    }

    #[test]
    fn the_id_is_the_published_hash_of_the_joined_parts() {
        let joined = "a\u{1f}b\u{1f}mentioning\u{1f}99";
        assert_eq!(
            of("a", Some("b")).id,
            XxHash3_128::oneshot(joined.as_bytes())
        );
        // Reference value of XXH3-128 for the empty input.
        assert_eq!(
            XxHash3_128::oneshot(b""),
            0x99aa_06d3_0147_98d8_6001_c324_468d_497f
        );
    }

    #[test]
    fn a_separator_in_the_text_does_not_make_blocks_equal() {
        let (one, other) = (of("a\u{1f}b", Some("c")), of("a", Some("b\u{1f}c")));
        assert_eq!(one.id, other.id);
        assert_ne!(one.key, other.key);
    }
}
