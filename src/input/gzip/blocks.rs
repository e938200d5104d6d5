//! Where a deflate block begins, without decoding what is before it.
//!
//! Only blocks with codes of their own are found, and not a stream's last one: their header
//! is long enough to be told from other bits. It must describe complete codes, which one of
//! a thousand million places does by chance. Whoever decodes up to a place found here has
//! to see for himself that a block ends there.

/// Bits of a header before the lengths of the code for lengths.
const COUNTS: usize = 17;

/// The longest header: 19 lengths of 3 bits, 320 of at most 7 bits and 7 more, and what a
/// load takes beyond that.
const HEADER: usize = (COUNTS + 19 * 3 + 320 * 14) / 8 + 16;

/// Bytes whose places are looked at together.
const STEP: usize = 6;

/// The place, in bits, of the first block that begins at the byte `from` or later and whose
/// header cannot reach beyond the bytes.
pub(super) fn next_block(bytes: &[u8], from: usize) -> Option<usize> {
    let end = bytes.len().saturating_sub(HEADER);
    (from..end).step_by(STEP).find_map(|byte| {
        let mut begins = may_begin(bits_at(bytes, byte * 8));
        while begins != 0 {
            let place = byte * 8 + begins.trailing_zeros() as usize;
            if is_header(bytes, place) {
                return Some(place);
            }
            begins &= begins - 1;
        }
        None
    })
}

/// At least 57 bits from a place on.
fn bits_at(bytes: &[u8], place: usize) -> u64 {
    let word = bytes[place / 8..].first_chunk().copied();
    u64::from_le_bytes(word.unwrap_or_default()) >> (place % 8)
}

/// The places in a step where a block may begin that is not the last one and has codes of
/// its own, of at most 286 and 30 symbols. All places are tried at once, which makes the
/// search take a tenth of the time.
fn may_begin(bits: u64) -> u64 {
    let kind = !bits & !(bits >> 1) & (bits >> 2);
    let too_many =
        |at: usize| (bits >> at) & (bits >> (at + 1)) & (bits >> (at + 2)) & (bits >> (at + 3));
    kind & !too_many(4) & !too_many(9) & ((1 << (8 * STEP)) - 1)
}

fn is_header(bytes: &[u8], place: usize) -> bool {
    let counts = bits_at(bytes, place);
    let lengths = 3 * (((counts >> 13) & 15) + 4);
    let lengths = bits_at(bytes, place + COUNTS) & ((1 << lengths) - 1);
    fills(lengths) == 1 << 7 && describes_codes(bytes, place, counts, lengths)
}

/// How much of a code's space lengths of 3 bits take, in 128ths.
fn fills(lengths: u64) -> u16 {
    let four = |nth: u32| FILLS[(lengths >> (12 * nth) & 0xFFF) as usize];
    four(0) + four(1) + four(2) + four(3) + four(4)
}

/// What four lengths take.
static FILLS: [u16; 1 << 12] = {
    let mut fills = [0; 1 << 12];
    let mut lengths = 0;
    while lengths < fills.len() {
        let mut rest = lengths;
        while rest != 0 {
            if rest & 7 != 0 {
                fills[lengths] += 1 << (7 - (rest & 7));
            }
            rest >>= 3;
        }
        lengths += 1;
    }
    fills
};

/// The order in which the lengths of the code for lengths stand.
const ORDER: [u8; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

fn describes_codes(bytes: &[u8], place: usize, counts: u64, lengths: u64) -> bool {
    let literals = (counts >> 3 & 31) as usize + 257;
    let all = literals + (counts >> 8 & 31) as usize + 1;
    let mut place = place + COUNTS + 3 * ((counts >> 13 & 15) as usize + 4);
    let symbols = symbols(lengths);
    let mut found = [0; 286 + 32 + 138];
    let mut count = 0;
    while count < all {
        let bits = bits_at(bytes, place);
        let (symbol, length) = symbols[(bits & 0x7F) as usize];
        let bits = bits >> length;
        let (value, times, more) = match symbol {
            16 if count == 0 => return false,
            16 => (found[count - 1], 3 + (bits & 3), 2),
            17 => (0, 3 + (bits & 7), 3),
            18 => (0, 11 + (bits & 0x7F), 7),
            _ => (symbol, 1, 0),
        };
        place += usize::from(length) + more;
        found[count..][..times as usize].fill(value);
        count += times as usize;
    }
    let (literals, distances) = found[..count].split_at(literals);
    count == all
        && literals[256] != 0
        && space(literals) == 1 << 15
        // A text without repeats has no distance, or one that is not used.
        && matches!(space(distances), 0 | 0x4000 | 0x8000)
}

/// Each symbol and its length, by the bits that begin with it.
fn symbols(lengths: u64) -> [(u8, u8); 1 << 7] {
    let mut by_symbol = [0; ORDER.len()];
    for (nth, &symbol) in ORDER.iter().enumerate() {
        by_symbol[usize::from(symbol)] = lengths >> (3 * nth) & 7;
    }
    let mut symbols = [(0, 0); 1 << 7];
    let mut code = 0_u8;
    for length in 1..=7 {
        for (symbol, _) in (0..).zip(by_symbol).filter(|&(_, its)| its == length) {
            let first = usize::from(code.reverse_bits() >> (8 - length));
            for entry in symbols[first..].iter_mut().step_by(1 << length) {
                *entry = (symbol, length as u8);
            }
            code += 1;
        }
        code <<= 1;
    }
    symbols
}

/// How much of a code's space lengths of up to 15 take.
fn space(lengths: &[u8]) -> u32 {
    let taken = lengths.iter().filter(|&&length| length > 0);
    taken.map(|length| 1 << (15 - length)).sum()
}
