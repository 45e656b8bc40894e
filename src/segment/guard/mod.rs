//! Safe reading of untrusted Parquet: only the form that writers of segments use is read (FORMAT.md section 7), and nothing is
//! allocated by what a file announces.

pub mod body;
pub mod footer;
pub mod layout;
pub mod page_readers;
pub mod pages;
pub mod statistics;
pub mod thrift;
pub mod unpack;
