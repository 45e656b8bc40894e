//! Listing a bucket for a verification: everything, many ranges of keys at a time; or only what stands above the heights of a
//! checkpoint, in a number of requests that does not grow with what stands below. Never reads an object.

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::app::folders::{next_place, partitions};
use crate::model::position::TopicPartition;
use crate::segment::checkpoint::Checkpoint;
use crate::segment::key::{CHECKPOINTS, LINKS, SEGMENTS, links_of, segments_of};
use crate::store::{Store, StoreError};

/// Keys asked for at a time: what S3 gives at most.
pub(super) const PAGE: usize = 1000;
/// Ranges listed at a time.
const RANGES: usize = 16;

/// A stretch of keys: those greater than `after`, up to and with `until`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    after: Option<String>,
    until: Option<String>,
}

/// Every key. What stands below `links/` is listed last: a segment or checkpoint that was listed has its link listed, if it has
/// one, whatever writers add meanwhile.
pub(super) async fn all(store: &dyn Store) -> Result<Vec<String>, StoreError> {
    let folders = |found: Vec<TopicPartition>, folder: fn(&TopicPartition) -> String| {
        let mut folders: Vec<String> = found.iter().map(folder).collect();
        folders.sort_unstable();
        folders
    };
    let segments = folders(partitions(store, SEGMENTS).await?, segments_of);
    let mut keys = ranges(store, cut(None, segments, Some(LINKS.to_owned()))).await?;
    let links = folders(partitions(store, LINKS).await?, links_of);
    keys.extend(ranges(store, cut(Some(LINKS.to_owned()), links, None)).await?);
    Ok(keys)
}

/// What one prefix holds beyond a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beyond {
    /// What the keys begin with.
    pub(super) prefix: String,
    /// The keys are greater than this.
    pub(super) after: Option<String>,
}

/// What is to be listed beyond a checkpoint: later checkpoints and itself, and in each partition, known to it or not, what
/// stands at its head's next offset or later. In this order.
pub(super) async fn beyond(store: &dyn Store, base: &Checkpoint) -> Result<Vec<Beyond>, StoreError> {
    let first = format!("{CHECKPOINTS}{:010}", base.number);
    let mut prefixes = vec![Beyond {
        prefix: CHECKPOINTS.to_owned(),
        after: Some(first),
    }];
    for (folder, of) in [
        (SEGMENTS, segments_of as fn(&TopicPartition) -> String),
        (LINKS, links_of),
    ] {
        let mut found = partitions(store, folder).await?;
        found.extend(base.heads.iter().map(|head| head.partition.clone()));
        found.sort_unstable();
        found.dedup();
        prefixes.extend(found.iter().map(|partition| {
            let prefix = of(partition);
            let after = base
                .head(partition)
                .map(|head| format!("{prefix}{}", next_place(head).stem()));
            Beyond { prefix, after }
        }));
    }
    Ok(prefixes)
}

fn cut(after: Option<String>, at: Vec<String>, until: Option<String>) -> Vec<Range> {
    let mut ranges = Vec::with_capacity(at.len() + 1);
    let mut from = after;
    for edge in at {
        ranges.push(Range {
            after: from.replace(edge.clone()),
            until: Some(edge),
        });
    }
    ranges.push(Range { after: from, until });
    ranges
}

async fn ranges(store: &dyn Store, ranges: Vec<Range>) -> Result<Vec<String>, StoreError> {
    let listed: Vec<Vec<String>> = stream::iter(ranges)
        .map(|range| one_range(store, range))
        .buffered(RANGES)
        .try_collect()
        .await?;
    Ok(listed.into_iter().flatten().collect())
}

async fn one_range(store: &dyn Store, range: Range) -> Result<Vec<String>, StoreError> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let after = keys.last().or(range.after.as_ref()).cloned();
        let page = store.list("", after.as_deref(), PAGE).await?;
        let is_full = page.len() == PAGE;
        let within = |key: &str| range.until.as_deref().is_none_or(|until| key <= until);
        let before = keys.len();
        let whole = page.len();
        keys.extend(page.into_iter().map(|entry| entry.key).take_while(|key| within(key)));
        if !is_full || keys.len() - before < whole {
            return Ok(keys);
        }
    }
}

/// The keys of one prefix.
pub(super) async fn under(store: &dyn Store, beyond: &Beyond) -> Result<Vec<String>, StoreError> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let after = keys.last().or(beyond.after.as_ref()).cloned();
        let page = store.list(&beyond.prefix, after.as_deref(), PAGE).await?;
        let is_full = page.len() == PAGE;
        keys.extend(page.into_iter().map(|entry| entry.key));
        if !is_full {
            return Ok(keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::memory::MemoryStore;

    #[tokio::test]
    async fn every_key_is_listed_once_however_it_is_cut() {
        let store = MemoryStore::new();
        let mut expected = Vec::new();
        for key in [
            "archive.json",
            "checkpoints/0000000000.note",
            "data/x",
            "links",
            "links/",
            "links/t",
            "links/t/0/",
            "zebra",
        ] {
            expected.push(key.to_owned());
        }
        for topic in ["a", "a-b", "a.b", "b"] {
            for number in [0, 1, 10, 2] {
                for offset in 0..5 {
                    let partition = TopicPartition::new(topic, number);
                    expected.push(format!("{}0000-{offset:020}.note", links_of(&partition)));
                    expected.push(format!("{}0000-{offset:020}.parquet", segments_of(&partition)));
                }
            }
        }
        for key in &expected {
            store.plant(key, Bytes::from_static(b"x"));
        }
        expected.sort_unstable();
        let mut listed = all(&store).await.unwrap();
        let links_begin = listed.iter().position(|key| key.as_str() > LINKS).unwrap();
        assert!(listed[..links_begin].iter().all(|key| key.as_str() <= LINKS));
        listed.sort_unstable();
        assert_eq!(listed, expected);
    }
}
