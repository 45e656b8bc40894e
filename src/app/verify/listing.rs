//! Listing a bucket for a verification: everything, many ranges of keys at a time; or only what stands above the heights of a
//! checkpoint, in a number of requests that does not grow with what stands below. Never reads an object.

use std::pin::pin;

use futures::{TryStreamExt as _, stream};

use crate::app::folders::{next_place, partitions};
use crate::model::position::TopicPartition;
use crate::segment::checkpoint::Checkpoint;
use crate::segment::key::{CHECKPOINTS, Key, LINKS, SEGMENTS, links_of, segments_of};
use crate::store::{Store, StoreError};

/// Keys asked for at a time: what S3 gives at most.
pub(super) const PAGE: usize = 1000;
/// Folders listed at a time.
const FOLDERS: usize = 16;

/// Every key, in the order of their bytes, a page at a time. What stands below `links/` is listed last: a segment or checkpoint that was
/// listed has its link listed, if it has one, whatever writers add meanwhile.
pub(super) async fn all(store: &dyn Store, mut take: impl FnMut(&str)) -> Result<(), StoreError> {
    sweep(store, None, Some(LINKS), &mut take).await?;
    sweep(store, Some(LINKS), None, &mut take).await
}

/// The keys greater than `after`, up to and with `until`. Where a page ends within a partition's folder, what is left of the
/// folder is listed beside, and the next page begins behind it.
async fn sweep(
    store: &dyn Store,
    after: Option<&str>,
    until: Option<&str>,
    take: &mut impl FnMut(&str),
) -> Result<(), StoreError> {
    let begin = Some(after.map(str::to_owned));
    let pages = stream::try_unfold(begin, |cursor| async move {
        let Some(after) = cursor else { return Ok(None) };
        let page = one_page(store, "", after.as_deref(), until).await?;
        let next = page.left.then(|| page.keys.last().cloned()).flatten();
        let rest = next
            .as_deref()
            .and_then(|last| Some((folder_of(last)?, last.to_owned())));
        let next = rest.as_ref().map(|(folder, _)| end_of(folder)).or(next);
        Ok(Some(((page.keys, rest), next.map(Some))))
    });
    let listed = pages
        .map_ok(|(keys, rest)| async move {
            let left = match rest {
                Some((folder, last)) => rest_of(store, &folder, last).await?,
                None => Vec::new(),
            };
            Ok((keys, left))
        })
        .try_buffered(FOLDERS);
    let mut listed = pin!(listed);
    while let Some((keys, left)) = listed.try_next().await? {
        keys.iter().chain(&left).for_each(|key| take(key));
    }
    Ok(())
}

/// What is left of a folder, up to its end.
async fn rest_of(store: &dyn Store, folder: &str, last: String) -> Result<Vec<String>, StoreError> {
    let end = end_of(folder);
    let mut keys = Vec::new();
    let mut after = last;
    loop {
        let page = one_page(store, folder, Some(&after), Some(&end)).await?;
        keys.extend(page.keys);
        match keys.last().filter(|_| page.left) {
            Some(last) => after.clone_from(last),
            None => return Ok(keys),
        }
    }
}

struct Page {
    keys: Vec<String>,
    /// Whether more may stand there.
    left: bool,
}

async fn one_page(
    store: &dyn Store,
    prefix: &str,
    after: Option<&str>,
    until: Option<&str>,
) -> Result<Page, StoreError> {
    let page = store.list(prefix, after, PAGE).await?;
    let listed = page.len();
    let within = |key: &String| until.is_none_or(|until| key.as_str() <= until);
    let keys: Vec<String> = page.into_iter().map(|entry| entry.key).take_while(within).collect();
    Ok(Page {
        left: listed == PAGE && keys.len() == listed,
        keys,
    })
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

/// What sorts after every name that an archive gives in a folder: '~' is greater than every character of one.
fn end_of(folder: &str) -> String {
    format!("{folder}~")
}

/// The partition's folder in which a key stands, if it has a link's or a segment's name.
fn folder_of(key: &str) -> Option<String> {
    match key.parse() {
        Ok(Key::Link(place, _)) => Some(links_of(&place.partition)),
        Ok(Key::Segment(place, _)) => Some(segments_of(&place.partition)),
        _ => None,
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
                for offset in 0..if number == 10 { 2300 } else { 5 } {
                    let partition = TopicPartition::new(topic, number);
                    expected.push(format!("{}0000-{offset:020}.note", links_of(&partition)));
                    expected.push(format!("{}0000-{offset:020}.parquet", segments_of(&partition)));
                }
                expected.extend(
                    ["junk", "~", "~~", "ü"]
                        .map(|name| format!("{}{name}", links_of(&TopicPartition::new(topic, number)))),
                );
            }
        }
        for key in &expected {
            store.plant(key, Bytes::from_static(b"x"));
        }
        expected.sort_unstable();
        let mut listed = Vec::new();
        all(&store, |key| listed.push(key.to_owned())).await.unwrap();
        let links_begin = listed.iter().position(|key| key.as_str() > LINKS).unwrap();
        assert!(listed[..links_begin].iter().all(|key| key.as_str() <= LINKS));
        listed.sort_unstable();
        assert_eq!(listed, expected);
    }
}
