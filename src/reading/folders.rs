//! The folders of partitions in a bucket, and the keys of later links in them, by listings alone.

use crate::log::head::Head;
use crate::log::object_key::{Key, Place, links_of, segments_of};
use crate::record::position::TopicPartition;
use crate::store::pages::PAGE;
use crate::store::{Store, StoreError};

/// The page size while partitions have many keys, of which only the first matters.
const SHORT_PAGE: usize = 16;

/// The partitions with at least one object under `folder`, which is `links/` or `data/`, in the order of the keys.
/// Partitions with many objects take one request each; several partitions with few objects share a request.
///
/// # Errors
/// The store's errors.
pub async fn partitions(store: &dyn Store, folder: &str) -> Result<Vec<TopicPartition>, StoreError> {
    let mut partitions = Vec::new();
    let (mut after, mut limit) = (None::<String>, SHORT_PAGE);
    loop {
        let page = store.list(folder, after.as_deref(), limit).await?;
        let Some(last) = page.last() else {
            return Ok(partitions);
        };
        let known = partitions.len();
        let owners = page.iter().filter_map(|entry| owner(&entry.key));
        partitions.extend(owners.map(|(partition, _)| partition));
        partitions.dedup();
        // Objects that are not in the folder of a partition are no reason to ask for few at a time.
        let are_short = partitions.len() > known + 1 || owner(&last.key).is_none();
        limit = if are_short { PAGE } else { SHORT_PAGE };
        // '~' sorts after every character of a link's or segment's name.
        after = Some(owner(&last.key).map_or_else(|| last.key.clone(), |(_, folder)| format!("{folder}~")));
    }
}

/// The partition of a link's or segment's key, and its folder; `None` for other keys.
fn owner(key: &str) -> Option<(TopicPartition, String)> {
    match key.parse() {
        Ok(Key::Link(place, _)) => Some((place.partition.clone(), links_of(&place.partition))),
        Ok(Key::Segment(place, _)) => Some((place.partition.clone(), segments_of(&place.partition))),
        _ => None,
    }
}

/// The place of the link after this head, in the same epoch.
pub fn next_place(head: &Head) -> Place {
    Place {
        partition: head.partition.clone(),
        epoch: head.epoch,
        first_offset: head.next_offset.begins(),
    }
}

/// A key that sorts after every link up to this head, and before every attempt of the next one.
pub fn links_after(head: &Head) -> String {
    format!("{}{}", links_of(&head.partition), next_place(head).stem())
}
