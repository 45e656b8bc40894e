//! Lists a tree of files in the order of keys. This is not the order of names: the keys of a folder sort as if its name
//! ended in `/`, which comes after `-` and `.`. Reads only folders that can hold a wanted key, and follows no symbolic
//! link to a folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::store::contract::Entry;
use crate::store::key::UNFINISHED;

/// An entry of a folder; `key` ends in `/` for a folder.
struct Name {
    key: String,
    bytes: u64,
}

/// Lists the files below `root` as [`Store::list`](super::Store::list) does.
pub(super) fn list(root: &Path, prefix: &str, start_after: Option<&str>, limit: usize) -> io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    let start = prefix
        .rsplit_once('/')
        .map_or(String::new(), |(folder, _)| format!("{folder}/"));
    // The names to visit, the next one last.
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

/// The entries of a folder, greatest key first; none if the folder does not exist.
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
            // Symbolic links too: a link to a folder is listed as an object and not followed.
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
