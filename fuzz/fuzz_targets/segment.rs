//! Parquet: the footer, the pages, the rows and the typed columns of a segment.

#![no_main]

use kivend_fuzz::readers::SEGMENT;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| (SEGMENT.1)(bytes));
