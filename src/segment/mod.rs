//! Segments: records as Parquet (FORMAT.md section 7). Pure. The signed format is in [`crate::log`].

pub mod bounds;
pub mod check;
mod columns;
pub mod decode;
pub mod encode;
pub mod error;
pub mod footer;
pub(crate) mod guard;
mod page_encoding;
pub mod projection;
pub mod rows;
mod schema;

#[cfg(test)]
mod forged_tests;
#[cfg(test)]
mod forgery;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod round_trip_tests;
