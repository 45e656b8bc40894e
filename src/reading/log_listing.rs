//! Reading the log's objects for the verifier: entries and checkpoints in the order of their numbers, and cosignatures. Many
//! are read at the same time and given to the verifier in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, stream};

use crate::log::object_key::{Attempt, CHECKPOINTS, Key, LOG};
use crate::reading::bucket::Bucket;
use crate::store::StoreError;
use crate::verify::candidates::{RawObject, Unread};
use crate::verify::log_walk::LogWalk;

/// Numbers whose objects are read at the same time.
const AHEAD: usize = 64;
/// The largest object that is read ahead. Larger ones are read one at a time, so that planted ones do not fill the memory.
const AHEAD_MAX_BYTES: u64 = 1 << 20;
/// Checkpoints that are looked for because an entry says that they stand, although they were not listed.
const LOOKED_FOR: usize = 64;

/// Listed keys of the log.
#[derive(Debug, Clone, Default)]
pub struct LogKeys {
    /// Numbers and attempts of entries.
    pub entries: Vec<(u64, Attempt)>,
    /// Numbers and attempts of checkpoints.
    pub checkpoints: Vec<(u64, Attempt)>,
}

/// The keys of one number.
#[derive(Debug, Clone, Default)]
struct OfNumber {
    entries: Vec<Attempt>,
    checkpoints: Vec<Attempt>,
}

/// Gives the listed objects of the log to the walk, in the order of their numbers.
///
/// # Errors
/// The store cannot be listed.
pub async fn walk_log(bucket: &Arc<Bucket>, listed: LogKeys, walk: &mut LogWalk) -> Result<(), StoreError> {
    let mut numbers: BTreeMap<u64, OfNumber> = BTreeMap::new();
    for (number, attempt) in listed.entries {
        numbers.entry(number).or_default().entries.push(attempt);
    }
    for (number, attempt) in listed.checkpoints {
        numbers.entry(number).or_default().checkpoints.push(attempt);
    }
    look_for_checkpoints(bucket, &mut numbers).await?;
    let mut read = stream::iter(numbers)
        .map(|(number, keys)| {
            let bucket = Arc::clone(bucket);
            // As a task, so that the next objects are read while these are checked.
            let reading = tokio::spawn(async move { read_number(&bucket, number, &keys).await });
            async move { (number, reading.await) }
        })
        .buffered(AHEAD);
    while let Some((number, objects)) = read.next().await {
        let (mut entries, mut checkpoints) = objects.unwrap_or_else(|error| unreadable(number, &error.to_string()));
        for raw in entries.iter_mut().chain(&mut checkpoints) {
            if matches!(raw.object, Err(Unread::TooLarge(_))) {
                raw.object = bucket.get_listed(&raw.key).await;
            }
        }
        walk.place(number, &entries, &checkpoints);
    }
    Ok(())
}

/// Checkpoints are listed before entries, so one that stood before an entry may be missing in the listing. It is looked for.
async fn look_for_checkpoints(bucket: &Bucket, numbers: &mut BTreeMap<u64, OfNumber>) -> Result<(), StoreError> {
    let has_entry = |keys: &OfNumber| !keys.entries.is_empty();
    let missing: Vec<u64> = numbers
        .iter()
        .filter(|(_, keys)| has_entry(keys) && keys.checkpoints.is_empty())
        .map(|(number, _)| *number)
        .rev()
        .take(LOOKED_FOR)
        .filter(|number| {
            number
                .checked_add(1)
                .and_then(|next| numbers.get(&next))
                .is_some_and(has_entry)
        })
        .collect();
    for number in missing {
        let listed = bucket.newer(&format!("{CHECKPOINTS}{number:010}"), None).await?;
        let attempts = listed.iter().filter_map(|key| match key.parse() {
            Ok(Key::Checkpoint(found, attempt)) if found == number => Some(attempt),
            _ => None,
        });
        let mut attempts: Vec<Attempt> = attempts.collect();
        attempts.sort_unstable();
        if let Some(keys) = numbers.get_mut(&number) {
            keys.checkpoints = attempts;
        }
    }
    Ok(())
}

/// Lists the log again from the newest entry of the walk on, and gives what is new to it.
///
/// # Errors
/// The store cannot be listed.
pub async fn walk_newer(bucket: &Arc<Bucket>, walk: &mut LogWalk, before: &LogKeys) -> Result<(), StoreError> {
    if walk.is_stopped() {
        return Ok(());
    }
    let newer = newer_keys(bucket, walk, before).await?;
    walk.list_again();
    walk_log(bucket, newer, walk).await
}

/// The keys of the log that stand at or above the newest entry of the walk, listed again. Checkpoints are listed after entries,
/// so one whose entry was not listed is left out, unless it was among those listed before.
async fn newer_keys(bucket: &Bucket, walk: &LogWalk, before: &LogKeys) -> Result<LogKeys, StoreError> {
    let newest = walk.newest_entry();
    // '.' sorts before the digits of longer numbers and after '-', so all attempts of the number are listed.
    let from = |folder: &str| newest.map(|newest| format!("{folder}{newest:010}"));
    let mut keys = LogKeys::default();
    for key in bucket.newer(LOG, from(LOG).as_deref()).await? {
        match key.parse() {
            Ok(Key::Entry(number, attempt)) if newest.is_none_or(|newest| number > newest) => {
                keys.entries.push((number, attempt));
            }
            _ => {}
        }
    }
    keys.entries.sort_unstable();
    let last = contiguous_end(&keys.entries, newest);
    for key in bucket.newer(CHECKPOINTS, from(CHECKPOINTS).as_deref()).await? {
        match key.parse() {
            Ok(Key::Checkpoint(number, attempt)) if Some(number) >= newest => {
                let key = (number, attempt);
                if number <= last || before.checkpoints.binary_search(&key).is_ok() {
                    keys.checkpoints.push(key);
                }
            }
            _ => {}
        }
    }
    keys.checkpoints.sort_unstable();
    Ok(keys)
}

/// The last number up to which entries are listed without a gap.
fn contiguous_end(entries: &[(u64, Attempt)], newest: Option<u64>) -> u64 {
    let mut last = newest;
    for (number, _) in entries {
        match last {
            Some(before) if *number <= before.saturating_add(1) => last = Some(*number),
            None if *number == 0 => last = Some(0),
            _ => break,
        }
    }
    last.unwrap_or(0)
}

async fn read_number(bucket: &Bucket, number: u64, keys: &OfNumber) -> (Vec<RawObject>, Vec<RawObject>) {
    let mut entries = Vec::with_capacity(keys.entries.len());
    for attempt in &keys.entries {
        entries.push(read_raw(bucket, Key::Entry(number, *attempt), *attempt).await);
    }
    let mut checkpoints = Vec::with_capacity(keys.checkpoints.len());
    for attempt in &keys.checkpoints {
        checkpoints.push(read_raw(bucket, Key::Checkpoint(number, *attempt), *attempt).await);
    }
    (entries, checkpoints)
}

/// The objects of a number that could not be read.
fn unreadable(number: u64, why: &str) -> (Vec<RawObject>, Vec<RawObject>) {
    let raw = |key: Key| RawObject {
        attempt: Attempt::PLAIN,
        key: key.to_string(),
        object: Err(Unread::Failed(why.to_owned())),
    };
    let checkpoint = raw(Key::Checkpoint(number, Attempt::PLAIN));
    (vec![raw(Key::Entry(number, Attempt::PLAIN))], vec![checkpoint])
}

async fn read_raw(bucket: &Bucket, key: Key, attempt: Attempt) -> RawObject {
    let key = key.to_string();
    let object = match bucket.get_within(&key, AHEAD_MAX_BYTES).await {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(Unread::Failed("it was listed, but does not exist".to_owned())),
        Err(unread) => Err(unread),
    };
    RawObject { attempt, key, object }
}

/// The objects at one place of the log, found by a listing, by ascending attempt.
///
/// # Errors
/// The store cannot be listed.
pub async fn read_place(bucket: &Bucket, key_of: impl Fn(Attempt) -> Key) -> Result<Vec<RawObject>, StoreError> {
    let plain = key_of(Attempt::PLAIN).to_string();
    let stem = plain.trim_end_matches(".note");
    let listed = bucket.newer(stem, None).await?;
    let mut attempts: Vec<Attempt> = listed
        .iter()
        .filter_map(|key| key.parse::<Key>().ok())
        .filter(|key| *key == key_of(key.attempt()))
        .map(|key| key.attempt())
        .collect();
    attempts.sort_unstable();
    attempts.dedup();
    let mut objects = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let key = key_of(attempt).to_string();
        let object = bucket.get_listed(&key).await;
        objects.push(RawObject { attempt, key, object });
    }
    Ok(objects)
}
