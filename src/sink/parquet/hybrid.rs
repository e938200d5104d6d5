//! Numbers as Parquet writes levels and places in a dictionary: as runs, or packed into as many
//! bits as the largest needs. Its hybrid of both is written as one of them, the shorter one, for a
//! page's values either hardly change or change all the time.

use super::slice::Run;

/// Bits that the largest number needs. One at least: readers differ on none.
pub fn width_of(runs: &[Run]) -> u32 {
    let largest = runs.iter().map(|run| run.number).max().unwrap_or(0);
    (u32::BITS - largest.leading_zeros()).max(1)
}

/// Writes numbers of so many bits.
pub fn hybrid(out: &mut Vec<u8>, runs: &[Run], width: u32) {
    let numbers: usize = runs.iter().map(|run| run.times as usize).sum();
    let in_runs = runs.len() * (2 + width.div_ceil(8) as usize);
    match in_runs <= numbers * width as usize / 8 {
        true => write_runs(out, runs, width),
        false => pack(out, runs, numbers, width),
    }
}

fn write_runs(out: &mut Vec<u8>, runs: &[Run], width: u32) {
    for run in runs {
        variable(out, u64::from(run.times) << 1);
        let bytes = width.div_ceil(8) as usize;
        out.extend_from_slice(&run.number.to_le_bytes()[..bytes]);
    }
}

/// Packs the numbers, and fills the last eight up.
fn pack(out: &mut Vec<u8>, runs: &[Run], numbers: usize, width: u32) {
    let eights = numbers.div_ceil(8);
    variable(out, (eights as u64) << 1 | 1);
    let end = out.len() + eights * width as usize;
    let (mut waiting, mut bits) = (0_u64, 0);
    for run in runs {
        for _ in 0..run.times {
            waiting |= u64::from(run.number) << bits;
            bits += width;
            while bits >= u8::BITS {
                out.push(waiting as u8);
                waiting >>= u8::BITS;
                bits -= u8::BITS;
            }
        }
    }
    if bits > 0 {
        out.push(waiting as u8);
    }
    out.resize(end, 0);
}

/// Seven bits a byte, the lowest ones first.
fn variable(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(numbers: &[(u32, u32)]) -> Vec<Run> {
        let run = |&(number, times)| Run { number, times };
        numbers.iter().map(run).collect()
    }

    #[test]
    fn numbers_are_written_as_runs_or_packed_whichever_is_shorter() {
        for (numbers, expected) in [
            (&[][..], &[][..]),
            // 100 times 1, in two bytes for the length.
            (&[(1, 100)], &[0xC8, 0x01, 1]),
            (&[(300, 64)], &[0x80, 0x01, 0x2C, 0x01]),
            // Five numbers of three bits, filled up to eight.
            (
                &[(1, 1), (2, 1), (3, 1), (4, 1), (7, 1)],
                &[3, 0b1101_0001, 0b0111_1000, 0],
            ),
        ] {
            let runs = runs(numbers);
            let mut out = Vec::new();
            hybrid(&mut out, &runs, width_of(&runs));
            assert_eq!(out, expected, "{numbers:?}");
        }
    }

    #[test]
    fn the_width_is_that_of_the_largest_number() {
        for (largest, width) in [(0, 1), (1, 1), (2, 2), (255, 8), (256, 9), (u32::MAX, 32)] {
            assert_eq!(width_of(&runs(&[(largest, 1), (0, 1)])), width);
        }
        assert_eq!(width_of(&[]), 1);
    }
}
