//! Objects as files in a folder: for the demo, for `--offline`, and for write-once file systems.
//!
//! A create writes a temporary file, syncs it, hard-links it to its name, and syncs the folder. On every POSIX file
//! system `link(2)` fails if the name exists, and the linked file is complete. Reading needs no write access. A crash
//! can leave a temporary file, which is outside the object keys and harmless.

mod failure;
mod read;
mod removal;
mod walk;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use crate::record::hash::Hash;
use crate::store::contract::{Creation, Digest, Entry, Store, Tail, check_created_size, check_hash};
use crate::store::directory::failure::failed;
use crate::store::error::StoreError;
use crate::store::key::{self, UNFINISHED};

/// A store in a directory.
#[derive(Debug)]
pub struct DirectoryStore {
    files: Arc<Files>,
}

/// The state of blocking work, which runs on the runtime's blocking threads.
#[derive(Debug)]
struct Files {
    root: PathBuf,
    /// Folders that are durable: their parent was synced after they were created.
    durable_folders: Mutex<HashSet<PathBuf>>,
    temporary_names: AtomicU64,
}

impl DirectoryStore {
    /// Opens the directory `root`; the first create makes it if it is missing.
    ///
    /// # Errors
    /// `Config` if `root` exists and is not a directory.
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

    /// The path of an object.
    pub(super) fn path_of(&self, key: &str) -> PathBuf {
        self.files.root.join(key)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let files = Arc::clone(&self.files);
        tokio::task::spawn_blocking(move || work(&files))
            .await
            .map_err(|error| StoreError::internal("the work on the directory was aborted").caused_by(error))?
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
            check_created_size(&key, bytes.len() as u64)?;
            check_hash(&key, &bytes, &hash)?;
            files.create(&key, &bytes).map_err(|error| failed(error, "write", &key))
        })
        .await
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        key::check(key)?;
        let key = key.to_owned();
        self.blocking(move |files| read::get(&files.root.join(&key), &key, max_bytes))
            .await
    }

    async fn tail(&self, key: &str, bytes: u64) -> Result<Option<Tail>, StoreError> {
        key::check(key)?;
        let key = key.to_owned();
        self.blocking(move |files| read::tail(&files.root.join(&key), &key, bytes))
            .await
    }

    async fn digest(&self, key: &str, max_bytes: u64) -> Result<Option<Digest>, StoreError> {
        key::check(key)?;
        let key = key.to_owned();
        self.blocking(move |files| read::digest(&files.root.join(&key), &key, max_bytes))
            .await
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
        // Durable from here, even if another process linked the object and crashed before syncing.
        sync_folder(folder)?;
        Ok(creation)
    }

    /// A crash in here leaves at most a temporary file.
    fn write_and_link(&self, target: &Path, bytes: &[u8]) -> io::Result<Creation> {
        let (temporary, mut file) = self.temporary_file()?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        let linked = written.and_then(|()| match fs::hard_link(&temporary, target) {
            Ok(()) => Ok(Creation::Created),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(Creation::Exists),
            Err(error) => Err(error),
        });
        // A failure to remove the temporary name does not affect the object.
        drop(fs::remove_file(&temporary));
        linked
    }

    /// Creates a new file: names are numbered, and names that exist are skipped.
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

    /// Creates `folder` and its parents up to the root, and syncs the parent of each once per process.
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
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
