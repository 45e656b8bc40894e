//! Writes the lines that were not sent, with place and reason, as JSONL, so that they can be corrected and sent again.
//!
//! The file is appended to. With `--exactly-once` what was written is made durable before the mark that covers it is committed,
//! so that no line is marked whose rejection a crash could undo.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::app::ingest::input::{Input, shown};
use crate::error::{Explain, Kind};
use crate::record::hash::Hash;

/// How the lines of this file begin; a last line without a newline that begins so was interrupted by a crash.
const BEGINNING: &[u8] = b"{\"file\":";

/// Bytes read at once in search of the last newline.
const BLOCK_BYTES: u64 = 1 << 16;

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RejectsError {
    /// It cannot be written.
    #[error("cannot write rejected lines to `{}`", shown(file))]
    Io {
        /// Its path.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is also read.
    #[error("the file for rejected lines is also an input: `{}`", shown(file))]
    IsInput {
        /// Its path.
        file: PathBuf,
    },
}

impl Explain for RejectsError {
    fn kind(&self) -> Kind {
        match self {
            RejectsError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => Kind::Permission,
            RejectsError::Io { .. } => Kind::Input,
            RejectsError::IsInput { .. } => Kind::Config,
        }
    }

    fn remedy(&self) -> Option<String> {
        let remedy = match self {
            RejectsError::Io { .. } => "name a file in an existing folder on a disk with free space: `--rejects FILE`",
            RejectsError::IsInput { .. } => "name another file: `--rejects FILE`",
        };
        Some(remedy.to_owned())
    }
}

/// One line of the file.
#[derive(Debug, Serialize)]
pub(super) struct Rejected<'a> {
    /// The name of the input.
    pub(super) file: &'a str,
    /// The line number, from 1.
    pub(super) line: u64,
    /// The reason, as a stable code.
    pub(super) reason: &'a str,
    /// The reason, as text.
    pub(super) detail: String,
    /// The length of the whole line, if only its start is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) length_bytes: Option<u64>,
}

/// Writes rejected lines to a file, if there is one.
///
/// After the first error nothing more is written: see [`Rejects::failure`].
#[derive(Debug)]
pub(super) struct Rejects {
    out: Option<Out>,
    failure: Option<RejectsError>,
}

#[derive(Debug)]
struct Out {
    path: PathBuf,
    file: BufWriter<File>,
    /// Whether it can be made durable: not a pipe or a terminal.
    is_file: bool,
    /// Whether something was written since it was made durable.
    is_dirty: bool,
    /// What a run that died wrote about lines beyond its mark. This run rejects the same lines again.
    written_before: HashSet<Hash>,
}

impl Rejects {
    /// Opens the file, or creates it at once: an empty file means that no line was rejected. It must be none of the `inputs`,
    /// which would grow while they are read.
    pub(super) fn open(file: Option<PathBuf>, inputs: &[Input]) -> Result<Rejects, RejectsError> {
        let open = |file: PathBuf| {
            if inputs.iter().any(|input| input.is_file(&file)) {
                return Err(RejectsError::IsInput { file });
            }
            Out::open(&file).map_err(|source| RejectsError::Io { file, source })
        };
        Ok(Rejects {
            out: file.map(open).transpose()?,
            failure: None,
        })
    }

    /// Why lines that were rejected are not in the file.
    pub(super) fn failure(&self) -> Option<&RejectsError> {
        self.failure.as_ref()
    }

    /// Avoids repeating what a run that died wrote about the lines of `input` after the first `marked`.
    pub(super) fn expect_again(&mut self, input: &str, marked: u64) {
        self.with(|out| {
            out.written_before = written_after(&out.path, input, marked)?;
            Ok(())
        });
    }

    pub(super) fn write(&mut self, rejected: &Rejected<'_>, line: &[u8]) {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten)]
            rejected: &'a Rejected<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            text: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            base64: Option<String>,
        }
        self.with(|out| {
            let text = std::str::from_utf8(line).ok();
            let base64 = text.is_none().then(|| STANDARD.encode(line));
            let mut written = serde_json::to_vec(&Written { rejected, text, base64 })?;
            if !out.written_before.is_empty() && out.written_before.remove(&Hash::of(&written)) {
                return Ok(());
            }
            written.push(b'\n');
            out.is_dirty = true;
            out.file.write_all(&written)
        });
    }

    /// Makes durable what was written.
    pub(super) fn make_durable(&mut self) {
        self.with(|out| {
            out.file.flush()?;
            if out.is_file && std::mem::take(&mut out.is_dirty) {
                out.file.get_ref().sync_data()?;
            }
            Ok(())
        });
    }

    fn with(&mut self, act: impl FnOnce(&mut Out) -> io::Result<()>) {
        if let (Some(out), None) = (&mut self.out, &self.failure)
            && let Err(source) = act(out)
        {
            self.failure = Some(RejectsError::Io {
                file: out.path.clone(),
                source,
            });
        }
    }
}

impl Out {
    fn open(path: &Path) -> io::Result<Out> {
        let is_new = !path.exists();
        let is_file = is_new || path.metadata()?.is_file();
        let mut file = OpenOptions::new().create(true).append(true).read(is_file).open(path)?;
        if is_file {
            end_last_line(&mut file)?;
        }
        if is_new {
            sync_folder(path)?;
        }
        Ok(Out {
            path: path.to_owned(),
            file: BufWriter::new(file),
            is_file,
            is_dirty: false,
            written_before: HashSet::new(),
        })
    }
}

/// Makes the name of a new file durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Removes a last line that a crash interrupted. It is not covered by a mark, so it is written again. A last line of another
/// origin gets its newline.
fn end_last_line(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let start = start_of_last_line(file, length)?;
    if start == length {
        return Ok(());
    }
    file.seek(SeekFrom::Start(start))?;
    let mut beginning = Vec::new();
    file.take(BEGINNING.len() as u64).read_to_end(&mut beginning)?;
    if BEGINNING.starts_with(&beginning) {
        file.set_len(start)
    } else {
        file.write_all(b"\n")
    }
}

/// The place after the last newline.
fn start_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(newline) = memchr::memrchr(b'\n', &block) {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The lines at the end of the file that are about lines of `input` after the first `marked`.
fn written_after(path: &Path, input: &str, marked: u64) -> io::Result<HashSet<Hash>> {
    #[derive(Deserialize)]
    struct Place {
        file: String,
        line: u64,
    }
    let mut found = HashSet::new();
    if !path.metadata()?.is_file() {
        return Ok(found);
    }
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let line = line?;
        match serde_json::from_slice::<Place>(&line) {
            Ok(place) if place.file == input && place.line > marked => found.insert(Hash::of(&line)),
            _ => {
                found.clear();
                false
            }
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(line: u64) -> Rejected<'static> {
        Rejected {
            file: "events.jsonl",
            line,
            reason: "not_json",
            detail: "not JSON".to_owned(),
            length_bytes: None,
        }
    }

    /// Runs that reject these lines, one run after the other, each after `marked` lines.
    fn lines_of(path: &Path, runs: &[(u64, &[u64])]) -> Vec<u64> {
        for (marked, lines) in runs {
            let mut rejects = Rejects::open(Some(path.to_owned()), &[]).unwrap();
            rejects.expect_again("events.jsonl", *marked);
            for line in *lines {
                rejects.write(&rejected(*line), b"bad");
            }
            rejects.make_durable();
            assert!(rejects.failure().is_none());
        }
        let text = std::fs::read_to_string(path).unwrap();
        let number = |line: &str| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["line"]
                .as_u64()
                .unwrap()
        };
        text.lines().map(number).collect()
    }

    #[test]
    fn a_later_run_appends_to_what_an_earlier_one_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects");
        assert_eq!(lines_of(&path, &[(0, &[2, 4]), (5, &[6])]), [2, 4, 6]);
    }

    #[test]
    fn lines_that_a_run_rejected_beyond_its_mark_are_not_written_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects");
        assert_eq!(lines_of(&path, &[(0, &[2, 4]), (2, &[4, 6])]), [2, 4, 6]);
    }

    #[test]
    fn a_line_that_a_crash_cut_off_is_removed_and_one_of_another_origin_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects");
        for (before, after) in [
            ("", ""),
            ("{\"file\":\"a\",\"line\":1}\n{\"fi", "{\"file\":\"a\",\"line\":1}\n"),
            ("{\"file\":\"a\",\"line\":1", ""),
            ("a note", "a note\n"),
        ] {
            std::fs::write(&path, before).unwrap();
            drop(Rejects::open(Some(path.clone()), &[]).unwrap());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }

    #[test]
    fn a_long_line_is_found_to_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rejects");
        let cut = format!("{{\"file\":\"{}", "x".repeat(200_000));
        std::fs::write(&path, format!("whole\n{cut}")).unwrap();
        drop(Rejects::open(Some(path.clone()), &[]).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole\n");
    }
}
