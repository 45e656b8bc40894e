//! Checks that a decompressed page holds the values of its entries and nothing else, in the form that writers write: what no
//! reader looks at could otherwise cost the memory of a page.

use std::collections::HashSet;

use crate::segment::guard::thrift::varint;
use crate::segment::page_encoding::description::{Encoding, PageHeader};
use crate::segment::schema::{Leaf, Physical, Repetition};

/// How a page of differences begins: blocks of 128 values in 4 parts.
const DIFFERENCES: [u8; 3] = [0x80, 1, 4];
/// Values in a part of a block of differences.
const PART: usize = 32;
/// Bits of an index into a dictionary.
const INDEX_BITS: u8 = 8;

/// Whether the page is its entries' levels and values.
pub(crate) fn is_exact(page: &[u8], header: &PageHeader, leaf: &Leaf) -> bool {
    let (mut rest, entries) = (page, header.entries as usize);
    let is_nested = leaf.path.len() > 1;
    let max_level = u8::from(is_nested) + u8::from(leaf.repetition == Repetition::Optional);
    let has_rows = !is_nested || levels(&mut rest, entries, 1).is_some();
    let values = if max_level > 0 {
        levels(&mut rest, entries, max_level)
    } else {
        Some(entries)
    };
    values.is_some_and(|values| has_rows && are_exact(rest, values, header.encoding, leaf.physical))
}

fn are_exact(bytes: &[u8], values: usize, encoding: Encoding, physical: Physical) -> bool {
    let length = match (encoding, physical) {
        (Encoding::DeltaBinaryPacked, _) => return are_differences(bytes, values).is_some(),
        (Encoding::RleDictionary, _) => return are_indices(bytes, values).is_some(),
        (_, Physical::ByteArray) => return strings(bytes).is_some_and(|strings| strings.len() == values),
        (_, Physical::Boolean) => Some(values.div_ceil(8)),
        (_, Physical::Int32) => values.checked_mul(size_of::<i32>()),
        (_, Physical::Int64 | Physical::Double) => values.checked_mul(size_of::<i64>()),
    };
    length == Some(bytes.len())
}

/// Whether a dictionary page is its values, of which none stands twice.
pub(crate) fn is_dictionary(page: &[u8], header: &PageHeader, leaf: &Leaf) -> bool {
    let values = match leaf.physical {
        Physical::ByteArray => strings(page),
        _ => Some(page.chunks(size_of::<i32>()).collect()),
    };
    let is_different = |values: &Vec<&[u8]>| values.iter().collect::<HashSet<_>>().len() == header.entries as usize;
    values.is_some_and(|values| values.len() == header.entries as usize && is_different(&values))
}

/// The number of entries with the greatest level; none if there are not as many levels as entries, in runs.
fn levels(rest: &mut &[u8], entries: usize, max: u8) -> Option<usize> {
    let length = u32::from_le_bytes(*rest.split_off(..size_of::<u32>())?.first_chunk()?);
    let mut runs = rest.split_off(..usize::try_from(length).ok()?)?;
    let (mut left, mut values) = (entries, 0);
    while !runs.is_empty() {
        let run = varint(&mut runs).filter(|run| run & 1 == 0 && *run > 0)?;
        let (count, level) = (usize::try_from(run >> 1).ok()?, *runs.split_off_first()?);
        left = left.checked_sub(count)?;
        values += if level == max { count } else { 0 };
    }
    (left == 0).then_some(values)
}

/// Byte strings, each after its length.
fn strings(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut strings = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_le_bytes(*bytes.split_off(..size_of::<u32>())?.first_chunk()?);
        strings.push(bytes.split_off(..usize::try_from(length).ok()?)?);
    }
    Some(strings)
}

/// Their width, then one run of packed ones, filled up to a multiple of eight.
fn are_indices(mut bytes: &[u8], values: usize) -> Option<()> {
    let (width, groups) = (*bytes.split_off_first()?, values.div_ceil(8));
    let run = varint(&mut bytes)?;
    (width == INDEX_BITS && run == (groups as u64) << 1 | 1 && bytes.len() == groups * 8).then_some(())
}

/// The number of values, the first one, then blocks: the least difference, the widths of the parts, the parts.
fn are_differences(bytes: &[u8], values: usize) -> Option<()> {
    let mut rest = bytes.strip_prefix(&DIFFERENCES)?;
    let count = varint(&mut rest).filter(|count| *count == values as u64)?;
    varint(&mut rest)?;
    let mut left = usize::try_from(count).ok()?.checked_sub(1)?;
    while left > 0 {
        varint(&mut rest)?;
        for width in rest.split_off(..4)? {
            if *width > 64 || (left == 0 && *width > 0) {
                return None;
            }
            rest.split_off(..usize::from(*width) * PART / 8)?;
            left = left.saturating_sub(PART);
        }
    }
    rest.is_empty().then_some(())
}
