//! Entries that are signed while other writers create links: signing ends, and a start without new links reads no chain.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use kivend::error::{Explain as _, Kind};
use kivend::log::change::{Change, KeysOf};
use kivend::record::hash::Hash;
use kivend::record::utc::UtcSeconds;
use kivend::store::memory::MemoryStore;
use kivend::store::{Creation, Entry, Store, StoreError};
use kivend::writing::entry_writer::{EntryWriter, Moment};
use kivend::writing::trust::WriterTrust;
use kivend::writing::writer_log::WriterLog;

use crate::fixture::{Archive, Stale, Watched, key};

/// A store in which another archiver adds a link whenever a checkpoint is created.
struct Busy(Mutex<Archive>);

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Busy")
    }
}

impl Busy {
    fn store(&self) -> MemoryStore {
        self.0.lock().unwrap().store.clone()
    }

    fn checkpoints(&self) -> usize {
        let keys = self.store().keys();
        keys.iter().filter(|key| key.starts_with("checkpoints/")).count()
    }
}

#[async_trait]
impl Store for Busy {
    fn location(&self) -> String {
        self.store().location()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        let creation = self.store().create_hashed(key, bytes, hash).await?;
        assert!(self.checkpoints() < 10, "an entry was signed for every new link");
        self.0.lock().unwrap().seal("payments", 0, 1);
        Ok(creation)
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.store().get(key, max_bytes).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store().list(prefix, start_after, limit).await
    }
}

#[tokio::test]
async fn each_call_signs_one_entry_while_others_write() {
    let archive = Archive::usual();
    let mut writer = entry_writer(&archive);
    let busy = Busy(Mutex::new(archive));
    busy.0.lock().unwrap().seal("payments", 0, 1);
    let now = Moment::at(UtcSeconds::from_unix(1_770_000_100));
    let mut numbers = Vec::new();
    for _ in 0..3 {
        numbers.push(writer.advance(&busy, &now).await.unwrap().number);
    }
    assert_eq!(numbers, [2, 3, 4]);
}

fn entry_writer(archive: &Archive) -> EntryWriter {
    let trust = WriterTrust::of_identity(&archive.identity, &archive.identity.to_bytes().unwrap()).unwrap();
    let log = Arc::new(WriterLog::new(trust, archive.key.verifying_key()));
    EntryWriter::new(log, Arc::new(archive.key.clone()))
}

/// A store in which another writer dies between entry 2 and its checkpoint while checkpoint 1 is completed, and in which another
/// task of this process reads that entry at once.
struct Racing {
    archive: Mutex<Archive>,
    log: Arc<WriterLog>,
}

impl fmt::Debug for Racing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Racing")
    }
}

impl Racing {
    fn store(&self) -> MemoryStore {
        self.archive.lock().unwrap().store.clone()
    }
}

#[async_trait]
impl Store for Racing {
    fn location(&self) -> String {
        self.store().location()
    }

    async fn create_hashed(&self, key: &str, bytes: Bytes, hash: &Hash) -> Result<Creation, StoreError> {
        let creation = self.store().create_hashed(key, bytes, hash).await?;
        if key == "checkpoints/0000000001.note" {
            let store = self.store();
            {
                let mut archive = self.archive.lock().unwrap();
                archive.seal("payments", 0, 1);
                let sealed = archive.next_entry().seal(&archive.key).unwrap();
                store.plant("log/0000000002.note", sealed.object);
                archive.seal("payments", 0, 1);
            }
            self.log.refresh(&store).await.unwrap();
        }
        Ok(creation)
    }

    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.store().get(key, max_bytes).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store().list(prefix, start_after, limit).await
    }
}

#[tokio::test]
async fn no_entry_is_signed_over_one_that_another_task_has_read_and_whose_checkpoint_is_missing() {
    let archive = Archive::usual();
    archive.store.vanish("checkpoints/0000000001.note");
    let trust = WriterTrust::of_identity(&archive.identity, &archive.identity.to_bytes().unwrap()).unwrap();
    let log = Arc::new(WriterLog::new(trust, archive.key.verifying_key()));
    let mut writer = EntryWriter::new(Arc::clone(&log), Arc::new(archive.key.clone()));
    let racing = Racing {
        archive: Mutex::new(archive),
        log,
    };
    let now = Moment::at(UtcSeconds::from_unix(1_770_000_100));
    let newest = writer.advance(&racing, &now).await.unwrap();
    assert_eq!(newest.number, 3);
    for number in 0..4 {
        let checkpoint = racing.store().bytes(&format!("checkpoints/{number:010}.note"));
        assert!(checkpoint.is_some(), "checkpoint {number} is missing");
    }
}

#[tokio::test]
async fn no_change_is_entered_by_a_listing_that_is_older_than_the_newest_entry() {
    let archive = Archive::usual();
    let mut change = archive.next_change(KeysOf::Keys);
    change.add = vec![key(8).verifying_key().to_string()];
    let note = archive.signed_change(&Change::Keys(change), &[&archive.key, &key(8)]);
    let now = Moment::at(UtcSeconds::from_unix(1_770_113_800));
    let (before, mut writer) = (archive.store.keys(), entry_writer(&archive));
    let stale = Stale {
        bucket: archive.store.clone(),
        // Listings of links lack the newest one.
        take_out: |prefix: &str, limit: usize, listed: &mut Vec<Entry>| {
            if prefix.starts_with("links/") && limit > 1 {
                listed.pop();
            }
        },
    };
    let refused = writer.enter(&stale, &now, &note).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Transient, "{refused}");
    assert_eq!(archive.store.keys(), before, "something was signed");
    let entered = writer.enter(&archive.store, &now, &note).await.unwrap();
    assert_eq!(entered.number, 2);
    assert_eq!(writer.trust().history.heads(), archive.heads());
}

#[tokio::test]
async fn a_start_without_new_links_reads_no_chain() {
    let now = Moment::at(UtcSeconds::from_unix(1_770_000_100));
    let mut archive = Archive::usual();
    archive.checkpoint();
    let unread = Watched {
        bucket: archive.store.clone(),
        on_request: |key: &str| assert!(!(key.starts_with("links/") && key.ends_with(".note")), "{key} was read"),
    };
    let before = entry_writer(&archive).advance_if_moved(&unread, &now).await.unwrap();
    for (topic, partition) in [("payments", 0), ("payments", 7)] {
        archive.seal(topic, partition, 1);
        let after = entry_writer(&archive)
            .advance_if_moved(&archive.store, &now)
            .await
            .unwrap();
        assert!(after.number > before.number);
        let again = entry_writer(&archive).advance_if_moved(&unread, &now).await.unwrap();
        assert_eq!(again, after);
    }
}
