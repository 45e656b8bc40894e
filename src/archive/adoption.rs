//! Adoption of segments that exist at the next place without a link (AD-1: a found segment enters the archive only if this
//! writer produces the same bytes from Kafka). The partition seals where the found footer ends; a segment with equal
//! bytes is adopted, any other is rejected.

use std::collections::VecDeque;

use crate::archive::step::{Found, FoundSegments};
use crate::log::link::SegmentRef;
use crate::log::object_key::{Attempt, Place};
use crate::log::rejected::{RejectReason, Rejected};
use crate::record::hash::Hash;

/// The found segments of one place, which are compared one after the other.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Adoption {
    waiting: VecDeque<Found>,
    rejected: Vec<Rejected>,
    free: Attempt,
}

/// The result of comparing the encoded bytes with the found segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A found segment has the same bytes.
    Adopt(SegmentRef),
    /// No found segment is left: create the segment with this attempt.
    Create(Attempt),
    /// The next found segment ends at another offset: read its range from Kafka.
    CutAgain,
}

impl Adoption {
    /// The segments found at `place`. Those that are unreadable, too large or end beyond Kafka's log are rejected at once.
    #[must_use]
    pub fn new(place: &Place, found: FoundSegments, log_end_offset: i64) -> Adoption {
        let mut adoption = Adoption {
            free: found.free,
            ..Adoption::default()
        };
        for found in found.segments {
            match found.ends {
                _ if found.sha256.is_none() => adoption.reject(place, found, RejectReason::TooLarge),
                None => adoption.reject(place, found, RejectReason::Unreadable),
                Some(ends) if ends.0 <= place.first_offset.0 || ends.0 > log_end_offset => {
                    adoption.reject(place, found, RejectReason::Differs);
                }
                Some(_) => adoption.waiting.push_back(found),
            }
        }
        adoption
    }

    /// Where the partition must be cut next: the end of the next found segment, if there is one.
    #[must_use]
    pub fn ends(&self) -> Option<i64> {
        self.waiting.front().and_then(|found| found.ends).map(|ends| ends.0)
    }

    /// Compares the hash of the encoded range up to `next_offset` with the found segments.
    pub fn compare(&mut self, place: &Place, next_offset: i64, sha256: Hash) -> Outcome {
        while let Some(found) = self.waiting.front() {
            if found.ends.map(|ends| ends.0) != Some(next_offset) {
                return Outcome::CutAgain;
            }
            let Some(found) = self.waiting.pop_front() else { break };
            if found.sha256 == Some(sha256) {
                let key = place.segment(found.attempt).to_string();
                self.reject_all(place);
                return Outcome::Adopt(SegmentRef {
                    key,
                    bytes: found.bytes,
                    sha256,
                });
            }
            self.reject(place, found, RejectReason::Differs);
        }
        Outcome::Create(self.free)
    }

    /// Rejects the next found segment: its range is not available, or does not fit into memory.
    pub fn give_up(&mut self, place: &Place) {
        if let Some(found) = self.waiting.pop_front() {
            self.reject(place, found, RejectReason::Differs);
        }
    }

    /// Rejects all remaining found segments.
    pub fn reject_all(&mut self, place: &Place) {
        while !self.waiting.is_empty() {
            self.give_up(place);
        }
    }

    /// The field `rejected` of the link, ascending by the bytes of the object key.
    #[must_use]
    pub fn rejected(&self) -> Vec<Rejected> {
        let mut rejected = self.rejected.clone();
        rejected.sort_by(|a, b| a.key.cmp(&b.key));
        rejected
    }

    /// Whether no segment was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.rejected.is_empty()
    }

    fn reject(&mut self, place: &Place, found: Found, reason: RejectReason) {
        let key = place.segment(found.attempt).to_string();
        self.rejected.push(Rejected {
            key,
            bytes: found.bytes,
            sha256: found.sha256,
            reason,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::position::{Epoch, FirstOffset, NextOffset, TopicPartition};

    fn place() -> Place {
        Place {
            partition: TopicPartition::new("payments", 1),
            epoch: Epoch(0),
            first_offset: FirstOffset(100),
        }
    }

    fn found(attempt: u32, ends: Option<i64>, content: &[u8]) -> Found {
        Found {
            attempt: Attempt(attempt),
            bytes: 9,
            sha256: Some(Hash::of(content)),
            ends: ends.map(NextOffset),
        }
    }

    fn all(segments: Vec<Found>) -> FoundSegments {
        let free = Attempt(u32::try_from(segments.len()).unwrap());
        FoundSegments { segments, free }
    }

    #[test]
    fn an_object_that_is_too_large_is_rejected_without_a_hash() {
        let too_large = Found {
            sha256: None,
            ..found(0, None, b"")
        };
        let mut adoption = Adoption::new(&place(), all(vec![too_large]), 1000);
        assert_eq!(adoption.ends(), None);
        let rejected = &adoption.rejected()[0];
        assert_eq!((rejected.sha256, rejected.reason), (None, RejectReason::TooLarge));
        let outcome = adoption.compare(&place(), 150, Hash::of(b"ours"));
        assert_eq!(outcome, Outcome::Create(Attempt(1)));
    }

    #[test]
    fn equal_bytes_are_adopted_and_all_other_found_segments_are_rejected() {
        let mut adoption = Adoption::new(
            &place(),
            all(vec![
                found(0, None, b"junk"),
                found(1, Some(150), b"ours"),
                found(2, Some(160), b"x"),
            ]),
            1000,
        );
        assert_eq!(adoption.ends(), Some(150));
        let Outcome::Adopt(segment) = adoption.compare(&place(), 150, Hash::of(b"ours")) else {
            panic!("not adopted")
        };
        assert_eq!(segment.key, place().segment(Attempt(1)).to_string());
        assert_eq!(adoption.rejected().len(), 2);
    }

    #[test]
    fn other_bytes_are_rejected_and_the_lowest_free_attempt_is_created() {
        let mut adoption = Adoption::new(&place(), all(vec![found(0, Some(150), b"theirs")]), 1000);
        assert_eq!(
            adoption.compare(&place(), 150, Hash::of(b"ours")),
            Outcome::Create(Attempt(1))
        );
        assert_eq!(adoption.rejected()[0].reason, RejectReason::Differs);
    }

    #[test]
    fn a_second_found_segment_with_another_end_is_cut_for_again() {
        let mut adoption = Adoption::new(
            &place(),
            all(vec![found(0, Some(150), b"theirs"), found(1, Some(120), b"ours")]),
            1000,
        );
        assert_eq!(adoption.compare(&place(), 150, Hash::of(b"long")), Outcome::CutAgain);
        assert_eq!(adoption.ends(), Some(120));
        assert!(matches!(
            adoption.compare(&place(), 120, Hash::of(b"ours")),
            Outcome::Adopt(_)
        ));
    }

    #[test]
    fn a_found_segment_beyond_kafkas_log_or_without_a_range_is_rejected_at_once() {
        let adoption = Adoption::new(
            &place(),
            all(vec![found(0, Some(1001), b"far"), found(1, Some(100), b"empty")]),
            1000,
        );
        assert_eq!(adoption.ends(), None);
        assert_eq!(adoption.rejected().len(), 2);
    }

    #[test]
    fn without_a_found_segment_the_plain_key_is_created() {
        let mut adoption = Adoption::new(&place(), all(vec![]), 1000);
        assert_eq!(
            adoption.compare(&place(), 150, Hash::of(b"ours")),
            Outcome::Create(Attempt::PLAIN)
        );
        assert!(adoption.is_empty());
    }
}
