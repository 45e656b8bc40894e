//! The last link of a walked chain.

use crate::record::hash::Hash;
use crate::record::position::{Epoch, FirstOffset, Height, NextOffset};

/// The last link that a walk accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// The epoch of the head.
    pub epoch: Epoch,
    /// The height of the head.
    pub height: Height,
    /// The end of its range.
    pub next_offset: NextOffset,
    /// Epoch and first offset of the next link: where the range ends or, after a closing link, where the next epoch begins.
    pub continues_at: (Epoch, FirstOffset),
    /// The SHA-256 of the head's object.
    pub link: Hash,
}
