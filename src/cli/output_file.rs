//! A file that a command writes its result to. The result goes to a temporary file beside it, which takes its name at the end:
//! a command that fails or is interrupted leaves what was there before. A pipe or a device is written to as it is.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::cli::failure::{Failure, FileError};
use crate::cli::interrupt;
use crate::error::Kind;
use crate::writing::file_owner;

/// What to do if the file exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse it.
    Kept,
    /// Replace it once the result is complete.
    Replaced,
}

/// A file that is being written.
#[derive(Debug)]
pub struct OutputFile {
    /// As the user named it.
    place: PathBuf,
    lines: BufWriter<File>,
    unfinished: Option<Unfinished>,
}

/// The temporary file, and what becomes of it.
#[derive(Debug)]
struct Unfinished {
    temporary: PathBuf,
    target: PathBuf,
    existing: Existing,
}

/// The file of an option such as `-o FILE`, where `-` means stdout as it does elsewhere.
#[must_use]
pub fn file_named(option: Option<&PathBuf>) -> Option<&Path> {
    option.map(PathBuf::as_path).filter(|file| *file != Path::new("-"))
}

impl OutputFile {
    /// Opens the file for writing; one that exists is not changed yet.
    ///
    /// # Errors
    /// `Config` if it exists and is kept; else why it cannot be written.
    pub fn create(place: &Path, existing: Existing) -> Result<OutputFile, Failure> {
        let failed = |error| Failure::from(FileError::new("create", place, error));
        let about = fs::metadata(place);
        let (file, unfinished) = match &about {
            Ok(about) if !about.is_file() => (OpenOptions::new().write(true).open(place).map_err(failed)?, None),
            Ok(_) if existing == Existing::Kept => return Err(exists(place)),
            _ => {
                // A symbolic link stays one.
                let target = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
                let temporary = beside(&target);
                let file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(&temporary)
                    .map_err(failed)?;
                interrupt::remove_on_interrupt(&temporary, place);
                let unfinished = Unfinished {
                    temporary,
                    target,
                    existing,
                };
                (file, Some(unfinished))
            }
        };
        let output = OutputFile {
            place: place.to_owned(),
            lines: BufWriter::with_capacity(1 << 16, file),
            unfinished,
        };
        if let (Ok(about), Some(_)) = (&about, &output.unfinished) {
            file_owner::take_over(output.lines.get_ref(), about).map_err(failed)?;
        }
        Ok(output)
    }

    /// Writes a whole result, and replaces the file.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn replace(place: &Path, content: &[u8]) -> Result<(), Failure> {
        let mut output = OutputFile::create(place, Existing::Replaced)?;
        let written = output.write_all(content);
        output.written(written)?;
        output.finish()
    }

    /// Turns an error of writing into a failure that names the file.
    ///
    /// # Errors
    /// What `outcome` says.
    pub fn written<T>(&self, outcome: io::Result<T>) -> Result<T, Failure> {
        outcome.map_err(|error| FileError::new("write", &self.place, error).into())
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// `Config` if the name was taken meanwhile; else why it cannot be written.
    pub fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.lines.flush();
        self.written(flushed)?;
        let Some(unfinished) = &self.unfinished else {
            return Ok(());
        };
        let synced = self.lines.get_ref().sync_all();
        self.written(synced)?;
        match place_at(unfinished) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&self.place)),
            placed => self.written(placed),
        }
    }
}

fn place_at(unfinished: &Unfinished) -> io::Result<()> {
    let Unfinished {
        temporary,
        target,
        existing,
    } = unfinished;
    if *existing == Existing::Kept {
        match renameat_with(CWD, temporary, CWD, target, RenameFlags::NOREPLACE) {
            // Not every file system can do that.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !target.exists() => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => return Err(io::ErrorKind::AlreadyExists.into()),
            renamed => return Ok(renamed?),
        }
    }
    fs::rename(temporary, target)
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some(unfinished) = &self.unfinished {
            // After a finished command the name is gone, so there is nothing to remove.
            drop(fs::remove_file(&unfinished.temporary));
            interrupt::forget(&unfinished.temporary);
        }
    }
}

/// The temporary file or folder beside `target`: hidden, and with this process's number.
pub(super) fn beside(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}.part", std::process::id()));
    target.with_file_name(name)
}

fn exists(place: &Path) -> Failure {
    Failure::new(
        Kind::Config,
        format!("the file exists, and was not changed: `{}`", place.display()),
        "name another file, or add --force to replace this one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_file_that_exists_keeps_its_content_until_the_result_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("k.jsonl");
        fs::write(&file, "keep").unwrap();
        assert!(OutputFile::create(&file, Existing::Kept).is_err());
        let mut unfinished = OutputFile::create(&file, Existing::Replaced).unwrap();
        unfinished.write_all(b"half").unwrap();
        drop(unfinished);
        assert_eq!(fs::read_to_string(&file).unwrap(), "keep");
        assert_eq!(names(folder.path()), ["k.jsonl"]);
        OutputFile::replace(&file, b"whole").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "whole");
        assert_eq!(names(folder.path()), ["k.jsonl"]);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("k.jsonl");
        let output = OutputFile::create(&file, Existing::Kept).unwrap();
        fs::write(&file, "theirs").unwrap();
        assert!(output.finish().is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");
        assert_eq!(names(folder.path()), ["k.jsonl"]);
    }

    #[test]
    fn a_device_is_written_to_and_a_symbolic_link_stays_one() {
        OutputFile::replace(Path::new("/dev/null"), b"gone").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        OutputFile::replace(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }
}
