//! Compares listings with a model: an ordered set of keys, filtered and truncated.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use kivend::store::Store;
use kivend::store::directory::DirectoryStore;
use kivend::store::memory::MemoryStore;
use proptest::prelude::*;

use super::on_every_store;

/// The expected result of `list`.
fn expected(keys: &BTreeSet<String>, prefix: &str, start_after: Option<&str>, limit: usize) -> Vec<String> {
    let wanted = |key: &&String| key.starts_with(prefix) && start_after.is_none_or(|after| key.as_str() > after);
    keys.iter().filter(wanted).take(limit).cloned().collect()
}

async fn listed(store: &Arc<dyn Store>, prefix: &str, start_after: Option<&str>, limit: usize) -> Vec<String> {
    let entries = store.list(prefix, start_after, limit).await.unwrap();
    entries.into_iter().map(|entry| entry.key).collect()
}

async fn fill(store: &Arc<dyn Store>, keys: &BTreeSet<String>) {
    for key in keys {
        store.create(key, Bytes::from(key.clone())).await.unwrap();
    }
}

/// Names whose order as folders differs from their order as keys, and names as in an archive.
const KEYS: [&str; 14] = [
    "archive.json",
    "checkpoints/0000000000.note",
    "data/a/0/0000-00000000000000000000.parquet",
    "data/a/0/0000-00000000000000000000-r1.parquet",
    "data/a/10/0000-00000000000000000000.parquet",
    "links/a-b/0/0000-00000000000000000000.note",
    "links/a.b/0/0000-00000000000000000000.note",
    "links/a/0/0000-00000000000000000000.note",
    "links/a/0/0000-00000000000000000007.note",
    "links/a/10/0000-00000000000000000000.note",
    "links/a/2/0000-00000000000000000000.note",
    "links/a0/0/0000-00000000000000000000.note",
    "links/ü +%&=~(x)/0",
    "zz",
];

#[tokio::test]
async fn keys_are_listed_in_byte_order_from_any_start_under_any_prefix_up_to_any_limit() {
    on_every_store(async |store| {
        let keys: BTreeSet<String> = KEYS.map(str::to_owned).into();
        fill(&store, &keys).await;
        for prefix in [
            "",
            "l",
            "links/",
            "links/a",
            "links/a/",
            "links/a/0/0000-",
            "data/a",
            "zz",
            "zzz",
        ] {
            let starts = [
                "",
                "data",
                "links/a/0/0000-00000000000000000000.note",
                "links/a/",
                "links/a/1",
                "zz",
                "~",
            ];
            for start_after in starts.map(Some).into_iter().chain([None]) {
                for limit in [1, 2, 5, 100] {
                    assert_eq!(
                        listed(&store, prefix, start_after, limit).await,
                        expected(&keys, prefix, start_after, limit),
                        "{prefix:?} {start_after:?} {limit} {store:?}"
                    );
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn entries_tell_the_size_and_a_limit_of_nothing_lists_nothing() {
    on_every_store(async |store| {
        store.create("a/b", Bytes::from_static(b"12345")).await.unwrap();
        let entries = store.list("", None, 10).await.unwrap();
        assert_eq!(
            (entries.len(), entries[0].key.as_str(), entries[0].bytes),
            (1, "a/b", 5),
            "{store:?}"
        );
        assert_eq!(store.list("", None, 0).await.unwrap(), [], "{store:?}");
        assert_eq!(
            store.list("", Some("a/b"), 10).await.unwrap(),
            [],
            "strictly after {store:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_listing_of_more_than_a_page_is_whole() {
    on_every_store(async |store| {
        let keys: BTreeSet<String> = (0..1050).map(|number| format!("many/{number:06}")).collect();
        let creates = keys.iter().map(|key| store.create(key, Bytes::from_static(b"x")));
        futures::future::try_join_all(creates).await.unwrap();
        for (start_after, limit) in [(None, 5000), (None, 1050), (None, 1001), (Some("many/000004"), 1045)] {
            let found = listed(&store, "many/", start_after, limit).await;
            assert!(
                found == expected(&keys, "many/", start_after, limit),
                "{start_after:?} {limit} {store:?}"
            );
        }
    })
    .await;
}

/// Keys of few characters, so that they share prefixes. None is a folder of another, which a directory cannot contain.
fn some_keys() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set("[ab.0-]{1,2}[a](/[ab.0-]{0,2}[a]){0,3}", 0..20).prop_map(|keys| {
        let is_folder = |key: &String| keys.iter().any(|other| other.starts_with(&format!("{key}/")));
        keys.iter().filter(|key| !is_folder(key)).cloned().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn directory_and_memory_list_as_the_model_does(
        keys in some_keys(),
        prefix in "([ab.0-]a/){0,2}[ab.0-]{0,2}",
        start_after in prop::option::of("[ab./0-]{0,6}"),
        limit in 0usize..12,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let stores: [Arc<dyn Store>; 2] =
            [Arc::new(MemoryStore::new()), Arc::new(DirectoryStore::open(folder.path()).unwrap())];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for store in &stores {
            let found = runtime.block_on(async {
                fill(store, &keys).await;
                listed(store, &prefix, start_after.as_deref(), limit).await
            });
            prop_assert_eq!(found, expected(&keys, &prefix, start_after.as_deref(), limit), "{:?}", store);
        }
    }
}
