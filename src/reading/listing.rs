//! Listing a bucket for verification: all objects, in many ranges of keys at the same time, or only the objects after a
//! checkpoint, in a number of requests that does not depend on the objects before it.

use std::pin::pin;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::log::head::{Head, head_of};
use crate::log::object_key::{CHECKPOINTS, COSIGNATURES, Key, LINKS, LOG, Place, SEGMENTS, links_of, segments_of};
use crate::reading::folders::{next_place, partitions};
use crate::record::position::TopicPartition;
use crate::store::pages::{self, PAGE};
use crate::store::{Entry, Store, StoreError};

/// Folders that are listed at the same time.
const FOLDERS: usize = 16;
/// The most windows of a long folder that are listed at the same time. Their number starts at 2 and doubles, so that a
/// folder of two pages takes at most three requests.
const WINDOWS: usize = 16;
/// The number of keys that a window is sized for: somewhat fewer than a page.
const WINDOW_KEYS: i64 = 900;

/// Calls `take` with every object, in the order of their bytes up to `links/`. The keys under `links/` are listed last, so
/// that the links of listed segments and checkpoints are listed too while writers add objects.
pub(crate) async fn all(store: &dyn Store, mut take: impl FnMut(&Entry)) -> Result<(), StoreError> {
    sweep(store, None, Some(LINKS), &mut take).await?;
    sweep(store, Some(LINKS), None, &mut take).await
}

/// Calls `take` with the keys greater than `after`, up to and including `until`. If a page ends within a partition's
/// folder, the rest of that folder is listed concurrently, and the next page begins after it.
async fn sweep(
    store: &dyn Store,
    after: Option<&str>,
    until: Option<&str>,
    take: &mut impl FnMut(&Entry),
) -> Result<(), StoreError> {
    let begin = Some(after.map(str::to_owned));
    let pages = stream::try_unfold(begin, |cursor| async move {
        let Some(after) = cursor else { return Ok(None) };
        let page = one_page(store, "", after.as_deref(), until).await?;
        let next = page.left.then(|| Some(page.entries.last()?.key.clone())).flatten();
        let long = next.as_deref().and_then(folder_of);
        let next = long.as_deref().map(end_of).or(next);
        Ok(Some(((page.entries, long), next.map(Some))))
    });
    let listed = pages
        .map_ok(|(entries, long)| async move {
            let left = match long {
                Some(folder) => rest_of(store, &folder, &entries).await?,
                None => Vec::new(),
            };
            Ok((entries, left))
        })
        .try_buffered(FOLDERS);
    let mut listed = pin!(listed);
    while let Some((entries, left)) = listed.try_next().await? {
        entries.iter().chain(&left).for_each(&mut *take);
    }
    Ok(())
}

/// The keys of a folder after a page that ends in it. Their number is unknown, so some windows are listed at the same
/// time, each of about as many offsets as the last page had. The last window has no upper bound and shows whether more
/// keys follow.
async fn rest_of(store: &dyn Store, folder: &str, page: &[Entry]) -> Result<Vec<Entry>, StoreError> {
    let end = end_of(folder);
    let mut entries = Vec::new();
    let mut newest = page.to_vec();
    let mut count = 2;
    loop {
        let cuts = cuts(folder, &newest, count);
        let untils = cuts.iter().skip(1).map(Some).chain([None]);
        let windows = cuts.iter().zip(untils);
        let mut listed: Vec<Page> = stream::iter(windows)
            .map(|(after, until)| window(store, folder, after, until, &end))
            .buffered(WINDOWS)
            .try_collect()
            .await?;
        let last = listed.pop();
        listed.into_iter().for_each(|page| entries.extend(page.entries));
        match last {
            Some(page) if page.left => newest = page.entries,
            last => {
                entries.extend(last.into_iter().flat_map(|page| page.entries));
                return Ok(entries);
            }
        }
        entries.extend_from_slice(&newest);
        count = (count * 2).min(WINDOWS);
    }
}

/// The keys of a folder greater than `after`, up to and including `until`. Without `until`, one page up to `end`.
async fn window(
    store: &dyn Store,
    folder: &str,
    after: &str,
    until: Option<&String>,
    end: &str,
) -> Result<Page, StoreError> {
    let mut page = one_page(store, folder, Some(after), Some(until.map_or(end, String::as_str))).await?;
    let Some(until) = until else { return Ok(page) };
    let mut entries = std::mem::take(&mut page.entries);
    while let Some(last) = entries.last().filter(|_| page.left) {
        page = one_page(store, folder, Some(&last.key), Some(until)).await?;
        entries.append(&mut page.entries);
    }
    Ok(Page { entries, left: false })
}

/// The keys after which the windows following a page begin: its last key, and then steps of as many offsets as hold
/// [`WINDOW_KEYS`] keys at the page's density. If the keys are not those of one epoch, only the last key.
fn cuts(folder: &str, page: &[Entry], count: usize) -> Vec<String> {
    let mut cuts: Vec<String> = page.last().map(|last| last.key.clone()).into_iter().collect();
    let of_folder = page.partition_point(|entry| !entry.key.starts_with(folder));
    if let (Some(first), Some(last)) = (place(page.get(of_folder)), place(page.last()))
        && first.epoch == last.epoch
    {
        let (first, last, epoch) = (first.first_offset.0, last.first_offset.0, last.epoch.0);
        let keys = i64::try_from(page.len() - of_folder).unwrap_or(i64::MAX);
        let offsets = (last.saturating_sub(first) / keys).max(1).saturating_mul(WINDOW_KEYS);
        let begins = std::iter::successors(last.checked_add(offsets), |begin| begin.checked_add(offsets));
        cuts.extend(
            begins
                .take(count - 1)
                .map(|begin| format!("{folder}{epoch:04}-{begin:020}")),
        );
    }
    cuts
}

fn place(entry: Option<&Entry>) -> Option<Place> {
    match entry?.key.parse() {
        Ok(Key::Link(place, _) | Key::Segment(place, _)) => Some(place),
        _ => None,
    }
}

struct Page {
    entries: Vec<Entry>,
    /// Whether more keys may follow within the range.
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
    let within = |entry: &Entry| until.is_none_or(|until| entry.key.as_str() <= until);
    let entries: Vec<Entry> = page.into_iter().take_while(within).collect();
    Ok(Page {
        left: listed == PAGE && entries.len() == listed,
        entries,
    })
}

/// A range of keys after a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// The prefix of the keys.
    pub(crate) prefix: String,
    /// The keys are greater than this one; all keys of the prefix if `None`.
    pub(crate) after: Option<String>,
}

/// The ranges to list after an entry of the log with these heads: for all partitions, the segments at or after the head's next
/// offset, and then the links; then the checkpoints, the cosignatures and the log from this entry on. A partition without a
/// head in the entry is listed completely.
pub(crate) async fn beyond(store: &dyn Store, number: u64, heads: &[Head]) -> Result<Vec<Beyond>, StoreError> {
    let mut ranges = Vec::new();
    for (folder, of) in [
        (SEGMENTS, segments_of as fn(&TopicPartition) -> String),
        (LINKS, links_of),
    ] {
        let mut found = partitions(store, folder).await?;
        found.extend(heads.iter().map(|head| head.partition.clone()));
        found.sort_unstable();
        found.dedup();
        ranges.extend(found.iter().map(|partition| {
            let prefix = of(partition);
            let after = head_of(heads, partition).map(|head| format!("{prefix}{}", next_place(head).stem()));
            Beyond { prefix, after }
        }));
    }
    ranges.extend([CHECKPOINTS, COSIGNATURES, LOG].map(|folder| Beyond {
        prefix: folder.to_owned(),
        after: Some(format!("{folder}{number:010}")),
    }));
    Ok(ranges)
}

/// A key that sorts after every key of an archive in this folder: '~' is greater than every character of their names.
fn end_of(folder: &str) -> String {
    format!("{folder}~")
}

/// The folder of a link's or segment's key; `None` for other keys.
fn folder_of(key: &str) -> Option<String> {
    match key.parse() {
        Ok(Key::Link(place, _)) => Some(links_of(&place.partition)),
        Ok(Key::Segment(place, _)) => Some(segments_of(&place.partition)),
        _ => None,
    }
}

/// The objects of one range.
pub(crate) async fn under(store: &dyn Store, beyond: &Beyond) -> Result<Vec<Entry>, StoreError> {
    pages::entries(store, &beyond.prefix, beyond.after.as_deref()).await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::memory::MemoryStore;

    /// Few offsets; or many, with dense and sparse parts and a part at the greatest offsets.
    fn offsets(topic: &str, partition: i32) -> Vec<i64> {
        match (topic, partition) {
            (_, 10) if topic != "a-b" => (0..2_300).collect(),
            (_, 10) => (0..2_300)
                .chain((2_300..9_000_000).step_by(1_000))
                .chain(9_000_000..9_005_000)
                .chain((9_100_000_000..9_103_000_000_000).step_by(1_000_000_000))
                .chain(i64::MAX - 2_000..i64::MAX)
                .collect(),
            _ => (0..5).collect(),
        }
    }

    #[tokio::test]
    async fn every_key_is_listed_once_whatever_the_density_of_offsets() {
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
                for offset in offsets(topic, number) {
                    let partition = TopicPartition::new(topic, number);
                    expected.push(format!("{}0000-{offset:020}.note", links_of(&partition)));
                    expected.push(format!("{}0000-{offset:020}.parquet", segments_of(&partition)));
                    expected.push(format!("{}0001-{offset:020}.note", links_of(&partition)));
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
        all(&store, |entry| listed.push(entry.key.clone())).await.unwrap();
        let links_begin = listed.iter().position(|key| key.as_str() > LINKS).unwrap();
        assert!(listed[..links_begin].iter().all(|key| key.as_str() <= LINKS));
        listed.sort_unstable();
        assert_eq!(listed, expected);
    }
}
