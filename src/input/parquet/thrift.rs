//! Thrift's compact protocol, as far as it takes to look at a header before the crate does.
//!
//! Every function says `None` to what is cut short or makes no sense.

/// Thrift's compact protocol, as far as it takes to look before the crate does.
#[derive(Clone, Copy)]
pub(super) struct Thrift<'a>(pub(super) &'a [u8]);

pub(super) const INT: u8 = 5;
pub(super) const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

impl<'a> Thrift<'a> {
    pub(super) fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(length.try_into().ok()?)?;
        self.0 = left;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A number that must not be negative.
    pub(super) fn count(&mut self) -> Option<u64> {
        self.varint()
            .filter(|zigzag| zigzag & 1 == 0)
            .map(|zigzag| zigzag >> 1)
    }

    /// The kind of a struct's next field, 0 at the end; `id` goes from the last field's to its.
    pub(super) fn field(&mut self, id: &mut i64) -> Option<u8> {
        let head = self.byte()?;
        match head >> 4 {
            0 if head == 0 => {}
            0 => *id = self.count()?.cast_signed(),
            step => *id += i64::from(step),
        }
        Some(head & 15)
    }

    /// The kind of a list's elements, and how many there are.
    pub(super) fn list(&mut self) -> Option<(u8, u64)> {
        let head = self.byte()?;
        let size = match head >> 4 {
            15 => self.varint()?,
            size => size.into(),
        };
        Some((head & 15, size))
    }

    pub(super) fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            1 | 2 => Some(()),
            3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.take(8).map(drop),
            BINARY => self.varint().and_then(|length| self.take(length)).map(drop),
            LIST | 10 => {
                let (kind, size) = self.list()?;
                // A flag takes no byte as a field but one as an element.
                let kind = if kind <= 2 { 3 } else { kind };
                (0..size).try_for_each(|_| self.skip(kind, depth))
            }
            STRUCT => {
                let mut id = 0;
                loop {
                    match self.field(&mut id)? {
                        0 => return Some(()),
                        kind => self.skip(kind, depth)?,
                    }
                }
            }
            _ => None,
        }
    }
}
