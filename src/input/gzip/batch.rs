//! Batches of gzip members, decoded whole.
//!
//! A member is taken for good only with its check sum, its size and its exact end; a batch
//! that has no more good members is handed back as it is, and why is not asked.

use libdeflater::Decompressor;
use memchr::memmem;

/// Decoded bytes of a batch; what would be more is streamed.
const MOST_TEXT: usize = 1280 * 1024;

/// How a member begins; the flags follow.
pub(super) const MAGIC: &[u8] = &[0x1F, 0x8B, 0x08];

/// Flags that no member has.
const RESERVED: u8 = 0xE0;

/// The header has a check sum, which libdeflate does not look at.
pub(super) const CHECKED: u8 = 0x02;

/// The header has a name or a comment, which flate2 takes up to 65535 bytes.
const NAMED: u8 = 0x18;

/// Where members seem to begin. That compressed data looks so happens once in 128 MiB.
pub(super) fn starts(bytes: &[u8], from: usize) -> impl Iterator<Item = usize> {
    memmem::find_iter(bytes.get(from..).unwrap_or_default(), MAGIC)
        .map(move |start| from + start)
        .filter(|start| {
            bytes
                .get(start + MAGIC.len())
                .is_some_and(|flags| flags & RESERVED == 0)
        })
}

/// Members to be decoded, and what came of it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) compressed: Vec<u8>,
    /// How far the members are known to be good.
    pub(super) good: usize,
    /// As long as it will ever be, so that it is zeroed once.
    pub(super) text: Vec<u8>,
    pub(super) decoded: usize,
}

/// Ends tried in vain after which a member is left to the streaming decoder. Without a limit,
/// one made of false beginnings takes time that grows with its square.
const MOST_TRIES: usize = 4;

/// Room behind a member's text in which libdeflate may use its fast loop to the end.
const MARGIN: usize = 512;

/// The shortest member: header, empty block, check sum and size.
const SHORTEST: usize = 10 + 2 + 8;

impl Batch {
    pub(super) fn is_whole(&self) -> bool {
        self.good == self.compressed.len()
    }

    pub(super) fn decode(&mut self, decompressor: &mut Decompressor) {
        (self.good, self.decoded) = (0, 0);
        self.text.resize(MOST_TEXT, 0);
        let mut tries = 0;
        for end in starts(&self.compressed, 1).chain([self.compressed.len()]) {
            let member = &self.compressed[self.good..end];
            match decode(decompressor, member, &mut self.text[self.decoded..]) {
                Some(size) => (self.good, self.decoded, tries) = (end, self.decoded + size, 0),
                None => tries += 1,
            }
            if tries == MOST_TRIES {
                return;
            }
        }
    }
}

/// Decodes what is one member from its first byte to its last; else there is no size.
///
/// libdeflate goes by a member's real end and does not tell it. It has found there the size
/// with which the bytes end too; and as the same four bytes are nowhere before, that is the end.
fn decode(decompressor: &mut Decompressor, member: &[u8], text: &mut [u8]) -> Option<usize> {
    if member.len() < SHORTEST {
        return None;
    }
    let flags = member[MAGIC.len()];
    if flags & CHECKED != 0 || flags & NAMED != 0 && member.len() > usize::from(u16::MAX) {
        return None;
    }
    let end: &[u8; 4] = member.last_chunk()?;
    let size = u32::from_le_bytes(*end) as usize;
    let room = text.len().min(size.saturating_add(MARGIN));
    if size > room || memmem::find(&member[10..], end) != Some(member.len() - 10 - end.len()) {
        return None;
    }
    let decoded = decompressor.gzip_decompress(member, &mut text[..room]);
    decoded.ok().filter(|&decoded| decoded == size)
}
