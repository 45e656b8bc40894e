//! Reads one file, without trust in what stands in its place: a pipe, a socket or a device is refused without being
//! opened, and of a file that is too large nothing is read.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use bytes::Bytes;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::record::hash::Hashing;
use crate::store::contract::{Digest, Tail, check_size};
use crate::store::directory::failure::failed;
use crate::store::error::StoreError;

/// The bytes that are hashed at once.
const PIECE: usize = 1 << 18;

/// The whole file; `None` if there is no file.
pub(super) fn get(path: &Path, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
    let Some((file, length)) = open(path, key)? else {
        return Ok(None);
    };
    check_size(key, length, max_bytes)?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    // The file may have grown meanwhile.
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| failed(error, "read", key))?;
    check_size(key, bytes.len() as u64, max_bytes)?;
    Ok(Some(Bytes::from(bytes)))
}

/// The last `bytes` bytes of the file; `None` if there is no file.
pub(super) fn tail(path: &Path, key: &str, bytes: u64) -> Result<Option<Tail>, StoreError> {
    let Some((file, length)) = open(path, key)? else {
        return Ok(None);
    };
    let wanted = bytes.min(length);
    let mut end = vec![0; usize::try_from(wanted).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut end, length - wanted)
        .map_err(|error| failed(error, "read", key))?;
    Ok(Some(Tail {
        object_bytes: length,
        end: Bytes::from(end),
    }))
}

/// The length and the hash of the file; `None` if there is no file.
pub(super) fn digest(path: &Path, key: &str, max_bytes: u64) -> Result<Option<Digest>, StoreError> {
    let Some((file, length)) = open(path, key)? else {
        return Ok(None);
    };
    if length > max_bytes {
        return Ok(Some(Digest {
            object_bytes: length,
            sha256: None,
        }));
    }
    // The file may have grown meanwhile.
    let mut file = file.take(max_bytes.saturating_add(1));
    let (mut hashing, mut object_bytes) = (Hashing::default(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                hashing.update(&piece[..read]);
                object_bytes += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error, "read", key)),
        }
    }
    Ok(Some(Digest {
        object_bytes,
        sha256: (object_bytes <= max_bytes).then(|| hashing.so_far()),
    }))
}

/// Opens a file and returns its length; `None` if there is no file.
fn open(path: &Path, key: &str) -> Result<Option<(File, u64)>, StoreError> {
    let Some(about) = found(fs::metadata(path), key)? else {
        return Ok(None);
    };
    if about.is_dir() {
        return Ok(None);
    }
    require_file(&about, key)?;
    // Non-blocking, because a pipe may have taken the file's place since.
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
    let Some(file) = found(opened, key)? else {
        return Ok(None);
    };
    let about = file.metadata().map_err(|error| failed(error, "read", key))?;
    require_file(&about, key)?;
    Ok(Some((file, about.len())))
}

/// A missing folder, or a file in the place of a folder, holds no object.
fn found<T>(answer: io::Result<T>, key: &str) -> Result<Option<T>, StoreError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::LOOP | Errno::NXIO)) => Err(not_a_file(key)),
        Err(error) => Err(failed(error, "read", key)),
    }
}

fn require_file(about: &Metadata, key: &str) -> Result<(), StoreError> {
    if about.is_file() { Ok(()) } else { Err(not_a_file(key)) }
}

fn not_a_file(key: &str) -> StoreError {
    StoreError::corrupt("neither a file nor a folder", "find out who created it, and remove it").with("key", key)
}
