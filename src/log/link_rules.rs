//! The rules of a single link (FORMAT.md section 6).

use crate::log::identity::is_archive_id;
use crate::log::link::{Broken, Link, MAX_ABSENT_RANGES, SealReason, demand};
use crate::log::object_key::{Attempt, Key};
use crate::log::rejected::{self, Rejected};
use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height, is_topic_id, is_topic_name};

impl Link {
    /// Checks the rules of FORMAT.md section 6 for a single link.
    ///
    /// # Errors
    /// [`Broken`] names the first broken rule.
    pub fn check(&self) -> Result<(), Broken> {
        demand!(is_archive_id(&self.archive_id), "archive_id is not 32 hex digits");
        demand!(
            is_topic_name(&self.topic) && self.partition >= 0,
            "topic or partition is not one of Kafka"
        );
        demand!(
            self.topic_id.as_deref().is_none_or(is_topic_id),
            "topic_id is not a topic id of Kafka"
        );
        demand!(
            self.first_offset.0 >= 0 && self.next_offset >= self.first_offset.next_offset(),
            "the range is negative"
        );
        let is_empty = self.next_offset == self.first_offset.next_offset();
        demand!(
            is_empty == self.is_closing(),
            "the range is empty and the link does not close its epoch, or the reverse"
        );
        let integers = [self.height.0, self.record_count, self.encoding];
        demand!(
            integers.iter().all(|integer| i64::try_from(*integer).is_ok()),
            "an integer is beyond i64"
        );
        demand!(self.encoding > 0, "encoding is 0");
        demand!(
            self.leader_epoch
                .is_none_or(|epoch| epoch >= 0 && self.record_count > 0),
            "leader_epoch is negative, or there is no last record"
        );
        self.check_closing()?;
        self.check_counts()?;
        self.check_loss()?;
        self.check_times()?;
        self.check_segments()
    }

    /// A closing link has no objects: what stands at its segment's keys may be created before or after it.
    fn check_closing(&self) -> Result<(), Broken> {
        match (self.seal_reason, self.next_epoch_at) {
            (SealReason::Recreated, Some(0)) => {}
            (SealReason::Diverged, Some(begins)) => demand!(
                (0..self.next_offset.0).contains(&begins),
                "a divergence does not begin the next epoch below its own end, but at {begins}"
            ),
            (_, None) if !self.is_closing() => return Ok(()),
            _ => return Err(Broken("seal_reason and next_epoch_at disagree".into())),
        }
        demand!(self.height > Height(0), "the first link of a chain closes an epoch");
        demand!(self.epoch < Epoch::MAX, "no epoch can follow");
        demand!(self.rejected.is_empty(), "a closing link rejects objects");
        Ok(())
    }

    fn check_counts(&self) -> Result<(), Broken> {
        demand!(
            self.absent.len() <= MAX_ABSENT_RANGES,
            "more than {MAX_ABSENT_RANGES} absent ranges"
        );
        let mut free_from = self.first_offset.0;
        let mut absent_count = 0;
        for (index, &(from, to)) in self.absent.iter().enumerate() {
            let follows = from > free_from || (index == 0 && from == free_from);
            demand!(
                follows && to > from && to <= self.next_offset.0,
                "absent is not maximal, sorted and within the range"
            );
            absent_count += to - from;
            free_from = to;
        }
        if self.lost.is_none() {
            let count = self.next_offset.0 - self.first_offset.0 - absent_count;
            demand!(
                u64::try_from(count) == Ok(self.record_count),
                "record_count is not what the range holds"
            );
        }
        Ok(())
    }

    fn check_loss(&self) -> Result<(), Broken> {
        demand!(
            self.lost.is_some() == (self.seal_reason == SealReason::Lost),
            "seal_reason and lost disagree"
        );
        let Some(lost) = &self.lost else { return Ok(()) };
        let whole = lost.first_offset == self.first_offset
            && lost.next_offset == self.next_offset
            && lost.log_start_offset == self.next_offset.0;
        demand!(whole, "lost does not cover the link's whole range");
        demand!(
            self.record_count == 0 && self.absent.is_empty(),
            "a lost range has records or absent offsets"
        );
        Ok(())
    }

    fn check_times(&self) -> Result<(), Broken> {
        match (self.min_timestamp_ms, self.max_timestamp_ms) {
            (None, None) => Ok(()),
            (Some(min), Some(max)) => {
                demand!(
                    min <= max && min != -1 && max != -1,
                    "min and max timestamp are not a pair"
                );
                demand!(self.record_count > 0, "timestamps without records");
                Ok(())
            }
            _ => Err(Broken("min and max timestamp are not a pair".into())),
        }
    }

    fn check_segments(&self) -> Result<(), Broken> {
        demand!(
            self.segment.is_some() == (self.record_count > 0),
            "a link with records has no segment, or one without records has one"
        );
        if self.record_count == 0 {
            demand!(
                self.records_root == Hash::of(b""),
                "records_root is not that of no records"
            );
        }
        let ascending = self.rejected.is_sorted_by(|a, b| a.key.as_bytes() < b.key.as_bytes());
        demand!(ascending, "rejected is not ascending by key");
        let own = self.segment.as_ref().map(|segment| self.attempt_of(&segment.key));
        let rejected: Vec<Attempt> = self
            .rejected
            .iter()
            .map(|rejected| self.attempt_of(&rejected.key))
            .collect::<Result<_, _>>()?;
        demand!(
            self.rejected.iter().all(Rejected::is_consistent),
            "bytes, sha256 and reason of a rejected object disagree"
        );
        demand!(
            rejected::are_gapless(own.transpose()?, &rejected),
            "the attempts in segment and rejected have a gap or a repetition"
        );
        Ok(())
    }

    fn attempt_of(&self, key: &str) -> Result<Attempt, Broken> {
        match key.parse() {
            Ok(Key::Segment(place, attempt)) if place == self.place() => Ok(attempt),
            _ => Err(Broken(format!("it names a segment of another place: {key}"))),
        }
    }
}
