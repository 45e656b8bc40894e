//! Decides which file an input is: one that earlier runs sent in part, maybe under another name, or a new one, maybe in the
//! place of one that was rotated.
//!
//! Logs are rotated by renaming (the new file has another inode) or by copying and truncating (the new content has the old
//! inode, and the copy another one). Both leave a file that begins with the marked lines. An edited file is neither: the last
//! marked line is still in it. It is refused, because sending it would send most of its lines twice.

use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::app::ingest::error::IngestError;
use crate::app::ingest::input::{Lines, Portion, open_text};
use crate::app::ingest::mark::{Known, Mark, Place, Reached, Seen, Standing, digests, first_digest};

/// What an input is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// A file that earlier runs sent in part.
    Continue(Known),
    /// A file of which nothing was sent, in a place of which nothing was sent.
    New,
    /// A new file in the place of an earlier one, which is at `rest` now if it was found.
    Rotated { earlier: Known, rest: Option<PathBuf> },
}

/// Looks at a file.
///
/// # Errors
/// Its metadata cannot be read.
pub(super) fn look(path: &Path, line_max_bytes: usize) -> io::Result<Seen> {
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
        },
        first,
    })
}

/// What the input `seen` is, given what is `known`.
///
/// # Errors
/// It is a changed version of a file that was sent.
pub(super) fn begin(seen: &Seen, place: &Place, known: &[Known], line_max_bytes: usize) -> Result<Begin, IngestError> {
    if let Some(same) = same_file(seen, place, known, line_max_bytes) {
        return Ok(Begin::Continue(same.clone()));
    }
    let Some(earlier) = known.iter().rev().find(|known| known.subject.place() == *place) else {
        return Ok(Begin::New);
    };
    if has_line(&seen.path, earlier, line_max_bytes) {
        return Err(IngestError::Changed {
            file: place.file.clone(),
            lines: earlier.mark.lines,
        });
    }
    Ok(Begin::Rotated {
        rest: find(&seen.path, earlier, line_max_bytes),
        earlier: earlier.clone(),
    })
}

/// The file among `known` that this is: with the same beginning, and at the same place or with the same inode, or else with all
/// the marked lines.
fn same_file<'k>(seen: &Seen, place: &Place, known: &'k [Known], line_max_bytes: usize) -> Option<&'k Known> {
    let first = seen.first?;
    let alike = || known.iter().rev().filter(|known| known.subject.first == first);
    alike()
        .find(|known| known.mark.standing.is_same_file(&seen.standing))
        .or_else(|| alike().find(|known| known.subject.place() == *place))
        .or_else(|| alike().find(|known| begins_with(&seen.path, &known.mark, line_max_bytes)))
}

/// The file beside `path` that `earlier` is now: under another name, or copied.
fn find(path: &Path, earlier: &Known, line_max_bytes: usize) -> Option<PathBuf> {
    let stem = stem(path)?;
    let is_named_alike = |other: &Path| other != path && self::stem(other) == Some(stem);
    let beside = std::fs::read_dir(path.parent()?).ok()?;
    let beside = beside
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|other| is_named_alike(other) && other.is_file());
    let alike: Vec<Seen> = beside
        .filter_map(|other| look(&other, line_max_bytes).ok())
        .filter(|seen| seen.first == Some(earlier.subject.first))
        .collect();
    let renamed = alike
        .iter()
        .find(|seen| seen.standing.is_same_file(&earlier.mark.standing));
    let copied = || {
        alike
            .iter()
            .find(|seen| begins_with(&seen.path, &earlier.mark, line_max_bytes))
    };
    renamed.or_else(copied).map(|seen| seen.path.clone())
}

/// What the names of a log and of its rotated files have in common: `app` of `app.log`, `app.log.1.gz` and
/// `app-20250101.log`.
fn stem(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let end = name.find(['.', '-', '_']).unwrap_or(name.len());
    Some(&name[..end])
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;
    use crate::app::ingest::mark::Subject;

    const LINE_MAX_BYTES: usize = 1_000;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.path(name), text).unwrap();
        }

        fn place(&self, name: &str) -> Place {
            Place {
                file: self.path(name).display().to_string(),
                only: None,
            }
        }

        /// What a run knows after it sent these lines of the file.
        fn sent(&self, name: &str, text: &str) -> Known {
            let seen = look(&self.path(name), LINE_MAX_BYTES).unwrap();
            let mut reached = Reached::default();
            reached.pass(text.as_bytes());
            let (first, mark) = reached.mark(&seen.standing).unwrap();
            let Place { file, only } = self.place(name);
            Known {
                subject: Subject { file, only, first },
                mark,
            }
        }

        fn begin(&self, name: &str, known: &[Known]) -> Result<Begin, IngestError> {
            let seen = look(&self.path(name), LINE_MAX_BYTES).unwrap();
            begin(&seen, &self.place(name), known, LINE_MAX_BYTES)
        }
    }

    fn folder() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    #[test]
    fn a_file_that_grew_continues_and_another_is_new() {
        let folder = folder();
        folder.write("app.log", "a\nb\n");
        let known = [folder.sent("app.log", "a\nb\n")];
        folder.write("app.log", "a\nb\nc\n");
        folder.write("other.log", "x\n");
        assert_eq!(
            folder.begin("app.log", &known).unwrap(),
            Begin::Continue(known[0].clone())
        );
        assert_eq!(folder.begin("other.log", &known).unwrap(), Begin::New);
    }

    #[test]
    fn a_log_rotated_by_renaming_is_found_and_continues_under_its_new_name() {
        let folder = folder();
        folder.write("app.log", "a\nb\n");
        let known = [folder.sent("app.log", "a\nb\n")];
        folder.write("app.log", "a\nb\nc\n");
        fs::rename(folder.path("app.log"), folder.path("app.log.1")).unwrap();
        folder.write("app.log", "d\n");
        let rotated = Begin::Rotated {
            earlier: known[0].clone(),
            rest: Some(folder.path("app.log.1")),
        };
        assert_eq!(folder.begin("app.log", &known).unwrap(), rotated);
        assert_eq!(
            folder.begin("app.log.1", &known).unwrap(),
            Begin::Continue(known[0].clone())
        );
    }

    #[test]
    fn a_log_rotated_by_copying_and_truncating_is_found_in_its_copy_compressed_or_not() {
        let folder = folder();
        folder.write("app.log", "a\nb\n");
        let known = [folder.sent("app.log", "a\nb\n")];
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"a\nb\nc\n").unwrap();
        for (copy, bytes) in [
            ("app.log.1", b"a\nb\nc\n".to_vec()),
            ("app-20250101.gz", gzip.finish().unwrap()),
        ] {
            fs::write(folder.path(copy), bytes).unwrap();
            folder.write("app.log", "d\n");
            let rotated = Begin::Rotated {
                earlier: known[0].clone(),
                rest: Some(folder.path(copy)),
            };
            assert_eq!(folder.begin("app.log", &known).unwrap(), rotated);
            fs::remove_file(folder.path(copy)).unwrap();
        }
    }

    #[test]
    fn a_rotated_log_that_is_gone_is_told() {
        let folder = folder();
        folder.write("app.log", "a\nb\n");
        let known = [folder.sent("app.log", "a\nb\n")];
        folder.write("app.log.1", "a\nx\nc\n");
        folder.write("app.log", "");
        let rotated = Begin::Rotated {
            earlier: known[0].clone(),
            rest: None,
        };
        assert_eq!(folder.begin("app.log", &known).unwrap(), rotated);
    }

    #[test]
    fn an_edited_file_is_refused_whatever_its_inode_and_its_backup() {
        let folder = folder();
        folder.write("app.log", "a\nb\nc\n");
        let known = [folder.sent("app.log", "a\nb\nc\n")];
        fs::rename(folder.path("app.log"), folder.path("app.log~")).unwrap();
        for edited in ["x\nb\nc\n", "b\nc\n", "x\na\nb\nc\nd\n"] {
            folder.write("app.log", edited);
            let error = folder.begin("app.log", &known).unwrap_err();
            assert!(
                matches!(error, IngestError::Changed { lines: 3, .. }),
                "{edited}: {error}"
            );
        }
    }
}
