//! Unpacks the pages of one segment with zstd, all in one state: to make a state for each column, as the Parquet library does,
//! takes longer than to unpack a short page. Never asks for more memory than it is told that a page has.

use std::fmt;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use parquet::errors::ParquetError;
use zstd::stream::read::Decoder;
use zstd::zstd_safe::{DCtx, ResetDirective};

use crate::segment::error::Unreadable;

/// zstd's state. Clones share it, one page at a time.
#[derive(Clone)]
pub(crate) struct Unpacker(Arc<Mutex<DCtx<'static>>>);

impl Unpacker {
    /// # Errors
    /// No memory.
    pub(crate) fn new() -> Result<Unpacker, Unreadable> {
        let state = DCtx::try_create().ok_or_else(|| Unreadable::TooLarge("no memory is left".to_owned()))?;
        Ok(Unpacker(Arc::new(Mutex::new(state))))
    }

    /// Lends what is packed to `read`, which unpacks as much of it as it reads.
    pub(crate) fn stream<T>(
        &self,
        packed: &[u8],
        read: impl FnOnce(&mut dyn Read) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        let mut state = self.state();
        // The page before may have been left in its middle.
        state
            .reset(ResetDirective::SessionOnly)
            .map_err(|_| Unreadable::Layout("a page does not unpack".to_owned()))?;
        read(&mut Decoder::with_context(packed, &mut state))
    }

    /// The page with its first `plain` bytes as they stand and the rest unpacked, if that makes `length` bytes.
    pub(crate) fn page(&self, page: &[u8], plain: usize, length: usize) -> Result<Vec<u8>, ParquetError> {
        let other_length = || ParquetError::General("a page unpacks to another length than it says".to_owned());
        let (plain, packed) = page.split_at_checked(plain).ok_or_else(other_length)?;
        let mut unpacked = Vec::with_capacity(length);
        unpacked.extend_from_slice(plain);
        // A page whose values are all null may have nothing packed.
        if length > plain.len() {
            let mut rest = Cursor::new(&mut unpacked);
            rest.set_position(plain.len() as u64);
            self.state()
                .decompress(&mut rest, packed)
                .map_err(|_| ParquetError::General("a page does not unpack".to_owned()))?;
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
    fn a_page_after_one_that_was_left_in_its_middle_unpacks_whole() {
        let (first, second) = (vec![1; 300_000], b"levels and what stands behind them".repeat(20));
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
    fn a_page_of_another_length_than_it_says_does_not_unpack() {
        let packed = zstd::bulk::compress(&[7; 100], 1).unwrap();
        let unpacker = Unpacker::new().unwrap();
        assert!(unpacker.page(&packed, 0, 99).is_err());
        assert!(unpacker.page(&packed, 0, 101).is_err());
        assert!(unpacker.page(&packed, packed.len() + 1, 200).is_err());
        assert_eq!(unpacker.page(&packed, 0, 100).unwrap(), [7; 100]);
    }
}
