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
    /// Segments of fenced writers that no link names.
    pub orphans: u64,
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
    }
}

impl Counts {
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
        ];
        all.iter().all(|count| *count > 0)
    }
}
