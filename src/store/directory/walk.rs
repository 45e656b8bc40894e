//! Listing a tree of files in the order of keys. Why it is not the order of names: a folder's keys sort as if its name
//! ended in `/`, which stands after `-` and `.`. Reads only folders that can hold a wanted key, follows no link to a
//! folder, and never opens a file.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::store::contract::Entry;
use crate::store::key::UNFINISHED;

/// A name in a folder: `key` ends in `/` for a folder.
struct Name {
    key: String,
    bytes: u64,
}

/// The files below `root` as [`Store::list`](super::Store::list) wants them.
pub(super) fn list(root: &Path, prefix: &str, start_after: Option<&str>, limit: usize) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    let start = prefix
        .rsplit_once('/')
        .map_or(String::new(), |(folder, _)| format!("{folder}/"));
    // The names yet to visit, the next one last.
    let mut pending = vec![Name { key: start, bytes: 0 }];
    while let Some(Name { key, bytes }) = pending.pop() {
        if found.len() == limit {
            break;
        }
        if key.is_empty() || key.ends_with('/') {
            if may_hold(&key, prefix, start_after) {
                pending.extend(names(root, &key)?);
            }
        } else if key.starts_with(prefix) && start_after.is_none_or(|after| key.as_str() > after) {
            found.push(Entry { key, bytes });
        }
    }
    Ok(found)
}

/// Whether a key that begins with `folder` can begin with `prefix` and come after `start_after`.
fn may_hold(folder: &str, prefix: &str, start_after: Option<&str>) -> bool {
    let in_prefix = folder.starts_with(prefix) || prefix.starts_with(folder);
    in_prefix && start_after.is_none_or(|after| folder > after || after.starts_with(folder))
}

/// What stands in a folder, greatest key first. A folder that is not there holds nothing.
fn names(root: &Path, folder: &str) -> io::Result<Vec<Name>> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if folder.is_empty() && name == UNFINISHED {
            continue;
        }
        if entry.file_type()?.is_dir() {
            names.push(Name {
                key: format!("{folder}{name}/"),
                bytes: 0,
            });
        } else {
            // Links too: a link to a folder is listed as a stranger, and its end is never looked for.
            let bytes = fs::metadata(entry.path()).map_or(0, |about| about.len());
            names.push(Name {
                key: format!("{folder}{name}"),
                bytes,
            });
        }
    }
    names.sort_unstable_by(|a, b| b.key.cmp(&a.key));
    Ok(names)
}
