//! The error for a file that cannot be read.

use parquet::errors::ParquetError;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadFile(pub String);

impl From<ParquetError> for BadFile {
    fn from(error: ParquetError) -> BadFile {
        BadFile(error.to_string())
    }
}
