//! Our own encoding and compression of the pages of values, for size and speed: see `benches/NOTES.md`.

pub mod compressor;
pub mod levels;
pub mod matches;
pub mod row_group;
pub mod sequences;
pub mod value_column;
