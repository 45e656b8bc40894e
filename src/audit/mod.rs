//! The comparison of Parquet that another sink wrote with the records of Kafka and of the archive. Pure: files, rows and
//! records come in; findings, a verdict and a report go out.
//!
//! The files are untrusted: a file that cannot be read is a finding, and what a file announces allocates nothing.

pub mod bad_file;
mod cells;
pub mod codes;
pub mod columns;
#[cfg(test)]
mod columns_tests;
pub mod file_bounds;
pub mod foreign_file;
pub mod name_pattern;
pub mod offsets;
pub mod partition_found;
pub mod report;
pub mod row;
pub mod rows_only;
pub mod tally;
#[cfg(test)]
mod tally_tests;
pub mod text;
