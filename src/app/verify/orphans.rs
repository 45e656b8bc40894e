//! Reads the segments that no link names, and the links' own of the same ranges, to tell copies from forgeries. Few are
//! read: honest archivers leave one in a blue moon.

use crate::log::object_key::Place;
use crate::reading::bucket::Bucket;
use crate::record::hash::Hash;
use crate::record::position::{Epoch, TopicPartition};
use crate::verify::chain::{Chain, Range};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::Slot;
use crate::verify::orphans::{Claimed, NoCopy};
use crate::verify::segments::leaves;

/// More of them than any accident leaves are called what they are without a look at each.
const EXAMINED: usize = 20;

/// Judges the segments at places of this chain that its links do not name.
pub async fn judge(bucket: &Bucket, chain: &Chain) -> Findings {
    let mut findings = Findings::default();
    for (index, slot) in chain.unnamed.iter().enumerate() {
        let copied = if index < EXAMINED {
            examine(bucket, chain, slot).await
        } else {
            Err(NoCopy("there are too many of them".to_owned()))
        };
        let finding = match copied {
            Ok(()) => Finding::new(Code::CopiedSegment, "it holds what links hold, and no link names it"),
            Err(why) => Finding::new(Code::UnnamedSegment, format!("no link names this segment: {why}")),
        };
        let key = slot.place(&chain.partition).segment(slot.attempt);
        findings.push(finding.of(&chain.partition).object(key));
    }
    findings
}

async fn examine(bucket: &Bucket, chain: &Chain, slot: &Slot) -> Result<(), NoCopy> {
    let partition = &chain.partition;
    let bytes = bucket
        .get_listed(&slot.place(partition).segment(slot.attempt).to_string())
        .await
        .map_err(NoCopy)?;
    let (of, at) = (partition.clone(), *slot);
    let claimed = blocking(move || Claimed::read(bytes, &of, &at)).await?;
    claimed.must_keep_to_its_range()?;
    for range in claimed.overlapping(chain.ranges_of(slot.epoch))? {
        let archived = archived(bucket, partition, (slot.epoch, range)).await?;
        claimed.compare(range, &archived)?;
    }
    Ok(())
}

async fn archived(
    bucket: &Bucket,
    partition: &TopicPartition,
    (epoch, range): (Epoch, &Range),
) -> Result<Vec<(i64, Hash)>, NoCopy> {
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
        .map_err(NoCopy)?;
    let of = partition.clone();
    blocking(move || leaves(bytes, &of).map_err(|unreadable| NoCopy(unreadable.to_string()))).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, NoCopy> + Send + 'static) -> Result<T, NoCopy> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(NoCopy(error.to_string())))
}
