//! What happened in a run, counted: a simulation in which nothing happens proves nothing. Judges nothing.

use std::ops::AddAssign;

/// How often it happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deeds {
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
    /// Segments that fenced writers left and no link names.
    pub orphans: u64,
}

impl AddAssign for Deeds {
    fn add_assign(&mut self, other: Deeds) {
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
        self.orphans += other.orphans;
    }
}

impl Deeds {
    /// Whether everything that a run may lead to has happened, except for orphans, which only rare accidents leave.
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
        ];
        all.iter().all(|count| *count > 0)
    }
}
