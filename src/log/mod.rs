//! The signed format: links, the log of entries and its checkpoints, changes, keys, proofs, and object keys. Pure; Parquet is in
//! [`crate::segment`].

pub mod change;
pub mod checkpoint;
pub mod commit_metadata;
pub mod drill;
pub mod entry;
pub mod head;
pub mod history;
mod history_checkpoints;
pub mod identity;
pub mod keyring;
pub mod limits;
pub mod link;
pub mod link_chain;
pub mod link_rules;
pub mod note;
pub mod object_key;
pub mod proof;
pub mod proposal;
pub mod rejected;
pub mod seal;
pub mod signed_note;
pub mod signed_report;
pub mod signer;
pub mod witness;
