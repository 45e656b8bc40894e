//! Which partitions have a folder in the bucket, and where in it a later link would stand. Never looks into an object.

use crate::log::checkpoint::Head;
use crate::log::object_key::{Key, Place, links_of, segments_of};
use crate::record::position::TopicPartition;
use crate::store::pages::PAGE;
use crate::store::{Store, StoreError};

/// Keys asked for where a partition is expected to have more of them than are wanted.
const SHORT_PAGE: usize = 16;

/// Every partition that has an object of its own under `links/` or `segments/`, in the order of the keys. Jumps from one to the
/// next where they have many, one request each, and reads on where they have few.
///
/// # Errors
/// What the store says.
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
        let are_short = partitions.len() > known + 1;
        limit = if are_short { PAGE } else { SHORT_PAGE };
        // '~' sorts after every character of a link's or segment's name.
        after = Some(owner(&last.key).map_or_else(|| last.key.clone(), |(_, folder)| format!("{folder}~")));
    }
}

/// Whose object it is, and in which folder; nothing for what is nobody's.
fn owner(key: &str) -> Option<(TopicPartition, String)> {
    match key.parse() {
        Ok(Key::Link(place, _)) => Some((place.partition.clone(), links_of(&place.partition))),
        Ok(Key::Segment(place, _)) => Some((place.partition.clone(), segments_of(&place.partition))),
        _ => None,
    }
}

/// Where the link after this head stands, in the same epoch.
pub fn next_place(head: &Head) -> Place {
    Place {
        partition: head.partition.clone(),
        epoch: head.epoch,
        first_offset: head.next_offset.begins(),
    }
}

/// What sorts before every name of the link after this head, and after every link before it.
pub fn links_after(head: &Head) -> String {
    format!("{}{}", links_of(&head.partition), next_place(head).stem())
}
