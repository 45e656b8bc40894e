//! How rotated logs are named.

use std::path::Path;

/// Endings that a compressed file has besides its name.
const COMPRESSED: [&str; 7] = [".gz", ".zst", ".bz2", ".xz", ".lz4", ".lz", ".Z"];

/// The fewest digits that are a date and not the number of one of several logs.
const DATE_DIGITS: usize = 6;

/// What the names of a log and of its rotated files have in common: `app` of `app.log`, `app.log.1.gz` and
/// `app-20250101.log`.
pub(super) fn stem(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let end = name.find(['.', '-', '_']).unwrap_or(name.len());
    Some(&name[..end])
}

/// Whether `other` has the name that rotating gives to a file of the log at `path`.
pub(super) fn has_rotated_name(other: &Path, path: &Path) -> bool {
    let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    let (Some(other), Some(name)) = (name(other), name(path)) else {
        return false;
    };
    let plain = COMPRESSED.iter().find_map(|ending| other.strip_suffix(ending));
    let other = plain.unwrap_or(&other);
    if let Some(added) = other.strip_prefix(&name) {
        return added == ".old" || (added.starts_with(['.', '-', '_']) && digits(added).is_some());
    }
    let Some((stem, ending)) = name.rsplit_once('.') else {
        return false;
    };
    let added = other.strip_prefix(stem).and_then(|rest| rest.strip_suffix(ending));
    let added = added.and_then(|added| added.strip_suffix('.')).unwrap_or_default();
    match digits(added) {
        Some(count) => added.starts_with('.') || count >= DATE_DIGITS,
        None => false,
    }
}

/// The number of digits in a number or a date; `None` in other text.
fn digits(added: &str) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_digit() || ".-_:TZ".contains(c);
    let count = added.bytes().filter(u8::is_ascii_digit).count();
    (count > 0 && added.chars().all(is_part)).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_that_rotating_gives_are_told_from_those_of_other_logs() {
        let is_rotated = |other: &str| has_rotated_name(Path::new(other), Path::new("/var/log/app.log"));
        for rotated in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20250101",
            "app.log.2025-01-01T00:00:00Z.zst",
            "app.log.old",
            "app.1.log",
            "app-2025-01-01.log",
            "app_20250101.log.xz",
        ] {
            assert!(is_rotated(rotated), "{rotated}");
        }
        for other in [
            "app.log",
            "app.log.gz",
            "app.log~",
            "app.log.bak",
            "app-1.log",
            "app2.log",
            "app-other.log",
            "application.log",
            "app.jsonl",
            "app",
        ] {
            assert!(!is_rotated(other), "{other}");
        }
    }
}
