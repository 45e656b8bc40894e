//! What everything that writes to an archive shares: the keys, the head of each chain, checkpoints and their mirrors.

pub mod checkpoint_mirror;
pub mod checkpointer;
pub mod head;
pub mod init;
pub mod key_file;
pub mod mirrors;
pub mod writer_keys;
