//! Reading and opening notes for the verifier: checkpoints in the order of their numbers, links in the order of their
//! chain. Many are read at the same time and given to the verifier in order.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;

use crate::log::checkpoint::SignedCheckpoint;
use crate::log::object_key::{Attempt, IDENTITY, Key, links_of};
use crate::log::signed_note::VerifyingKey;
use crate::reading::attempts;
use crate::reading::bucket::Bucket;
use crate::reading::folders::links_after;
use crate::record::position::TopicPartition;
use crate::verify::candidates::{Candidate, Found};
use crate::verify::chain::{Accepted, Chain, OpenedLink};
use crate::verify::chain_walk::Walk;
use crate::verify::checkpoints::{CheckpointWalk, candidate};
use crate::verify::claims::Claim;
use crate::verify::findings::{Code, Finding, Findings};
use crate::verify::inventory::{Inventory, PartitionObjects, Slot};
use crate::verify::key_changes::KeyWalk;
use crate::verify::keys::Trust;

/// Notes of one sequence that are read at the same time.
const AHEAD: usize = 64;

/// Reads the archive's identity and key changes, from which the keys in force follow. `brought` are the user's public
/// keys. `None` if there is no archive or its keys cannot be trusted; the findings say why.
pub async fn read_trust(
    bucket: &Bucket,
    inventory: &Inventory,
    brought: &[VerifyingKey],
    findings: &mut Findings,
) -> Option<Trust> {
    if !inventory.identity {
        findings.push(Finding::new(Code::IdentityMissing, "archive.json is missing").object(IDENTITY));
        return None;
    }
    let trust = match bucket.get_listed(IDENTITY).await {
        Ok(object) => Trust::new(&object, brought),
        Err(why) => Err(Finding::new(Code::KeyUnreadable, why).object(IDENTITY)),
    };
    match trust {
        Err(finding) => {
            findings.push(finding);
            None
        }
        Ok(trust) => {
            let mut walk = KeyWalk::new(trust.clone());
            walk_key_changes(bucket, inventory, &mut walk).await;
            if walk.must_be_repeated() {
                walk = KeyWalk::new(trust.with_given_keys_only());
                walk_key_changes(bucket, inventory, &mut walk).await;
            }
            let (trust, found) = walk.finish();
            findings.append(found);
            trust
        }
    }
}

/// Gives the key changes to the walk, in the order of their numbers. They are read one at a time, because each may add
/// the key that signs the next.
async fn walk_key_changes(bucket: &Bucket, inventory: &Inventory, walk: &mut KeyWalk) {
    for of_number in inventory.key_changes.chunk_by(|a, b| a.0 == b.0) {
        let mut candidates = Vec::new();
        for (number, attempt) in of_number {
            let key = Key::KeyChange(*number, *attempt).to_string();
            let found = match bucket.get_listed(&key).await {
                Err(why) => Found::Unreadable(why),
                Ok(object) => walk
                    .trust()
                    .open_change(&object, *number)
                    .map_or_else(Found::Invalid, Found::Valid),
            };
            candidates.push(Candidate {
                attempt: *attempt,
                key,
                found,
            });
        }
        let number = of_number.first().map_or(0, |(number, _)| *number);
        if let Some(signed) = walk.place(number, candidates) {
            let named = signed.change.checkpoint.number;
            let checkpoint = find_checkpoint(bucket, walk.trust(), named).await;
            walk.take(&signed, checkpoint.as_ref().map(Option::as_ref));
        }
    }
}

/// The valid checkpoint with this number, if there is one.
///
/// # Errors
/// Why an object with this number cannot be read, as text.
pub async fn find_checkpoint(bucket: &Bucket, trust: &Trust, number: u64) -> Result<Option<SignedCheckpoint>, String> {
    let key_of = |attempt| Key::Checkpoint(number, attempt);
    attempts::lowest(bucket, key_of, |found| {
        trust.open_checkpoint(&found.object, number).ok()
    })
    .await
}

/// Gives these checkpoints to the walk, in the order of their numbers.
pub async fn walk_checkpoints(
    bucket: &Arc<Bucket>,
    trust: &Arc<Trust>,
    keys: Vec<(u64, Attempt)>,
    walk: &mut CheckpointWalk,
) {
    let opened = stream::iter(keys)
        .map(|(number, attempt)| {
            let (bucket, trust) = (Arc::clone(bucket), Arc::clone(trust));
            async move {
                let object = bucket.get_listed(&Key::Checkpoint(number, attempt).to_string()).await;
                let object = object.as_deref().map_err(Clone::clone);
                (number, candidate(&trust, number, attempt, object))
            }
        })
        .buffered(AHEAD);
    by_place(opened, |number, candidates: Vec<Candidate<SignedCheckpoint>>| {
        walk.place(number, candidates);
    })
    .await;
}

/// Walks the chain of one partition and sends every accepted link to `accepted`, in order. Links created since the
/// listing are walked too, because the group's commit, which is read later, may name them.
pub async fn walk_links(
    bucket: &Arc<Bucket>,
    trust: &Arc<Trust>,
    partition: &TopicPartition,
    (shelf, claims): (PartitionObjects, Vec<Claim>),
    accepted: mpsc::Sender<Accepted>,
) -> Chain {
    let mut walk = Walk::new(partition, trust.genesis(partition), claims, shelf.segments);
    let mut newest = newest_key(partition, &shelf.links);
    if let Some(head) = &shelf.after {
        walk = walk.after(head);
        newest = newest.or_else(|| Some(links_after(head)));
    }
    feed(bucket, trust, &mut walk, (partition, shelf.links), &accepted).await;
    if let Some(newest) = newest {
        match bucket.newer(&links_of(partition), &newest).await {
            Ok(keys) => feed(bucket, trust, &mut walk, (partition, slots(&keys)), &accepted).await,
            Err(error) => walk.report(Finding::new(Code::LinkUnreadable, error.to_string()).object(newest)),
        }
    }
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
    let found = match bucket.get_listed(&key).await {
        Err(why) => Found::Unreadable(why),
        Ok(object) => trust
            .open_link(&object, &place)
            .map_or_else(Found::Invalid, Found::Valid),
    };
    Candidate {
        attempt: slot.attempt,
        key,
        found,
    }
}

fn unreadable(slot: Slot, why: &str) -> Candidate<OpenedLink> {
    Candidate {
        attempt: slot.attempt,
        key: format!("{:04}-{:020}{}.note", slot.epoch.0, slot.first_offset.0, slot.attempt),
        found: Found::Unreadable(why.to_owned()),
    }
}

/// Calls `place` with the candidates of each number together.
async fn by_place<T>(opened: impl Stream<Item = (u64, Candidate<T>)>, mut place: impl FnMut(u64, Vec<Candidate<T>>)) {
    let mut opened = std::pin::pin!(opened);
    let mut gathered: Option<(u64, Vec<Candidate<T>>)> = None;
    while let Some((number, candidate)) = opened.next().await {
        match &mut gathered {
            Some((same, candidates)) if *same == number => candidates.push(candidate),
            _ => {
                if let Some((number, candidates)) = gathered.replace((number, vec![candidate])) {
                    place(number, candidates);
                }
            }
        }
    }
    if let Some((number, candidates)) = gathered {
        place(number, candidates);
    }
}
