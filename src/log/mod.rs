//! The signed format: the notes of an archive, the keys that sign them, and the object keys that they stand under.
//! Pure: bytes in, bytes out. Parquet is in [`crate::segment`].

pub mod checkpoint;
pub mod commit_metadata;
pub mod identity;
pub mod key_change;
pub mod keyring;
pub mod link;
pub mod note;
pub mod object_key;
pub mod proof;
pub mod signed_note;
