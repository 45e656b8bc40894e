//! The archive of a run: its identity, its signing key, and the settings that all its processes share.

use std::sync::{Arc, OnceLock};

use kivend::archive::author::Author;
use kivend::archive::step::{FoundSegments, LoadedHead};
use kivend::log::checkpoint::CheckpointRef;
use kivend::log::identity::{FirstKeys, Identity};
use kivend::log::object_key::IDENTITY;
use kivend::log::signed_note::SigningKey;
use kivend::log::signer::Signer;
use kivend::record::hash::Hash;
use kivend::record::utc::UtcSeconds;
use kivend::store::memory::MemoryStore;
use kivend::writing::entry_writer::EntryWriter;
use kivend::writing::trust::WriterTrust;
use kivend::writing::writer_log::WriterLog;

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
        found: FoundSegments::default(),
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
        let key = SigningKey::from_seed("simulated/abababababababab", &[7; 32]).unwrap();
        let at = UtcSeconds::from_unix(1_770_000_000);
        let identity = {
            let keys = FirstKeys {
                signing: key.verifying_key(),
                change: &[],
            };
            Identity::new("simulated", [0xab; 16], at, &keys).unwrap()
        };
        let hash = Hash::of(&identity.to_bytes().unwrap());
        let mut setup = Setup {
            key,
            identity,
            hash,
            first: CheckpointRef {
                number: 0,
                root: Hash::ZERO,
            },
        };
        setup.first = setup.create_archive(&MemoryStore::new());
        setup
    }

    /// A bucket with `archive.json`, entry 0 and its checkpoint.
    pub fn bucket(&self) -> MemoryStore {
        let bucket = MemoryStore::new();
        self.create_archive(&bucket);
        bucket
    }

    fn create_archive(&self, bucket: &MemoryStore) -> CheckpointRef {
        bucket.plant(IDENTITY, self.identity.to_bytes().unwrap());
        let mut writer = self.entry_writer();
        let at = UtcSeconds::from_unix(1_770_000_000);
        run_to_end(writer.complete(bucket, at)).unwrap()
    }

    pub fn trust(&self) -> WriterTrust {
        WriterTrust::of_identity(&self.identity, &self.identity.to_bytes().unwrap()).unwrap()
    }

    /// The log as a process sees it before its first listing; it signs with the first key.
    pub fn log(&self) -> Arc<WriterLog> {
        Arc::new(WriterLog::new(self.trust(), self.key.verifying_key()))
    }

    /// The signer of all processes.
    pub fn signer(&self) -> Arc<dyn Signer> {
        Arc::new(self.key.clone())
    }

    pub fn author(&self) -> Author {
        Author {
            archive_id: self.identity.id().to_owned(),
            identity: self.hash,
            cluster_id: "simulated-cluster".to_owned(),
            sealed_by: "kivend-archiver 0.1.0".to_owned(),
            signer: self.key.verifying_key().id(),
            keyring: self.trust().keyring().clone(),
            checkpoint: self.first,
        }
    }

    pub fn entry_writer(&self) -> EntryWriter {
        EntryWriter::new(self.log(), self.signer())
    }
}
