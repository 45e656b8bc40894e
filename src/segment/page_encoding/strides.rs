//! Finds what a page of values of equal length repeats from the value before: the high bytes of numbers, the lengths between
//! ids. zstd's own search finds such short matches too, but codes each with another distance.

use crate::segment::page_encoding::sequences::Sequence;

/// The shortest match in numbers: the high bytes of times that are days apart. zstd has no shorter one.
const SHORTEST: usize = 3;
/// The shortest match in text: the length before a value. Shorter ones stand there by chance, and make the others dearer.
const SHORTEST_IN_TEXT: usize = 4;
/// The bytes of a number.
pub(crate) const NUMBER_BYTES: usize = 8;

/// Sets `found` to the matches of the page with what stands `stride` bytes before.
pub(crate) fn find(page: &[u8], stride: usize, found: &mut Vec<Sequence>) {
    found.clear();
    let shortest = if stride == NUMBER_BYTES {
        SHORTEST
    } else {
        SHORTEST_IN_TEXT
    };
    let (mut at, mut end) = (stride, 0);
    while at + shortest <= page.len() {
        let length = page[at..]
            .iter()
            .zip(&page[at - stride..])
            .take_while(|(here, before)| here == before)
            .count();
        if length >= shortest {
            found.push(Sequence::new(stride, at - end, length));
            at += length;
            end = at;
        } else {
            // The byte after the equal ones differs.
            at += length + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equal_high_bytes_of_numbers_are_matches() {
        let page: Vec<u8> = [0x0102_0304_0506_0708u64, 0x0102_0304_0506_99aa, 0x0102_0304_0507_0101]
            .into_iter()
            .flat_map(u64::to_le_bytes)
            .collect();
        let mut found = Vec::new();
        find(&page, 8, &mut found);
        let parts: Vec<_> = found.iter().map(Sequence::parts).collect();
        assert_eq!(parts, [(8, 10, 6), (8, 3, 5)]);
        find(&page[..5], 8, &mut found);
        assert!(found.is_empty());
    }
}
