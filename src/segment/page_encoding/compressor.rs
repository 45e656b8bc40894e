//! Compresses a page with zstd: with the matches of [`crate::segment::page_encoding::matches`] if they cover most of it, with
//! those of [`crate::segment::page_encoding::strides`] if that is smaller, with zstd's own search otherwise. Every zstd reader reads both. The result must depend only on the page and the version of the
//! library: a segment that is made again must have the same bytes.

use std::io;

use zstd::bulk::Compressor;

use crate::segment::page_encoding::matches::Matches;
use crate::segment::page_encoding::sequences::{Reach, Sequence, SequenceCoder};
use crate::segment::page_encoding::strides;

/// Faster than higher levels, and with our matches also smaller: see `benches/NOTES.md`.
pub(crate) const LEVEL: i32 = 1;

/// Compresses one page after the other, and keeps its memory between them. The contexts of zstd are created at their first use,
/// since that takes longer than compressing a short page.
#[derive(Default)]
pub(crate) struct PageCompressor {
    matches: Matches,
    strides: Vec<Sequence>,
    /// `Some(None)` if the library cannot create one.
    far: Option<Option<SequenceCoder>>,
    near: Option<Option<SequenceCoder>>,
    plain: Option<Compressor<'static>>,
}

impl PageCompressor {
    /// One zstd frame with a page of any bytes.
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn pack_any(&mut self, page: &[u8]) -> io::Result<Vec<u8>> {
        let plain = match &mut self.plain {
            Some(plain) => plain,
            none => none.insert(Compressor::new(LEVEL)?),
        };
        plain.compress(page)
    }

    /// One zstd frame with a page of values that have `stride` bytes each.
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn pack_strided(&mut self, page: &[u8], stride: usize) -> io::Result<Vec<u8>> {
        let any = self.pack_any(page)?;
        strides::find(page, stride, &mut self.strides);
        if let Some(coder) = self.near.get_or_insert_with(|| SequenceCoder::new(Reach::Near))
            && let Some(frame) = coder.code(page, &self.strides)
            && frame.len() < any.len()
        {
            return Ok(frame.to_vec());
        }
        Ok(any)
    }

    /// One zstd frame with a page of text, which repeats what stands between quotation marks.
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn pack_text(&mut self, page: &[u8]) -> io::Result<Vec<u8>> {
        let sequences = self.matches.find(page);
        let matched: usize = sequences.iter().map(|sequence| sequence.parts().2).sum();
        if matched > page.len() / 2
            && let Some(coder) = self.far.get_or_insert_with(|| SequenceCoder::new(Reach::Far))
            && let Some(frame) = coder.code(page, sequences)
        {
            return Ok(frame.to_vec());
        }
        self.pack_any(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::hash::Hash;
    use proptest::prelude::*;

    /// Events like those of a shop: an id and a time that are unique, one of a few types, and much that repeats.
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
        let packed = PageCompressor::default().pack_text(&page).unwrap();
        assert_eq!(zstd::bulk::decompress(&packed, page.len()).unwrap(), page);
        assert!(packed.len() < zstd::bulk::compress(&page, LEVEL).unwrap().len());
    }

    #[test]
    fn a_page_larger_than_the_window_unpacks_too() {
        let page = events(6_000);
        let packed = PageCompressor::default().pack_text(&page).unwrap();
        assert_eq!(zstd::bulk::decompress(&packed, page.len()).unwrap(), page);
    }

    #[test]
    fn ids_of_equal_length_become_smaller_than_zstd_makes_them() {
        let ids = (0..2000).map(|number: u32| Hash::of(&number.to_be_bytes()).to_string());
        let page: Vec<u8> = ids
            .flat_map(|id| [&[32, 0, 0, 0], &id.as_bytes()[..32]].concat())
            .collect();
        let packed = PageCompressor::default().pack_strided(&page, 36).unwrap();
        assert_eq!(zstd::bulk::decompress(&packed, page.len()).unwrap(), page);
        let searched = zstd::bulk::compress(&page, LEVEL).unwrap();
        assert!(
            packed.len() + 500 < searched.len(),
            "{} {}",
            packed.len(),
            searched.len()
        );
    }

    proptest! {
        #[test]
        fn any_page_unpacks_to_itself(parts in prop::collection::vec((any::<u8>(), 0usize..300, 0usize..4), 0..40)) {
            let page: Vec<u8> = parts.iter().flat_map(|(byte, length, events_count)| {
                [vec![*byte; *length], events(*events_count)].concat()
            }).collect();
            let mut compressor = PageCompressor::default();
            for page in [&page[..], &page[page.len() / 3..]] {
                let strided = compressor.pack_strided(page, 8).unwrap();
                for packed in [compressor.pack_text(page).unwrap(), strided] {
                    prop_assert_eq!(&zstd::bulk::decompress(&packed, page.len()).unwrap(), page);
                }
            }
        }
    }
}
