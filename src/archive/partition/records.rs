//! Handles records, ends of the log, and the passing of time.

use crate::archive::open::Appended;
use crate::archive::partition::state::{Context, Leaving, OtherLog, Partition, Phase};
use crate::archive::policy::{OPEN_MAX_BYTES, RECORD_MAX_BYTES};
use crate::archive::step::{Action, StopReason};
use crate::log::link::SealReason;
use crate::record::record::Record;

impl Partition {
    /// Loads the head: after an assignment, or to start over. Earlier state is dropped.
    pub fn load(&mut self, cx: &mut Context<'_>) {
        self.begin_turn(Phase::Loading);
        self.head_known_ms = cx.now.monotonic_ms;
        cx.actions.push(Action::LoadHead(self.ticket, self.partition.clone()));
    }

    /// Kafka has given the partition to another member already: no create or commit may follow (EP-1).
    pub fn lose(&mut self) {
        self.other_log = None;
        self.begin_turn(Phase::Released);
    }

    pub(super) fn begin_turn(&mut self, phase: Phase) {
        self.ticket.turn += 1;
        self.phase = phase;
        self.leaving = None;
    }

    /// Takes the next record. This is the hot path.
    #[inline]
    pub fn record(&mut self, record: &Record<'_>, leader_epoch: Option<i32>, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if self.leaving.is_some() {
            return;
        }
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        if bytes > RECORD_MAX_BYTES {
            let offset = record.offset;
            return self.cannot_read(StopReason::RecordTooLarge { offset, bytes }, cx);
        }
        if let Some(ends) = chain.adoption.ends()
            && record.offset >= ends
            && chain.sealing.is_none()
        {
            chain.end_position = ends;
            self.seal_at_found(cx);
            return self.record(record, leader_epoch, cx);
        }
        match chain.open.append(record, leader_epoch, cx.now) {
            Appended::Yes => {
                if chain.adoption.ends() == Some(chain.open.expected()) {
                    self.seal_at_found(cx);
                } else if cx.policy.full(chain.open.len(), chain.open.buffered_bytes()).is_some() {
                    self.seal_full(cx);
                }
            }
            Appended::Before => {}
            Appended::TooManyHoles => self.too_many_holes(cx),
            Appended::EpochFell(before) => {
                let (offset, now) = (record.offset, leader_epoch.unwrap_or_default());
                self.found_other_log(OtherLog::EpochFell { offset, before, now }, cx);
            }
        }
    }

    /// The number of absent ranges is at its maximum: seals the open segment and consumes the record again. During a seal
    /// the next segment cannot be sealed yet, so the partition is loaded again.
    fn too_many_holes(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if chain.sealing.is_none() {
            // No writer creates a segment with more absent ranges than a link allows.
            chain.adoption.reject_all(&chain.place(&self.partition));
            let end = chain.open.expected();
            self.seal_at(end, SealReason::Absent, cx);
            if let Phase::Archiving(chain) = &self.phase {
                let from = chain.open.position();
                cx.actions.push(Action::Consume(self.partition.clone(), from));
            }
        } else {
            self.leave(Leaving::Reload, cx);
        }
    }

    /// The consumer has delivered everything before `position`.
    pub fn end_reached(&mut self, position: i64, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        // A partition that is leaving takes no records, so the offsets before this end must not count as absent.
        if self.leaving.is_some() {
            return;
        }
        chain.end_position = position;
        self.seal_at_found(cx);
    }

    /// Seals at the end of the found segment once everything before it was delivered.
    fn seal_at_found(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &self.phase else {
            return;
        };
        let Some(ends) = chain.adoption.ends() else { return };
        let expected = chain.open.expected();
        if chain.sealing.is_some() || chain.end_position.max(expected) < ends {
            return;
        }
        if ends > expected && chain.open.is_full_of_holes() {
            self.too_many_holes(cx);
        } else {
            self.seal_at(ends, SealReason::Revoked, cx);
        }
    }

    /// Time has passed: seals a segment that has become due, or ends the wait for commits.
    pub fn tick(&mut self, cx: &mut Context<'_>) {
        if self.leaving.is_some() {
            self.settle(cx);
        } else {
            self.seal_if_due(cx);
        }
    }

    /// The open segment has reached a limit. While the one before it is sealed, it grows on, up to what fits into an object; the
    /// records after that are consumed again.
    fn seal_full(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &self.phase else {
            return;
        };
        if chain.sealing.is_some() && chain.open.buffered_bytes() >= OPEN_MAX_BYTES {
            self.leave(Leaving::Reload, cx);
        } else {
            self.seal_if_due(cx);
        }
    }

    /// Seals the open segment if it has reached a limit and no seal is in progress.
    pub fn seal_if_due(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if chain.sealing.is_some() || self.leaving.is_some() {
            return;
        }
        // A found segment may exceed the limits, because its writer filled it while another one was being sealed. Only the
        // memory budget ends the attempt to adopt it.
        if chain.adoption.ends().is_some() {
            return;
        }
        if let Some(reason) = cx.policy.due(chain.open.fill(cx.now)) {
            let end = chain.open.expected();
            self.seal_at(end, reason, cx);
        }
    }

    /// Seals the open segment to free memory, giving up on a found segment if there is one.
    pub fn seal_for_memory(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &self.phase else { return };
        if chain.adoption.ends().is_some() {
            self.give_up_found(cx);
        } else if chain.sealing.is_none() {
            let end = chain.open.expected();
            self.seal_at(end, SealReason::Bytes, cx);
        }
    }

    fn give_up_found(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        chain.adoption.give_up(&chain.place(&self.partition));
        match chain.adoption.ends() {
            Some(ends) if ends < chain.open.expected() => self.cut_again(cx),
            Some(_) => self.seal_at_found(cx),
            None => self.seal_if_due(cx),
        }
    }

    /// The next found segment ends at another offset: its range is consumed again from the head on. A partition that is
    /// leaving takes no records; the next owner or the next load does it.
    pub(super) fn cut_again(&mut self, cx: &mut Context<'_>) {
        if self.leaving.is_some() {
            return self.begin_again(cx);
        }
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        self.ticket.turn += 1;
        let first = chain.place(&self.partition).first_offset;
        chain.sealing = None;
        chain.end_position = 0;
        chain.open = chain.empty(&self.partition, first);
        let from = chain.open.position();
        cx.actions.push(Action::Consume(self.partition.clone(), from));
    }
}
