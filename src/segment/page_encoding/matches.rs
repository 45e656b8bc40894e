//! Finds where a page of records repeats itself. Records of one kind repeat names and values between quotation marks, and
//! differ in long tokens that are unique (ids, hashes, times). zstd's own search looks at every byte, and finds in those tokens
//! many short matches that cost more than they save. Here a match begins at a quotation mark, is extended in both directions,
//! and is chosen by an estimate of its price in bits. The matches must depend only on the page.

use memchr::memchr;

use crate::segment::page_encoding::sequences::{Sequence, WINDOW_LOG};

/// Bytes that each table's key covers. A longer key finds an older place that has more in common.
const KEYS: [usize; 3] = [8, 24, 48];
const TABLE_BITS: u32 = 13;
/// No match begins in the last bytes of a page.
const MARGIN: usize = 64;
const SHORTEST: usize = 5;

/// Prices in eighths of a bit, measured with zstd's coders on events in JSON.
mod price {
    /// A byte outside of matches.
    pub(crate) const LITERAL: usize = 34;
    /// A match of any length.
    pub(crate) const MATCH: usize = 180;
    /// The offset of the match before.
    pub(crate) const SAME_OFFSET: usize = 8;
    /// One of the two offsets before that.
    pub(crate) const RECENT_OFFSET: usize = 16;
    /// Any other offset: its bits, and the code for their number.
    pub(crate) fn offset(offset: usize) -> usize {
        (3 + (usize::BITS - offset.leading_zeros()) as usize) * 8
    }
}

/// Finds the matches of one page after the other. It keeps the memory of its tables, but not their content.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// By the hash of a key: 1 + the last position of the key, or 0.
    tables: [Vec<u32>; KEYS.len()],
    found: Vec<Sequence>,
}

/// An earlier position that has the same bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Candidate {
    offset: usize,
    length: usize,
    price: usize,
}

/// At most one from each table and each recent offset.
#[derive(Debug, Default)]
struct Candidates {
    list: [Candidate; KEYS.len() + 3],
    count: usize,
}

impl Matches {
    /// The matches of the page, in order and without overlap. The bytes after the last match are literals.
    pub(crate) fn find(&mut self, page: &[u8]) -> &[Sequence] {
        self.found.clear();
        for table in &mut self.tables {
            table.clear();
            table.resize(1 << TABLE_BITS, 0);
        }
        let last = page.len().saturating_sub(MARGIN);
        let (mut at, mut end, mut recent) = (0, 0, [0; 3]);
        while let Some(skipped) = page.get(at..last).and_then(|rest| memchr(b'"', rest)) {
            at += skipped;
            let Some(best) = self.candidates(page, at, &recent).cheapest() else {
                at += 1;
                continue;
            };
            let start = grow_back(page, at, end, best.offset);
            at += best.length;
            self.found.push(Sequence::new(best.offset, start - end, at - start));
            remember(&mut recent, best.offset);
            end = at;
        }
        &self.found
    }

    fn candidates(&mut self, page: &[u8], at: usize, recent: &[usize; 3]) -> Candidates {
        let mut candidates = Candidates::default();
        for (index, offset) in recent.iter().enumerate() {
            let price = if index == 0 {
                price::SAME_OFFSET
            } else {
                price::RECENT_OFFSET
            };
            candidates.add(page, at, *offset, price);
        }
        for (table, length) in self.tables.iter_mut().zip(KEYS) {
            let place = &mut table[key(&page[at..at + length])];
            let offset = (at + 1).saturating_sub(*place as usize);
            if *place > 0 && !candidates.has(offset) {
                candidates.add(page, at, offset, price::offset(offset));
            }
            *place = at as u32 + 1;
        }
        candidates
    }
}

impl Candidates {
    fn has(&self, offset: usize) -> bool {
        self.list[..self.count]
            .iter()
            .any(|candidate| candidate.offset == offset)
    }

    #[inline]
    fn add(&mut self, page: &[u8], at: usize, offset: usize, price: usize) {
        if offset == 0 || offset > at || offset > 1 << WINDOW_LOG {
            return;
        }
        let length = common(&page[at - offset..], &page[at..]);
        if length >= SHORTEST {
            self.list[self.count] = Candidate { offset, length, price };
            self.count += 1;
        }
    }

    /// The candidate with the lowest price, where the bytes that a shorter one does not cover cost literals, but at most a
    /// further match.
    fn cheapest(&self) -> Option<Candidate> {
        let list = &self.list[..self.count];
        let longest = list.iter().map(|candidate| candidate.length).max()?;
        let left_over = |candidate: &Candidate| ((longest - candidate.length) * price::LITERAL).min(price::MATCH);
        let all_in = |candidate: &&Candidate| (candidate.price + left_over(candidate), candidate.offset);
        list.iter().min_by_key(all_in).copied()
    }
}

/// Extends a match backwards over equal bytes, as far as the match before it.
fn grow_back(page: &[u8], at: usize, end: usize, offset: usize) -> usize {
    let (here, there) = (&page[end..at], &page[..at - offset]);
    let alike = here.iter().rev().zip(there.iter().rev()).take_while(|(a, b)| a == b);
    at - alike.count()
}

/// Updates the three offsets for which zstd has a short code, the newest first.
fn remember(recent: &mut [usize; 3], offset: usize) {
    let place = recent.iter().position(|known| *known == offset).unwrap_or(2);
    recent[..=place].rotate_right(1);
    recent[0] = offset;
}

/// The length of the common prefix of two slices, eight bytes a step.
#[inline]
fn common(one: &[u8], other: &[u8]) -> usize {
    let (one_words, _) = one.as_chunks::<8>();
    let (other_words, _) = other.as_chunks::<8>();
    for (index, (a, b)) in one_words.iter().zip(other_words).enumerate() {
        let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differ != 0 {
            return index * 8 + differ.trailing_zeros() as usize / 8;
        }
    }
    let done = one_words.len().min(other_words.len()) * 8;
    done + one[done..]
        .iter()
        .zip(&other[done..])
        .take_while(|(a, b)| a == b)
        .count()
}

/// A table's index. The multiplier is 2^64 divided by the golden ratio (Knuth, volume 3, section 6.4).
#[inline]
fn key(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let mix = |hash: u64, word: &[u8; 8]| {
        (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b1_85eb_ca87)
    };
    (words.iter().fold(0, mix) >> (64 - TABLE_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The page that a reader builds from literals and matches.
    fn rebuilt(page: &[u8], sequences: &[Sequence]) -> Vec<u8> {
        let mut built: Vec<u8> = Vec::new();
        for sequence in sequences {
            let (offset, literals, length) = sequence.parts();
            built.extend_from_slice(&page[built.len()..built.len() + literals]);
            assert!(offset <= built.len() && length >= SHORTEST);
            (0..length).for_each(|_| built.push(built[built.len() - offset]));
        }
        built.extend_from_slice(&page[built.len()..]);
        built
    }

    proptest! {
        #[test]
        fn literals_and_matches_rebuild_the_page(tokens in prop::collection::vec(prop_oneof![
            "[a-c]{0,3}".prop_map(String::into_bytes),
            Just(b"\"name\": \"a longer value that stands there again and again\", ".to_vec()),
            prop::collection::vec(any::<u8>(), 0..40),
            Just(vec![b'"'; 70]),
        ], 0..60)) {
            let page = tokens.concat();
            let mut matches = Matches::default();
            matches.find(&page[page.len() / 2..]);
            prop_assert_eq!(rebuilt(&page, matches.find(&page)), page);
        }
    }

    #[test]
    fn an_event_like_the_one_before_is_literals_only_where_it_differs() {
        let event =
            |id: u128| format!("{{\"event_id\": \"{id:032x}\", \"event_type\": \"page_view\", \"device\": \"ios\"}}");
        let page: String = (1u128..40)
            .map(|id| event(id.wrapping_mul(0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2_e1f1)))
            .collect();
        let mut matches = Matches::default();
        let literals: usize = matches
            .find(page.as_bytes())
            .iter()
            .map(|sequence| sequence.parts().1)
            .sum();
        assert!(literals < event(1).len() + 40 * 34, "{literals}");
    }
}
