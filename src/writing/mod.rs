//! What all writers of an archive share: signing keys, the heads of chains, the log and its checkpoints, their mirrors and witnesses.

pub mod chain_links;
pub mod chain_log;
pub mod checkpoint_mirror;
pub mod checkpoints;
pub mod create;
pub mod entry_writer;
pub mod file_owner;
pub mod found_segments;
pub mod head;
pub mod init;
pub mod key_file;
pub mod key_source;
pub mod log_start;
pub mod mirrors;
pub mod next_key;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
#[cfg(feature = "pkcs11")]
mod pkcs11_session;
pub mod private_file;
pub mod signing;
pub mod trust;
pub mod witness_client;
pub mod witness_submitter;
pub mod witnesses;
pub mod writer_log;
