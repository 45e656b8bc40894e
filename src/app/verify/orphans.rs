//! Reads segments that no link names, and the segments of links with the same ranges, to tell orphans from forgeries.

use crate::log::object_key::Place;
use crate::reading::bucket::Bucket;
use crate::record::hash::Hash;
use crate::record::position::{Epoch, Height, TopicPartition};
use crate::verify::candidates::Unread;
use crate::verify::chain::{Chain, Range};
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::Slot;
use crate::verify::orphans::{Claimed, NotOrphan};
use crate::verify::segments::leaves;

/// How many are read. Accidents leave fewer; more are reported as unnamed segments without being read.
const EXAMINED: usize = 20;

/// Judges the segments at places of this chain that its links do not name.
/// Links below `removed` may be without their segments.
pub async fn judge(bucket: &Bucket, chain: &Chain, removed: Height) -> Findings {
    let mut findings = Findings::default();
    for (index, slot) in chain.unnamed.iter().enumerate() {
        let copied = if index < EXAMINED {
            examine(bucket, chain, slot, removed).await
        } else {
            Err(NotOrphan(
                "there are too many such segments to read them all".to_owned(),
            ))
        };
        let finding = match copied {
            Ok(Compared::Equal) => Finding::new(
                Code::OrphanSegment,
                "all of its records are in segments that links name",
            ),
            Ok(Compared::Removed) => Finding::new(
                Code::OrphanSegment,
                "it cannot be compared, because a retention change let the records of its range be removed",
            ),
            Err(why) => Finding::new(Code::UnnamedSegment, format!("no link names this segment: {why}")),
        };
        let key = slot.place(&chain.partition).segment(slot.attempt);
        findings.push(finding.of(&chain.partition).object(key));
    }
    findings
}

/// How far an orphan was compared.
enum Compared {
    Equal,
    /// Segments of its range were removed.
    Removed,
}

async fn examine(bucket: &Bucket, chain: &Chain, slot: &Slot, removed: Height) -> Result<Compared, NotOrphan> {
    let partition = &chain.partition;
    let key = slot.place(partition).segment(slot.attempt).to_string();
    let bytes = bucket.get_listed(&key).await.map_err(not_read)?;
    let (of, at) = (partition.clone(), *slot);
    let claimed = blocking(move || Claimed::read(bytes, &of, &at)).await?;
    claimed.check_range()?;
    let mut compared = Compared::Equal;
    for range in claimed.overlapping(chain.ranges_of(slot.epoch))? {
        match archived(bucket, partition, slot.epoch, range).await? {
            Some(archived) => claimed.compare(range, &archived)?,
            None if range.height < removed => compared = Compared::Removed,
            None => return Err(NotOrphan("a segment of its range is missing".to_owned())),
        }
    }
    Ok(compared)
}

/// The archived records of a range; `None` if its segment does not exist.
async fn archived(
    bucket: &Bucket,
    partition: &TopicPartition,
    epoch: Epoch,
    range: &Range,
) -> Result<Option<Vec<(i64, Hash)>>, NotOrphan> {
    let Some(attempt) = range.segment else {
        return Ok(Some(Vec::new()));
    };
    let place = Place {
        partition: partition.clone(),
        epoch,
        first_offset: range.first_offset,
    };
    let key = place.segment(attempt).to_string();
    let Some(bytes) = bucket.get(&key).await.map_err(not_read)? else {
        return Ok(None);
    };
    let (of, offsets) = (partition.clone(), range.first_offset.0..range.next_offset.0);
    let read = blocking(move || leaves(bytes, &of, offsets).map_err(|unreadable| NotOrphan(unreadable.to_string())));
    read.await.map(Some)
}

fn not_read(why: Unread) -> NotOrphan {
    NotOrphan(why.to_string())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotOrphan> + Send + 'static,
) -> Result<T, NotOrphan> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(NotOrphan(error.to_string())))
}
