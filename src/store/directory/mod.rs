//! Objects as files below a folder: for the demo, for `--offline`, and for file systems that are write-once themselves.
//!
//! A create writes a temporary file, syncs it, hard-links it to its name, and syncs the folder: `link(2)` fails where
//! the name exists, on every POSIX file system, and what it links is whole. Reading needs no write access. Never
//! changes or removes a file but its own temporary ones; those left by a crash lie outside the keys and harm nobody.

mod walk;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::record::hash::Hash;
use crate::store::contract::{Creation, Entry, OBJECT_MAX_BYTES, Store, check_hash, check_size};
use crate::store::error::StoreError;
use crate::store::key::{self, UNFINISHED};

/// A store in a directory. See the module.
#[derive(Debug)]
pub struct DirectoryStore {
    files: Arc<Files>,
}

/// What the blocking work needs: it runs on threads of its own.
#[derive(Debug)]
struct Files {
    root: PathBuf,
    /// Folders whose entry in their parent is known to be durable.
    durable_folders: Mutex<HashSet<PathBuf>>,
    temporary_names: AtomicU64,
}

impl DirectoryStore {
    /// Opens the directory `root`, which need not exist before the first create.
    ///
    /// # Errors
    /// `Config` where `root` is something else than a directory.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        if root.exists() && !root.is_dir() {
            return Err(
                StoreError::config("the store is not a directory", "set store.directory to a folder")
                    .with("directory", root.display()),
            );
        }
        Ok(Self {
            files: Arc::new(Files {
                root: root.to_owned(),
                durable_folders: Mutex::default(),
                temporary_names: AtomicU64::new(0),
            }),
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let files = Arc::clone(&self.files);
        tokio::task::spawn_blocking(move || work(&files))
            .await
            .map_err(|error| StoreError::internal("work on the directory broke off").caused_by(error))?
    }
}

#[async_trait]
impl Store for DirectoryStore {
    fn location(&self) -> String {
        self.files.root.display().to_string()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        key::check(key)?;
        let (key, hash) = (key.to_owned(), *hash);
        self.blocking(move |files| {
            check_size(&key, bytes.len() as u64)?;
            check_hash(&key, &bytes, &hash)?;
            files.create(&key, &bytes).map_err(|error| failed(error, "write", &key))
        })
        .await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        key::check(key)?;
        let key = key.to_owned();
        self.blocking(move |files| files.get(&key)).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        key::check_prefix(prefix)?;
        let (prefix, start_after) = (prefix.to_owned(), start_after.map(str::to_owned));
        self.blocking(move |files| {
            walk::list(&files.root, &prefix, start_after.as_deref(), limit)
                .map_err(|error| failed(error, "list", &prefix))
        })
        .await
    }
}

impl Files {
    fn create(&self, key: &str, bytes: &[u8]) -> io::Result<Creation> {
        let target = self.root.join(key);
        let folder = target.parent().unwrap_or(&self.root);
        self.make_durable_folder(folder)?;
        if target.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let creation = if target.exists() {
            Creation::Exists
        } else {
            self.write_and_link(&target, bytes)?
        };
        // Durable from here, also where another process linked it and died before this line.
        sync_folder(folder)?;
        Ok(creation)
    }

    /// A crash in here leaves a temporary file at most.
    fn write_and_link(&self, target: &Path, bytes: &[u8]) -> io::Result<Creation> {
        let (temporary, mut file) = self.temporary_file()?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| match fs::hard_link(&temporary, target) {
            Ok(()) => Ok(Creation::Created),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Creation::Exists),
            Err(error) => Err(error),
        });
        // The object no longer needs this name; a failure to remove it changes nothing about the object.
        drop(fs::remove_file(&temporary));
        linked
    }

    /// A new file that no other writer has: names count up, and one that is taken is passed over.
    fn temporary_file(&self) -> io::Result<(PathBuf, File)> {
        let folder = self.root.join(UNFINISHED);
        fs::create_dir_all(&folder)?;
        loop {
            let number = self.temporary_names.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{}-{number}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((path, file)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Creates `folder` and those above it up to the root, and syncs each one's parent once in this process's life.
    fn make_durable_folder(&self, folder: &Path) -> io::Result<()> {
        if self
            .durable_folders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(folder)
        {
            return Ok(());
        }
        if folder == self.root {
            if !folder.exists() {
                fs::create_dir_all(folder)?;
                sync_folder(&folder.join(".."))?;
            }
        } else if let Some(parent) = folder.parent() {
            self.make_durable_folder(parent)?;
            match fs::create_dir(folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => sync_folder(parent)?,
            }
        }
        self.durable_folders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(folder.to_owned());
        Ok(())
    }

    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        // Not blocking, so that a planted pipe cannot hang us.
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(nonblocking)
            .open(self.root.join(key));
        let planted =
            || StoreError::corrupt("neither a file nor a folder", "find out who put it there").with("key", key);
        let file = match opened {
            Ok(file) => file,
            // Below a file, or below a folder that is not there, there is no object.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => return Err(planted()),
            Err(error) => return Err(failed(error, "read", key)),
        };
        let about = file.metadata().map_err(|error| failed(error, "read", key))?;
        if about.is_dir() {
            return Ok(None);
        }
        if !about.is_file() {
            return Err(planted());
        }
        check_size(key, about.len())?;
        let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
        file.take(OBJECT_MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| failed(error, "read", key))?;
        check_size(key, bytes.len() as u64)?;
        Ok(Some(Bytes::from(bytes)))
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What an error of the file system means to a store.
fn failed(error: io::Error, operation: &'static str, key: &str) -> StoreError {
    let failure = match error.kind() {
        ErrorKind::PermissionDenied => StoreError::permission(
            "the directory refuses access",
            "give this user the right to it, on a file system that has hard links",
        ),
        ErrorKind::ReadOnlyFilesystem => StoreError::permission(
            "the directory is read-only",
            "mount it writable, or use it with --offline alone",
        ),
        ErrorKind::Unsupported => StoreError::config(
            "the file system has no hard links",
            "set store.directory to a file system that has them",
        ),
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => StoreError::config(
            "a file stands where a folder must be, or a folder where the object must be",
            "give the archive a directory of its own",
        ),
        ErrorKind::InvalidFilename => StoreError::input("the key is too long for this file system", "use a bucket"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            StoreError::transient("the disk is full", "free space there; it is tried again")
        }
        _ => StoreError::transient("the file system failed", "look at the disk's health; it is tried again"),
    };
    failure.with("operation", operation).with("key", key).caused_by(error)
}

#[cfg(test)]
mod tests;
