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
    pub absent: u64,
    pub holds: u64,
    pub checkpoints: u64,
    pub new_epochs: u64,
    /// Mirrors that zombies left and no link names.
    pub copies: u64,
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
        self.absent += other.absent;
        self.holds += other.holds;
        self.checkpoints += other.checkpoints;
        self.new_epochs += other.new_epochs;
        self.copies += other.copies;
    }
}

impl Deeds {
    /// Whether everything that a run may lead to has happened; copies apart, which only the rarest accidents leave.
    pub fn have_all_happened(&self) -> bool {
        let all = [
            self.adopted,
            self.rejected,
            self.fenced,
            self.losses,
            self.passed_over,
            self.stopped,
            self.absent,
            self.holds,
            self.checkpoints,
            self.new_epochs,
        ];
        all.iter().all(|count| *count > 0)
    }
}
