//! The object that counts at a place: the valid one with the lowest attempt (FORMAT.md section 1.1). The attempts are listed
//! and never tried one by one, so that planted objects cost about as much to pass over as they cost to plant.

use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::try_join_all;

use crate::log::limits::max_bytes_of;
use crate::log::object_key::{Attempt, Key};
use crate::store::{Entry, Store, StoreError, pages};

/// Bytes that one search holds, unless a single object has more.
const BATCH_BYTES: u64 = 2 << 20;
/// Objects that one search reads at the same time.
const BATCH_OBJECTS: usize = 16;

/// What is at an object key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// An object.
    Object(Bytes),
    /// An object that is larger than the limit of its kind, and was not read.
    TooLarge,
    /// Nothing.
    Absent,
}

/// A source of objects by key.
#[async_trait]
pub trait Objects: Send + Sync {
    /// The error if an object cannot be read or listed.
    type Error: Send;

    /// The object at `key`.
    async fn object(&self, key: &str) -> Result<Read, Self::Error>;

    /// The objects whose keys begin with `prefix`.
    async fn listed(&self, prefix: &str) -> Result<Vec<Entry>, Self::Error>;
}

#[async_trait]
impl Objects for dyn Store + '_ {
    type Error = StoreError;

    async fn object(&self, key: &str) -> Result<Read, StoreError> {
        match self.get(key, max_bytes_of(key)).await {
            Ok(Some(object)) => Ok(Read::Object(object)),
            Ok(None) => Ok(Read::Absent),
            Err(error) if error.is_too_large() => Ok(Read::TooLarge),
            Err(error) => Err(error),
        }
    }

    async fn listed(&self, prefix: &str) -> Result<Vec<Entry>, StoreError> {
        pages::entries(self, prefix, None).await
    }
}

/// An object at a place.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The attempt in its key.
    pub attempt: Attempt,
    /// The object key.
    pub key: String,
    /// The object's bytes.
    pub object: Bytes,
}

/// An object at a place, by a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The attempt in its key.
    pub attempt: Attempt,
    /// Its key and its size.
    pub entry: Entry,
}

impl Listed {
    /// Whether it is larger than the limit of its kind, and so is junk that is not read.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.entry.bytes > max_bytes_of(&self.entry.key)
    }
}

/// The judgement of the objects at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged<T> {
    /// The value of the object that counts.
    Valid(T),
    /// No object is valid; the lowest free attempt.
    Free(Attempt),
}

/// Calls `accept` with the objects at a place, by ascending attempt, until it returns a value. Objects that are larger
/// than the limit of their kind are passed over without being read.
///
/// The plain key is read without a listing, because at most places it is the only one. The others are listed even if the
/// plain key is free: junk there may have been removed, and the valid object with a higher attempt still counts.
///
/// # Errors
/// Those of `objects`.
pub async fn judge<O: Objects + ?Sized, T>(
    objects: &O,
    key_of: impl Fn(Attempt) -> Key,
    mut accept: impl FnMut(Candidate) -> Option<T>,
) -> Result<Judged<T>, O::Error> {
    let (attempt, key) = (Attempt::PLAIN, key_of(Attempt::PLAIN).to_string());
    let plain = objects.object(&key).await?;
    let is_free = plain == Read::Absent;
    if let Read::Object(object) = plain
        && let Some(accepted) = accept(Candidate { attempt, key, object })
    {
        return Ok(Judged::Valid(accepted));
    }
    let retries = retries(objects, &key_of).await?;
    let readable: Vec<&Listed> = retries.iter().filter(|listed| !listed.is_too_large()).collect();
    for batch in batches(&readable, |listed| listed.entry.bytes) {
        let read = readable[batch.clone()]
            .iter()
            .map(|listed| objects.object(&listed.entry.key));
        let read = try_join_all(read).await?;
        for (listed, read) in readable[batch].iter().zip(read) {
            let (attempt, key) = (listed.attempt, listed.entry.key.clone());
            if let Read::Object(object) = read
                && let Some(accepted) = accept(Candidate { attempt, key, object })
            {
                return Ok(Judged::Valid(accepted));
            }
        }
    }
    if is_free {
        return Ok(Judged::Free(Attempt::PLAIN));
    }
    // The listing may be stale: an overlooked object would fork a chain, so the free key is read.
    let mut attempt = lowest_free(Attempt(1), &retries);
    loop {
        let key = key_of(attempt).to_string();
        match objects.object(&key).await? {
            Read::Absent => return Ok(Judged::Free(attempt)),
            Read::TooLarge => {}
            Read::Object(object) => {
                if let Some(accepted) = accept(Candidate { attempt, key, object }) {
                    return Ok(Judged::Valid(accepted));
                }
            }
        }
        attempt = lowest_free(attempt.next(), &retries);
    }
}

/// The value of the object that counts at a place, as [`judge`] finds it; `None` if `accept` accepts no object.
///
/// # Errors
/// Those of `objects`.
pub async fn lowest<O: Objects + ?Sized, T>(
    objects: &O,
    key_of: impl Fn(Attempt) -> Key,
    accept: impl FnMut(Candidate) -> Option<T>,
) -> Result<Option<T>, O::Error> {
    match judge(objects, key_of, accept).await? {
        Judged::Valid(accepted) => Ok(Some(accepted)),
        Judged::Free(_) => Ok(None),
    }
}

/// The objects at a place, by ascending attempt. Nothing is read.
///
/// # Errors
/// Those of `objects`.
pub async fn list<O: Objects + ?Sized>(objects: &O, key_of: impl Fn(Attempt) -> Key) -> Result<Vec<Listed>, O::Error> {
    let prefix = key_of(Attempt::PLAIN).stem();
    Ok(at_place(objects.listed(&prefix).await?, &key_of))
}

async fn retries<O: Objects + ?Sized>(objects: &O, key_of: &impl Fn(Attempt) -> Key) -> Result<Vec<Listed>, O::Error> {
    let prefix = format!("{}-r", key_of(Attempt::PLAIN).stem());
    Ok(at_place(objects.listed(&prefix).await?, key_of))
}

/// The entries whose keys are attempts at the place, by ascending attempt. A listing sorts `-r10` before `-r2`.
fn at_place(entries: Vec<Entry>, key_of: &impl Fn(Attempt) -> Key) -> Vec<Listed> {
    let listed = entries.into_iter().filter_map(|entry| {
        let key: Key = entry.key.parse().ok()?;
        let attempt = key.attempt();
        (key == key_of(attempt)).then_some(Listed { attempt, entry })
    });
    let mut listed: Vec<Listed> = listed.collect();
    listed.sort_unstable_by_key(|listed| listed.attempt);
    listed
}

/// The lowest attempt from `first` on that none of these has, which are sorted.
#[must_use]
pub fn lowest_free(first: Attempt, listed: &[Listed]) -> Attempt {
    listed.iter().fold(
        first,
        |free, listed| {
            if listed.attempt == free { free.next() } else { free }
        },
    )
}

/// Splits objects into ranges that are read at the same time: of at most [`BATCH_OBJECTS`], and [`BATCH_BYTES`] unless
/// one object has more.
pub(crate) fn batches<T>(objects: &[T], bytes_of: impl Fn(&T) -> u64) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0u64);
    for (index, object) in objects.iter().enumerate() {
        let with_this = bytes.saturating_add(bytes_of(object));
        if index > start && (index - start == BATCH_OBJECTS || with_this > BATCH_BYTES) {
            batches.push(start..index);
            (start, bytes) = (index, bytes_of(object));
        } else {
            bytes = with_this;
        }
    }
    if start < objects.len() {
        batches.push(start..objects.len());
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::limits::NOTE_MAX_BYTES;
    use crate::store::memory::MemoryStore;

    fn key_of(attempt: Attempt) -> Key {
        Key::Checkpoint(7, attempt)
    }

    async fn judged(store: &MemoryStore) -> Judged<Attempt> {
        let store: &dyn Store = store;
        let accept = |found: Candidate| (found.object == "valid").then_some(found.attempt);
        judge(store, key_of, accept).await.unwrap()
    }

    fn plant(store: &MemoryStore, attempt: u32, object: &'static str) {
        store.plant(&key_of(Attempt(attempt)).to_string(), object);
    }

    #[tokio::test]
    async fn the_lowest_valid_attempt_counts_whatever_is_before_it() {
        let store = MemoryStore::new();
        assert_eq!(judged(&store).await, Judged::Free(Attempt(0)));
        plant(&store, 11, "valid");
        assert_eq!(judged(&store).await, Judged::Valid(Attempt(11)));
        for attempt in 0..9 {
            plant(&store, attempt, "junk");
        }
        assert_eq!(judged(&store).await, Judged::Valid(Attempt(11)));
        plant(&store, 9, "valid");
        assert_eq!(judged(&store).await, Judged::Valid(Attempt(9)));
        plant(&store, 0, "valid");
        assert_eq!(judged(&store).await, Judged::Valid(Attempt(0)));
    }

    #[tokio::test]
    async fn the_lowest_free_attempt_is_found_among_junk_and_foreign_keys() {
        let store = MemoryStore::new();
        plant(&store, 1, "junk");
        assert_eq!(judged(&store).await, Judged::Free(Attempt(0)));
        plant(&store, 0, "junk");
        plant(&store, 3, "junk");
        plant(&store, i32::MAX as u32, "junk");
        for foreign in ["-r02.note", "-r2", "-r2147483648.note", "0-r2.note"] {
            store.plant(&format!("checkpoints/0000000007{foreign}"), "valid");
        }
        assert_eq!(judged(&store).await, Judged::Free(Attempt(2)));
    }

    #[tokio::test]
    async fn an_object_above_the_limit_takes_its_key_and_is_not_read() {
        let store = MemoryStore::new();
        let large = vec![b'x'; usize::try_from(NOTE_MAX_BYTES).unwrap() + 1];
        for attempt in 0..3 {
            store.plant(&key_of(Attempt(attempt)).to_string(), large.clone());
        }
        assert_eq!(judged(&store).await, Judged::Free(Attempt(3)));
        plant(&store, 3, "valid");
        assert_eq!(judged(&store).await, Judged::Valid(Attempt(3)));
        let store: &dyn Store = &store;
        let listed = list(store, key_of).await.unwrap();
        let too_large: Vec<bool> = listed.iter().map(Listed::is_too_large).collect();
        assert_eq!(too_large, [true, true, true, false]);
    }

    #[test]
    fn batches_are_bounded_in_objects_and_bytes() {
        let sizes = [vec![1; 40], vec![BATCH_BYTES, 1, BATCH_BYTES * 9, 1, 1]].concat();
        let batches = batches(&sizes, |bytes| *bytes);
        assert_eq!(batches, [0..16, 16..32, 32..40, 40..41, 41..42, 42..43, 43..45]);
    }
}
