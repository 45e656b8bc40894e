//! The object that counts at a place: the valid one with the lowest attempt (FORMAT.md section 1). Attempts have no
//! gaps, so the first free key ends the search.

use async_trait::async_trait;
use bytes::Bytes;

use crate::log::object_key::{Attempt, Key};
use crate::store::{Store, StoreError};

/// A source of objects by key.
#[async_trait]
pub trait Objects: Send + Sync {
    /// The error if an object cannot be read.
    type Error: Send;

    /// The object at `key`; `None` if there is none.
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
    /// The attempt in its key.
    pub attempt: Attempt,
    /// The object key.
    pub key: String,
    /// The object's bytes.
    pub object: Bytes,
}

/// Calls `accept` with the objects at a place, by ascending attempt, until it returns a value, and returns that value.
/// `None` if it accepts no object. One object is in memory at a time.
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
