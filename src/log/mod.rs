//! The signed format: links, checkpoints, key changes, the keys that sign them, and object keys. Pure; Parquet is in
//! [`crate::segment`].

pub mod checkpoint;
pub mod commit_metadata;
pub mod identity;
pub mod key_change;
pub mod keyring;
pub mod link;
pub mod link_chain;
pub mod note;
pub mod object_key;
pub mod proof;
pub mod signed_note;
