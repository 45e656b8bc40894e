//! Listing a bucket for a verification: everything, many ranges of keys at a time; or only what stands above the heights of a
//! checkpoint, in a number of requests that does not grow with what stands below. Never reads an object.

use std::pin::pin;

use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::log::checkpoint::Checkpoint;
use crate::log::object_key::{CHECKPOINTS, Key, LINKS, Place, SEGMENTS, links_of, segments_of};
use crate::reading::folders::{next_place, partitions};
use crate::record::position::TopicPartition;
use crate::store::pages::{self, PAGE};
use crate::store::{Store, StoreError};

/// Folders listed at a time.
const FOLDERS: usize = 16;
/// Windows of one long folder listed at a time, at most: twice as many each time, so that a folder of two pages costs no more
/// than three.
const WINDOWS: usize = 16;
/// Keys that a window should hold.
const WINDOW_KEYS: i64 = 900;

/// Every key, in the order of their bytes, a page at a time. What stands below `links/` is listed last: a segment or checkpoint that was
/// listed has its link listed, if it has one, whatever writers add meanwhile.
pub(crate) async fn all(store: &dyn Store, mut take: impl FnMut(&str)) -> Result<(), StoreError> {
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
        let long = next.as_deref().and_then(folder_of);
        let next = long.as_deref().map(end_of).or(next);
        Ok(Some(((page.keys, long), next.map(Some))))
    });
    let listed = pages
        .map_ok(|(keys, long)| async move {
            let left = match long {
                Some(folder) => rest_of(store, &folder, &keys).await?,
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

/// What is left of a folder after a page that ends in it, up to the folder's end. Nobody knows how much that is: some windows are
/// listed side by side, each of as many offsets as the newest page held, and the last of them tells whether more is left.
async fn rest_of(store: &dyn Store, folder: &str, page: &[String]) -> Result<Vec<String>, StoreError> {
    let end = end_of(folder);
    let mut keys = Vec::new();
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
        listed.into_iter().for_each(|page| keys.extend(page.keys));
        match last {
            Some(page) if page.left => newest = page.keys,
            last => {
                keys.extend(last.into_iter().flat_map(|page| page.keys));
                return Ok(keys);
            }
        }
        keys.extend_from_slice(&newest);
        count = (count * 2).min(WINDOWS);
    }
}

/// The keys of a folder that are greater than `after`, up to and with `until`; of what has no such end, one page.
async fn window(
    store: &dyn Store,
    folder: &str,
    after: &str,
    until: Option<&String>,
    end: &str,
) -> Result<Page, StoreError> {
    let mut page = one_page(store, folder, Some(after), Some(until.map_or(end, String::as_str))).await?;
    let Some(until) = until else { return Ok(page) };
    let mut keys = std::mem::take(&mut page.keys);
    while let Some(last) = keys.last().filter(|_| page.left) {
        page = one_page(store, folder, Some(last), Some(until)).await?;
        keys.append(&mut page.keys);
    }
    Ok(Page { keys, left: false })
}

/// Where the windows after a page begin: at its last key, and then every so many offsets as a page of keys as dense as there
/// would hold; a few less, for who misses a page's end by one key has to ask twice. Only there where names are not an archive's.
fn cuts(folder: &str, page: &[String], count: usize) -> Vec<String> {
    let mut cuts: Vec<String> = page.last().cloned().into_iter().collect();
    let of_folder = page.partition_point(|key| !key.starts_with(folder));
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

fn place(key: Option<&String>) -> Option<Place> {
    match key?.parse() {
        Ok(Key::Link(place, _) | Key::Segment(place, _)) => Some(place),
        _ => None,
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
pub(crate) struct Beyond {
    /// What the keys begin with.
    pub(crate) prefix: String,
    /// The keys are greater than this.
    pub(crate) after: Option<String>,
}

/// What is to be listed beyond a checkpoint: later checkpoints and itself, and in each partition, known to it or not, what
/// stands at its head's next offset or later. In this order.
pub(crate) async fn beyond(store: &dyn Store, base: &Checkpoint) -> Result<Vec<Beyond>, StoreError> {
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
pub(crate) async fn under(store: &dyn Store, beyond: &Beyond) -> Result<Vec<String>, StoreError> {
    pages::keys(store, &beyond.prefix, beyond.after.as_deref()).await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::memory::MemoryStore;

    /// Few; or many, with a part that is much denser, one that is much sparser, and one at the far end of all offsets.
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
        all(&store, |key| listed.push(key.to_owned())).await.unwrap();
        let links_begin = listed.iter().position(|key| key.as_str() > LINKS).unwrap();
        assert!(listed[..links_begin].iter().all(|key| key.as_str() <= LINKS));
        listed.sort_unstable();
        assert_eq!(listed, expected);
    }
}
