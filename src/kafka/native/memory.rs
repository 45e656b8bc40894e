//! Reads strings and byte ranges that librdkafka points to.
#![allow(unsafe_code, reason = "reads memory of librdkafka")]

use std::ffi::{CStr, c_char};

/// A copy of a C string; empty for null. Bytes that are not UTF-8 are replaced.
///
/// # Safety
/// `text` is null or points to a C string that lives during the call.
pub(in crate::kafka) unsafe fn text_of(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, so a C string, as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The bytes at a pointer; `None` for null.
///
/// # Safety
/// `bytes` is null or points to `size` bytes that live for 'a and do not change.
#[inline]
pub(super) unsafe fn bytes_of<'a>(bytes: *const u8, size: usize) -> Option<&'a [u8]> {
    // SAFETY: not null, so `size` bytes, as the caller promises.
    (!bytes.is_null()).then(|| unsafe { std::slice::from_raw_parts(bytes, size) })
}
