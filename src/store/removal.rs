//! Removing segments that a retention change lets go. It is a trait of its own, so that no writer or reader of the archive can
//! delete: [`Store`](crate::store::Store) cannot.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::store::error::StoreError;

/// Why an object may not be removed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    /// It is not locked.
    None,
    /// Object Lock protects it until this time.
    Until(Timestamp),
    /// A legal hold protects it.
    Held,
}

/// The result of removing an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// No version of it is left.
    Gone,
    /// The store refused, because the object is locked.
    Locked(Lock),
}

/// A store from which objects can be removed.
#[async_trait]
pub trait Removal: Send + Sync {
    /// The lock of the object at `key`; `None` also if there is no such object.
    ///
    /// # Errors
    /// The store's errors.
    async fn lock_of(&self, key: &str) -> Result<Lock, StoreError>;

    /// Removes every version of the object at `key`. An object that does not exist is no error.
    ///
    /// # Errors
    /// The store's errors; `Permission` if the credentials may not remove it.
    async fn remove(&self, key: &str) -> Result<Removed, StoreError>;
}
