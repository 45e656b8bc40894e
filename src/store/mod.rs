//! The archive's objects on S3, in a directory, or in memory for tests.
//!
//! Exactly-once rests on one primitive, "create this key unless it exists", and on object keys that depend on positions
//! alone. So the trait has no overwrite, no rename and no delete: an object never changes (ST-1).

mod contract;
pub mod counting;
pub mod directory;
pub mod error;
pub mod faulty;
pub mod key;
pub mod memory;
mod open;
pub mod pages;
pub mod probe;
pub mod removal;
pub mod retry;
pub mod s3;

pub use contract::{Creation, Digest, Entry, OBJECT_MAX_BYTES, Store, Tail, Version, VersionKind};
pub use error::StoreError;
pub use open::{open, open_removal};
