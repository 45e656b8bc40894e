//! Objects in a bucket of any S3-compatible server.
//!
//! A create is one PUT with `If-None-Match: *` and the object's SHA-256, which serves the checksum header and the
//! signature alike, so that bytes are hashed once however large. Never multipart (its parts and its final answer know
//! no condition on every server), never an overwrite, never a delete.

mod body;
mod bucket;
mod client;
mod failure;
pub mod inspect;
mod listing;
mod lock;
mod requests;

pub use bucket::S3Store;

#[cfg(test)]
mod tests;
