//! Matches the listed segments of a partition with its links while they are walked.

use crate::log::link::Link;
use crate::log::rejected;
use crate::verify::chain::segment_attempt;
use crate::verify::chain_walk::Walk;
use crate::verify::findings::{Code, Finding};
use crate::verify::inventory::Slot;

impl Walk {
    /// Handles the listed segments up to and including the place of this link. Returns whether the link's own is among them.
    pub(super) fn match_segments(&mut self, link: &Link) -> bool {
        let own = segment_attempt(link);
        let mut own_listed = false;
        let here = (link.epoch, link.first_offset);
        let is_named = |attempt| rejected::is_named(own, link.rejected.len(), attempt);
        let is_passed_over = |attempt| rejected::is_passed_over(own, link.rejected.len(), attempt);
        while let Some(slot) = self.segments.next_if(|slot| (slot.epoch, slot.first_offset) <= here) {
            let at = (slot.epoch, slot.first_offset);
            if at == here && is_named(slot.attempt) {
                own_listed |= Some(slot.attempt) == own;
            } else if at == here && link.is_closing() {
                self.report_unnamed(&slot, Code::PendingSegment);
            } else if at == here && is_passed_over(slot.attempt) {
                self.report_unnamed(&slot, Code::SegmentPassedOver);
            } else if at == here {
                self.chain.unnamed.push(slot);
            } else {
                self.report_unnamed(&slot, Code::UnnamedSegment);
            }
        }
        own_listed
    }

    pub(super) fn report_unnamed(&mut self, slot: &Slot, code: Code) {
        let place = slot.place(&self.chain.partition);
        let detail = "no link names this segment";
        let finding = Finding::new(code, detail).object(place.segment(slot.attempt));
        self.report(finding);
    }
}
