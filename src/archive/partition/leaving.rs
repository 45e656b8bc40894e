//! Releasing or stopping a partition. The open segment is sealed first; records that can still be archived must not be
//! dropped.

use crate::archive::partition::state::{Context, Leaving, OtherLog, Partition, Phase};
use crate::archive::step::{Action, Report, StopReason};
use crate::log::link::SealReason;

/// How long a release waits for answers to commits. A commit is only a cache and a witness; a rebalance must not wait
/// longer for it.
const COMMIT_TIMEOUT_MS: u64 = 5_000;

impl Partition {
    /// Seals the open segment, then releases the partition.
    pub fn revoke(&mut self, cx: &mut Context<'_>) {
        self.leave(Leaving::Revoked, cx);
    }

    /// Seals the open segment, including absent offsets after the last record, then releases the partition.
    pub fn shut_down(&mut self, cx: &mut Context<'_>) {
        self.leave(Leaving::Shutdown, cx);
    }

    /// Kafka no longer has the next offset. The open segment is still valid: it is sealed, then the head is loaded again.
    pub fn out_of_range(&mut self, cx: &mut Context<'_>) {
        if matches!(self.phase, Phase::Archiving(_)) && self.leaving.is_none() {
            self.leave(Leaving::Reload, cx);
        }
    }

    /// The topic has this id now. If it was another one when the head was loaded, the topic was deleted and created again: then the
    /// head is loaded again, which finds out whether that was declared.
    pub fn topic_id_seen(&mut self, id: &str, cx: &mut Context<'_>) {
        if let Phase::Archiving(chain) = &self.phase
            && chain.kafka_topic_id.as_deref().is_some_and(|known| known != id)
            && self.leaving.is_none()
        {
            self.leave(Leaving::Reload, cx);
        }
    }

    /// No more records can be read, as when the topic no longer exists. The open segment is sealed, because nothing else may
    /// have its records, or because the next run would come no further.
    pub fn cannot_read(&mut self, why: StopReason, cx: &mut Context<'_>) {
        match self.phase {
            Phase::Released | Phase::Stopped => {}
            Phase::Loading => self.stop(why, cx),
            Phase::Archiving(_) if self.is_being_released() => {}
            Phase::Archiving(_) => self.leave(Leaving::Stopping(why), cx),
        }
    }

    /// The broker found that the log was cut back below the next offset.
    pub fn truncated(&mut self, cx: &mut Context<'_>) {
        self.found_other_log(OtherLog::Truncated, cx);
    }

    /// Kafka's log is not the archived one. The open segment is sealed, because Kafka acknowledged its records and may no
    /// longer have them.
    pub(super) fn found_other_log(&mut self, other_log: OtherLog, cx: &mut Context<'_>) {
        if matches!(self.phase, Phase::Archiving(_)) && !self.is_being_released() {
            self.other_log = Some(other_log);
            self.leave(Leaving::OtherLog, cx);
        }
    }

    /// Whether the partition is released once it is finished.
    fn is_being_released(&self) -> bool {
        matches!(self.leaving, Some(Leaving::Revoked | Leaving::Shutdown))
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
        self.other_log = None;
        self.begin_turn(Phase::Released);
        cx.actions.push(Action::Release(self.partition.clone()));
    }

    /// Stops until an operator acts.
    pub fn stop(&mut self, reason: StopReason, cx: &mut Context<'_>) {
        let being_released = self.is_being_released();
        self.other_log = None;
        self.begin_turn(Phase::Stopped);
        cx.actions
            .push(Action::Report(self.partition.clone(), Report::Stopped(reason)));
        if being_released {
            self.release(cx);
        }
    }

    /// Another object is at the key of a segment or link: the bucket is the authority, so the head is loaded again.
    pub(super) fn conflict(&mut self, cx: &mut Context<'_>) {
        // What told of another log was told of records that are not in the chain.
        self.other_log = None;
        cx.actions.push(Action::Report(self.partition.clone(), Report::Fenced));
        self.begin_again(cx);
    }

    /// Drops the state: loads the head again, or releases the partition if it is being released.
    pub fn begin_again(&mut self, cx: &mut Context<'_>) {
        if self.is_being_released() {
            self.release(cx);
        } else {
            self.load(cx);
        }
    }

    /// Takes the next step towards release, or seals a segment that has become due.
    pub(super) fn settle(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if chain.sealing.is_some() {
            return;
        }
        let Some(leaving) = self.leaving.clone() else {
            return self.seal_if_due(cx);
        };
        if leaving.is_last_chance() {
            chain.adoption.reject_all(&chain.place(&self.partition));
        }
        let expected = chain.open.expected();
        let end = if leaving.is_last_chance() {
            chain.end_position.max(expected)
        } else {
            expected
        };
        let something_left = !chain.open.is_empty() || end > expected;
        if something_left && chain.adoption.ends().is_none() {
            let reason = match leaving {
                Leaving::Shutdown => SealReason::Shutdown,
                Leaving::Reload => SealReason::Idle,
                _ => SealReason::Revoked,
            };
            return self.seal_at(end, reason, cx);
        }
        match leaving {
            Leaving::Reload | Leaving::OtherLog => self.load(cx),
            Leaving::Stopping(why) => self.stop(why, cx),
            Leaving::Revoked | Leaving::Shutdown => self.await_commits(cx),
        }
    }

    /// Releases the partition once Kafka has answered its commits.
    fn await_commits(&mut self, cx: &mut Context<'_>) {
        if let Phase::Archiving(chain) = &mut self.phase {
            let since_ms = *chain.waiting_since_ms.get_or_insert(cx.now.monotonic_ms);
            let waited_ms = cx.now.monotonic_ms.saturating_sub(since_ms);
            if chain.unanswered_commits == 0 || waited_ms >= COMMIT_TIMEOUT_MS {
                self.release(cx);
            }
        }
    }
}
