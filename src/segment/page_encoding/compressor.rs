//! Packs a page with zstd: by the matches that suit records in JSON where they cover most of it, by zstd's own otherwise.
//! Any zstd reader unpacks both. A function of the page and the library's version alone. Never refuses a page.

use std::io;

use zstd::bulk::Compressor;

use crate::segment::page_encoding::matches::Matches;
use crate::segment::page_encoding::sequences::SequenceCoder;

/// Faster than the others, and smaller too: see `benches/NOTES.md`.
pub(crate) const LEVEL: i32 = 1;

/// Packs page after page; keeps its memory between them. States of zstd are made when they are first used: for a short page that
/// takes longer than packing it.
#[derive(Default)]
pub(crate) struct PageCompressor {
    matches: Matches,
    /// Nothing inside where the library cannot make one.
    coder: Option<Option<SequenceCoder>>,
    plain: Option<Compressor<'static>>,
}

impl PageCompressor {
    /// One frame that unpacks to the page.
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn pack(&mut self, page: &[u8]) -> io::Result<Vec<u8>> {
        let sequences = self.matches.find(page);
        let matched: usize = sequences.iter().map(|sequence| sequence.parts().2).sum();
        if matched > page.len() / 2
            && let Some(coder) = self.coder.get_or_insert_with(SequenceCoder::new)
            && let Some(frame) = coder.code(page, sequences)
        {
            return Ok(frame.to_vec());
        }
        let plain = match &mut self.plain {
            Some(plain) => plain,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        plain.compress(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::hash::Hash;
    use proptest::prelude::*;

    /// Events as a shop sends them: an id and a time that repeat nothing, one of a few types, much that repeats.
    fn events(count: usize) -> Vec<u8> {
        let event = |number: usize| {
            let id = Hash::of(&number.to_be_bytes()).to_string();
            let types = ["page_view", "product_view", "search", "add_to_cart"];
            let (kind, nanos) = (types[usize::from(id.as_bytes()[0]) % 4], &id.as_bytes()[40..49]);
            let nanos: String = nanos.iter().map(|digit| char::from(b'0' + digit % 10)).collect();
            format!(
                "{{\"event_id\": \"{}\", \"ts\": \"2025-11-19 14:31:{:02}.{nanos}\", \"event_type\": \"{kind}\", \
                 \"customer_id\": \"C{:05}\", \"device\": \"web_desktop\", \"utm_campaign\": \"none\", \"order_id\": null}}",
                &id[..32],
                number % 60,
                number / 12
            )
        };
        (0..count).map(event).collect::<String>().into_bytes()
    }

    #[test]
    fn pages_of_events_become_smaller_than_zstd_makes_them() {
        let page = events(3000);
        let packed = PageCompressor::default().pack(&page).unwrap();
        assert_eq!(zstd::bulk::decompress(&packed, page.len()).unwrap(), page);
        assert!(packed.len() < zstd::bulk::compress(&page, LEVEL).unwrap().len());
    }

    #[test]
    fn a_page_larger_than_the_window_unpacks_too() {
        let page = events(6_000);
        let packed = PageCompressor::default().pack(&page).unwrap();
        assert_eq!(zstd::bulk::decompress(&packed, page.len()).unwrap(), page);
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_page_unpacks_to_it(parts in prop::collection::vec((any::<u8>(), 0usize..300, 0usize..4), 0..40)) {
            let page: Vec<u8> = parts.iter().flat_map(|(byte, length, events_count)| {
                [vec![*byte; *length], events(*events_count)].concat()
            }).collect();
            let mut compressor = PageCompressor::default();
            for page in [&page[..], &page[page.len() / 3..]] {
                let packed = compressor.pack(page).unwrap();
                prop_assert_eq!(&zstd::bulk::decompress(&packed, page.len()).unwrap(), page);
            }
        }
    }
}
