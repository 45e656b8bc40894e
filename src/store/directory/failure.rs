//! Errors of the file system as errors of the store.

use std::io::{self, ErrorKind};

use crate::store::error::StoreError;

/// Maps an error of the file system to a kind and a remedy.
pub(super) fn failed(error: io::Error, operation: &'static str, key: &str) -> StoreError {
    let failure = match error.kind() {
        ErrorKind::PermissionDenied => StoreError::permission(
            "the directory refuses access",
            "give this user access to it; the file system must have hard links",
        ),
        ErrorKind::ReadOnlyFilesystem => StoreError::permission(
            "the directory is read-only",
            "mount it writable; only `kivend verify --offline` works without",
        ),
        ErrorKind::Unsupported => StoreError::config(
            "the file system has no hard links",
            "set store.directory to a file system that has them",
        ),
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => StoreError::config(
            "a file is in the place of a folder, or a folder in the place of an object",
            "set store.directory to a folder that only the archive uses",
        ),
        ErrorKind::InvalidFilename => StoreError::input(
            "the object key is too long for this file system",
            "use a bucket, or a file system with longer names",
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            StoreError::transient("the disk is full", "free space on the disk below store.directory")
        }
        _ => StoreError::transient("the file system failed", "check the disk below store.directory"),
    };
    failure.with("operation", operation).with("key", key).caused_by(error)
}
