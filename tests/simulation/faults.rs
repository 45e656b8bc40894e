//! Which faults a run has, and how often. Each is switched on in some runs only: a run in which everything fails at once
//! gets nowhere, and hides what two faults alone would show.

use super::dice::Dice;

/// How often each fault strikes, in a thousand: requests for those of the network, steps of the world for the others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Odds {
    /// A request never arrives.
    pub lost: u32,
    /// It is carried out, and its answer is lost.
    pub unanswered: u32,
    /// It counts as lost, and is carried out at some later time.
    pub late: u32,
    /// 409 or 503: nothing happens.
    pub refused: u32,
    /// A request or an answer is under way for some turns.
    pub slow: u32,
    /// A process is killed.
    pub kill: u32,
    /// A process is stopped, and goes on later not knowing of it.
    pub pause: u32,
    /// A partition is asked back, and given to another process.
    pub revoke: u32,
    /// A partition is given to another process while its owner still works.
    pub seize: u32,
    /// Every member leaves and comes back.
    pub rolling: u32,
    /// A record is delivered again.
    pub again: u32,
    /// Offsets that no reader gets.
    pub holes: u32,
    /// Transactions, committed and aborted.
    pub transactions: u32,
    /// Kafka deletes its oldest records.
    pub retention: u32,
    /// A commit is refused, lost, or lands late.
    pub commits: u32,
    /// A topic is deleted and created again.
    pub recreate: u32,
    /// Records that are not archived yet are compacted away.
    pub compaction: u32,
    /// A listing lacks the newest key.
    pub stale: u32,
    /// Junk at the keys that come next.
    pub junk: u32,
    /// Junk that no writer can step over without a trace: the verdict is tampered, the archive stays whole.
    pub vandal: u32,
    /// The wall clock jumps.
    pub wall: u32,
}

impl Odds {
    /// Some of everything.
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
            compaction: some(100, 30),
            stale: some(200, 300),
            junk: some(300, 15),
            vandal: some(60, 6),
            wall: some(200, 300),
        }
    }
}
