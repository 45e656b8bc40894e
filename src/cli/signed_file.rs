//! Reads a file that is a signed report of one kind, before its signature is checked.

use std::path::Path;

use crate::cli::failure::{Failure, FileError};
use crate::error::Kind;

/// The kind of report that a command takes.
#[derive(Debug, Clone, Copy)]
pub struct SignedKind {
    /// How every report of the kind begins, whatever its version.
    pub begin: &'static [u8],
    /// Its name with an article.
    pub name: &'static str,
    /// The command that writes it.
    pub written_by: &'static str,
}

/// The bytes of the file.
///
/// # Errors
/// It cannot be read, or is of another kind.
pub fn read_signed(file: &Path, kind: SignedKind) -> Result<Vec<u8>, Failure> {
    let content = std::fs::read(file).map_err(|error| FileError::new("read", file, error))?;
    if content.starts_with(kind.begin) {
        return Ok(content);
    }
    Err(Failure::new(
        Kind::Config,
        format!("not {}: `{}`", kind.name, file.display()),
        format!("name a file that `{}` wrote", kind.written_by),
    ))
}
