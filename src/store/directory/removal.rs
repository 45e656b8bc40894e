//! Removing files.

use std::fs;
use std::io::ErrorKind;

use async_trait::async_trait;

use crate::store::directory::DirectoryStore;
use crate::store::directory::failure::failed;
use crate::store::error::StoreError;
use crate::store::key;
use crate::store::removal::{Lock, Removal, Removed};

#[async_trait]
impl Removal for DirectoryStore {
    async fn lock_of(&self, key: &str) -> Result<Lock, StoreError> {
        key::check(key)?;
        Ok(Lock::None)
    }

    async fn remove(&self, key: &str) -> Result<Removed, StoreError> {
        key::check(key)?;
        let path = self.path_of(key);
        match fs::remove_file(&path) {
            Ok(()) => Ok(Removed::Gone),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Removed::Gone),
            Err(error) => Err(failed(error, "remove", key)),
        }
    }
}
