//! The faults of a run and their probabilities. Each run has some of the faults only: with all of them nothing would
//! progress, and the effects of single faults would be hidden.

use super::dice::Dice;

/// The probability of each fault in a thousand: per request for faults of the network, per step of the world for the
/// others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Odds {
    /// A request does not arrive.
    pub lost: u32,
    /// A request is carried out, but its answer is lost.
    pub unanswered: u32,
    /// A create counts as lost, but is carried out later.
    pub late: u32,
    /// A request is refused with 409 or 503.
    pub refused: u32,
    /// A request or an answer is delayed by some steps.
    pub slow: u32,
    /// A process is killed.
    pub kill: u32,
    /// A process is suspended for longer than its session and resumes without knowing it.
    pub pause: u32,
    /// A partition is revoked and assigned to another process.
    pub revoke: u32,
    /// A partition is assigned to another process while its owner still works on it.
    pub seize: u32,
    /// A member shuts down in good order, as in a rolling restart.
    pub rolling: u32,
    /// A record is delivered again.
    pub again: u32,
    /// Offsets without a readable record.
    pub holes: u32,
    /// Transactions, committed and aborted.
    pub transactions: u32,
    /// Kafka deletes its oldest records.
    pub retention: u32,
    /// A commit is refused.
    pub commits: u32,
    /// A topic is deleted and created again.
    pub recreate: u32,
    /// Another replica becomes the leader of a partition.
    pub elections: u32,
    /// A replica becomes the leader that lacks the newest records.
    pub unclean: u32,
    /// Records that are not archived yet are compacted away.
    pub compaction: u32,
    /// A listing lacks the newest key.
    pub stale: u32,
    /// Junk at the keys of the next objects, which writers step over.
    pub junk: u32,
    /// Junk elsewhere, which the verifier reports as tampering. The archive must stay complete.
    pub tampering: u32,
    /// The wall clock jumps.
    pub wall: u32,
}

impl Odds {
    /// Random probabilities, many of them 0.
    pub fn draw(dice: &mut Dice) -> Odds {
        let mut some = |permille: u32, most: usize| {
            if dice.permille(permille) {
                dice.between(1, most) as u32
            } else {
                0
            }
        };
        Odds {
            lost: some(400, 200),
            unanswered: some(400, 200),
            late: some(300, 100),
            refused: some(300, 200),
            slow: some(500, 600),
            kill: some(500, 12),
            pause: some(300, 12),
            revoke: some(500, 20),
            seize: some(300, 12),
            rolling: some(150, 6),
            again: some(300, 150),
            holes: some(300, 100),
            transactions: some(400, 150),
            retention: some(300, 15),
            commits: some(300, 300),
            recreate: some(100, 4),
            elections: some(300, 30),
            unclean: some(150, 8),
            compaction: some(100, 30),
            stale: some(200, 300),
            junk: some(300, 15),
            tampering: some(60, 6),
            wall: some(200, 300),
        }
    }
}

/// The probabilities of what happens to the archive's log and its keys, in a thousand. They are drawn apart from [`Odds`], so that
/// a seed that failed before they existed still gives its run without them.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogOdds {
    /// A process dies right after a create was carried out: per create of a segment or link, and more often for others.
    pub dies: u32,
    /// An operator adds or retires a key: per step.
    pub rotate: u32,
    /// Somebody with a retired key creates an object: per step.
    pub thief: u32,
    /// The bucket is put back to an earlier state: per step, once in a run.
    pub restore: u32,
    /// An entry is due: per turn of a process, in place of 8 in a thousand.
    pub entries: u32,
    /// Archivers beside the usual one or two.
    pub more_writers: u32,
    /// Whether a key of its own signs changes.
    pub change_key: bool,
    /// Whether a witness cosigns the log.
    pub witness: bool,
    /// The witness stops, or starts again: per step.
    pub witness_stops: u32,
}

impl LogOdds {
    /// Random probabilities, many of them 0.
    pub fn draw(dice: &mut Dice) -> LogOdds {
        let mut some = |permille: u32, most: usize| {
            if dice.permille(permille) {
                dice.between(1, most) as u32
            } else {
                0
            }
        };
        let rotate = some(350, 25);
        let thief = if rotate > 0 { some(700, 60) } else { 0 };
        let (dies, restore, entries, more_writers) = (some(250, 25), some(100, 15), some(400, 60), some(300, 2));
        let witness_stops = some(500, 30);
        LogOdds {
            dies,
            rotate,
            thief,
            restore,
            entries,
            more_writers,
            change_key: dice.permille(400),
            witness: dice.permille(300),
            witness_stops,
        }
    }
}
