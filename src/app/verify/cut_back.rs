//! Tells records that Kafka lost in an unclean leader election, which no archiver has declared yet, from records that were
//! changed: the broker still knows where the log of each leader epoch ended (KIP-320).

use crate::app::verify::compare::{Comparing, archived_leaves};
use crate::app::verify::facts::{NoAnswer, blocking};
use crate::reading::bucket::Bucket;
use crate::record::position::{Height, Position, TopicPartition};
use crate::verify::chain::{Chain, Range};
use crate::verify::differing::Differing;
use crate::verify::findings::{Code, Finding};
use crate::verify::kafka::Compared;

/// The ranges of one partition whose records Kafka lost.
#[derive(Debug)]
pub(super) struct CutBack {
    lost: Vec<Range>,
}

impl CutBack {
    /// The ranges that differ from Kafka's records, and from whose first one on the broker says that the log was cut back. A range
    /// whose segment has other records than the signed ones (`suspects`) was changed, whatever Kafka lost.
    pub(super) async fn of(
        comparing: &Comparing,
        chain: &Chain,
        compared: &Compared,
        suspects: &[Height],
    ) -> Result<Option<CutBack>, NoAnswer> {
        let Some(first) = compared.differing.first() else {
            return Ok(None);
        };
        let ends: Vec<(Height, Position)> = chain
            .ranges
            .iter()
            .filter(|range| range.height >= first.height && !range.is_cut() && range.leader_epoch_at_end.is_some())
            .map(|range| (range.height, end_of(range)))
            .collect();
        let partition = chain.partition.clone();
        let kept = blocking(&comparing.facts, move |facts| {
            count_kept(&ends, |end| facts.is_cut_below(&partition, end))
        });
        let Some(kept) = kept.await? else {
            return Ok(None);
        };
        let is_lost = |range: &&Range| kept.is_none_or(|kept| range.height > kept) && !suspects.contains(&range.height);
        let lost: Vec<Range> = compared.differing.iter().filter(is_lost).copied().collect();
        Ok(Some(CutBack { lost }).filter(|cut| !cut.lost.is_empty()))
    }

    pub(super) fn contains(&self, range: &Range) -> bool {
        self.lost.contains(range)
    }

    /// The finding, with the declaration that lets an archiver continue.
    pub(super) async fn finding(&self, comparing: &Comparing, bucket: &Bucket, chain: &Chain) -> Option<Finding> {
        let (first, last) = (self.lost.first()?, self.lost.last()?);
        let partition = &chain.partition;
        let begins = first_difference(comparing, bucket, partition, first).await;
        let begins = begins.unwrap_or(first.first_offset.0);
        let detail = format!(
            "the log was cut back to offset {begins}, and the archive has offsets up to {}; if it was an election, \
             `kivend archive --diverged {}/{}/{}={begins}` declares it",
            last.until.0 - 1,
            partition.topic,
            partition.partition,
            last.epoch,
        );
        let finding = Finding::new(Code::LogCutBack, detail).of(partition);
        Some(finding.offsets(begins, last.until.0))
    }
}

fn end_of(range: &Range) -> Position {
    Position {
        next: range.next_offset,
        leader_epoch: range.leader_epoch_at_end,
    }
}

/// The height of the last range of which the log kept all, `Some(None)` if it kept none of them; `None` if nothing was cut
/// back. Once a log is cut back below one end, it is below all later ones.
fn count_kept(
    ends: &[(Height, Position)],
    is_cut_below: impl Fn(Position) -> Result<bool, NoAnswer>,
) -> Result<Option<Option<Height>>, NoAnswer> {
    let Some((_, last)) = ends.last() else {
        return Ok(None);
    };
    if !is_cut_below(*last)? {
        return Ok(None);
    }
    let (mut low, mut high) = (0, ends.len() - 1);
    while low < high {
        let middle = low.midpoint(high);
        if is_cut_below(ends[middle].1)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(Some(low.checked_sub(1).map(|kept| ends[kept].0)))
}

/// The first offset of the range at which Kafka has another record, or none.
async fn first_difference(
    comparing: &Comparing,
    bucket: &Bucket,
    partition: &TopicPartition,
    range: &Range,
) -> Option<i64> {
    let archived = archived_leaves(bucket, partition, range).await?;
    let (of, from, until) = (partition.clone(), range.first_offset.0, range.until.0);
    let marks = blocking(&comparing.facts, move |facts| facts.watermarks(&of));
    let high = marks.await.ok()?.map_or(from, |marks| marks.high);
    let kafka = comparing
        .kafka_leaves(partition, from..until.min(high).max(from))
        .await
        .ok()??;
    let Differing {
        changed,
        only_archived,
        only_kafka,
    } = Differing::between(&archived, &kafka);
    let firsts = [changed.first(), only_archived.first(), only_kafka.first()];
    let first = firsts.into_iter().flatten().min().copied();
    Some(first.unwrap_or(until).min(high.max(from)))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;
    use crate::record::position::NextOffset;

    proptest! {
        #[test]
        fn the_last_range_that_the_log_kept_is_found_by_few_questions(count in 0_u64..200, cut_at in 0_i64..210) {
            let end = |index: u64| Position { next: NextOffset(index as i64), leader_epoch: Some(0) };
            let ends: Vec<_> = (0..count).map(|index| (Height(index), end(index))).collect();
            let asked = Cell::new(0);
            let kept = count_kept(&ends, |at| {
                asked.set(asked.get() + 1);
                Ok(at.next.0 > cut_at)
            });
            let expected = match count.checked_sub(1) {
                Some(last) if last as i64 > cut_at => Some(Some(Height(cut_at as u64))),
                _ => None,
            };
            prop_assert_eq!(kept.unwrap(), expected);
            prop_assert!(asked.get() <= 9);
        }
    }
}
