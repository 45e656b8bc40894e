//! `files`: the segments that links name. Query tools need this list, because the folder may hold more: an interrupted
//! writer's orphans or objects by others. Walks the chains; reads no segment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::mpsc;

use crate::app::verify::VerifyError;
use crate::reading::bucket::Bucket;
use crate::reading::log_listing::{LogKeys, walk_log, walk_newer};
use crate::reading::notes::{add_newer_links, read_identity, walk_links};
use crate::record::position::Height;
use crate::store::Store;
use crate::verify::chain::Accepted;
use crate::verify::claims;
use crate::verify::given::Given;
use crate::verify::log_walk::LogWalk;
use crate::verify::trust::{Brought, Trust};
use crate::verify::verdict::Verdict;

/// Links in the queue between the walks and the list.
const QUEUE: usize = 256;

/// One segment that a link names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The segment's key, relative to the prefix.
    pub key: String,
    /// The first offset of its link.
    pub first_offset: i64,
    /// The next offset of its link.
    pub next_offset: i64,
    /// The number of records.
    pub records: u64,
    /// Its length in bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes.
    pub sha256: String,
}

/// The segments of an archive.
#[derive(Debug, Serialize)]
pub struct Files {
    /// The bucket and prefix, or the directory.
    pub location: String,
    /// The verdict on the chains; nothing else was checked.
    pub chains: Verdict,
    /// All topics of the archive.
    #[serde(skip)]
    pub topics: BTreeSet<String>,
    /// Sorted by topic, partition and offset.
    pub files: Vec<File>,
}

/// Lists the segments of all chains, or of those of one topic.
///
/// # Errors
/// The store could not be listed.
pub async fn files(store: Arc<dyn Store>, given: &Given, topic: Option<&str>) -> Result<Files, VerifyError> {
    let (bucket, inventory, mut findings) = Bucket::list(store).await.map_err(VerifyError::Store)?;
    let bucket = Arc::new(bucket);
    let (mut files, mut topics) = (Vec::new(), BTreeSet::new());
    if let Some((of, history)) = read_identity(&bucket, &inventory, &mut findings).await {
        let mut walk = LogWalk::new(history);
        let listed = LogKeys {
            entries: inventory.entries,
            checkpoints: inventory.checkpoints,
        };
        walk_log(&bucket, listed.clone(), &mut walk)
            .await
            .map_err(VerifyError::Store)?;
        let mut claims = claims::of_log(&walk);
        let mut partitions = inventory.partitions;
        for partition in claims.keys() {
            partitions.entry(partition.clone()).or_default();
        }
        topics.extend(partitions.keys().map(|partition| partition.topic.to_string()));
        partitions.retain(|partition, _| topic.is_none_or(|topic| *topic == *partition.topic));
        // The log is listed after the links, and names some that were not there yet.
        for (partition, shelf) in &mut partitions {
            add_newer_links(&bucket, partition, shelf)
                .await
                .map_err(VerifyError::Store)?;
        }
        walk_newer(&bucket, &mut walk, &listed)
            .await
            .map_err(VerifyError::Store)?;
        let brought = Brought {
            keys: given.keys.clone(),
            ..Brought::default()
        };
        let removals = walk.removals();
        let trust = Arc::new(Trust::new(of, &walk, &brought));
        for finding in trust.findings(&walk, trust.has_given_key()) {
            findings.push(finding);
        }
        findings.append(walk.finish(&BTreeMap::new()));
        for (partition, shelf) in partitions {
            let (accepted, queue) = mpsc::channel(QUEUE);
            let claims = claims.remove(&partition).unwrap_or_default();
            let walk = walk_links(&bucket, &trust, &partition, (shelf, claims), accepted);
            let below = removals.get(&partition).and_then(|removals| removals.last());
            let below = below.map_or(Height(0), |removal| removal.below);
            let (chain, owned) = futures::join!(walk, collect(queue, below));
            findings.append(chain.findings);
            files.extend(owned);
        }
    }
    Ok(Files {
        location: bucket.location(),
        chains: Verdict::of(&findings),
        topics,
        files,
    })
}

/// The segments of these links. Below `removed`, those that are gone are left out.
async fn collect(mut queue: mpsc::Receiver<Accepted>, removed: Height) -> Vec<File> {
    let mut files = Vec::new();
    while let Some(accepted) = queue.recv().await {
        let link = &accepted.signed.link;
        if link.height < removed && !accepted.segment_listed {
            continue;
        }
        files.extend(link.segment.as_ref().map(|segment| File {
            topic: link.topic.clone(),
            partition: link.partition,
            key: segment.key.clone(),
            first_offset: link.first_offset.0,
            next_offset: link.next_offset.0,
            records: link.record_count,
            bytes: segment.bytes,
            sha256: segment.sha256.to_string(),
        }));
    }
    files
}
