//! Fuzzes the readers of text: links, key changes, checkpoints, identities, proofs, commit metadata, projections and
//! keys. The first byte selects the reader.

#![no_main]

use kivend_fuzz::readers::TEXTS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let (_, read) = TEXTS[usize::from(*which) % TEXTS.len()];
    read(bytes);
});
