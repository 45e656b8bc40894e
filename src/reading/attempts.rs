//! The object that counts at a place: the valid one with the lowest attempt (FORMAT.md section 1). Attempts have no gap, so
//! that the first free one ends the search.

use async_trait::async_trait;
use bytes::Bytes;

use crate::log::object_key::{Attempt, Key};
use crate::store::{Store, StoreError};

/// Where objects are read by their keys.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Why an object could not be read.
    type Error: Send;

    /// The object at `key`, or `None` where there is none.
    async fn object(&self, key: &str) -> Result<Option<Bytes>, Self::Error>;
}

#[async_trait]
impl Objects for dyn Store + '_ {
    type Error = StoreError;

    async fn object(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.get(key).await
    }
}

/// An object at a place.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its attempt.
    pub attempt: Attempt,
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub object: Bytes,
}

/// Shows the objects at a place to `accept`, by ascending attempt, until it accepts one: what it makes of that one. `None`
/// where it accepts none. One object is held in memory at a time.
///
/// # Errors
/// Those of `objects`.
pub async fn lowest<O: Objects + ?Sized, T>(
    objects: &O,
    key_of: impl Fn(Attempt) -> Key,
    mut accept: impl FnMut(Candidate) -> Option<T>,
) -> Result<Option<T>, O::Error> {
    let mut attempt = Attempt::PLAIN;
    loop {
        let key = key_of(attempt).to_string();
        let Some(object) = objects.object(&key).await? else {
            return Ok(None);
        };
        let accepted = accept(Candidate { attempt, key, object });
        if accepted.is_some() {
            return Ok(accepted);
        }
        attempt = attempt.next();
    }
}
