//! How a command fails, and the one place that says so: what happened, why, and what to do. Never repeats a source, and
//! is quiet where nobody reads any more.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Explain, Kind};

/// Why a command ended without its result.
#[derive(Debug)]
pub enum Failure {
    /// Whoever read our output has gone, such as `head`: no error, and nobody to tell.
    ReaderGone,
    /// Something that a user should read.
    Told(Told),
}

/// What the user is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub(super) kind: Kind,
    /// What happened, then each cause.
    pub(super) causes: Vec<String>,
    pub(super) remedy: String,
}

/// A file that a command was told to read or write, and cannot.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} file=`{}`", file.display())]
pub struct FileError {
    action: &'static str,
    file: PathBuf,
    source: io::Error,
}

impl FileError {
    /// `action` is the verb: read, write, create.
    pub fn new(action: &'static str, file: &Path, source: io::Error) -> FileError {
        FileError {
            action,
            file: file.to_owned(),
            source,
        }
    }
}

impl Explain for FileError {
    fn kind(&self) -> Kind {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => Kind::Permission,
            _ => Kind::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        Some("check that the path exists and may be used".to_owned())
    }
}

impl Failure {
    /// A failure that only the command line can know.
    pub fn new(kind: Kind, what: impl Into<String>, remedy: impl Into<String>) -> Failure {
        Failure::Told(Told {
            kind,
            causes: vec![what.into()],
            remedy: remedy.into(),
        })
    }

    /// Output that could not be written.
    pub(super) fn output(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => FileError::new("write", Path::new("stdout"), error).into(),
        }
    }
}

impl<E: Explain + 'static> From<E> for Failure {
    fn from(error: E) -> Failure {
        let remedy = error.remedy().unwrap_or_else(|| error.kind().remedy().to_owned());
        Failure::Told(Told {
            kind: error.kind(),
            causes: causes(&error),
            remedy,
        })
    }
}

/// The error and its sources, leaving out one that says what the one before it said already.
fn causes(error: &dyn Error) -> Vec<String> {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !causes.iter().any(|told| told.contains(&text)) {
            causes.push(text);
        }
        next = source.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn a_failure_tells_what_happened_why_and_what_to_do() {
        let missing = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let Failure::Told(told) = Failure::from(FileError::new("read", Path::new("a.jsonl"), missing)) else {
            panic!("silent")
        };
        assert_eq!(told.causes, ["cannot read file=`a.jsonl`", "no such file"]);
        assert_eq!(told.remedy, "check that the path exists and may be used");
        assert_eq!(told.kind.exit(), Exit::Failed);
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        let failure = Failure::output(io::ErrorKind::BrokenPipe.into());
        assert!(matches!(failure, Failure::ReaderGone));
    }
}
