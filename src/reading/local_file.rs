//! Reads files that somebody else made: only regular files, and none beyond a limit. A FIFO would make the reader wait for ever,
//! and a symbolic link would lead to a file of the reader's machine.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

/// Opens a regular file. It is opened before it is looked at, so that it cannot be exchanged in between.
///
/// # Errors
/// It is a symbolic link or no regular file, or cannot be opened.
pub fn open_regular(place: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = open(place, flags, Mode::empty()).map_err(|error| match error {
        // A symbolic link; a socket, or a FIFO that cannot be opened.
        Errno::LOOP | Errno::NXIO => not_regular(),
        error => error.into(),
    })?;
    let file = File::from(opened);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(not_regular()),
    }
}

/// The bytes of a regular file of at most `limit` bytes.
///
/// # Errors
/// Those of [`open_regular`]; it is larger.
pub fn read_regular(place: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(place)?;
    match file.metadata()?.len() <= limit {
        true => read_up_to(file, limit),
        false => Err(too_large(limit)),
    }
}

/// The bytes of an open file of at most `limit` bytes. Allocates by what arrives.
///
/// # Errors
/// It is larger, or cannot be read.
pub fn read_up_to(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= limit {
        true => Ok(bytes),
        false => Err(too_large(limit)),
    }
}

fn too_large(limit: u64) -> io::Error {
    io::Error::other(format!("it is larger than {limit} bytes"))
}

fn not_regular() -> io::Error {
    io::Error::other("it is not a regular file")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_a_regular_file_within_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), b"12345").unwrap();
        assert_eq!(read_regular(&at("file"), 5).unwrap(), b"12345");
        assert!(read_regular(&at("file"), 4).unwrap_err().to_string().contains("larger"));
        symlink(at("file"), at("link")).unwrap();
        symlink("/dev/zero", at("zero")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for name in ["link", "zero", "fifo", "socket", "folder"] {
            let error = read_regular(&at(name), 5).unwrap_err();
            assert_eq!(error.to_string(), "it is not a regular file", "{name}");
        }
        assert_eq!(
            open_regular(&at("nothing")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
