//! Reading and opening notes for the verifier: the archive's identity, and links in the order of their chain. Many are read at
//! the same time and given to the verifier in order.

use std::pin::Pin;
use std::sync::Arc;

use futures::{StreamExt as _, stream};
use tokio::sync::mpsc;

use crate::log::history::History;
use crate::log::object_key::{IDENTITY, Key, links_of};
use crate::reading::bucket::Bucket;
use crate::reading::folders::links_after;
use crate::record::hash::Hash;
use crate::record::position::TopicPartition;
use crate::store::StoreError;
use crate::verify::candidates::{Candidate, Found, Unread};
use crate::verify::chain::{Accepted, Chain, OpenedLink};
use crate::verify::chain_walk::Walk;
use crate::verify::claims::Claim;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::{Inventory, PartitionObjects, Slot};
use crate::verify::trust::{ArchiveIdentity, Trust};

/// Links of one chain that are read at the same time.
const AHEAD: usize = 64;

/// Reads the archive's identity, and begins its log. `None` if there is no archive, or no readable identity; the findings say
/// why.
pub async fn read_identity(
    bucket: &Bucket,
    inventory: &Inventory,
    findings: &mut Findings,
) -> Option<(ArchiveIdentity, History)> {
    if !inventory.identity {
        findings.push(Finding::new(Code::IdentityMissing, "archive.json is missing").object(IDENTITY));
        return None;
    }
    let opened = match bucket.get_listed(IDENTITY).await {
        Ok(object) => ArchiveIdentity::open(&object),
        Err(why @ Unread::TooLarge(_)) => Err(Box::new(
            Finding::new(Code::IdentityMalformed, why.to_string()).object(IDENTITY),
        )),
        Err(Unread::Failed(why)) => Err(Box::new(Finding::new(Code::IdentityUnreadable, why).object(IDENTITY))),
    };
    opened.map_err(|finding| findings.push(*finding)).ok()
}

/// Adds links that were created since the listing. Kafka's commit, read before, may name them; the log, listed after, has the
/// keys that signed them.
///
/// # Errors
/// The store cannot be listed.
pub async fn add_newer_links(
    bucket: &Bucket,
    partition: &TopicPartition,
    shelf: &mut PartitionObjects,
) -> Result<(), StoreError> {
    let newest = newest_key(partition, &shelf.links).or_else(|| shelf.after.as_ref().map(links_after));
    let keys = bucket.newer(&links_of(partition), newest.as_deref()).await?;
    shelf.links.extend(slots(&keys));
    shelf.links.sort_unstable();
    shelf.links.dedup();
    Ok(())
}

/// Walks the chain of one partition and sends every accepted link to `accepted`, in order.
pub async fn walk_links(
    bucket: &Arc<Bucket>,
    trust: &Arc<Trust>,
    partition: &TopicPartition,
    (shelf, claims): (PartitionObjects, Vec<Claim>),
    accepted: mpsc::Sender<Accepted>,
) -> Chain {
    let mut walk = Walk::new(trust, partition, claims, shelf.segments);
    if let Some(head) = &shelf.after {
        walk = walk.after(head);
    }
    feed(bucket, trust, &mut walk, (partition, shelf.links), &accepted).await;
    walk.finish()
}

async fn feed(
    bucket: &Arc<Bucket>,
    trust: &Arc<Trust>,
    walk: &mut Walk,
    (partition, slots): (&TopicPartition, Vec<Slot>),
    accepted: &mpsc::Sender<Accepted>,
) {
    let mut opened = stream::iter(slots)
        .map(|slot| {
            // As a task, so that signatures are checked on all threads.
            let opening = tokio::spawn(open_link(
                Arc::clone(bucket),
                Arc::clone(trust),
                partition.clone(),
                slot,
            ));
            async move { (slot, opening.await) }
        })
        .buffered(AHEAD)
        .map(|(slot, opened)| {
            (
                slot,
                opened.unwrap_or_else(|error| unreadable(slot, &error.to_string())),
            )
        })
        .boxed()
        .peekable();
    while let Some((slot, first)) = opened.next().await {
        let mut candidates = vec![first];
        while let Some((_, next)) = Pin::new(&mut opened).next_if(|(next, _)| next.same_place(&slot)).await {
            candidates.push(next);
        }
        if let Some(link) = walk.place(slot, candidates) {
            // Fails only if the receiver is gone, which outlives the walk.
            let _ = accepted.send(link).await;
        }
    }
}

/// The greatest key of these links, in the order of their bytes.
fn newest_key(partition: &TopicPartition, links: &[Slot]) -> Option<String> {
    let newest = links.last()?;
    let keys = links.iter().rev().take_while(|slot| slot.same_place(newest));
    keys.map(|slot| slot.place(partition).link(slot.attempt).to_string())
        .max()
}

fn slots(keys: &[String]) -> Vec<Slot> {
    let mut slots: Vec<Slot> = keys
        .iter()
        .filter_map(|key| match key.parse() {
            Ok(Key::Link(place, attempt)) => Some(Slot::of(&place, attempt)),
            _ => None,
        })
        .collect();
    slots.sort_unstable();
    slots
}

async fn open_link(
    bucket: Arc<Bucket>,
    trust: Arc<Trust>,
    partition: TopicPartition,
    slot: Slot,
) -> Candidate<OpenedLink> {
    let place = slot.place(&partition);
    let key = place.link(slot.attempt).to_string();
    let open = |read: Result<&[u8], Unread>| {
        let digest = read.as_ref().map_or(Hash::ZERO, |object| Hash::of(object));
        (digest, Found::open(read, |object| trust.open_link(object, &place)))
    };
    let (digest, found) = bucket.open_listed(&key, open).await;
    Candidate {
        attempt: slot.attempt,
        key,
        digest,
        found,
    }
}

fn unreadable(slot: Slot, why: &str) -> Candidate<OpenedLink> {
    Candidate {
        attempt: slot.attempt,
        key: format!("{:04}-{:020}{}.note", slot.epoch.0, slot.first_offset.0, slot.attempt),
        digest: Hash::ZERO,
        found: Found::Unreadable(why.to_owned()),
    }
}
