//! Letting go of a partition, or standing still: what is open is sealed first, for it was delivered to us. Never drops
//! what could still be archived.

use super::{Context, Partition, Phase};
use crate::archive::step::{Action, Report, StopReason};
use crate::segment::link::SealReason;

/// Why the open segment must be finished before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    Revoked,
    Shutdown,
    /// Kafka no longer has what comes next: finish what we hold, then load the head and see.
    Reload,
}

/// How long a partition that is let go waits for Kafka to answer its commits. A commit is a cache and a witness: the
/// group must not stand still for it.
const COMMIT_PATIENCE_MS: u64 = 5_000;

impl Partition {
    /// Finishes what is open, then lets go.
    pub fn revoke(&mut self, cx: &mut Context<'_>) {
        self.leave(Leaving::Revoked, cx);
    }

    /// Finishes what is open, holes after the last record too, then lets go.
    pub fn shut_down(&mut self, cx: &mut Context<'_>) {
        self.leave(Leaving::Shutdown, cx);
    }

    /// Kafka no longer has what comes next. What we hold is still good: it is sealed before the head is loaded again.
    pub fn out_of_range(&mut self, cx: &mut Context<'_>) {
        if matches!(self.phase, Phase::Archiving(_)) && self.leaving.is_none() {
            self.leave(Leaving::Reload, cx);
        }
    }

    pub(super) fn leave(&mut self, leaving: Leaving, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Released => cx.actions.push(Action::Release(self.partition.clone())),
            Phase::Loading | Phase::Stopped => self.release(cx),
            Phase::Archiving(_) => {
                self.leaving = Some(leaving);
                self.settle(cx);
            }
        }
    }

    pub(super) fn release(&mut self, cx: &mut Context<'_>) {
        self.begin_turn(Phase::Released);
        cx.actions.push(Action::Release(self.partition.clone()));
    }

    /// Stands still until somebody acts.
    pub fn stop(&mut self, reason: StopReason, cx: &mut Context<'_>) {
        let leaving = self.leaving.is_some();
        self.begin_turn(Phase::Stopped);
        cx.actions
            .push(Action::Report(self.partition.clone(), Report::Stopped(reason)));
        if leaving {
            self.release(cx);
        }
    }

    /// Another writer was first, or a stranger: the bucket is the authority, so begin again from it.
    pub(super) fn conflict(&mut self, cx: &mut Context<'_>) {
        cx.actions.push(Action::Report(self.partition.clone(), Report::Fenced));
        match self.leaving {
            Some(Leaving::Revoked | Leaving::Shutdown) => self.release(cx),
            Some(Leaving::Reload) | None => self.load(cx),
        }
    }

    /// Takes the next step towards leaving, or seals what became due meanwhile.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if chain.sealing.is_some() {
            return;
        }
        let Some(leaving) = self.leaving else {
            return self.seal_if_due(cx);
        };
        if leaving == Leaving::Shutdown {
            // What was delivered is to be archived before we go, and a found segment that ends further on cannot wait.
            chain.adoption.reject_all(&chain.place(&self.partition));
        }
        let expected = chain.open.expected();
        let end = if leaving == Leaving::Shutdown {
            chain.end_position.max(expected)
        } else {
            expected
        };
        let something_left = !chain.open.is_empty() || end > expected;
        if something_left && chain.adoption.ends().is_none() {
            let reason = match leaving {
                Leaving::Shutdown => SealReason::Shutdown,
                Leaving::Revoked => SealReason::Revoked,
                Leaving::Reload => SealReason::Idle,
            };
            self.seal_at(end, reason, cx);
        } else if leaving == Leaving::Reload {
            self.load(cx);
        } else {
            let since_ms = *chain.waiting_since_ms.get_or_insert(cx.now.monotonic_ms);
            let waited_ms = cx.now.monotonic_ms.saturating_sub(since_ms);
            if chain.unanswered_commits == 0 || waited_ms >= COMMIT_PATIENCE_MS {
                self.release(cx);
            }
        }
    }
}
