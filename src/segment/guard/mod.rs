//! Safe reading of untrusted Parquet: the structure of a file is checked before the Parquet library reads it.

pub mod layout;
pub mod page_readers;
pub mod pages;
pub mod statistics;
pub mod thrift;
pub mod unpack;
