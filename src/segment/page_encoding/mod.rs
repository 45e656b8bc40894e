//! What is written by hand for size and speed: how pages of values are encoded and compressed.

pub mod compressor;
pub mod levels;
pub mod matches;
pub mod row_group;
pub mod sequences;
pub mod value_column;
