//! Whether a store keeps its promise, asked at start-up: everything rests on create-only, and some servers accept
//! `If-None-Match` and ignore it.
//!
//! Leaves its small objects under `probes/`, where no rule of the archive looks. Never deletes them: it may lack the
//! right, and under a retention rule nobody has it.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;

use crate::error::Kind;
use crate::record::hash::Hash;
use crate::store::contract::{Creation, Store};
use crate::store::error::StoreError;

/// How many creates of one key run at once.
const CONTENDERS: usize = 16;

/// What a probe found where nothing forbids to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Whether the store refused bytes that do not have the hash sent along. Where it does not, damage on the way there
    /// is found by the next verification instead of at once.
    pub refuses_wrong_hash: bool,
}

/// Probes `store`: exactly one of many concurrent creates of one key wins and its bytes are read back, the object is
/// listed and locked as the settings say, and it is asked whether a wrong hash is refused. `nonce` makes the keys new: random, of key characters.
///
/// # Errors
/// `Config` when more than one create won, other bytes came back, or it is not locked; `Transient` when the answers do not tell; what the
/// store itself answers otherwise (no such bucket, no right).
pub async fn probe(store: &Arc<dyn Store>, nonce: &str) -> Result<Probe, StoreError> {
    let key = format!("probes/{nonce}");
    let creates = (0..CONTENDERS).map(|contender| store.create(&key, body(contender)));
    let outcomes = join_all(creates).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let read = store.get(&key).await?.ok_or_else(|| lies(store, &key))?;
    check_winner(store, &key, &outcomes, &read)?;
    if store
        .list(&key, None, 1)
        .await?
        .first()
        .is_none_or(|entry| entry.key != key)
    {
        return Err(lies(store, &key));
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
        // The winner's reply was lost and its second try met its own object.
        [] if (0..CONTENDERS).any(|contender| *read == body(contender)) => Err(StoreError::transient(
            "the store's replies were lost while it was probed",
            "look at the network; it is tried again",
        )
        .with("store", store.location())),
        _ => Err(StoreError::config(
            "the store lets a second create replace an object",
            "use a store that honours `If-None-Match: *` (AWS S3, MinIO since 2024, Ceph, R2); exactly-once rests on it",
        )
        .with("store", store.location())
        .with("key", key)
        .with("winners", winners.len())),
    }
}

fn lies(store: &Arc<dyn Store>, key: &str) -> StoreError {
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
    async fn a_store_that_keeps_its_promise_passes() {
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
        async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
            self.0.get(key).await
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
                .ends_with("store=`overwriting` key=`probes/n1` winners=`16`"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_lost_reply_is_no_verdict_on_the_store() {
        let lost = |call: &super::super::faulty::Call| {
            (call.operation == Operation::Create && call.index == 3).then_some(Fault::LandedButErrored)
        };
        let store: Arc<dyn Store> = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new()), lost));
        assert_eq!(probe(&store, "n1").await.unwrap_err().kind(), Kind::Transient);
    }
}
