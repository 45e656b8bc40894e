//! A folder that a command writes its result to. The files go to a temporary folder beside it, which takes its name at the end: a
//! command that fails or is interrupted leaves no half folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::cli::failure::{Failure, FileError};
use crate::cli::interrupt;
use crate::cli::output_file::beside;
use crate::error::Kind;

/// A folder that is being written.
#[derive(Debug)]
pub struct OutputFolder {
    /// As the user named it.
    place: PathBuf,
    target: PathBuf,
    temporary: PathBuf,
}

impl OutputFolder {
    /// Creates the temporary folder.
    ///
    /// # Errors
    /// `Config` if the folder exists and is not empty; else why it cannot be written.
    pub fn create(place: &Path) -> Result<OutputFolder, Failure> {
        check(place)?;
        // The name of `.` or `folder/..` is found only once it exists.
        let target = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        let temporary = beside(&target);
        fs::create_dir(&temporary).map_err(|error| FileError::new("create", place, error))?;
        interrupt::remove_on_interrupt(&temporary, place);
        Ok(OutputFolder {
            place: place.to_owned(),
            target,
            temporary,
        })
    }

    /// Where the files are written.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Gives the complete folder its name.
    ///
    /// # Errors
    /// `Config` if the name was taken meanwhile; else why it cannot be written.
    pub fn finish(self) -> Result<(), Failure> {
        // Only an empty folder is replaced.
        match fs::rename(&self.temporary, &self.target) {
            Err(error) if is_taken(&error) => Err(taken(&self.place)),
            renamed => renamed.map_err(|error| FileError::new("write", &self.place, error).into()),
        }
    }
}

/// Refuses a folder that exists and is not empty, before any work is done for it.
///
/// # Errors
/// `Config` if it is not empty, or a file.
pub fn check(place: &Path) -> Result<(), Failure> {
    match fs::read_dir(place) {
        Ok(mut files) => files.next().map_or(Ok(()), |_| Err(taken(place))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if is_taken(&error) => Err(taken(place)),
        Err(error) => Err(FileError::new("read", place, error).into()),
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
    )
}

fn taken(place: &Path) -> Failure {
    Failure::new(
        Kind::Config,
        format!(
            "the folder exists and is not empty, and was not changed: `{}`",
            place.display()
        ),
        "name a new or empty folder",
    )
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        // A finished folder has another name, so there is nothing to remove.
        drop(fs::remove_dir_all(&self.temporary));
        interrupt::forget(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_its_name_only_when_it_is_complete() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("found");
        let unfinished = OutputFolder::create(&place).unwrap();
        fs::write(unfinished.path().join("a"), "half").unwrap();
        drop(unfinished);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        let complete = OutputFolder::create(&place).unwrap();
        fs::write(complete.path().join("a"), "whole").unwrap();
        complete.finish().unwrap();
        assert_eq!(fs::read_to_string(place.join("a")).unwrap(), "whole");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_an_empty_folder_is_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("found");
        fs::create_dir(&place).unwrap();
        OutputFolder::create(&place).unwrap().finish().unwrap();
        let late = OutputFolder::create(&place).unwrap();
        fs::write(place.join("theirs"), "").unwrap();
        assert!(late.finish().is_err());
        assert!(OutputFolder::create(&place).is_err());
        assert!(OutputFolder::create(&place.join("theirs")).is_err());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
