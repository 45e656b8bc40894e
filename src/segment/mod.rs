//! What stands in the bucket: segments, links, checkpoints, the identity, and the keys they stand under. Pure: bytes in,
//! bytes out.

pub mod cell;
pub mod check;
pub mod checkpoint;
mod columns;
pub mod commit;
pub mod decode;
pub mod encode;
pub mod error;
pub mod footer;
pub mod identity;
pub mod key;
pub mod key_change;
pub mod keyring;
mod layout;
mod levels;
pub mod link;
mod matches;
mod members;
mod micros;
pub mod note;
mod page_readers;
mod pages;
pub mod projection;
pub mod proof;
mod row_group;
pub mod rows;
mod schema;
mod sequences;
mod squeeze;
mod statistics;
mod thrift;
mod typed;
mod unpack;
mod value_column;

#[cfg(test)]
mod cell_tests;
#[cfg(test)]
mod forged_tests;
#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod round_trip_tests;
