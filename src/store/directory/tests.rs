//! Tests of what is special to directories: leftovers, order of names, links, read-only media.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use super::*;
use crate::error::Kind;

async fn keys(store: &DirectoryStore) -> Vec<String> {
    store
        .list("", None, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.key)
        .collect()
}

#[tokio::test]
async fn a_temporary_file_left_by_a_crash_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = folder.path().join(UNFINISHED);
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join(format!("{}-0", std::process::id())), b"half").unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    assert_eq!(
        store.create("a", Bytes::from_static(b"whole")).await.unwrap(),
        Creation::Created
    );
    assert_eq!(store.get("a", 1000).await.unwrap().unwrap(), "whole");
    assert_eq!(keys(&store).await, ["a"]);
    assert_eq!(
        fs::read_dir(&unfinished).unwrap().count(),
        1,
        "its own temporary file is gone"
    );
}

#[tokio::test]
async fn a_folder_sorts_by_its_keys_and_not_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    let sorted = ["a-1", "a.b/x", "a/x", "a/y/z", "a0"];
    for key in sorted.iter().rev() {
        store.create(key, Bytes::new()).await.unwrap();
    }
    assert_eq!(keys(&store).await, sorted);
}

#[tokio::test]
async fn a_link_to_a_folder_is_listed_and_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    store.create("a/b", Bytes::from_static(b"b")).await.unwrap();
    symlink(folder.path(), folder.path().join("a/loop")).unwrap();
    symlink("not-there", folder.path().join("a/nowhere")).unwrap();
    assert_eq!(keys(&store).await, ["a/b", "a/loop", "a/nowhere"]);
    assert_eq!(store.get("a/nowhere", 1000).await.unwrap(), None);
    symlink("itself", folder.path().join("itself")).unwrap();
    assert_eq!(store.get("itself", 1000).await.unwrap_err().kind(), Kind::Corrupt);
}

#[tokio::test]
async fn a_folder_is_no_object_and_an_object_is_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    store.create("a/b", Bytes::new()).await.unwrap();
    assert_eq!(store.get("a", 1000).await.unwrap(), None);
    assert_eq!(store.get("a/b/c", 1000).await.unwrap(), None);
    assert_eq!(store.create("a", Bytes::new()).await.unwrap_err().kind(), Kind::Config);
    assert_eq!(
        store.create("a/b/c", Bytes::new()).await.unwrap_err().kind(),
        Kind::Config
    );
}

#[tokio::test]
async fn a_device_a_socket_and_a_pipe_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    symlink("/dev/zero", folder.path().join("zero")).unwrap();
    assert_eq!(store.get("zero", 1000).await.unwrap_err().kind(), Kind::Corrupt);
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("pipe"), 0o600.into()).unwrap();
    assert_eq!(store.get("pipe", 1000).await.unwrap_err().kind(), Kind::Corrupt);
    let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
    assert_eq!(store.get("socket", 1000).await.unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(keys(&store).await, ["pipe", "socket", "zero"]);
    for key in ["zero", "pipe", "socket"] {
        assert_eq!(store.tail(key, 8).await.unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(store.digest(key, 8).await.unwrap_err().kind(), Kind::Corrupt);
    }
}

#[tokio::test]
async fn read_only_media_can_be_read_and_listed() {
    let folder = tempfile::tempdir().unwrap();
    let store = DirectoryStore::open(folder.path()).unwrap();
    store.create("a/b", Bytes::from_static(b"b")).await.unwrap();
    fs::remove_dir(folder.path().join(UNFINISHED)).unwrap();
    for path in [folder.path().join("a"), folder.path().to_owned()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
    }
    let reader = DirectoryStore::open(folder.path()).unwrap();
    assert_eq!(keys(&reader).await, ["a/b"]);
    assert_eq!(reader.get("a/b", 1000).await.unwrap().unwrap(), "b");
    assert!(!folder.path().join(UNFINISHED).exists(), "reading writes nothing");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.path().join("a"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn every_error_of_the_file_system_has_a_kind_and_a_remedy() {
    let kind = |error: ErrorKind| failed(error.into(), "write", "k").kind();
    assert_eq!(kind(ErrorKind::PermissionDenied), Kind::Permission);
    assert_eq!(kind(ErrorKind::ReadOnlyFilesystem), Kind::Permission);
    assert_eq!(kind(ErrorKind::StorageFull), Kind::Transient);
    assert_eq!(kind(ErrorKind::Unsupported), Kind::Config);
    assert_eq!(kind(ErrorKind::InvalidFilename), Kind::Input);
}
