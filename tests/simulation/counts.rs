//! Counts of the events of a run. A simulation in which some kind of event never happens proves nothing about it.

use std::ops::AddAssign;

/// How often each kind of event happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub links: u64,
    pub adopted: u64,
    pub rejected: u64,
    pub fenced: u64,
    pub losses: u64,
    pub passed_over: u64,
    pub stopped: u64,
    /// Partitions that stopped because their topic was deleted.
    pub gone: u64,
    pub absent: u64,
    pub holds: u64,
    /// Turns in which partitions were paused by name.
    pub pauses: u64,
    pub checkpoints: u64,
    pub new_epochs: u64,
    /// Partitions that stopped because a leader epoch told that the log was cut back.
    pub truncated: u64,
    /// Epochs that ended with a declared divergence.
    pub diverged: u64,
    /// Elections that cut a log back.
    pub unclean: u64,
    /// Segments of fenced writers that no link names.
    pub orphans: u64,
    /// Keys that were added.
    pub added: u64,
    /// Keys that were retired.
    pub retired: u64,
    /// Changes that came second, or were not valid any more.
    pub refused_changes: u64,
    /// Processes that ended because their key was retired.
    pub key_stops: u64,
    /// Entries that were not signed because the key was retired or the bucket was cut.
    pub entries_refused: u64,
    /// Objects that somebody with a retired key created.
    pub thefts: u64,
    /// Objects of that kind that the verifier named as tampering.
    pub named_thefts: u64,
    /// Buckets that were put back to an earlier state.
    pub restores: u64,
    /// Processes and partitions that refused a bucket that was cut.
    pub cuts_refused: u64,
    /// Restored buckets to which archivers wrote that could not know it.
    pub forks: u64,
    /// Restored buckets that only a saved checkpoint revealed.
    pub revealed: u64,
    /// Restored buckets whose missing objects were put back.
    pub repaired: u64,
    /// Processes that died right after they had created a segment.
    pub died_after_segment: u64,
    /// The same, after a link.
    pub died_after_link: u64,
    /// The same, after an entry.
    pub died_after_entry: u64,
    /// The same, after a checkpoint.
    pub died_after_checkpoint: u64,
    /// Entries that landed after their writer took them for lost.
    pub late_entries: u64,
    /// Trees that honest processes signed.
    pub trees: u64,
    /// Trees that the witness cosigned.
    pub cosigned: u64,
    /// Archives that the witness revealed as cut.
    pub witness_refused: u64,
    /// Times that the witness stopped.
    pub witness_stops: u64,
    /// Times that it started again.
    pub witness_starts: u64,
    /// Checkpoints that it did not answer.
    pub unwitnessed: u64,
    /// Processes that died right after they had created a cosignature.
    pub died_after_cosignature: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.links += other.links;
        self.adopted += other.adopted;
        self.rejected += other.rejected;
        self.fenced += other.fenced;
        self.losses += other.losses;
        self.passed_over += other.passed_over;
        self.stopped += other.stopped;
        self.gone += other.gone;
        self.absent += other.absent;
        self.holds += other.holds;
        self.pauses += other.pauses;
        self.checkpoints += other.checkpoints;
        self.new_epochs += other.new_epochs;
        self.truncated += other.truncated;
        self.diverged += other.diverged;
        self.orphans += other.orphans;
        self.added += other.added;
        self.retired += other.retired;
        self.refused_changes += other.refused_changes;
        self.key_stops += other.key_stops;
        self.entries_refused += other.entries_refused;
        self.thefts += other.thefts;
        self.named_thefts += other.named_thefts;
        self.restores += other.restores;
        self.cuts_refused += other.cuts_refused;
        self.forks += other.forks;
        self.revealed += other.revealed;
        self.repaired += other.repaired;
        self.died_after_segment += other.died_after_segment;
        self.died_after_link += other.died_after_link;
        self.died_after_entry += other.died_after_entry;
        self.died_after_checkpoint += other.died_after_checkpoint;
        self.late_entries += other.late_entries;
        self.trees += other.trees;
        self.cosigned += other.cosigned;
        self.witness_refused += other.witness_refused;
        self.died_after_cosignature += other.died_after_cosignature;
        self.unclean += other.unclean;
        self.witness_stops += other.witness_stops;
        self.witness_starts += other.witness_starts;
        self.unwitnessed += other.unwitnessed;
    }
}

impl Counts {
    /// A process died right after it had created this object.
    pub fn count_death(&mut self, key: &str) {
        let (folder, _) = key.split_once('/').unwrap_or_default();
        match folder {
            "data" => self.died_after_segment += 1,
            "links" => self.died_after_link += 1,
            "log" => self.died_after_entry += 1,
            "cosignatures" => self.died_after_cosignature += 1,
            _ => self.died_after_checkpoint += 1,
        }
    }

    /// Whether every kind of event has happened, except for orphans, which are too rare.
    pub fn have_all_happened(&self) -> bool {
        let all = [
            self.adopted,
            self.rejected,
            self.fenced,
            self.losses,
            self.passed_over,
            self.stopped,
            self.gone,
            self.absent,
            self.holds,
            self.pauses,
            self.checkpoints,
            self.new_epochs,
            self.truncated,
            self.diverged,
            self.added,
            self.retired,
            self.refused_changes,
            self.key_stops,
            self.entries_refused,
            self.thefts,
            self.named_thefts,
            self.restores,
            self.cuts_refused,
            self.forks,
            self.revealed,
            self.repaired,
            self.died_after_segment,
            self.died_after_link,
            self.died_after_entry,
            self.died_after_checkpoint,
            self.late_entries,
            self.trees,
            self.cosigned,
            self.witness_refused,
            self.died_after_cosignature,
            self.unclean,
            self.witness_stops,
            self.witness_starts,
            self.unwitnessed,
        ];
        all.iter().all(|count| *count > 0)
    }
}
