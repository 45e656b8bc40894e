//! Makes a zstd frame from matches that were found elsewhere, through C functions that the safe wrapper does not have.
#![allow(unsafe_code, reason = "ZSTD_compressSequences has no safe wrapper")]

use std::ffi::c_int;
use std::ptr::NonNull;

use zstd::zstd_safe::compress_bound;
use zstd::zstd_safe::zstd_sys::{
    ZSTD_CCtx, ZSTD_CCtx_setParameter, ZSTD_Sequence, ZSTD_cParameter, ZSTD_compressSequences, ZSTD_createCCtx,
    ZSTD_freeCCtx, ZSTD_isError,
};

/// A match reaches no further back: zstd's window for a page.
pub(crate) const WINDOW_LOG: u32 = 20;

/// What the sequences of a page look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Matches of at least 4 bytes, up to [`WINDOW_LOG`] back.
    Far,
    /// Matches of at least 3 bytes with the value before.
    Near,
}

impl Reach {
    /// Tables for searching as small as possible, since zstd clears them for each page and searches nothing. A shortest match
    /// of 3 adds a table whose size follows the window; a window is never smaller than a block. zstd checks each match, and
    /// looks for short codes for offsets that were used before.
    fn parameters(self) -> [(ZSTD_cParameter, c_int); 7] {
        let (window_log, shortest) = match self {
            Reach::Far => (WINDOW_LOG as c_int, 4),
            Reach::Near => (17, 3),
        };
        [
            (ZSTD_cParameter::ZSTD_c_compressionLevel, 1),
            (ZSTD_cParameter::ZSTD_c_windowLog, window_log),
            (ZSTD_cParameter::ZSTD_c_hashLog, 6),
            (ZSTD_cParameter::ZSTD_c_chainLog, 6),
            (ZSTD_cParameter::ZSTD_c_minMatch, shortest),
            (VALIDATE_SEQUENCES, 1),
            (SEARCH_FOR_EXTERNAL_REPCODES, 1),
        ]
    }
}

// zstd.h defines these names as macros, which the bindings lack.
const VALIDATE_SEQUENCES: ZSTD_cParameter = ZSTD_cParameter::ZSTD_c_experimentalParam12;
const SEARCH_FOR_EXTERNAL_REPCODES: ZSTD_cParameter = ZSTD_cParameter::ZSTD_c_experimentalParam19;

/// A match: `literals` bytes of the page, then `length` bytes that repeat those `offset` bytes before.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Sequence(ZSTD_Sequence);

impl Sequence {
    /// The numbers are below 2³², since they stay within one page.
    pub(crate) fn new(offset: usize, literals: usize, length: usize) -> Sequence {
        Sequence(ZSTD_Sequence {
            offset: offset as u32,
            litLength: literals as u32,
            matchLength: length as u32,
            // zstd calculates it.
            rep: 0,
        })
    }

    /// Offset, literals, length.
    pub(crate) fn parts(&self) -> (usize, usize, usize) {
        (
            self.0.offset as usize,
            self.0.litLength as usize,
            self.0.matchLength as usize,
        )
    }
}

/// A context of zstd, used for one page after the other.
#[derive(Debug)]
pub(crate) struct SequenceCoder {
    context: NonNull<ZSTD_CCtx>,
    frame: Vec<u8>,
}

// SAFETY: a context is memory without ties to a thread; zstd.h demands only that two threads do not use it at once.
unsafe impl Send for SequenceCoder {}

impl SequenceCoder {
    /// `None` without memory, or if the library does not know a parameter.
    pub(crate) fn new(reach: Reach) -> Option<SequenceCoder> {
        // SAFETY: takes no arguments; null is handled.
        let context = NonNull::new(unsafe { ZSTD_createCCtx() })?;
        let coder = SequenceCoder {
            context,
            frame: Vec::new(),
        };
        let is_set = |(parameter, value): (ZSTD_cParameter, c_int)| {
            // SAFETY: the context is alive; an unknown parameter results in an error.
            unsafe { ZSTD_isError(ZSTD_CCtx_setParameter(coder.context.as_ptr(), parameter, value)) == 0 }
        };
        reach.parameters().into_iter().all(is_set).then_some(coder)
    }

    /// One frame that unpacks to `source`; `None` if a sequence does not describe it.
    pub(crate) fn code(&mut self, source: &[u8], sequences: &[Sequence]) -> Option<&[u8]> {
        let covered = |sum: usize, sequence: &Sequence| sum + sequence.parts().1 + sequence.parts().2;
        if sequences.iter().fold(0, covered) > source.len() {
            return None;
        }
        let capacity = compress_bound(source.len());
        if self.frame.len() < capacity {
            self.frame.resize(capacity, 0);
        }
        // SAFETY: the context is alive and not shared, and the slices are as long as given. A `Sequence` has the layout of
        // a `ZSTD_Sequence`. zstd checks each sequence against the bytes before it; that all of them stay within the
        // source is checked above.
        let length = unsafe {
            ZSTD_compressSequences(
                self.context.as_ptr(),
                self.frame.as_mut_ptr().cast(),
                self.frame.len(),
                sequences.as_ptr().cast::<ZSTD_Sequence>(),
                sequences.len(),
                source.as_ptr().cast(),
                source.len(),
            )
        };
        // SAFETY: calculates with a number.
        let is_error = unsafe { ZSTD_isError(length) != 0 };
        if is_error { None } else { self.frame.get(..length) }
    }
}

impl Drop for SequenceCoder {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed once.
        unsafe { ZSTD_freeCCtx(self.context.as_ptr()) };
    }
}
