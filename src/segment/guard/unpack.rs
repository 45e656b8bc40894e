//! Decompresses the pages of a segment with one zstd context: creating a context for each column, as the Parquet library
//! does, takes longer than decompressing a short page. Memory is bounded by the checked length of a page.

use std::fmt;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parquet::errors::ParquetError;
use zstd::stream::read::Decoder;
use zstd::zstd_safe::{DCtx, ResetDirective};

use crate::segment::error::Unreadable;

/// A zstd decompression context. Clones share it; it decompresses one page at a time.
#[derive(Clone)]
pub(crate) struct Unpacker(Arc<Mutex<DCtx<'static>>>);

impl Unpacker {
    /// Allocates the context.
    ///
    /// # Errors
    /// Out of memory.
    pub(crate) fn new() -> Result<Unpacker, Unreadable> {
        let state = DCtx::try_create().ok_or_else(|| Unreadable::TooLarge("no memory is left".to_owned()))?;
        Ok(Unpacker(Arc::new(Mutex::new(state))))
    }

    /// Calls `read` with the decompressed stream of `packed`, which is decompressed only as far as it is read.
    pub(crate) fn stream<T>(
        &self,
        packed: &[u8],
        read: impl FnOnce(&mut dyn Read) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        let mut state = self.state();
        // The page before may have been read only in part.
        state
            .reset(ResetDirective::SessionOnly)
            .map_err(|_| Unreadable::Layout("a page does not decompress".to_owned()))?;
        read(&mut Decoder::with_context(packed, &mut state))
    }

    /// The page with its first `plain` bytes unchanged and the rest decompressed; the result must have `length` bytes.
    pub(crate) fn page(&self, page: &[u8], plain: usize, length: usize) -> Result<Vec<u8>, ParquetError> {
        let other_length =
            || ParquetError::General("a page decompresses to another length than its header says".to_owned());
        let (plain, packed) = page.split_at_checked(plain).ok_or_else(other_length)?;
        let mut unpacked = Vec::with_capacity(length);
        unpacked.extend_from_slice(plain);
        // A page whose values are all null may have no compressed bytes.
        if length > plain.len() {
            let mut rest = Cursor::new(&mut unpacked);
            rest.set_position(plain.len() as u64);
            self.state()
                .decompress(&mut rest, packed)
                .map_err(|_| ParquetError::General("a page does not decompress".to_owned()))?;
        }
        if unpacked.len() == length {
            Ok(unpacked)
        } else {
            Err(other_length())
        }
    }

    fn state(&self) -> MutexGuard<'_, DCtx<'static>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unpacker")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_after_a_partly_read_one_is_decompressed_completely() {
        let (first, second) = (vec![1; 300_000], b"levels and the values after them..".repeat(20));
        let packed = zstd::bulk::compress(&first, 1).unwrap();
        let unpacker = Unpacker::new().unwrap();
        let head = unpacker.stream(&packed, |unpacked| {
            let mut head = [0; 10];
            unpacked.read_exact(&mut head).unwrap();
            Ok(head)
        });
        assert_eq!(head.unwrap(), [1; 10]);
        let page = [&second[..6], &zstd::bulk::compress(&second[6..], 1).unwrap()].concat();
        assert_eq!(unpacker.page(&page, 6, second.len()).unwrap(), second);
    }

    #[test]
    fn a_page_of_another_length_than_stated_is_refused() {
        let packed = zstd::bulk::compress(&[7; 100], 1).unwrap();
        let unpacker = Unpacker::new().unwrap();
        assert!(unpacker.page(&packed, 0, 99).is_err());
        assert!(unpacker.page(&packed, 0, 101).is_err());
        assert!(unpacker.page(&packed, packed.len() + 1, 200).is_err());
        assert_eq!(unpacker.page(&packed, 0, 100).unwrap(), [7; 100]);
    }
}
