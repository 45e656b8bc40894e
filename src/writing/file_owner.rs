//! Owner, group and mode of a file that replaces another: who could read the old one, such as the user of the daemon, can read the
//! new one when another user, such as root, replaced it.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};

/// The bits of the mode that are for the owner.
const OWNERS: u32 = 0o700;

/// Gives the file the owner, the group and the mode of the one that it replaces. Who is neither root nor the owner cannot keep
/// both; the mode then is for the owner only, so that no other group may read what this one could.
///
/// # Errors
/// The file system's error.
pub fn take_over(file: &File, replaced: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    let is_same = (own.uid(), own.gid()) == (replaced.uid(), replaced.gid());
    let kept = is_same || keep_owner(file, replaced)?;
    let mode = replaced.permissions().mode() & if kept { 0o7777 } else { OWNERS };
    file.set_permissions(Permissions::from_mode(mode))
}

/// Gives the file the owner and the group of another, where this user may. Returns whether both are as that one has them.
///
/// # Errors
/// The file system's error.
pub fn keep_owner(file: &File, replaced: &Metadata) -> io::Result<bool> {
    match fchown(file, Some(replaced.uid()), Some(replaced.gid())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_mode_is_kept_and_as_root_the_owner_and_the_group_too() {
        let folder = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| folder.path().join(name));
        fs::write(&old, "old").unwrap();
        fs::set_permissions(&old, Permissions::from_mode(0o440)).unwrap();
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&old, Some(1234), Some(4321)).unwrap();
        }
        let replaced = fs::metadata(&old).unwrap();
        take_over(&File::create(&new).unwrap(), &replaced).unwrap();
        let taken = fs::metadata(&new).unwrap();
        assert_eq!(taken.mode() & 0o7777, 0o440);
        assert_eq!((taken.uid(), taken.gid()), (replaced.uid(), replaced.gid()));
        assert!(!is_root || taken.uid() == 1234);
    }
}
