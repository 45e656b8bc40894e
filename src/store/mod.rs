//! Where the archive's objects stand: create-only, on S3, in a directory, or in memory for tests.
//!
//! Why create-only: the whole archive rests on one primitive, "create this key unless it exists", and on keys that
//! depend on positions alone. So there is no put, no rename, no delete: an object, once created, never changes (ST-1).
//! This layer never looks into an object, never decides when to write, and never deletes.

mod contract;
pub mod directory;
pub mod error;
pub mod faulty;
pub mod key;
pub mod memory;
mod open;
pub mod pages;
pub mod probe;
pub mod retry;
pub mod s3;

pub use contract::{Creation, Entry, OBJECT_MAX_BYTES, Store, Version, VersionKind};
pub use error::StoreError;
pub use open::open;
