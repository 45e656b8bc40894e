//! One entry of `archive.projection`.

use crate::json::column_type::ColumnType;

/// One typed column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectionRule {
    /// The column's name.
    pub column: String,
    /// A JSON pointer (RFC 6901) into the value.
    pub path: String,
    /// The column's type.
    pub column_type: ColumnType,
}
