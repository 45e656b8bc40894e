//! The C call that makes a zstd frame from matches found elsewhere: part of the library that is linked, not of its safe
//! wrapper. The only `unsafe` of the pure layers. Never searches for a match itself.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

// The C library is linked by the safe wrapper.
use zstd as _;

/// A match never reaches further back: zstd's window for a page.
pub(crate) const WINDOW_LOG: u32 = 20;

/// `literals` bytes as they stand, then `length` bytes as they stood `offset` bytes before. Laid out as zstd.h has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Sequence {
    offset: u32,
    literals: u32,
    length: u32,
    /// Made by zstd itself.
    recent: u32,
}

impl Sequence {
    /// Numbers fit: they stay within one page.
    pub(crate) fn new(offset: usize, literals: usize, length: usize) -> Sequence {
        Sequence {
            offset: offset as u32,
            literals: literals as u32,
            length: length as u32,
            recent: 0,
        }
    }

    /// Offset, literals, length.
    pub(crate) fn parts(&self) -> (usize, usize, usize) {
        (self.offset as usize, self.literals as usize, self.length as usize)
    }
}

#[repr(C)]
struct Context {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn ZSTD_createCCtx() -> *mut Context;
    fn ZSTD_freeCCtx(context: *mut Context) -> usize;
    fn ZSTD_CCtx_setParameter(context: *mut Context, parameter: c_int, value: c_int) -> usize;
    fn ZSTD_compressSequences(
        context: *mut Context,
        into: *mut c_void,
        capacity: usize,
        sequences: *const Sequence,
        count: usize,
        source: *const c_void,
        length: usize,
    ) -> usize;
    fn ZSTD_compressBound(length: usize) -> usize;
    fn ZSTD_isError(code: usize) -> u32;
}

/// zstd.h's numbers: level; window; tables for searching as small as can be, for they are cleared each time and not used;
/// shortest match (3 would bring a table of its own); "check the matches that are given"; "short codes for recent offsets".
const PARAMETERS: [(c_int, c_int); 7] = [
    (100, 1),
    (101, WINDOW_LOG as c_int),
    (102, 6),
    (103, 6),
    (105, 4),
    (1009, 1),
    (1016, 1),
];

/// zstd's state, used for one page after the other.
#[derive(Debug)]
pub(crate) struct SequenceCoder {
    context: NonNull<Context>,
    frame: Vec<u8>,
}

// SAFETY: a context is memory without ties to a thread; zstd.h asks only that two threads do not use it at once.
unsafe impl Send for SequenceCoder {}

impl SequenceCoder {
    /// Nothing where there is no memory, or the library does not know a parameter.
    pub(crate) fn new() -> Option<SequenceCoder> {
        // SAFETY: no arguments; null is handled.
        let context = NonNull::new(unsafe { ZSTD_createCCtx() })?;
        let coder = SequenceCoder {
            context,
            frame: Vec::new(),
        };
        let set = |(parameter, value): &(c_int, c_int)| {
            // SAFETY: the context is alive; unknown parameters are answered with an error.
            unsafe { ZSTD_isError(ZSTD_CCtx_setParameter(coder.context.as_ptr(), *parameter, *value)) == 0 }
        };
        PARAMETERS.iter().all(set).then_some(coder)
    }

    /// One frame that unpacks to `source`; nothing where a sequence is not true of it or reaches out of it.
    pub(crate) fn code(&mut self, source: &[u8], sequences: &[Sequence]) -> Option<&[u8]> {
        let covered = |sum: usize, sequence: &Sequence| sum + sequence.parts().1 + sequence.parts().2;
        if sequences.iter().fold(0, covered) > source.len() {
            return None;
        }
        // SAFETY: a pure computation.
        let capacity = unsafe { ZSTD_compressBound(source.len()) };
        if self.frame.len() < capacity {
            self.frame.resize(capacity, 0);
        }
        // SAFETY: the context is alive and ours alone; both slices are as long as said; sequences are checked by zstd,
        // offsets against what stands before them, and their sum above.
        let length = unsafe {
            ZSTD_compressSequences(
                self.context.as_ptr(),
                self.frame.as_mut_ptr().cast(),
                self.frame.len(),
                sequences.as_ptr(),
                sequences.len(),
                source.as_ptr().cast(),
                source.len(),
            )
        };
        // SAFETY: a pure computation.
        let refused = unsafe { ZSTD_isError(length) != 0 };
        if refused { None } else { self.frame.get(..length) }
    }
}

impl Drop for SequenceCoder {
    fn drop(&mut self) {
        // SAFETY: made by us, freed once.
        unsafe { ZSTD_freeCCtx(self.context.as_ptr()) };
    }
}
