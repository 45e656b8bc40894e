//! `files`: the segments that links name. Query tools need this list, because the folder may hold more: an interrupted
//! writer's orphans or objects by others. Walks the chains; reads no segment.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::mpsc;

use crate::app::verify::VerifyError;
use crate::log::signed_note::VerifyingKey;
use crate::reading::bucket::Bucket;
use crate::reading::notes::{read_trust, walk_links};
use crate::store::Store;
use crate::verify::chain::Accepted;
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
    /// Sorted by topic, partition and offset.
    pub files: Vec<File>,
}

/// Lists the segments of all chains, or of those of one topic.
///
/// # Errors
/// The store could not be listed.
pub async fn files(store: Arc<dyn Store>, keys: &[VerifyingKey], topic: Option<&str>) -> Result<Files, VerifyError> {
    let (bucket, inventory, mut findings) = Bucket::list(store).await.map_err(VerifyError::Store)?;
    let bucket = Arc::new(bucket);
    let mut files = Vec::new();
    if let Some(trust) = read_trust(&bucket, &inventory, keys, &mut findings).await {
        let trust = Arc::new(trust);
        for (partition, shelf) in inventory.partitions {
            if topic.is_some_and(|topic| *topic != *partition.topic) {
                continue;
            }
            let (accepted, queue) = mpsc::channel(QUEUE);
            let walk = walk_links(&bucket, &trust, &partition, (shelf, Vec::new()), accepted);
            let (chain, owned) = futures::join!(walk, collect(queue));
            findings.append(chain.findings);
            files.extend(owned);
        }
    }
    Ok(Files {
        location: bucket.location(),
        chains: Verdict::of(&findings),
        files,
    })
}

async fn collect(mut queue: mpsc::Receiver<Accepted>) -> Vec<File> {
    let mut files = Vec::new();
    while let Some(accepted) = queue.recv().await {
        let link = &accepted.signed.link;
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
