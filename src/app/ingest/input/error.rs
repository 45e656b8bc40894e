//! An input that cannot be read.

use std::io;
use std::path::Path;

use crate::app::ingest::input::form::Form;
use crate::error::{Explain, Kind};

/// An input that cannot be opened or read to its end.
#[derive(Debug, thiserror::Error)]
#[error("cannot read events file=`{name}`")]
pub struct InputError {
    pub(super) name: String,
    pub(super) source: io::Error,
}

impl InputError {
    /// About the file at `path`.
    pub(in crate::app::ingest) fn of(path: &Path, source: io::Error) -> InputError {
        InputError {
            name: path.display().to_string(),
            source,
        }
    }

    /// The form that the input has, if it is not JSON Lines.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        self.source.get_ref()?.downcast_ref().copied()
    }
}

impl Explain for InputError {
    fn kind(&self) -> Kind {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => Kind::Permission,
            _ => Kind::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        if let Some(form) = self.form() {
            return Some(form.remedy(&self.name));
        }
        Some(match self.source.kind() {
            io::ErrorKind::NotFound => "check the path".to_owned(),
            io::ErrorKind::IsADirectory => "name the files in the directory".to_owned(),
            io::ErrorKind::UnexpectedEof => {
                "the file is truncated, and its whole lines were sent: copy it again, and send the lines after those; \
                 with --exactly-once, run the same command again"
                    .to_owned()
            }
            _ => "check that the file is readable and, if it is compressed, complete".to_owned(),
        })
    }
}
