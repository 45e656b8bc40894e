//! Archives near a place that holds none: above it, below it, and beside it. Only a few objects and folders are looked at, and what
//! cannot be read is passed over.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{StoreBackend, StoreSettings};
use crate::log::identity::Identity;
use crate::log::limits::IDENTITY_MAX_BYTES;
use crate::log::object_key::IDENTITY;
use crate::store::{self, Store};

/// Archives that are named.
const NAMED: usize = 5;
/// Entries of a folder, or folders of a bucket, that are looked at.
const SEEN: usize = 200;
/// Folders above the place that are looked at.
const ABOVE: usize = 4;

/// An archive near the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// The folder, or the prefix in the bucket.
    pub place: String,
    /// The archive's name.
    pub name: String,
}

/// The nearest archives first: those above, below, and then beside the place.
pub async fn archives_near(settings: &StoreSettings) -> Vec<Near> {
    let mut found = match &settings.backend {
        StoreBackend::Directory(folder) => in_folders(&folder.join(&settings.prefix)),
        StoreBackend::S3(_) => in_bucket(settings).await,
    };
    found.truncate(NAMED);
    found
}

fn in_folders(place: &Path) -> Vec<Near> {
    let mut candidates: Vec<PathBuf> = place.ancestors().skip(1).take(ABOVE).map(named).collect();
    for below in folders_in(place) {
        candidates.push(below.clone());
        candidates.extend(folders_in(&below));
    }
    if let Some(parent) = place.parent() {
        candidates.extend(folders_in(&named(parent)).into_iter().filter(|beside| beside != place));
    }
    let archives = candidates.into_iter().filter_map(|folder| {
        let file = folder.join(IDENTITY);
        let about = fs::metadata(&file).ok()?;
        let is_one = about.is_file() && about.len() <= IDENTITY_MAX_BYTES;
        let name = name_in(&fs::read(file).ok().filter(|_| is_one)?)?;
        let place = folder.display().to_string();
        Some(Near { place, name })
    });
    archives.take(NAMED).collect()
}

/// The folder, where an empty path is the current one.
fn named(folder: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        folder.to_owned()
    }
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(SEEN).flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

async fn in_bucket(settings: &StoreSettings) -> Vec<Near> {
    let whole = StoreSettings {
        prefix: String::new(),
        ..settings.clone()
    };
    let Ok(store) = store::open(&whole).await else {
        return Vec::new();
    };
    let prefix = settings.prefix.as_str();
    let parents: Vec<&str> = prefix.match_indices('/').map(|(at, _)| &prefix[..at]).collect();
    let parent = parents.last().copied().unwrap_or_default();
    let mut candidates: Vec<String> = parents
        .iter()
        .rev()
        .take(ABOVE)
        .map(|above| format!("{above}/"))
        .collect();
    if !prefix.is_empty() {
        candidates.push(String::new());
        candidates.extend(prefixes_in(store.as_ref(), &format!("{prefix}/")).await);
    }
    let folder = if parent.is_empty() {
        String::new()
    } else {
        format!("{parent}/")
    };
    candidates.extend(prefixes_in(store.as_ref(), &folder).await);
    let mut found = Vec::new();
    for folder in candidates {
        if found.len() == NAMED {
            break;
        }
        let object = store.get(&format!("{folder}{IDENTITY}"), IDENTITY_MAX_BYTES).await;
        if let Some(name) = object.ok().flatten().and_then(|object| name_in(&object)) {
            let place = folder.trim_end_matches('/').to_owned();
            found.push(Near { place, name });
        }
    }
    found
}

/// The folders of a bucket directly below `folder`, each with a slash at its end, with one short request each.
async fn prefixes_in(store: &dyn Store, folder: &str) -> Vec<String> {
    let mut prefixes: Vec<String> = Vec::new();
    let mut after: Option<String> = None;
    while prefixes.len() < SEEN / 10 {
        let listed = store.list(folder, after.as_deref(), 1).await.unwrap_or_default();
        let Some(entry) = listed.first() else { break };
        after = Some(match entry.key[folder.len()..].split_once('/') {
            Some((name, _)) => {
                let prefix = format!("{folder}{name}/");
                // After every key of this folder.
                let end = format!("{prefix}{}", char::MAX);
                prefixes.push(prefix);
                end
            }
            None => entry.key.clone(),
        });
    }
    prefixes
}

/// The name in `archive.json`; `None` if it is the identity of no archive.
fn name_in(object: &[u8]) -> Option<String> {
    Some(Identity::from_bytes(object).ok()?.archive().to_owned())
}
