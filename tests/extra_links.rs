//! Links beside those of the chain: copies, which whoever may create objects can add, and others by a key that was retired, where it
//! counts or claims to. No writer takes one over, and none stops for it.

use std::sync::Arc;

use kivend::archiver::preflight::require_cluster;
use kivend::log::link::{Link, open_with_coverage};
use kivend::log::object_key::Attempt;
use kivend::record::hash::Hash;
use kivend::record::position::{FirstOffset, Height, NextOffset, TopicPartition};
use kivend::record::utc::UtcSeconds;
use kivend::writing::entry_writer::{EntryWriter, Moment};
use kivend::writing::head;
use kivend::writing::log_start;
use kivend::writing::trust::WriterTrust;
use kivend::writing::writer_log::WriterLog;

use crate::fixture::{Archive, Watched, key};

#[tokio::main(flavor = "current_thread")]
async fn run<T>(future: impl Future<Output = T>) -> T {
    future.await
}

fn payments() -> TopicPartition {
    TopicPartition::new("payments", 0)
}

/// A writer that starts now finds the head, whether Kafka's commit names it or not, finds the next place free, and signs entries.
fn expect_undisturbed(mut archive: Archive) {
    let first = WriterTrust::of_identity(&archive.identity, &archive.identity.to_bytes().unwrap()).unwrap();
    let trust = run(log_start::read(&archive.store, first.clone(), None)).unwrap();
    run(require_cluster(&archive.store, &trust, "cluster")).unwrap();
    let partition = payments();
    let newest = archive.chains[&partition].last().unwrap().clone();
    let end = newest.link.next_offset.0 + 100;
    for hint in [None, Some(newest.commit_metadata())] {
        let found = run(head::find(&archive.store, &trust, &partition, hint.as_ref(), end)).unwrap();
        assert_eq!(found.unwrap().hash, newest.hash);
    }
    let is_linked = run(head::is_linked(&archive.store, &trust, &newest.link.next_place())).unwrap();
    assert!(!is_linked, "an added link was taken over");

    archive.seal("user-events", 1, 5);
    let log = Arc::new(WriterLog::new(first, archive.key.verifying_key()));
    let mut writer = EntryWriter::new(log, Arc::new(archive.key.clone()));
    let now = Moment::at(UtcSeconds::from_unix(1_770_113_800));
    let before = archive.history.next_number();
    let signed = run(writer.advance(&archive.store, &now)).unwrap();
    assert_eq!(signed.number, before);
    assert_eq!(writer.trust().history.heads(), archive.heads());
}

#[test]
fn copies_of_links_at_their_next_attempts_stop_no_writer() {
    let archive = Archive::usual();
    for signed in archive.chains.values().flatten() {
        let place = signed.link.place();
        let object = archive.store.bytes(&place.link(Attempt::PLAIN).to_string()).unwrap();
        for attempt in [1, 2, 10] {
            archive
                .store
                .plant(&place.link(Attempt(attempt)).to_string(), object.clone());
        }
    }
    expect_undisturbed(archive);
}

/// Adds a link that the retired key signs.
fn add(archive: &Archive, link: &Link, attempt: Attempt) {
    let sealed = link.seal(&key(7)).unwrap();
    let keyring = archive.history.keyring();
    let opened = open_with_coverage(&sealed.object, keyring, archive.identity.id(), &link.place());
    assert!(opened.is_ok(), "not a link: {opened:?}");
    archive
        .store
        .plant(&link.place().link(attempt).to_string(), sealed.object);
}

/// A link of offsets without records, at the place that begins here.
fn without_records(link: Link, first: i64) -> Link {
    Link {
        first_offset: FirstOffset(first),
        next_offset: NextOffset(first + 3),
        record_count: 0,
        absent: vec![(first, first + 3)],
        min_timestamp_ms: None,
        max_timestamp_ms: None,
        records_root: Hash::of(b""),
        segment: None,
        ..link
    }
}

/// An archive whose key 7 was retired at height 4 of payments/0, and the link at this height.
fn rotated(height: usize) -> (Archive, Link) {
    let archive = Archive::rotated();
    let link = archive.link("payments", 0, height).clone();
    (archive, link)
}

#[test]
fn a_second_link_by_a_retired_key_at_an_old_place_stops_no_writer() {
    let (archive, link) = rotated(0);
    let link = Link {
        cluster_id: "another cluster".to_owned(),
        ..link
    };
    add(&archive, &link, Attempt(1));
    expect_undisturbed(archive);
}

#[test]
fn a_link_by_a_retired_key_between_the_places_of_the_chain_stops_no_writer() {
    for height in 0..4 {
        let (archive, link) = rotated(height);
        let first = link.first_offset.0 + 1;
        add(&archive, &without_records(link, first), Attempt::PLAIN);
        expect_undisturbed(archive);
    }
}

#[test]
fn a_retired_key_cannot_claim_a_height_that_counts_at_a_place_above_it() {
    for (height, offset) in [(0, 0), (1, 0), (3, 0), (3, 7)] {
        let archive = Archive::rotated();
        let next = archive.next_link(&payments(), 0);
        let first = next.first_offset.0 + offset;
        let link = Link {
            height: Height(height),
            ..next
        };
        add(&archive, &without_records(link, first), Attempt::PLAIN);
        expect_undisturbed(archive);
    }
}

#[test]
fn a_retired_key_cannot_begin_an_epoch_with_a_height_that_counts() {
    let archive = Archive::rotated();
    let next = archive.next_link(&payments(), 0);
    let link = Link {
        height: Height(1),
        epoch: next.epoch.next(),
        ..next
    };
    add(&archive, &without_records(link, 0), Attempt::PLAIN);
    expect_undisturbed(archive);
}

#[test]
fn a_chain_is_not_broken_by_a_link_of_a_key_that_was_retired_since_the_last_listing_of_the_log() {
    let mut archive = Archive::usual();
    archive.rotate(&key(8));
    let writer_log = |archive: &Archive| {
        let first = WriterTrust::of_identity(&archive.identity, &archive.identity.to_bytes().unwrap()).unwrap();
        Arc::new(WriterLog::new(first, archive.key.verifying_key()))
    };
    let mut writer = EntryWriter::new(writer_log(&archive), Arc::new(archive.key.clone()));
    let before = archive.store.keys();
    archive.retire(&key(7));
    let mut retirement = archive.store.keys();
    retirement.retain(|key| !before.contains(key));
    let retirement: Vec<_> = retirement
        .into_iter()
        .map(|key| {
            let object = archive.store.bytes(&key).unwrap();
            archive.store.vanish(&key);
            (key, object)
        })
        .collect();
    let next = archive.next_link(&payments(), 0);
    let first = next.first_offset.0;
    let false_height = Link {
        height: Height(1),
        ..without_records(next, first)
    };
    add(&archive, &false_height, Attempt::PLAIN);
    archive.seal("user-events", 1, 5);

    let store = archive.store.clone();
    let retired_meanwhile = Watched {
        bucket: archive.store.clone(),
        on_request: move |key: &str| {
            let is_first = key.starts_with("links/") && store.bytes(&retirement[0].0).is_none();
            for (key, object) in retirement.iter().filter(|_| is_first) {
                store.plant(key, object.clone());
            }
        },
    };
    let now = Moment::at(UtcSeconds::from_unix(1_770_113_800));
    let signed = run(writer.advance(&retired_meanwhile, &now)).unwrap();
    assert_eq!(signed.number, archive.history.next_number());
    assert_eq!(writer.trust().history.heads(), archive.heads());
}
