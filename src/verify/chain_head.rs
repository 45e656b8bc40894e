//! The last link of a walked chain.

use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height, NextOffset};

/// The last link that a walk accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// The epoch of the head.
    pub epoch: Epoch,
    /// The height of the head.
    pub height: Height,
    /// The offset up to which the partition is archived.
    pub next_offset: NextOffset,
    /// The SHA-256 of the head's object.
    pub link: Hash,
}
