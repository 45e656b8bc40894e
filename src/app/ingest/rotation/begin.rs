//! What an input is, given what earlier runs sent and what is beside it.

use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::app::ingest::error::IngestError;
use crate::app::ingest::input::{Lines, Portion, open_text, shown};
use crate::app::ingest::mark::{Known, Mark, Place, Reached, Seen, Standing, digests, first_digest};
use crate::app::ingest::rotation::rotated_name::{has_rotated_name, stem};
use crate::record::hash::Hash;

/// What an input is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// A file that earlier runs sent in part.
    Continue(Known),
    /// A file of which nothing was sent, in a place of which nothing was sent.
    New,
    /// A new file in the place of an earlier one.
    Rotated(Rotation),
}

/// A file that took the place of another one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// What was sent of the earlier one.
    pub(crate) earlier: Known,
    /// Where the earlier one is now, if it was found.
    pub(crate) rest: Option<PathBuf>,
    /// Files that may have had the place in between: nothing of them was sent.
    pub(crate) unsent: Vec<PathBuf>,
}

/// Looks at a file.
///
/// # Errors
/// Its metadata cannot be read.
pub(crate) fn look(path: &Path, line_max_bytes: usize) -> io::Result<Seen> {
    let metadata = path.metadata()?;
    let mut first = None;
    // What is wrong with its content is reported when it is read.
    let _ = portions(path, line_max_bytes, |portion| {
        first = Some(first_digest(portion));
        ControlFlow::Break(())
    });
    Ok(Seen {
        path: path.to_owned(),
        standing: Standing {
            path: path.to_string_lossy().into_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            modified_ms: metadata.mtime() * 1_000 + metadata.mtime_nsec() / 1_000_000,
        },
        is_empty: metadata.len() == 0,
        first,
    })
}

/// What the input `seen` is, given what is `known`.
///
/// # Errors
/// It is a changed version of a file that was sent, or may be one.
pub(crate) fn begin(seen: &Seen, place: &Place, known: &[Known], line_max_bytes: usize) -> Result<Begin, IngestError> {
    let same = same_file(seen, place, known, line_max_bytes);
    let in_place = || known.iter().rev().find(|known| known.subject.place() == *place);
    let Some(earlier) = same.or_else(in_place) else {
        return Ok(Begin::New);
    };
    let beside = beside(&seen.path, line_max_bytes);
    let alike: Vec<&Seen> = beside
        .iter()
        .filter(|other| other.first == Some(earlier.subject.first))
        .collect();
    let has_all = |other: &Seen| begins_with(&other.path, &earlier.mark, line_max_bytes);
    let moved = alike
        .iter()
        .find(|other| other.standing.is_same_file(&earlier.mark.standing) && has_all(other));
    if same.is_some() && (alike.is_empty() || has_all(seen)) {
        let is_replaced = *place == earlier.subject.place() && !seen.standing.is_same_file(&earlier.mark.standing);
        return match moved {
            Some(other) if is_replaced => Err(IngestError::Ambiguous {
                file: shown(&seen.path),
                other: shown(&other.path),
                lines: earlier.mark.lines,
            }),
            _ => Ok(Begin::Continue(earlier.clone())),
        };
    }
    let copied = || alike.iter().find(|other| has_all(other));
    let rest = moved.or_else(copied).map(|rest| rest.path.clone());
    let second = |path: &Path| second_digest(path, line_max_bytes);
    // With more than the first line in common it is an edited copy rather than another file of the log.
    let is_edited = same.is_some() && rest.as_ref().is_none_or(|rest| second(rest) == second(&seen.path));
    if is_edited || earlier.subject.place() != *place || has_line(&seen.path, earlier, line_max_bytes) {
        return Err(IngestError::Changed {
            file: shown(&seen.path),
            lines: earlier.mark.lines,
        });
    }
    Ok(Begin::Rotated(Rotation {
        rest,
        unsent: unsent(seen, &beside, earlier, known),
        earlier: earlier.clone(),
    }))
}

/// The file among `known` that this is: with the same first line, and at the same place, or else with all the marked lines and
/// either the same inode or a name alike, and gone from where it was.
fn same_file<'k>(seen: &Seen, place: &Place, known: &'k [Known], line_max_bytes: usize) -> Option<&'k Known> {
    let first = seen.first?;
    let alike = || known.iter().rev().filter(|known| known.subject.first == first);
    let is_here = |known: &Known| known.subject.place() == *place;
    let is_same = |known: &Known| known.mark.standing.is_same_file(&seen.standing);
    let begins = |known: &Known| begins_with(&seen.path, &known.mark, line_max_bytes);
    let is_gone = |known: &Known| {
        let now = look(Path::new(&known.mark.standing.path), line_max_bytes);
        !now.is_ok_and(|now| now.first == Some(first) && now.standing.is_same_file(&known.mark.standing))
    };
    let is_named_alike = |known: &Known| stem(&seen.path) == stem(Path::new(&known.mark.standing.path));
    alike()
        .find(|known| is_here(known) && is_same(known))
        .or_else(|| alike().find(|known| !is_here(known) && is_same(known) && begins(known)))
        .or_else(|| alike().find(|known| is_here(known)))
        .or_else(|| alike().find(|known| is_named_alike(known) && is_gone(known) && begins(known)))
}

/// The files beside `path` whose names begin as its own.
fn beside(path: &Path, line_max_bytes: usize) -> Vec<Seen> {
    let (Some(own), Some(folder)) = (stem(path), path.parent()) else {
        return Vec::new();
    };
    // A folder that cannot be listed has nothing to offer.
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|other| other != path && stem(other) == Some(own) && other.is_file())
        .filter_map(|other| look(&other, line_max_bytes).ok())
        .collect()
}

/// Files that are named as rotated ones, were written after the last run, and are none of those that are known. A log that was
/// rotated more than once since then leaves them.
fn unsent(seen: &Seen, beside: &[Seen], earlier: &Known, known: &[Known]) -> Vec<PathBuf> {
    let is_known = |other: &&Seen| known.iter().any(|known| Some(known.subject.first) == other.first);
    let mut unsent: Vec<&Seen> = beside
        .iter()
        .filter(|other| !other.is_empty && other.standing.modified_ms > earlier.mark.standing.modified_ms)
        .filter(|other| has_rotated_name(&other.path, &seen.path))
        .filter(|other| !is_known(other))
        .collect();
    unsent.sort_by_key(|other| other.standing.modified_ms);
    unsent.into_iter().map(|other| other.path.clone()).collect()
}

/// Whether the file begins with the marked lines.
fn begins_with(path: &Path, mark: &Mark, line_max_bytes: usize) -> bool {
    let (mut reached, mut fits) = (Reached::default(), true);
    // An error after the marked lines does not matter here.
    let _ = portions(path, line_max_bytes, |portion| {
        fits = match portion {
            Portion::Lines(lines) => reached.skip(lines, Some(mark)).is_some(),
            Portion::TooLong(line) => {
                reached.pass_too_long(line);
                reached.fits(Some(mark))
            }
        };
        if fits && reached.lines < mark.lines {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    fits && reached.lines == mark.lines
}

/// The digest of the second line.
fn second_digest(path: &Path, line_max_bytes: usize) -> Option<Hash> {
    let mut lines = Vec::new();
    // What cannot be read has no second line.
    let _ = portions(path, line_max_bytes, |portion| {
        lines.append(&mut digests(portion));
        if lines.len() < 2 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    lines.get(1).copied()
}

/// Whether the last marked line is in the file.
fn has_line(path: &Path, earlier: &Known, line_max_bytes: usize) -> bool {
    let mut has = false;
    // What cannot be read cannot be sent either.
    let _ = portions(path, line_max_bytes, |portion| {
        has = digests(portion).contains(&earlier.mark.last);
        if has {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    has
}

/// Reads a file until `take` breaks.
fn portions(path: &Path, line_max_bytes: usize, mut take: impl FnMut(&Portion) -> ControlFlow<()>) -> io::Result<()> {
    let mut lines = Lines::new(open_text(path)?, line_max_bytes);
    while let Some(portion) = lines.next_portion()? {
        if take(&portion).is_break() {
            break;
        }
    }
    Ok(())
}
