//! The archive of a run: its identity, its signing key, and the settings that all its processes share.

use std::sync::{Arc, OnceLock};

use kivend::archive::author::Author;
use kivend::archive::step::LoadedHead;
use kivend::log::checkpoint::CheckpointRef;
use kivend::log::identity::Identity;
use kivend::log::object_key::IDENTITY;
use kivend::log::signed_note::SigningKey;
use kivend::record::hash::Hash;
use kivend::record::utc::UtcSeconds;
use kivend::store::memory::MemoryStore;
use kivend::writing::checkpointer::Checkpointer;
use kivend::writing::trust::WriterTrust;
use kivend::writing::writer_keys::WriterKeys;

use super::network::run_to_end;

/// The identity and key of the simulated archive, the same in all runs.
pub struct Setup {
    pub key: SigningKey,
    pub identity: Identity,
    hash: Hash,
    first: CheckpointRef,
}

/// The loaded head of a partition without links, with this log end offset in Kafka.
pub fn without_head(log_end_offset: i64) -> LoadedHead {
    LoadedHead {
        head: None,
        found: Vec::new(),
        found_in_next_epoch: Vec::new(),
        topic_id: None,
        log_start_offset: 0,
        log_end_offset,
        committed: None,
    }
}

impl Setup {
    /// The setup of all runs.
    pub fn shared() -> &'static Setup {
        static SHARED: OnceLock<Setup> = OnceLock::new();
        SHARED.get_or_init(Setup::new)
    }

    fn new() -> Setup {
        let key = SigningKey::from_seed("kivend", &[7; 32]).unwrap();
        let at = UtcSeconds::from_unix(1_770_000_000);
        let identity = Identity::new("simulated", [0xab; 16], at, key.verifying_key()).unwrap();
        let hash = Hash::of(&identity.to_bytes().unwrap());
        let mut setup = Setup {
            key,
            identity,
            hash,
            first: CheckpointRef {
                number: 0,
                sha256: Hash::ZERO,
            },
        };
        setup.first = setup.create_archive(&MemoryStore::new());
        setup
    }

    /// A bucket with `archive.json` and checkpoint 0.
    pub fn bucket(&self) -> MemoryStore {
        let bucket = MemoryStore::new();
        self.create_archive(&bucket);
        bucket
    }

    fn create_archive(&self, bucket: &MemoryStore) -> CheckpointRef {
        bucket.plant(IDENTITY, self.identity.to_bytes().unwrap());
        let mut checkpointer = self.checkpointer();
        let at = UtcSeconds::from_unix(1_770_000_000);
        run_to_end(checkpointer.ensure_first(bucket, at)).unwrap().reference()
    }

    pub fn trust(&self) -> WriterTrust {
        WriterTrust::of_identity(&self.identity, &self.identity.to_bytes().unwrap()).unwrap()
    }

    /// The keys as a process sees them at its start; it signs with the first key.
    pub fn keys(&self) -> Arc<WriterKeys> {
        Arc::new(WriterKeys::new(self.trust(), self.key.verifying_key()))
    }

    pub fn author(&self) -> Author {
        Author {
            archive_id: self.identity.id().to_owned(),
            identity: self.hash,
            cluster_id: "simulated-cluster".to_owned(),
            sealed_by: "kivend-archiver 0.1.0".to_owned(),
            key: self.key.clone(),
            keyring: self.trust().keyring,
            checkpoint: self.first,
        }
    }

    pub fn checkpointer(&self) -> Checkpointer {
        Checkpointer::new(self.identity.archive(), self.keys(), self.key.clone())
    }
}
