//! What can go wrong between records and Parquet: our own mistake on the way there, anybody's on the way back.

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

use crate::error::Kind;
use crate::segment::projection::rules::ProjectionError;

/// A segment could not be made. It is our own mistake: records cannot be wrong.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The footer is not that of these rows.
    #[error("the footer does not fit the records, field={0}")]
    Footer(&'static str),
    /// Offsets do not rise.
    #[error("the records are not in offset order, after={0}")]
    Order(i64),
    /// The projection has no text.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// Arrow refused the columns.
    #[error("the records could not be laid out as columns")]
    Columns(#[from] ArrowError),
    /// The writer failed.
    #[error("the segment could not be written as parquet")]
    Parquet(#[from] ParquetError),
}

impl SegmentError {
    /// Always ours.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Internal
    }
}

/// The bytes are not a segment of the format, or could not be read to their end.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The Parquet reader gave up.
    #[error("not readable as parquet: {0}")]
    Parquet(String),
    /// Something in the file that a segment does not have.
    #[error("not laid out as a segment: {0}")]
    Layout(String),
    /// Columns other than a segment's.
    #[error("not the columns of a segment: {0}")]
    Schema(String),
    /// The key-value metadata is not a segment's.
    #[error("not the footer of a segment: {0}")]
    Footer(String),
    /// A row that is no record.
    #[error("a row is no record: {what}, row={row}")]
    Row {
        /// Counted from 0.
        row: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Reading on would take more memory or time than the object's size justifies.
    #[error("it unpacks to more than its size allows: {0}")]
    TooLarge(String),
}

impl Unreadable {
    /// Stored bytes are not what they must be.
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
