//! Offsets as binary-packed differences: Parquet's Encodings.md, "DELTA_BINARY_PACKED".

use crate::segment::page_encoding::varint::{put_varint, put_zigzag};

/// Values in a block of differences, and in each of its mini blocks.
const BLOCK: usize = 128;
const MINI_BLOCK: usize = 32;

/// Appends numbers as differences; a mini block has as many bits a number as its largest difference needs.
pub(crate) fn put_differences(numbers: &[i64], page: &mut Vec<u8>) {
    put_varint(BLOCK as u64, page);
    put_varint((BLOCK / MINI_BLOCK) as u64, page);
    put_varint(numbers.len() as u64, page);
    put_zigzag(numbers.first().copied().unwrap_or(0), page);
    let differences: Vec<i64> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    for block in differences.chunks(BLOCK) {
        put_block(block, page);
    }
}

fn put_block(block: &[i64], page: &mut Vec<u8>) {
    let least = block.iter().min().copied().unwrap_or(0);
    put_zigzag(least, page);
    let above = |part: &[i64]| -> [u64; MINI_BLOCK] {
        let mut above = [0; MINI_BLOCK];
        above
            .iter_mut()
            .zip(part)
            .for_each(|(above, difference)| *above = difference.abs_diff(least));
        above
    };
    let width = |part: &[u64]| u64::BITS - part.iter().fold(0, |bits, number| bits | number).leading_zeros();
    let parts: Vec<[u64; MINI_BLOCK]> = block.chunks(MINI_BLOCK).map(above).collect();
    for index in 0..BLOCK / MINI_BLOCK {
        page.push(parts.get(index).map_or(0, |part| width(part) as u8));
    }
    for part in &parts {
        put_bits(part, width(part), page);
    }
}

/// Appends the low `width` bits of each number, beginning with the lowest bit.
fn put_bits(numbers: &[u64], width: u32, page: &mut Vec<u8>) {
    let (mut waiting, mut bits) = (0u128, 0);
    for number in numbers {
        waiting |= u128::from(*number) << bits;
        bits += width;
        while bits >= 8 {
            page.push(waiting as u8);
            waiting >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        page.push(waiting as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second example of Parquet's Encodings.md: a block with one mini block of four.
    #[test]
    fn differences_are_those_of_the_specification() {
        let mut page = Vec::new();
        put_differences(&[7, 5, 3, 1, 2, 3, 4, 5], &mut page);
        let mut expected = vec![0x80, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0b0011_1111];
        expected.resize(10 + 8, 0);
        assert_eq!(page, expected);
    }

    #[test]
    fn one_number_or_none_has_no_block() {
        let mut page = Vec::new();
        put_differences(&[], &mut page);
        put_differences(&[-3], &mut page);
        assert_eq!(page, [0x80, 1, 4, 0, 0, 0x80, 1, 4, 1, 5]);
    }

    #[test]
    fn a_difference_may_need_nearly_all_bits() {
        let mut page = Vec::new();
        put_differences(&[0, 1, i64::MAX], &mut page);
        let widths = &page[4 + 1 + 1..][..4];
        assert_eq!(widths, [63, 0, 0, 0]);
        assert_eq!(page.len(), 4 + 1 + 1 + 4 - 1 + 32 * 63 / 8 + 1);
    }
}
