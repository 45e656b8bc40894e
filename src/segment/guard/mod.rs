//! Reading a stranger's Parquet safely: what a file says of itself is checked before the Parquet library sees it.

pub mod layout;
pub mod page_readers;
pub mod pages;
pub mod statistics;
pub mod thrift;
pub mod unpack;
