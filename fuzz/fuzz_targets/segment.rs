//! Fuzzes the reader of segments: footer, pages, rows and typed columns. A panic of the Parquet library that the reader
//! turns into an error is not a failure; a panic that leaves the reader is.

#![no_main]

use kivend_fuzz::readers::SEGMENT;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    // libFuzzer's panic hook ends the process even if the panic is caught. Without it, only an uncaught panic does.
    init: std::panic::set_hook(Box::new(|_| ())),
    |bytes: &[u8]| (SEGMENT.1)(bytes)
);
