//! Finds a record in its segment, and collects what proves it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::app::similar::nearest;
use crate::json::{Reader, Value};
use crate::log::proof::{Proof, RecordProof};
use crate::reading::archive::{Archive, text};
use crate::record::hash::Hash;
use crate::record::merkle::leaf_hash;
use crate::record::merkle::path::inclusion_path;
use crate::record::position::{Epoch, TopicPartition};
use crate::record::record::{LeafHasher, Record};
use crate::segment::decode::Segment;
use crate::task::error::AppError;
use crate::verify::chain::Accepted;
use crate::verify::proof_parts::leaf_index;

/// The member of an event that holds its id.
const EVENT_ID: &str = "event_id";

/// Proves the record at an offset.
pub async fn prove_offset(
    archive: &Archive,
    partition: &TopicPartition,
    offset: i64,
    epoch: Option<Epoch>,
) -> Result<Proof, AppError> {
    let chain = archive.chain(partition).await?;
    let owner = owner(archive, &chain, partition, (offset, epoch))?;
    let segment = archive.segment(&owner.signed.link).await?;
    let found = read_leaves(partition.clone(), segment, offset).await?;
    collect(archive, &chain, owner, offset, found).await
}

/// Proves the first record whose event has this id.
pub async fn prove_event(archive: &Archive, id: &str) -> Result<Proof, AppError> {
    for partition in archive.partitions() {
        let chain = archive.chain(&partition).await?;
        for owner in &chain {
            if owner.signed.link.segment.is_none() {
                continue;
            }
            let segment = archive.segment(&owner.signed.link).await?;
            if let Some(offset) = find_event(segment.clone(), id.to_owned()).await? {
                let found = read_leaves(partition.clone(), segment, offset).await?;
                return collect(archive, &chain, owner, offset, found).await;
            }
        }
    }
    Err(AppError::input(format!("no archived event has this id: `{id}`"))
        .fix("if it was sent just now, wait for the archiver or run `kivend archive`"))
}

/// The link whose range has the offset. The error says why there is no record to prove.
fn owner<'c>(
    archive: &Archive,
    chain: &'c [Accepted],
    partition: &TopicPartition,
    (offset, epoch): (i64, Option<Epoch>),
) -> Result<&'c Accepted, AppError> {
    let of_epoch = |accepted: &&Accepted| epoch.is_none_or(|epoch| accepted.signed.link.epoch == epoch);
    let has = |accepted: &&Accepted| {
        let link = &accepted.signed.link;
        (link.first_offset.0..link.next_offset.0).contains(&offset)
    };
    let Some(head) = chain.iter().rfind(of_epoch) else {
        let partitions = archive.partitions();
        let near = nearest(&partition.topic, partitions.iter().map(|known| &*known.topic));
        let meant = match near.filter(|near| *near != &*partition.topic) {
            Some(near) => format!(", did you mean the topic `{near}`?"),
            None => String::new(),
        };
        return Err(AppError::input(format!(
            "the archive has no records of this partition: {partition}{meant}"
        ))
        .fix("`kivend verify` lists the topics of the archive; if the partition is right, run `kivend archive`"));
    };
    // A topic that was deleted and created again can have the offset in several epochs; the newest is meant.
    let Some(owner) = chain.iter().filter(of_epoch).rfind(has) else {
        let end = head.signed.link.next_offset;
        return Err(AppError::input(format!(
            "the record is not archived yet: {partition} offset {offset}; the archive ends before offset {end}"
        ))
        .fix("wait for the archiver or run `kivend archive`; `kivend topics list` shows how many records Kafka has"));
    };
    let link = &owner.signed.link;
    if link.lost.is_some() {
        return Err(AppError::input(format!(
            "the record was lost: Kafka deleted {partition} offset {offset} before it was archived, as the signed link {} declares",
            owner.key
        ))
        .fix("look for the record in another copy of the topic"));
    }
    if leaf_index(link, offset).is_none() {
        return Err(AppError::input(format!(
            "there is no record at this offset: Kafka delivered none at {partition} offset {offset} when it was archived"
        ))
        .fix("the offset was a transaction marker, an aborted record or a compacted one; use a neighbouring offset"));
    }
    Ok(owner)
}

/// Collects what proves the record at `offset` in the segment of `owner`.
async fn collect(
    archive: &Archive,
    chain: &[Accepted],
    owner: &Accepted,
    offset: i64,
    found: FoundRecord,
) -> Result<Proof, AppError> {
    let FoundRecord { encoding, leaves } = found;
    let link = &owner.signed.link;
    let partition = &link.topic_partition();
    let index = usize::try_from(leaf_index(link, offset).unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    if leaves.get(index) != Some(&leaf_hash(&encoding)) {
        let key = &owner.key;
        return Err(AppError::corrupt(format!(
            "the records of the segment are not those that its link signs: {key}"
        )));
    }
    let height = link.height.0;
    let uncovered = || {
        AppError::input(format!(
            "no checkpoint covers the record yet: {partition} offset {offset} is in the link at height {height}"
        ))
        .fix("run `kivend checkpoint`, or wait for the archiver to sign the next one")
    };
    let number = archive.first_covering(partition, link.height).ok_or_else(uncovered)?;
    let checkpoint = archive.checkpoint_over(number).await?.ok_or_else(uncovered)?;
    let entry = archive.entry(number).await?;
    let internal = |error: serde_json::Error| AppError::internal(error.to_string());
    let at = entry.heads.iter().position(|head| head.partition == *partition);
    let (head_index, head) = at
        .and_then(|at| Some((at, entry.heads.get(at)?)))
        .ok_or_else(uncovered)?;
    let end = usize::try_from(head.height.0.saturating_add(1))
        .unwrap_or(usize::MAX)
        .min(chain.len());
    let log: Vec<Hash> = chain[..end].iter().map(|link| link.leaf).collect();
    let missing = || AppError::corrupt(format!("the link is missing: {}", owner.key));
    let note = archive.get(&owner.key).await?.ok_or_else(missing)?;
    let log_leaves = archive.leaves(checkpoint.named.number.saturating_add(1));
    let index_of = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Proof::Record(Box::new(RecordProof {
        record: BASE64.encode(&encoding),
        record_index: index as u64,
        record_path: inclusion_path(&leaves, index),
        link: text(&note)?,
        link_path: inclusion_path(&log, index_of(height)),
        head: head.clone(),
        head_index: head_index as u64,
        head_path: inclusion_path(&entry.head_leaves().map_err(internal)?, head_index),
        leaf: entry.leaf().and_then(|leaf| leaf.to_text()).map_err(internal)?,
        leaf_path: inclusion_path(log_leaves, index_of(number)),
        changes: archive.changes(checkpoint.named.number),
        checkpoint: checkpoint.note,
        archive: archive.identity()?,
        first: archive.first().await?,
    })))
}

/// A record in its segment.
struct FoundRecord {
    /// The record's encoding; empty if there is no record at the offset.
    encoding: Vec<u8>,
    /// The leaves of all records of the segment.
    leaves: Vec<Hash>,
}

async fn read_leaves(partition: TopicPartition, segment: Bytes, offset: i64) -> Result<FoundRecord, AppError> {
    decoding(segment, move |segment| {
        let mut hasher = LeafHasher::new(&partition);
        let (mut encoding, mut leaves) = (Vec::new(), Vec::new());
        segment.for_each_record(|record| {
            leaves.push(hasher.leaf(record));
            if record.offset == offset {
                encoding = hasher.encoding(record).to_vec();
            }
        })?;
        Ok(FoundRecord { encoding, leaves })
    })
    .await
}

/// The offset of the first record whose event has this id.
async fn find_event(segment: Bytes, id: String) -> Result<Option<i64>, AppError> {
    decoding(segment, move |segment| {
        let (mut reader, mut found) = (Reader::default(), None);
        segment.for_each_record(|record| {
            if found.is_none() && is_event(&mut reader, record, &id) {
                found = Some(record.offset);
            }
        })?;
        Ok(found)
    })
    .await
}

fn is_event(reader: &mut Reader<bool>, record: &Record<'_>, id: &str) -> bool {
    let Some(value) = record.value.and_then(|value| std::str::from_utf8(value).ok()) else {
        return false;
    };
    // Most values do not contain the id and need not be parsed. An id that is written with escapes is not found.
    if memchr::memmem::find(value.as_bytes(), id.as_bytes()).is_none() {
        return false;
    }
    let mut found = false;
    let read = reader.read(
        value,
        |name| name == EVENT_ID,
        |is_id, member| {
            if let (true, Value::String(text)) = (is_id, member) {
                found |= text.decoded() == id;
            }
        },
    );
    read.is_ok() && found
}

/// Decodes on a separate thread, so that other requests continue.
async fn decoding<T: Send + 'static>(
    object: Bytes,
    read: impl FnOnce(&Segment) -> Result<T, crate::segment::error::Unreadable> + Send + 'static,
) -> Result<T, AppError> {
    let reading = tokio::task::spawn_blocking(move || read(&Segment::open(object)?));
    reading
        .await
        .map_err(|error| AppError::internal(error.to_string()))?
        .map_err(|error| AppError::corrupt(format!("the segment cannot be read: {error}")))
}
