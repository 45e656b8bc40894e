//! The end of a verified chain.

use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height, NextOffset};

/// The head that a walk ended at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainHead {
    /// Its epoch.
    pub epoch: Epoch,
    /// Its height.
    pub height: Height,
    /// Where the archive ends.
    pub next_offset: NextOffset,
    /// The hash of its object.
    pub link: Hash,
}
