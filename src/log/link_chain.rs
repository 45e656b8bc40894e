//! The rules between neighbouring links of a chain (FORMAT.md section 6; AR-2, CH-1).

use crate::log::link::{Broken, Link, SealReason, SignedLink, demand};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height};

impl Link {
    /// Checks the rules of FORMAT.md section 6 between this link and `before`, the link below it; at height 0 there is none,
    /// and `genesis` is the genesis hash of the partition.
    ///
    /// # Errors
    /// [`Broken`] names the first broken rule.
    pub fn continues(&self, before: Option<&SignedLink>, genesis: &Hash) -> Result<(), Broken> {
        let Some(SignedLink { link: before, hash, .. }) = before else {
            demand!(
                self.height == Height(0),
                "the first link does not have height 0 but {}",
                self.height
            );
            demand!(
                self.previous == *genesis,
                "previous is not the genesis of this partition in this archive"
            );
            demand!(
                self.epoch == Epoch(0),
                "the first link is not of epoch 0 but {}",
                self.epoch
            );
            demand!(self.first_offset.0 == 0, "the first link does not begin at offset 0");
            return Ok(());
        };
        demand!(
            self.height == before.height.next(),
            "height {} does not follow",
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
        demand!(
            self.place() == before.next_place(),
            "the range does not begin where the link before it says, but in epoch {} at offset {}",
            self.epoch,
            self.first_offset
        );
        self.continues_source(before)
    }

    /// Cluster, topic and leader epoch change only with the epoch.
    fn continues_source(&self, before: &Link) -> Result<(), Broken> {
        let both_known = self.topic_id.as_ref().zip(before.topic_id.as_ref());
        if before.seal_reason == SealReason::Recreated {
            demand!(
                both_known.is_none_or(|(now, then)| now != then),
                "the topic was not created again: its topic_id is unchanged"
            );
            return Ok(());
        }
        demand!(
            self.cluster_id == before.cluster_id,
            "cluster_id changed without a new topic"
        );
        demand!(
            before.topic_id.is_none() || self.topic_id == before.topic_id,
            "topic_id changed without a new topic"
        );
        let both_epochs = self.leader_epoch.zip(before.leader_epoch);
        demand!(both_epochs.is_none_or(|(now, then)| now >= then), "leader_epoch fell");
        Ok(())
    }
}
