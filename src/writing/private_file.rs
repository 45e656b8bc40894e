//! Files with a secret: a signing key or a PIN. Only their owner may read them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Why a file with a secret was not read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// There is no such file.
    #[error("the file does not exist")]
    Missing,
    /// Users other than the owner may read it; it has this mode.
    #[error("other users may read the file, whose mode is {0:o}")]
    Exposed(u32),
    /// The operating system refuses it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the whole file.
///
/// # Errors
/// [`Unreadable`]
pub fn read(file: &Path) -> Result<String, Unreadable> {
    let metadata = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unreadable::Missing),
        metadata => metadata?,
    };
    if metadata.mode() & 0o077 != 0 {
        return Err(Unreadable::Exposed(metadata.mode() & 0o777));
    }
    Ok(fs::read_to_string(file)?)
}
