//! The rules between neighbouring links of a chain (FORMAT.md section 4; AR-2, CH-1).

use crate::log::link::{Broken, Link, SignedLink, demand};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height};

impl Link {
    /// Checks the rules of FORMAT.md section 4 between this link and `before`, the link below it; at height 0 there is none,
    /// and `genesis` is the genesis hash of the partition.
    ///
    /// # Errors
    /// [`Broken`] names the first broken rule.
    pub fn continues(&self, before: Option<&SignedLink>, genesis: &Hash) -> Result<(), Broken> {
        let Some(SignedLink { link: before, hash }) = before else {
            demand!(
                self.height == Height(0),
                "the first link does not have height 0: height={}",
                self.height
            );
            demand!(
                self.previous == *genesis,
                "previous is not the genesis of this partition in this archive"
            );
            demand!(
                self.epoch == Epoch(0),
                "the first link is not of epoch 0: epoch={}",
                self.epoch
            );
            demand!(self.first_offset.0 == 0, "the first link does not begin at offset 0");
            return Ok(());
        };
        demand!(
            self.height == before.height.next(),
            "height does not follow: height={}",
            self.height
        );
        demand!(self.previous == *hash, "previous is not the hash of the link before");
        demand!(self.archive_id == before.archive_id, "archive_id changed");
        demand!(
            self.topic_partition() == before.topic_partition(),
            "the partition changed"
        );
        demand!(
            self.checkpoint.number >= before.checkpoint.number,
            "checkpoint has a lower number than before"
        );
        if self.epoch == before.epoch {
            demand!(
                self.first_offset == before.next_offset.begins(),
                "the range does not begin at the end of the range before"
            );
            demand!(
                self.cluster_id == before.cluster_id,
                "cluster_id changed within an epoch"
            );
            demand!(
                before.topic_id.is_none() || self.topic_id == before.topic_id,
                "topic_id changed within an epoch"
            );
        } else {
            demand!(
                Some(self.epoch.0) == before.epoch.0.checked_add(1),
                "epoch does not follow: epoch={}",
                self.epoch
            );
            demand!(self.first_offset.0 == 0, "a new epoch does not begin at offset 0");
        }
        Ok(())
    }
}
