//! Decompresses the pages of a segment with one zstd context: creating a context for each column, as the Parquet library
//! does, takes longer than decompressing a short page.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use parquet::errors::ParquetError;
use zstd::zstd_safe::{DCtx, find_frame_compressed_size, get_frame_content_size};

use crate::segment::error::Unreadable;

const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// What a byte of zstd can become: a block has four bytes or more, and unpacks to 128 KiB or less.
const EXPANSION_MAX: usize = (128 << 10) / 4;

/// Whether the bytes are exactly one zstd frame, no skippable one, that announces `length` bytes, which are not 0, without a
/// dictionary or a checksum.
pub(crate) fn is_one_frame(packed: &[u8], length: u32) -> bool {
    (1..=packed.len().saturating_mul(EXPANSION_MAX)).contains(&(length as usize))
        && packed.starts_with(&FRAME)
        && packed
            .get(FRAME.len())
            .is_some_and(|descriptor| descriptor & 0b1111 == 0)
        && find_frame_compressed_size(packed) == Ok(packed.len())
        && matches!(get_frame_content_size(packed), Ok(Some(bytes)) if bytes == u64::from(length))
}

/// A zstd decompression context. Clones share it; it decompresses one page at a time.
#[derive(Clone)]
pub(crate) struct Unpacker(Arc<Mutex<DCtx<'static>>>);

impl Unpacker {
    /// Allocates the context.
    ///
    /// # Errors
    /// Out of memory.
    pub(crate) fn new() -> Result<Unpacker, Unreadable> {
        let context = DCtx::try_create().ok_or_else(|| Unreadable::TooLarge("no memory is left".to_owned()))?;
        Ok(Unpacker(Arc::new(Mutex::new(context))))
    }

    /// The page, which must have `length` bytes.
    pub(crate) fn page(&self, packed: &[u8], length: u32) -> Result<Vec<u8>, ParquetError> {
        let length = length as usize;
        let mut unpacked = Vec::with_capacity(length);
        let mut context = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match context.decompress(&mut unpacked, packed) {
            Ok(_) if unpacked.len() == length => Ok(unpacked),
            _ => Err(ParquetError::General(
                "a page does not decompress to its length".to_owned(),
            )),
        }
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
    fn a_page_of_another_length_than_stated_is_refused() {
        let packed = zstd::bulk::compress(&[7; 100], 1).unwrap();
        let unpacker = Unpacker::new().unwrap();
        assert!(unpacker.page(&packed, 99).is_err());
        assert!(unpacker.page(&packed, 101).is_err());
        assert_eq!(unpacker.page(&packed, 100).unwrap(), [7; 100]);
    }

    #[test]
    fn only_one_frame_with_its_length_is_a_page() {
        let packed = zstd::bulk::compress(&[7; 100], 1).unwrap();
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9];
        let mut without_length = zstd::bulk::Compressor::new(1).unwrap();
        without_length.include_contentsize(false).unwrap();
        let without_length = without_length.compress(&[7; 100]).unwrap();
        assert!(is_one_frame(&packed, 100) && !is_one_frame(&packed, 101));
        for other in [
            [&packed[..], &packed].concat(),
            [&packed[..], &skippable].concat(),
            [&skippable[..], &packed].concat(),
            skippable.to_vec(),
            packed[..packed.len() - 1].to_vec(),
            without_length,
            Vec::new(),
        ] {
            assert!(!is_one_frame(&other, 100) && !is_one_frame(&other, 0), "{other:?}");
        }
    }
}
