//! What becomes of a record, of an end, and of time that passes.

use crate::archive::open::{Appended, OpenSegment};
use crate::archive::partition::state::{Context, Leaving, Partition, Phase};
use crate::archive::step::Action;
use crate::log::link::SealReason;
use crate::record::position::NextOffset;
use crate::record::record::Record;

impl Partition {
    /// Kafka gave it to us, or it must begin anew: what we knew of it is worth nothing.
    pub fn load(&mut self, cx: &mut Context<'_>) {
        self.begin_turn(Phase::Loading);
        cx.actions.push(Action::LoadHead(self.ticket, self.partition.clone()));
    }

    /// Kafka has taken it already. From here neither create nor commit is asked for (EP-1).
    pub fn lose(&mut self) {
        self.begin_turn(Phase::Released);
    }

    pub(super) fn begin_turn(&mut self, phase: Phase) {
        self.ticket.turn += 1;
        self.phase = phase;
        self.leaving = None;
    }

    /// The next record. The hot path: once per record of the archive.
    #[inline]
    pub fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if self.leaving.is_some() {
            return;
        }
        if let Some(ends) = chain.adoption.ends()
            && record.offset >= ends
            && chain.sealing.is_none()
        {
            chain.end_position = ends;
            self.seal_at_found(cx);
            return self.record(record, cx);
        }
        match chain.open.append(record, cx.now) {
            Appended::Yes => {
                if chain.adoption.ends() == Some(chain.open.expected()) {
                    self.seal_at_found(cx);
                } else if cx.policy.full(chain.open.len(), chain.open.buffered_bytes()).is_some() {
                    self.seal_if_due(cx);
                }
            }
            Appended::Before => {}
            Appended::TooManyHoles => self.too_many_holes(cx),
        }
    }

    /// A link can name no more holes: what is open is sealed and the record comes again. While a seal is under way the
    /// record cannot be kept, so the partition is read again from its head.
    fn too_many_holes(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if chain.sealing.is_none() {
            // A segment that would need more holes than a link may name is none of a writer's.
            chain.adoption.reject_all(&chain.place(&self.partition));
            let end = chain.open.expected();
            self.seal_at(end, SealReason::Absent, cx);
            if let Phase::Archiving(chain) = &self.phase {
                let from = NextOffset(chain.open.expected());
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
        // Who is leaving takes no records: what lies before this end was not seen, and must not be called absent.
        if self.leaving.is_some() {
            return;
        }
        chain.end_position = position;
        self.seal_at_found(cx);
    }

    /// Seals where a found segment ends, once everything before that was delivered.
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

    /// Time has passed: seals what became due, and gives up waiting for commits.
    pub fn tick(&mut self, cx: &mut Context<'_>) {
        if self.leaving.is_some() {
            self.settle(cx);
        } else {
            self.seal_if_due(cx);
        }
    }

    /// Seals what has reached a limit, if nothing is being sealed already.
    pub fn seal_if_due(&mut self, cx: &mut Context<'_>) {
        let Phase::Archiving(chain) = &mut self.phase else {
            return;
        };
        if chain.sealing.is_some() || self.leaving.is_some() {
            return;
        }
        // A found segment may be larger than the limits: its writer went on filling it while another was being sealed.
        // Only memory makes us give it up.
        if chain.adoption.ends().is_some() {
            return;
        }
        if let Some(reason) = cx.policy.due(chain.open.fill(cx.now)) {
            let end = chain.open.expected();
            self.seal_at(end, reason, cx);
        }
    }

    /// Seals what is open now, so that memory becomes free; gives a found segment up that stands in the way.
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

    /// Another found segment ends elsewhere: its range is taken from Kafka once more, from the head on. Who is leaving
    /// takes no records: the next owner does it, or the next load.
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
        chain.open = OpenSegment::new(&self.partition, first);
        cx.actions
            .push(Action::Consume(self.partition.clone(), NextOffset(first.0)));
    }
}
