//! Checks at start-up that the store honours create-only: some servers accept `If-None-Match` and ignore it.
//!
//! The probe leaves small objects under `probes/`, which verification ignores. It does not delete them: the writer needs
//! no right to delete, and a retention rule forbids it. One of them records that a probe passed, so that later starts
//! under the same conditions only check that a create of an existing key is still refused.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;

use crate::config::{S3Settings, StoreBackend, StoreSettings};
use crate::error::Kind;
use crate::log::limits::PROBE_MAX_BYTES;
use crate::record::hash::Hash;
use crate::store::contract::{Creation, Store};
use crate::store::error::StoreError;

/// The number of concurrent creates of one key.
const CONTENDERS: usize = 16;

/// The result of a probe of a usable store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Whether the store refuses bytes that do not match the checksum header. If it does not, damage in transit is found
    /// by the next verification only.
    pub refuses_wrong_hash: bool,
}

/// What a passed probe says something about: the store of the settings, and the version of this program.
#[derive(Debug, Clone)]
pub struct Conditions(String);

impl Conditions {
    /// The conditions under these settings. Timeouts and the source of credentials are not among them.
    #[must_use]
    pub fn of(settings: &StoreSettings) -> Conditions {
        let version = env!("CARGO_PKG_VERSION");
        let StoreSettings { backend, prefix } = settings;
        Conditions(match backend {
            StoreBackend::S3(S3Settings {
                endpoint,
                bucket,
                region,
                lock,
                objects,
                ..
            }) => format!("{version} {prefix:?} {endpoint:?} {bucket:?} {region:?} {lock:?} {objects:?}"),
            StoreBackend::Directory(folder) => format!("{version} {prefix:?} {}", folder.display()),
        })
    }

    /// The key of the object that records that a probe passed under these conditions.
    fn key(&self) -> String {
        let hash = Hash::of(self.0.as_bytes()).to_string();
        format!("probes/passed-{}", &hash[..32])
    }
}

/// Probes `store`, unless a probe passed under these conditions before. Then one create of the object that records it is
/// attempted, which must be refused: a server that was replaced by one that overwrites is still found at each start.
///
/// # Errors
/// As [`probe`].
pub async fn probe_once(store: &Arc<dyn Store>, conditions: &Conditions, nonce: &str) -> Result<(), StoreError> {
    let key = conditions.key();
    let passed = Bytes::from(format!("kivend: a probe passed {}\n", conditions.0));
    let recorded = match store.get(&key, PROBE_MAX_BYTES).await {
        Err(error) if error.is_too_large() => None,
        recorded => recorded?,
    };
    if recorded.as_ref() == Some(&passed) {
        // Other bytes, so that a store that replaces the object is probed again at the next start.
        return match store.create(&key, body(0)).await? {
            Creation::Exists => Ok(()),
            Creation::Created => Err(replaced(store, &key)),
        };
    }
    probe(store, nonce).await?;
    store.create(&key, passed).await.map(drop)
}

/// Probes `store`: exactly one of many concurrent creates of one key must succeed, its bytes must be read back, and the
/// object must be listed and have the Object Lock of the settings. `nonce` must be new, of characters that a key allows.
///
/// # Errors
/// `Config` if several creates succeed, other bytes are read, or the lock is missing; `Transient` if lost replies leave
/// it open; any other error of the store, such as a missing bucket or right.
pub async fn probe(store: &Arc<dyn Store>, nonce: &str) -> Result<Probe, StoreError> {
    let key = format!("probes/{nonce}");
    let creates = (0..CONTENDERS).map(|contender| store.create(&key, body(contender)));
    let outcomes = join_all(creates).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let read = store
        .get(&key, PROBE_MAX_BYTES)
        .await?
        .ok_or_else(|| not_visible(store, &key))?;
    check_winner(store, &key, &outcomes, &read)?;
    if store
        .list(&key, None, 1)
        .await?
        .first()
        .is_none_or(|entry| entry.key != key)
    {
        return Err(not_visible(store, &key));
    }
    store.check_lock(&key).await?;
    Ok(Probe {
        refuses_wrong_hash: refuses_wrong_hash(store, nonce).await?,
    })
}

fn body(contender: usize) -> Bytes {
    Bytes::from(format!("kivend probe by contender {contender}\n"))
}

fn check_winner(store: &Arc<dyn Store>, key: &str, outcomes: &[Creation], read: &Bytes) -> Result<(), StoreError> {
    let is_winner = |(contender, outcome): (usize, &Creation)| (*outcome == Creation::Created).then_some(contender);
    let winners: Vec<usize> = outcomes.iter().enumerate().filter_map(is_winner).collect();
    match winners[..] {
        [winner] if *read == body(winner) => Ok(()),
        // The winner's reply was lost, and its retry found its own object.
        [] if (0..CONTENDERS).any(|contender| *read == body(contender)) => Err(StoreError::transient(
            "the store's replies were lost while it was probed",
            "check the network, then run the command again",
        )
        .with("store", store.location())),
        _ => Err(replaced(store, key).with("winners", winners.len())),
    }
}

fn replaced(store: &Arc<dyn Store>, key: &str) -> StoreError {
    StoreError::config(
        "the store lets a second create replace an object",
        "use a store that honours `If-None-Match: *` (AWS S3, MinIO since 2024, Ceph, R2): exactly-once needs it",
    )
    .with("store", store.location())
    .with("key", key)
}

fn not_visible(store: &Arc<dyn Store>, key: &str) -> StoreError {
    StoreError::config(
        "an object that was created cannot be read or listed",
        "use a store with strong consistency, and allow s3:GetObject and s3:ListBucket",
    )
    .with("store", store.location())
    .with("key", key)
}

async fn refuses_wrong_hash(store: &Arc<dyn Store>, nonce: &str) -> Result<bool, StoreError> {
    let created = store
        .create_hashed(&format!("probes/{nonce}-hash"), body(0), &Hash::of(b"other bytes"))
        .await;
    match created {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == Kind::Corrupt => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::faulty::{Fault, FaultyStore, Operation};
    use super::super::memory::MemoryStore;
    use async_trait::async_trait;

    use super::super::Entry;
    use super::*;

    #[tokio::test]
    async fn a_create_only_store_passes() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        assert_eq!(
            probe(&store, "n1").await.unwrap(),
            Probe {
                refuses_wrong_hash: true
            }
        );
    }

    /// A server that accepts `If-None-Match` and ignores it.
    #[derive(Debug)]
    struct Overwriting(MemoryStore);

    #[async_trait]
    impl Store for Overwriting {
        fn location(&self) -> String {
            "overwriting".to_owned()
        }
        async fn create_hashed(&self, key: &str, bytes: Bytes, _: &Hash) -> Result<Creation, StoreError> {
            self.0.plant(key, bytes);
            Ok(Creation::Created)
        }
        async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
            self.0.get(key, max_bytes).await
        }
        async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Entry>, StoreError> {
            self.0.list(prefix, after, limit).await
        }
    }

    #[tokio::test]
    async fn a_store_that_overwrites_is_refused_with_a_remedy() {
        let store: Arc<dyn Store> = Arc::new(Overwriting(MemoryStore::new()));
        let error = probe(&store, "n1").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(
            error
                .to_string()
                .ends_with("(store `overwriting`, key `probes/n1`, winners 16)"),
            "{error}"
        );
    }

    fn conditions(prefix: &str) -> Conditions {
        Conditions::of(&StoreSettings {
            backend: StoreBackend::Directory("/archive".into()),
            prefix: prefix.to_owned(),
        })
    }

    #[tokio::test]
    async fn a_store_is_probed_once_and_again_under_other_conditions() {
        let faulty = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new()), |_| None));
        let store: Arc<dyn Store> = Arc::clone(&faulty) as Arc<dyn Store>;
        let mut counts = Vec::new();
        for (prefix, nonce) in [("a", "n1"), ("a", "n2"), ("a", "n3"), ("b", "n4"), ("b", "n5")] {
            let before = faulty.calls().len();
            probe_once(&store, &conditions(prefix), nonce).await.unwrap();
            counts.push(faulty.calls().len() - before);
        }
        assert_eq!(counts, [21, 2, 2, 21, 2]);
    }

    #[tokio::test]
    async fn a_store_that_overwrites_is_refused_although_a_probe_passed_before() {
        let conditions = conditions("a");
        let memory = MemoryStore::new();
        let before: Arc<dyn Store> = Arc::new(memory.clone());
        probe_once(&before, &conditions, "n1").await.unwrap();
        let store: Arc<dyn Store> = Arc::new(Overwriting(memory));
        for nonce in ["n2", "n3"] {
            let error = probe_once(&store, &conditions, nonce).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Config);
        }
    }

    #[tokio::test]
    async fn an_object_that_somebody_else_put_in_the_place_of_the_record_is_no_record() {
        for planted in [vec![], vec![b'x'; usize::try_from(PROBE_MAX_BYTES).unwrap() + 1]] {
            let memory = MemoryStore::new();
            memory.plant(&conditions("a").key(), planted);
            let store: Arc<dyn Store> = Arc::new(Overwriting(memory));
            let error = probe_once(&store, &conditions("a"), "n1").await.unwrap_err();
            assert!(error.to_string().ends_with("winners 16)"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_lost_reply_is_a_transient_error() {
        let lost = |call: &super::super::faulty::Call| {
            (call.operation == Operation::Create && call.index == 3).then_some(Fault::LandedButErrored)
        };
        let store: Arc<dyn Store> = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new()), lost));
        assert_eq!(probe(&store, "n1").await.unwrap_err().kind(), Kind::Transient);
    }
}
