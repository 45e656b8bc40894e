//! What a restore of a topic would do: reads and checks every segment, and sends nothing.

use crate::app::restore::plan::TopicPlan;
use crate::app::restore::report::{Refusal, Share};
use crate::app::restore::segments::{self, Checked, unreadable};
use crate::app::restore::shared::Shared;
use crate::app::restore::target::Target;
use crate::record::record::Record;
use crate::task::error::AppError;

/// Counts the records of a topic, and those that the target would refuse. Blocks.
pub(super) fn of_topic(shared: &Shared, plan: &TopicPlan, target: &Target) -> Result<Share, AppError> {
    let mut share = plan.share();
    share.topic.created = target.is_created;
    share.topic.deleted_by_retention = target.deleted_by_retention;
    let marks = vec![None; plan.partitions.len()];
    let mut segments = segments::read(&shared.archive, plan, &marks, shared.request.damage);
    while let Some(checked) = segments.blocking_recv() {
        let checked = checked?;
        let Some(segment) = &checked.segment else {
            share.removed += checked.removed();
            continue;
        };
        let before = share.topic.records;
        segment
            .for_each_record(|record| count(shared, target, &mut share, (&checked, record)))
            .map_err(|error| unreadable(&checked.link, &error))?;
        shared.restoring.advance(share.topic.records - before);
        if shared.is_over() {
            break;
        }
    }
    Ok(share)
}

fn count(shared: &Shared, target: &Target, share: &mut Share, (checked, record): (&Checked, &Record<'_>)) {
    if !shared.request.span.covers(record.timestamp.ms()) {
        return;
    }
    let limits = target.limits.as_ref();
    let now_ms = shared.clock.wall().as_millisecond();
    if let Some(reason) = limits.and_then(|limits| limits.refusal(record, now_ms)) {
        share.refuse(Refusal {
            topic: checked.link.topic.clone(),
            partition: checked.link.partition,
            offset: record.offset,
            reason,
        });
        return;
    }
    share.topic.records += 1;
    share.bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
    share.restamped += u64::from(matches!(record.timestamp.ms(), None | Some(0)));
    share.times.add(record.timestamp.ms());
}
