//! Checkpoints that are signed while other writers create links: signing ends, and a start without new links reads no chain.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use kivend::log::checkpoint::SignedCheckpoint;
use kivend::record::hash::Hash;
use kivend::record::utc::UtcSeconds;
use kivend::store::memory::MemoryStore;
use kivend::store::{Creation, Entry, Store, StoreError};
use kivend::writing::checkpointer::Checkpointer;
use kivend::writing::trust::WriterTrust;
use kivend::writing::writer_keys::WriterKeys;

use crate::fixture::{Archive, Watched};

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
        assert!(self.checkpoints() < 10, "a checkpoint was signed for every new link");
        self.0.lock().unwrap().seal("payments", 0, 1);
        Ok(creation)
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.store().get(key).await
    }

    async fn list(&self, prefix: &str, start_after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store().list(prefix, start_after, limit).await
    }
}

#[tokio::test]
async fn each_call_signs_one_checkpoint_while_others_write() {
    let archive = Archive::usual();
    let mut checkpointer = checkpointer(&archive);
    let busy = Busy(Mutex::new(archive));
    busy.0.lock().unwrap().seal("payments", 0, 1);
    let now = UtcSeconds::from_unix(1_770_000_100);
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let signed: SignedCheckpoint = checkpointer.advance(&busy, now).await.unwrap();
        numbers.push(signed.checkpoint.number);
    }
    assert_eq!(numbers, [2, 3, 4]);
}

fn checkpointer(archive: &Archive) -> Checkpointer {
    let trust = WriterTrust::of_identity(&archive.identity, &archive.identity.to_bytes().unwrap()).unwrap();
    let keys = Arc::new(WriterKeys::new(trust, archive.key.verifying_key()));
    Checkpointer::new("kivend", keys, archive.key.clone())
}

#[tokio::test]
async fn a_start_without_new_links_reads_no_chain() {
    let now = UtcSeconds::from_unix(1_770_000_100);
    let mut archive = Archive::usual();
    archive.checkpoint();
    let unread = Watched {
        bucket: archive.store.clone(),
        on_request: |key: &str| assert!(!(key.starts_with("links/") && key.ends_with(".note")), "{key} was read"),
    };
    let before = checkpointer(&archive).advance_if_moved(&unread, now).await.unwrap();
    for (topic, partition) in [("payments", 0), ("payments", 7)] {
        archive.seal(topic, partition, 1);
        let after = checkpointer(&archive)
            .advance_if_moved(&archive.store, now)
            .await
            .unwrap();
        assert!(after.checkpoint.number > before.checkpoint.number);
        let again = checkpointer(&archive).advance_if_moved(&unread, now).await.unwrap();
        assert_eq!(again.hash, after.hash);
    }
}
