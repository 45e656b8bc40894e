//! Files with a secret: a signing key or a PIN. Only their owner, and the group of this process, may read them. Kubernetes
//! mounts secrets for the group of a pod (`fsGroup`), with the mode 0440.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::{getegid, getgroups};

/// The bits of a mode that let other users read or write a file.
const OTHERS: u32 = 0o007;
/// The bits that let members of the file's group do so.
const GROUP: u32 = 0o070;

/// Why a file with a secret was not read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// There is no such file.
    #[error("the file does not exist")]
    Missing,
    /// Users other than the owner and this process's groups may read it; it has this mode.
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
    examine(file)?;
    Ok(fs::read_to_string(file)?)
}

/// Whether the file is there, and only those may read it who should.
///
/// # Errors
/// [`Unreadable`]
pub fn examine(file: &Path) -> Result<(), Unreadable> {
    let metadata = match fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Unreadable::Missing),
        metadata => metadata?,
    };
    if is_exposed(metadata.mode(), || is_own_group(metadata.gid())) {
        return Err(Unreadable::Exposed(metadata.mode() & 0o777));
    }
    Ok(())
}

/// Whether others than the owner and this process's groups may use a file of this mode.
fn is_exposed(mode: u32, is_own_group: impl FnOnce() -> bool) -> bool {
    mode & OTHERS != 0 || (mode & GROUP != 0 && !is_own_group())
}

/// Whether this process is a member of the group.
fn is_own_group(group: u32) -> bool {
    getegid().as_raw() == group || getgroups().is_ok_and(|groups| groups.iter().any(|own| own.as_raw() == group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_this_process_may_read_a_secret_and_no_one_else() {
        for (mode, own_group, exposed) in [
            (0o100_600, false, false),
            (0o100_400, false, false),
            (0o100_440, true, false),
            (0o100_660, true, false),
            (0o100_440, false, true),
            (0o100_620, false, true),
            (0o100_644, true, true),
            (0o100_604, true, true),
            (0o100_602, true, true),
        ] {
            assert_eq!(is_exposed(mode, || own_group), exposed, "{mode:o} {own_group}");
        }
    }

    #[test]
    fn a_group_is_own_if_this_process_is_a_member() {
        assert!(is_own_group(getegid().as_raw()));
        assert!(!is_own_group(u32::MAX - 1));
    }
}
