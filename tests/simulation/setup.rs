//! The archive of a run: its identity, its keys, and the settings that all its processes share.

use std::sync::{Arc, OnceLock};

use kivend::archive::author::Author;
use kivend::archive::step::{FoundSegments, LoadedHead};
use kivend::log::checkpoint::CheckpointRef;
use kivend::log::identity::{FirstKeys, Identity};
use kivend::log::object_key::IDENTITY;
use kivend::log::signed_note::{SigningKey, VerifyingKey};
use kivend::log::signer::Signer;
use kivend::record::hash::Hash;
use kivend::record::utc::UtcSeconds;
use kivend::store::memory::MemoryStore;
use kivend::task::error::AppError;
use kivend::writing::entry_writer::EntryWriter;
use kivend::writing::log_start;
use kivend::writing::trust::WriterTrust;
use kivend::writing::writer_log::{WriterLog, require_known};

use super::network::run_to_end;

/// The signing keys that a run may have: that of `archive.json`, and those that rotations add.
const KEYS: u8 = 5;

/// The identity and keys of the simulated archive, the same in all runs.
pub struct Setup {
    /// The signing keys, in the order in which they are added.
    pub keys: Vec<SigningKey>,
    /// A key that no change adds.
    pub stranger: SigningKey,
    /// The key that signs changes; none where the signing keys do.
    pub change_key: Option<SigningKey>,
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
    /// The archive whose signing keys sign changes.
    pub fn shared() -> &'static Setup {
        static SHARED: OnceLock<Setup> = OnceLock::new();
        SHARED.get_or_init(|| Setup::new(None))
    }

    /// The archive that has a change key.
    pub fn with_change_key() -> &'static Setup {
        static SHARED: OnceLock<Setup> = OnceLock::new();
        SHARED.get_or_init(|| Setup::new(Some(key(0xc0))))
    }

    fn new(change_key: Option<SigningKey>) -> Setup {
        let keys: Vec<SigningKey> = (0..KEYS).map(|number| key(7 + number)).collect();
        let at = UtcSeconds::from_unix(1_770_000_000);
        let change: Vec<_> = change_key.iter().map(|key| key.verifying_key().clone()).collect();
        let first = FirstKeys {
            signing: keys[0].verifying_key(),
            change: &change,
        };
        let identity = Identity::new("simulated", [0xab; 16], at, &first).unwrap();
        let hash = Hash::of(&identity.to_bytes().unwrap());
        let mut setup = Setup {
            keys,
            stranger: key(0xdd),
            change_key,
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
        let signer = self.signer();
        let mut writer = EntryWriter::new(self.log(), Arc::clone(&signer));
        let at = UtcSeconds::from_unix(1_770_000_000);
        let first: Arc<dyn Signer> = self.change_key.clone().map_or(signer, |key| Arc::new(key));
        run_to_end(writer.begin(bucket, at, &first)).unwrap();
        run_to_end(writer.complete(bucket, at)).unwrap()
    }

    pub fn trust(&self) -> WriterTrust {
        WriterTrust::of_identity(&self.identity, &self.identity.to_bytes().unwrap()).unwrap()
    }

    /// What a verifier has from elsewhere: the key from which all others descend.
    pub fn given(&self) -> VerifyingKey {
        let key = self.change_key.as_ref().unwrap_or(&self.keys[0]);
        key.verifying_key().clone()
    }

    /// The log as a process sees it before its first listing; it signs with the first key.
    pub fn log(&self) -> Arc<WriterLog> {
        Arc::new(WriterLog::new(self.trust(), self.keys[0].verifying_key()))
    }

    /// The log as a process with this key reads it at its start.
    ///
    /// # Errors
    /// Those of [`log_start::read`]; `Config` if the bucket's log does not know the key.
    pub fn open_log(&self, bucket: &MemoryStore, key: usize) -> Result<Arc<WriterLog>, AppError> {
        let own = self.keys[key].verifying_key();
        let trust = run_to_end(log_start::read(bucket, self.trust(), Some(own)))?;
        require_known(&trust, own)?;
        Ok(Arc::new(WriterLog::new(trust, own)))
    }

    /// A signer with the first key.
    pub fn signer(&self) -> Arc<dyn Signer> {
        Arc::new(self.keys[0].clone())
    }

    pub fn author(&self) -> Author {
        self.author_with(0, &self.trust())
    }

    /// The author of links that are signed with this key, by a process that has read the log so far.
    pub fn author_with(&self, key: usize, trust: &WriterTrust) -> Author {
        Author {
            archive_id: self.identity.id().to_owned(),
            identity: self.hash,
            cluster_id: "simulated-cluster".to_owned(),
            sealed_by: "kivend-archiver 0.1.0".to_owned(),
            signer: self.keys[key].verifying_key().id(),
            keyring: trust.keyring().clone(),
            checkpoint: trust.checkpoint.unwrap_or(self.first),
        }
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed("simulated/abababababababab", &[seed; 32]).unwrap()
}
