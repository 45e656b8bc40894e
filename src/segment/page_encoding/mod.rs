//! Our own writer of Parquet files: every byte of a segment follows from FORMAT.md, whatever the Parquet library writes in
//! later versions, and pages are smaller: see `benches/NOTES.md`.

pub mod column;
pub mod compressor;
pub mod description;
pub mod dictionary;
pub mod differences;
pub mod file;
pub mod levels;
pub mod matches;
pub mod row_group;
pub mod sequences;
pub mod strides;
pub mod thrift;
pub mod values;
pub mod varint;
