//! Verification from a checkpoint on: its cost does not grow with the older part, and cosignatures on a saved
//! checkpoint are ignored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kivend::app::verify::{Base, Request, SavedFiles, Since, verify};
use kivend::log::link::SealReason;
use kivend::log::signed_note::{Note, SigningKey};
use kivend::log::signer::Signer as _;
use kivend::record::position::TopicPartition;
use kivend::record::utc::UtcSeconds;
use kivend::task::progress::Silent;
use kivend::telemetry::verification_metrics;
use kivend::verify::findings::Code;
use kivend::verify::merge::merge;
use kivend::verify::report::Report;
use kivend::verify::verdict::Verdict;

use super::{expect, expect_intact};
use crate::fixture::{Archive, Watched};

fn since(archive: &Archive, base: Base) -> Report {
    let request = Request {
        base: Some(base),
        ..archive.request()
    };
    archive.verify(Some(archive.broker.clone()), request)
}

/// An archive with four links per partition below the checkpoint, and three more in one partition above it.
fn grown() -> (Archive, SavedFiles) {
    let mut archive = Archive::usual();
    let base = archive.saved(1);
    for _ in 0..3 {
        archive.seal("payments", 0, 5);
    }
    archive.checkpoint();
    archive.commit();
    (archive, base)
}

#[test]
fn only_what_is_newer_than_the_checkpoint_is_read_and_the_first_line_says_so() {
    let (archive, saved) = grown();
    for base in [Base::Saved(saved), Base::Number(1)] {
        let report = since(&archive, base);
        expect_intact(&report, &[]);
        assert_eq!((report.scope.links, report.scope.records_read), (3, 15));
        assert!(
            report.summary.contains("only what is newer than checkpoint 1 of"),
            "{}",
            report.summary
        );
        assert!(!report.scope.whole);
        let heights: Vec<_> = report
            .anchored
            .iter()
            .map(|anchored| (anchored.height.0, anchored.unanchored))
            .collect();
        assert_eq!(heights, [(6, 0), (3, 0)]);
    }
}

#[test]
fn a_verification_since_a_time_is_of_a_part_even_if_all_of_the_archive_is_newer() {
    let archive = Archive::usual();
    let since_ever = Request {
        since: Some(Since(UtcSeconds::from_unix(0))),
        ..archive.request()
    };
    let report = archive.verify(Some(archive.broker.clone()), since_ever.clone());
    expect_intact(&report, &[]);
    assert_eq!(report.scope.segments_read, report.scope.segments);
    assert!(!report.scope.whole);
    let metrics = verification_metrics(&report, UtcSeconds::from_unix(0));
    assert!(
        metrics.contains("scope=\"part\"") && !metrics.contains("scope=\"whole\""),
        "{metrics}"
    );

    let shard = |number: u32| {
        let request = Request {
            shard: Some(format!("{number}/2").parse().unwrap()),
            ..since_ever.clone()
        };
        (
            format!("{number}.json"),
            archive.verify(Some(archive.broker.clone()), request),
        )
    };
    let merged = merge(vec![shard(1), shard(2)]).unwrap();
    expect_intact(&merged, &[]);
    assert!(!merged.scope.whole);
}

#[test]
fn the_number_of_requests_does_not_grow_with_the_old_part() {
    let requests = |old: usize| {
        let mut archive = Archive::new();
        for _ in 0..old {
            archive.seal("payments", 0, 1);
            archive.checkpoint();
        }
        archive.checkpoint();
        let saved = archive.saved(archive.next_entry().number - 1);
        archive.seal("payments", 0, 5);
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        let store = Arc::new(Watched {
            bucket: archive.store.clone(),
            on_request: move |_: &str| _ = counter.fetch_add(1, Ordering::Relaxed),
        });
        let request = Request {
            base: Some(Base::Saved(saved)),
            ..archive.request()
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let report = runtime
            .block_on(verify(store, None, request, Arc::new(Silent)))
            .unwrap();
        assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
        requests.load(Ordering::Relaxed)
    };
    assert_eq!(requests(3), requests(300));
}

#[test]
fn nothing_new_since_a_checkpoint_is_intact_and_said() {
    let archive = Archive::usual();
    let report = since(&archive, Base::Number(1));
    assert_eq!(report.verdict, Verdict::Intact, "{:#?}", report.findings);
    let expected = "nothing new since checkpoint 1 of ";
    assert!(report.summary.contains(expected), "{}", report.summary);
}

#[test]
fn tampering_above_the_checkpoint_is_found_and_below_it_is_not_looked_at() {
    let (archive, saved) = grown();
    archive.store.vanish(&archive.link_key("payments", 0, 1));
    expect_intact(&since(&archive, Base::Saved(saved.clone())), &[]);

    let (archive, _) = grown();
    archive.store.vanish(&archive.link_key("payments", 0, 4));
    expect(
        &since(&archive, Base::Saved(saved.clone())),
        Verdict::Tampered,
        Code::LinkMissing,
    );

    let (archive, _) = grown();
    archive.store.vanish(&archive.link_key("payments", 0, 6));
    expect(
        &since(&archive, Base::Saved(saved.clone())),
        Verdict::Incomplete,
        Code::ChainCut,
    );

    let (archive, _) = grown();
    archive.tamper(&archive.link_key("payments", 0, 4), |bytes| bytes[100] ^= 1);
    expect(
        &since(&archive, Base::Saved(saved.clone())),
        Verdict::Tampered,
        Code::LinkAltered,
    );

    // Somebody with the key rewrote the chain from below the checkpoint on.
    let (mut archive, saved) = grown();
    let mut other = Archive::new();
    other.seal("payments", 0, 24);
    for _ in 0..6 {
        other.seal("payments", 0, 25);
        other.seal("user-events", 1, 40);
    }
    for key in archive.store.keys() {
        archive.store.vanish(&key);
    }
    for key in other.store.keys() {
        archive.store.plant(&key, other.store.bytes(&key).unwrap());
    }
    archive.broker = other.broker.clone();
    let report = since(&archive, Base::Saved(saved));
    assert_eq!(report.verdict, Verdict::Tampered, "{:#?}", report.findings);
}

#[test]
fn a_partition_that_is_new_is_walked_from_its_genesis() {
    let (mut archive, saved) = grown();
    archive.seal("payments", 2, 5);
    archive.checkpoint();
    archive.commit();
    let report = since(&archive, Base::Saved(saved));
    expect_intact(&report, &[]);
    assert_eq!(report.scope.links, 4);
}

#[test]
fn a_checkpoint_that_the_bucket_lost_or_replaced_is_reported() {
    let (archive, saved) = grown();
    archive.store.vanish("checkpoints/0000000001.note");
    let report = since(&archive, Base::Saved(saved));
    expect(&report, Verdict::Incomplete, Code::CheckpointMissing);
}

#[test]
fn cosignatures_on_a_saved_checkpoint_are_ignored() {
    let (archive, saved) = grown();
    let witness = SigningKey::from_seed("witness.example", &[9; 32]).unwrap();
    let note = Note::parse(&saved.checkpoint).unwrap();
    let with = |checkpoint: &Note| SavedFiles {
        checkpoint: checkpoint.to_bytes(),
        ..saved.clone()
    };
    let cosigned = witness.sign(note.text().to_owned()).unwrap();
    for both in [
        note.clone().with_signatures_of(cosigned.clone()).unwrap(),
        cosigned.clone().with_signatures_of(note.clone()).unwrap(),
    ] {
        let request = Request {
            saved_checkpoints: vec![with(&both)],
            ..archive.request()
        };
        let report = archive.verify(Some(archive.broker.clone()), request);
        expect_intact(&report, &[]);
        assert_eq!(report.checkpoints.saved, 1);
        expect_intact(&since(&archive, Base::Saved(with(&both))), &[]);
    }
    let alone = Request {
        saved_checkpoints: vec![with(&cosigned)],
        ..archive.request()
    };
    let report = archive.verify(Some(archive.broker.clone()), alone);
    expect(&report, Verdict::Unverifiable, Code::SavedCheckpointForeign);
}

#[test]
fn a_checkpoint_whose_head_ends_an_epoch_is_continued_where_that_link_says() {
    let partition = TopicPartition::new("payments", 0);
    let mut archive = Archive::usual();
    archive.end_epoch(&partition, SealReason::Diverged, 60);
    {
        let mut logs = archive.broker.logs();
        let log = logs.get_mut(&partition).unwrap();
        log.records.truncate(60);
        log.high = 60;
    }
    archive.checkpoint();
    let base = archive.saved(2);
    for _ in 0..3 {
        archive.seal("payments", 0, 5);
    }
    archive.commit();
    let report = since(&archive, Base::Saved(base.clone()));
    expect_intact(&report, &[]);
    assert_eq!((report.scope.links, report.scope.records_compared), (3, 15));
    archive.store.vanish(&archive.link_key("payments", 0, 5));
    archive.store.vanish(&archive.segment_key("payments", 0, 5));
    expect(
        &since(&archive, Base::Saved(base)),
        Verdict::Incomplete,
        Code::LinkMissing,
    );
}

#[test]
fn a_divergence_that_goes_back_behind_the_checkpoint_is_not_called_false() {
    let partition = TopicPartition::new("payments", 0);
    let (mut archive, base) = grown();
    archive.end_epoch(&partition, SealReason::Diverged, 60);
    // The records from 100 on are those that Kafka has, as an archiver leaves them that had not noticed the election.
    archive.broker.logs().get_mut(&partition).unwrap().records[70].key = None;
    let records = archive.broker.logs()[&partition].records[60..].to_vec();
    archive.archive(&partition, &records, 115);
    archive.checkpoint();
    archive.commit();
    expect_intact(
        &since(&archive, Base::Saved(base)),
        &[Code::RecordsSuperseded, Code::SupersededHeld],
    );
}
