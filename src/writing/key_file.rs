//! The signing key's file. It is created for its owner only, written completely or not at all, and never overwritten. No
//! message contains a private key.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::clock;
use crate::log::signed_note::{SigningKey, VerifyingKey};
use crate::task::error::AppError;
use crate::writing::file_owner;
use crate::writing::private_file::{self, Unreadable};

/// Reads the signing key from a file that only its owner and the groups of this process may read.
///
/// # Errors
/// `Input` if the file does not exist; `Config` if other users may read it, if this user may not, or if it holds no key.
pub fn read(file: &Path) -> Result<SigningKey, AppError> {
    let shown = file.display();
    let text = private_file::read(file).map_err(|why| match why {
        Unreadable::Missing => AppError::input(format!(
            "the archive's signing key file does not exist: `{shown}`"
        ))
        .fix("copy the file from the machine on which the archive was created, or set archive.key_file"),
        Unreadable::Exposed(mode) => AppError::config(format!(
            "other users may read the signing key: the mode of `{shown}` is {mode:o}"
        ))
        .fix("run `chmod 600` on the file (in Kubernetes, mount the secret with `defaultMode: 0400`); if somebody may have read it, replace the key with `kivend keys rotate`"),
        Unreadable::Io(error) if error.kind() == io::ErrorKind::InvalidData => damaged(file),
        Unreadable::Io(error) => {
            AppError::config(format!("the signing key file `{shown}` cannot be read: {error}"))
                .fix("let this user read the file, or set archive.key_file to another file")
        }
    })?;
    if text.is_empty() {
        return Err(AppError::config(format!(
            "the signing key file is empty: creating `{shown}` was interrupted, or its disk was full"
        ))
        .fix("if no archive was created with it, remove the file; otherwise restore it from its backup or from escrow (docs/OPERATE.md, \"Backup and escrow\")"));
    }
    text.trim_end().parse().map_err(|_| damaged(file))
}

fn damaged(file: &Path) -> AppError {
    AppError::config(format!(
        "the file holds no signing key of the form PRIVATE+KEY+…: `{}` is damaged, or it is another file",
        file.display()
    ))
    .fix("set archive.key_file to the file that `kivend init` created; if that is this one, restore it from its backup or from escrow (docs/OPERATE.md, \"Backup and escrow\")")
}

/// Creates a signing key and its file, readable by its owner only. It is durable before it returns, so that nothing is
/// signed with a key that a crash loses. A crash leaves the complete file or none.
///
/// # Errors
/// `Config` if the file exists or cannot be written.
pub fn make(file: &Path, name: &str) -> Result<SigningKey, AppError> {
    let key =
        SigningKey::from_seed(name, &clock::random_bytes()?).map_err(|error| AppError::internal(error.to_string()))?;
    let partial = beside(file, "partial");
    let write = || -> io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        // Left by a crash: nothing was signed with this key.
        drop(fs::remove_file(&partial));
        let mut opened = private(&partial)?;
        writeln!(opened, "{}", key.to_secret_text())?;
        opened.sync_all()?;
        place_new(&partial, file, |from, to| fs::hard_link(from, to))?;
        sync_folder(file)
    };
    write().map_err(|error| unwritable(file, &error))?;
    Ok(key)
}

/// Replaces the key in `file` by that in `next`. The old key stays in `<file>.<its id>`, whose path is returned. A
/// crash at any step is repaired by another call. The new file has the owner, the group and the mode of the old one.
///
/// # Errors
/// `Config` if a file cannot be written.
pub fn replace(file: &Path, next: &Path, old: &VerifyingKey) -> Result<PathBuf, AppError> {
    let kept = beside(file, &old.id().to_string());
    let swap = || -> io::Result<()> {
        file_owner::take_over(&fs::File::open(next)?, &fs::metadata(file)?)?;
        keep(file, &kept, |from, to| fs::hard_link(from, to))?;
        fs::rename(next, file)?;
        sync_folder(file)
    };
    swap().map_err(|error| unwritable(file, &error))?;
    Ok(kept)
}

/// Gives the complete file `partial` the name `file`, unless that exists. `link` makes a hard link, which fails if the name
/// exists, where a rename would replace the key. Where the file system has no hard links, an empty file takes the name
/// first, and is then replaced; a crash between the two leaves it empty.
fn place_new(partial: &Path, file: &Path, link: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    match link(partial, file) {
        Err(error) if has_no_links(&error) => {
            private(file)?;
            fs::rename(partial, file)
        }
        linked => linked.and_then(|()| fs::remove_file(partial)),
    }
}

/// Gives the file a second name, unless that exists; a copy where the file system has no hard links.
fn keep(file: &Path, kept: &Path, link: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    match link(file, kept) {
        Err(error) if has_no_links(&error) && kept.exists() => Ok(()),
        Err(error) if has_no_links(&error) => {
            let partial = beside(kept, "partial");
            // Left by a crash, before the original was replaced.
            drop(fs::remove_file(&partial));
            let mut copy = private(&partial)?;
            copy.write_all(&fs::read(file)?)?;
            file_owner::keep_owner(&copy, &fs::metadata(file)?)?;
            copy.sync_all()?;
            fs::rename(&partial, kept)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

/// A new file that only its owner may read.
fn private(file: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
}

/// Whether the error of making a hard link says that the file system has none, as that of FAT and of some network and
/// FUSE file systems does.
fn has_no_links(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(
        errno,
        Some(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::MLINK)
    )
}

/// The path `<file>.<suffix>`, in the same folder.
#[must_use]
pub fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn unwritable(file: &Path, error: &io::Error) -> AppError {
    AppError::config(format!(
        "the signing key file `{}` cannot be written: {error}",
        file.display()
    ))
    .fix("set archive.key_file to a path where this user may write")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    #[test]
    fn a_key_is_created_for_its_owner_only_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/kivend.key");
        let made = make(&file, "kivend").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read(&file).unwrap().to_secret_text(), made.to_secret_text());
        assert!(make(&file, "kivend").is_err());
        assert_eq!(read(&file).unwrap().to_secret_text(), made.to_secret_text());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(
            read(&file)
                .unwrap_err()
                .to_string()
                .contains("other users may read the signing key")
        );
    }

    /// As on a file system without hard links.
    fn no_link(_: &Path, _: &Path) -> io::Result<()> {
        Err(Errno::PERM.into())
    }

    #[test]
    fn a_key_is_created_once_on_a_file_system_without_hard_links() {
        let folder = tempfile::tempdir().unwrap();
        let (partial, file) = (folder.path().join("k.partial"), folder.path().join("k"));
        for (content, placed) in [("first", true), ("second", false)] {
            fs::write(&partial, content).unwrap();
            assert_eq!(place_new(&partial, &file, no_link).is_ok(), placed, "{content}");
            assert_eq!(fs::read_to_string(&file).unwrap(), "first");
        }
        let kept = folder.path().join("kept");
        keep(&file, &kept, no_link).unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), "first");
        assert_eq!(fs::metadata(&kept).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_empty_file_is_not_taken_for_a_missing_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = read(file.path()).unwrap_err().to_string();
        assert!(refused.contains("the signing key file is empty"), "{refused}");
    }

    #[test]
    fn replacing_a_key_keeps_the_old_one_and_can_be_repeated_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kivend.key");
        let next = beside(&file, "next");
        let (old, new) = (make(&file, "kivend").unwrap(), make(&next, "kivend").unwrap());
        // The state after a crash between the two steps.
        fs::hard_link(&file, beside(&file, &old.verifying_key().id().to_string())).unwrap();
        let kept = replace(&file, &next, old.verifying_key()).unwrap();
        assert_eq!(read(&file).unwrap().to_secret_text(), new.to_secret_text());
        assert_eq!(read(&kept).unwrap().to_secret_text(), old.to_secret_text());
        assert!(!next.exists());
    }

    #[test]
    fn a_replaced_key_stays_readable_for_the_user_of_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kivend.key");
        let next = beside(&file, "next");
        let old = make(&file, "kivend").unwrap();
        make(&next, "kivend").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
        // Only root can give files away.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&file, Some(1234), Some(4321)).unwrap();
        }
        let before = fs::metadata(&file).unwrap();
        let kept = replace(&file, &next, old.verifying_key()).unwrap();
        for path in [&file, &kept] {
            let after = fs::metadata(path).unwrap();
            assert_eq!(
                (after.uid(), after.gid(), after.mode()),
                (before.uid(), before.gid(), before.mode())
            );
        }
    }
}
