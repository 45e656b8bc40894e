//! Reads segments that no link names, and the segments of links with the same ranges, to tell orphans from forgeries.

use crate::log::object_key::Place;
use crate::reading::bucket::Bucket;
use crate::record::hash::Hash;
use crate::record::position::{Epoch, TopicPartition};
use crate::verify::chain::{Chain, Range};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::Slot;
use crate::verify::orphans::{Claimed, NotOrphan};
use crate::verify::segments::leaves;

/// How many are read. Accidents leave fewer; more are reported as unnamed segments without being read.
const EXAMINED: usize = 20;

/// Judges the segments at places of this chain that its links do not name.
pub async fn judge(bucket: &Bucket, chain: &Chain) -> Findings {
    let mut findings = Findings::default();
    for (index, slot) in chain.unnamed.iter().enumerate() {
        let copied = if index < EXAMINED {
            examine(bucket, chain, slot).await
        } else {
            Err(NotOrphan(
                "there are too many such segments to read them all".to_owned(),
            ))
        };
        let finding = match copied {
            Ok(()) => Finding::new(
                Code::OrphanSegment,
                "all of its records are in segments that links name",
            ),
            Err(why) => Finding::new(Code::UnnamedSegment, format!("no link names this segment: {why}")),
        };
        let key = slot.place(&chain.partition).segment(slot.attempt);
        findings.push(finding.of(&chain.partition).object(key));
    }
    findings
}

async fn examine(bucket: &Bucket, chain: &Chain, slot: &Slot) -> Result<(), NotOrphan> {
    let partition = &chain.partition;
    let bytes = bucket
        .get_listed(&slot.place(partition).segment(slot.attempt).to_string())
        .await
        .map_err(NotOrphan)?;
    let (of, at) = (partition.clone(), *slot);
    let claimed = blocking(move || Claimed::read(bytes, &of, &at)).await?;
    claimed.check_range()?;
    for range in claimed.overlapping(chain.ranges_of(slot.epoch))? {
        let archived = archived(bucket, partition, slot.epoch, range).await?;
        claimed.compare(range, &archived)?;
    }
    Ok(())
}

async fn archived(
    bucket: &Bucket,
    partition: &TopicPartition,
    epoch: Epoch,
    range: &Range,
) -> Result<Vec<(i64, Hash)>, NotOrphan> {
    let Some(attempt) = range.segment else {
        return Ok(Vec::new());
    };
    let place = Place {
        partition: partition.clone(),
        epoch,
        first_offset: range.first_offset,
    };
    let bytes = bucket
        .get_listed(&place.segment(attempt).to_string())
        .await
        .map_err(NotOrphan)?;
    let of = partition.clone();
    blocking(move || leaves(bytes, &of).map_err(|unreadable| NotOrphan(unreadable.to_string()))).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotOrphan> + Send + 'static,
) -> Result<T, NotOrphan> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(NotOrphan(error.to_string())))
}
