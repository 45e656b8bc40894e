//! What all writers of an archive share: signing keys, the heads of chains, checkpoints and their mirrors.

pub mod checkpoint_mirror;
pub mod checkpointer;
pub mod checkpoints;
pub mod create;
pub mod head;
pub mod init;
pub mod key_file;
pub mod mirrors;
pub mod trust;
pub mod writer_keys;
