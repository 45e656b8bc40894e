//! The rules of object keys, the same for all back ends. They are strict because keys also come from stored notes, and
//! the directory store joins them to a path.

use crate::store::error::StoreError;

/// The longest key in bytes, prefix included (S3's limit).
pub const KEY_MAX_BYTES: usize = 1024;

/// The folder of the directory store for unfinished objects; no key may begin with it.
pub const UNFINISHED: &str = ".tmp";

/// Checks that `key` can name an object: not empty, at most [`KEY_MAX_BYTES`], no leading or trailing `/`, no empty
/// part, no part `.` or `..`, no control characters, not below [`UNFINISHED`].
///
/// # Errors
/// `Input` otherwise.
pub fn check(key: &str) -> Result<(), StoreError> {
    let is_name = |part: &str| !matches!(part, "" | "." | "..");
    let first = key.split('/').next();
    if check_text(key) && first != Some(UNFINISHED) && key.split('/').all(is_name) {
        return Ok(());
    }
    Err(refused(key))
}

/// Checks that a key can begin with `prefix`, which may be empty or end within a part.
///
/// # Errors
/// `Input` otherwise.
pub fn check_prefix(prefix: &str) -> Result<(), StoreError> {
    let (folders, _) = prefix.rsplit_once('/').unwrap_or(("", ""));
    if check_text(prefix) && (prefix.find('/').is_none() || check(folders).is_ok()) {
        return Ok(());
    }
    Err(refused(prefix))
}

fn check_text(text: &str) -> bool {
    text.len() <= KEY_MAX_BYTES && !text.chars().any(char::is_control)
}

fn refused(key: &str) -> StoreError {
    StoreError::input(
        "not a valid object key",
        "check store.prefix; else a stored note names an invalid key: run `kivend verify`",
    )
    .with("key", key.escape_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_leave_the_folder_or_name_nothing_are_refused() {
        for key in [
            "", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\0b", "a\nb", ".tmp/1",
        ] {
            assert!(check(key).is_err(), "{key:?}");
        }
        assert!(check(&"a".repeat(KEY_MAX_BYTES + 1)).is_err());
        for key in [
            "a",
            "a/b",
            "..a",
            "a..",
            ".tmpx",
            "a/.tmp/b",
            "links/payments/1/0000-00000000000000002500.note",
        ] {
            assert!(check(key).is_ok(), "{key:?}");
        }
    }

    #[test]
    fn a_prefix_may_be_empty_or_end_within_a_part() {
        for prefix in ["", "a", "a/", "a/b", "a/.", "links/payments/1/0000-", "data/a"] {
            assert!(check_prefix(prefix).is_ok(), "{prefix:?}");
        }
        for prefix in ["/", "/a", "a//", "../", "a/../b", "a/..//", "a\0"] {
            assert!(check_prefix(prefix).is_err(), "{prefix:?}");
        }
    }
}
