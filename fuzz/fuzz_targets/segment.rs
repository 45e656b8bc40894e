//! Parquet: the footer, the pages, the rows and the typed columns of a segment. A panic of the Parquet library that becomes an
//! error is none; one that leaves the reader is.

#![no_main]

use kivend_fuzz::readers::SEGMENT;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    // libFuzzer's hook would end the process on a panic that is caught; one that is not still ends it.
    init: std::panic::set_hook(Box::new(|_| ())),
    |bytes: &[u8]| (SEGMENT.1)(bytes)
);
