//! The failure of a command: what happened, why, and what to do. [`crate::cli::output::Output`] prints it.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Explain, Kind};

/// Why a command ended without a result.
#[derive(Debug)]
pub enum Failure {
    /// The reader of stdout, such as `head`, has closed it. Not an error, and nothing is printed.
    ClosedPipe,
    /// An error to print.
    Reported(ErrorReport),
}

/// What is printed.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorReport {
    pub(super) kind: Kind,
    /// What happened, then its causes.
    pub(super) causes: Vec<String>,
    pub(super) remedy: String,
}

/// A file that the user named cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`", file.display())]
pub struct FileError {
    action: &'static str,
    file: PathBuf,
    source: io::Error,
}

impl FileError {
    /// `action` is a verb: read, write, create.
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
        Some(match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free space on the disk, or write to another one".to_owned()
            }
            io::ErrorKind::IsADirectory => "name a file, not a folder".to_owned(),
            _ => "check that the path exists and that you may use it".to_owned(),
        })
    }
}

impl Failure {
    /// A failure that only the command line can detect.
    pub fn new(kind: Kind, what: impl Into<String>, remedy: impl Into<String>) -> Failure {
        Failure::Reported(ErrorReport {
            kind,
            causes: vec![what.into()],
            remedy: remedy.into(),
        })
    }

    /// The output could not be written.
    pub(super) fn output(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => FileError::new("write", Path::new("stdout"), error).into(),
        }
    }
}

impl<E: Explain + 'static> From<E> for Failure {
    fn from(error: E) -> Failure {
        let remedy = error.remedy().unwrap_or_else(|| error.kind().remedy().to_owned());
        Failure::Reported(ErrorReport {
            kind: error.kind(),
            causes: causes(&error),
            remedy,
        })
    }
}

/// The error and its sources, without those that repeat the message before.
fn causes(error: &dyn Error) -> Vec<String> {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !causes.iter().any(|known| known.contains(&text)) {
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
    fn a_failure_has_what_happened_why_and_what_to_do() {
        let missing = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let Failure::Reported(report) = Failure::from(FileError::new("read", Path::new("a.jsonl"), missing)) else {
            panic!("silent")
        };
        assert_eq!(report.causes, ["cannot read `a.jsonl`", "no such file"]);
        assert_eq!(report.remedy, "check that the path exists and that you may use it");
        assert_eq!(report.kind.exit(), Exit::Failed);
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        let failure = Failure::output(io::ErrorKind::BrokenPipe.into());
        assert!(matches!(failure, Failure::ClosedPipe));
    }
}
