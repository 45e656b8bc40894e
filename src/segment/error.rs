//! The errors of encoding and decoding segments.

use std::io;

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

use crate::error::Kind;
use crate::segment::projection::rules::ProjectionError;

/// A segment could not be encoded. Any records can be encoded, so this is a bug.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The footer does not match the rows.
    #[error("the footer does not match the records in {0}")]
    Footer(&'static str),
    /// Offsets do not increase.
    #[error("the records are not in offset order after offset {0}")]
    Order(i64),
    /// The projection cannot be written.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// zstd failed.
    #[error("a page of the segment could not be compressed")]
    Compression(#[from] io::Error),
}

impl SegmentError {
    /// Always [`Kind::Internal`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Internal
    }
}

/// The bytes are not a segment of the format, or do not decode completely.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The Parquet reader failed.
    #[error("not readable as parquet: {0}")]
    Parquet(String),
    /// The structure of the file is not a segment's.
    #[error("not laid out as a segment: {0}")]
    Layout(String),
    /// The columns are not a segment's.
    #[error("not the columns of a segment: {0}")]
    Schema(String),
    /// The key-value metadata is not a segment's.
    #[error("not the footer of a segment: {0}")]
    Footer(String),
    /// A row is not a record.
    #[error("row {row} is not a record: {what}")]
    Row {
        /// The row's number, from 0.
        row: u64,
        /// What is wrong with the row.
        what: &'static str,
    },
    /// Decoding would take more memory or time than the object's size justifies.
    #[error("it decompresses to more than its size allows: {0}")]
    TooLarge(String),
}

impl Unreadable {
    /// Always [`Kind::Corrupt`].
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Corrupt
    }
}

impl From<ParquetError> for Unreadable {
    fn from(error: ParquetError) -> Unreadable {
        Unreadable::Parquet(error.to_string())
    }
}

impl From<ArrowError> for Unreadable {
    fn from(error: ArrowError) -> Unreadable {
        Unreadable::Parquet(error.to_string())
    }
}
