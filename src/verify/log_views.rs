//! What a walk of the log knows: its roots, heads, signers and retention changes.

use std::collections::BTreeMap;

use crate::log::checkpoint::CheckpointRef;
use crate::log::head::Head;
use crate::log::history::{History, Removal};
use crate::log::signed_note::VerifyingKey;
use crate::record::hash::Hash;
use crate::record::position::{Height, TopicPartition};
use crate::verify::log_walk::{KeptForProofs, LogWalk, Signer};

impl LogWalk {
    /// What was kept for proofs.
    #[must_use]
    pub fn kept(&self) -> Option<&KeptForProofs> {
        self.kept.as_ref()
    }

    /// The log as far as it was walked.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The number of the first entry of the walk.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number of the newest valid entry.
    #[must_use]
    pub fn newest_entry(&self) -> Option<u64> {
        self.history.next_number().checked_sub(1)
    }

    /// The number of the newest valid checkpoint.
    #[must_use]
    pub fn newest_checkpoint(&self) -> Option<u64> {
        self.newest_checkpoint
    }

    /// The number of valid checkpoints.
    #[must_use]
    pub fn checkpoint_count(&self) -> u64 {
        self.checkpoint_count
    }

    /// The signers of entries, each with the first number from which on it signed.
    #[must_use]
    pub fn entry_signers(&self) -> &[Signer] {
        &self.entry_signers
    }

    /// The keys that signed checkpoints, each with the newest.
    #[must_use]
    pub fn checkpoint_signers(&self) -> &[Signer] {
        &self.checkpoint_signers
    }

    /// The first signers of changes, by the sequence of the change.
    #[must_use]
    pub fn change_signers(&self) -> &[Signer] {
        &self.change_signers
    }

    /// Whether a checkpoint or change that this key signed names `archive.json`.
    #[must_use]
    pub fn names_archive(&self, key: &VerifyingKey) -> bool {
        let mut first = self.change_signers.iter().filter(|signer| signer.number == 1);
        first.any(|signer| signer.key == *key) || self.checkpoint_signers.iter().any(|signer| signer.key == *key)
    }

    /// Whether an entry could not be read or understood, so that nothing after it was judged.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// The root over entries 0 to `number`; `None` where it was not walked.
    #[must_use]
    pub fn root(&self, number: u64) -> Option<Hash> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.roots.get(index).copied()
    }

    /// The newest `count` roots, newest first, each as the checkpoint of its number.
    #[must_use]
    pub fn newest_roots(&self, count: usize) -> Vec<CheckpointRef> {
        let numbers = (self.first..self.history.next_number()).rev();
        let roots = numbers.zip(self.roots.iter().rev()).take(count);
        roots
            .map(|(number, root)| CheckpointRef { number, root: *root })
            .collect()
    }

    /// The heads of the entry with this number.
    pub fn heads_at(&self, number: u64) -> impl Iterator<Item = &Head> {
        self.heads.values().filter_map(move |moved| {
            let index = moved.partition_point(|(entry, _)| *entry <= number);
            moved[..index].last().map(|(_, head)| head)
        })
    }

    /// The number of the first entry whose head of this partition is at or above this height.
    #[must_use]
    pub fn first_covering(&self, partition: &TopicPartition, height: Height) -> Option<u64> {
        let moved = self.heads.get(partition)?;
        let index = moved.partition_point(|(_, head)| head.height < height);
        moved.get(index).map(|(number, _)| *number)
    }

    /// The newest head of a partition, with the first entry that has it.
    #[must_use]
    pub fn newest_head(&self, partition: &TopicPartition) -> Option<(u64, &Head)> {
        let newest = self.heads.get(partition)?.last();
        newest.map(|(number, head)| (*number, head))
    }

    /// Each head, with the first entry that has it.
    pub fn heads(&self) -> impl Iterator<Item = (u64, &Head)> {
        self.heads.values().flatten().map(|(number, head)| (*number, head))
    }

    /// The retention changes over which a checkpoint stands, or may stand: nothing is called missing because a checkpoint is
    /// unknown.
    #[must_use]
    pub fn removals(&self) -> BTreeMap<TopicPartition, Vec<Removal>> {
        let newest = self.history.changes();
        let covered = self.newest_checkpoint.max(self.unknown_checkpoint) >= Some(newest.entry);
        let mut removals = self.history.removals().clone();
        if !covered {
            for of_partition in removals.values_mut() {
                of_partition.retain(|removal| removal.sequence != newest.sequence);
            }
        }
        removals
    }
}
